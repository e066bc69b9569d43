//! Writes predictions row by row: `prediction`, and for classes `probability_<class>` for each class, or `quantile_<level>` for
//! each quantile; of several targets `<target>` and `probability_<target>_<class>` of each. Columns of the data that were kept stand
//! before them.

#[cfg(test)]
mod tests;

use crate::error::DataError;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use automl_core::{Decision, Level, Predictions, TargetTask, Texts};
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
    groups: Vec<Group>,
    decision: Decision,
    n_kept: usize,
    n_further: usize,
}

/// What stands side by side for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    /// Classes in code order, of which the predicted one stands first; none for numbers.
    classes: Vec<String>,
    /// Numbers behind it: a prediction, the quantiles, or the probabilities of the classes, and what is told further.
    n_numbers: usize,
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
    /// Several targets, each with columns of its own; then there are neither classes nor quantiles.
    pub targets: &'a [TargetTask],
    /// Names of further numbers of each row, behind the prediction; for regression only.
    pub further: &'a [String],
}

impl PredictionColumns<'_> {
    fn groups(&self) -> Vec<Group> {
        if self.targets.is_empty() {
            let n_predicted = self.classes.len().max(self.quantiles.len()).max(1);
            return vec![Group {
                classes: self.classes.to_vec(),
                n_numbers: n_predicted + self.further.len(),
            }];
        }
        let group = |target: &TargetTask| Group {
            classes: target.task.classes().to_vec(),
            n_numbers: target.width(),
        };
        self.targets.iter().map(group).collect()
    }

    fn names(&self) -> Vec<String> {
        if !self.targets.is_empty() {
            let own = |target: &TargetTask| {
                let classes = target.task.classes().iter();
                let probabilities = classes.map(|class| target.probability_column(class));
                std::iter::once(target.target.clone())
                    .chain(probabilities)
                    .collect::<Vec<_>>()
            };
            let kept = self.kept.iter().cloned();
            return kept.chain(self.targets.iter().flat_map(own)).collect();
        }
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
            .field("groups", &self.groups)
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
        groups: Vec<Group>,
    },
    /// An object with these names, as JSON strings with a colon behind; classes as JSON.
    Objects {
        names: Vec<String>,
        groups: Vec<Group>,
    },
}

impl Layout {
    fn cells(separator: u8, groups: &[Group]) -> Self {
        let spelled = |group: &Group| Group {
            classes: (group.classes.iter())
                .map(|class| cell(class, separator))
                .collect(),
            ..*group
        };
        Self::Cells {
            separator,
            groups: groups.iter().map(spelled).collect(),
        }
    }

