//! Tables of numbers and words as Arrow streams, to be sent.

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use automl_core::{Column, Table};
use std::sync::Arc;

/// Why a table cannot be sent.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum StreamError {
    #[error("column '{name}' is neither numbers nor words")]
    Kind { name: String },
    #[error("the stream cannot be written: {reason}")]
    Arrow { reason: String },
}

impl From<ArrowError> for StreamError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow {
            reason: error.to_string(),
        }
    }
}

/// A table as one stream: doubles and words, of which those that are missing are null.
///
/// # Errors
/// If a column is of another kind, or there is none.
pub fn to_stream(table: &Table) -> Result<Vec<u8>, StreamError> {
    let mut columns: Vec<(&str, ArrayRef)> = Vec::with_capacity(table.n_columns());
    for (name, column) in table.iter() {
        let array: ArrayRef = match column {
            Column::Number(numbers) => {
                let known = numbers
                    .iter()
                    .map(|number| (!number.is_nan()).then_some(*number));
                Arc::new(known.collect::<Float64Array>())
            }
            Column::Text(texts) => Arc::new(texts.iter().collect::<StringArray>()),
            Column::Category { .. } | Column::Timestamp(_) | Column::Sparse(_) => {
                let name = name.to_owned();
                return Err(StreamError::Kind { name });
            }
        };
        columns.push((name, array));
    }
    let batch = RecordBatch::try_from_iter(columns)?;
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, ReadOptions, Source, read_table};
    use automl_core::Texts;

    #[test]
    fn a_stream_is_read_as_the_table_that_was_written() {
        let words: Texts = [Some("a"), None, Some("b c")].into_iter().collect();
        let table = Table::new(vec![
            ("x".into(), Column::Number(vec![0.1, f64::NAN, -3.0])),
            ("word".into(), Column::Text(words)),
        ])
        .unwrap();
        let source = Source::bytes("answer.arrows", to_stream(&table).unwrap());
        let options = ReadOptions {
            format: Some(Format::Arrow),
            ..ReadOptions::default()
        };
        let read = read_table(&source, &options, None).unwrap().table;
        assert_eq!(read.n_rows(), 3);
        let numbers = read.column("x").and_then(Column::as_number).unwrap();
        assert_eq!((numbers[0], numbers[2]), (0.1, -3.0));
        assert!(numbers[1].is_nan());
        let times = Table::new(vec![("t".into(), Column::Timestamp(vec![1]))]).unwrap();
        let refused = to_stream(&times).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "column 't' is neither numbers nor words"
        );
    }
}
