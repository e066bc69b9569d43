//! What a model can say beside its predictions: what each feature did to them, and what its trees look like.

#[cfg(test)]
mod tests;

use crate::error::Coded;
use crate::{Importance, PredictError, Predictions, TableView};

/// The scale on which attributions sum to what the model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The prediction itself: numbers, or the probability of each class (of the second one where there are two).
    Prediction,
    /// The logarithm of the predicted number.
    Log,
    /// The log-odds of the second of two classes.
    LogOdds,
    /// A score for each class, whose softmax is the probabilities.
    Softmax,
    /// The log-odds of each class against the others; the probabilities are scaled to sum to 1.
    OneVsRest,
}

impl Scale {
    /// What it is called where attributions are told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prediction => "prediction",
            Self::Log => "log",
            Self::LogOdds => "log-odds",
            Self::Softmax => "softmax",
            Self::OneVsRest => "one-vs-rest",
        }
    }
}

/// What each column did to each prediction: Shapley values.
///
/// The values of a row and output sum to the model's raw score on [`Explanation::scale`].
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The columns that the model was fitted on.
    pub columns: Vec<String>,
    /// Scores a row: 1, or the number of classes of a multiclass task.
    pub n_outputs: usize,
    /// What the values sum to.
    pub scale: Scale,
    /// `n_rows × n_outputs × (columns + 1)` values, row-major; the last of each row is the expected score.
    pub values: Vec<f64>,
}

impl Explanation {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len() / (self.n_outputs * (self.columns.len() + 1))
    }

    /// One value a column for an output of a row, then the expected score.
    pub fn row(&self, row: usize, output: usize) -> &[f64] {
        let width = self.columns.len() + 1;
        &self.values[(row * self.n_outputs + output) * width..][..width]
    }
}

/// What each pair of columns did to each prediction: Shapley interaction values.
///
/// The matrix of a row and output is symmetric; its rows sum to the values of the [`Explanation`].
#[derive(Debug, Clone, PartialEq)]
pub struct Interactions {
    /// The columns that the model was fitted on.
    pub columns: Vec<String>,
    /// Scores a row: 1, or the number of classes of a multiclass task.
    pub n_outputs: usize,
    /// What the values sum to.
    pub scale: Scale,
    /// `n_rows × n_outputs` matrices of `columns + 1` rows and columns; the last element of each is the expected score.
    pub values: Vec<f64>,
}

impl Interactions {
    /// The matrix for an output of a row, row-major.
    pub fn matrix(&self, row: usize, output: usize) -> &[f64] {
        let n_cells = (self.columns.len() + 1).pow(2);
        &self.values[(row * self.n_outputs + output) * n_cells..][..n_cells]
    }
}

/// What makes a feature important to trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportanceKind {
    /// What its splits gained.
    Gain,
    /// The weight of the rows that its splits told apart.
    Cover,
    /// The number of its splits.
    Splits,
}

/// A model made of trees that are grown in rounds; a forest's round is one tree.
pub trait TreeModel {
    /// Number of rounds.
    fn n_rounds(&self) -> usize;

    /// Number of trees, of all rounds.
    fn n_trees(&self) -> usize;

    /// The leaf of each row in each tree, `n_trees` a row, row-major; the leaves of a tree are numbered from 0.
    fn leaves(&self, rows: &TableView<'_>) -> Result<Vec<u32>, PredictError>;

    /// The predictions after so many rounds, for each number in `rounds`, which rise. A number beyond
    /// [`TreeModel::n_rounds`] means all; every tree is walked once.
    fn staged(
        &self,
        rows: &TableView<'_>,
        rounds: &[usize],
    ) -> Result<Vec<Predictions>, PredictError>;

    /// How much each feature matters, by a measure of choice; none where no tree has a split, or where the model was
    /// written before the measure was kept.
    fn importance_by(&self, kind: ImportanceKind) -> Option<Importance>;
}

/// Why a prediction cannot be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// This kind of model has no attributions.
    #[error("this model has no attributions")]
    Unsupported,
    /// The model was written before its trees kept what attributions need.
    #[error("the model does not say how many rows its leaves were grown on")]
    NoCover,
    /// The rows cannot be predicted either.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

impl Coded for ExplainError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported => "explain-unsupported",
            Self::NoCover => "explain-no-cover",
            Self::Predict(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoCover => {
                Some("it was written by an older version; fit it again to have it explained".into())
            }
            Self::Unsupported => None,
            Self::Predict(error) => error.hint(),
        }
    }
}
