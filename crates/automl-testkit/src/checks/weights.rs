//! Row weights: one each is none, they matter where the learner says so, and zero silences a target.

use super::fitting::{check_skill, other_value, with_target};
use crate::Check;
use crate::artifacts::check_same;
use crate::case::Case;
use automl_core::Dataset;

pub(super) const CHECKS: &[Check] = &[
    ("weights of 1 are no weights", ones_are_none),
    ("weights matter, or not, as it says", matter_as_declared),
    ("targets of weight zero are not learned", zero_is_silent),
];

fn weighted(data: Dataset, weight: impl Fn(usize) -> f64) -> Result<Dataset, String> {
    let weights: Vec<f64> = (0..data.n_rows()).map(weight).collect();
    data.with_weight(weights).map_err(|error| error.to_string())
}

fn ones_are_none(case: &Case) -> Result<(), String> {
    let expected = case.fit(&case.data(150))?.artifact();
    let data = weighted(case.data(150), |_| 1.0)?;
    check_same(&case.fit(&data)?.artifact(), &expected)
}

fn matter_as_declared(case: &Case) -> Result<(), String> {
    let plain = case.fit(&case.data(150))?.artifact();
    let data = weighted(case.data(150), |row| {
        if row.is_multiple_of(3) { 8.0 } else { 0.5 }
    })?;
    let is_same = check_same(&case.fit(&data)?.artifact(), &plain).is_ok();
    match (case.spec.capabilities.weights, is_same) {
        (true, true) => Err("it says that weights matter, but the model is the same".into()),
        (false, false) => Err("it says that weights do not matter, but the model differs".into()),
        _ => Ok(()),
    }
}

fn zero_is_silent(case: &Case) -> Result<(), String> {
    if case.is_baseline() || !case.spec.capabilities.weights {
        return Ok(());
    }
    let weight = |row: usize| f64::from(row.is_multiple_of(2));
    let clean = case.data(300);
    let spoilt = with_target(&clean, |row, value| {
        if row.is_multiple_of(2) {
            value
        } else {
            other_value(case.task, value)
        }
    })?;
    let spoilt = weighted(spoilt, weight)?;
    let model = case.fit(&spoilt)?;
    let predictions = case.predict(model.as_ref(), clean.table())?;
    check_skill(case.task, &clean, &predictions, spoilt.weight())
}
