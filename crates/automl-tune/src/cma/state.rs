//! The distribution of CMA-ES and its update, in the letters of Hansen's tutorial.

use crate::math::normal_cdf;
use crate::space::{Axis, Prior, Space};
use crate::study::Seen;
use crate::transfer::Source;
use crate::uniform::{Draws, draws};
use automl_core::Seed;
use automl_core::normal;
use faer::{Mat, Side};
use rand::Rng;

/// The chances of the codes of an axis by the user's belief, even ones without it; empty for a number.
fn chances(axis: &Axis) -> Vec<f64> {
    let Some(n) = axis.n_codes() else {
        return Vec::new();
    };
    match axis.prior() {
        Some(Prior::Weights(weights)) => {
            let total: f64 = weights.iter().sum();
            weights.iter().map(|weight| weight / total).collect()
        }
        _ => vec![1.0 / n as f64; n],
    }
}

/// A normal distribution over coordinates, and one over the codes of each name.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    mean: Vec<f64>,
    sigma: f64,
    /// How much wider each parameter with steps is drawn: the diagonal of `A` of the margin.
    stretch: Vec<f64>,
    /// `C`, and its eigenvectors and the roots of its eigenvalues.
    covariance: Mat<f64>,
    vectors: Mat<f64>,
    roots: Vec<f64>,
    path_c: Vec<f64>,
    path_sigma: Vec<f64>,
    /// Chances of the codes; empty for numbers.
    chances: Vec<Vec<f64>>,
    n_generations: usize,
    n_population: usize,
    best: f64,
    n_stuck: usize,
}

impl Distribution {
    pub(super) fn new(space: &Space, n_population: usize, sigma: f64) -> Self {
        let d = space.n_dimensions();
        let is_code = |axis: &Axis| axis.n_codes().is_some();
        let axes = space.axes().iter();
        let middle = |axis: &Axis| if is_code(axis) { 0.5 } else { axis.peak() };
        let mut distribution = Self {
            mean: axes.map(middle).collect(),
            sigma,
            stretch: vec![1.0; d],
            covariance: Mat::identity(d, d),
            vectors: Mat::identity(d, d),
            roots: vec![1.0; d],
            path_c: vec![0.0; d],
            path_sigma: vec![0.0; d],
            chances: space.axes().iter().map(chances).collect(),
            n_generations: 0,
            n_population,
            best: f64::INFINITY,
            n_stuck: 0,
        };
        distribution.keep_margins(space);
        distribution
    }

    /// Puts the mean somewhere.
    #[cfg(test)]
    pub(super) fn place(&mut self, space: &Space, at: &[f64]) {
        self.mean.copy_from_slice(at);
        self.stretch.fill(1.0);
        self.keep_margins(space);
    }

    /// Begins elsewhere.
    pub(super) fn move_to_random(&mut self, space: &Space, seed: Seed) {
        let at = space.draw(&mut draws(seed));
        for ((mean, x), chances) in self.mean.iter_mut().zip(at).zip(&self.chances) {
            if chances.is_empty() && !x.is_nan() {
                *mean = x;
            }
        }
        self.keep_margins(space);
    }

    /// Begins at the mean and shape of the best tenth of earlier studies' trials, widened by a tenth of the domain.
    pub(super) fn warm_start(&mut self, space: &Space, sources: &[Source]) {
        const SHARE: f64 = 0.1;
        const WIDTH: f64 = 0.1;
        let mut best: Vec<&Seen> = Vec::new();
        for source in sources {
            let mut seen: Vec<&Seen> = source.seen.iter().collect();
            seen.sort_by(|a, b| super::compare(a, b));
            let n = ((SHARE * seen.len() as f64).ceil() as usize).min(seen.len());
            best.extend(&seen[..n]);
        }
        if best.is_empty() {
            return;
        }
        let d = self.mean.len();
        let n = best.len() as f64;
        let points: Vec<Vec<f64>> = best.iter().map(|seen| self.filled(&seen.at)).collect();
        let mean: Vec<f64> = (0..d)
            .map(|j| points.iter().map(|p| p[j] / n).sum())
            .collect();
        let covariance = Mat::from_fn(d, d, |i, k| {
            let each = points
                .iter()
                .map(|p| (p[i] - mean[i]) * (p[k] - mean[k]) / n);
            each.sum::<f64>() + if i == k { WIDTH * WIDTH } else { 0.0 }
        });
        // The overall size goes to sigma, so that the determinant of the shape is one.
        let size: f64 = (0..d).map(|j| covariance[(j, j)]).sum::<f64>() / d as f64;
        self.sigma = size.sqrt();
        self.covariance = Mat::from_fn(d, d, |i, k| covariance[(i, k)] / size);
        self.mean = mean;
        self.decompose();
        self.keep_margins(space);
    }

