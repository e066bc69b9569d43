//! How good the ensemble is on rows that the choice of its members has not looked at, and how sure that is.
//!
//! The members, their shares and the threshold are chosen on one half of the out-of-fold rows and scored on the other, and the
//! other way round. What the score loses by that is the optimism of choosing; the interval comes from the bootstrap over rows,
//! or over groups of them, by weights that are drawn from a Poisson distribution (Hanley and `MacGibbon`, 2006).

use crate::plan::Plan;
use automl_core::metrics::Metric;
use automl_core::{Predictions, Seed, Threads};
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Draws of the bootstrap.
const N_DRAWS: usize = 100;
/// Share of the draws below and above the interval.
const TAIL: f64 = 0.05;

/// An estimate of the score on new rows like those of the fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NestedScore {
    /// The score, with what choosing the members added to it taken off.
    pub score: f64,
    /// Nine times out of ten the score lies above this, by the number of rows, or of groups, alone,
    pub low: f64,
    /// and below this, 5 % on each side.
    pub high: f64,
}

/// The rows that are compared, with what is predicted for them by members that were chosen on all rows, and by members that
/// were chosen without them.
pub(crate) struct Rows<'a> {
    /// How many rows, or groups of rows, are drawn apart from one another.
    pub(crate) n_units: usize,
    /// Which of these each row belongs to; with repeats a row stands more than once.
    pub(crate) places: &'a [usize],
    pub(crate) target: &'a [f64],
    pub(crate) weight: Option<&'a [f64]>,
    pub(crate) plain: &'a Predictions,
    pub(crate) nested: &'a Predictions,
}

/// Which half a row belongs to: a row, or a group of rows, is in one of them alone.
pub(crate) fn is_first_half(seed: Seed, key: u32) -> bool {
    seed.indexed(u64::from(key)).rng().random::<bool>()
}

/// The estimate; `None` where the metric has no value for such rows.
pub(crate) fn estimate(
    plan: &Plan,
    score: f64,
    rows: &Rows<'_>,
    seed: Seed,
    threads: &Threads,
) -> Option<NestedScore> {
    let metric = plan.metric;
    let plain = metric.score(rows.target, rows.plain, rows.weight).ok()?;
    let nested = metric.score(rows.target, rows.nested, rows.weight).ok()?;
    let draws = threads.map(N_DRAWS, |draw| {
        resampled(metric, rows, seed.indexed(draw as u64))
    });
    let mut draws: Vec<f64> = draws.into_iter().flatten().collect();
    draws.sort_by(f64::total_cmp);
    if draws.len() < N_DRAWS / 2 {
        return None;
    }
    let at = |share: f64| draws[((draws.len() - 1) as f64 * share).round() as usize];
    // The score on the leaderboard is a mean over splits, these are of all rows together: what differs is taken over.
    let shift = score - plain;
    let estimate = NestedScore {
        score: shift + nested,
        low: shift + at(TAIL),
        high: shift + at(1.0 - TAIL),
    };
    let numbers = [estimate.score, estimate.low, estimate.high];
    numbers
        .iter()
        .all(|number| number.is_finite())
        .then_some(estimate)
}

/// The score where each row counts as often as it, or its group, was drawn.
fn resampled(metric: Metric, rows: &Rows<'_>, seed: Seed) -> Option<f64> {
    let mut rng = seed.rng();
    let drawn: Vec<f64> = (0..rows.n_units)
        .map(|_| f64::from(poisson_of_one(rng.random::<f64>())))
        .collect();
    let weights = rows.places.iter().enumerate().map(|(index, &place)| {
        let own = rows.weight.map_or(1.0, |weight| weight[index]);
        own * drawn[place]
    });
    let weights: Vec<f64> = weights.collect();
    metric.score(rows.target, rows.nested, Some(&weights)).ok()
}

/// The number of events that a uniform draw stands for, where one is expected: the inverse of the distribution function.
pub(crate) fn poisson_of_one(uniform: f64) -> u32 {
    const MOST: u32 = 20;
    let mut share = (-1.0_f64).exp();
    let mut below = share;
    for count in 0..MOST {
        if uniform < below {
            return count;
        }
        share /= f64::from(count + 1);
        below += share;
    }
    MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_of_a_row_have_the_mean_and_the_variance_of_a_poisson_distribution() {
        let n = 100_000;
        let counts = (0..n).map(|index| poisson_of_one((f64::from(index) + 0.5) / f64::from(n)));
        let counts: Vec<f64> = counts.map(f64::from).collect();
        let mean = counts.iter().sum::<f64>() / f64::from(n);
        let variance = counts
            .iter()
            .map(|count| (count - mean).powi(2))
            .sum::<f64>();
        assert!((mean - 1.0).abs() < 1e-3, "{mean}");
        assert!((variance / f64::from(n) - 1.0).abs() < 1e-2);
    }

    #[test]
    fn about_half_of_the_rows_are_in_each_half_and_a_row_is_always_in_the_same() {
        let seed = Seed(3);
        let first = (0..2000).filter(|&row| is_first_half(seed, row)).count();
        assert!((900..1100).contains(&first), "{first}");
        assert!((0..100).all(|row| is_first_half(seed, row) == is_first_half(seed, row)));
    }
}
