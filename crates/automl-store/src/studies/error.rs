//! What can be wrong with a request to a study.

use super::trial::TrialState;
use crate::db::DbError;
use crate::tracking::TrackingError;
use automl_core::Coded;

/// A request that cannot be met; nothing is then changed.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum StudiesError {
    #[error("there is no study '{name}'")]
    StudyMissing { name: String, near: Vec<String> },
    #[error("a study '{name}' exists already")]
    StudyExists { name: String },
    #[error("the study '{name}' takes no trials, it is {state}")]
    StudyClosed { name: String, state: &'static str },
    #[error("there is no trial {id}")]
    TrialMissing { id: i64 },
    #[error("trial {number} has ended already, as {}", state.name())]
    TrialFinished { number: i64, state: TrialState },
    #[error("trial {number} is not held by '{client}'")]
    TrialNotHeld { number: i64, client: String },
    #[error("parameter '{name}' had another distribution in this study: {reason}")]
    Incompatible { name: String, reason: &'static str },
    #[error("{field} is not usable: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error(transparent)]
    Db(#[from] DbError),
}

impl StudiesError {
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }
}

impl From<TrackingError> for StudiesError {
    fn from(error: TrackingError) -> Self {
        match error {
            TrackingError::Db(error) => Self::Db(error),
            other => Self::invalid("the request", other.to_string()),
        }
    }
}

impl Coded for StudiesError {
    fn code(&self) -> &'static str {
        match self {
            Self::StudyMissing { .. } => "study-missing",
            Self::StudyExists { .. } => "study-exists",
            Self::StudyClosed { .. } => "study-closed",
            Self::TrialMissing { .. } => "study-trial-unknown",
            Self::TrialFinished { .. } => "study-trial-finished",
            Self::TrialNotHeld { .. } => "study-trial-not-held",
            Self::Incompatible { .. } => "study-distribution",
            Self::Invalid { .. } => "study-invalid",
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::StudyMissing { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::StudyMissing { .. } => Some("list them with `automl study list`".into()),
            Self::StudyExists { .. } => {
                Some("choose another name, or go on with the study that is there".into())
            }
            Self::TrialFinished { .. } => Some("tell each trial once".into()),
            Self::TrialNotHeld { .. } => {
                Some("its lease ran out, or another worker has it; ask for another trial".into())
            }
            Self::Db(error) => error.hint(),
            _ => None,
        }
    }
}
