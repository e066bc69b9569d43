//! The rows that a round learns from, and how much more each counts for those left out.
//!
//! Every way keeps the sums of gradients unbiased: a row that is drawn with probability `p` counts `1 / p` fold. Uniform
//! draws count all alike, since a factor common to all rows would only change the meaning of the limits on leaves.

use crate::gradient_boosting::GradientBoostingParams;
use automl_core::{Params, Seed};
use rand::Rng;

/// How rows are drawn for a round.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSampling {
    /// Each with the probability `row_fraction`.
    Uniform,
    /// Those of greatest gradient and a part of the others (Ke et al., 2017); all in the first `1 / learning_rate` rounds.
    Goss,
    /// Each by its gradient, so that the estimates vary least for the share `row_fraction` (Ibragimov and Gusev, 2019).
    Mvs,
}

/// Rows drawn, rising, each with its factor; no factors where all are 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) rows: Vec<u32>,
    pub(super) factors: Vec<f32>,
}

impl Sample {
    /// How many fold a drawn row counts.
    pub(super) fn factor(&self, row: u32) -> f64 {
        match self.rows.binary_search(&row) {
            Ok(place) => self.factors.get(place).map_or(1.0, |&f| f64::from(f)),
            Err(_) => 0.0,
        }
    }
}

/// Whether a round draws its rows by their gradients.
pub(super) fn looks_at_gradients(params: &GradientBoostingParams, round: usize) -> bool {
    match params.row_sampling {
        RowSampling::Uniform => false,
        RowSampling::Goss => round as f64 >= 1.0 / params.learning_rate,
        RowSampling::Mvs => params.row_fraction < 1.0,
    }
}

/// Rows drawn all alike; `None` for all.
pub(super) fn uniform(fraction: f64, n_rows: usize, seed: Seed) -> Option<Sample> {
    if fraction >= 1.0 {
        return None;
    }
    let mut rng = seed.rng();
    let limit = (fraction * f64::from(u32::MAX)) as u32;
    let rows: Vec<u32> = (0..n_rows as u32)
        .filter(|_| rng.next_u32() <= limit)
        .collect();
    let factors = Vec::new();
    (!rows.is_empty()).then_some(Sample { rows, factors })
}

/// Rows drawn all alike, each by its number among the rows of all ranks; `None` for all. No row may be drawn here while
/// others are elsewhere.
pub(super) fn by_number(fraction: f64, numbers: &[u64], seed: Seed) -> Option<Sample> {
    if fraction >= 1.0 {
        return None;
    }
    let limit = (fraction * u64::MAX as f64) as u64;
    let is_drawn = |row: &u32| seed.indexed(numbers[*row as usize]).0 <= limit;
    Some(Sample {
        rows: (0..numbers.len() as u32).filter(is_drawn).collect(),
        factors: Vec::new(),
    })
}

/// Gradient-based one-side sampling: the `top` share of greatest sizes, and the share `other` of all rows drawn from the
/// rest. `None` if that is all rows. Cost: a selection and a pass.
pub(super) fn goss(sizes: &[f64], [top, other]: [f64; 2], seed: Seed) -> Option<Sample> {
    let n = sizes.len();
    let n_top = (n as f64 * top).ceil() as usize;
    let n_other = ((n as f64 * other) as usize).max(1);
    if n_top + n_other >= n {
        return None;
    }
    let cut = match n_top {
        0 => f64::INFINITY,
        _ => {
            *sizes
                .to_vec()
                .select_nth_unstable_by(n_top - 1, |a, b| b.total_cmp(a))
                .1
        }
    };
    let n_above = sizes.iter().filter(|&&size| size > cut).count();
    let mut ties = n_top - n_above.min(n_top);
    let factor = ((n - n_top) as f64 / n_other as f64) as f32;
    let (mut wanted, mut left) = (n_other, n - n_top);
    let mut rng = seed.rng();
    let mut sample = Sample {
        rows: Vec::with_capacity(n_top + n_other),
        factors: Vec::with_capacity(n_top + n_other),
    };
    for (row, &size) in sizes.iter().enumerate() {
        let is_tie = size == cut && ties > 0;
        ties -= usize::from(is_tie);
        let factor = if size > cut || is_tie {
            1.0
        } else {
            let is_drawn = unit(&mut rng) * (left as f64) < wanted as f64;
            left -= 1;
            if !is_drawn {
                continue;
            }
            wanted -= 1;
            factor
        };
        sample.rows.push(row as u32);
        sample.factors.push(factor);
    }
    Some(sample)
}

/// Minimal-variance sampling: a row of size `s` is drawn with probability `min(1, √(s² + λ) / μ)`, where `μ` makes the
/// expected number the share `fraction` of rows, and `λ` is `regularization` times the squared mean of sizes: 0 draws by
/// size alone, infinity all alike. `None` for all rows. Cost: a few selections, each of half the rows of the last.
pub(super) fn mvs(sizes: &[f64], fraction: f64, regularization: f64, seed: Seed) -> Option<Sample> {
    let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
    let lambda = regularization * mean * mean;
    let keys: Vec<f64> = sizes.iter().map(|s| (s * s + lambda).sqrt()).collect();
    let threshold = threshold(&mut keys.clone(), fraction * sizes.len() as f64);
    let mut rng = seed.rng();
    let (mut rows, mut factors) = (Vec::new(), Vec::new());
    for (row, key) in keys.into_iter().enumerate() {
        let drawn = unit(&mut rng);
        if key > 0.0 && drawn * threshold < key {
            rows.push(row as u32);
            factors.push((threshold / key).max(1.0) as f32);
        }
    }
    (!rows.is_empty()).then_some(Sample { rows, factors })
}

/// The `μ` at which `Σ min(1, key / μ)` is `goal`, which is above 0 and at most the number of keys. Keys are reordered.
fn threshold(keys: &mut [f64], goal: f64) -> f64 {
    // The first place in falling order whose key is not above the `μ` that follows from taking all before it for sure.
    let (mut low, mut high, mut below) = (0, keys.len(), 0.0);
    while low < high {
        let middle = low.midpoint(high);
        keys[low..high].select_nth_unstable_by(middle - low, |a, b| b.total_cmp(a));
        let from_middle: f64 = keys[middle..high].iter().sum();
        if keys[middle] * (goal - middle as f64) <= below + from_middle {
            below += from_middle;
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    below / (goal - low as f64)
}

/// From 0 to 1, without 1.
pub(super) fn unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
