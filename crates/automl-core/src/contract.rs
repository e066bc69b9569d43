//! The contracts between crates: a configured [`Learner`] fits a [`Model`]; a [`Transformer`] fits a table-to-table map.

use crate::error::{Coded, size_text};
use crate::explain::{ExplainError, Explanation, Interactions, TreeModel};
use crate::metrics::MetricError;
use crate::{
    Artifact, ArtifactError, Budget, CollectiveError, DatasetView, ParamError, ParamMap, ParamSpec,
    Predictions, Seed, Table, TableView, TaskKind, Threads, Warnings,
};

/// What surrounds a fit: none of it changes what a finished model is, but for the seed.
#[derive(Debug)]
pub struct FitContext<'a> {
    /// The root of all randomness of this fit.
    pub seed: Seed,
    /// Threads to use.
    pub threads: Threads,
    /// When to wind up, and how much memory to use.
    pub budget: Budget,
    /// Where findings go.
    pub warnings: &'a Warnings,
}

impl FitContext<'_> {
    /// The same surroundings with another seed.
    pub fn with_seed(&self, seed: Seed) -> Self {
        Self {
            seed,
            threads: self.threads.clone(),
            budget: self.budget.clone(),
            warnings: self.warnings,
        }
    }
}

/// Rows to learn from, and rows that may be watched to stop in time.
#[derive(Debug, Clone, Copy)]
pub struct TrainingData<'a> {
    /// Rows to learn from; at least one.
    pub train: DatasetView<'a>,
    /// Rows of the same dataset, apart from `train`, for early stopping only.
    pub valid: Option<DatasetView<'a>>,
}

impl<'a> From<DatasetView<'a>> for TrainingData<'a> {
    fn from(train: DatasetView<'a>) -> Self {
        Self { train, valid: None }
    }
}

/// What a learner can take. What it cannot, a recipe must change first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent yes-or-no facts, read by name"
)]
pub struct Capabilities {
    /// The tasks it does.
    pub tasks: &'static [TaskKind],
    /// Takes missing numbers as they are.
    pub missing: bool,
    /// Takes category columns as they are.
    pub categories: bool,
    /// Takes sparse columns.
    pub sparse: bool,
    /// Row weights change the model; without this they are ignored.
    pub weights: bool,
    /// Watches validation rows to stop early.
    pub early_stopping: bool,
}

/// A learner as data: everything that a registry, a help page, a search or a loader needs.
#[derive(Debug, Clone, Copy)]
pub struct LearnerSpec {
    /// Stable snake-case name, as in configs and artifacts.
    pub id: &'static str,
    /// Readable name, as on a leaderboard.
    pub title: &'static str,
    /// What it can take.
    pub capabilities: Capabilities,
    /// Its parameters.
    pub params: &'static [ParamSpec],
    /// Papers and projects that it follows.
    pub references: &'static [&'static str],
    /// A learner with these parameters, the rest at their defaults.
    pub build: fn(&ParamMap) -> Result<Box<dyn Learner>, ParamError>,
    /// Reads back what its models write.
    pub load: fn(&Artifact) -> Result<Box<dyn Model>, ArtifactError>,
}

/// A learner with checked parameters.
pub trait Learner: Send + Sync {
    /// What it is.
    fn spec(&self) -> &'static LearnerSpec;

    /// All its parameters.
    fn params(&self) -> ParamMap;

    /// Learns from `data.train`. The same data, parameters and seed give the same model at any thread count.
    ///
    /// Polls `ctx.budget` between units of work (a tree, an iteration) and returns the valid partial model when it is
    /// over, or [`FitError::Cancelled`] if there is none yet.
    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError>;
}

/// What a fit gives.
pub struct Fitted {
    /// The model.
    pub model: Box<dyn Model>,
    /// Parameter values found by early stopping, such as the number of trees: pass them to refit on more rows.
    pub learned: ParamMap,
    /// Whether the budget ended the fit before the learner would have.
    pub is_partial: bool,
}

impl From<Box<dyn Model>> for Fitted {
    fn from(model: Box<dyn Model>) -> Self {
        Self {
            model,
            learned: ParamMap::new(),
            is_partial: false,
        }
    }
}

/// A fitted model.
pub trait Model: Send + Sync {
    /// One prediction a row of `rows`, whose table has the columns that the model was fitted on: the same names and
    /// kinds; categories coded by the same levels.
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError>;

    /// About how many nanoseconds one row alone takes a processor of these years. Counted from the model's sizes, never measured:
    /// what depends on it is the same on every machine.
    fn row_work(&self) -> f64 {
        1e3
    }

    /// How much each feature matters to the model, if it can say.
    fn importance(&self) -> Option<Importance> {
        None
    }

    /// What each column did to the prediction of each row, if the model can say. Gives the same at any thread count.
    fn explain(
        &self,
        _rows: &TableView<'_>,
        _threads: &Threads,
    ) -> Result<Explanation, ExplainError> {
        Err(ExplainError::Unsupported)
    }

    /// What each pair of columns did to the prediction of each row, if the model can say. The result is as large as the
    /// rows times the square of the columns, so explain few rows at a time.
    fn interactions(
        &self,
        _rows: &TableView<'_>,
        _threads: &Threads,
    ) -> Result<Interactions, ExplainError> {
        Err(ExplainError::Unsupported)
    }

