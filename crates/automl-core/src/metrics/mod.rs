//! Metrics: how good predictions are, with a direction, bounds and the tasks that each is for.
//!
//! Definitions are those of scikit-learn where it has the metric; every one takes row weights, and a row of weight zero
//! counts as absent. Cost is O(rows × classes), and O(rows × log rows × classes) for the two that rank.
//!
//! ```
//! use automl_core::{Predictions, metrics::Metric};
//!
//! let metric = Metric::from_name("AUC")?;
//! let predictions = Predictions::Probabilities { n_classes: 2, values: vec![0.9, 0.1, 0.6, 0.4, 0.35, 0.65] };
//! assert_eq!(metric, Metric::RocAuc);
//! assert_eq!(metric.score(&[0.0, 0.0, 1.0], &predictions, None)?, 1.0);
//! assert!(metric.is_better(0.9, 0.8));
//! # Ok::<(), automl_core::metrics::MetricError>(())
//! ```

mod classification;
mod counts;
mod facts;
mod input;
mod joint;
mod ranking;
mod regression;
#[cfg(test)]
mod tests;

use crate::error::{Coded, nearest, or_list};
use crate::{Predictions, TaskKind};
pub use counts::ClassCounts;
use facts::{FACTS, Facts, Formula};
use input::Scored;
pub use joint::{JointScores, TargetCodes};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A metric. Written and read by its [name](Metric::name); aliases are read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Metric {
    /// Area under the receiver operating characteristic, ties counting one half; the mean over one-versus-rest
    /// problems for three or more classes, leaving out classes that no row has.
    RocAuc,
    /// Average precision `Σ (Rₙ − Rₙ₋₁) Pₙ` over the distinct thresholds, without interpolation; the mean over
    /// one-versus-rest problems for three or more classes, leaving out classes that no row has.
    AveragePrecision,
    /// Mean of `−ln p` of the true class, `p` no lower than 1e-15.
    LogLoss,
    /// Share of rows whose likeliest class is the true one.
    Accuracy,
    /// Mean recall over the classes that rows have.
    BalancedAccuracy,
    /// Harmonic mean of precision and recall of the positive class; 0 where neither is defined.
    F1,
    /// Mean F1 over the classes that are true or predicted somewhere.
    F1Macro,
    /// Mean F1 over classes, weighted by how many rows have each.
    F1Weighted,
    /// Matthews correlation between true and predicted classes (Gorodkin's form for many); 0 where one side is constant.
    Mcc,
    /// Cohen's kappa: agreement beyond chance.
    CohenKappa,
    /// Mean squared error of the probabilities: of the positive class for two classes (0 to 1), summed over all classes
    /// for more (0 to 2).
    Brier,
    /// Expected calibration error over 15 bins of equal width: of the positive class's probability for two classes, of
    /// the likeliest class's for more (Guo et al., 2017).
    Ece,
    /// Root of the mean squared error.
    Rmse,
    /// Mean squared error.
    Mse,
    /// Mean absolute error.
    Mae,
    /// Mean of `|y − p| / |y|`, a share and not per cent; the divisor is no lower than 2.2e-16.
    Mape,
    /// Mean of `2 |y − p| / (|y| + |p|)`, from 0 to 2; 0 where both are 0.
    Smape,
    /// Share of the target's variance that is explained; for a constant target 1 if met exactly and 0 otherwise.
    R2,
    /// Root of the mean squared difference of `ln(1 + value)`; values must be above −1.
    Rmsle,
    /// Pinball loss: of quantiles the mean over their levels, of numbers that of the median, half the mean absolute error.
    Pinball,
    /// Mean Poisson deviance; targets must not be negative, predictions positive.
    PoissonDeviance,
    /// Mean Tweedie deviance of power 1.5; targets must not be negative, predictions positive.
    TweedieDeviance,
}

