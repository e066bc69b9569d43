//! Parquet and Arrow IPC, batch by batch.

use super::input::{Content, Input};
use super::{Cell, RowReader, Sink};
use crate::error::DataError;
use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};

const BATCH_ROWS: usize = 8192;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

struct Columnar {
    batches: Batches,
    file: String,
    format: &'static str,
    names: Vec<String>,
    /// The batch at hand and how many of its rows were given.
    batch: Option<(RecordBatch, usize)>,
    n_rows: u64,
}

/// Reads the footer or the schema message.
pub(super) fn open(input: Input) -> Result<Box<dyn RowReader>, DataError> {
    let is_parquet = input.format == crate::options::Format::Parquet;
    let format = if is_parquet { "Parquet" } else { "Arrow IPC" };
    let file = input.name;
    let broken = |reason: String| DataError::Format {
        format,
        reason,
        file: file.clone(),
    };
    let (schema, batches) = guarded(|| open_batches(input.content, is_parquet)).map_err(&broken)?;
    for field in schema.fields() {
        if plain_type(field.data_type()).is_none() {
            return Err(DataError::ColumnType {
                column: field.name().clone(),
                data_type: field.data_type().to_string(),
                file,
            });
        }
    }
    Ok(Box::new(Columnar {
        batches,
        file,
        format,
        names: schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect(),
        batch: None,
        n_rows: 0,
    }))
}

fn open_batches(content: Content, is_parquet: bool) -> Result<(SchemaRef, Batches), ArrowError> {
    Ok(match content {
        Content::Seekable(file) if is_parquet => {
            let builder =
                ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS);
            (builder.schema().clone(), Box::new(builder.build()?))
        }
        Content::Seekable(file) => {
            let reader = FileReader::try_new(BufReader::new(file), None)?;
            (reader.schema(), Box::new(reader))
        }
        Content::Stream(stream) => {
            let reader = StreamReader::try_new(BufReader::new(stream), None)?;
            (reader.schema(), Box::new(reader))
        }
        Content::Text { .. } => unreachable!("columnar files are opened as bytes"),
    })
}

/// Runs a decoder of arrow-rs, which panics on some damaged files: its asserts stand where it should return errors.
fn guarded<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_panic) => Err("the file is damaged".into()),
    }
}

/// The one of five types that cells of `data_type` are read as; `None` for nested values and raw bytes.
fn plain_type(data_type: &DataType) -> Option<DataType> {
    use DataType as T;
    Some(match data_type {
        T::Null => T::Null,
        T::Boolean => T::Boolean,
        T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::UInt8
        | T::UInt16
        | T::UInt32
        | T::Duration(_) => T::Int64,
        // The first five are whole numbers that may have more digits than the other two types keep.
        T::UInt64
        | T::Decimal32(_, 0)
        | T::Decimal64(_, 0)
        | T::Decimal128(_, 0)
        | T::Decimal256(_, 0)
        | T::Utf8
        | T::LargeUtf8
        | T::Utf8View
        | T::Time32(_)
        | T::Time64(_) => T::Utf8,
        T::Float16
        | T::Float32
        | T::Float64
        | T::Decimal32(..)
        | T::Decimal64(..)
        | T::Decimal128(..)
        | T::Decimal256(..) => T::Float64,
        T::Date32 | T::Date64 | T::Timestamp(..) => T::Timestamp(TimeUnit::Microsecond, None),
        T::Dictionary(_, values) => return plain_type(values),
        _ => return None,
    })
}

impl Columnar {
    fn broken(&self, reason: String) -> DataError {
        DataError::Format {
            format: self.format,
            reason,
            file: self.file.clone(),
        }
    }

    /// Gives rows `start..start + n_rows` of one column.
    fn give(&self, column: usize, array: &ArrayRef, sink: &mut dyn Sink) -> Result<(), DataError> {
        let target = plain_type(array.data_type()).unwrap_or(DataType::Null);
        let array = if *array.data_type() == target {
            array.clone()
        } else {
            guarded(|| cast(array, &target)).map_err(|reason| self.broken(reason))?
        };
        let any = array.as_any();
        let n_rows = array.len();
        let mut each = |cell: &dyn Fn(usize) -> Cell<'static>| -> Result<(), DataError> {
            for row in 0..n_rows {
                let cell = if array.is_null(row) {
                    Cell::Missing
                } else {
                    cell(row)
                };
                sink.cell(column, cell)?;
            }
            Ok(())
        };
        if let Some(values) = any.downcast_ref::<Float64Array>() {
            each(&|row| match values.value(row) {
                value if value.is_nan() => Cell::Missing,
                value => Cell::Number(value),
            })
        } else if let Some(values) = any.downcast_ref::<Int64Array>() {
            each(&|row| Cell::Integer(values.value(row)))
        } else if let Some(values) = any.downcast_ref::<StringArray>() {
            for row in 0..n_rows {
                let cell = if values.is_null(row) {
                    Cell::Missing
                } else {
                    Cell::Text(values.value(row))
                };
                sink.cell(column, cell)?;
            }
            Ok(())
        } else if let Some(values) = any.downcast_ref::<BooleanArray>() {
            each(&|row| Cell::Boolean(values.value(row)))
        } else if let Some(values) = any.downcast_ref::<TimestampMicrosecondArray>() {
            each(&|row| Cell::Time(values.value(row)))
        } else {
            each(&|_| Cell::Missing)
        }
    }
}

impl RowReader for Columnar {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&mut self, max_rows: usize, sink: &mut dyn Sink) -> Result<usize, DataError> {
        let mut n_done = 0;
        while n_done < max_rows {
            let (batch, given) = match self.batch.take() {
                Some((batch, given)) if given < batch.num_rows() => (batch, given),
                _ => {
                    let next = guarded(|| self.batches.next().transpose());
                    match next.map_err(|reason| self.broken(reason))? {
                        None => break,
                        Some(batch) => (batch, 0),
                    }
                }
            };
            let n_rows = (batch.num_rows() - given).min(max_rows - n_done);
            for _ in 0..n_rows {
                self.n_rows += 1;
                sink.row(self.n_rows);
            }
            for (column, array) in batch.columns().iter().enumerate() {
                if sink.wants(column) {
                    self.give(column, &array.slice(given, n_rows), sink)?;
                }
            }
            n_done += n_rows;
            self.batch = Some((batch, given + n_rows));
        }
        Ok(n_done)
    }
}
