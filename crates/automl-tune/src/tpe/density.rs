//! A mixture of product kernels, one a trial and one for what is believed before any.
//!
//! A number's kernel is a normal about the trial's value, cut to `[0, 1]`, as wide as the farther of its neighbours is
//! away, but at least `1 / min(100, 2 + n)` (magic clipping). Where a parameter has steps, the kernel is widened by the
//! deviation of a step, so that it stands for the mass on the step. A category's kernel puts weight on the trial's
//! category and adds a prior trial's share to every one.

use super::Tpe;
use crate::math::normal_cdf;
use crate::space::{Axis, Space};
use crate::uniform::Draws;
use rand::Rng;

/// Kernels whose logarithm lies so far below the highest add nothing.
const NEGLIGIBLE: f64 = 36.0;
/// `log √(2π)`.
const LOG_ROOT_TAU: f64 = 0.918_938_533_204_672_7;
/// Width of the prior kernel of a parameter without a belief.
const PRIOR_SIGMA: f64 = 1.0;

/// How one parameter's kernels look.
enum Factor {
    Number,
    Code {
        n: usize,
        own_share: f64,
        log_own: f64,
        log_other: f64,
    },
}

/// A mixture over the parameters of a group.
pub(super) struct Density<'a> {
    group: &'a [usize],
    factors: Vec<Factor>,
    /// One row a trial, flat: means, and one over the widths.
    means: Vec<f64>,
    inverses: Vec<f64>,
    weights: Vec<f64>,
    /// Log of each trial's share, less the logs of its kernels' norms.
    log_shares: Vec<f64>,
    log_prior_share: f64,
    prior_weight: f64,
    axes: &'a [Axis],
}

impl<'a> Density<'a> {
    /// The density of `rows`, oldest first; each must be active in the group.
    pub(super) fn new(space: &'a Space, group: &'a [usize], rows: &[&[f64]], tpe: &Tpe) -> Self {
        let n = rows.len();
        let d = group.len();
        let axes = space.axes();
        let weights = age_weights(n);
        let total = weights.iter().sum::<f64>() + tpe.prior_weight;
        let smoothing = tpe.prior_weight / (n as f64 + 1.0);
        let factors: Vec<Factor> = group
            .iter()
            .map(|&j| Factor::new(&axes[j], smoothing))
            .collect();
        let means: Vec<f64> = rows
            .iter()
            .flat_map(|row| group.iter().map(|&j| row[j]))
            .collect();
        let mut log_shares: Vec<f64> = weights.iter().map(|weight| (weight / total).ln()).collect();
        let mut inverses = vec![0.0; n * d];
        for (place, &j) in group.iter().enumerate() {
            if axes[j].n_codes().is_some() {
                continue;
            }
            let column: Vec<f64> = rows.iter().map(|row| row[j]).collect();
            let sigmas = widths(&column, &axes[j], tpe.width);
            for (at, sigma) in sigmas.into_iter().enumerate() {
                inverses[at * d + place] = 1.0 / sigma;
                log_shares[at] -= log_norm(column[at], sigma);
            }
        }
        Self {
            group,
            factors,
            means,
            inverses,
            log_shares,
            weights,
            log_prior_share: (tpe.prior_weight / total).ln(),
            prior_weight: tpe.prior_weight,
            axes,
        }
    }

    /// Number of trials in the mixture.
    pub(super) fn n_trials(&self) -> usize {
        self.weights.len()
    }

    /// Coordinates of the group drawn from the mixture.
    pub(super) fn draw<R: Rng>(&self, draws: &mut Draws<R>) -> Vec<f64> {
        let d = self.group.len();
        let mut rest = draws.unit() * (self.weights.iter().sum::<f64>() + self.prior_weight);
        let kernel = self.weights.iter().position(|weight| {
            rest -= weight;
            rest < 0.0
        });
        let coordinate = |(place, &j): (usize, &usize)| {
            let axis = &self.axes[j];
            let Some(kernel) = kernel else {
                return prior_draw(axis, draws);
            };
            let mean = self.means[kernel * d + place];
            match self.factors[place] {
                Factor::Number => {
                    let sigma = 1.0 / self.inverses[kernel * d + place];
                    axis.snap(draws.normal_in_unit(mean, sigma))
                }
                Factor::Code { own_share, .. } if draws.unit() < own_share => mean,
                Factor::Code { n, .. } => draws.below(n) as f64,
            }
        };
        self.group.iter().enumerate().map(coordinate).collect()
    }

