//! What can be wrong with what is asked or told of a study.

use automl_core::Coded;
use automl_store::db::DbError;
use automl_store::studies::StudiesError;
use automl_tune::{SpaceError, StudyError};

/// A request that cannot be met; the study is then as before.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum TuneError {
    #[error("the study cannot be read: {reason}")]
    Spec { reason: String },
    #[error("{field} must be {wanted}")]
    Setting {
        field: &'static str,
        wanted: &'static str,
    },
    #[error("'{name}' was made by a client of {protocol}, which proposes its trials itself")]
    Foreign { name: String, protocol: String },
    #[error("the '{field}' of study '{name}' is another one, so its trials cannot be gone on with")]
    Differs { name: String, field: &'static str },
    #[error("the study cannot learn from '{name}': {reason}")]
    WarmStart { name: String, reason: String },
    #[error("'{name}' is no objective of the study")]
    ObjectiveUnknown { name: String, near: Vec<String> },
    #[error("the server cannot be reached: {reason}: {url}")]
    ServerAway { url: String, reason: String },
    #[error("the server does not let you: {reason}: {url}")]
    ServerDenied { url: String, reason: String },
    #[error("the server refuses: {reason}: {url}")]
    ServerRefused {
        url: String,
        code: &'static str,
        reason: String,
    },
    #[error("the server's answer is longer than {max_mib} MiB: {url}")]
    ServerTooLong { url: String, max_mib: u64 },
    #[error("the server answers like none with studies: {reason}: {url}")]
    ServerOdd { url: String, reason: String },
    #[error(transparent)]
    Space(#[from] SpaceError),
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Record(#[from] StudiesError),
}

impl From<DbError> for TuneError {
    fn from(error: DbError) -> Self {
        Self::Record(error.into())
    }
}

impl Coded for TuneError {
    fn code(&self) -> &'static str {
        match self {
            Self::Spec { .. } => "study-spec",
            Self::Setting { .. } => "study-setting",
            Self::Foreign { .. } => "study-foreign",
            Self::Differs { .. } => "study-differs",
            Self::WarmStart { .. } => "study-warm-start",
            Self::ObjectiveUnknown { .. } => "study-objective-unknown",
            Self::ServerAway { .. } => "server-away",
            Self::ServerDenied { .. } => "server-denied",
            Self::ServerRefused { code, .. } => code,
            Self::ServerOdd { .. } => "server-odd",
            Self::ServerTooLong { .. } => "server-too-long",
            Self::Space(error) => error.code(),
            Self::Study(error) => error.code(),
            Self::Record(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Foreign { .. } => Some("ask through its own client".into()),
            Self::Differs { .. } => {
                Some("name another study, or delete this one with `automl study delete`".into())
            }
            Self::WarmStart { .. } => Some(
                "name a study with complete trials, the same objectives and parameters of the same names and kinds".into(),
            ),
            Self::ObjectiveUnknown { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::ServerAway { .. } => {
                Some("start `automl serve` there, or give its address as http://HOST:PORT".into())
            }
            Self::ServerDenied { .. } => Some(
                "give the token of an editor with --token or MLFLOW_TRACKING_TOKEN; `automl tokens create` makes one".into(),
            ),
            Self::ServerTooLong { .. } => {
                Some("go on with a new study that learns from this one (`warm_start`)".into())
            }
            Self::ServerOdd { .. } => {
                Some("give the address of an `automl serve` of this version".into())
            }
            Self::Space(error) => error.hint(),
            Self::Study(error) => error.hint(),
            Self::Record(error) => error.hint(),
            _ => None,
        }
    }
}
