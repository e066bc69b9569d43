//! What is to be predicted.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The tasks that a learner may say it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TaskKind {
    /// One of two classes.
    Binary,
    /// One of three or more classes.
    Multiclass,
    /// A number.
    Regression,
    /// Numbers that the target lies below with given probabilities.
    Quantile,
    /// Several targets of the same rows. No learner does it: each target is learned as a task of its own.
    MultiOutput,
}

impl TaskKind {
    /// The task's lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Multiclass => "multiclass",
            Self::Regression => "regression",
            Self::Quantile => "quantile",
            Self::MultiOutput => "multioutput",
        }
    }
}

/// The task of one dataset, with its classes. Later tasks (ranking, forecasting, …) become variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Task {
    /// One of two classes; the second is the positive one.
    Binary {
        /// Class labels in code order, exactly two: sorted, unless the first of them was named as the positive one.
        classes: Vec<String>,
    },
    /// One of three or more classes.
    Multiclass {
        /// Class labels in code order, sorted.
        classes: Vec<String>,
    },
    /// A number.
    Regression,
    /// Numbers that the target lies below with given probabilities.
    Quantile {
        /// The probabilities: rising, each once, at least one.
        levels: Vec<Level>,
    },
    /// Several targets of the same rows, each with a task of its own.
    MultiOutput {
        /// The targets in the order in which they were named, at least two, none of several itself.
        targets: Vec<TargetTask>,
    },
}

/// One of several targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetTask {
    /// The column that is predicted.
    pub target: String,
    /// What is predicted of it.
    pub task: Task,
}

impl TargetTask {
    /// The name of the column that holds the probability of a class.
    pub fn probability_column(&self, class: &str) -> String {
        format!("probability_{}_{class}", self.target)
    }

    /// How many numbers a model says of a row: one, or one a class.
    pub fn width(&self) -> usize {
        self.task.n_classes().max(1)
    }
}

/// The probability that a value lies at or below a quantile: above 0 and below 1, known to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Level(u32);

/// Not a probability that a quantile can have.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not the level of a quantile: above 0 and below 1, to a millionth")]
pub struct LevelError(pub f64);

impl Level {
    const MILLION: f64 = 1e6;

    /// The level as a share.
    pub fn share(self) -> f64 {
        f64::from(self.0) / Self::MILLION
    }

    /// The share between this level and a greater one.
    pub fn share_to(self, greater: Self) -> f64 {
        f64::from(greater.0.saturating_sub(self.0)) / Self::MILLION
    }

    /// The name of the column that holds this quantile.
    pub fn column(self) -> String {
        format!("quantile_{self}")
    }
}

impl TryFrom<f64> for Level {
    type Error = LevelError;

    fn try_from(share: f64) -> Result<Self, LevelError> {
        let millionths = (share * Self::MILLION).round();
        if (1.0..Self::MILLION).contains(&millionths) {
            Ok(Self(millionths as u32))
        } else {
            Err(LevelError(share))
        }
    }
}

impl From<Level> for f64 {
    fn from(level: Level) -> Self {
        level.share()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.share())
    }
}

impl Task {
    /// The task without its classes.
    pub fn kind(&self) -> TaskKind {
        match self {
            Self::Binary { .. } => TaskKind::Binary,
            Self::Multiclass { .. } => TaskKind::Multiclass,
            Self::Regression => TaskKind::Regression,
            Self::Quantile { .. } => TaskKind::Quantile,
            Self::MultiOutput { .. } => TaskKind::MultiOutput,
        }
    }

    /// Class labels in code order; empty where numbers are predicted, or several targets.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Binary { classes } | Self::Multiclass { classes } => classes,
            Self::Regression | Self::Quantile { .. } | Self::MultiOutput { .. } => &[],
        }
    }

    /// The targets of a task of several; empty for others.
    pub fn targets(&self) -> &[TargetTask] {
        match self {
            Self::MultiOutput { targets } => targets,
            _ => &[],
        }
    }

    /// The levels of the quantiles that are predicted; empty for other tasks.
    pub fn levels(&self) -> &[Level] {
        match self {
            Self::Quantile { levels } => levels,
            _ => &[],
        }
    }

    /// The class that precision, recall, F1 and their like are of; only tasks of two classes have one.
    pub fn positive_class(&self) -> Option<&str> {
        match self {
            Self::Binary { classes } => classes.get(1).map(String::as_str),
            _ => None,
        }
    }

    /// Number of classes; zero where numbers are predicted.
    pub fn n_classes(&self) -> usize {
        self.classes().len()
    }

    /// Whether a class is predicted.
    pub fn is_classification(&self) -> bool {
        matches!(self, Self::Binary { .. } | Self::Multiclass { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_probability_that_is_written_as_it_was_given() {
        for share in [0.1, 0.5, 0.975, 0.000_001, 0.999_999] {
            let level = Level::try_from(share).unwrap();
            assert_eq!(
                (level.share(), level.to_string()),
                (share, share.to_string())
            );
            let text = serde_json::to_string(&level).unwrap();
            assert_eq!(serde_json::from_str::<Level>(&text).unwrap(), level);
        }
        let [low, high] = [0.05, 0.95].map(|share| Level::try_from(share).unwrap());
        assert_eq!(low.share_to(high), 0.9);
        for share in [0.0, 1.0, -0.1, 1e-9, f64::NAN] {
            assert!(Level::try_from(share).is_err(), "{share}");
        }
    }
}