/// Why there is no score.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// No metric has this name.
    #[error("unknown metric '{name}'")]
    Unknown {
        /// The name given.
        name: String,
        /// Metrics with a similar name.
        near: Vec<String>,
    },
    /// The metric is not for predictions of this task.
    #[error("{metric} is not for {task} predictions")]
    Task {
        /// The metric.
        metric: Metric,
        /// The predictions' task.
        task: &'static str,
    },
    /// There is no row to score.
    #[error("{metric} of no rows")]
    Empty {
        /// The metric.
        metric: Metric,
    },
    /// Target, predictions and weights differ in length.
    #[error("{part} has {n_rows} rows where the target has {expected}")]
    Length {
        /// `predictions` or `weight`.
        part: &'static str,
        /// Its rows.
        n_rows: usize,
        /// The target's rows.
        expected: usize,
    },
    /// A value that the metric cannot take.
    #[error("{metric}: {part} {value} of row {row} {reason}{}", and_others(*n_rows))]
    Value {
        /// The metric.
        metric: Metric,
        /// `target`, `prediction` or `weight`.
        part: &'static str,
        /// The value.
        value: f64,
        /// The first such row, from 0.
        row: usize,
        /// Rows with such a value.
        n_rows: usize,
        /// Why not, as the rest of the sentence.
        reason: &'static str,
    },
    /// All weights are zero.
    #[error("{metric}: all weights are zero")]
    ZeroWeight {
        /// The metric.
        metric: Metric,
    },
    /// The metric has no value for this target.
    #[error("{metric} is undefined: {reason}")]
    Undefined {
        /// The metric.
        metric: Metric,
        /// Why.
        reason: &'static str,
    },
}

impl Coded for MetricError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "metric-unknown",
            Self::Task { .. } => "metric-task",
            Self::Empty { .. } => "metric-empty",
            Self::Length { .. } => "metric-length",
            Self::Value { .. } => "metric-value",
            Self::ZeroWeight { .. } => "metric-zero-weight",
            Self::Undefined { .. } => "metric-undefined",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", or_list(near)))
            }
            Self::Unknown { .. } => Some(format!("known metrics: {}", known_names().join(", "))),
            Self::Task { task, .. } => {
                let fitting: Vec<&str> = Metric::all()
                    .filter(|metric| metric.tasks().iter().any(|kind| kind.name() == *task))
                    .map(Metric::name)
                    .collect();
                Some(format!("metrics for {task}: {}", fitting.join(", ")))
            }
            _ => None,
        }
    }
}

/// ` (1 of 3 such rows)`, behind what is said of the first.
fn and_others(n_rows: usize) -> String {
    match n_rows {
        0 | 1 => String::new(),
        n => format!(" (the first of {n} such rows)"),
    }
}

fn known_names() -> Vec<&'static str> {
    Metric::all().map(Metric::name).collect()
}

