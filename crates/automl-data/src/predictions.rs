//! Writes predictions row by row: `prediction`, and for classes `probability_<class>` for each class, or `quantile_<level>` for
//! each quantile; columns of the data that were kept stand before them.

#[cfg(test)]
mod tests;

use crate::error::DataError;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use automl_core::{Decision, Level, Predictions, Texts};
use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;
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
    /// As CSV, with tabs between the cells.
    Tsv,
    /// One JSON object a line.
    JsonLines,
    /// Parquet, compressed with zstd.
    Parquet,
}

/// Writes predictions to `W` in the order they come. Whoever owns `W` sees to it that a half-written file is no file.
pub struct PredictionWriter<W: Write + Send> {
    out: Out<W>,
    /// What `out` is called, for messages.
    name: String,
    classes: Vec<String>,
    decision: Decision,
    n_kept: usize,
    /// Numbers that stand for one prediction: one, or one a quantile.
    n_predicted: usize,
    n_further: usize,
}

/// What the columns of a file of predictions are.
#[derive(Debug, Clone, Copy)]
pub struct PredictionColumns<'a> {
    /// Names of kept columns of the data.
    pub kept: &'a [String],
    /// Classes in code order, none for regression.
    pub classes: &'a [String],
    /// Levels of quantiles, which stand in the place of one prediction; none for other tasks.
    pub quantiles: &'a [Level],
    /// Names of further numbers of each row, behind the prediction; for regression only.
    pub further: &'a [String],
}

impl PredictionColumns<'_> {
    fn names(&self) -> Vec<String> {
        let classes = self
            .classes
            .iter()
            .map(|class| format!("probability_{class}"));
        let kept = self.kept.iter().cloned();
        let mut predicted: Vec<String> =
            self.quantiles.iter().map(|level| level.column()).collect();
        if predicted.is_empty() {
            predicted.push("prediction".to_owned());
        }
        kept.chain(predicted)
            .chain(classes)
            .chain(self.further.iter().cloned())
            .collect()
    }
}

enum Out<W: Write + Send> {
    Text {
        out: TextOut<W>,
        buffer: Vec<u8>,
        layout: Layout,
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

/// Text as it is, or compressed.
enum TextOut<W: Write> {
    Plain(W),
    Gzip(Box<GzEncoder<W>>),
}

impl<W: Write> TextOut<W> {
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Gzip(out) => out.write_all(bytes),
        }
    }

    fn finish(self) -> std::io::Result<W> {
        match self {
            Self::Plain(out) => Ok(out),
            Self::Gzip(out) => out.finish(),
        }
    }
}

/// How a row is laid out as text.
enum Layout {
    /// Cells between separators.
    Cells {
        separator: u8,
        /// Classes as cells.
        classes: Vec<String>,
    },
    /// An object with these names, as JSON strings with a colon behind; classes as JSON.
    Objects {
        names: Vec<String>,
        classes: Vec<String>,
    },
}

impl Layout {
    fn cells(separator: u8, classes: &[String]) -> Self {
        let classes = classes.iter().map(|class| cell(class, separator));
        Self::Cells {
            separator,
            classes: classes.collect(),
        }
    }

    fn objects(names: &[String], classes: &[String]) -> Self {
        Self::Objects {
            names: names.iter().map(|name| json_text(name) + ":").collect(),
            classes: json_classes(classes),
        }
    }

    /// The line above the rows, if there is one.
    fn header(&self, names: &[String]) -> String {
        match self {
            Self::Objects { .. } => String::new(),
            Self::Cells { separator, .. } => {
                let names: Vec<String> = names.iter().map(|name| cell(name, *separator)).collect();
                names.join(&char::from(*separator).to_string()) + "\n"
            }
        }
    }

