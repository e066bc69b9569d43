//! What is wrong with a call, as gRPC tells it.

use automl_store::db::DbError;
use automl_store::studies::StudiesError;
use tonic::{Code, Status};

/// An error that gRPC can tell.
pub(crate) trait Refusal {
    /// As gRPC tells it.
    fn status(&self) -> Status;
}

impl Refusal for StudiesError {
    fn status(&self) -> Status {
        Status::new(code(self), self.to_string())
    }
}

/// The code of an error.
pub(crate) fn code(error: &StudiesError) -> Code {
    match error {
        StudiesError::StudyMissing { .. } | StudiesError::TrialMissing { .. } => Code::NotFound,
        StudiesError::StudyExists { .. } => Code::AlreadyExists,
        StudiesError::TrialFinished { .. }
        | StudiesError::StudyClosed { .. }
        | StudiesError::TrialNotHeld { .. } => Code::FailedPrecondition,
        StudiesError::Incompatible { .. } | StudiesError::Invalid { .. } => Code::InvalidArgument,
        StudiesError::Db(DbError::Away { .. } | DbError::Closed) => Code::Unavailable,
        StudiesError::Db(DbError::Full) => Code::ResourceExhausted,
        StudiesError::Db(_) => Code::Internal,
    }
}
