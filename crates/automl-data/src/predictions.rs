//! Writes predictions row by row: `prediction`, and for classes `probability_<class>` for each class; columns of the data
//! that were kept stand before them.

#[cfg(test)]
mod tests;

use crate::error::DataError;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use automl_core::{Predictions, Texts};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::sync::Arc;

/// CSV text is handed on in pieces of at least this size.
const BUFFER_BYTES: usize = 64 * 1024;

/// The format of a file of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PredictionFormat {
    /// CSV with a header line; numbers are the shortest that read back to the same double.
    Csv,
    /// Parquet, compressed with zstd.
    Parquet,
}

/// Writes predictions to `W` in the order they come. Whoever owns `W` sees to it that a half-written file is no file.
pub struct PredictionWriter<W: Write + Send> {
    out: Out<W>,
    /// What `out` is called, for messages.
    name: String,
    classes: Vec<String>,
    n_kept: usize,
}

/// What the columns of a file of predictions are.
#[derive(Debug, Clone, Copy)]
pub struct PredictionColumns<'a> {
    /// Names of kept columns of the data.
    pub kept: &'a [String],
    /// Classes in code order, none for regression.
    pub classes: &'a [String],
}

impl PredictionColumns<'_> {
    fn names(&self) -> Vec<String> {
        let classes = self
            .classes
            .iter()
            .map(|class| format!("probability_{class}"));
        let kept = self.kept.iter().cloned();
        kept.chain(["prediction".to_owned()])
            .chain(classes)
            .collect()
    }
}

enum Out<W: Write + Send> {
    Csv {
        out: W,
        buffer: Vec<u8>,
        /// Classes as CSV cells.
        cells: Vec<String>,
    },
    Parquet {
        writer: Box<ArrowWriter<W>>,
        schema: Arc<Schema>,
    },
}

impl<W: Write + Send> std::fmt::Debug for PredictionWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PredictionWriter")
            .field("classes", &self.classes)
            .finish_non_exhaustive()
    }
}

impl<W: Write + Send> PredictionWriter<W> {
    /// Starts a file called `name` in messages.
    ///
    /// # Errors
    /// `out` cannot be written to, or two columns would have one name.
    pub fn new(
        out: W,
        name: &str,
        format: PredictionFormat,
        columns: PredictionColumns<'_>,
    ) -> Result<Self, DataError> {
        let PredictionColumns { kept, classes } = columns;
        let names = columns.names();
        refuse_same_names(columns)?;
        let out = match format {
            PredictionFormat::Csv => {
                let mut buffer = Vec::with_capacity(BUFFER_BYTES * 2);
                let header: Vec<String> = names.iter().map(|name| csv_cell(name)).collect();
                buffer.extend_from_slice(header.join(",").as_bytes());
                buffer.push(b'\n');
                Out::Csv {
                    out,
                    buffer,
                    cells: classes.iter().map(|class| csv_cell(class)).collect(),
                }
            }
            PredictionFormat::Parquet => {
                let n_texts = kept.len() + usize::from(!classes.is_empty());
                let fields: Vec<Field> = (names.iter().enumerate())
                    .map(|(position, name)| {
                        let data_type = if position < n_texts {
                            DataType::Utf8
                        } else {
                            DataType::Float64
                        };
                        Field::new(name, data_type, position < kept.len())
                    })
                    .collect();
                let schema = Arc::new(Schema::new(fields));
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties))
                    .map_err(|error| parquet_error(name, error))?;
                Out::Parquet {
                    writer: Box::new(writer),
                    schema,
                }
            }
        };
        Ok(Self {
            out,
            name: name.to_owned(),
            classes: classes.to_vec(),
            n_kept: kept.len(),
        })
    }

    /// Adds one row for each prediction, with the cells of the kept columns.
    ///
    /// # Panics
    /// If the predictions or the kept columns are not those given at the start, or differ in their rows.
    ///
    /// # Errors
    /// The output cannot be written to, for one because its disk is full.
    pub fn write(&mut self, predictions: &Predictions, kept: &[Texts]) -> Result<(), DataError> {
        let n_classes = match predictions {
            Predictions::Numbers(_) => 0,
            Predictions::Probabilities { n_classes, .. } => *n_classes,
        };
        assert_eq!(
            n_classes,
            self.classes.len(),
            "predictions of these classes"
        );
        assert_eq!(kept.len(), self.n_kept, "the columns to keep");
        for texts in kept {
            assert_eq!(texts.len(), predictions.n_rows(), "a cell for each row");
        }
        let failed = |error| DataError::writing(&self.name, error);
        match &mut self.out {
            Out::Csv { out, buffer, cells } => {
                let codes = predictions.class_codes();
                for (row, values) in predictions
                    .values()
                    .chunks_exact(predictions.width())
                    .enumerate()
                {
                    for texts in kept {
                        buffer.extend_from_slice(
                            csv_cell(texts.get(row).unwrap_or_default()).as_bytes(),
                        );
                        buffer.push(b',');
                    }
                    let class = codes.get(row).map(|&code| cells[code as usize].as_str());
                    write_row(buffer, class, values).map_err(failed)?;
                    if buffer.len() >= BUFFER_BYTES {
                        out.write_all(buffer).map_err(failed)?;
                        buffer.clear();
                    }
                }
                Ok(())
            }
            Out::Parquet { writer, schema } => {
                let batch = record_batch(predictions, kept, &self.classes, schema)
                    .map_err(|error| failed(std::io::Error::other(error)))?;
                writer
                    .write(&batch)
                    .map_err(|error| parquet_error(&self.name, error))
            }
        }
    }

    /// Writes what is left and gives the output back, flushed.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn finish(self) -> Result<W, DataError> {
        let failed = |error| DataError::writing(&self.name, error);
        let mut out = match self.out {
            Out::Csv {
                mut out, buffer, ..
            } => {
                out.write_all(&buffer).map_err(failed)?;
                out
            }
            Out::Parquet { writer, .. } => writer
                .into_inner()
                .map_err(|error| parquet_error(&self.name, error))?,
        };
        out.flush().map_err(failed)?;
        Ok(out)
    }
}

