//! The place of the record: a directory, or a database server beside a directory.

use crate::errors::CliError;
use automl_store::db::{Database, Place};
use std::path::PathBuf;

/// The file of the record in a workspace.
const DATABASE: &str = "automl.db";
/// The directory of artifacts in a workspace.
const ARTIFACTS: &str = "artifacts";
/// Where a workspace in a database server keeps its artifacts, if nothing else is said.
const DEFAULT_DIRECTORY: &str = ".automl";

/// A workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) database: Place,
    directory: PathBuf,
}

impl Workspace {
    /// The workspace of what `--workspace` says; its directory is made.
    pub(crate) fn at(place: String) -> Result<Self, CliError> {
        let is_server = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| place.starts_with(scheme));
        let directory = PathBuf::from(if is_server { DEFAULT_DIRECTORY } else { &place });
        if let Err(source) = std::fs::create_dir_all(&directory) {
            let path = directory;
            return Err(CliError::Workspace { path, source });
        }
        let database = if is_server {
            Place::Server(place)
        } else {
            Place::File(directory.join(DATABASE))
        };
        Ok(Self {
            database,
            directory,
        })
    }

    /// Where its artifacts are, if nothing else is said.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.directory.join(ARTIFACTS)
    }

    /// Opens its record.
    pub(crate) fn open(place: String) -> anyhow::Result<Database> {
        let workspace = Self::at(place)?;
        Ok(Database::open(&workspace.database).map_err(automl_serve::ServeError::from)?)
    }
}
