//! A database behind one small interface: SQLite in a file, or a Postgres server.
//!
//! SQL is written once, in what both understand, with `?1`-style places. Work is handed over as a closure: [`Database::write`]
//! runs it on the one thread that writes, together with whatever else waits, in one transaction; [`Database::read`] on one
//! of a few threads that only read. Each answers by a [`Pending`], which a thread can wait for and a future can await. An
//! acknowledged write is committed.

mod migrate;
mod postgres;
mod scrub;
mod sqlite;
pub(crate) mod transfer;
mod value;
mod worker;

pub(crate) use scrub::{UNSCRUBBED, is_scrubbed, note_scrubbed, note_unscrubbed, scrub};
pub use value::{Arg, Row, Value};
pub use worker::{Load, Pending};

use automl_core::Coded;
use std::path::PathBuf;
use worker::{Job, Workers};

/// Statements on one connection, inside a transaction.
pub trait Sql {
    /// Runs a statement and says how many rows it touched.
    fn execute(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64, DbError>;

    /// Runs a query.
    fn query(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, DbError>;

    /// Which database answers.
    fn dialect(&self) -> Dialect;

    /// The first row of an answer, if it has one.
    fn query_one(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Option<Row>, DbError> {
        Ok(self.query(sql, args)?.into_iter().next())
    }
}

/// What two databases do not say alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// Postgres.
    Postgres,
}

/// Values for the places of a statement, in order.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Arg::from($value)),*] };
}

/// What went wrong below the statements.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum DbError {
    #[error("the database cannot be opened: {reason}: {place}")]
    Open { place: String, reason: String },
    #[error("the database is damaged: {reason}: {place}")]
    Damaged { place: String, reason: String },
    #[error("the database is away: {reason}")]
    Away { reason: String },
    #[error("the disk with the database takes no more: it is full, or a limit is reached")]
    Full,
    #[error("such a row is there already")]
    Conflict,
    #[error(
        "the database is of a newer version: it has format {found}, this program knows {known}"
    )]
    Newer { found: i64, known: i64 },
    #[error("the database refused a statement: {reason}")]
    Statement { reason: String },
    #[error("column {place} of an answer is not {wanted}: {found}")]
    Unexpected {
        place: usize,
        wanted: &'static str,
        found: String,
    },
    #[error("the database was closed")]
    Closed,
}

impl Coded for DbError {
    fn code(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "record-newer",
            Self::Damaged { .. } => "record-damaged",
            Self::Full => "output-full",
            Self::Open { .. } => "record-open",
            Self::Away { .. } | Self::Closed => "record-away",
            Self::Conflict | Self::Statement { .. } | Self::Unexpected { .. } => "record-database",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Newer { .. } => "use a newer automl for this workspace",
            Self::Damaged { .. } => {
                "put back a backup with `automl restore`, or choose another workspace"
            }
            Self::Open { .. } | Self::Away { .. } => {
                "check that the place can be written to, or that the database server runs"
            }
            Self::Full
            | Self::Closed
            | Self::Conflict
            | Self::Statement { .. }
            | Self::Unexpected { .. } => return None,
        };
        Some(hint.into())
    }
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file, made if it is not there.
    File(PathBuf),
    /// A Postgres server: `postgres://user:password@host:port/name`.
    Server(String),
}

/// Opens an SQLite file of another program for reading alone, outside any transaction.
pub(crate) fn open_foreign(path: &std::path::Path) -> Result<Box<dyn Sql>, DbError> {
    Ok(Box::new(sqlite::open_foreign(path)?))
}

/// Connects to a Postgres database of another program, that nothing is written to.
pub(crate) fn open_foreign_server(url: &str) -> Result<Box<dyn Sql>, DbError> {
    Ok(Box::new(postgres::open_foreign(url)?))
}

/// An open database. Clones share it; the last one closes it once everything handed over is done.
#[derive(Clone)]
pub struct Database {
    workers: std::sync::Arc<Workers>,
    dialect: Dialect,
}

impl Database {
    /// Opens a database, brings its tables up to date, and starts its threads.
    ///
    /// # Errors
    /// If it cannot be reached, is damaged, or was made by a newer version.
    pub fn open(place: &Place) -> Result<Self, DbError> {
        let (workers, dialect) = match place {
            Place::File(path) => (sqlite::open(path)?, Dialect::Sqlite),
            Place::Server(url) => (postgres::open(url)?, Dialect::Postgres),
        };
        Ok(Self {
            workers: std::sync::Arc::new(workers),
            dialect,
        })
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How busy the thread that writes is.
    pub fn load(&self) -> Load {
        self.workers.load()
    }

    /// Hands over work that writes. All that it wrote is undone if it fails.
    pub fn write<T, E, F>(&self, work: F) -> Pending<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut dyn Sql) -> Result<T, E> + Send + 'static,
    {
        let (job, pending) = <dyn Job>::new(work);
        self.workers.write(job);
        pending
    }

    /// As [`Database::write`], for brief work: a few statements that a file of SQLite takes in less time than two threads take
    /// to wake one another. If nothing else writes, it is done before this returns, by the thread that calls, also one
    /// that runs futures; one at a time is held up so, and where another process has the file locked, for a few milliseconds
    /// before the work goes to the thread that writes.
    pub fn write_here<T, E, F>(&self, work: F) -> Pending<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut dyn Sql) -> Result<T, E> + Send + 'static,
    {
        let (job, pending) = <dyn Job>::new(work);
        match self.dialect {
            Dialect::Sqlite => self.workers.write_here(job),
            Dialect::Postgres => self.workers.write(job),
        }
        pending
    }

    /// Hands over work that reads one state of the database.
    pub fn read<T, E, F>(&self, work: F) -> Pending<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut dyn Sql) -> Result<T, E> + Send + 'static,
    {
        let (job, pending) = <dyn Job>::new(work);
        self.workers.read(job);
        pending
    }
}

#[cfg(test)]
mod tests;
