//! What an endpoint needs of a model. Whoever starts the server says how models are read; nothing here knows a learner.

use automl_core::{
    Cell, Decision, ExplainError, Field, Kind, Model, RowReader, Table, Task, Threads,
};
use automl_store::endpoints::Signature;
use std::path::Path;
use std::sync::Arc;

/// Reads the model of a directory.
pub type LoadModel = fn(&Path) -> Result<LoadedModel, LoadError>;

/// Makes an Arrow stream of a table of numbers and words, or says why it cannot.
pub type WriteStream = fn(&Table) -> Result<Vec<u8>, String>;

/// A model in memory. Clones are the same.
#[derive(Clone)]
pub struct LoadedModel {
    /// What it takes and gives.
    pub facts: Arc<ModelFacts>,
    /// What predicts.
    pub model: Arc<dyn Model>,
    /// How far its predictions are from the truth, if it knows.
    pub bounds: Option<Arc<dyn Bounds>>,
    /// What makes tables of requests.
    pub reader: Arc<dyn RowReader>,
    /// The same for tables that keep the words that came, instead of codes of known ones.
    pub words_reader: Arc<dyn RowReader>,
}

impl LoadedModel {
    /// A row that any model takes: numbers are zero, and nothing else is known of it.
    pub(crate) fn plain_row(&self) -> Result<Table, String> {
        let mut rows = self.reader.start();
        for (column, field) in self.facts.features.iter().enumerate() {
            let cell = match field.kind {
                Kind::Number => Cell::Number(0.0),
                _ => Cell::Missing,
            };
            rows.push(column, cell)?;
        }
        Ok(rows.finish(1))
    }

    /// Whether it can tell what each column did to a prediction, which is told of no quantiles. Tries it on a plain row.
    pub fn can_explain(&self) -> bool {
        if !self.facts.task.levels().is_empty() {
            return false;
        }
        let Ok(row) = self.plain_row() else {
            return false;
        };
        let explained = || self.model.explain(&row.view(), &Threads::one());
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(explained));
        // What such a row lacks, another may have.
        matches!(told, Ok(Ok(_) | Err(ExplainError::Predict(_))))
    }

    /// The same model reading words as they came. Its tables are to be kept, not to be predicted.
    pub(crate) fn as_sent(&self) -> Self {
        Self {
            facts: Arc::clone(&self.facts),
            model: Arc::clone(&self.model),
            bounds: self.bounds.clone(),
            reader: Arc::clone(&self.words_reader),
            words_reader: Arc::clone(&self.words_reader),
        }
    }
}

/// What a model takes and gives.
#[derive(Debug, Clone)]
pub struct ModelFacts {
    /// The columns that it reads, in the order in which [`automl_core::Rows`] counts them; no name twice.
    pub features: Vec<Field>,
    /// Columns that it was fitted beside, such as its target: a request may have them, and they are passed over.
    pub others: Vec<String>,
    /// What it predicts.
    pub task: Task,
    /// How a class is told from its probabilities, unless a request says otherwise.
    pub decision: Decision,
    /// About as much memory as it takes, in bytes.
    pub n_bytes: u64,
}

impl ModelFacts {
    /// What it takes and gives, to be compared.
    pub(crate) fn signature(&self) -> Signature {
        Signature {
            task: self.task.clone(),
            features: self.features.clone(),
            others: self.others.clone(),
        }
    }
}

/// What knows how far predicted numbers are from the truth.
pub trait Bounds: Send + Sync {
    /// The greatest probability of which it knows an interval.
    fn coverage_max(&self) -> f64;

    /// The ends of the interval around each prediction that holds the truth with this probability; none beyond
    /// [`Bounds::coverage_max`].
    fn around(&self, coverage: f64, predictions: &[f64]) -> Option<Vec<[f64; 2]>>;
}

/// Why the model of a directory cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message} [{code}]")]
pub struct LoadError {
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}
