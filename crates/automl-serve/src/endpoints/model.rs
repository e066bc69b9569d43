//! What an endpoint needs of a model. Whoever starts the server says how models are read; nothing here knows a learner.

use automl_core::{Cell, Decision, Field, Model, Table, Task};
use automl_store::endpoints::Signature;
use std::path::Path;
use std::sync::Arc;

/// The most rows of a request; more are for `automl predict`.
pub const ROWS_MAX: usize = 1_000_000;

/// Reads the model of a directory.
pub type LoadModel = fn(&Path) -> Result<LoadedModel, LoadError>;

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
    /// The columns that it reads, in the order in which `Rows::push` counts them; no name twice.
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

/// Makes tables of requests.
pub trait RowReader: Send + Sync {
    /// Rows to be filled cell by cell.
    fn start(&self) -> Box<dyn Rows>;

    /// The most bytes that the table of a body takes beside those of its texts.
    ///
    /// # Errors
    /// What is wrong with it, such as that it would grow without bounds.
    fn n_bytes(&self, body: &[u8], form: TableForm) -> Result<u64, String>;

    /// The table that a body is, of which [`RowReader::n_bytes`] told nothing wrong; one row more than [`ROWS_MAX`] if it has more.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    fn table(&self, body: Vec<u8>, form: TableForm) -> Result<SentTable, String>;
}

/// The table of a body.
#[derive(Debug, Clone)]
pub struct SentTable {
    /// The columns that the model reads.
    pub table: Table,
    /// Columns that it neither reads nor was fitted beside.
    pub unknown: Vec<String>,
}

/// What tables are sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// Delimited text with a line of names above it.
    Delimited,
    /// An Arrow stream.
    Arrow,
}

/// Rows on their way to a table.
pub trait Rows: Send {
    /// Puts a cell below those of a column.
    ///
    /// # Errors
    /// If the cell is not of the column's kind.
    fn push(&mut self, column: usize, cell: Cell<'_>) -> Result<(), String>;

    /// The table of so many rows, of which each column has as many cells.
    fn finish(self: Box<Self>, n_rows: usize) -> Table;
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
