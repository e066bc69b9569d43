//! Intervals that hold a new target with a given probability, whatever the errors are distributed like.
//!
//! Split conformal prediction (Vovk and others, 2005; Lei and others, 2018): the error of a new row ranks anywhere among those of
//! n rows that the model has not seen, all places being equally likely, so the interval from the ⌊(n+1)α/2⌋-th to the
//! ⌈(n+1)(1−α/2)⌉-th of them covers it with probability 1−α at least. The rows here are the out-of-fold ones. Ranks are taken
//! among rows of like predictions (Mondrian conformal prediction), so that intervals are wide where errors are large, and the
//! coverage holds for small and large predictions alike. Fold models learn from fewer rows than the final one, so
//! that coverage tends to be a little above what is asked for; the choice of members looked at the same rows, which takes a little.
//! Where rows have weights, sets are cut at equal weight and ranks are those of as many rows as the weights are worth (Kish's effective
//! number). That is an approximation: rows to come must be weighted alike, and weights must not depend on the errors.

#[cfg(test)]
mod tests;

use crate::fit::OutOfFold;
use automl_core::Predictions;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows of like predictions, at least.
const BIN_ROWS: usize = 200;
/// Sets of like predictions, at most.
const BINS_MAX: usize = 10;
/// Errors that are kept of a set at most: every quantile is then known to half a thousandth.
const ERRORS_MAX: usize = 2000;

/// What is known of the errors of a model of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Sets of like predictions, from small to large.
    pub bins: Vec<ErrorBin>,
}

/// The errors of rows of like predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorBin {
    /// Predictions of the set are not above this; none for the last.
    pub up_to: Option<f64>,
    /// Rows.
    pub n_rows: usize,
    /// Target less prediction, sorted; evenly spaced ranks where rows are many.
    pub errors: Vec<f64>,
}

/// The intervals of one coverage.
#[derive(Debug, Clone, PartialEq)]
pub struct Band(Vec<(f64, [f64; 2])>);

