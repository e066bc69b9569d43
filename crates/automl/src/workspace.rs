//! Where the record of runs is, and the artifacts beside it.

use crate::cli::PlaceArgs;
use anyhow::Context as _;
use automl_core::Coded;
use automl_serve::ServeError;
use automl_store::artifact_uri::ArtifactPlace;
use automl_store::db::{Database, Place};
use std::io;
use std::path::{Path, PathBuf};

/// The file of the record in a workspace.
const DATABASE: &str = "automl.db";
/// The directory of artifacts in a workspace.
const ARTIFACTS: &str = "artifacts";
/// Where a workspace in a database server keeps its artifacts, if nothing else is said.
const DEFAULT_DIRECTORY: &str = ".automl";

/// What is wrong with the place of a workspace.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    #[error("the workspace cannot be made: {}", .path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error("there is no workspace at {}", .path.display())]
    Missing { path: PathBuf },
}

impl Coded for WorkspaceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Make { .. } => "workspace-make",
            Self::Missing { .. } => "workspace-missing",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Make { .. } => "name a directory that can be written to with --workspace".into(),
            Self::Missing { .. } => {
                "name the directory that `automl serve` keeps its record in with --workspace".into()
            }
        })
    }
}

/// Where a record and its artifacts are.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) database: Place,
    pub(crate) artifacts: PathBuf,
    directory: PathBuf,
}

impl Workspace {
    /// What `--workspace` and `--artifacts` name: a directory, or the address of a Postgres server.
    pub(crate) fn named(place: &str, artifacts: Option<PathBuf>) -> Self {
        let is_server = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| place.starts_with(scheme));
        let directory = PathBuf::from(if is_server { DEFAULT_DIRECTORY } else { place });
        Self {
            database: if is_server {
                Place::Server(place.to_owned())
            } else {
                Place::File(directory.join(DATABASE))
            },
            artifacts: artifacts.unwrap_or_else(|| directory.join(ARTIFACTS)),
            directory,
        }
    }

    /// What a verb was given.
    pub(crate) fn of(args: &PlaceArgs) -> Self {
        Self::named(&args.workspace, args.artifacts.clone())
    }

    /// Makes its directory if it is not there.
    pub(crate) fn make(&self) -> Result<(), WorkspaceError> {
        let path = &self.directory;
        std::fs::create_dir_all(path).map_err(|source| WorkspaceError::Make {
            path: path.clone(),
            source,
        })
    }

    /// That there is a record.
    pub(crate) fn check_there(&self) -> Result<(), WorkspaceError> {
        match &self.database {
            Place::File(file) if !file.exists() => Err(WorkspaceError::Missing {
                path: self.directory.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Opens the record of a workspace that is there.
    pub(crate) fn open(&self) -> anyhow::Result<Database> {
        self.check_there()?;
        self.open_or_make()
    }

    /// Opens the record, made if it is not there.
    pub(crate) fn open_or_make(&self) -> anyhow::Result<Database> {
        Ok(Database::open(&self.database).map_err(ServeError::from)?)
    }

    /// What backups are made and put back by.
    pub(crate) fn to_back_up(&self) -> automl_store::backup::Workspace<'_> {
        automl_store::backup::Workspace {
            database: &self.database,
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
pub(crate) fn files_below(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let about = std::fs::symlink_metadata(&path);
        let about = about.with_context(|| format!("cannot read {}", path.display()))?;
        if about.is_file() {
            found.push(path);
        } else if about.is_dir() {
            let entries = std::fs::read_dir(&path);
            let entries = entries.with_context(|| format!("cannot read {}", path.display()))?;
            for entry in entries {
                waiting.push(entry?.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
