//! From files to cells: opening, decompressing, decoding, and one reader a format behind one trait.

mod columnar;
mod delimited;
mod header;
mod idx;
mod images;
mod input;
mod ipc;
mod jsonl;
mod lines;
mod rows;

pub use images::{FILE_COLUMN, IMAGE_COLUMN, LABEL_COLUMN};
pub(crate) use input::Fingerprinter;
pub(crate) use ipc::check_arrow_stream;
pub(crate) use rows::{PlacedSink, Places, Rows};

pub(crate) use automl_core::Cell;

use crate::error::DataError;

/// Takes the cells of a file. Within one column cells come in row order; columns may come one after another.
pub(crate) trait Sink {
    /// One more row begins (before any of its cells).
    fn row(&mut self, place: u64);
    /// The row that began last cannot be cut into cells.
    ///
    /// # Errors
    /// That error, unless such a row is left out.
    fn odd_row(&mut self, error: DataError) -> Result<(), DataError> {
        Err(error)
    }
    /// The next cell of `column`.
    fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), DataError>;
    /// Whether the cells of `column` are of use; others need not be given.
    fn wants(&self, column: usize) -> bool;
    /// A column that nobody knew of before appears; all rows begun so far lack it.
    fn new_column(&mut self, name: &str);
}

/// Reads one file of one format.
pub(crate) trait RowReader: Send {
    /// Column names as the file has them.
    fn names(&self) -> &[String];
    /// Whether numbers may be written with a decimal comma, as they are where semicolons stand between cells.
    fn may_have_decimal_commas(&self) -> bool {
        false
    }
    /// Whether the names look like a first row of data.
    fn names_look_like_data(&self) -> bool {
        false
    }
    /// Gives up to `max_rows` rows to `sink` and says how many; 0 is the end.
    fn read(&mut self, max_rows: usize, sink: &mut dyn Sink) -> Result<usize, DataError>;
}
