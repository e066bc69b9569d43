//! Rows that are sent to be predicted, on their way to a table: what reads them is one crate's, what takes them from the net
//! another's.

use crate::{Cell, Table};

/// The most rows of a request; more are for `automl predict`.
pub const ROWS_MAX: usize = 1_000_000;

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
    /// The columns that the model reads, in their order.
    pub table: Table,
    /// Columns that it neither reads nor was fitted beside, in their order.
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
