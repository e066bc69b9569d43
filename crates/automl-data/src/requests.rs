//! Bodies of requests that are tables: delimited text or an Arrow stream, as the columns of a known schema. They come from
//! strangers, so what one may become in memory is told before it is read.

#[cfg(test)]
mod tests;

use crate::batches::{BatchOptions, open_batches};
use crate::error::DataError;
use crate::options::{Format, ReadOptions};
use crate::read::check_arrow_stream;
use crate::rows::{RowBuffer, RowCoder};
use crate::source::Source;
use automl_core::{
    Cell, Field, ROWS_MAX, RowReader, Rows, Schema, SentTable, Table, TableForm, WarningKind,
};

/// What a body is called where something is wrong with it.
const BODY: &str = "the body";
/// Bytes that a cell takes: a number of 64 bits, which a stream may have sent as one bit.
const CELL_BYTES: u64 = 8;

/// Reads bodies as the columns of a schema.
pub struct RequestReader {
    coder: RowCoder,
    inputs: Schema,
    needed: fn(&Field) -> bool,
    rename_duplicates: bool,
}

impl RequestReader {
    /// For the columns of a schema for which `needed` holds; `rename_duplicates` is as in [`ReadOptions`].
    pub fn new(inputs: Schema, needed: fn(&Field) -> bool, rename_duplicates: bool) -> Self {
        Self {
            coder: RowCoder::new(&inputs, needed),
            inputs,
            needed,
            rename_duplicates,
        }
    }

    /// The most bytes that the table of a body takes beside those of its texts, if it has at most so many rows.
    ///
    /// # Errors
    /// Text is not UTF-8, or a stream is not one of [`check_arrow_stream`].
    pub fn n_bytes(&self, body: &[u8], form: TableForm, rows_max: usize) -> Result<u64, DataError> {
        match form {
            // A cell takes a delimiter at least. What is compressed is no text, and never grows here.
            TableForm::Delimited => match std::str::from_utf8(body) {
                Ok(_) => Ok((body.len() as u64).saturating_mul(CELL_BYTES)),
                Err(error) => Err(DataError::Format {
                    format: "text",
                    reason: format!("it is not UTF-8: {error}"),
                    file: BODY.to_owned(),
                }),
            },
            TableForm::Arrow => {
                let n_rows = check_arrow_stream(body, BODY)?.min(rows_max as u64 + 1);
                // The place of a row is noted, too.
                let n_columns = self.coder.names().len() as u64 + 1;
                Ok(n_rows.saturating_mul(n_columns.saturating_mul(CELL_BYTES)))
            }
        }
    }

    /// The table of a body that [`RequestReader::n_bytes`] found nothing wrong with. Ends one row beyond `rows_max`.
    ///
    /// # Errors
    /// A needed column is not there, or a cell is not of its column's kind.
    pub fn table(
        &self,
        body: Vec<u8>,
        form: TableForm,
        rows_max: usize,
    ) -> Result<SentTable, DataError> {
        let format = match form {
            TableForm::Delimited => Format::Delimited,
            TableForm::Arrow => Format::Arrow,
        };
        let options = ReadOptions {
            format: Some(format),
            rename_duplicates: self.rename_duplicates,
            ..ReadOptions::default()
        };
        let cut = BatchOptions {
            // One more, so that too many are noticed.
            batch_rows: rows_max + 1,
            ..BatchOptions::default()
        };
        let none = || self.coder.start().finish(0);
        let source = Source::bytes(BODY, body);
        let mut batches = match open_batches(&source, &options, &self.inputs, self.needed, &cut) {
            // A line of names alone is a table without rows, as an empty list is in JSON.
            Err(DataError::HeaderOnly { .. }) => {
                return Ok(SentTable {
                    table: none(),
                    unknown: Vec::new(),
                });
            }
            opened => opened?,
        };
        let warnings = batches.warnings().iter();
        let extra = warnings.filter(|warning| warning.kind == WarningKind::ExtraColumn);
        let unknown = extra.flat_map(|warning| warning.columns.clone()).collect();
        let table = match batches.next().transpose() {
            Ok(batch) => batch.map_or_else(none, |batch| batch.table),
            Err(DataError::HeaderOnly { .. }) => none(),
            Err(error) => return Err(error),
        };
        Ok(SentTable { table, unknown })
    }
}

/// As [`RequestReader`] does it, of at most [`ROWS_MAX`] rows, with what is wrong in words.
impl RowReader for RequestReader {
    fn start(&self) -> Box<dyn Rows> {
        Box::new(self.coder.start())
    }

    fn n_bytes(&self, body: &[u8], form: TableForm) -> Result<u64, String> {
        let told = self.n_bytes(body, form, ROWS_MAX);
        told.map_err(|error| error.to_string())
    }

    fn table(&self, body: Vec<u8>, form: TableForm) -> Result<SentTable, String> {
        let read = self.table(body, form, ROWS_MAX);
        read.map_err(|error| error.to_string())
    }
}

impl Rows for RowBuffer {
    fn push(&mut self, column: usize, cell: Cell<'_>) -> Result<(), String> {
        self.push(column, cell).map_err(|error| error.to_string())
    }

    fn finish(self: Box<Self>, n_rows: usize) -> Table {
        RowBuffer::finish(*self, n_rows)
    }
}
