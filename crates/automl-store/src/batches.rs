//! Tables that a server was asked to predict into a folder, one file a job in the workspace: what was asked, and how far it came.
//!
//! A job is of the machine whose folders it reads, so it is kept beside the record and not in it; what it did is a run of the
//! record like that of any verb. Its file appears whole, so a killed process leaves the job as it was told last, to be gone on
//! with by the next one. One process at a time has the jobs of a workspace: it holds a lock as long as it lives.

#[cfg(test)]
mod tests;

use crate::{StoreError, write_atomic};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// What a job is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct BatchOrder {
    /// The registered model.
    pub model: String,
    pub version: i64,
    /// Paths, patterns and folders.
    pub input: Vec<String>,
    /// The folder of the predictions.
    pub output: String,
    /// The kind of its files, such as `csv`.
    pub parts: String,
    pub keep: Vec<String>,
    pub threshold: Option<f64>,
    pub interval: Vec<f64>,
    pub allow_missing_columns: bool,
    pub skip_bad_rows: bool,
}

/// How far a job came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchState {
    /// It waits for its turn.
    Waiting,
    /// It predicts.
    Running,
    /// All tables are predicted.
    Done,
    /// Some are not, or none.
    Failed,
    /// Somebody stopped it.
    Stopped,
}

impl BatchState {
    /// Whether nothing more happens by itself.
    pub fn is_ended(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

/// Tables and rows that a job has dealt with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct BatchProgress {
    /// All tables, once they were looked for.
    pub n_parts: u64,
    /// Those that are done, kept or failed.
    pub n_ended: u64,
    /// Those that were there from before.
    pub n_kept: u64,
    pub n_failed: u64,
    pub n_rows: u64,
    pub n_rows_refused: u64,
}

/// What happens to predictions that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchBegin {
    /// They are kept, and the job fails.
    New,
    /// They are gone on with.
    Resume,
    /// They are replaced.
    Overwrite,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct BatchJob {
    pub id: String,
    pub order: BatchOrder,
    pub begin: BatchBegin,
    pub user: String,
    pub state: BatchState,
    pub created_ms: i64,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub progress: BatchProgress,
    /// Why it did not come to its end.
    pub error: Option<BatchProblem>,
    /// The run of the record that it was last.
    pub run_id: Option<String>,
}

/// Why a job did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct BatchProblem {
    pub code: Option<String>,
    pub message: String,
}

/// The jobs of a workspace, which no other process has meanwhile.
#[derive(Debug)]
pub struct Batches {
    folder: PathBuf,
    _lock: File,
}

/// The file that is locked.
const LOCK: &str = "lock";
/// What files of jobs end in.
const KIND: &str = "json";

impl Batches {
    /// The jobs in this folder, which is made; `None` if another process has them.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn open(folder: &Path) -> Result<Option<Self>, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        let path = folder.join(LOCK);
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(StoreError::io("write", &path))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(None),
            // A file system without locks is used without.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(Self {
                folder: folder.to_owned(),
                _lock: lock,
            })),
        }
    }

    /// All jobs, the oldest first. A file that is none is passed over, and told with the others.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(&self) -> Result<(Vec<BatchJob>, Vec<PathBuf>), StoreError> {
        let failed = |error| StoreError::io("read", &self.folder)(error);
        let (mut jobs, mut odd) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if is_hidden || path.extension().is_none_or(|kind| kind != KIND) {
                continue;
            }
            let bytes = fs::read(&path).map_err(failed)?;
            match serde_json::from_slice::<BatchJob>(&bytes) {
                Ok(job) if self.path(&job.id) == path => jobs.push(job),
                Ok(_) | Err(_) => odd.push(path),
            }
        }
        jobs.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        Ok((jobs, odd))
    }

    /// Keeps a job as it is now.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn put(&self, job: &BatchJob) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(job).expect("jobs are plain data");
        write_atomic(&self.path(&job.id), &text)
    }

    /// Forgets a job; fine if it is not there.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(StoreError::io("write", &path)),
        }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.{KIND}"))
    }
}
