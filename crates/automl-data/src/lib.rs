//! From files to tables and back: formats, type inference, schema files, streams for scoring, predictions.
//!
//! ```
//! use automl_data::{ReadOptions, Source, read_table};
//!
//! let source = Source::bytes("people.csv", *b"age,member\n39,yes\n?,no\n");
//! let loaded = read_table(&source, &ReadOptions::default(), None)?;
//! let kinds: Vec<_> = loaded.schema.fields.iter().map(|field| field.kind.name()).collect();
//! assert_eq!(kinds, ["number", "boolean"]);
//! assert_eq!(loaded.facts[0].n_missing, 1);
//! # Ok::<(), automl_data::DataError>(())
//! ```
//!
//! Cells travel one by one from a reader of each format to a sink: [`read_table`] collects distinct cells and infers
//! kinds from them, [`open_batches`] decodes them by a known schema. So all formats give the same table.
//!
//! What this crate must not know: models, tasks, the command line.

mod batches;
mod decode;
mod error;
mod infer;
mod levels;
mod load;
mod moments;
mod options;
mod parts;
mod predictions;
pub mod profile;
mod read;
mod records;
mod requests;
mod rows;
mod schema_file;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod wording;

pub use batches::{Batch, BatchOptions, BatchReader, open_batches, split_names};
pub use error::{DataError, Place, SettledBy, Unit};
pub use levels::LevelCoder;
pub use load::{ColumnFacts, Fingerprint, Loaded, read_table};
pub use moments::moment_texts;
pub use options::{DEFAULT_MISSING, Encoding, Format, ReadOptions, missing_marks};
pub use parts::{Part, Parts, SameColumns, find_parts, folder_of, parts_among};
pub use predictions::{PredictionColumns, PredictionFormat, PredictionWriter};
pub use read::{FILE_COLUMN, IMAGE_COLUMN, LABEL_COLUMN};
pub use records::{RecordsError, WrittenRecords, records_to_parquet};
pub use requests::RequestReader;
pub use rows::{CellError, RowBuffer, RowCoder};
pub use schema_file::{ColumnOverride, SchemaFile, without_place, write_schema};
pub use source::Source;
pub use stream::{StreamError, to_stream};
