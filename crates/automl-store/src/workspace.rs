//! Where a record is: the text that names a workspace, and what lies in it.
//!
//! A directory holds everything: `automl.db`, `artifacts/`, `spool/`, `captures/`, `batches/`, and `tables/` for copies. A workspace in a
//! Postgres server has a directory too, for what is not yet sent and, unless they are elsewhere, for artifacts.

use crate::args;
use crate::artifacts::{ArtifactError, ArtifactStore, Folder, Location};
use crate::db::{self, Database, DbError, Place};
use crate::hex::hex;
use crate::registry::webhooks;
use crate::sealed::{SealError, Sealer};
use crate::tracking::experiments::{self, DEFAULT_WORKSPACE, ensure_default};
use crate::tracking::{Stage, TrackingError};
use automl_core::Coded;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The file of the record in a workspace.
const DATABASE: &str = "automl.db";
/// The directory of artifacts in a workspace.
const ARTIFACTS: &str = "artifacts";
/// What verbs wrote down and the record has not taken in yet.
const SPOOL: &str = "spool";
/// What was kept of requests of endpoints.
const CAPTURES: &str = "captures";
/// Tables that a server was asked to predict.
const BATCHES: &str = "batches";
/// The file with the key of secrets in the record.
const SECRET_KEY: &str = "secret.key";
/// What the environment calls that key, in lower case.
const SECRET_KEY_NAME: &str = "automl_secret_key";
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
    captures: PathBuf,
    batches: PathBuf,
    /// Where its artifacts are, as somebody said.
    artifacts: Option<String>,
    environment: BTreeMap<String, String>,
    /// Whether they are no longer where the record says.
    has_moved: bool,
}

