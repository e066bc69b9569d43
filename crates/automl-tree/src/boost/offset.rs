//! The column that scores start from, and the features that are left beside it.

use crate::binning::BinnedMatrix;
use crate::gradient_boosting::GradientBoostingParams;
use automl_core::{Column, ParamError, Params, Table, nearest};

const PARAMETER: &str = "offset_column";

/// The name of the offset's column, if there is one: a column of numbers of the table.
pub(super) fn column<'a>(
    params: &'a GradientBoostingParams,
    table: &Table,
) -> Result<Option<&'a str>, ParamError> {
    let name = params.offset_column.as_str();
    if name.is_empty() {
        return Ok(None);
    }
    match table.column(name) {
        Some(Column::Number(_)) => Ok(Some(name)),
        Some(column) => Err(conflict(
            params,
            &format!("is a {} column; offsets are numbers", column.kind_name()),
        )),
        None => Err(ParamError::UnknownColumn {
            name: PARAMETER.to_owned(),
            column: name.to_owned(),
            near: nearest(name, table.names()),
        }),
    }
}

/// The features that trees may use: all but the offset.
pub(super) fn features_beside(
    name: Option<&str>,
    table: &Table,
    matrix: &BinnedMatrix,
) -> Vec<u32> {
    let position = name.and_then(|name| table.position(name));
    let features = matrix.features.iter().enumerate();
    features
        .filter(|(_, feature)| Some(feature.column) != position)
        .map(|(number, _)| number as u32)
        .collect()
}

/// An error about the offset.
pub(super) fn conflict(params: &GradientBoostingParams, reason: &str) -> ParamError {
    ParamError::Conflict {
        name: PARAMETER.to_owned(),
        value: params.get(PARAMETER).expect("it is a parameter"),
        reason: reason.to_owned(),
    }
}
