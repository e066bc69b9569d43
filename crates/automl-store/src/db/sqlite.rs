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
/// The same where a thread waits that has more to do.
const BRIEF_WAIT: Duration = Duration::from_millis(2);
/// Statements kept ready a connection.
const STATEMENTS_KEPT: usize = 128;
/// KiB of pages that a connection keeps.
const CACHE_KIB: i64 = 2048;

pub(super) fn open(path: &Path) -> Result<Workers, DbError> {
    check(path)?;
    let mut writer = File::open(path, true)?;
    migrate(&mut writer)?;
    let readers: Vec<File> = (0..N_READERS)
        .map(|_| File::open(path, false))
        .collect::<Result<_, _>>()?;
    Workers::start(writer, readers)
}

/// What every database file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Bytes of the largest file whose every page is looked at when it is opened; it takes some milliseconds.
const CHECKED_WHOLE_MAX: u64 = 4 << 20;

/// Refuses a file that is not what SQLite left. SQLite itself would not look at a file whose first pages are in a
/// write-ahead log beside it, and would mix the two.
fn check(path: &Path) -> Result<(), DbError> {
    let damaged = |reason: String| DbError::Damaged {
        place: path.display().to_string(),
        reason,
    };
    let failed = |error: std::io::Error| DbError::Open {
        place: path.display().to_string(),
        reason: error.to_string(),
    };
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let n_bytes = file.metadata().map_err(failed)?.len();
    if n_bytes == 0 {
        return Ok(());
    }
    let mut magic = [0; MAGIC.len()];
    let is_whole = std::io::Read::read_exact(&mut file, &mut magic).is_ok();
    if !is_whole || magic != *MAGIC {
        return Err(damaged("it is not a database of SQLite".into()));
    }
    if n_bytes > CHECKED_WHOLE_MAX {
        return Ok(());
    }
    let connection = File::open(path, false)?.connection;
    let found: Result<String, _> =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match found {
        Ok(text) if text == "ok" => Ok(()),
        Ok(text) => Err(damaged(text)),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// Opens a file of another program, that nothing is written to.
pub(super) fn open_foreign(path: &Path) -> Result<impl Sql + use<>, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags);
    let connection = connection.map_err(|error| DbError::Open {
        place: path.display().to_string(),
        reason: error.to_string(),
    })?;
    connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
    Ok(File { connection })
}

/// Copies the state that a database has now into a new file, without what was deleted before. It is read in one transaction, so
/// writers go on and nothing of theirs gets in.
pub(super) fn snapshot(from: &Path, to: &Path) -> Result<(), DbError> {
    let source = connect(from)?;
    let to_text = to.to_str().ok_or_else(|| DbError::Open {
        place: to.display().to_string(),
        reason: "its name is no text".into(),
    })?;
    source
        .execute("VACUUM INTO ?1", [to_text])
        .map_err(failed)?;
    seal(to)
}

/// Writes a file anew, so that nothing is left of what was deleted from it, nor in its write-ahead log.
pub(super) fn scrub(path: &Path) -> Result<(), DbError> {
    let connection = connect(path)?;
    connection.execute("VACUUM", []).map_err(failed)?;
    let is_busy: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(failed)?;
    if is_busy {
        let reason = "another process reads it".into();
        return Err(DbError::Away { reason });
    }
    Ok(())
}

fn connect(path: &Path) -> Result<rusqlite::Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
    Ok(connection)
}

/// Brings all that belongs to a database into its one file.
pub(super) fn seal(path: &Path) -> Result<(), DbError> {
    let connection = rusqlite::Connection::open(path).map_err(failed)?;
    connection
        .pragma_update(None, "journal_mode", "DELETE")
        .map_err(failed)
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

    fn begin_soon(&mut self) -> Result<bool, DbError> {
        self.connection.busy_timeout(BRIEF_WAIT).map_err(failed)?;
        let begun = self.begin(true);
        self.connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
        match begun {
            Ok(()) => Ok(true),
            Err(DbError::Away { .. }) => Ok(false),
            Err(error) => Err(error),
        }
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

const IOERR_WRITE: i32 = rusqlite::ffi::SQLITE_IOERR_WRITE;

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failed(error: rusqlite::Error) -> DbError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => DbError::Full,
        // Disks beyond a quota and files beyond a limit are told so.
        Some(ErrorCode::SystemIoFailure)
            if error.sqlite_extended_error_code() == Some(IOERR_WRITE) =>
        {
            DbError::Full
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => DbError::Damaged {
            place: "the file of the workspace".into(),
            reason: error.to_string(),
        },
        Some(ErrorCode::ConstraintViolation) => DbError::Conflict,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DbError::Away {
            reason: "another process holds it".into(),
        },
        _ => DbError::Statement {
            reason: error.to_string(),
        },
    }
}
