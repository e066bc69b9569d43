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

use super::{ImportError, Watch};
use crate::db::{Database, DbError, Sql};
use crate::studies::{self, Attribute, Direction, NewTrial, StudiesError};
use automl_core::nearest;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::io::Read as _;
use std::path::Path;

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

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct StudyCounts {
    pub n_studies: u64,
    pub n_trials: u64,
    /// Trials that had begun here and ended since.
    pub n_ended: u64,
    /// Trials that were there already.
    pub n_there: u64,
}

/// How an import of studies ended.
#[derive(Debug, Default)]
pub struct StudiesOutcome {
    /// What was copied, or would be.
    pub counts: StudyCounts,
    /// Studies that there were to look at.
    pub n_all: u64,
    /// Studies that could not be copied, and why.
    pub failures: Vec<(String, ImportError)>,
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
        let read = |error: std::io::Error| ImportError::NotOptuna {
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

    /// The names of its studies, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn names(&mut self) -> Result<Vec<String>, ImportError> {
        match &mut self.0 {
            Kind::Database(storage) => storage.names(),
            Kind::Journal(studies) => Ok(studies.iter().map(|own| own.name.clone()).collect()),
        }
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

/// Copies all studies of a storage, or the one that is `wanted`, into a workspace of the record; or only tells what it would
/// copy.
///
/// # Errors
/// If the storage cannot be read, has no such study, or the record takes nothing. What is wrong with single studies is in the
/// outcome.
pub fn import_studies(
    source: &mut OptunaSource,
    db: &Database,
    workspace: &str,
    wanted: Option<&str>,
    is_dry: bool,
    watch: &mut dyn Watch,
) -> Result<StudiesOutcome, ImportError> {
    let mut names = source.names()?;
    if let Some(wanted) = wanted {
        if !names.iter().any(|name| name == wanted) {
            let near = nearest(wanted, names.iter().map(String::as_str));
            let name = wanted.to_owned();
            return Err(ImportError::StudyUnknown { name, near });
        }
        names.retain(|name| name == wanted);
    }
    let mut outcome = StudiesOutcome {
        n_all: names.len() as u64,
        ..StudiesOutcome::default()
    };
    watch.total(outcome.n_all);
    for name in names {
        if watch.is_cancelled() {
            break;
        }
        let copied = source
            .study(&name)
            .and_then(|study| copy(study, db, workspace, is_dry));
        match copied {
            Ok(counts) => outcome.counts.add(counts),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => outcome.failures.push((name.clone(), error)),
        }
        watch.done(&name);
    }
    Ok(outcome)
}

impl StudyCounts {
    fn add(&mut self, other: Self) {
        self.n_studies += other.n_studies;
        self.n_trials += other.n_trials;
        self.n_ended += other.n_ended;
        self.n_there += other.n_there;
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
            place: place.to_owned(),
            reason: reason.into(),
        }
    }

    fn not_optuna(place: &str, error: &DbError) -> Self {
        Self::NotOptuna {
            place: place.to_owned(),
            reason: error.to_string(),
        }
    }
}
