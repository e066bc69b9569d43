//! What was tried and how good it was.

use automl_core::ParamMap;
use serde::{Deserialize, Serialize};

/// Everything that was tried, best first; the ensemble stands on top.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leaderboard {
    /// The metric's name.
    pub metric: String,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// How scores were estimated, in words.
    pub validation: String,
    /// One row a model.
    pub rows: Vec<LeaderboardRow>,
}

impl Leaderboard {
    /// The same with another row on top.
    #[must_use]
    pub(crate) fn under(mut self, row: LeaderboardRow) -> Self {
        self.rows.insert(0, row);
        for (index, row) in self.rows.iter_mut().enumerate() {
            row.rank = index + 1;
        }
        self
    }
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeaderboardRow {
    /// Its rank, from 1.
    pub rank: usize,
    /// Its readable name, such as `gradient boosting #7`.
    pub name: String,
    /// The learner's id, or `ensemble`.
    pub learner: String,
    /// The trial's number; none for the ensemble.
    pub trial: Option<u64>,
    /// Score on rows that it was not fitted on, though early stopping may have watched them.
    pub score: f64,
    /// What a row costs on average where the class of least expected cost is predicted, if costs decide; not known of trials that
    /// are too bad for the ensemble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_cost: Option<f64>,
    /// Score of each fold.
    pub fold_scores: Vec<f64>,
    /// Seconds that its fits took, summed over folds.
    pub fit_seconds: f64,
    /// Its share of the ensemble; zero if it is not in.
    pub weight: f64,
    /// The recipe's name.
    pub recipe: String,
    /// All parameters of the learner.
    pub params: ParamMap,
    /// What its fits found by themselves, such as the rounds of boosting that early stopping kept; the mean over folds.
    #[serde(default, skip_serializing_if = "ParamMap::is_empty")]
    pub learned: ParamMap,
    /// Whether a limit ended its fit early.
    pub is_partial: bool,
}