    /// The model as trees, if it is made of them.
    fn as_trees(&self) -> Option<&dyn TreeModel> {
        None
    }

    /// The model as plain data; its `kind` is the learner's id.
    fn artifact(&self) -> Artifact;
}

/// How much each feature matters: names and shares, greatest first, summing to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance(pub Vec<(String, f64)>);

/// A fitted map from table to table.
pub trait Transformer: Send + Sync {
    /// The transformed rows.
    fn transform(&self, rows: &TableView<'_>) -> Result<Table, PredictError>;

    /// The transformer as plain data.
    fn artifact(&self) -> Artifact;
}

/// Why nothing was fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The budget was over before there was anything to return.
    #[error("stopped before a first model was ready")]
    Cancelled,
    /// The learner does not do this task.
    #[error("{learner} does not do {task} tasks")]
    Task {
        /// The learner.
        learner: &'static str,
        /// The task.
        task: &'static str,
    },
    /// A column is of a kind that the learner does not take.
    #[error("{learner} cannot take the {kind} column '{column}'")]
    Column {
        /// The learner.
        learner: &'static str,
        /// The column.
        column: String,
        /// Its kind, or what it holds.
        kind: &'static str,
    },
    /// No feature is left to learn from.
    #[error("{learner} has no feature to learn from")]
    NoFeatures {
        /// The learner.
        learner: &'static str,
    },
    /// The fit would need more memory than it may use.
    #[error("{learner} needs about {}, {} are allowed", size_text(*needed), size_text(*limit))]
    Memory {
        /// The learner.
        learner: &'static str,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The numbers got out of hand.
    #[error("{learner} failed: {reason}")]
    Numeric {
        /// The learner.
        learner: &'static str,
        /// What happened.
        reason: String,
    },
    /// The model given to start from cannot be continued.
    #[error("{learner} cannot continue this model: {reason}")]
    Start {
        /// The learner.
        learner: &'static str,
        /// Why not.
        reason: String,
    },
    /// The metric that is watched has no value for the validation rows.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// Parameters that do not fit the data.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// A fitted part could not be applied.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The ranks that fit together could not exchange what they must.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
}

impl Coded for FitError {
    fn code(&self) -> &'static str {
        match self {
            Self::Cancelled => "fit-cancelled",
            Self::Task { .. } => "fit-task",
            Self::Column { .. } => "fit-column",
            Self::NoFeatures { .. } => "fit-no-features",
            Self::Memory { .. } => "fit-memory",
            Self::Numeric { .. } => "fit-numeric",
            Self::Start { .. } => "fit-start",
            Self::Metric(error) => error.code(),
            Self::Param(error) => error.code(),
            Self::Predict(error) => error.code(),
            Self::Collective(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Metric(error) => error.hint(),
            Self::Param(error) => error.hint(),
            Self::Predict(error) => error.hint(),
            Self::Collective(error) => error.hint(),
            _ => None,
        }
    }
}

/// Why rows cannot be predicted or transformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// A column that the model was fitted on is not there.
    #[error("column '{name}' is missing")]
    ColumnMissing {
        /// The column.
        name: String,
    },
    /// A column is of another kind than it was when the model was fitted.
    #[error("column '{name}' is {found}, the model expects {expected}")]
    ColumnKind {
        /// The column.
        name: String,
        /// Its kind here.
        found: &'static str,
        /// Its kind then.
        expected: &'static str,
    },
    /// A cell of the column that predictions start from holds no finite number.
    #[error("column '{name}' has no finite number in row {}", .row + 1)]
    Offset {
        /// The column.
        name: String,
        /// The row of the table, from 0.
        row: usize,
    },
    /// A cell does not hold what the model reads.
    #[error("row {} of column '{name}' {reason}", .row + 1)]
    Cell {
        /// The column.
        name: String,
        /// The row of the table, from 0.
        row: usize,
        /// What is wrong, as the rest of the sentence.
        reason: String,
    },
    /// A cell of the column that predictions are multiplied by holds no number that is at least zero.
    #[error("column '{name}' has no finite number of at least 0 in row {}", .row + 1)]
    Exposure {
        /// The column.
        name: String,
        /// The row of the table, from 0.
        row: usize,
    },
    /// A part of the model gives another number of values a row than its task has.
    #[error("a part of the model gives {found} values a row where its task has {expected}")]
    Width {
        /// Values a row that the part gives.
        found: usize,
        /// Values a row that the task has.
        expected: usize,
    },
}

impl Coded for PredictError {
    fn code(&self) -> &'static str {
        match self {
            Self::Width { .. } => "predict-width",
            Self::ColumnMissing { .. } => "predict-column-missing",
            Self::ColumnKind { .. } => "predict-column-kind",
            Self::Offset { .. } => "predict-offset",
            Self::Cell { .. } => "predict-cell",
            Self::Exposure { .. } => "predict-exposure",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Exposure { .. } => Some(
                "the model tells how many are expected in that exposure: give every row one, 1 for a rate".into(),
            ),
            Self::Offset { .. } => Some(
                "the model adds this column to its scores: give every row a number, 0 where nothing is to be added".into(),
            ),
            _ => None,
        }
    }
}
