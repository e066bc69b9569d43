//! Findings that do not stop the work but that its user must hear of.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WarningKind {
    /// A column holds one value.
    ConstantColumn,
    /// Two columns hold the same values.
    DuplicateColumn,
    /// A column names the rows instead of describing them.
    IdLikeColumn,
    /// A category has very many levels.
    HighCardinality,
    /// Columns nearly determine the target and may not be known when predicting.
    TargetLeak,
    /// One class is rare.
    ClassImbalance,
    /// Most classes of the target have next to no rows.
    ScatteredTarget,
    /// Rows repeat.
    DuplicateRows,
    /// A column differs between two tables.
    Drift,
    /// Rows were left out because their target is missing.
    MissingTarget,
    /// A column of the file is not used.
    ExtraColumn,
    /// A column of the model is not in the file and is treated as missing.
    MissingColumn,
    /// A column of the file has no name.
    UnnamedColumn,
    /// Dates can be read in two ways.
    AmbiguousDate,
    /// Whole numbers have more digits than a number keeps.
    LongIntegers,
    /// Levels of a category are nearly written alike.
    NearLevels,
    /// Rows stand in the order of a time.
    TimeOrder,
    /// Cells could not be read as their column's kind.
    UnreadCells,
    /// A trial failed or was given up.
    TrialFailed,
    /// Work was cut to stay within a limit.
    BudgetReached,
    /// A numeric method stopped before it converged.
    NotConverged,
    /// A parameter has no effect beside another.
    ParameterIgnored,
    /// Rows are too few for what was asked of them.
    FewRows,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// The columns it is about, if any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// One sentence for the user: what was found and what follows from it.
    pub message: String,
}

impl Warning {
    /// A warning about columns, perhaps none.
    pub fn new<S: Into<String>>(
        kind: WarningKind,
        columns: impl IntoIterator<Item = S>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            columns: columns.into_iter().map(Into::into).collect(),
            message: message.into(),
        }
    }
}

/// Collects warnings from any thread; each is kept once, in the order of arrival.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<Vec<Warning>>);

impl Warnings {
    /// Adds a warning unless the same one is there.
    pub fn push(&self, warning: Warning) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&warning) {
            all.push(warning);
        }
    }

    /// All warnings so far.
    pub fn list(&self) -> Vec<Warning> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
