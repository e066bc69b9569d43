//! Bayesian optimisation with Gaussian processes.
//!
//! # What it does
//! Models every objective and every constraint by a Gaussian process over the space (`kernel`, `hyper`, `fit`), and proposes
//! the point that promises most (`acquisition`, `search`). Losses are warped so that they fit a process (`outputs`), inputs
//! too if asked. Trials under way are filled in by fantasies, draws of what they will give.
//!
//! # Cost
//! Hyperparameters are fitted to the first `m` trials, where `m` grows in steps of a few per cent, so a study of `n`
//! trials needs few fits, and each can be made again from the log alone. A suggestion costs about `1500 n²` operations.
//!
//! # References
//! Snoek, Larochelle and Adams (2012), *Practical Bayesian optimization of machine learning algorithms*; the parts name
//! theirs.

mod acquisition;
mod ascent;
mod ensemble;
mod fit;
mod hyper;
mod kernel;
mod model;
mod outputs;
mod search;
mod surrogate;
#[cfg(test)]
mod tests;

use crate::pareto;
use crate::random::Random;
use crate::sampler::Sampler;
use crate::sobol::share;
use crate::study::Study;
use crate::uniform::{Draws, draws};
use acquisition::{Acquisition, Goal};
use automl_core::Seed;
use kernel::Layout;
use model::Model;
use rand::Rng;
use search::{Breadth, Region, best_points};
use serde::{Deserialize, Serialize};
use surrogate::{Column, Surrogate};

/// Bayesian optimisation with Gaussian processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gp {
    /// Trials drawn before the first model; by default twice the parameters, from 5 to 10.
    pub n_startup: Option<usize>,
    /// Whether inputs are warped too.
    pub warps_inputs: bool,
    /// Whether losses are warped.
    pub warps_outputs: bool,
    /// Steps of a fit of hyperparameters.
    pub n_fit_steps: u64,
    /// More trials than this are thinned to it.
    pub n_points_max: usize,
    /// Fantasies of the trials under way.
    pub n_fantasies: usize,
}

impl Default for Gp {
    fn default() -> Self {
        Self {
            n_startup: None,
            warps_inputs: false,
            warps_outputs: true,
            n_fit_steps: 40,
            n_points_max: 500,
            n_fantasies: 8,
        }
    }
}

/// Costs need no fine model: more trials than this are thinned to it.
const COST_POINTS_MAX: usize = 50;
/// Weight of the user's belief is this over the number of trials.
const BELIEF: f64 = 10.0;

impl Sampler for Gp {
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        let d = study.space().n_dimensions();
        let n_complete = study
            .finished()
            .iter()
            .filter(|seen| seen.is_complete)
            .count();
        let n_startup = self.n_startup.unwrap_or((2 * d).clamp(5, 10)).max(2);
        if let Some(at) = study.next_of_sources() {
            return at;
        }
        let n_startup = if study.has_sources() { 2 } else { n_startup };
        if n_complete < n_startup || d == 0 {
            return Random {}.locate(study, seed);
        }
        self.locate_near(study, None, seed)
    }
}

/// A box about a point, whose sides are of this length on average and follow the length scales.
pub(crate) struct Trust {
    pub(crate) centre: Vec<f64>,
    pub(crate) length: f64,
}

impl Trust {
    /// The box within `[0, 1]`; all of it for codes and parameters that are not active at the centre.
    fn region(&self, model: &Model) -> Region {
        let layout = model.layout();
        let is_number = |j: &usize| !layout.is_code[*j] && !self.centre[*j].is_nan();
        let log_scale = |j: usize| -model.hyper().inverse_length(j).ln();
        let numbers: Vec<usize> = (0..layout.n_inputs()).filter(is_number).collect();
        let n = numbers.len().max(1) as f64;
        let log_mean = numbers.iter().map(|&j| log_scale(j) / n).sum::<f64>();
        let mut region = vec![(0.0, 1.0); layout.n_inputs()];
        for j in numbers {
            let stretch = (log_scale(j) - log_mean).clamp(-2.0, 2.0).exp();
            let half = 0.5 * self.length * stretch;
            let centre = self.centre[j];
            region[j] = ((centre - half).max(0.0), (centre + half).min(1.0));
        }
        region
    }
}

impl Gp {
    /// The most promising point of the space, or of a box in it; random if nothing can be modelled.
    pub(crate) fn locate_near(&self, study: &Study, trust: Option<&Trust>, seed: Seed) -> Vec<f64> {
        let seed = seed.named("gp");
        let mut draws = draws(seed);
        let Some(acquisition) = self.acquisition(study, &mut draws) else {
            return Random {}.locate(study, seed);
        };
        let region = trust.map_or_else(
            || vec![(0.0, 1.0); study.space().n_dimensions()],
            |trust| trust.region(acquisition.objectives[0].own()),
        );
        let breadth = Breadth {
            even: 500,
            near: 300,
            climbs: 6,
        };
        let best = study.ranked().into_iter().take(5);
        let best = best.map(|at| study.finished()[at].at.clone());
        let centres: Vec<Vec<f64>> = match trust {
            Some(trust) => vec![trust.centre.clone()],
            None => best.collect(),
        };
        let points = best_points(&acquisition, &centres, &region, breadth, &mut draws);
        let open = points.into_iter().find(|(_, at)| !study.is_known(at));
        open.map_or_else(|| Random {}.locate(study, seed), |(_, at)| at)
    }

