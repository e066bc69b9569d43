//! The log of who did what. Entries are added; the database itself refuses to change or remove one.

use crate::args;
use crate::db::{DbError, Row, Sql};
use crate::tracking::TrackingError;

/// One request: a write, or one that was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Who, as far as they proved it; empty if they did not.
    pub user: String,
    /// How: `password`, `token` with its prefix, `oidc`, or nothing.
    pub means: String,
    /// The address of the other end.
    pub address: String,
    /// Of the request.
    pub method: String,
    /// The template of the route.
    pub route: String,
    /// What it was done to: the path, or the id or name in the fields.
    pub object: String,
    /// The HTTP status of the answer.
    pub outcome: i64,
    /// As told to the client and written in the server's lines.
    pub request_id: String,
}

/// Adds entries, in order.
///
/// # Errors
/// If the database fails.
pub fn append(sql: &mut dyn Sql, entries: &[Entry]) -> Result<(), DbError> {
    if entries.is_empty() {
        return Ok(());
    }
    let row = sql.query_one(
        "INSERT INTO counters (name, value) VALUES ('audit', ?1) \
         ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value",
        args![entries.len() as i64],
    )?;
    let last = row.map_or(Ok(0), |row| row.int(0))?;
    for (entry, id) in entries.iter().zip(last - entries.len() as i64 + 1..) {
        sql.execute(
            "INSERT INTO audit (id, at_ms, user_name, means, address, method, route, object, outcome, request_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            args![
                id,
                entry.at_ms,
                &entry.user,
                &entry.means,
                &entry.address,
                &entry.method,
                &entry.route,
                &entry.object,
                entry.outcome,
                &entry.request_id,
            ],
        )?;
    }
    Ok(())
}

/// Which entries to look for.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Search {
    pub since_ms: Option<i64>,
    pub user: Option<String>,
    /// Only entries with lower numbers.
    pub before: Option<i64>,
    pub n_max: usize,
}

/// Entries with their numbers, newest first.
///
/// # Errors
/// If the database fails.
pub fn search(sql: &mut dyn Sql, search: &Search) -> Result<Vec<(i64, Entry)>, TrackingError> {
    let rows = sql.query(
        "SELECT id, at_ms, user_name, means, address, method, route, object, outcome, request_id FROM audit \
         WHERE at_ms >= ?1 AND id < ?2 AND (?3 = '' OR user_name = ?3) ORDER BY id DESC LIMIT ?4",
        args![
            search.since_ms.unwrap_or(0),
            search.before.unwrap_or(i64::MAX),
            search.user.as_deref().unwrap_or_default(),
            search.n_max as i64,
        ],
    )?;
    Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
}

fn entry(row: &Row) -> Result<(i64, Entry), DbError> {
    let entry = Entry {
        at_ms: row.int(1)?,
        user: row.text(2)?,
        means: row.text(3)?,
        address: row.text(4)?,
        method: row.text(5)?,
        route: row.text(6)?,
        object: row.text(7)?,
        outcome: row.int(8)?,
        request_id: row.text(9)?,
    };
    Ok((row.int(0)?, entry))
}
