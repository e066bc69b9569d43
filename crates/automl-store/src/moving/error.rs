//! Why something could not be moved in.

use crate::artifacts::ArtifactError;
use crate::db::DbError;
use crate::studies::StudiesError;
use crate::tracking::TrackingError;
use automl_core::Coded;

/// Why something could not be moved in.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ImportError {
    #[error("not an MLflow store, {reason}: {place}")]
    NotAStore { place: String, reason: String },
    #[error("not a storage of {program}, {reason}: {place}")]
    NotAStorage {
        program: &'static str,
        place: String,
        reason: String,
    },
    #[error("{place} is not as {program} writes it: {reason}")]
    Odd {
        program: &'static str,
        place: String,
        reason: String,
    },
    #[error("there is no study '{name}' to import")]
    StudyUnknown { name: String, near: Vec<String> },
    #[error("cannot read {place}: {reason}")]
    Read { place: String, reason: String },
    #[error("{place} is not as MLflow writes it: {reason}")]
    Malformed { place: String, reason: String },
    #[error("the server answered {status}: {reason}: {url}")]
    Refused {
        url: String,
        status: u16,
        reason: String,
    },
    #[error("the server cannot be reached: {reason}: {url}")]
    Away { url: String, reason: String },
    #[error("{what} '{name}' is there already and is another one")]
    Another { what: &'static str, name: String },
    #[error("artifacts cannot be written to {uri}")]
    Elsewhere { uri: String },
    #[error(transparent)]
    Record(#[from] TrackingError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Study(#[from] StudiesError),
}

impl From<DbError> for ImportError {
    fn from(error: DbError) -> Self {
        Self::Record(error.into())
    }
}

impl ImportError {
    /// Whether nothing else can be imported either.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Record(TrackingError::Db(error)) | Self::Study(StudiesError::Db(error)) => {
                !matches!(error, DbError::Statement { .. } | DbError::Conflict)
            }
            Self::Artifact(ArtifactError::Full) | Self::Away { .. } => true,
            Self::Refused { status, .. } => matches!(status, 401 | 403),
            _ => false,
        }
    }
}

impl Coded for ImportError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotAStore { .. } => "import-not-a-store",
            Self::NotAStorage { .. } => "import-not-a-storage",
            Self::Odd { .. } => "import-odd",
            Self::StudyUnknown { .. } => "import-study-unknown",
            Self::Study(error) => Coded::code(error),
            Self::Read { .. } => "import-read",
            Self::Malformed { .. } => "import-malformed",
            Self::Refused { .. } => "import-refused",
            Self::Away { .. } => "import-away",
            Self::Another { .. } => "import-another",
            Self::Elsewhere { .. } => "import-elsewhere",
            Self::Record(error) => Coded::code(error),
            Self::Artifact(ArtifactError::Full) => "output-full",
            Self::Artifact(_) => "import-artifact",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotAStore { .. } => Some(
                "give an mlruns directory, MLflow's SQLite file (sqlite:///mlflow.db) or the URL of its server".into(),
            ),
            Self::NotAStorage { program: "Optuna", .. } => Some(
                "give its SQLite file (sqlite:///study.db), its journal, or postgresql://…".into(),
            ),
            Self::NotAStorage { .. } => {
                Some("give the SQLite file of its server, its database_url (sqlite:///vizier.db)".into())
            }
            Self::Odd { program: "Optuna", .. } => {
                Some("if an old version of Optuna made it, `optuna storage upgrade` helps".into())
            }
            Self::StudyUnknown { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::Another { what: "study", .. } => {
                Some("import it into a workspace of its own, or delete the study that is there".into())
            }
            Self::Study(error) => error.hint(),
            Self::Refused { status: 401 | 403, .. } => {
                Some("give --token, or --username and --password".into())
            }
            Self::Away { .. } => Some("check the URL, and that the server runs".into()),
            Self::Record(TrackingError::Db(DbError::Full)) | Self::Artifact(ArtifactError::Full) => {
                Some("free some space and call it again; what was imported is left alone".into())
            }
            _ => None,
        }
    }
}
