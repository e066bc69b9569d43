//! Studies for programs: the protocols in which trials are asked for and told.

mod optuna;
mod rest;
#[cfg(test)]
mod tests;

use crate::routes::Routes;
use automl_store::db::Database;

pub(crate) fn routes(db: &Database) -> Routes {
    rest::routes().merge(optuna::routes(db))
}
