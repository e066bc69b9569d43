//! An evolutionary search for several objectives.
//!
//! # What it does
//! The population are the best trials of the log, by fronts and, within the last that fits, by crowding; those that keep
//! the constraints come first. Two parents each win a tournament of two; the child takes numbers between and beyond them
//! (simulated binary crossover), names from either, and mutates one parameter on average. Every finished trial may enter
//! the population at once, so that trials need not end in step.
//!
//! # References
//! Deb, Pratap, Agarwal and Meyarivan (2002), *A fast and elitist multiobjective genetic algorithm: NSGA-II*; Deb and
//! Agrawal (1995) for the crossover; Deb and Goyal (1996) for the mutation.

use crate::pareto;
use crate::random::Random;
use crate::sampler::Sampler;
use crate::space::Space;
use crate::study::Study;
use crate::uniform::{Draws, draws};
use automl_core::Seed;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Children made before one at random is taken.
const TRIES: usize = 50;

/// An evolutionary search for several objectives.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nsga2 {
    /// Size of the population; as many trials are drawn at first.
    pub n_population: usize,
    /// Chance that a child mixes its parents' numbers.
    pub crossover: f64,
    /// How near children are to their parents; greater is nearer.
    pub crossover_index: f64,
    /// How small mutations are; greater is smaller.
    pub mutation_index: f64,
}

impl Default for Nsga2 {
    fn default() -> Self {
        Self {
            n_population: 50,
            crossover: 0.9,
            crossover_index: 15.0,
            mutation_index: 20.0,
        }
    }
}

impl Sampler for Nsga2 {
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        let space = study.space();
        let n_complete = study
            .finished()
            .iter()
            .filter(|seen| seen.is_complete)
            .count();
        if n_complete < self.n_population.max(2) || space.n_dimensions() == 0 {
            return Random {}.locate(study, seed);
        }
        let population = self.population(study);
        let mut draws = draws(seed.named("nsga2"));
        for _ in 0..TRIES {
            let mother = tournament(&population, &mut draws);
            let father = tournament(&population, &mut draws);
            let mut child = self.cross(space, mother, father, &mut draws);
            self.mutate(space, &mut child, &mut draws);
            space.settle(&mut child, &mut draws);
            if space.is_allowed(&child) && !study.is_known(&child) {
                return child;
            }
        }
        Random {}.locate(study, seed)
    }
}

impl Nsga2 {
    /// Coordinates of the population, best first.
    fn population<'a>(&self, study: &'a Study) -> Vec<&'a [f64]> {
        let finished = study.finished();
        let (feasible, mut rest): (Vec<usize>, Vec<usize>) = (0..finished.len())
            .filter(|&at| finished[at].is_complete)
            .partition(|&at| finished[at].is_feasible());
        let losses: Vec<&[f64]> = feasible
            .iter()
            .map(|&at| finished[at].losses.as_slice())
            .collect();
        let mut order = Vec::with_capacity(finished.len());
        for front in pareto::fronts(&losses) {
            let points: Vec<&[f64]> = front.iter().map(|&at| losses[at]).collect();
            let distance = pareto::crowding(&points);
            let mut ranks: Vec<usize> = (0..front.len()).collect();
            ranks.sort_by(|&a, &b| distance[b].total_cmp(&distance[a]).then(a.cmp(&b)));
            order.extend(ranks.into_iter().map(|at| feasible[front[at]]));
        }
        rest.sort_by(|&a, &b| {
            let violation = |at: usize| finished[at].violation();
            violation(a).total_cmp(&violation(b)).then(a.cmp(&b))
        });
        order.extend(rest);
        order.truncate(self.n_population.max(2));
        order
            .into_iter()
            .map(|at| finished[at].at.as_slice())
            .collect()
    }

    fn cross<R: Rng>(
        &self,
        space: &Space,
        mother: &[f64],
        father: &[f64],
        draws: &mut Draws<R>,
    ) -> Vec<f64> {
        let is_mixed = draws.unit() < self.crossover;
        let (first, second) = if draws.unit() < 0.5 {
            (mother, father)
        } else {
            (father, mother)
        };
        let mut child = first.to_vec();
        if !is_mixed {
            return child;
        }
        for (j, axis) in space.axes().iter().enumerate() {
            let (a, b) = (first[j], second[j]);
            if b.is_nan() {
                continue;
            }
            if a.is_nan() || axis.n_codes().is_some() {
                if a.is_nan() || draws.unit() < 0.5 {
                    child[j] = b;
                }
                continue;
            }
            // Half of the numbers come from the first parent as they are.
            if draws.unit() < 0.5 {
                let u = draws.unit();
                let power = 1.0 / (self.crossover_index + 1.0);
                let spread = if u < 0.5 {
                    (2.0 * u).powf(power)
                } else {
                    (0.5 / (1.0 - u)).powf(power)
                };
                child[j] = (0.5 * ((1.0 + spread) * a + (1.0 - spread) * b)).clamp(0.0, 1.0);
            }
        }
        child
    }

    fn mutate<R: Rng>(&self, space: &Space, child: &mut [f64], draws: &mut Draws<R>) {
        let chance = 1.0 / child.len() as f64;
        for (axis, x) in space.axes().iter().zip(child) {
            if x.is_nan() || draws.unit() >= chance {
                continue;
            }
            if axis.n_codes().is_some() {
                *x = axis.draw(draws);
                continue;
            }
            let u = draws.unit();
            let power = 1.0 / (self.mutation_index + 1.0);
            let step = if u < 0.5 {
                (2.0 * u).powf(power) - 1.0
            } else {
                1.0 - (2.0 * (1.0 - u)).powf(power)
            };
            // A step of a parameter with few values must be able to reach the next.
            let least = axis.spacing(*x);
            *x = (*x + step.abs().max(least).copysign(step)).clamp(0.0, 1.0);
        }
    }
}

/// The better of two at random; the population is sorted, so that is the one that stands first.
fn tournament<'a, R: Rng>(population: &[&'a [f64]], draws: &mut Draws<R>) -> &'a [f64] {
    let a = draws.below(population.len());
    let b = draws.below(population.len());
    population[a.min(b)]
}
