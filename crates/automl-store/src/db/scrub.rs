//! Whether a database may still hold what was deleted from it, and must be written anew: what an earlier version kept in plain text.

use super::{DbError, Place, Sql, postgres, sqlite};
use crate::args;

/// The setting that says so; step 11 of the tables notes it, too.
pub(crate) const UNSCRUBBED: &str = "unscrubbed";

/// Notes that a database is to be written anew.
pub(crate) fn note_unscrubbed(sql: &mut dyn Sql) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO settings (name, value) VALUES (?1, '1') ON CONFLICT (name) DO NOTHING",
        args![UNSCRUBBED],
    )?;
    Ok(())
}

/// Whether nothing is to be done.
pub(crate) fn is_scrubbed(sql: &mut dyn Sql) -> Result<bool, DbError> {
    let found = sql.query_one(
        "SELECT value FROM settings WHERE name = ?1",
        args![UNSCRUBBED],
    )?;
    Ok(found.is_none())
}

/// Notes that it was done.
pub(crate) fn note_scrubbed(sql: &mut dyn Sql) -> Result<(), DbError> {
    sql.execute("DELETE FROM settings WHERE name = ?1", args![UNSCRUBBED])?;
    Ok(())
}

/// Writes a database anew: a file of SQLite as a whole, of a server the table that held secrets.
pub(crate) fn scrub(place: &Place) -> Result<(), DbError> {
    match place {
        Place::File(path) => sqlite::scrub(path),
        Place::Server(url) => postgres::scrub(url),
    }
}
