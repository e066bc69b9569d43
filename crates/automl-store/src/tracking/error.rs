//! What can be wrong with a request to the record.

use crate::db::DbError;
use crate::filter::FilterError;
use crate::sealed::SealError;
use automl_core::Coded;
use std::sync::Arc;

/// The kinds of error that MLflow's clients tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum ErrorCode {
    InvalidParameterValue,
    ResourceDoesNotExist,
    ResourceAlreadyExists,
    InvalidState,
    TemporarilyUnavailable,
    ResourceExhausted,
    Internal,
}

/// A request that cannot be met.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum TrackingError {
    #[error("No {kind} with {by} {name}{}", if *.by == "id" { " exists" } else { "" })]
    Missing {
        kind: &'static str,
        by: &'static str,
        name: String,
    },
    #[error("Run with id={id} not found")]
    RunMissing { id: String },
    #[error("{kind} '{name}' already exists{note}")]
    Exists {
        kind: &'static str,
        name: String,
        note: &'static str,
    },
    #[error("The {kind} {id} must be in the '{wanted}' state. Current state is {found}.")]
    Stage {
        kind: &'static str,
        id: String,
        wanted: &'static str,
        found: String,
    },
    #[error("{what} is deployed at {}", endpoints.join(", "))]
    Deployed {
        what: String,
        endpoints: Vec<String>,
    },
    #[error("{0}")]
    Absent(String),
    #[error("{0}")]
    Invalid(String),
    #[error(
        "Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}' for run ID='{run}'. Attempted logging new value '{new}'."
    )]
    ParamChanged {
        key: String,
        run: String,
        old: String,
        new: String,
    },
    #[error("Invalid filter: {0}")]
    Filter(#[from] FilterError),
    #[error("Invalid order: {0}")]
    Order(FilterError),
    #[error("{0}")]
    Seal(Arc<SealError>),
    #[error("{0}")]
    Db(#[from] DbError),
}

impl From<SealError> for TrackingError {
    fn from(error: SealError) -> Self {
        Self::Seal(Arc::new(error))
    }
}

impl TrackingError {
    /// The code that clients see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } | Self::RunMissing { .. } | Self::Absent(_) => {
                ErrorCode::ResourceDoesNotExist
            }
            Self::Exists { .. } => ErrorCode::ResourceAlreadyExists,
            Self::Stage { .. }
            | Self::Deployed { .. }
            | Self::Invalid(_)
            | Self::ParamChanged { .. }
            | Self::Filter(_)
            | Self::Order(_) => ErrorCode::InvalidParameterValue,
            Self::Db(DbError::Away { .. } | DbError::Closed) => ErrorCode::TemporarilyUnavailable,
            Self::Db(DbError::Full) => ErrorCode::ResourceExhausted,
            Self::Db(_) | Self::Seal(_) => ErrorCode::Internal,
        }
    }
}

impl Coded for TrackingError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::RunMissing { .. } | Self::Absent(_) => "record-missing",
            Self::Exists { .. } => "record-exists",
            Self::Deployed { .. } => "record-deployed",
            Self::Stage { .. } | Self::Invalid(_) | Self::ParamChanged { .. } => "record-invalid",
            Self::Filter(_) => "record-filter",
            Self::Order(_) => "record-order",
            Self::Seal(error) => error.code(),
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Filter(_) => Some(
                "write for example metrics.rmse < 1 and params.depth = '6' and tags.team = 'a'"
                    .into(),
            ),
            Self::Order(_) => Some("write for example metrics.rmse ASC or start_time DESC".into()),
            Self::Deployed { .. } => Some(
                "take it from there first: automl endpoint undeploy ENDPOINT DEPLOYMENT".into(),
            ),
            Self::Db(error) => error.hint(),
            Self::Seal(error) => error.hint(),
            _ => None,
        }
    }
}
