//! Brings the tables of a database to the newest version, one step at a time.

use super::worker::Connection;
use super::{DbError, Dialect};
use crate::args;

/// Each step, oldest first; a database that has the first `n` has version `n`. Released steps are never changed.
const STEPS: &[&str] = &[
    include_str!("steps/1_tracking.sql"),
    include_str!("steps/2_registry.sql"),
    include_str!("steps/6_artifacts.sql"),
];

pub(super) fn migrate(connection: &mut impl Connection) -> Result<(), DbError> {
    connection.begin(true)?;
    let outcome = steps(connection);
    if outcome.is_err() {
        connection.roll_back();
        return outcome;
    }
    connection.commit()
}

fn steps(connection: &mut impl Connection) -> Result<(), DbError> {
    if connection.dialect() == Dialect::Postgres {
        // Two servers that start together take turns.
        connection.query("SELECT CAST(pg_advisory_xact_lock(7106) AS TEXT)", &[])?;
    }
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)",
        &[],
    )?;
    let row = connection.query_one("SELECT version FROM schema_version WHERE id = 1", &[])?;
    let version = match row {
        Some(row) => row.int(0)?,
        None => 0,
    };
    let known = STEPS.len() as i64;
    if version > known {
        let found = version;
        return Err(DbError::Newer { found, known });
    }
    for step in &STEPS[version as usize..] {
        for statement in step.split(';') {
            let statement = in_dialect(statement, connection.dialect());
            if !statement.trim().is_empty() {
                connection.execute(&statement, &[])?;
            }
        }
    }
    connection.execute(
        "INSERT INTO schema_version (id, version) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET version = excluded.version",
        args![known],
    )?;
    Ok(())
}

/// Texts are ordered by their bytes everywhere; comments go, for a semicolon in one would cut a statement.
fn in_dialect(statement: &str, dialect: Dialect) -> String {
    let lines = statement
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"));
    let statement: String = lines.flat_map(|line| [line, "\n"]).collect();
    match dialect {
        Dialect::Sqlite => statement,
        Dialect::Postgres => statement
            .replace(" TEXT", " TEXT COLLATE \"C\"")
            .replace(" WITHOUT ROWID", "")
            .replace(" BLOB", " BYTEA"),
    }
}
