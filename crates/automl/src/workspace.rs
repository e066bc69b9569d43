//! A workspace with its artifacts where `--artifacts` says.

use crate::cli::PlaceArgs;
use crate::errors::RecordError;
use automl_store::artifact_uri::ArtifactPlace;
use automl_store::db::Database;
use automl_store::spool::{Tails, replay};
use automl_store::workspace::{self, WorkspaceError};
use std::path::{Path, PathBuf};

/// Where a record and its artifacts are.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    record: workspace::Workspace,
    pub(crate) artifacts: PathBuf,
}

impl Workspace {
    /// What `--workspace` and `--artifacts` name.
    pub(crate) fn named(place: &str, artifacts: Option<PathBuf>) -> Self {
        let record = workspace::Workspace::parse(place);
        Self {
            artifacts: artifacts.unwrap_or_else(|| record.artifacts()),
            record,
        }
    }

    /// What a verb was given.
    pub(crate) fn of(args: &PlaceArgs) -> Self {
        Self::named(&args.workspace.workspace, args.artifacts.clone())
    }

    /// Whether anything was ever recorded there.
    pub(crate) fn is_there(&self) -> bool {
        self.record.is_there()
    }

    /// Opens the record of a workspace that is there, with all that verbs wrote down until now.
    pub(crate) fn open(&self) -> anyhow::Result<Database> {
        let record = self.record.open_existing()?;
        replay(&record, self.record.spool(), &mut Tails::default())?;
        Ok(record.db)
    }

    /// Opens the record, made if it is not there.
    pub(crate) fn open_or_make(&self) -> Result<Database, WorkspaceError> {
        Ok(self.record.open()?.db)
    }

    /// What backups are made and put back by.
    pub(crate) fn to_back_up(&self) -> automl_store::backup::Workspace<'_> {
        automl_store::backup::Workspace {
            database: self.record.database(),
            artifacts: &self.artifacts,
        }
    }

    /// The folder of this machine that an artifact URI of the workspace means, if it means one.
    pub(crate) fn folder(&self, uri: &str) -> Option<PathBuf> {
        Some(match ArtifactPlace::of(uri)? {
            ArtifactPlace::Here(path) => self.artifacts.join(path),
            ArtifactPlace::Folder(folder) => folder,
        })
    }
}

/// The files below a folder, or the file itself, in the order of their paths; links are not followed.
pub(crate) fn files_below(path: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let mut found = Vec::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let failed = |source| RecordError::DataPlace {
            place: path.display().to_string(),
            source,
        };
        let about = std::fs::symlink_metadata(&path).map_err(failed)?;
        if about.is_file() {
            found.push(path);
        } else if about.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(failed)? {
                waiting.push(entry.map_err(failed)?.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
