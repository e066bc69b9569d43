//! What errors cost, in words and as JSON.

use crate::text;
use automl_core::{MeanCosts, Task};
use serde::Serialize;

/// What the record calls the mean cost of a row.
pub(crate) const MEAN_COST: &str = "mean_cost";

/// Mean costs of a row, told by the names of classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CostScores {
    /// With the class that is predicted.
    pub(crate) mean: f64,
    /// If it were the likeliest.
    pub(crate) likeliest: f64,
    /// If it were the same for all rows, the one that costs least so.
    pub(crate) constant: f64,
    pub(crate) constant_class: String,
}

impl CostScores {
    pub(crate) fn of(costs: MeanCosts, task: &Task) -> Self {
        let class = task.classes().get(costs.constant_class);
        Self {
            mean: costs.decided,
            likeliest: costs.likeliest,
            constant: costs.constant,
            constant_class: class.cloned().unwrap_or_default(),
        }
    }

    /// `0.31 a row; 0.52 with the likeliest class, 0.6 with 'good' for all`.
    pub(crate) fn words(&self) -> String {
        format!(
            "{} a row; {} with the likeliest class, {} with '{}' for all",
            text::score(self.mean),
            text::score(self.likeliest),
            text::score(self.constant),
            self.constant_class
        )
    }
}
