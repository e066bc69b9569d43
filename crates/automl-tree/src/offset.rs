//! The column that is added to the raw score of each row, such as the logarithm of an exposure.

use automl_core::{PredictError, TableView};

/// The offsets of rows.
///
/// # Errors
/// No such column, one of another kind, or a cell without a finite number.
pub(crate) fn of_rows(rows: &TableView<'_>, name: &str) -> Result<Vec<f64>, PredictError> {
    let values = rows.number(name)?;
    let of_row = |row: usize| {
        let value = values[row];
        value
            .is_finite()
            .then_some(value)
            .ok_or_else(|| PredictError::Offset {
                name: name.into(),
                row,
            })
    };
    rows.iter_rows().map(of_row).collect()
}
