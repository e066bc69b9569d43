//! SQLite in a file: one connection writes, a few read beside it (write-ahead log).

use super::migrate::migrate;
use super::worker::{Connection, Workers};
use super::{Arg, DbError, Dialect, Row, Sql, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, params_from_iter};
use std::path::Path;
use std::time::Duration;

const N_READERS: usize = 3;
/// How long another process may hold the file.
const BUSY_WAIT: Duration = Duration::from_mins(1);
/// Statements kept ready a connection.
const STATEMENTS_KEPT: usize = 128;
/// KiB of pages that a connection keeps.
const CACHE_KIB: i64 = 2048;

pub(super) fn open(path: &Path) -> Result<Workers, DbError> {
    let mut writer = File::open(path, true)?;
    migrate(&mut writer)?;
    let readers: Vec<File> = (0..N_READERS)
        .map(|_| File::open(path, false))
        .collect::<Result<_, _>>()?;
    Workers::start(writer, readers)
}

struct File {
    connection: rusqlite::Connection,
}

impl File {
    fn open(path: &Path, is_writer: bool) -> Result<Self, DbError> {
        let failed = |error: rusqlite::Error| DbError::Open {
            place: path.display().to_string(),
            reason: error.to_string(),
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // With a write-ahead log, NORMAL keeps all that was committed when the process is killed, and a sound file when
        // the power goes.
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .and_then(|()| connection.pragma_update(None, "synchronous", "NORMAL"))
            .and_then(|()| connection.pragma_update(None, "foreign_keys", "ON"))
            .and_then(|()| connection.pragma_update(None, "case_sensitive_like", "ON"))
            .and_then(|()| connection.pragma_update(None, "cache_size", -CACHE_KIB))
            .and_then(|()| connection.pragma_update(None, "query_only", !is_writer))
            .map_err(failed)?;
        Ok(Self { connection })
    }
}

impl Sql for File {
    fn execute(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64, DbError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let count = statement.execute(params_from_iter(args)).map_err(failed)?;
        Ok(count as u64)
    }

    fn query(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, DbError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let width = statement.column_count();
        let mut rows = statement.query(params_from_iter(args)).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let values = (0..width).map(|place| row.get_ref(place).map(value));
            found.push(Row(values.collect::<Result<_, _>>().map_err(failed)?));
        }
        Ok(found)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
}

impl Connection for File {
    fn ready(&mut self) -> Result<(), DbError> {
        Ok(())
    }

    fn begin(&mut self, is_write: bool) -> Result<(), DbError> {
        self.execute(if is_write { "BEGIN IMMEDIATE" } else { "BEGIN" }, &[])?;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), DbError> {
        self.execute("COMMIT", &[])?;
        Ok(())
    }

    fn roll_back(&mut self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK", &[])
        {
            tracing::warn!(%error, "a transaction could not be undone");
        }
    }

    fn mark(&mut self) -> Result<(), DbError> {
        self.execute("SAVEPOINT job", &[])?;
        Ok(())
    }

    fn release(&mut self, is_kept: bool) -> Result<(), DbError> {
        if !is_kept {
            self.execute("ROLLBACK TO job", &[])?;
        }
        self.execute("RELEASE job", &[])?;
        Ok(())
    }
}

impl rusqlite::ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(value),
            Self::Real(value) => ValueRef::Real(value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Value::Blob(value.to_vec()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failed(error: rusqlite::Error) -> DbError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => DbError::Full,
        Some(ErrorCode::ConstraintViolation) => DbError::Conflict,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DbError::Away {
            reason: "another process holds it".into(),
        },
        _ => DbError::Statement {
            reason: error.to_string(),
        },
    }
}