    /// Log density at coordinates of the group.
    pub(super) fn log_density(&self, at: &[f64]) -> f64 {
        let d = at.len();
        let prior: f64 = at
            .iter()
            .zip(self.group)
            .map(|(&x, &j)| log_prior(&self.axes[j], x))
            .sum();
        let first = self.log_prior_share + prior;
        let (mut highest, mut sum) = (first, 1.0_f64);
        let rows = self
            .means
            .chunks_exact(d)
            .zip(self.inverses.chunks_exact(d));
        for ((means, inverses), log_share) in rows.zip(&self.log_shares) {
            let mut log_kernel = *log_share;
            for (place, factor) in self.factors.iter().enumerate() {
                log_kernel += match factor {
                    Factor::Number => {
                        let z = (at[place] - means[place]) * inverses[place];
                        -0.5 * z * z
                    }
                    Factor::Code { log_own, .. } if at[place] == means[place] => *log_own,
                    Factor::Code { log_other, .. } => *log_other,
                };
            }
            let above = log_kernel - highest;
            if above > 0.0 {
                sum = sum * (-above).exp() + 1.0;
                highest = log_kernel;
            } else if above > -NEGLIGIBLE {
                sum += above.exp();
            }
        }
        highest + sum.ln()
    }
}

impl Factor {
    fn new(axis: &Axis, smoothing: f64) -> Self {
        let Some(n) = axis.n_codes() else {
            return Self::Number;
        };
        let own_share = 1.0 / (1.0 + smoothing * n as f64);
        let other = smoothing * own_share;
        Self::Code {
            n,
            own_share,
            log_own: (own_share + other).ln(),
            log_other: other.ln(),
        }
    }
}

/// The width of each kernel: how far the farther of its neighbours is, the ends of the domain being neighbours of the
/// outermost only if they have none.
fn widths(column: &[f64], axis: &Axis, factor: f64) -> Vec<f64> {
    let n = column.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by(|&a, &b| column[a].total_cmp(&column[b]).then(a.cmp(&b)));
    let low = 1.0 / (2.0 + n as f64).min(100.0);
    let step = axis.n_values().map_or(0.0, |n| 1.0 / n as f64);
    let mut sigmas = vec![0.0; n];
    for (rank, &at) in order.iter().enumerate() {
        let own = column[at];
        let below = rank.checked_sub(1).map(|rank| own - column[order[rank]]);
        let above = order.get(rank + 1).map(|&next| column[next] - own);
        let gap = match (below, above) {
            (None, None) => own.max(1.0 - own),
            (Some(gap), None) | (None, Some(gap)) => gap,
            (Some(below), Some(above)) => below.max(above),
        };
        let sigma = (factor * gap).clamp(low, 1.0);
        sigmas[at] = (sigma * sigma + step * step / 12.0).sqrt();
    }
    sigmas
}

/// Log of what a normal about `mean` is divided by, to have mass one on `[0, 1]`.
fn log_norm(mean: f64, sigma: f64) -> f64 {
    /// Beyond so many deviations there is no mass to speak of.
    const FAR: f64 = 6.0;
    let is_inside = mean > FAR * sigma && 1.0 - mean > FAR * sigma;
    let log_mass = if is_inside {
        0.0
    } else {
        (normal_cdf((1.0 - mean) / sigma) - normal_cdf(-mean / sigma)).ln()
    };
    log_mass + sigma.ln() + LOG_ROOT_TAU
}

fn prior_draw<R: Rng>(axis: &Axis, draws: &mut Draws<R>) -> f64 {
    if axis.prior().is_some() || axis.n_codes().is_some() {
        axis.draw(draws)
    } else {
        axis.snap(draws.normal_in_unit(0.5, PRIOR_SIGMA))
    }
}

fn log_prior(axis: &Axis, x: f64) -> f64 {
    /// Log of `√(2π)` times the mass of a standard normal within half of its mean.
    const LOG_NORM: f64 = -0.040_977_8;
    match (axis.prior(), axis.n_codes()) {
        (belief, Some(n)) => belief.map_or(0.0, |_| axis.log_belief(x)) - (n as f64).ln(),
        (Some(_), None) => axis.log_belief(x),
        (None, None) => {
            let z = (x - 0.5) / PRIOR_SIGMA;
            -0.5 * z * z - LOG_NORM
        }
    }
}

/// Trials count fully, but of more than 25 the oldest count less: from `1 / n` rising to 1.
fn age_weights(n: usize) -> Vec<f64> {
    const RECENT: usize = 25;
    if n <= RECENT {
        return vec![1.0; n];
    }
    let n_ramp = n - RECENT;
    let first = 1.0 / n as f64;
    let last_step = (n_ramp - 1).max(1) as f64;
    (0..n)
        .map(|i| {
            if i < n_ramp {
                first + (1.0 - first) * i as f64 / last_step
            } else {
                1.0
            }
        })
        .collect()
}
