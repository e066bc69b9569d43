//! Counts and the exposure over which they were counted.
//!
//! The rate `count / exposure` is learned with the exposure as the row's weight. For the Poisson deviance that is the same as learning
//! the count with the logarithm of the exposure added to the score: with the mean `exposure × rate`, the deviance of a count is
//! the exposure times that of its rate. For Tweedie's it is not: it says that the variance of a rate falls as one over its exposure, as
//! that of a mean of so many independent amounts does. Either holds for every learner that takes weights, not only for those that
//! know offsets.

use crate::EngineError;
use automl_core::{Column, Field, Table, Target};

/// What the column is called in errors.
pub(super) const ROLE: &str = "exposure";

/// The exposure of each of `rows`: a number above zero.
pub(super) fn read(table: &Table, field: &Field, rows: &[u32]) -> Result<Vec<f64>, EngineError> {
    let fail = |reason: String| EngineError::Role {
        name: field.name.clone(),
        role: ROLE,
        reason,
    };
    let column = table
        .column(&field.name)
        .expect("the schema describes the table");
    let Column::Number(values) = column else {
        return Err(fail(format!("it is a {} column", column.kind_name())));
    };
    let value = |&row: &u32| {
        let value = values[row as usize];
        if value.is_nan() {
            Err(fail(format!("it is missing in data row {}", row + 1)))
        } else if value <= 0.0 {
            let row = row + 1;
            Err(fail(format!(
                "it is {value} in data row {row}, not above 0"
            )))
        } else {
            Ok(value)
        }
    };
    rows.iter().map(value).collect()
}

/// Counts as they are for an exposure of one.
pub(super) fn per_unit(
    name: &str,
    rows: &[u32],
    target: Target,
    exposure: Option<&[f64]>,
) -> Result<Target, EngineError> {
    let Target::Numbers(counts) = &target else {
        return Ok(target);
    };
    let fail = |reason: String| EngineError::Target {
        name: name.to_owned(),
        reason,
    };
    if let Some(at) = counts.iter().position(|&count| count < 0.0) {
        return Err(fail(format!(
            "it is {} in data row {}, and counts are never negative",
            counts[at],
            rows[at] + 1
        )));
    }
    let Some(exposure) = exposure else {
        return Ok(target);
    };
    let rates: Vec<f64> = counts.iter().zip(exposure).map(|(n, e)| n / e).collect();
    if let Some(at) = rates.iter().position(|rate| !rate.is_finite()) {
        return Err(fail(format!(
            "divided by its exposure it is {} in data row {}",
            rates[at],
            rows[at] + 1
        )));
    }
    Ok(Target::Numbers(rates.into()))
}

/// The weights of rows: their exposure, their own weight, or both multiplied.
pub(super) fn weighted(exposure: Option<Vec<f64>>, weight: Option<Vec<f64>>) -> Option<Vec<f64>> {
    match (exposure, weight) {
        (Some(exposure), Some(weight)) => {
            let pairs = exposure.iter().zip(weight);
            Some(pairs.map(|(exposure, weight)| exposure * weight).collect())
        }
        (exposure, weight) => exposure.or(weight),
    }
}
