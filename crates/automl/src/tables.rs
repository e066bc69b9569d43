//! Tables as the verbs need them: read whole with what the user said of columns, or streamed for a model.

use crate::modeldir::LoadedModel;
use crate::scoring::BATCH_ROWS;
use automl_core::{Field, Warnings};
use automl_data::{
    BatchOptions, BatchReader, DataError, Loaded, ReadOptions, SchemaFile, Source, open_batches,
    read_table,
};
use std::path::Path;

/// Reads a whole table with what a schema file says of it.
///
/// # Errors
/// The table or the schema file cannot be read.
pub(crate) fn load(
    source: &Source,
    options: &ReadOptions,
    schema_file: Option<&Path>,
) -> Result<Loaded, DataError> {
    let overrides = schema_file.map(SchemaFile::read).transpose()?;
    read_table(source, options, overrides.as_ref())
}

/// Opens a table to be streamed as the columns of `model` for which `needed` holds; warnings go to `warnings`.
///
/// # Errors
/// The table cannot be opened, or a needed column is not there and that is not allowed.
pub(crate) fn stream(
    source: &Source,
    options: &ReadOptions,
    model: &LoadedModel,
    needed: impl Fn(&Field) -> bool,
    allow_missing_columns: bool,
    warnings: &Warnings,
) -> Result<BatchReader, DataError> {
    let cut = BatchOptions {
        allow_missing_columns,
        batch_rows: BATCH_ROWS,
    };
    let reader = open_batches(source, options, &model.manifest.inputs, needed, cut)?;
    for warning in reader.warnings() {
        warnings.push(warning.clone());
    }
    Ok(reader)
}