    /// Coordinates with the mean in place of names and of what is not active.
    fn filled(&self, at: &[f64]) -> Vec<f64> {
        let numbers = at.iter().zip(&self.mean).zip(&self.chances);
        numbers
            .map(|((&x, &mean), chances)| {
                if x.is_nan() || !chances.is_empty() {
                    mean
                } else {
                    x
                }
            })
            .collect()
    }

    pub(super) fn draw<R: Rng>(&self, space: &Space, draws: &mut Draws<R>) -> Vec<f64> {
        const TRIES: usize = 10;
        let d = self.mean.len();
        let mut at = self.mean.clone();
        for _ in 0..TRIES {
            let z: Vec<f64> = (0..d).map(|_| draws.normal()).collect();
            for (j, x) in at.iter_mut().enumerate() {
                let y: f64 = (0..d)
                    .map(|k| self.vectors[(j, k)] * self.roots[k] * z[k])
                    .sum();
                *x = self.mean[j] + self.sigma * self.stretch[j] * y;
                // What lies beyond the last value is the last value.
                if space.axes()[j].n_values().is_some() {
                    *x = x.clamp(0.0, 1.0);
                }
            }
            if at.iter().all(|x| (0.0..=1.0).contains(x)) {
                break;
            }
        }
        for (x, chances) in at.iter_mut().zip(&self.chances) {
            *x = if chances.is_empty() {
                x.clamp(0.0, 1.0)
            } else {
                draws.weighted(chances) as f64
            };
        }
        at
    }

    /// Moves and widens each parameter with steps as its margin asks.
    fn keep_margins(&mut self, space: &Space) {
        for j in 0..self.mean.len() {
            let (mean, factor) = self.margin(space, j);
            self.mean[j] = mean;
            self.stretch[j] *= factor;
        }
    }

    /// Where the mean of a parameter with steps is to stand, and by how much wider it is to be drawn, so that with `α = 1 / (d λ)`
    /// another value comes with a chance of at least `α`: `α / 2` for either side, or `α` where there is only one.
    ///
    /// The chances of both sides are raised to that, what they are too much then with the mean's own value is taken from the side
    /// that can spare it, and the edges of the mean's value become the quantiles of these chances.
    ///
    /// Reference: Hamano, Saito, Nomura and Shirakawa (2022), *CMA-ES with margin*.
    fn margin(&self, space: &Space, j: usize) -> (f64, f64) {
        let (mean, axis) = (self.mean[j], &space.axes()[j]);
        let n = axis.n_values().filter(|_| self.chances[j].is_empty());
        let Some(n) = n.filter(|&n| n > 1) else {
            return (mean, 1.0);
        };
        let alpha = 1.0 / (self.mean.len() * self.n_population) as f64;
        let variance = self.covariance[(j, j)].max(f64::MIN_POSITIVE);
        let width = self.sigma * self.stretch[j] * variance.sqrt();
        let (low, high) = axis.cell(mean);
        let reach = -normal::quantile(alpha) * width;
        match axis.rank(mean) {
            0 => return (mean.max(high - reach), 1.0),
            rank if rank + 1 == n => return (mean.min(low + reach), 1.0),
            _ => {}
        }
        let least = 0.5 * alpha;
        let below = normal_cdf((low - mean) / width);
        let above = normal_cdf((mean - high) / width);
        if below >= least && above >= least {
            return (mean, 1.0);
        }
        let (wanted_below, wanted_above) = (below.max(least), above.max(least));
        let total = 1.0 + (wanted_below - below) + (wanted_above - above);
        // What is too much is taken from the side that can spare it.
        let spared = (1.0 - total) / (total - 3.0 * least);
        let quantile = |wanted: f64| -normal::quantile(wanted + spared * (wanted - least));
        let (down, up) = (quantile(wanted_below), quantile(wanted_above));
        let stretch = (high - low) / ((down + up) * width);
        ((low * up + high * down) / (down + up), stretch)
    }

