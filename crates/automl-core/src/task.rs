//! What is to be predicted.

use serde::{Deserialize, Serialize};

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
}

impl TaskKind {
    /// The task's lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Multiclass => "multiclass",
            Self::Regression => "regression",
        }
    }
}

/// The task of one dataset, with its classes. Later tasks (quantile, ranking, forecasting, …) become variants.
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
}

impl Task {
    /// The task without its classes.
    pub fn kind(&self) -> TaskKind {
        match self {
            Self::Binary { .. } => TaskKind::Binary,
            Self::Multiclass { .. } => TaskKind::Multiclass,
            Self::Regression => TaskKind::Regression,
        }
    }

    /// Class labels in code order; empty for regression.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Binary { classes } | Self::Multiclass { classes } => classes,
            Self::Regression => &[],
        }
    }

    /// The class that precision, recall, F1 and their like are of; only tasks of two classes have one.
    pub fn positive_class(&self) -> Option<&str> {
        match self {
            Self::Binary { classes } => classes.get(1).map(String::as_str),
            _ => None,
        }
    }

    /// Number of classes; zero for regression.
    pub fn n_classes(&self) -> usize {
        self.classes().len()
    }

    /// Whether a class is predicted.
    pub fn is_classification(&self) -> bool {
        !matches!(self, Self::Regression)
    }
}
