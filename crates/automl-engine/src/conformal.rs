//! Shifts of quantiles, so that about the share of new targets that its level says lies at or below each.
//!
//! Conformalised quantile regression (Romano, Patterson and Candès, 2019), each end for itself: the errors of rows that the
//! models have not seen, target less quantile, rank anywhere alike with that of a new row, so a quantile above the middle is
//! moved by the ⌈(n+1)α⌉-th of n errors, and one below it by the ⌊(n+1)α⌋-th. Had one model made all errors and the prediction,
//! a new target would lie at or below a quantile above the middle with its level at least, at or below one under the middle with
//! its level at most, and so between two with the difference of their levels at least. Here it is about that, and not for sure: the
//! errors are out-of-fold ones of models of the folds, and what is moved is the mean of them or a model of all rows; and members
//! were chosen on these very rows.

use automl_core::Predictions;
use std::collections::BTreeSet;

/// What rounding adds to a rank must not make it the next one.
const ROUNDING: f64 = 1e-6;

/// What is added to each quantile; `None` for other predictions. A level so far out that these rows cannot tell of it is
/// shifted by the outermost error. With repeats a row has several errors, which count as one together: `rows` says of which row
/// each is.
pub(crate) fn shifts(
    target: &[f64],
    predictions: &Predictions,
    weight: Option<&[f64]>,
    rows: &[u32],
) -> Option<Vec<f64>> {
    let Predictions::Quantiles { levels, values } = predictions else {
        return None;
    };
    let weight_of = |at: usize| weight.map_or(1.0, |weight| weight[at]);
    let counted = rows.iter().enumerate();
    let counted = counted.filter(|&(at, _)| weight_of(at) > 0.0);
    let n_rows = counted.map(|(_, row)| row).collect::<BTreeSet<_>>().len();
    let shift = |(place, level): (usize, f64)| {
        let quantiles = values.iter().skip(place).step_by(levels.len());
        let errors = target.iter().zip(quantiles).map(|(y, q)| y - q);
        let mut errors: Vec<(f64, f64)> = errors
            .enumerate()
            .map(|(at, error)| (error, weight_of(at)))
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        errors.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        at_rank(&errors, n_rows, level)
    };
    let levels = levels.iter().map(|level| level.share());
    Some(levels.enumerate().map(shift).collect())
}

/// Rows from which on the outermost of `levels` is told by an error between others.
pub(crate) fn rows_needed(levels: impl Iterator<Item = f64>) -> usize {
    let needed = levels.map(|level| (1.0 / level.min(1.0 - level) - ROUNDING).ceil() as usize - 1);
    needed.max().unwrap_or(0)
}

/// Adds what is to be added to each quantile of every row, and puts them in order again.
pub(crate) fn shift(predictions: &mut Predictions, shifts: &[f64]) {
    for row in predictions.values_mut().chunks_exact_mut(shifts.len()) {
        for (value, shift) in row.iter_mut().zip(shifts) {
            *value += shift;
        }
    }
    crate::outputs::in_order(predictions);
}

/// The error whose rank says the level, on the safe side of it: of sorted errors of so many rows, with weights. Weights count as
/// shares of the rows.
fn at_rank(errors: &[(f64, f64)], n_rows: usize, level: f64) -> f64 {
    let n = n_rows as f64;
    let total: f64 = errors.iter().map(|(_, weight)| weight).sum();
    let wanted = (n + 1.0) * level;
    let rank = if level < 0.5 {
        (wanted + ROUNDING).floor()
    } else {
        (wanted - ROUNDING).ceil()
    };
    let mut passed = 0.0;
    for (error, weight) in errors {
        passed += weight / total * n;
        if passed >= rank - ROUNDING {
            return *error;
        }
    }
    errors.last().map_or(0.0, |(error, _)| *error)
}

/// The value below or at which rows of this share of the weight lie.
pub(crate) fn weighted_quantile(values: &[f64], weight: Option<&[f64]>, share: f64) -> f64 {
    let mut rows: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .map(|(row, value)| (*value, weight.map_or(1.0, |weight| weight[row])))
        .collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = rows.iter().map(|(_, weight)| weight).sum();
    let mut passed = 0.0;
    for (value, weight) in &rows {
        passed += weight;
        if passed >= share * total {
            return *value;
        }
    }
    rows.last().map_or(0.0, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::Level;

    fn quantiles(levels: &[f64], n_rows: usize) -> Predictions {
        let known = levels.iter().map(|&level| Level::try_from(level).unwrap());
        Predictions::Quantiles {
            levels: known.collect(),
            values: vec![0.0; n_rows * levels.len()],
        }
    }

    #[test]
    fn quantiles_are_moved_to_the_ranks_that_their_levels_say() {
        let target: Vec<f64> = (1..=99).map(f64::from).collect();
        let mut predictions = quantiles(&[0.1, 0.5, 0.9], 99);
        let rows: Vec<u32> = (0..99).collect();
        let found = shifts(&target, &predictions, None, &rows).unwrap();
        // Of 99 errors the 10th, the 50th and the 90th.
        assert_eq!(found, [10.0, 50.0, 90.0]);
        shift(&mut predictions, &found);
        assert_eq!(predictions.values()[..3], [10.0, 50.0, 90.0]);
    }

    #[test]
    fn levels_that_few_rows_cannot_tell_of_are_moved_to_the_outermost_error() {
        let target = [1.0, 2.0, 3.0];
        let found = shifts(&target, &quantiles(&[0.01, 0.99], 3), None, &[0, 1, 2]).unwrap();
        assert_eq!(found, [1.0, 3.0]);
        assert_eq!(rows_needed([0.01, 0.5, 0.99].into_iter()), 99);
        assert_eq!(rows_needed([0.1, 0.9].into_iter()), 9);
    }

    #[test]
    fn a_row_that_several_folds_tell_of_counts_once() {
        let target: Vec<f64> = (1..=9).map(f64::from).collect();
        let rows: Vec<u32> = (0..9).collect();
        let once = shifts(&target, &quantiles(&[0.25, 0.75], 9), None, &rows);
        let (thrice, rows) = (target.repeat(3), rows.repeat(3));
        let repeated = shifts(&thrice, &quantiles(&[0.25, 0.75], 27), None, &rows);
        // Of 9 errors the 2nd and the 8th; 27 rows would say the 7th and the 21st of 27 instead.
        assert_eq!(once, Some(vec![2.0, 8.0]));
        assert_eq!(repeated, once);
    }

    #[test]
    fn a_row_of_weight_two_counts_as_two_rows() {
        let once = [1.0, 2.0, 3.0, 4.0];
        let twice = [1.0, 2.0, 3.0, 3.0, 3.0, 4.0];
        for level in [0.3, 0.5, 0.8] {
            assert_eq!(
                weighted_quantile(&once, Some(&[1.0, 1.0, 3.0, 1.0]), level),
                weighted_quantile(&twice, None, level)
            );
        }
    }

    #[test]
    fn quantiles_that_cross_are_put_in_order() {
        let mut predictions = quantiles(&[0.1, 0.9], 1);
        shift(&mut predictions, &[2.0, 1.0]);
        assert_eq!(predictions.values(), [1.0, 2.0]);
    }

    #[test]
    fn other_predictions_are_not_moved() {
        let numbers = Predictions::Numbers(vec![1.0]);
        assert_eq!(shifts(&[1.0], &numbers, None, &[0]), None);
    }
}
