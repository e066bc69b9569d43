//! Where a record is: the text that names a workspace, and what lies in it.
//!
//! A directory holds everything: `automl.db`, `artifacts/` and `spool/`. A workspace in a Postgres server has a directory
//! too, for what is not yet sent and, unless they are elsewhere, for artifacts.

use crate::artifacts::{ArtifactError, Folder};
use crate::db::{Database, DbError, Place};
use crate::hex::hex;
use crate::tracking::TrackingError;
use crate::tracking::experiments::{DEFAULT_WORKSPACE, ensure_default};
use automl_core::Coded;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file of the record in a workspace.
const DATABASE: &str = "automl.db";
/// The directory of artifacts in a workspace.
const ARTIFACTS: &str = "artifacts";
/// What verbs wrote down and the record has not taken in yet.
const SPOOL: &str = "spool";
/// The directory of a workspace in a database server.
const DEFAULT_DIRECTORY: &str = ".automl";
/// The root of artifacts in the folder of the workspace.
pub const PROXY_ROOT: &str = "mlflow-artifacts:";

/// A workspace by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    directory: PathBuf,
    database: Place,
    spool: PathBuf,
}

/// Why a workspace cannot be opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum WorkspaceError {
    #[error("the workspace cannot be made: {}", .path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error("there is no workspace at {}", .path.display())]
    Missing { path: PathBuf },
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Record(#[from] TrackingError),
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
}

impl Coded for WorkspaceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Make { .. } => "workspace-make",
            Self::Missing { .. } => "workspace-missing",
            Self::Database(error) => error.code(),
            Self::Record(error) => Coded::code(error),
            Self::Artifacts(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Make { .. } => {
                Some("name a directory that can be written to with --workspace".into())
            }
            Self::Missing { .. } => Some(
                "name another with --workspace; `automl fit` and `automl serve` make one".into(),
            ),
            Self::Database(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Artifacts(error) => error.hint(),
        }
    }
}

impl Workspace {
    /// A directory, or `postgres://USER:PASSWORD@HOST/NAME`.
    pub fn parse(text: &str) -> Self {
        let is_server = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        if is_server {
            let directory = PathBuf::from(DEFAULT_DIRECTORY);
            let digest = hex(&Sha256::digest(text.as_bytes()));
            Self {
                // What is meant for one server is never sent to another.
                spool: directory.join(format!("{SPOOL}-{}", &digest[..12])),
                directory,
                database: Place::Server(text.to_owned()),
            }
        } else {
            let directory = PathBuf::from(text);
            Self {
                spool: directory.join(SPOOL),
                database: Place::File(directory.join(DATABASE)),
                directory,
            }
        }
    }

    /// Its directory on this machine.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its database.
    pub fn database(&self) -> &Place {
        &self.database
    }

    /// The directory of what verbs wrote down and the record has not taken in yet.
    pub fn spool(&self) -> &Path {
        &self.spool
    }

    /// The directory of artifacts, if nothing else is said.
    pub fn artifacts(&self) -> PathBuf {
        self.directory.join(ARTIFACTS)
    }

    /// Makes its directory, which version control then leaves alone.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn make(&self) -> Result<(), WorkspaceError> {
        if self.directory.is_dir() {
            return Ok(());
        }
        let made = fs::create_dir_all(&self.directory)
            .and_then(|()| fs::write(self.directory.join(".gitignore"), "*\n"));
        made.map_err(|source| WorkspaceError::Make {
            path: self.directory.clone(),
            source,
        })
    }

    /// Whether anything was ever recorded here; a server always may have.
    pub fn is_there(&self) -> bool {
        match &self.database {
            Place::File(path) => path.is_file() || self.spool.is_dir(),
            Place::Server(_) => true,
        }
    }

    /// Opens its record, which is made if it is not there.
    ///
    /// # Errors
    /// If the directory cannot be made, or the database or the artifacts cannot be opened.
    pub fn open(&self) -> Result<Record, WorkspaceError> {
        self.make()?;
        self.open_with(Folder::beside(self.artifacts()), PROXY_ROOT)
    }

    /// As [`Workspace::open`], with artifacts where they are, and new experiments' below `root`.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub fn open_with(&self, artifacts: Folder, root: &str) -> Result<Record, WorkspaceError> {
        let db = Database::open(&self.database)?;
        let root = root.to_owned();
        db.write(move |sql| ensure_default(sql, DEFAULT_WORKSPACE, &root))
            .wait()?;
        Ok(Record { db, artifacts })
    }

    /// Opens the record of a workspace that must be there.
    ///
    /// # Errors
    /// If it is not there or cannot be opened.
    pub fn open_existing(&self) -> Result<Record, WorkspaceError> {
        if !self.is_there() {
            return Err(WorkspaceError::Missing {
                path: self.directory.clone(),
            });
        }
        self.open()
    }
}

/// An open record: its rows and its files.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Record {
    pub db: Database,
    pub artifacts: Folder,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_holds_database_artifacts_and_spool() {
        let workspace = Workspace::parse("team");
        assert_eq!(workspace.database(), &Place::File("team/automl.db".into()));
        assert_eq!(workspace.artifacts(), Path::new("team/artifacts"));
        assert_eq!(workspace.spool(), Path::new("team/spool"));
    }

    #[test]
    fn each_server_has_a_spool_of_its_own_that_tells_no_password() {
        let [first, second] =
            ["postgres://a:secret@one/x", "postgres://a:secret@two/x"].map(Workspace::parse);
        assert_ne!(first.spool(), second.spool());
        assert!(!first.spool().to_string_lossy().contains("secret"));
        assert!(first.is_there());
    }

    #[test]
    fn a_workspace_is_made_once_and_ignored_by_version_control() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/.automl");
        let workspace = Workspace::parse(path.to_str().unwrap());
        assert!(matches!(
            workspace.open_existing(),
            Err(WorkspaceError::Missing { .. })
        ));
        workspace.open().unwrap();
        assert_eq!(fs::read_to_string(path.join(".gitignore")).unwrap(), "*\n");
        workspace.open_existing().unwrap();
    }
}
