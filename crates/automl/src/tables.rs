//! Tables streamed as a model needs them.

use automl_core::{Field, Schema, Warnings};
use automl_data::{BatchOptions, BatchReader, DataError, ReadOptions, Source, open_batches};

/// Opens a table to be streamed as the columns of `inputs` for which `needed` holds; warnings go to `warnings`.
///
/// # Errors
/// The table cannot be opened, or a needed column is not there and that is not allowed.
pub(crate) fn stream(
    source: &Source,
    options: &ReadOptions,
    inputs: &Schema,
    needed: impl Fn(&Field) -> bool,
    cut: &BatchOptions,
    warnings: &Warnings,
) -> Result<BatchReader, DataError> {
    let reader = open_batches(source, options, inputs, needed, cut)?;
    for warning in reader.warnings() {
        warnings.push(warning.clone());
    }
    Ok(reader)
}