/// Why a workspace cannot be opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum WorkspaceError {
    #[error("the workspace cannot be made: {}", .path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error("the artifacts of this workspace are at {noted}, and they were asked for at {asked}")]
    ArtifactsElsewhere { noted: String, asked: String },
    #[error("there is no workspace at {}", .path.display())]
    Missing { path: PathBuf },
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Record(#[from] TrackingError),
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Coded for WorkspaceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Make { .. } => "workspace-make",
            Self::ArtifactsElsewhere { .. } => "artifacts-elsewhere",
            Self::Missing { .. } => "workspace-missing",
            Self::Database(error) => error.code(),
            Self::Record(error) => Coded::code(error),
            Self::Artifacts(error) => error.code(),
            Self::Seal(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Make { .. } => {
                Some("name a directory that can be written to with --workspace".into())
            }
            Self::ArtifactsElsewhere { .. } => Some(
                "copy them there first, then say so with --artifacts-moved; or leave --artifacts out".into(),
            ),
            Self::Missing { .. } => Some(
                "name another with --workspace; `automl fit` and `automl serve` make one".into(),
            ),
            Self::Database(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Artifacts(error) => error.hint(),
            Self::Seal(error) => error.hint(),
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
                captures: directory.join(format!("{CAPTURES}-{}", &digest[..12])),
                batches: directory.join(format!("{BATCHES}-{}", &digest[..12])),
                directory,
                database: Place::Server(text.to_owned()),
                artifacts: None,
                environment: BTreeMap::new(),
                has_moved: false,
            }
        } else {
            let directory = PathBuf::from(text);
            Self {
                spool: directory.join(SPOOL),
                captures: directory.join(CAPTURES),
                batches: directory.join(BATCHES),
                database: Place::File(directory.join(DATABASE)),
                directory,
                artifacts: None,
                environment: BTreeMap::new(),
                has_moved: false,
            }
        }
    }

    /// What the environment says of object stores and of the key of secrets, by names in lower case such as
    /// `aws_access_key_id`.
    pub fn with_environment(self, environment: BTreeMap<String, String>) -> Self {
        Self {
            environment,
            ..self
        }
    }

    /// Where its artifacts are, if it is said: a directory, `s3://…`, `gs://…` or `az://…`; else the record knows where a
    /// server was told to keep them, or they are in its directory.
    pub fn with_artifacts(self, artifacts: Option<String>) -> Self {
        Self { artifacts, ..self }
    }

    /// Whether the artifacts were moved from where the record says they are.
    pub fn with_moved_artifacts(self, has_moved: bool) -> Self {
        Self { has_moved, ..self }
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

    /// The directory of what was kept of requests of endpoints, a folder an endpoint.
    pub fn captures(&self) -> &Path {
        &self.captures
    }

    /// The directory of jobs that predict tables, a file a job.
    pub fn batches(&self) -> &Path {
        &self.batches
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
        let made = fs::create_dir_all(&self.directory).and_then(|()| self.hide());
        made.map_err(|source| WorkspaceError::Make {
            path: self.directory.clone(),
            source,
        })
    }

    /// Tells version control to leave the directory alone, unless it was told something else.
    fn hide(&self) -> io::Result<()> {
        match File::create_new(self.directory.join(".gitignore")) {
            Ok(mut file) => file.write_all(b"*\n"),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
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
        let db = self.open_database(PROXY_ROOT)?;
        let artifacts = match self.location(&db)? {
            Location::Folder(root) => ArtifactStore::Folder(Folder::beside(root)),
            elsewhere @ Location::Objects { .. } => ArtifactStore::open(&elsewhere, &db)?,
        };
        Ok(Record { db, artifacts })
    }

    /// As [`Workspace::open`], for a server: new experiments put their artifacts below `root`, what dead processes left
    /// among the artifacts goes, and the record remembers where they are.
    ///
    /// # Errors
    /// As [`Workspace::open`].
    pub fn open_to_serve(&self, root: &str) -> Result<Record, WorkspaceError> {
        self.make()?;
        let db = self.open_database(root)?;
        let location = self.location(&db)?;
        self.remember(&location, &db)?;
        let artifacts = ArtifactStore::open(&location, &db)?;
        Ok(Record { db, artifacts })
    }

    /// The file of the key of secrets, which may not be there.
    pub fn secret_key(&self) -> PathBuf {
        self.directory.join(SECRET_KEY)
    }

    /// That file, unless the environment has the key.
    pub fn key_file(&self) -> Option<PathBuf> {
        let is_elsewhere = self.environment.contains_key(SECRET_KEY_NAME);
        (!is_elsewhere).then(|| self.secret_key())
    }

    /// What seals secrets in its record: the key that the environment has, or that of the workspace, which is made if it is not
    /// there and nothing is sealed yet.
    ///
    /// # Errors
    /// If there is no key, and secrets are sealed or none can be made.
    pub fn sealer(&self, db: &Database) -> Result<Sealer, WorkspaceError> {
        if let Some(text) = self.environment.get(SECRET_KEY_NAME) {
            let place = SECRET_KEY_NAME.to_ascii_uppercase();
            return Ok(Sealer::of_text(text, &place)?);
        }
        let path = self.secret_key();
        if let Some(sealer) = Sealer::of_file_there(&path)? {
            return Ok(sealer);
        }
        match db.read(webhooks::n_sealed).wait()? {
            0 => Ok(Sealer::of_file(&path)?),
            n_sealed => Err(SealError::Missing { path, n_sealed }.into()),
        }
    }

    /// Seals what an earlier version kept in plain text. Tells how many secrets were sealed.
    ///
    /// # Errors
    /// If the database fails.
    pub fn seal_secrets(&self, db: &Database, sealer: &Sealer) -> Result<usize, WorkspaceError> {
        let sealer = sealer.clone();
        let sealed = db.write(move |sql| webhooks::seal_all(sql, &sealer));
        Ok(sealed.wait()?)
    }

    /// Has the database forget where secrets lay in plain text: once, for it is written anew.
    ///
    /// # Errors
    /// If the database fails, or there is no room to write it anew; then the next call does.
    pub fn scrub(&self, db: &Database) -> Result<(), WorkspaceError> {
        if !db.read(db::is_scrubbed).wait()? {
            db::scrub(&self.database)?;
            db.write(db::note_scrubbed).wait()?;
        }
        Ok(())
    }

    fn open_database(&self, root: &str) -> Result<Database, WorkspaceError> {
        let db = Database::open(&self.database)?;
        let root = root.to_owned();
        db.write(move |sql| ensure_default(sql, DEFAULT_WORKSPACE, &root))
            .wait()?;
        Ok(db)
    }

    /// Where its artifacts are.
    fn location(&self, db: &Database) -> Result<Location, WorkspaceError> {
        let place = match &self.artifacts {
            Some(said) => Some(said.clone()),
            None => noted(db)?,
        };
        Ok(match place {
            Some(text) => Location::parse(&text, &self.environment)?,
            None => Location::Folder(self.artifacts()),
        })
    }

    /// Notes where artifacts are, if that was said and is the same place for all who open the record.
    fn remember(&self, location: &Location, db: &Database) -> Result<(), WorkspaceError> {
        let place = match (location, &self.database) {
            (Location::Objects { url, .. }, _) => url.clone(),
            (Location::Folder(folder), Place::File(_)) => {
                let whole = std::path::absolute(folder);
                let whole = whole.map_err(|source| ArtifactError::Io { source })?;
                whole.display().to_string()
            }
            // A folder of one machine, and perhaps another folder elsewhere.
            (Location::Folder(_), Place::Server(_)) => return Ok(()),
        };
        if self.artifacts.is_none() {
            return Ok(());
        }
        if let Some(noted) = noted(db)?
            && noted != place
            && !self.has_moved
        {
            let asked = place;
            return Err(WorkspaceError::ArtifactsElsewhere { noted, asked });
        }
        db.write(move |sql| {
            sql.execute(
                "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                args![ARTIFACTS, &place],
            )
        })
        .wait()?;
        Ok(())
    }

    /// The id of the experiment of a name, if the record says that it is deleted; nothing if the record cannot be asked.
    pub fn deleted_experiment(&self, name: &str) -> Option<i64> {
        let mut sql = match &self.database {
            Place::File(path) => db::open_foreign(path).ok()?,
            Place::Server(url) => db::open_foreign_server(url).ok()?,
        };
        let found = experiments::by_name(&mut *sql, DEFAULT_WORKSPACE, name).ok()??;
        (found.stage == Stage::Deleted.name()).then_some(found.id)
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

/// Where the record says that its artifacts are.
fn noted(db: &Database) -> Result<Option<String>, WorkspaceError> {
    let row = db
        .read(|sql| {
            sql.query_one(
                "SELECT value FROM settings WHERE name = ?1",
                args![ARTIFACTS],
            )
        })
        .wait()?;
    Ok(row.map(|row| row.text(0)).transpose()?)
}

/// An open record: its rows and its files.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Record {
    pub db: Database,
    pub artifacts: ArtifactStore,
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

    #[test]
    fn what_version_control_was_told_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".gitignore");
        fs::write(&file, "mine\n").unwrap();
        let workspace = Workspace::parse(folder.path().to_str().unwrap());
        workspace.hide().unwrap();
        workspace.open().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine\n");
    }
}
