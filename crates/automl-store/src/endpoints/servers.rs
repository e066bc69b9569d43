//! Servers that run on a record: each tells of itself every few seconds, so that it is known whether anything answers.

use super::error::EndpointError as Error;
use crate::args;
use crate::db::Sql;
use crate::tracking::now_ms;

/// Milliseconds between two times that a server tells of itself.
pub const BEAT_MS: i64 = 5_000;
/// Milliseconds after which a server that told nothing of itself counts as gone: its clock may differ from this one's.
const GONE_MS: i64 = 30_000;

/// Notes that a server runs, and forgets those that ended without a word.
///
/// # Errors
/// If the database fails.
pub fn note_alive(sql: &mut dyn Sql, server: &str) -> Result<(), Error> {
    let now = now_ms();
    sql.execute(
        "DELETE FROM servers WHERE seen_ms < ?1",
        args![now - GONE_MS],
    )?;
    sql.execute(
        "INSERT INTO servers (id, seen_ms) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms",
        args![server, now],
    )?;
    Ok(())
}

/// Notes that a server has ended.
///
/// # Errors
/// If the database fails.
pub fn note_ended(sql: &mut dyn Sql, server: &str) -> Result<(), Error> {
    sql.execute("DELETE FROM servers WHERE id = ?1", args![server])?;
    Ok(())
}

/// Whether any server runs on the record.
///
/// # Errors
/// If the database fails.
pub fn is_any_alive(sql: &mut dyn Sql) -> Result<bool, Error> {
    let row = sql.query_one(
        "SELECT 1 FROM servers WHERE seen_ms >= ?1 LIMIT 1",
        args![now_ms() - GONE_MS],
    )?;
    Ok(row.is_some())
}
