//! How much a point promises, as a logarithm, with its gradient.
//!
//! One objective: log of the expected improvement on the best so far, averaged over fantasies of what trials under way
//! will give. Several: log of the expected improvement of the hypervolume, over the boxes that the front leaves. To both
//! come the log of the chance that every constraint is kept, and the user's belief, whose weight falls with the trials; off goes
//! what the log of the cost is expected to be, as often as costs count.
//!
//! # References
//! Ament, Daulton, Eriksson, Balandat and Bakshy (2023), *Unexpected improvements to expected improvement*; Yang,
//! Emmerich, Deutz and Bäck (2019) for the boxes; Gardner, Kusner, Xu, Weinberger and Cunningham (2014), *Bayesian
//! optimization with inequality constraints*; Hvarfner, Stoll, Souza, Lindauer, Hutter and Nardi (2022), *`πBO`*.

use super::ensemble::Ensemble;
use super::model::Gradients;
use crate::math::{log_add, log_improvement, log_improvement_slope, log_normal_cdf};
use crate::space::Space;
use std::f64::consts::TAU;

/// What is to be improved.
#[derive(Debug, Clone)]
pub(crate) enum Goal {
    /// Nothing is feasible yet: only the constraints count.
    Feasibility,
    /// The least value of each fantasy.
    Below(Vec<f64>),
    /// Boxes that no point of the front dominates.
    Boxes(Vec<(Vec<f64>, Vec<f64>)>),
}

/// The models and the goal.
pub(crate) struct Acquisition<'a> {
    pub(crate) space: &'a Space,
    pub(crate) objectives: Vec<Ensemble>,
    pub(crate) goal: Goal,
    /// A model of each constraint and the value that it must stay below.
    pub(crate) constraints: Vec<(Ensemble, f64)>,
    /// A model of the log of the cost, and what a unit of it takes off.
    pub(crate) cost: Option<(Ensemble, f64)>,
    /// Weight of the user's belief.
    pub(crate) belief: f64,
}

impl Acquisition<'_> {
    /// The inputs of the models at coordinates.
    pub(crate) fn inputs(&self, at: &[f64]) -> Vec<f64> {
        let models = self
            .objectives
            .iter()
            .chain(self.constraints.iter().map(|(model, _)| model));
        let mut models = models.map(Ensemble::layout);
        models
            .next()
            .map_or_else(Vec::new, |layout| layout.inputs(at))
    }

    /// The promise of a point.
    pub(crate) fn value(&self, at: &[f64]) -> f64 {
        let input = self.inputs(at);
        let mut total = match &self.goal {
            Goal::Feasibility => 0.0,
            Goal::Below(best) => {
                let mut means = vec![0.0; best.len()];
                let deviation = self.objectives[0].predict(&input, &mut means);
                log_mean_improvement(best, &means, deviation)
            }
            Goal::Boxes(boxes) => {
                let moments: Vec<(f64, f64)> = self
                    .objectives
                    .iter()
                    .map(|model| {
                        let moments = model.moments(&input);
                        (moments.mean, moments.deviation)
                    })
                    .collect();
                log_volume_improvement(boxes, &moments)
            }
        };
        for (model, limit) in &self.constraints {
            let moments = model.moments(&input);
            total += log_normal_cdf((limit - moments.mean) / moments.deviation);
        }
        if let Some((model, weight)) = &self.cost {
            total -= weight * model.moments(&input).mean;
        }
        if self.belief > 0.0 {
            total += self.belief * self.space.log_belief(at);
        }
        total
    }

    /// The promise of a point and its gradient by the coordinates; codes have none.
    pub(crate) fn value_with_gradient(&self, at: &[f64]) -> (f64, Vec<f64>) {
        let input = self.inputs(at);
        let mut slope = vec![0.0; at.len()];
        let mut total = match &self.goal {
            Goal::Feasibility => 0.0,
            Goal::Below(best) => {
                let own = self.objectives[0].predict_with_gradient(&input);
                improvement_gradient(best, &own, &mut slope)
            }
            Goal::Boxes(boxes) => {
                let own: Vec<Gradients> = self
                    .objectives
                    .iter()
                    .map(|model| model.predict_with_gradient(&input))
                    .collect();
                volume_gradient(boxes, &own, &mut slope)
            }
        };
        for (model, limit) in &self.constraints {
            let own = model.predict_with_gradient(&input);
            let z = (limit - own.means[0]) / own.deviation;
            let log_cdf = log_normal_cdf(z);
            let ratio = (-0.5 * z * z - 0.5 * TAU.ln() - log_cdf).exp();
            total += log_cdf;
            let slopes = own.mean_slopes[0].iter().zip(&own.deviation_slope);
            for (out, (mean, deviation)) in slope.iter_mut().zip(slopes) {
                *out += ratio * (-mean - z * deviation) / own.deviation;
            }
        }
        if let Some((model, weight)) = &self.cost {
            let own = model.predict_with_gradient(&input);
            total -= weight * own.means[0];
            for (out, mean) in slope.iter_mut().zip(&own.mean_slopes[0]) {
                *out -= weight * mean;
            }
        }
        if self.belief > 0.0 {
            total += self.belief * self.space.log_belief(at);
            self.add_belief_slope(at, &mut slope);
        }
        (total, slope)
    }

    fn add_belief_slope(&self, at: &[f64], slope: &mut [f64]) {
        const STEP: f64 = 1e-5;
        for ((axis, &x), out) in self.space.axes().iter().zip(at).zip(slope) {
            if axis.prior().is_some() && axis.n_values().is_none() && !x.is_nan() {
                let rise = axis.log_belief(x + STEP) - axis.log_belief(x - STEP);
                *out += self.belief * rise / (2.0 * STEP);
            }
        }
    }
}

