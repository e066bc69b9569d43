//! How sure the ensemble should be, where the metric reads probabilities as such.
//!
//! Temperature scaling (Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017) raises the
//! probabilities of a row to one power and scales them to sum to 1 again: above 1 they become surer, below 1 less sure, and
//! the order of the classes stays. A mean of models is less sure than each of them, and out-of-fold predictions tell by how much.
//! Even one number overfits where few rows are wrong: the surer, the better, without end. So it is used only where it is well within
//! its bounds, and where each half of the rows gains by what the other half found, and by more than the gain's standard error.

use automl_core::Predictions;
use automl_core::metrics::Metric;
use std::collections::BTreeMap;

/// Powers that are weighed.
const POWERS: [f64; 2] = [0.25, 4.0];
/// Steps of the search for the best one: the interval shrinks by the golden section each time.
const N_STEPS: usize = 16;
/// Numbers that are looked at when a power is weighed: more rows than that times classes are thinned out. A logarithm and an
/// exponential each, so that all steps together take a tenth of a second.
const CELLS_MAX: usize = 150_000;
/// The same where what a half found is judged on the other.
const JUDGED_CELLS_MAX: usize = 1_000_000;
/// Probabilities below this are taken as this.
pub(crate) const LEAST: f64 = 1e-15;
/// A gain smaller than this share of the loss is not worth another step at each prediction.
const GAIN_MIN: f64 = 1e-3;
/// A logarithm of a power that is nearer than this to a bound's is at the bound: the rows ask for more than that.
const EDGE: f64 = 0.02;
/// Units, in the sense of [`Judged::units`], of a half at least.
const HALF_UNITS_MIN: usize = 20;

/// Whether probabilities that are nearer to the truth always have a better score.
pub(crate) fn is_proper(metric: Metric) -> bool {
    matches!(metric, Metric::LogLoss | Metric::Brier)
}

/// Raises the probabilities of each row to a power and scales them to sum to 1. A row in which one is no number stays as it is.
pub(crate) fn sharpen(predictions: &mut Predictions, power: f64) {
    let Predictions::Probabilities { n_classes, values } = predictions else {
        return;
    };
    for row in values.chunks_exact_mut(*n_classes) {
        if row.iter().any(|value| value.is_nan()) {
            continue;
        }
        let greatest = row.iter().copied().fold(LEAST, f64::max);
        let mut sum = 0.0;
        for value in row.iter_mut() {
            // Relative to the greatest, so that no power is too small for a number.
            *value = (value.max(LEAST) / greatest).powf(power);
            sum += *value;
        }
        for value in row {
            *value /= sum;
        }
    }
}

/// Rows with what is predicted for them.
#[derive(Clone, Copy)]
pub(crate) struct Judged<'a> {
    pub(crate) target: &'a [f64],
    pub(crate) predictions: &'a Predictions,
    pub(crate) weight: Option<&'a [f64]>,
    /// What each row is of: rows of one unit tell of one another.
    pub(crate) units: &'a [u32],
}

impl Judged<'_> {
    fn loss(&self, metric: Metric, power: f64) -> f64 {
        let mut predictions = self.predictions.clone();
        sharpen(&mut predictions, power);
        let score = metric.score(self.target, &predictions, self.weight);
        score.map_or(f64::INFINITY, |score| metric.loss(score))
    }

    /// Every so many of `n_rows` rows are looked at to stay below `n_cells`.
    fn step(&self, n_rows: usize, n_cells: usize) -> usize {
        (n_rows * self.predictions.width()).div_ceil(n_cells).max(1)
    }

    /// Its rows at these places.
    fn at(&self, places: impl Iterator<Item = usize> + Clone) -> Owned {
        let width = self.predictions.width();
        let mut predictions = self.predictions.zeros_like(places.clone().count());
        let rows = predictions.values_mut().chunks_exact_mut(width);
        for (row, place) in rows.zip(places.clone()) {
            row.copy_from_slice(&self.predictions.values()[place * width..(place + 1) * width]);
        }
        Owned {
            target: places.clone().map(|place| self.target[place]).collect(),
            units: places.clone().map(|place| self.units[place]).collect(),
            weight: self
                .weight
                .map(|weight| places.map(|place| weight[place]).collect()),
            predictions,
        }
    }
}

struct Owned {
    target: Vec<f64>,
    predictions: Predictions,
    weight: Option<Vec<f64>>,
    units: Vec<u32>,
}

