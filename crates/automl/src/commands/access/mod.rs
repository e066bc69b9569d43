//! `automl users`, `automl tokens`, `automl audit`: who may do what with a workspace, and what they did.
//!
//! They work on the record itself, so the first admin needs no server; servers that run notice within a second.

mod audit;
mod tokens;
mod users;

pub(super) use audit::run as audit;
pub(super) use tokens::run as tokens;
pub(super) use users::run as users;

use crate::cli::AskArgs;
use crate::workspace;
use automl_store::db::{Database, Sql};
use automl_store::rfc3339;
use automl_store::tracking::TrackingError;

fn open(ask: &AskArgs) -> anyhow::Result<Database> {
    Ok(workspace::named(&ask.workspace.workspace).open()?.db)
}

/// Does a piece of work on the record and waits for it.
fn write<T: Send + 'static>(
    db: &Database,
    work: impl FnOnce(&mut dyn Sql) -> Result<T, TrackingError> + Send + 'static,
) -> Result<T, TrackingError> {
    db.write(work).wait()
}

/// Milliseconds since 1970 as people read them.
fn time(ms: i64) -> String {
    rfc3339(ms / 1000 * 1_000_000)
}