/// Log of the mean over fantasies of the expected improvement.
fn log_mean_improvement(best: &[f64], means: &[f64], deviation: f64) -> f64 {
    let each = best.iter().zip(means);
    let total = each
        .map(|(best, mean)| log_improvement((best - mean) / deviation))
        .fold(f64::NEG_INFINITY, log_add);
    deviation.ln() + total - (best.len() as f64).ln()
}

fn improvement_gradient(best: &[f64], own: &Gradients, slope: &mut [f64]) -> f64 {
    let value = log_mean_improvement(best, &own.means, own.deviation);
    let unit = own.deviation;
    for ((best, mean), mean_slope) in best.iter().zip(&own.means).zip(&own.mean_slopes) {
        let z = (best - mean) / unit;
        // The share of this fantasy in the sum.
        let log_own = unit.ln() + log_improvement(z) - (own.means.len() as f64).ln();
        let share = (log_own - value).exp();
        let by_z = log_improvement_slope(z);
        for (out, (mean, deviation)) in slope
            .iter_mut()
            .zip(mean_slope.iter().zip(&own.deviation_slope))
        {
            *out += share * (deviation - by_z * (mean + z * deviation)) / unit;
        }
    }
    value
}

/// Log of the expected improvement of the hypervolume for independent losses of these means and deviations.
pub(crate) fn log_volume_improvement(
    boxes: &[(Vec<f64>, Vec<f64>)],
    moments: &[(f64, f64)],
) -> f64 {
    let log_below = |limit: f64, (mean, deviation): (f64, f64)| {
        if limit == f64::NEG_INFINITY {
            f64::NEG_INFINITY
        } else {
            deviation.ln() + log_improvement((limit - mean) / deviation)
        }
    };
    let each = boxes.iter().map(|(low, high)| {
        let sides = low.iter().zip(high).zip(moments);
        sides
            .map(|((&low, &high), &moments)| {
                let (to_high, to_low) = (log_below(high, moments), log_below(low, moments));
                let gap = (to_high - to_low).max(1e-300);
                to_high + (-(-gap).exp_m1()).ln()
            })
            .sum::<f64>()
    });
    each.fold(f64::NEG_INFINITY, log_add)
}

/// The value, and the gradient by the chain rule over means and deviations, whose own slopes are central differences.
fn volume_gradient(boxes: &[(Vec<f64>, Vec<f64>)], own: &[Gradients], slope: &mut [f64]) -> f64 {
    const STEP: f64 = 1e-5;
    let moments: Vec<(f64, f64)> = own.iter().map(|g| (g.means[0], g.deviation)).collect();
    for (k, gradients) in own.iter().enumerate() {
        let size = STEP * gradients.deviation;
        let shifted = |mean: f64, deviation: f64| {
            let mut shifted = moments.clone();
            shifted[k].0 += mean;
            shifted[k].1 += deviation;
            log_volume_improvement(boxes, &shifted)
        };
        let by_mean = (shifted(size, 0.0) - shifted(-size, 0.0)) / (2.0 * size);
        let by_deviation = (shifted(0.0, size) - shifted(0.0, -size)) / (2.0 * size);
        let slopes = gradients.mean_slopes[0]
            .iter()
            .zip(&gradients.deviation_slope);
        for (out, (mean, deviation)) in slope.iter_mut().zip(slopes) {
            *out += by_mean * mean + by_deviation * deviation;
        }
    }
    log_volume_improvement(boxes, &moments)
}
