//! What an endpoint needs of a model. Whoever starts the server says how models are read; nothing here knows a learner.

use automl_core::{Cell, Field, Model, Table, Task};
use std::path::Path;
use std::sync::Arc;

/// The most rows of a request; more are for `automl predict`.
pub const ROWS_MAX: usize = 1_000_000;

/// Reads the model of a directory.
pub type LoadModel = fn(&Path) -> Result<LoadedModel, LoadError>;

/// A model in memory.
pub struct LoadedModel {
    /// What it takes and gives.
    pub facts: ModelFacts,
    /// What predicts.
    pub model: Arc<dyn Model>,
    /// What makes tables of requests.
    pub reader: Arc<dyn RowReader>,
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
    /// Of two classes, the probability above which the second is predicted; without one it is the likelier class.
    pub threshold: Option<f64>,
    /// About as much memory as it takes, in bytes.
    pub n_bytes: u64,
}

/// Makes tables of requests.
pub trait RowReader: Send + Sync {
    /// Rows to be filled cell by cell.
    fn start(&self) -> Box<dyn Rows>;

    /// The table of delimited text with a line of names above it.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    fn delimited(&self, text: Vec<u8>) -> Result<Table, String>;
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
