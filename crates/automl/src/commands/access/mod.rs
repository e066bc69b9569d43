//! `automl users`, `automl tokens`, `automl audit`: who may do what with a workspace, and what they did.
//!
//! They work on the record itself, so the first admin needs no server; servers that run notice within a second.

mod shown;
mod tokens;
mod users;

pub(super) use shown::run as audit;
pub(super) use tokens::run as tokens;
pub(super) use users::run as users;

use crate::cli::AskArgs;
use crate::record::user;
use crate::workspace;
use automl_store::access::audit::{self, Entry};
use automl_store::db::{Database, Sql};
use automl_store::rfc3339;
use automl_store::tracking::{TrackingError, now_ms};

fn open(ask: &AskArgs) -> anyhow::Result<Database> {
    Ok(workspace::named(&ask.workspace.workspace).open()?.db)
}

/// Changes who may do what, and tells of it in the audit log in the same transaction.
fn write<T: Send + 'static>(
    db: &Database,
    (verb, object): (&str, &str),
    work: impl FnOnce(&mut dyn Sql) -> Result<T, TrackingError> + Send + 'static,
) -> Result<T, TrackingError> {
    let entry = Entry {
        at_ms: now_ms(),
        user: user(),
        means: "command line".into(),
        method: "RUN".into(),
        route: format!("automl {verb}"),
        object: object.to_owned(),
        outcome: 200,
        ..Entry::default()
    };
    let changed = db.write(move |sql| {
        let done = work(sql)?;
        audit::append(sql, &[entry])?;
        Ok(done)
    });
    changed.wait()
}

/// Milliseconds since 1970 as people read them.
fn time(ms: i64) -> String {
    rfc3339(ms / 1000 * 1_000_000)
}
