//! The database of a server of Vizier: studies and trials as the messages that it keeps.

use super::ImportError;
use crate::args;
use crate::db::{self, DbError, Sql};
use std::path::Path;

/// What messages call it.
const PROGRAM: &str = "Vizier";

/// A SQLite file of Vizier's server, for reading alone.
pub struct VizierSource {
    place: String,
    sql: Box<dyn Sql>,
}

/// A study of Vizier: its message and those of its trials, by their ids, which begin at 1.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct VizierStudy {
    pub name: String,
    pub study: Vec<u8>,
    pub trials: Vec<(i64, Vec<u8>)>,
}

impl VizierSource {
    /// Opens a file, given by its path or as `sqlite:///PATH`.
    ///
    /// # Errors
    /// If it is no database of Vizier's server.
    pub fn open(place: &str) -> Result<Self, ImportError> {
        let path = Path::new(place.strip_prefix("sqlite:///").unwrap_or(place));
        let not_vizier = |error: &DbError| ImportError::NotAStorage {
            program: PROGRAM,
            place: place.to_owned(),
            reason: error.to_string(),
        };
        let mut sql = db::open_foreign(path).map_err(|error| not_vizier(&error))?;
        // Other programs have tables of studies, too, but not with such a column.
        sql.query("SELECT serialized_study FROM studies LIMIT 1", &[])
            .map_err(|error| not_vizier(&error))?;
        Ok(Self {
            place: place.to_owned(),
            sql,
        })
    }

    /// The names of its studies, `owners/OWNER/studies/STUDY`, in the order in which they were made.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn names(&mut self) -> Result<Vec<String>, ImportError> {
        let rows = self
            .sql
            .query("SELECT study_name FROM studies ORDER BY rowid", &[])?;
        rows.iter().map(|row| Ok(row.text(0)?)).collect()
    }

    /// A study with its trials, as they are at one moment.
    ///
    /// # Errors
    /// If it is not there, or cannot be read.
    pub fn study(&mut self, name: &str) -> Result<VizierStudy, ImportError> {
        self.sql.execute("BEGIN", &[])?;
        let found = study(self.sql.as_mut(), name);
        self.sql.execute("COMMIT", &[])?;
        found
    }

    /// That what it holds is not understood.
    pub fn odd(&self, reason: String) -> ImportError {
        ImportError::Odd {
            program: PROGRAM,
            place: self.place.clone(),
            reason,
        }
    }
}

fn study(sql: &mut dyn Sql, name: &str) -> Result<VizierStudy, ImportError> {
    let found = sql.query_one(
            "SELECT CAST(serialized_study AS BLOB), owner_id, study_id FROM studies WHERE study_name = ?1",
            args![name],
        )?;
    let row = found.ok_or_else(|| ImportError::StudyUnknown {
        name: name.to_owned(),
        near: Vec::new(),
    })?;
    let (owner, study) = (row.text(1)?, row.text(2)?);
    let trials = sql.query(
            "SELECT trial_id, CAST(serialized_trial AS BLOB) FROM trials WHERE owner_id = ?1 AND study_id = ?2 ORDER BY trial_id",
            args![&owner, &study],
        )?;
    let trials = trials.iter().map(|row| Ok((row.int(0)?, row.blob(1)?)));
    Ok(VizierStudy {
        name: name.to_owned(),
        study: row.blob(0)?,
        trials: trials.collect::<Result<_, ImportError>>()?,
    })
}