    /// Moves to a generation, best first.
    pub(super) fn update(&mut self, space: &Space, generation: &[&Seen]) {
        let d = self.mean.len();
        let n = d as f64;
        let weights = Weights::new(d, generation.len());
        let chi = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
        let steps: Vec<Vec<f64>> = generation
            .iter()
            .map(|seen| self.step_to(&seen.at))
            .collect();
        let mut mean_step = vec![0.0; d];
        for (step, weight) in steps.iter().zip(&weights.parents) {
            for (sum, y) in mean_step.iter_mut().zip(step) {
                *sum += weight * y;
            }
        }
        for ((mean, y), stretch) in self.mean.iter_mut().zip(&mean_step).zip(&self.stretch) {
            *mean = (*mean + self.sigma * stretch * y).clamp(0.0, 1.0);
        }
        self.n_generations += 1;
        let whitened = self.whitened(&mean_step);
        let sigma_keep = (weights.c_sigma * (2.0 - weights.c_sigma) * weights.mu_eff).sqrt();
        for (path, z) in self.path_sigma.iter_mut().zip(&whitened) {
            *path = (1.0 - weights.c_sigma) * *path + sigma_keep * z;
        }
        let length = norm(&self.path_sigma);
        let age = 2.0 * self.n_generations as f64;
        let expected = (1.0 - (1.0 - weights.c_sigma).powf(age)).sqrt();
        let is_steady = length / expected < (1.4 + 2.0 / (n + 1.0)) * chi;
        let h = f64::from(u8::from(is_steady));
        let c_keep = (weights.c_c * (2.0 - weights.c_c) * weights.mu_eff).sqrt();
        for (path, y) in self.path_c.iter_mut().zip(&mean_step) {
            *path = (1.0 - weights.c_c) * *path + h * c_keep * y;
        }
        self.update_covariance(&weights, &steps, h);
        let change = weights.c_sigma / weights.d_sigma * (length / chi - 1.0);
        self.sigma = (self.sigma * change.min(1.0).exp()).clamp(1e-12, 1.0);
        self.update_chances(space, generation, &weights);
        self.decompose();
        self.keep_margins(space);
        let loss = generation[0]
            .losses
            .first()
            .copied()
            .unwrap_or(f64::INFINITY);
        if loss < self.best {
            self.best = loss;
            self.n_stuck = 0;
        } else {
            self.n_stuck += 1;
        }
    }

    /// `A⁻¹ (x − m) / σ`, cut to a length that the distribution itself could have drawn.
    fn step_to(&self, at: &[f64]) -> Vec<f64> {
        let n = self.mean.len() as f64;
        let filled = self.filled(at);
        let mut step: Vec<f64> = filled
            .iter()
            .zip(self.mean.iter().zip(&self.stretch))
            .map(|(x, (mean, stretch))| (x - mean) / (self.sigma * stretch))
            .collect();
        let length = norm(&self.whitened(&step));
        let longest = n.sqrt() + 2.0 * n / (n + 2.0);
        if length > longest {
            for y in &mut step {
                *y *= longest / length;
            }
        }
        step
    }

    fn update_covariance(&mut self, weights: &Weights, steps: &[Vec<f64>], h: f64) {
        let d = self.mean.len();
        let n = d as f64;
        // Worse steps count negatively, scaled so that C stays positive definite.
        let scaled: Vec<f64> = weights
            .all
            .iter()
            .zip(steps)
            .map(|(&weight, step)| {
                if weight >= 0.0 {
                    weight
                } else {
                    weight * n / (norm(&self.whitened(step)).powi(2) + 1e-12)
                }
            })
            .collect();
        let total: f64 = weights.all.iter().sum();
        let fade = 1.0 + weights.c_1 * (1.0 - h) * weights.c_c * (2.0 - weights.c_c)
            - weights.c_1
            - weights.c_mu * total;
        for i in 0..d {
            for k in 0..=i {
                let rank_mu: f64 = scaled.iter().zip(steps).map(|(w, y)| w * y[i] * y[k]).sum();
                let value = fade * self.covariance[(i, k)]
                    + weights.c_1 * self.path_c[i] * self.path_c[k]
                    + weights.c_mu * rank_mu;
                self.covariance[(i, k)] = value;
                self.covariance[(k, i)] = value;
            }
        }
    }