    fn objects(names: &[String], groups: &[Group]) -> Self {
        let spelled = |group: &Group| Group {
            classes: json_classes(&group.classes),
            ..*group
        };
        Self::Objects {
            names: names.iter().map(|name| json_text(name) + ":").collect(),
            groups: groups.iter().map(spelled).collect(),
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
        codes: &[u32],
        values: &[f64],
    ) -> std::io::Result<()> {
        match self {
            Self::Cells { separator, groups } => {
                let start = buffer.len();
                for text in kept {
                    buffer.extend_from_slice(cell(text.unwrap_or_default(), *separator).as_bytes());
                    buffer.push(*separator);
                }
                for (group, code, numbers) in parted(groups, codes, values) {
                    if let Some(code) = code {
                        buffer.extend_from_slice(group.classes[code as usize].as_bytes());
                        buffer.push(*separator);
                    }
                    for value in numbers {
                        write_number(buffer, *value)?;
                        buffer.push(*separator);
                    }
                }
                // The last separator ends the line.
                debug_assert!(buffer.len() > start);
                buffer.pop();
            }
            Self::Objects { names, groups } => {
                let kept = kept.map(|text| text.map_or_else(|| "null".to_owned(), json_text));
                let mut names = names.iter();
                let mut next = |buffer: &mut Vec<u8>| {
                    buffer.push(b',');
                    let name = names.next().map_or("", String::as_str);
                    buffer.extend_from_slice(name.as_bytes());
                };
                let start = buffer.len();
                for text in kept {
                    next(buffer);
                    buffer.extend_from_slice(text.as_bytes());
                }
                for (group, code, numbers) in parted(groups, codes, values) {
                    if let Some(code) = code {
                        next(buffer);
                        buffer.extend_from_slice(group.classes[code as usize].as_bytes());
                    }
                    for value in numbers {
                        next(buffer);
                        if value.is_finite() {
                            write_number(buffer, *value)?;
                        } else {
                            buffer.extend_from_slice(b"null");
                        }
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

/// What a row says of each target: its class, if it has classes, and its numbers.
fn parted<'a>(
    groups: &'a [Group],
    codes: &'a [u32],
    values: &'a [f64],
) -> impl Iterator<Item = (&'a Group, Option<u32>, &'a [f64])> {
    let mut start = 0;
    groups.iter().enumerate().map(move |(place, group)| {
        let numbers = &values[start..start + group.n_numbers];
        start += group.n_numbers;
        let has_class = !group.classes.is_empty();
        (group, has_class.then(|| codes[place]), numbers)
    })
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
        let (kept, groups) = (columns.kept, columns.groups());
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
            PredictionFormat::Csv => text(Layout::cells(b',', &groups), as_text(out)),
            PredictionFormat::Tsv => text(Layout::cells(b'\t', &groups), as_text(out)),
            PredictionFormat::JsonLines => text(Layout::objects(&names, &groups), as_text(out)),
            PredictionFormat::Parquet => {
                let schema = Arc::new(arrow_schema(&names, kept.len(), &groups));
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
            groups,
            decision: Decision::Likeliest,
            n_kept: kept.len(),
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
        let n_classes: Vec<usize> = match predictions {
            Predictions::Numbers(_) | Predictions::Quantiles { .. } => vec![0],
            Predictions::Probabilities { n_classes, .. } => vec![*n_classes],
            Predictions::Several { widths, .. } => {
                let of_width = |width: &usize| if *width == 1 { 0 } else { *width };
                widths.iter().map(of_width).collect()
            }
        };
        let expected: Vec<usize> = (self.groups.iter())
            .map(|group| group.classes.len())
            .collect();
        assert_eq!(n_classes, expected, "predictions of these classes");
        assert_eq!(self.n_further, 0, "predictions alone");
        assert_eq!(
            predictions.width(),
            self.width(),
            "predictions of these quantiles"
        );
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
        let is_number = |group: &Group| group.classes.is_empty();
        assert!(self.groups.iter().all(is_number), "numbers, not classes");
        let values = Values {
            numbers,
            width: self.width(),
            codes: &[],
        };
        self.write_values(&values, kept)
    }

    /// Numbers of a row.
    fn width(&self) -> usize {
        self.groups.iter().map(|group| group.n_numbers).sum()
    }

    fn write_values(&mut self, values: &Values<'_>, kept: &[Texts]) -> Result<(), DataError> {
        assert_eq!(kept.len(), self.n_kept, "the columns to keep");
        for texts in kept {
            let n_rows = values.numbers.len() / values.width;
            assert_eq!(texts.len(), n_rows, "a cell for each row");
        }
        let failed = |error| DataError::writing(&self.name, error);
        // A code a row for each group, or none at all where there are no classes.
        let n_codes = if values.codes.is_empty() {
            0
        } else {
            self.groups.len()
        };
        match &mut self.out {
            Out::Text {
                out,
                buffer,
                layout,
            } => {
                let rows = values.numbers.chunks_exact(values.width);
                for (row, numbers) in rows.enumerate() {
                    let cells = kept.iter().map(|texts| texts.get(row));
                    let codes = &values.codes[row * n_codes..(row + 1) * n_codes];
                    layout
                        .write_row(buffer, cells, codes, numbers)
                        .map_err(failed)?;
                    if buffer.len() >= BUFFER_BYTES {
                        out.write_all(buffer).map_err(failed)?;
                        buffer.clear();
                    }
                }
                Ok(())
            }
            Out::Parquet { writer, schema } => {
                let batch = record_batch(values, kept, &self.groups, schema)
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

/// Columns that are kept, whose cells may be missing, then those of each group.
fn arrow_schema(names: &[String], n_kept: usize, groups: &[Group]) -> Schema {
    let mut kinds = vec![(DataType::Utf8, true); n_kept];
    for group in groups {
        let class = (!group.classes.is_empty()).then_some((DataType::Utf8, false));
        kinds.extend(class);
        kinds.extend(vec![(DataType::Float64, false); group.n_numbers]);
    }
    let field =
        |(name, (kind, may_miss)): (&String, (DataType, bool))| Field::new(name, kind, may_miss);
    Schema::new(names.iter().zip(kinds).map(field).collect::<Vec<_>>())
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

/// What is written of rows: numbers row by row, and the codes of predicted classes if there are any, one a group.
struct Values<'a> {
    numbers: &'a [f64],
    width: usize,
    codes: &'a [u32],
}

fn record_batch(
    values: &Values<'_>,
    kept: &[Texts],
    groups: &[Group],
    schema: &Arc<Schema>,
) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for texts in kept {
        columns.push(Arc::new(texts.iter().collect::<StringArray>()));
    }
    let mut start = 0;
    for (place, group) in groups.iter().enumerate() {
        if !group.classes.is_empty() {
            let codes = values.codes.iter().skip(place).step_by(groups.len());
            let names = codes.map(|&code| Some(group.classes[code as usize].as_str()));
            columns.push(Arc::new(names.collect::<StringArray>()));
        }
        for column in start..start + group.n_numbers {
            let numbers = values.numbers.iter();
            let column = numbers.skip(column).step_by(values.width).copied();
            columns.push(Arc::new(Float64Array::from_iter_values(column)));
        }
        start += group.n_numbers;
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