/// The names of the metrics whose name or alias looks most like `name`, best first.
fn near_names(name: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for near in nearest(name, FACTS.iter().flat_map(Facts::all_names)) {
        let metric = FACTS.iter().find(|facts| facts.answers_to(&near));
        let name = metric.map_or(near.as_str(), |facts| facts.name).to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl Metric {
    /// All metrics, classification first.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        FACTS.iter().map(|facts| facts.metric)
    }

    /// The metric that decides when none is asked for: ROC AUC, log loss, RMSE or pinball loss.
    ///
    /// # Panics
    /// For several targets, each of which has a metric of its own.
    pub fn default_for(task: TaskKind) -> Self {
        match task {
            TaskKind::Binary => Self::RocAuc,
            TaskKind::Multiclass => Self::LogLoss,
            TaskKind::Regression => Self::Rmse,
            TaskKind::Quantile => Self::Pinball,
            TaskKind::MultiOutput => panic!("each of several targets has a metric of its own"),
        }
    }

    /// The metric of this name or alias. Case, blanks and hyphens do not matter, nor do scikit-learn's `neg_` in front
    /// and `_score` behind: scores here always carry the metric's own sign.
    ///
    /// ```
    /// use automl_core::metrics::Metric;
    /// assert_eq!(Metric::from_name("neg_root_mean_squared_error"), Ok(Metric::Rmse));
    /// assert_eq!(Metric::from_name("rmsel").unwrap_err().to_string(), "unknown metric 'rmsel'");
    /// ```
    pub fn from_name(name: &str) -> Result<Self, MetricError> {
        let folded = name.trim().to_lowercase().replace(['-', ' '], "_");
        let bare = folded.strip_prefix("neg_").unwrap_or(&folded);
        let short = bare.strip_suffix("_score").unwrap_or(bare);
        FACTS
            .iter()
            .find(|facts| facts.answers_to(bare) || facts.answers_to(short))
            .map(|facts| facts.metric)
            .ok_or_else(|| MetricError::Unknown {
                name: name.to_owned(),
                near: near_names(short),
            })
    }

    /// Stable snake-case name.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// Readable name, as on a leaderboard.
    pub fn title(self) -> &'static str {
        self.facts().title
    }

    /// Whether a greater score is a better one.
    pub fn higher_is_better(self) -> bool {
        self.best() > self.worst()
    }

    /// The score of perfect predictions.
    pub fn best(self) -> f64 {
        self.facts().best
    }

    /// The score that no predictions fall below; infinite where there is no such bound.
    pub fn worst(self) -> f64 {
        self.facts().worst
    }

    /// The tasks that it is for.
    pub fn tasks(self) -> &'static [TaskKind] {
        self.facts().tasks
    }

    /// Whether it looks at the predicted classes alone, not at how probable they are: then it matters from which
    /// probability on a class is predicted.
    pub fn reads_classes(self) -> bool {
        matches!(
            self.facts().formula,
            Formula::Counted(_) | Formula::PartlyCounted(_)
        )
    }

    /// The score of rows of which no more is known than these counts; none for a metric that [reads](Self::reads_classes) more than
    /// predicted classes, and where there is no row or the metric has no value.
    pub fn of_counts(self, counts: &ClassCounts) -> Option<f64> {
        if counts.total() <= 0.0 {
            return None;
        }
        match self.facts().formula {
            Formula::Counted(formula) => Some(formula(counts)),
            Formula::PartlyCounted(formula) => formula(counts).ok(),
            Formula::Total(_) | Formula::Partial(_) => None,
        }
    }

    /// `score` with its sign set so that lower is better.
    pub fn loss(self, score: f64) -> f64 {
        if self.higher_is_better() {
            -score
        } else {
            score
        }
    }

    /// Whether score `a` is strictly better than score `b`. NaN is worse than everything else.
    pub fn is_better(self, a: f64, b: f64) -> bool {
        self.loss(a) < self.loss(b) || (b.is_nan() && !a.is_nan())
    }

    /// How good `predictions` are, row by row, for `target`: numbers, or class codes as numbers, as
    /// [`DatasetView::target_numbers`](crate::DatasetView::target_numbers) gives them. Rows count by `weight` if given:
    /// finite, not negative, not all zero.
    pub fn score(
        self,
        target: &[f64],
        predictions: &Predictions,
        weight: Option<&[f64]>,
    ) -> Result<f64, MetricError> {
        let scored = Scored::checked(self, target, predictions, weight)?;
        self.facts().formula.apply(&scored)
    }

    fn facts(self) -> &'static Facts {
        let facts = &FACTS[self as usize];
        debug_assert_eq!(facts.metric, self);
        facts
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Metric {
    type Err = MetricError;

    fn from_str(name: &str) -> Result<Self, MetricError> {
        Self::from_name(name)
    }
}

impl TryFrom<String> for Metric {
    type Error = MetricError;

    fn try_from(name: String) -> Result<Self, MetricError> {
        Self::from_name(&name)
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.name().to_owned()
    }
}