    fn update_chances(&mut self, space: &Space, generation: &[&Seen], weights: &Weights) {
        for (j, axis) in space.axes().iter().enumerate() {
            let Some(n_codes) = axis.n_codes() else {
                continue;
            };
            let mut wanted = vec![0.0; n_codes];
            let mut total = 0.0;
            for (seen, weight) in generation.iter().zip(&weights.parents) {
                if !seen.at[j].is_nan() {
                    wanted[seen.at[j] as usize] += weight;
                    total += weight;
                }
            }
            if total <= 0.0 {
                continue;
            }
            let least = 1.0 / (self.mean.len() * self.n_population * n_codes.max(2)) as f64;
            let rate = (weights.mu_eff / self.mean.len() as f64).min(1.0) * 0.3;
            for (chance, wanted) in self.chances[j].iter_mut().zip(wanted) {
                *chance = ((1.0 - rate) * *chance + rate * wanted / total).max(least);
            }
            let sum: f64 = self.chances[j].iter().sum();
            for chance in &mut self.chances[j] {
                *chance /= sum;
            }
        }
    }

    /// `C^(−1/2) y`.
    fn whitened(&self, y: &[f64]) -> Vec<f64> {
        let d = y.len();
        let turned: Vec<f64> = (0..d)
            .map(|k| (0..d).map(|j| self.vectors[(j, k)] * y[j]).sum::<f64>() / self.roots[k])
            .collect();
        (0..d)
            .map(|j| (0..d).map(|k| self.vectors[(j, k)] * turned[k]).sum())
            .collect()
    }

    fn decompose(&mut self) {
        let d = self.mean.len();
        let Ok(eigen) = self.covariance.self_adjoint_eigen(Side::Lower) else {
            self.covariance = Mat::identity(d, d);
            self.vectors = Mat::identity(d, d);
            self.roots = vec![1.0; d];
            return;
        };
        self.vectors = eigen.U().to_owned();
        let values = eigen.S().column_vector();
        self.roots = (0..d).map(|k| values[k].max(1e-14).sqrt()).collect();
    }

    /// Whether it has shrunk to a point, lost its shape, or found nothing better for long.
    pub(super) fn is_spent(&self) -> bool {
        let d = self.mean.len();
        let widest = self.roots.iter().copied().fold(0.0, f64::max);
        let narrowest = self.roots.iter().copied().fold(f64::INFINITY, f64::min);
        let n_stuck_max = 10 + 30 * d / self.n_population;
        self.sigma * widest < 1e-7 || widest > 1e7 * narrowest || self.n_stuck > n_stuck_max
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Weights and rates of a generation; the tutorial's table 1.
struct Weights {
    /// Of the better half, with sum one.
    parents: Vec<f64>,
    /// Of all, the worse ones negative.
    all: Vec<f64>,
    mu_eff: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    c_1: f64,
    c_mu: f64,
}

impl Weights {
    fn new(d: usize, lambda: usize) -> Self {
        let n = d as f64;
        let raw: Vec<f64> = (1..=lambda)
            .map(|rank| (f64::midpoint(lambda as f64, 1.0)).ln() - (rank as f64).ln())
            .collect();
        let mu = lambda / 2;
        let effective = |part: &[f64]| {
            let sum: f64 = part.iter().sum();
            sum * sum / part.iter().map(|w| w * w).sum::<f64>()
        };
        let mu_eff = effective(&raw[..mu]);
        let mu_eff_minus = effective(&raw[mu..]);
        let c_c = (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n);
        let c_sigma = (mu_eff + 2.0) / (n + mu_eff + 5.0);
        let d_sigma = 1.0 + 2.0 * (((mu_eff - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma;
        let c_1 = 2.0 / ((n + 1.3).powi(2) + mu_eff);
        let c_mu = (2.0 * (0.25 + mu_eff + 1.0 / mu_eff - 2.0) / ((n + 2.0).powi(2) + mu_eff))
            .min(1.0 - c_1);
        let least = (1.0 + c_1 / c_mu)
            .min(1.0 + 2.0 * mu_eff_minus / (mu_eff + 2.0))
            .min((1.0 - c_1 - c_mu) / (n * c_mu));
        let plus: f64 = raw.iter().filter(|w| **w > 0.0).sum();
        let minus: f64 = -raw.iter().filter(|w| **w < 0.0).sum::<f64>();
        let scale = |&w: &f64| {
            if w >= 0.0 {
                w / plus
            } else {
                w * least / minus
            }
        };
        let parents_sum: f64 = raw[..mu].iter().sum();
        Self {
            parents: raw[..mu].iter().map(|w| w / parents_sum).collect(),
            all: raw.iter().map(scale).collect(),
            mu_eff,
            c_sigma,
            d_sigma,
            c_c,
            c_1,
            c_mu,
        }
    }
}