    /// The models of the study and what they are asked for.
    fn acquisition<'a, R: Rng>(
        &self,
        study: &'a Study,
        draws: &mut Draws<R>,
    ) -> Option<Acquisition<'a>> {
        let space = study.space();
        let layout = Layout::new(space);
        let finished = study.finished();
        let n_objectives = study.objectives().len();
        let surrogates: Option<Vec<Surrogate>> = (0..n_objectives)
            .map(|k| {
                let earlier = study.sources().iter().enumerate();
                let earlier: Vec<Column> = earlier
                    .filter(|(_, source)| source.seen.iter().all(|seen| seen.losses.len() > k))
                    .map(|(at, source)| {
                        Column::of_objective(&format!("source-{at}"), &layout, &source.seen, k)
                    })
                    .collect();
                Column::of_objective("objective", &layout, finished, k)
                    .surrogate(self, &layout, study, &earlier)
            })
            .collect();
        let surrogates = surrogates?;
        let n_constraints = finished
            .iter()
            .map(|seen| seen.constraints.len())
            .max()
            .unwrap_or(0);
        let pending: Vec<Vec<f64>> = study.pending().map(|at| layout.inputs(at)).collect();
        let constraints = (0..n_constraints).filter_map(|k| {
            let column = Column::of_constraint(&layout, finished, k);
            let own = column.surrogate(self, &layout, study, &[])?;
            let limit = own.outputs.standard(0.0);
            let believed = own
                .model
                .with_fantasies(&pending, &[vec![0.0; pending.len()]]);
            Some((believed.unwrap_or(own.model), limit))
        });
        let constraints: Vec<_> = constraints.collect();
        let weight = study.cost_weight();
        let cost = (weight > 0.0).then(|| Column::of_cost(&layout, finished));
        let rough = Self {
            n_points_max: self.n_points_max.min(COST_POINTS_MAX),
            ..self.clone()
        };
        let cost = cost.and_then(|column| column.surrogate(&rough, &layout, study, &[]));
        let cost = cost.map(|own| (own.model, weight * own.outputs.unit()));
        let mut models: Vec<surrogate::Surrogate> = surrogates;
        let goal = if study.feasible().next().is_none() && n_constraints > 0 {
            Goal::Feasibility
        } else if n_objectives == 1 {
            self.goal_below(study, &mut models[0], &pending, draws)
        } else {
            goal_boxes(study, &mut models, &pending)
        };
        let belief = if space.has_beliefs() {
            BELIEF / finished.len().max(1) as f64
        } else {
            0.0
        };
        Some(Acquisition {
            space,
            objectives: models.into_iter().map(|own| own.model).collect(),
            goal,
            constraints,
            cost,
            belief,
        })
    }

    /// Improvement on the least value, with fantasies of the pending trials.
    fn goal_below<R: Rng>(
        &self,
        study: &Study,
        own: &mut Surrogate,
        pending: &[Vec<f64>],
        draws: &mut Draws<R>,
    ) -> Goal {
        let layout = own.model.layout().clone();
        // What the process believes of the best trials, so that a lucky noisy value is no hurdle.
        let believed = study
            .feasible()
            .map(|seen| own.model.moments(&layout.inputs(&seen.at)).mean);
        let best = believed.fold(f64::INFINITY, f64::min);
        if pending.is_empty() {
            return Goal::Below(vec![best]);
        }
        let scramble = (draws.unit() * f64::from(u32::MAX)) as u32;
        let normals: Vec<Vec<f64>> = (0..self.n_fantasies.max(1))
            .map(|m| {
                (0..pending.len())
                    .map(|j| normal_quantile(share(m as u32, j, scramble)))
                    .collect()
            })
            .collect();
        let Some(grown) = own.model.with_fantasies(pending, &normals) else {
            return Goal::Below(vec![best]);
        };
        let mut bests = vec![best; grown.n_fantasies()];
        let mut means = vec![0.0; grown.n_fantasies()];
        for point in pending {
            grown.predict(point, &mut means);
            for (best, mean) in bests.iter_mut().zip(&means) {
                *best = best.min(*mean);
            }
        }
        own.model = grown;
        Goal::Below(bests)
    }
}

/// Improvement of the hypervolume, pending trials taken at what is expected of them.
fn goal_boxes(study: &Study, models: &mut [Surrogate], pending: &[Vec<f64>]) -> Goal {
    for own in models.iter_mut() {
        let zeros = vec![vec![0.0; pending.len()]];
        if let Some(grown) = own.model.with_fantasies(pending, &zeros) {
            own.model = grown;
        }
    }
    let mut points: Vec<Vec<f64>> = study
        .feasible()
        .map(|seen| {
            let losses = seen.losses.iter().zip(models.iter());
            losses
                .map(|(&loss, own)| own.outputs.standard(loss))
                .collect()
        })
        .collect();
    for point in pending {
        points.push(
            models
                .iter()
                .map(|own| own.model.moments(point).mean)
                .collect(),
        );
    }
    let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
    let front: Vec<&[f64]> = pareto::front(&points)
        .into_iter()
        .map(|at| points[at])
        .collect();
    // A tenth of the front's range beyond its worst point in each objective.
    let reference: Vec<f64> = (0..models.len())
        .map(|k| {
            let values = front.iter().map(|point| point[k]);
            let worst = values.clone().fold(f64::NEG_INFINITY, f64::max);
            let best = values.fold(f64::INFINITY, f64::min);
            worst + 0.1 * (worst - best).max(0.1)
        })
        .collect();
    Goal::Boxes(pareto::boxes(&front, &reference))
}

/// The standard normal quantile; `u` is kept inside `(0, 1)`.
fn normal_quantile(u: f64) -> f64 {
    const EDGE: f64 = 1e-15;
    automl_core::normal::quantile(u.clamp(EDGE, 1.0 - EDGE))
}