impl Owned {
    fn judged(&self) -> Judged<'_> {
        Judged {
            target: &self.target,
            predictions: &self.predictions,
            weight: self.weight.as_deref(),
            units: &self.units,
        }
    }

    fn n_units(&self) -> usize {
        let mut units = self.units.clone();
        units.sort_unstable();
        units.dedup();
        units.len()
    }

    /// What a power takes off the loss, which is a mean over rows, and the standard error of that where units are drawn.
    fn gain(&self, metric: Metric, power: f64) -> Option<(f64, f64)> {
        let mut sharpened = self.predictions.clone();
        sharpen(&mut sharpened, power);
        let loss = |predictions: &Predictions, row: usize| {
            let width = predictions.width();
            let mut alone = predictions.zeros_like(1);
            let values = &predictions.values()[row * width..(row + 1) * width];
            alone.values_mut().copy_from_slice(values);
            let score = metric.score(&self.target[row..=row], &alone, None).ok()?;
            Some(metric.loss(score))
        };
        let n_rows = self.target.len();
        let gains: Vec<f64> = (0..n_rows)
            .map(|row| Some(loss(&self.predictions, row)? - loss(&sharpened, row)?))
            .collect::<Option<_>>()?;
        let weight = |row: usize| self.weight.as_ref().map_or(1.0, |weight| weight[row]);
        let total: f64 = (0..n_rows).map(weight).sum();
        let mean = (0..n_rows).map(|row| weight(row) * gains[row]).sum::<f64>() / total;
        let mut of_units: BTreeMap<u32, f64> = BTreeMap::new();
        for (row, gain) in gains.iter().enumerate() {
            *of_units.entry(self.units[row]).or_default() += weight(row) * (gain - mean);
        }
        let squares: f64 = of_units.values().map(|sum| sum * sum).sum();
        Some((mean, squares.sqrt() / total))
    }
}

/// The power that gives `rows` the least loss; `None` if that is at a bound. Log loss is convex in the power, so what is found is its
/// one minimum; of Brier's score it is a local one.
///
/// Cost: [`N_STEPS`] passes over the rows.
pub(crate) fn best_power(metric: Metric, rows: Judged<'_>) -> Option<f64> {
    let n_rows = rows.target.len();
    let thinned = rows.at((0..n_rows).step_by(rows.step(n_rows, CELLS_MAX)));
    let loss = |log_power: f64| thinned.judged().loss(metric, log_power.exp());
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let [mut low, mut high] = POWERS.map(f64::ln);
    let inner = |low: f64, high: f64| [high - golden * (high - low), low + golden * (high - low)];
    let [mut left, mut right] = inner(low, high);
    let (mut left_loss, mut right_loss) = (loss(left), loss(right));
    for _ in 0..N_STEPS {
        if left_loss <= right_loss {
            (high, right, right_loss) = (right, left, left_loss);
            left = inner(low, high)[0];
            left_loss = loss(left);
        } else {
            (low, left, left_loss) = (left, right, right_loss);
            right = inner(low, high)[1];
            right_loss = loss(right);
        }
    }
    let found = low.midpoint(high);
    let [least, most] = POWERS.map(f64::ln);
    (least + EDGE..=most - EDGE)
        .contains(&found)
        .then(|| found.exp())
}

/// The power that probabilities are raised to, if that pays: each half of the rows must gain by the power of the other, by more than
/// chance.
pub(crate) fn power(metric: Metric, rows: Judged<'_>, halves: &[Vec<usize>; 2]) -> Option<f64> {
    let is_for = is_proper(metric) && matches!(rows.predictions, Predictions::Probabilities { .. });
    if !is_for {
        return None;
    }
    let halves = halves.each_ref().map(|half| {
        let step = rows.step(half.len(), JUDGED_CELLS_MAX);
        rows.at(half.iter().copied().step_by(step))
    });
    if halves.iter().any(|half| half.n_units() < HALF_UNITS_MIN) {
        return None;
    }
    let [first, second] = &halves;
    let gains = |learn: &Owned, judge: &Owned| {
        let power = best_power(metric, learn.judged())?;
        let (gain, error) = judge.gain(metric, power)?;
        let plain = judge.judged().loss(metric, 1.0);
        Some(gain > error.max(plain * GAIN_MIN))
    };
    let is_worth = gains(first, second)? && gains(second, first)?;
    is_worth.then(|| best_power(metric, rows))?
}

#[cfg(test)]
mod tests;
