//! The study's own process together with those of earlier studies, weighed by how well each orders the study's trials.
//!
//! # Formula
//! `μ(x) = Σ wᵢ μᵢ(x)` and `σ²(x) = Σ wᵢ² σᵢ²(x)`. In each of many draws of all models' values at the study's trials, the
//! model that orders fewest pairs of trials wrongly wins; `wᵢ` is the share of draws that model `i` wins. The study's own
//! model is drawn as if it had not seen the trial. An earlier study that usually orders worse than the own model's worst
//! draws is left out.
//!
//! # Reference
//! Feurer, Letham, Hutter and Bakshy (2018), *Practical transfer learning for Bayesian optimization* (RGPE).

use super::kernel::Layout;
use super::model::{Gradients, Model, Moments};
use crate::uniform::draws;
use automl_core::Seed;

/// Draws by which the models are weighed.
const N_DRAWS: usize = 64;

/// Models of one number, with weights.
#[derive(Debug, Clone)]
pub(crate) struct Ensemble {
    own: Model,
    own_weight: f64,
    others: Vec<(f64, Model)>,
}

impl From<Model> for Ensemble {
    fn from(own: Model) -> Self {
        Self {
            own,
            own_weight: 1.0,
            others: Vec::new(),
        }
    }
}

impl Ensemble {
    /// The study's model with models of earlier studies.
    pub(crate) fn new(own: Model, others: Vec<Model>, seed: Seed) -> Self {
        if others.is_empty() {
            return own.into();
        }
        let weights = weights(&own, &others, seed);
        let others = others.into_iter().zip(&weights[1..]);
        Self {
            own,
            own_weight: weights[0],
            others: others
                .filter(|(_, weight)| **weight > 0.0)
                .map(|(model, weight)| (*weight, model))
                .collect(),
        }
    }

    pub(crate) fn own(&self) -> &Model {
        &self.own
    }

    pub(crate) fn layout(&self) -> &Layout {
        self.own.layout()
    }

    pub(crate) fn n_fantasies(&self) -> usize {
        self.own.n_fantasies()
    }

    /// The ensemble with fantasies in the study's own model.
    pub(crate) fn with_fantasies(&self, points: &[Vec<f64>], normals: &[Vec<f64>]) -> Option<Self> {
        Some(Self {
            own: self.own.with_fantasies(points, normals)?,
            own_weight: self.own_weight,
            others: self.others.clone(),
        })
    }

    pub(crate) fn predict(&self, input: &[f64], means: &mut [f64]) -> f64 {
        let deviation = self.own.predict(input, means);
        if self.others.is_empty() {
            return deviation;
        }
        let mut variance = (self.own_weight * deviation).powi(2);
        for mean in means.iter_mut() {
            *mean *= self.own_weight;
        }
        for (weight, model) in &self.others {
            let moments = model.moments(input);
            variance += (weight * moments.deviation).powi(2);
            for mean in means.iter_mut() {
                *mean += weight * moments.mean;
            }
        }
        variance.sqrt()
    }

    pub(crate) fn moments(&self, input: &[f64]) -> Moments {
        let mut means = vec![0.0; self.n_fantasies()];
        let deviation = self.predict(input, &mut means);
        Moments {
            mean: means[0],
            deviation,
        }
    }

    pub(crate) fn predict_with_gradient(&self, input: &[f64]) -> Gradients {
        let mut total = self.own.predict_with_gradient(input);
        if self.others.is_empty() {
            return total;
        }
        let mut variance = (self.own_weight * total.deviation).powi(2);
        // The slope of the variance, halved, until the end.
        for slope in &mut total.deviation_slope {
            *slope *= self.own_weight.powi(2) * total.deviation;
        }
        for (mean, slopes) in total.means.iter_mut().zip(&mut total.mean_slopes) {
            *mean *= self.own_weight;
            for slope in slopes {
                *slope *= self.own_weight;
            }
        }
        for (weight, model) in &self.others {
            let other = model.predict_with_gradient(input);
            variance += (weight * other.deviation).powi(2);
            let scale = weight.powi(2) * other.deviation;
            for (sum, slope) in total.deviation_slope.iter_mut().zip(&other.deviation_slope) {
                *sum += scale * slope;
            }
            for (mean, slopes) in total.means.iter_mut().zip(&mut total.mean_slopes) {
                *mean += weight * other.means[0];
                for (sum, slope) in slopes.iter_mut().zip(&other.mean_slopes[0]) {
                    *sum += weight * slope;
                }
            }
        }
        total.deviation = variance.sqrt();
        for slope in &mut total.deviation_slope {
            *slope /= total.deviation;
        }
        total
    }
}

/// The own model's weight, then those of the others; their sum is one.
fn weights(own: &Model, others: &[Model], seed: Seed) -> Vec<f64> {
    let values = own.values();
    let beliefs: Vec<Vec<Moments>> = std::iter::once(own.leave_one_out())
        .chain(others.iter().map(|other| {
            let each = own.inputs().iter().map(|input| other.moments(input));
            each.collect()
        }))
        .collect();
    let mut draws = draws(seed.named("ensemble"));
    let losses: Vec<Vec<usize>> = beliefs
        .iter()
        .map(|belief| {
            let once = |_| {
                let drawn = belief
                    .iter()
                    .map(|own| own.mean + own.deviation * draws.normal());
                misordered(&drawn.collect::<Vec<f64>>(), values)
            };
            (0..N_DRAWS).map(once).collect()
        })
        .collect();
    let quantile = |losses: &[usize], share: f64| {
        let mut sorted = losses.to_vec();
        sorted.sort_unstable();
        sorted[(share * (sorted.len() - 1) as f64) as usize]
    };
    let limit = quantile(&losses[0], 0.95);
    let is_used: Vec<bool> = losses
        .iter()
        .enumerate()
        .map(|(at, own)| at == 0 || quantile(own, 0.5) <= limit)
        .collect();
    let mut wins = vec![0.0; losses.len()];
    for draw in 0..N_DRAWS {
        let used = (0..losses.len()).filter(|&at| is_used[at]);
        let least = used.clone().map(|at| losses[at][draw]).min().unwrap_or(0);
        // Ties are shared.
        let winners: Vec<usize> = used.filter(|&at| losses[at][draw] == least).collect();
        for &at in &winners {
            wins[at] += 1.0 / (winners.len() * N_DRAWS) as f64;
        }
    }
    wins
}

/// Pairs that stand in another order.
fn misordered(drawn: &[f64], values: &[f64]) -> usize {
    let n = values.len();
    let pairs = (0..n).flat_map(|i| (0..i).map(move |k| (i, k)));
    pairs
        .filter(|&(i, k)| (drawn[i] < drawn[k]) != (values[i] < values[k]))
        .count()
}
