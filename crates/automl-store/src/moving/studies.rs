//! Studies of another program, copied one by one.

use super::{ImportError, Watch};
use crate::db::Database;
use automl_core::nearest;

/// Where another program keeps its studies, for reading alone.
pub trait StudySource {
    /// The names of its studies, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    fn names(&mut self) -> Result<Vec<String>, ImportError>;

    /// Copies a study into a workspace of the record, whole or not at all; or only tells what it would copy. What is there
    /// already is left alone, but for trials that ended since.
    ///
    /// # Errors
    /// If it cannot be read, or the record takes it not.
    fn copy(
        &mut self,
        name: &str,
        db: &Database,
        workspace: &str,
        is_dry: bool,
    ) -> Result<StudyCounts, ImportError>;
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

/// Copies all studies of a storage, or the one that is `wanted`, into a workspace of the record; or only tells what it would
/// copy.
///
/// # Errors
/// If the storage cannot be read, has no such study, or the record takes nothing. What is wrong with single studies is in the
/// outcome.
pub fn import_studies(
    source: &mut dyn StudySource,
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
        match source.copy(&name, db, workspace, is_dry) {
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
