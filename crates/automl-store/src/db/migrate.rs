//! Brings the tables of a database to the newest version, one step at a time.

use super::worker::Connection;
use super::{DbError, Dialect};
use crate::args;

/// A step, and what only one of the databases understands of it.
struct Step {
    number: i64,
    sql: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const fn step(number: i64, sql: &'static str) -> Step {
    Step {
        number,
        sql,
        sqlite: "",
        postgres: "",
    }
}

/// All steps by number; a database has the number of the last that it took. Released steps are never changed.
const STEPS: &[Step] = &[
    step(1, include_str!("steps/1_tracking.sql")),
    step(2, include_str!("steps/2_registry.sql")),
    step(3, include_str!("steps/3_webhooks.sql")),
    step(4, include_str!("steps/4_lineage.sql")),
    Step {
        sqlite: include_str!("steps/5_access.sqlite.sql"),
        postgres: include_str!("steps/5_access.postgres.sql"),
        ..step(5, include_str!("steps/5_access.sql"))
    },
    step(6, include_str!("steps/6_artifacts.sql")),
    step(7, include_str!("steps/7_studies.sql")),
    step(8, include_str!("steps/8_measurements.sql")),
    step(9, include_str!("steps/9_endpoints.sql")),
    step(10, include_str!("steps/10_sealed.sql")),
    step(11, include_str!("steps/11_scrub.sql")),
    step(12, include_str!("steps/12_capture.sql")),
    step(13, include_str!("steps/13_replicas.sql")),
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
    let known = STEPS.last().map_or(0, |step| step.number);
    if version > known {
        let found = version;
        return Err(DbError::Newer { found, known });
    }
    for step in STEPS.iter().filter(|step| step.number > version) {
        let own = match connection.dialect() {
            Dialect::Sqlite => step.sqlite,
            Dialect::Postgres => step.postgres,
        };
        // A semicolon inside a line does not end a statement: the body of a trigger has such.
        for statement in step.sql.split(";\n").chain(own.split(";\n")) {
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

/// Texts are ordered by their bytes everywhere; comments go, for a semicolon that ends one would cut a statement.
fn in_dialect(statement: &str, dialect: Dialect) -> String {
    let lines = statement
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"));
    let statements: String = lines.flat_map(|line| [line, "\n"]).collect();
    match dialect {
        Dialect::Sqlite => statements,
        Dialect::Postgres => statements
            .replace(" TEXT", " TEXT COLLATE \"C\"")
            .replace(" WITHOUT ROWID", "")
            .replace(" BLOB", " BYTEA"),
    }
}