impl Intervals {
    /// What the out-of-fold rows tell; `None` for classes.
    pub(crate) fn of(rows: &OutOfFold) -> Option<Self> {
        let mut pairs = mean_errors(rows)?;
        pairs.retain(|&(_, _, weight)| weight > 0.0);
        if pairs.is_empty() {
            return None;
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let n_bins = (n_worth(pairs.iter().map(|pair| pair.2)) / BIN_ROWS).clamp(1, BINS_MAX);
        let ends = ends(&pairs, n_bins);
        let mut bins = Vec::new();
        let mut start = 0;
        for mut end in ends {
            // Equal predictions stay together.
            while end > start && end < pairs.len() && pairs[end].0 == pairs[end - 1].0 {
                end += 1;
            }
            if end <= start {
                continue;
            }
            let is_last = end == pairs.len();
            let up_to = (!is_last).then(|| pairs[end - 1].0);
            bins.push(ErrorBin::new(up_to, &pairs[start..end]));
            start = end;
        }
        Some(Self { bins })
    }

    /// Whether it is what was written: sets in order, each with sorted errors.
    pub fn is_valid(&self) -> bool {
        let ups: Vec<f64> = self.bins.iter().filter_map(|bin| bin.up_to).collect();
        let is_whole = |bin: &ErrorBin| {
            !bin.errors.is_empty()
                && bin.errors.len() <= bin.n_rows
                && bin.errors.iter().all(|error| error.is_finite())
                && bin.errors.is_sorted()
        };
        !self.bins.is_empty()
            && ups.len() + 1 == self.bins.len()
            && self.bins.last().is_some_and(|bin| bin.up_to.is_none())
            && ups.is_sorted()
            && self.bins.iter().all(is_whole)
    }

    /// The greatest coverage that so many rows can tell of.
    pub fn coverage_max(&self) -> f64 {
        let fewest = self.bins.iter().map(|bin| bin.n_rows).min().unwrap_or(0);
        fewest.saturating_sub(1) as f64 / (fewest + 1) as f64
    }

    /// Intervals that cover a new target with this probability; `None` beyond [`Intervals::coverage_max`].
    pub fn band(&self, coverage: f64) -> Option<Band> {
        let bounds = |bin: &ErrorBin| {
            let up_to = bin.up_to.unwrap_or(f64::INFINITY);
            Some((up_to, bin.bounds(coverage)?))
        };
        self.bins
            .iter()
            .map(bounds)
            .collect::<Option<_>>()
            .map(Band)
    }
}

/// The mean prediction of each row, its error and its weight; `None` for classes. Repeats of the validation tell of a row again, but
/// not of another one.
fn mean_errors(rows: &OutOfFold) -> Option<Vec<(f64, f64, f64)>> {
    let Predictions::Numbers(predictions) = &rows.predictions else {
        return None;
    };
    let mut of_rows: BTreeMap<u32, (f64, usize, usize)> = BTreeMap::new();
    for (place, (&row, prediction)) in rows.rows.iter().zip(predictions).enumerate() {
        let (mean, _, n) = of_rows.entry(row).or_insert((0.0, place, 0));
        *n += 1;
        *mean += (prediction - *mean) / *n as f64;
    }
    let weight = |place: usize| rows.weight.as_ref().map_or(1.0, |weight| weight[place]);
    let pair = |(prediction, place, _): (f64, usize, usize)| {
        (prediction, rows.target[place] - prediction, weight(place))
    };
    Some(of_rows.into_values().map(pair).collect())
}

/// How many rows of one weight these weights are worth, `(Σw)² / Σw²`; at least 1.
fn n_worth(weights: impl Iterator<Item = f64> + Clone) -> usize {
    // Rounding must not take a row from weights that are all alike.
    const ROUNDING: f64 = 1e-9;
    let n_rows = weights.clone().count();
    // Relative to the greatest, so that no square is too large or too small for a number.
    let greatest = weights.clone().fold(0.0, f64::max);
    let (sum, squares) = weights.fold((0.0, 0.0), |(sum, squares), weight| {
        let weight = weight / greatest;
        (sum + weight, squares + weight * weight)
    });
    ((sum * sum / squares * (1.0 + ROUNDING)).floor() as usize).clamp(1, n_rows)
}

/// Where sorted rows are cut so that the parts weigh alike, the last at their end.
fn ends(pairs: &[(f64, f64, f64)], n_bins: usize) -> Vec<usize> {
    // A row whose middle is before the cut is before it.
    let total: f64 = pairs.iter().map(|pair| pair.2).sum();
    let mut passed = 0.0;
    let middles = pairs.iter().map(|pair| {
        passed += pair.2;
        passed - pair.2 / 2.0
    });
    let middles: Vec<f64> = middles.collect();
    let end = |bin: usize| {
        let cut = total * bin as f64 / n_bins as f64;
        middles.partition_point(|&middle| middle < cut)
    };
    let inner = (1..n_bins).map(end);
    inner.chain([pairs.len()]).collect()
}

/// As many errors as the weights are worth, each standing for as much weight: from sorted errors with weights.
fn worth(errors: &[(f64, f64)]) -> Vec<f64> {
    let sum: f64 = errors.iter().map(|(_, weight)| weight).sum();
    let n_worth = n_worth(errors.iter().map(|&(_, weight)| weight));
    let mut out = Vec::with_capacity(n_worth);
    let mut passed = 0.0;
    for &(error, weight) in errors {
        passed += weight;
        while out.len() < n_worth && (out.len() as f64 + 0.5) * sum <= passed * n_worth as f64 {
            out.push(error);
        }
    }
    out
}

impl ErrorBin {
    fn new(up_to: Option<f64>, pairs: &[(f64, f64, f64)]) -> Self {
        let mut errors: Vec<(f64, f64)> = pairs
            .iter()
            .map(|&(_, error, weight)| (error, weight))
            .collect();
        errors.sort_by(|a, b| a.0.total_cmp(&b.0));
        let is_weighted = errors.iter().any(|one| one.1 != errors[0].1);
        let errors = if is_weighted {
            worth(&errors)
        } else {
            errors.into_iter().map(|(error, _)| error).collect()
        };
        let n_rows = errors.len();
        if n_rows <= ERRORS_MAX {
            return Self {
                up_to,
                n_rows,
                errors,
            };
        }
        let rank = |index: usize| index * (n_rows - 1) / (ERRORS_MAX - 1);
        Self {
            up_to,
            n_rows,
            errors: (0..ERRORS_MAX).map(|index| errors[rank(index)]).collect(),
        }
    }

    /// The errors between which a new one lies with this probability.
    fn bounds(&self, coverage: f64) -> Option<[f64; 2]> {
        // Rounding must not ask for one rank more than the formula does.
        const ROUNDING: f64 = 1e-9;
        let places = (self.n_rows + 1) as f64;
        let tail = (1.0 - coverage) / 2.0;
        let low = (places * tail + ROUNDING).floor();
        let high = (places * (1.0 - tail) - ROUNDING).ceil();
        if low < 1.0 || high > self.n_rows as f64 {
            return None;
        }
        // Where errors were thinned out, the one on the safe side.
        let scale = (self.errors.len() - 1) as f64 / (self.n_rows - 1).max(1) as f64;
        let low = ((low - 1.0) * scale).floor() as usize;
        let high = ((high - 1.0) * scale).ceil() as usize;
        Some([
            self.errors[low],
            self.errors[high.min(self.errors.len() - 1)],
        ])
    }
}

impl Band {
    /// The interval around a prediction.
    pub fn around(&self, prediction: f64) -> [f64; 2] {
        let position = self.0.partition_point(|&(up_to, _)| up_to < prediction);
        let (_, [low, high]) = self.0[position.min(self.0.len() - 1)];
        [prediction + low, prediction + high]
    }
}
