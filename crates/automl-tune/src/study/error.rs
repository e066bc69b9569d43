//! Why a study refuses what it is told.

use super::trial::State;
use automl_core::Coded;

/// Why a study refuses what it is told; it is then as before.
#[derive(Debug, Clone, PartialEq)]
pub enum StudyError {
    /// No objective.
    NoObjective,
    /// Two objectives share one name.
    ObjectiveDuplicate {
        /// The name.
        name: String,
    },
    /// A sampler of one objective, where there are several.
    OneObjective {
        /// The sampler, as files name it.
        algorithm: &'static str,
        /// How many objectives there are.
        n_objectives: usize,
    },
    /// A trial of this number exists.
    TrialExists {
        /// The number.
        id: u64,
    },
    /// No trial has this number.
    TrialUnknown {
        /// The number.
        id: u64,
    },
    /// The trial has ended already.
    TrialFinished {
        /// The number.
        id: u64,
        /// How it ended.
        state: State,
    },
    /// A parameter that the space does not have.
    ParameterUnknown {
        /// The name.
        name: String,
        /// Known names that look like it.
        near: Vec<String>,
    },
    /// A parameter is missing, is outside its domain, or is given although it is not active.
    ParameterInvalid {
        /// The name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A combination that a clause or a constraint of the space refuses.
    PointForbidden,
    /// Not one value for each objective.
    ValueCount {
        /// How many objectives there are.
        wanted: usize,
        /// How many values were told.
        given: usize,
    },
    /// A value that is not finite.
    ValueNotFinite {
        /// The objective, or `constraint`.
        name: String,
    },
}

impl std::fmt::Display for StudyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoObjective => f.write_str("the study has no objective"),
            Self::ObjectiveDuplicate { name } => write!(f, "objective '{name}' appears twice"),
            Self::OneObjective {
                algorithm,
                n_objectives,
            } => write!(
                f,
                "the algorithm '{algorithm}' takes one objective, the study has {n_objectives}"
            ),
            Self::TrialExists { id } => write!(f, "trial {id} exists already"),
            Self::TrialUnknown { id } => write!(f, "there is no trial {id}"),
            Self::TrialFinished { id, state } => {
                let how = match state {
                    State::Stopped => "was stopped",
                    State::Failed => "has failed",
                    _ => "is complete",
                };
                write!(f, "trial {id} {how} already")
            }
            Self::ParameterUnknown { name, .. } => {
                write!(f, "'{name}' is no parameter of the study")
            }
            Self::ParameterInvalid { name, reason } => write!(f, "parameter '{name}' {reason}"),
            Self::PointForbidden => {
                f.write_str("the parameters are a combination that the space forbids")
            }
            Self::ValueCount { wanted, given } => {
                write!(f, "{given} values were told for {wanted} objectives")
            }
            Self::ValueNotFinite { name } => write!(f, "the value of '{name}' is not finite"),
        }
    }
}

impl std::error::Error for StudyError {}

impl Coded for StudyError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoObjective => "study-objective-missing",
            Self::ObjectiveDuplicate { .. } => "study-objective-duplicate",
            Self::OneObjective { .. } => "study-algorithm-objectives",
            Self::TrialExists { .. } => "study-trial-exists",
            Self::TrialUnknown { .. } => "study-trial-unknown",
            Self::TrialFinished { .. } => "study-trial-finished",
            Self::ParameterUnknown { .. } => "study-parameter-unknown",
            Self::ParameterInvalid { .. } => "study-parameter-invalid",
            Self::PointForbidden => "study-point-forbidden",
            Self::ValueCount { .. } => "study-value-count",
            Self::ValueNotFinite { .. } => "study-value-not-finite",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoObjective => Some("name at least one objective".to_owned()),
            Self::OneObjective { .. } => Some("use 'auto', 'gp', 'tpe' or 'nsga2'".to_owned()),
            Self::TrialFinished { .. } => Some("tell each trial once".to_owned()),
            Self::ParameterUnknown { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::ValueNotFinite { .. } => {
                Some("report the trial as failed if it has no finite value".to_owned())
            }
            Self::ValueCount { .. } => Some("tell one value for each objective".to_owned()),
            _ => None,
        }
    }
}
