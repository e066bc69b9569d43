//! Studies of Optuna moved in: from its databases and from its journals, with all trials and as Optuna's own client then finds
//! them here.
//!
//! A study appears whole or not at all. Trials keep their numbers, and numbers tell what is there already, so an import may be
//! called again: it adds what is new and ends what has ended since.

mod database;
mod journal;
mod put;
#[cfg(test)]
mod tests;

use super::{ImportError, StudyCounts, StudySource};
use crate::db::{Database, DbError, Sql};
use crate::studies::{self, Attribute, Direction, NewTrial, StudiesError};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::io::Read as _;
use std::path::Path;

/// What messages call it.
const PROGRAM: &str = "Optuna";
/// The protocol that studies of Optuna have in the record.
pub(super) const PROTOCOL: &str = "optuna";
/// The scopes of attributes, as the protocol names them.
const USER: &str = "user";
const SYSTEM: &str = "system";

/// A study of Optuna.
#[derive(Debug, Clone)]
pub(super) struct OptunaStudy {
    name: String,
    directions: Vec<Direction>,
    attributes: Vec<Attribute>,
    /// By number.
    trials: Vec<NewTrial>,
}

/// A storage of Optuna, for reading alone.
pub struct OptunaSource(Kind);

enum Kind {
    Database(database::Storage),
    Journal(Vec<OptunaStudy>),
}

/// The first bytes of every file of SQLite.
const SQLITE: &[u8] = b"SQLite format 3\0";

impl OptunaSource {
    /// Opens a file of SQLite, a journal, or a database in Postgres by its URL.
    ///
    /// # Errors
    /// If it is none of them, or cannot be read.
    pub fn open(place: &str) -> Result<Self, ImportError> {
        if let Some(url) = database::postgres_url(place) {
            return Ok(Self(Kind::Database(database::Storage::server(&url)?)));
        }
        let path = Path::new(place.strip_prefix("sqlite:///").unwrap_or(place));
        let read = |error: std::io::Error| ImportError::NotAStorage {
            program: PROGRAM,
            place: place.to_owned(),
            reason: error.to_string(),
        };
        let mut first = Vec::new();
        let mut file = std::fs::File::open(path).map_err(read)?;
        file.by_ref()
            .take(SQLITE.len() as u64)
            .read_to_end(&mut first)
            .map_err(read)?;
        Ok(Self(if first == SQLITE {
            Kind::Database(database::Storage::file(path)?)
        } else {
            let bytes = std::fs::read(path).map_err(read)?;
            Kind::Journal(journal::replay(place, &bytes)?)
        }))
    }

    fn study(&mut self, name: &str) -> Result<OptunaStudy, ImportError> {
        match &mut self.0 {
            Kind::Database(storage) => storage.study(name),
            Kind::Journal(studies) => {
                let found = studies.iter().find(|own| own.name == name);
                found.cloned().ok_or_else(|| gone(name))
            }
        }
    }
}

fn gone(name: &str) -> ImportError {
    ImportError::StudyUnknown {
        name: name.to_owned(),
        near: Vec::new(),
    }
}

impl StudySource for OptunaSource {
    fn names(&mut self) -> Result<Vec<String>, ImportError> {
        match &mut self.0 {
            Kind::Database(storage) => storage.names(),
            Kind::Journal(studies) => Ok(studies.iter().map(|own| own.name.clone()).collect()),
        }
    }

    fn copy(
        &mut self,
        name: &str,
        db: &Database,
        workspace: &str,
        is_dry: bool,
    ) -> Result<StudyCounts, ImportError> {
        copy(self.study(name)?, db, workspace, is_dry)
    }
}

fn copy(
    study: OptunaStudy,
    db: &Database,
    workspace: &str,
    is_dry: bool,
) -> Result<StudyCounts, ImportError> {
    let workspace = workspace.to_owned();
    if is_dry {
        let read = db.read(move |sql| put::difference(sql, &workspace, &study));
        return read.wait();
    }
    db.write(move |sql| put::put(sql, &workspace, &study))
        .wait()
}

/// A study of a name in the record, if it is there.
fn known(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
) -> Result<Option<studies::Study>, StudiesError> {
    match studies::by_name(sql, workspace, name) {
        Ok(study) => Ok(Some(study)),
        Err(StudiesError::StudyMissing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A moment without zone, or with one, in microseconds since 1970; without one it is in UTC.
fn time_of(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(moment.as_microsecond());
    }
    let civil: DateTime = text.parse().ok()?;
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

impl ImportError {
    fn odd(place: &str, reason: impl Into<String>) -> Self {
        Self::Odd {
            program: PROGRAM,
            place: place.to_owned(),
            reason: reason.into(),
        }
    }

    fn not_optuna(place: &str, error: &DbError) -> Self {
        Self::NotAStorage {
            program: PROGRAM,
            place: place.to_owned(),
            reason: error.to_string(),
        }
    }
}
