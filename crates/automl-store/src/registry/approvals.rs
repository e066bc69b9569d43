//! What people decided of versions, with who and when: a history that only grows.

use super::versions;
use crate::args;
use crate::db::{Row, Sql};
use crate::tracking::{TrackingError, next_number, now_ms};
use serde::Serialize;

/// Whether a version may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum State {
    Pending,
    Approved,
    Rejected,
}

impl State {
    /// As it is stored and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "approved" => Self::Approved,
            "rejected" => Self::Rejected,
            _ => Self::Pending,
        }
    }
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Decision {
    pub state: State,
    pub user_id: String,
    pub at_ms: i64,
    pub note: Option<String>,
}

/// Decides of a version.
///
/// # Errors
/// If the version is not there.
pub fn decide(
    sql: &mut dyn Sql,
    workspace: &str,
    (name, version): (&str, i64),
    state: State,
    user: &str,
    note: Option<&str>,
) -> Result<Decision, TrackingError> {
    versions::get(sql, workspace, name, version)?;
    let id = next_number(sql, "approval")?;
    let at_ms = now_ms();
    sql.execute(
        "INSERT INTO approvals (id, workspace, name, version, state, user_id, at_ms, note) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        args![
            id,
            workspace,
            name,
            version,
            state.name(),
            user,
            at_ms,
            note
        ],
    )?;
    Ok(Decision {
        state,
        user_id: user.to_owned(),
        at_ms,
        note: note.map(str::to_owned),
    })
}

/// All decisions of a version, oldest first.
pub fn decisions(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    version: i64,
) -> Result<Vec<Decision>, TrackingError> {
    let rows = sql.query(
        "SELECT state, user_id, at_ms, note FROM approvals WHERE workspace = ?1 AND name = ?2 AND version = ?3 ORDER BY id",
        args![workspace, name, version],
    )?;
    let decision = |row: &Row| {
        Ok(Decision {
            state: State::of(&row.text(0)?),
            user_id: row.text(1)?,
            at_ms: row.int(2)?,
            note: row.maybe_text(3)?,
        })
    };
    rows.iter().map(decision).collect()
}

/// The last decision; pending if there is none.
pub fn state(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    version: i64,
) -> Result<State, TrackingError> {
    let decisions = decisions(sql, workspace, name, version)?;
    Ok(decisions.last().map_or(State::Pending, |last| last.state))
}