    /// One row; about 100 ns a number.
    fn write_row<'a>(
        &self,
        buffer: &mut Vec<u8>,
        kept: impl Iterator<Item = Option<&'a str>>,
        class: Option<u32>,
        values: &[f64],
    ) -> std::io::Result<()> {
        match self {
            Self::Cells { separator, classes } => {
                let start = buffer.len();
                for text in kept {
                    buffer.extend_from_slice(cell(text.unwrap_or_default(), *separator).as_bytes());
                    buffer.push(*separator);
                }
                if let Some(code) = class {
                    buffer.extend_from_slice(classes[code as usize].as_bytes());
                    buffer.push(*separator);
                }
                for value in values {
                    write_number(buffer, *value)?;
                    buffer.push(*separator);
                }
                // The last separator ends the line.
                debug_assert!(buffer.len() > start);
                buffer.pop();
            }
            Self::Objects { names, classes } => {
                let kept = kept.map(|text| text.map_or_else(|| "null".to_owned(), json_text));
                let class = class.map(|code| classes[code as usize].clone());
                let mut names = names.iter();
                let mut next = |buffer: &mut Vec<u8>| {
                    buffer.push(b',');
                    let name = names.next().map_or("", String::as_str);
                    buffer.extend_from_slice(name.as_bytes());
                };
                let start = buffer.len();
                for text in kept.chain(class) {
                    next(buffer);
                    buffer.extend_from_slice(text.as_bytes());
                }
                for value in values {
                    next(buffer);
                    if value.is_finite() {
                        write_number(buffer, *value)?;
                    } else {
                        buffer.extend_from_slice(b"null");
                    }
                }
                buffer[start] = b'{';
                buffer.push(b'}');
            }
        }
        buffer.push(b'\n');
        Ok(())
    }
}

impl<W: Write + Send> PredictionWriter<W> {
    /// As [`PredictionWriter::new`], compressed with gzip; Parquet, which is compressed in itself, is left as it is.
    ///
    /// # Errors
    /// As [`PredictionWriter::new`].
    pub fn gzipped(
        out: W,
        name: &str,
        format: PredictionFormat,
        columns: PredictionColumns<'_>,
    ) -> Result<Self, DataError> {
        let compressed = |out| TextOut::Gzip(Box::new(GzEncoder::new(out, GzipLevel::default())));
        Self::start(out, name, format, columns, compressed)
    }