/// A column that is kept may be called as one that is written.
fn refuse_same_names(columns: PredictionColumns<'_>) -> Result<(), DataError> {
    let names = columns.names();
    let written = &names[columns.kept.len()..];
    match columns.kept.iter().find(|kept| written.contains(kept)) {
        None => Ok(()),
        Some(name) => Err(DataError::KeptName { name: name.clone() }),
    }
}

/// About 100 ns a number.
fn write_row(buffer: &mut Vec<u8>, class: Option<&str>, values: &[f64]) -> std::io::Result<()> {
    if let Some(class) = class {
        buffer.extend_from_slice(class.as_bytes());
    }
    for (position, value) in values.iter().enumerate() {
        if position > 0 || class.is_some() {
            buffer.push(b',');
        }
        if *value != 0.0 && !(1e-5..1e16).contains(&value.abs()) {
            write!(buffer, "{value:e}")?;
        } else {
            write!(buffer, "{value}")?;
        }
    }
    buffer.push(b'\n');
    Ok(())
}

fn record_batch(
    predictions: &Predictions,
    kept: &[Texts],
    classes: &[String],
    schema: &Arc<Schema>,
) -> Result<RecordBatch, ArrowError> {
    let (values, width) = (predictions.values(), predictions.width());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(kept.len() + classes.len() + 1);
    for texts in kept {
        columns.push(Arc::new(texts.iter().collect::<StringArray>()));
    }
    if !classes.is_empty() {
        let names = (predictions.class_codes().into_iter())
            .map(|code| Some(classes[code as usize].as_str()));
        columns.push(Arc::new(names.collect::<StringArray>()));
    }
    for column in 0..width {
        let column = values.iter().skip(column).step_by(width).copied();
        columns.push(Arc::new(Float64Array::from_iter_values(column)));
    }
    RecordBatch::try_new(schema.clone(), columns)
}

/// A cell of CSV text, quoted if it must be.
fn csv_cell(text: &str) -> String {
    let must_quote = text.contains([',', '"', '\n', '\r']) || text.trim() != text;
    if must_quote {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// What the system said, where a write is what failed.
fn parquet_error(name: &str, error: ParquetError) -> DataError {
    let error = match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(cause) => *cause,
            Err(cause) => std::io::Error::other(cause),
        },
        other => std::io::Error::other(other),
    };
    DataError::writing(name, error)
}
