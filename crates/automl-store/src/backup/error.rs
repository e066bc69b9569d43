//! Why a backup cannot be made or put back.

use crate::StoreError;
use crate::artifacts::ArtifactError;
use crate::db::DbError;
use crate::sealed::SealError;
use crate::tracking::TrackingError;
use automl_core::{Coded, is_out_of_space};
use std::io;
use std::path::{Path, PathBuf};

/// Why a backup cannot be made or put back.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum BackupError {
    #[error("there is no backup at {}", path.display())]
    Missing { path: PathBuf },
    #[error("a backup is a directory, or a file whose name ends in .tar.zst: {}", path.display())]
    Named { path: PathBuf },
    #[error("the backup is damaged or cut short, {reason}: {}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("not a backup, {reason}: {}", path.display())]
    NotABackup { path: PathBuf, reason: String },
    #[error("the backup has format {found}, this version reads up to {known}: {}", path.display())]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error("the backup is damaged, {name} is not what was written: {}", path.display())]
    Damaged { path: PathBuf, name: String },
    #[error("something is there already: {place}")]
    NotEmpty { place: String },
    #[error("the artifact was changed while it was copied, time and again: {path}")]
    Restless { path: String },
    #[error("cannot read or write {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Record(#[from] TrackingError),
}

impl BackupError {
    /// Puts a path to an answer of the system.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

impl Coded for BackupError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "backup-missing",
            Self::Named { .. } => "backup-name",
            Self::NotABackup { .. } => "backup-not-one",
            Self::Newer { .. } => "backup-newer",
            Self::Damaged { .. } | Self::Unreadable { .. } => "backup-damaged",
            Self::NotEmpty { .. } => "backup-not-empty",
            Self::Restless { .. } => "backup-restless",
            Self::Io { source, .. } if is_out_of_space(source.kind()) => "output-full",
            Self::Io { .. } => "backup-io",
            Self::Store(error) => error.code(),
            Self::Database(error) => error.code(),
            Self::Artifact(ArtifactError::Full) => "output-full",
            Self::Artifact(_) => "backup-artifact",
            Self::Seal(error) => error.code(),
            Self::Record(error) => Coded::code(error),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotABackup { .. } => Some("give what `automl backup` made".into()),
            Self::Newer { .. } => Some("use a newer automl for this backup".into()),
            Self::Missing { .. } => {
                Some("give the directory or the .tar.zst file that `automl backup` made".into())
            }
            Self::Named { path } => {
                let mut plain = path.with_extension("");
                if plain.extension().is_some_and(|kind| kind == "tar") {
                    plain.set_extension("");
                }
                let plain = plain.display();
                Some(format!(
                    "name it {plain}.tar.zst, or {plain} for a directory"
                ))
            }
            Self::Damaged { .. } | Self::Unreadable { .. } => {
                Some("nothing was restored; use another backup".into())
            }
            Self::NotEmpty { .. } => Some("choose a place that is empty or not there".into()),
            Self::Restless { .. } => Some("stop what writes to it, and call it again".into()),
            Self::Io { source, .. } if is_out_of_space(source.kind()) => {
                Some("free some space, or choose another disk".into())
            }
            Self::Store(error) => error.hint(),
            Self::Seal(error) => error.hint(),
            Self::Record(error) => error.hint(),
            _ => None,
        }
    }
}
