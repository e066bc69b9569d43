//! The log of a study.

use super::StudiesError;
use super::study::missing_id;
use crate::args;
use crate::db::{Dialect, Row, Sql};
use automl_core::Clock;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it is in the log, from 1.
    pub place: i64,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// The trial that it is of, if it is of one.
    pub trial: Option<i64>,
    /// What: `created`, `trial`, `param`, `running`, `measured`, `complete`, `pruned`, `failed`, `stopping`, `waiting`,
    /// `attribute`, `trial-deleted`, `state`, `spec`.
    pub what: String,
    /// More of it, as JSON.
    pub body: Option<String>,
}

/// What is added to a log.
pub(super) struct Entry<'a> {
    pub(super) trial: Option<i64>,
    pub(super) what: &'a str,
    pub(super) body: Option<String>,
    pub(super) request: Option<&'a str>,
}

impl<'a> Entry<'a> {
    pub(super) fn of(trial: i64, what: &'a str) -> Self {
        Self {
            trial: Some(trial),
            what,
            body: None,
            request: None,
        }
    }

    pub(super) fn with(self, body: &serde_json::Value) -> Self {
        Self {
            body: Some(body.to_string()),
            ..self
        }
    }
}

/// Adds an event and gives its place. It also makes other writers of the study wait until this transaction ends.
pub(super) fn append(
    sql: &mut dyn Sql,
    study: i64,
    entry: &Entry<'_>,
) -> Result<i64, StudiesError> {
    let row = sql.query_one(
        "UPDATE studies SET n_events = n_events + 1 WHERE id = ?1 RETURNING n_events",
        args![study],
    )?;
    let place = row.ok_or_else(|| missing_id(study))?.int(0)?;
    sql.execute(
        "INSERT INTO study_events (study_id, place, at_us, trial, what, body, request) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        args![
            study,
            place,
            Clock::unix_micros(),
            entry.trial,
            entry.what,
            entry.body.as_ref(),
            entry.request
        ],
    )?;
    Ok(place)
}

/// Whether others may write between two statements of a transaction that writes: not where there is one writer at a time.
pub(super) fn waits_for_others(sql: &dyn Sql) -> bool {
    sql.dialect() == Dialect::Postgres
}

/// Makes other writers of a study wait until this transaction ends, so that what it reads from now on is what it changes,
/// whatever other servers work on the database.
///
/// # Errors
/// If the study is not there.
pub fn hold(sql: &mut dyn Sql, study: i64) -> Result<(), StudiesError> {
    if !waits_for_others(sql) {
        return Ok(());
    }
    let n_held = sql.execute(
        "UPDATE studies SET n_events = n_events WHERE id = ?1",
        args![study],
    )?;
    match n_held {
        0 => Err(missing_id(study)),
        _ => Ok(()),
    }
}

/// At most `n_max` events after a place, in order.
///
/// # Errors
/// If the database fails.
pub fn events_since(
    sql: &mut dyn Sql,
    study: i64,
    place: i64,
    n_max: usize,
) -> Result<Vec<Event>, StudiesError> {
    let rows = sql.query(
        "SELECT place, at_us, trial, what, body FROM study_events WHERE study_id = ?1 AND place > ?2 ORDER BY place LIMIT ?3",
        args![study, place, i64::try_from(n_max).unwrap_or(i64::MAX)],
    )?;
    let event = |row: &Row| {
        Ok(Event {
            place: row.int(0)?,
            at_us: row.int(1)?,
            trial: row.maybe_int(2)?,
            what: row.text(3)?,
            body: row.maybe_text(4)?,
        })
    };
    rows.iter().map(event).collect()
}

/// The ids of the trials that a request with this key changed, in order: empty if it was not done yet.
///
/// # Errors
/// If the database fails.
pub fn trials_of_request(
    sql: &mut dyn Sql,
    study: i64,
    request: &str,
) -> Result<Vec<i64>, StudiesError> {
    let rows = sql.query(
        "SELECT trial FROM study_events WHERE study_id = ?1 AND request = ?2 AND trial IS NOT NULL ORDER BY place",
        args![study, request],
    )?;
    rows.iter().map(|row| Ok(row.int(0)?)).collect()
}
