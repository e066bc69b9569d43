//! What a request asks for, whatever its protocol: rows, and what is wanted of their predictions.

use super::error::{ROWS_EXPLAINED_MAX, ScoreError, VALUES_EXPLAINED_MAX};
use super::model::LoadedModel;
use super::wanted::Wanted;
use crate::access::Extra;
use automl_core::{Clock, Decision, Explanation, Predictions, Table, Task, Threads};
use std::time::Duration;

/// Rows to predict.
pub(crate) struct Batch {
    pub(crate) table: Table,
    /// Above which probability the positive class of two is predicted; as the model has it if it is not said.
    pub(crate) threshold: Option<f64>,
    /// Probabilities with which intervals shall hold the truth.
    pub(crate) coverages: Vec<f64>,
    /// Whether it is told what each column did.
    pub(crate) explains: bool,
    /// Milliseconds after which nobody waits for the answer, where the body says that.
    pub(crate) patience_ms: Option<u64>,
    pub(crate) about: About,
    /// The memory that it takes beyond what its body was counted for.
    pub(crate) extra: Extra,
}

/// What the answer shall say and hold, where a protocol lets that be asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct About {
    /// The id of the request, to be sent back.
    pub(crate) id: Option<String>,
    /// The tensors that are wanted, and whether as bytes; all if none is named.
    pub(crate) outputs: Vec<Output>,
    /// Whether tensors of which nothing is said come as bytes.
    pub(crate) is_binary: bool,
    /// Whether the probabilities of classes are told; as the protocol has it if it is not said.
    pub(crate) probabilities: Option<bool>,
    /// Whether predictions are told as Vertex AI's clients read them.
    pub(crate) is_of_vertex: bool,
    /// Whether the request says itself how a class is decided for.
    pub(crate) is_decided: bool,
}

/// A tensor that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) is_binary: Option<bool>,
}

impl From<Table> for Batch {
    fn from(table: Table) -> Self {
        Self {
            table,
            threshold: None,
            coverages: Vec::new(),
            explains: false,
            patience_ms: None,
            about: About::default(),
            extra: Extra::default(),
        }
    }
}

/// Predictions with the class of each row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Predicted {
    pub(crate) predictions: Predictions,
    /// Of classes, their codes.
    pub(crate) codes: Vec<u32>,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) explanation: Option<Explanation>,
    /// What that took.
    pub(crate) explained_in: Option<Duration>,
    pub(crate) about: About,
}

impl Predicted {
    /// The same without what columns did, which is not kept.
    pub(crate) fn unexplained(self) -> Self {
        Self {
            explanation: None,
            ..self
        }
    }
}

/// Between which numbers the truth of each row lies with a probability.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Interval {
    pub(crate) coverage: f64,
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
}

impl Interval {
    /// `90` of 0.9, without the digits that rounding adds.
    pub(crate) fn percents(&self) -> f64 {
        (self.coverage * 1e8).round() / 1e6
    }
}

impl Batch {
    /// The same rows with what is wanted of them.
    pub(crate) fn wanting(self, wanted: Wanted) -> Self {
        Self {
            threshold: wanted.threshold,
            coverages: wanted.coverages,
            explains: wanted.explains.unwrap_or(false),
            about: About {
                probabilities: wanted.probabilities,
                is_of_vertex: wanted.is_of_vertex,
                is_decided: wanted.threshold.is_some(),
                ..self.about
            },
            ..self
        }
    }

    /// Notices more rows than are explained at once.
    pub(crate) fn check_explained(&self, loaded: &LoadedModel) -> Result<(), ScoreError> {
        let facts = &loaded.facts;
        let n_rows = self.table.n_rows();
        let n_values = (facts.features.len() + 1) * facts.task.n_classes().max(1);
        if n_rows > ROWS_EXPLAINED_MAX || n_rows.saturating_mul(n_values) > VALUES_EXPLAINED_MAX {
            return Err(ScoreError::TooManyExplained);
        }
        Ok(())
    }

    /// Notices what is not told of quantiles.
    fn check_of_quantiles(&self) -> Result<(), ScoreError> {
        if !self.coverages.is_empty() {
            return Err(ScoreError::IntervalOfQuantiles);
        }
        if self.explains {
            return Err(ScoreError::ExplainQuantiles);
        }
        Ok(())
    }

    /// Predicts all rows. A model that panics is a fault of the program, and of this request alone.
    pub(crate) fn predict(self, loaded: &LoadedModel) -> Result<Predicted, ScoreError> {
        let work = || loaded.model.predict(&self.table.view());
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let predictions = done.map_err(|_panic| panicked())??;
        self.settled(predictions, loaded)
    }

    /// What is wanted of the rows beside their predictions, which are there.
    pub(crate) fn settled(
        self,
        predictions: Predictions,
        loaded: &LoadedModel,
    ) -> Result<Predicted, ScoreError> {
        if self.threshold.is_some() && loaded.facts.task.n_classes() != 2 {
            return Err(ScoreError::form("a threshold is for two classes"));
        }
        if self.about.probabilities == Some(true) && !predicts_classes(&loaded.facts.task) {
            let told = "probabilities are of classes, and the model predicts numbers";
            return Err(ScoreError::form(told));
        }
        if !loaded.facts.task.levels().is_empty() {
            self.check_of_quantiles()?;
        }
        let asked = self.threshold.map(Decision::Above);
        let codes = predictions.class_codes_by(asked.as_ref().unwrap_or(&loaded.facts.decision));
        let intervals = intervals(&self.coverages, loaded, &predictions)?;
        let clock = self.explains.then(Clock::start);
        let explanation = self.explains.then(|| explained(&self.table, loaded));
        Ok(Predicted {
            intervals,
            explanation: explanation.transpose()?,
            explained_in: clock.map(|clock| clock.elapsed()),
            codes,
            predictions,
            about: self.about,
        })
    }
}

/// Whether a task, or a target of it, is one of classes.
fn predicts_classes(task: &Task) -> bool {
    let mut targets = task.targets().iter();
    task.is_classification() || targets.any(|one| one.task.is_classification())
}

/// What each column did to each row.
fn explained(table: &Table, loaded: &LoadedModel) -> Result<Explanation, ScoreError> {
    let work = || loaded.model.explain(&table.view(), &Threads::one());
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let done = done.map_err(|_panic| panicked())?;
    done.map_err(ScoreError::Explain)
}

fn panicked() -> ScoreError {
    ScoreError::Internal {
        reason: "it panicked, which is a fault of this program".into(),
    }
}

/// The intervals of some probabilities.
fn intervals(
    coverages: &[f64],
    loaded: &LoadedModel,
    predictions: &Predictions,
) -> Result<Vec<Interval>, ScoreError> {
    if coverages.is_empty() {
        return Ok(Vec::new());
    }
    let Some(bounds) = &loaded.bounds else {
        return Err(ScoreError::NoIntervals);
    };
    let interval = |&coverage: &f64| {
        let is_probability = coverage > 0.0 && coverage < 1.0;
        let found = is_probability.then(|| bounds.around(coverage, predictions.values()));
        let Some(ends) = found.flatten() else {
            let most = bounds.coverage_max();
            return Err(ScoreError::Coverage { coverage, most });
        };
        Ok(Interval {
            coverage,
            lower: ends.iter().map(|ends| ends[0]).collect(),
            upper: ends.iter().map(|ends| ends[1]).collect(),
        })
    };
    coverages.iter().map(interval).collect()
}
