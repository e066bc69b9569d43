//! Steps around the best point, shorter after failures and longer after successes.
//!
//! # What it does
//! Moves a random number of dimensions of the best trial: numbers by a normal step, choices by a fresh draw. The step
//! length is a function of the history: it doubles after a step that improved the best and shrinks after a row that did
//! not, between 1 / 100 of the domain and half of it.
//!
//! # References
//! Wu, Wang and Huang (2021), *Frugal optimization for cost-related hyperparameters* (FLAML's CFO); the step rule is the
//! one-fifth success rule of Rechenberg (1973).

use crate::random::Random;
use crate::space::{Space, n_choices};
use crate::uniform::draws;
use crate::{Observation, Sampler};
use automl_core::{ParamMap, Seed};

/// Draws before a point that was tried is accepted.
const TRIES: usize = 50;
const STEP_FIRST: f64 = 0.2;
const STEP_MIN: f64 = 0.01;
const STEP_MAX: f64 = 0.5;

/// Random steps around the best point so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Local;

impl Sampler for Local {
    fn suggest(
        &self,
        space: &Space,
        history: &[Observation],
        pending: &[ParamMap],
        seed: Seed,
    ) -> ParamMap {
        let n_dimensions = space.n_dimensions();
        let Some((best, step)) = incumbent(history).filter(|_| n_dimensions > 0) else {
            return Random.suggest(space, history, pending, seed);
        };
        let mut draws = draws(seed.named("local"));
        let centre = space.coordinates(&history[best].point);
        for _ in 0..TRIES {
            let mut at = space.draw(&mut draws);
            let n_moved = 1 + draws.below(n_dimensions);
            for (j, dimension) in space.dimensions().iter().enumerate() {
                let Some(own) = centre[j] else { continue };
                // On average `n_moved` of the dimensions move.
                if draws.unit() * n_dimensions as f64 >= n_moved as f64 {
                    at[j] = own;
                } else if n_choices(&dimension.domain).is_none() {
                    at[j] = draws.normal_in_unit(own, step);
                }
            }
            let point = space.point(&at);
            if !space.is_among(
                &point,
                history.iter().map(|seen| &seen.point).chain(pending),
            ) {
                return point;
            }
        }
        Random.suggest(space, history, pending, seed)
    }
}

/// The best trial and the step length that the history leads to; `None` if no trial worked.
fn incumbent(history: &[Observation]) -> Option<(usize, f64)> {
    let mut best: Option<usize> = None;
    let mut step = STEP_FIRST;
    for (at, seen) in history
        .iter()
        .enumerate()
        .filter(|(_, seen)| seen.loss.is_finite())
    {
        let is_better = best.is_none_or(|best| seen.loss < history[best].loss);
        if is_better {
            best = Some(at);
            step = (step * 1.5).min(STEP_MAX);
        } else {
            // Five trials without progress undo one with it.
            step = (step * 0.92).max(STEP_MIN);
        }
    }
    best.map(|best| (best, step))
}
