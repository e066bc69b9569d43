//! What is told of a request that cannot be met.

use super::super::refusal::{Refusal, code};
use super::names::id_of;
use crate::tuning::TuneError;
use automl_core::Coded;
use automl_store::db::DbError;
use automl_store::studies::StudiesError;
use automl_tune::StudyError;
use prost::DecodeError;
use tonic::{Code, Status};

/// A request that cannot be met; nothing is then changed.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Tune(#[from] TuneError),
    #[error("trial {} waits for a worker; ask for suggestions to run it", id_of(*number))]
    Waits { number: i64 },
    #[error("a study '{name}' exists already, made through the protocol '{protocol}'")]
    Foreign { name: String, protocol: String },
    #[error("the metric '{name}' {reason}")]
    Metric { name: String, reason: &'static str },
    #[error("the parameter '{name}' {reason}")]
    Parameter { name: String, reason: &'static str },
    #[error(
        "the algorithm '{name}' is not known here; use one of {known}, or none for a choice by the study"
    )]
    Algorithm { name: String, known: String },
    #[error(
        "the algorithm '{name}' takes one objective, the study has {n_objectives}; use one of NSGA2, TPE, GP_UCB_PE and DEFAULT"
    )]
    Objectives { name: String, n_objectives: usize },
    #[error(
        "the study wants its trials from the server of algorithms at '{endpoint}'; trials are proposed here alone"
    )]
    Pythia { endpoint: String },
}

/// A part of a request that is not usable.
pub(super) fn invalid(field: &'static str, reason: impl Into<String>) -> Refused {
    let reason = reason.into();
    StudiesError::Invalid { field, reason }.into()
}

/// A message within a message that cannot be read.
pub(super) fn unreadable(field: &'static str) -> impl Fn(DecodeError) -> Refused {
    move |error| invalid(field, error.to_string())
}

impl From<StudiesError> for Refused {
    fn from(error: StudiesError) -> Self {
        Self::Tune(error.into())
    }
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Self::Tune(error.into())
    }
}

impl From<StudyError> for Refused {
    fn from(error: StudyError) -> Self {
        Self::Tune(error.into())
    }
}

/// The same of a trial as clients count them.
fn renumbered(error: &StudiesError) -> StudiesError {
    match error.clone() {
        StudiesError::TrialFinished { number, state } => StudiesError::TrialFinished {
            number: number + 1,
            state,
        },
        StudiesError::TrialMissing { id } => StudiesError::TrialMissing { id: id + 1 },
        other => other,
    }
}

impl Refusal for Refused {
    fn status(&self) -> Status {
        match self {
            Self::Tune(TuneError::Record(error)) => renumbered(error).status(),
            Self::Tune(error) => {
                let told = match error.hint() {
                    Some(hint) => format!("{error}; {hint}"),
                    None => error.to_string(),
                };
                Status::invalid_argument(told)
            }
            Self::Waits { .. } => Status::failed_precondition(self.to_string()),
            Self::Foreign { .. } => Status::already_exists(self.to_string()),
            Self::Metric { .. }
            | Self::Parameter { .. }
            | Self::Algorithm { .. }
            | Self::Objectives { .. }
            | Self::Pythia { .. } => Status::invalid_argument(self.to_string()),
        }
    }
}

impl Refused {
    /// Whether it is that something is not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Tune(TuneError::Record(error)) if code(error) == Code::NotFound)
    }
}