    /// Predicts classes by this decision; without one it is the likeliest class.
    #[must_use]
    pub fn deciding_by(self, decision: Decision) -> Self {
        Self { decision, ..self }
    }

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
        Self::start(out, name, format, columns, TextOut::Plain)
    }

    fn start(
        out: W,
        name: &str,
        format: PredictionFormat,
        columns: PredictionColumns<'_>,
        as_text: impl FnOnce(W) -> TextOut<W>,
    ) -> Result<Self, DataError> {
        let PredictionColumns { kept, classes, .. } = columns;
        let names = columns.names();
        refuse_same_names(columns)?;
        let text = |layout: Layout, out| {
            let mut buffer = Vec::with_capacity(BUFFER_BYTES * 2);
            buffer.extend_from_slice(layout.header(&names).as_bytes());
            Out::Text {
                out,
                buffer,
                layout,
            }
        };
        let out = match format {
            PredictionFormat::Csv => text(Layout::cells(b',', classes), as_text(out)),
            PredictionFormat::Tsv => text(Layout::cells(b'\t', classes), as_text(out)),
            PredictionFormat::JsonLines => text(Layout::objects(&names, classes), as_text(out)),
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
            decision: Decision::Likeliest,
            n_kept: kept.len(),
            n_predicted: columns.quantiles.len().max(1),
            n_further: columns.further.len(),
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
            Predictions::Numbers(_) | Predictions::Quantiles { .. } => 0,
            Predictions::Probabilities { n_classes, .. } => *n_classes,
        };
        assert_eq!(
            n_classes,
            self.classes.len(),
            "predictions of these classes"
        );
        assert_eq!(self.n_further, 0, "predictions alone");
        if n_classes == 0 {
            let width = predictions.width();
            assert_eq!(width, self.n_predicted, "predictions of these quantiles");
        }
        let codes = predictions.class_codes_by(&self.decision);
        let values = Values {
            numbers: predictions.values(),
            width: predictions.width(),
            codes: &codes,
        };
        self.write_values(&values, kept)
    }

    /// Adds rows of numbers: the prediction and what was named as further columns, row by row.
    ///
    /// # Panics
    /// As [`PredictionWriter::write`].
    ///
    /// # Errors
    /// As [`PredictionWriter::write`].
    pub fn write_numbers(&mut self, numbers: &[f64], kept: &[Texts]) -> Result<(), DataError> {
        assert!(self.classes.is_empty(), "numbers, not classes");
        let values = Values {
            numbers,
            width: self.n_predicted + self.n_further,
            codes: &[],
        };
        self.write_values(&values, kept)
    }

    fn write_values(&mut self, values: &Values<'_>, kept: &[Texts]) -> Result<(), DataError> {
        assert_eq!(kept.len(), self.n_kept, "the columns to keep");
        for texts in kept {
            let n_rows = values.numbers.len() / values.width;
            assert_eq!(texts.len(), n_rows, "a cell for each row");
        }
        let failed = |error| DataError::writing(&self.name, error);
        match &mut self.out {
            Out::Text {
                out,
                buffer,
                layout,
            } => {
                let rows = values.numbers.chunks_exact(values.width);
                for (row, numbers) in rows.enumerate() {
                    let cells = kept.iter().map(|texts| texts.get(row));
                    let class = values.codes.get(row).copied();
                    layout
                        .write_row(buffer, cells, class, numbers)
                        .map_err(failed)?;
                    if buffer.len() >= BUFFER_BYTES {
                        out.write_all(buffer).map_err(failed)?;
                        buffer.clear();
                    }
                }
                Ok(())
            }
            Out::Parquet { writer, schema } => {
                let batch = record_batch(values, kept, &self.classes, schema)
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
            Out::Text {
                mut out, buffer, ..
            } => {
                out.write_all(&buffer).map_err(failed)?;
                out.finish().map_err(failed)?
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

fn write_number(buffer: &mut Vec<u8>, value: f64) -> std::io::Result<()> {
    if value != 0.0 && !(1e-5..1e16).contains(&value.abs()) {
        write!(buffer, "{value:e}")
    } else {
        write!(buffer, "{value}")
    }
}

/// Classes as JSON: numbers or truth values where all of them are written as such, else strings.
fn json_classes(classes: &[String]) -> Vec<String> {
    let literal = |class: &String| {
        let value: serde_json::Value = serde_json::from_str(class).ok()?;
        let is_literal = value.is_number() || value.is_boolean();
        let written = value.to_string();
        (is_literal && written == *class).then_some(written)
    };
    let literals: Option<Vec<String>> = classes.iter().map(literal).collect();
    literals.unwrap_or_else(|| classes.iter().map(|class| json_text(class)).collect())
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What is written of rows: numbers row by row, and the codes of predicted classes if there are any.
struct Values<'a> {
    numbers: &'a [f64],
    width: usize,
    codes: &'a [u32],
}

fn record_batch(
    values: &Values<'_>,
    kept: &[Texts],
    classes: &[String],
    schema: &Arc<Schema>,
) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(kept.len() + classes.len() + 1);
    for texts in kept {
        columns.push(Arc::new(texts.iter().collect::<StringArray>()));
    }
    if !classes.is_empty() {
        let names = values.codes.iter();
        let names = names.map(|&code| Some(classes[code as usize].as_str()));
        columns.push(Arc::new(names.collect::<StringArray>()));
    }
    for column in 0..values.width {
        let numbers = values.numbers.iter();
        let column = numbers.skip(column).step_by(values.width).copied();
        columns.push(Arc::new(Float64Array::from_iter_values(column)));
    }
    RecordBatch::try_new(schema.clone(), columns)
}

/// A cell of delimited text, quoted if it must be.
fn cell(text: &str, separator: u8) -> String {
    let must_quote = text.contains([char::from(separator), '"', '\n', '\r']) || text.trim() != text;
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
