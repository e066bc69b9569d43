//! Studies for programs: the protocols in which trials are asked for and told.

mod optuna;
mod refusal;
mod rest;
mod service;
#[cfg(test)]
mod tests;
mod vizier;

pub(crate) use optuna::Watch as OptunaWatch;
pub use vizier::VizierStudies;

use crate::routes::Routes;
use crate::tuning::Desk;
use automl_store::db::Database;
use std::sync::Arc;

pub(crate) fn routes(db: &Database, desk: &Arc<Desk>) -> Routes {
    rest::routes()
        .merge(optuna::routes(db))
        .merge(vizier::routes(db, desk))
}
