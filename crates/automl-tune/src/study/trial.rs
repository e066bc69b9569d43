//! Trials as data: what was tried and what came of it.

use automl_core::ParamMap;
use serde::{Deserialize, Serialize};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less is better.
    #[default]
    Minimize,
    /// More is better.
    Maximize,
}

impl Direction {
    /// The value as a loss: less is better.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Self::Minimize => value,
            Self::Maximize => -value,
        }
    }
}

/// One number that a study makes better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Its name.
    pub name: String,
    /// Which way is better.
    #[serde(default)]
    pub direction: Direction,
}

impl Objective {
    /// A loss under this name.
    pub fn minimize(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            direction: Direction::Minimize,
        }
    }

    /// A score under this name.
    pub fn maximize(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            direction: Direction::Maximize,
        }
    }
}

/// What a running trial measured after some work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// How much work, such as epochs.
    pub step: u64,
    /// A value for each objective.
    pub values: Vec<f64>,
}

/// Where a trial is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was asked for and nobody runs it yet.
    Waiting,
    /// Somebody runs it.
    Running,
    /// It ended with a value for each objective.
    Complete,
    /// It was ended early, on what it measured so far.
    Stopped,
    /// It gave no value, or is infeasible.
    Failed,
}

impl State {
    /// Whether nothing more will come of it.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Stopped | Self::Failed)
    }
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Its number within the study.
    pub id: u64,
    /// What it tries.
    pub params: ParamMap,
    /// Where it is.
    pub state: State,
    /// A value for each objective once it is complete.
    #[serde(default)]
    pub values: Vec<f64>,
    /// How much each constraint is exceeded: at most zero is kept.
    #[serde(default)]
    pub constraints: Vec<f64>,
    /// What it measured on the way, by rising step.
    #[serde(default)]
    pub curve: Vec<Measurement>,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// With a value for each objective.
    Complete {
        /// The values.
        values: Vec<f64>,
        /// How much each constraint is exceeded: at most zero is kept.
        #[serde(default)]
        constraints: Vec<f64>,
    },
    /// Early, on what it measured so far.
    Stopped,
    /// Without a value.
    Failed,
}
