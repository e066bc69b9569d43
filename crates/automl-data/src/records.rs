//! Lines of JSON as a file of Parquet, for programs that note rows as they come and keep them for good later.
//!
//! The first line is an object of `columns`, each with a `name` and a `kind`; every other is a list with a value for each, or
//! null. Times are microseconds since 1970.

#[cfg(test)]
mod tests;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, Write};
use std::sync::Arc;

/// Rows that are held at once.
const ROWS_A_BATCH: usize = 16 * 1024;
/// The zone of times.
const ZONE: &str = "UTC";

/// What was made of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenRecords {
    /// Rows that were written.
    pub n_rows: u64,
    /// Whether reading stopped at a line that is not whole, as a killed process leaves one.
    pub is_cut: bool,
}

/// Why lines cannot be made into Parquet.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum RecordsError {
    #[error("the first line does not say what the columns are: {reason}")]
    Head { reason: String },
    #[error("the lines cannot be read")]
    Read(#[from] std::io::Error),
    #[error("the rows make no table")]
    Table(#[from] ArrowError),
    #[error("the file cannot be written")]
    Write(#[from] ParquetError),
}

#[derive(Deserialize)]
struct Head {
    columns: Vec<ColumnHead>,
}

#[derive(Deserialize)]
struct ColumnHead {
    name: String,
    kind: RecordKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RecordKind {
    Text,
    Number,
    Integer,
    Boolean,
    Time,
}

/// The values of a column that are not yet written.
enum Builder {
    Text(StringBuilder),
    Number(Float64Builder),
    Integer(Int64Builder),
    Boolean(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
}

impl RecordKind {
    fn builder(&self) -> Builder {
        match self {
            Self::Text => Builder::Text(StringBuilder::new()),
            Self::Number => Builder::Number(Float64Builder::new()),
            Self::Integer => Builder::Integer(Int64Builder::new()),
            Self::Boolean => Builder::Boolean(BooleanBuilder::new()),
            Self::Time => Builder::Time(TimestampMicrosecondBuilder::new().with_timezone(ZONE)),
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Number => DataType::Float64,
            Self::Integer => DataType::Int64,
            Self::Boolean => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some(ZONE.into())),
        }
    }

    /// Whether a value can stand in such a column.
    fn has(&self, value: &Value) -> bool {
        match self {
            _ if value.is_null() => true,
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer | Self::Time => value.is_i64(),
            Self::Boolean => value.is_boolean(),
        }
    }
}

impl Builder {
    /// Adds a value of the column's kind; null for any other.
    fn push(&mut self, value: &Value) {
        match self {
            Self::Text(column) => column.append_option(value.as_str()),
            Self::Number(column) => column.append_option(value.as_f64()),
            Self::Integer(column) => column.append_option(value.as_i64()),
            Self::Boolean(column) => column.append_option(value.as_bool()),
            Self::Time(column) => column.append_option(value.as_i64()),
        }
    }

    fn take(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Number(column) => Arc::new(column.finish()),
            Self::Integer(column) => Arc::new(column.finish()),
            Self::Boolean(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
        }
    }
}

/// Writes rows that came as lines of JSON as Parquet, compressed with zstd. Reading ends at the first line that is no row of
/// the columns, or has no end; where not even the first line has an end, there are no rows and nothing is written.
///
/// # Errors
/// The first line does not say what the columns are; lines cannot be read or the file not be written.
pub fn records_to_parquet(
    lines: &mut dyn BufRead,
    out: &mut (dyn Write + Send),
) -> Result<WrittenRecords, RecordsError> {
    let mut line = String::new();
    let Some(columns) = columns(lines, &mut line)? else {
        return Ok(WrittenRecords {
            n_rows: 0,
            is_cut: !line.is_empty(),
        });
    };
    let fields = columns
        .iter()
        .map(|column| Field::new(&column.name, column.kind.data_type(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let level = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(level).build();
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties))?;
    let mut builders: Vec<Builder> = (columns.iter())
        .map(|column| column.kind.builder())
        .collect();
    let (mut n_rows, mut n_held) = (0, 0);
    let is_cut = loop {
        match next_row(lines, &mut line, &columns)? {
            Next::End => break false,
            Next::Cut => break true,
            Next::Row(row) => {
                for (builder, value) in builders.iter_mut().zip(&row) {
                    builder.push(value);
                }
            }
        }
        n_rows += 1;
        n_held += 1;
        if n_held == ROWS_A_BATCH {
            writer.write(&batch(&schema, &mut builders)?)?;
            n_held = 0;
        }
    };
    if n_held > 0 {
        writer.write(&batch(&schema, &mut builders)?)?;
    }
    writer.close()?;
    Ok(WrittenRecords { n_rows, is_cut })
}

/// What the first line says of the columns; none if it has no end.
fn columns(
    lines: &mut dyn BufRead,
    line: &mut String,
) -> Result<Option<Vec<ColumnHead>>, RecordsError> {
    let odd = |reason: String| RecordsError::Head { reason };
    match lines.read_line(line) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            return Err(odd(error.to_string()));
        }
        read => read?,
    };
    if !line.ends_with('\n') {
        return Ok(None);
    }
    let head: Head = serde_json::from_str(line).map_err(|error| odd(error.to_string()))?;
    Ok(Some(head.columns))
}

fn batch(schema: &Arc<Schema>, builders: &mut [Builder]) -> Result<RecordBatch, ArrowError> {
    let arrays = builders.iter_mut().map(Builder::take).collect();
    RecordBatch::try_new(Arc::clone(schema), arrays)
}

enum Next {
    Row(Vec<Value>),
    /// There are no more.
    End,
    /// What follows is no row.
    Cut,
}

fn next_row(
    lines: &mut dyn BufRead,
    line: &mut String,
    columns: &[ColumnHead],
) -> Result<Next, RecordsError> {
    line.clear();
    match lines.read_line(line) {
        Ok(0) => return Ok(Next::End),
        Ok(_) => {}
        // Bytes that are no text.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Ok(Next::Cut),
        Err(error) => return Err(error.into()),
    }
    if !line.ends_with('\n') {
        return Ok(Next::Cut);
    }
    let Ok(row) = serde_json::from_str::<Vec<Value>>(line) else {
        return Ok(Next::Cut);
    };
    let is_row = row.len() == columns.len()
        && (columns.iter().zip(&row)).all(|(column, value)| column.kind.has(value));
    Ok(if is_row { Next::Row(row) } else { Next::Cut })
}
