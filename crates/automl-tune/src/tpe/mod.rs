//! The tree-structured Parzen estimator, with parameters that are active together estimated together.
//!
//! # What it does
//! Splits the trials into the better share and the rest, estimates the density of each, draws candidates from the
//! better one and takes the candidate that is likelier under the better than under the rest. Parameters under the same
//! conditions form a group; groups are chosen one after the other, each from the trials in which it was active.
//!
//! # Formula
//! `l(x) = Σᵢ wᵢ Πⱼ kᵢⱼ(xⱼ)` over the better trials and a prior kernel, `g(x)` the same over the rest; the proposal is
//! `argmax l(x) / g(x)` among candidates from `l`. See `density` for the kernels.
//!
//! Trials are ranked by [`Study::ranked`]: feasible before infeasible, stopped trials behind, several objectives by
//! fronts and hypervolume. Trials under way count among the rest, so that parallel trials spread out.
//!
//! # Cost
//! `O(candidates · trials · dimensions)`; about 0.3 ms at 1000 trials and ten dimensions.
//!
//! # References
//! Bergstra, Bardenet, Bengio and Kégl (2011), *Algorithms for hyper-parameter optimization*; Falkner, Klein and Hutter
//! (2018), *BOHB*, for the joint kernels; Ozaki, Tanigaki, Watanabe and Onishi (2020), *Multiobjective tree-structured
//! Parzen estimator*; Watanabe (2023), *Tree-structured Parzen estimator*.

mod density;
#[cfg(test)]
mod tests;

use crate::random::Random;
use crate::sampler::Sampler;
use crate::study::Study;
use crate::uniform::{Draws, draws};
use automl_core::Seed;
use density::Density;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// The tree-structured Parzen estimator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tpe {
    /// Trials drawn evenly before the densities are used.
    pub n_startup: usize,
    /// Candidates of which the most promising is proposed; fewer, but at least 24, once trials are many.
    pub n_candidates: usize,
    /// Share of the trials that count as better.
    pub gamma: f64,
    /// The most trials that count as better.
    pub n_better_max: usize,
    /// Weight of the prior kernel, in trials.
    pub prior_weight: f64,
    /// Width of the kernels relative to the distance of neighbours.
    pub width: f64,
}

impl Default for Tpe {
    fn default() -> Self {
        Self {
            n_startup: 10,
            n_candidates: 64,
            gamma: 0.15,
            n_better_max: 25,
            prior_weight: 1.0,
            width: 0.7,
        }
    }
}

/// Candidates times trials of one group.
const WORK: usize = 10_000;
/// More of the rest than this are thinned: their density changes little then.
const REST_MAX: usize = 300;
/// Proposals that were tried before one is drawn at random.
const TRIES: usize = 4;

impl Sampler for Tpe {
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        let space = study.space();
        let n_useful = study
            .finished()
            .iter()
            .filter(|seen| !seen.losses.is_empty())
            .count();
        if n_useful < self.n_startup.max(2) || space.n_dimensions() == 0 {
            return Random {}.locate(study, seed);
        }
        let mut draws = draws(seed.named("tpe"));
        let ranked = study.ranked();
        for _ in 0..TRIES {
            let at = self.compose(study, &ranked, &mut draws);
            if space.is_allowed(&at) && !study.is_known(&at) {
                return at;
            }
        }
        Random {}.locate(study, seed)
    }
}

impl Tpe {
    /// A point, one group of parameters after the other.
    fn compose<R: Rng>(&self, study: &Study, ranked: &[usize], draws: &mut Draws<R>) -> Vec<f64> {
        let space = study.space();
        let mut at = vec![f64::NAN; space.n_dimensions()];
        for group in space.groups() {
            if space.is_active(group[0], &at) {
                self.choose(study, ranked, &group, &mut at, draws);
            }
        }
        at
    }

    /// Chooses the coordinates of one group, given those of the groups before it.
    fn choose<R: Rng>(
        &self,
        study: &Study,
        ranked: &[usize],
        group: &[usize],
        at: &mut [f64],
        draws: &mut Draws<R>,
    ) {
        let space = study.space();
        let finished = study.finished();
        let active: Vec<usize> = ranked
            .iter()
            .copied()
            .filter(|&trial| !finished[trial].at[group[0]].is_nan())
            .collect();
        let n_useful = active
            .iter()
            .filter(|&&trial| !finished[trial].losses.is_empty())
            .count();
        if n_useful < 2 {
            for &j in group {
                at[j] = space.axes()[j].draw(draws);
            }
            return;
        }
        let share = (self.gamma * n_useful as f64).ceil() as usize;
        let n_better = share.clamp(1, self.n_better_max.max(1)).min(n_useful - 1);
        let (better, rest) = active.split_at(n_better);
        let rows = |trials: &[usize]| -> Vec<&[f64]> {
            let mut trials = trials.to_vec();
            trials.sort_unstable();
            trials
                .into_iter()
                .map(|trial| finished[trial].at.as_slice())
                .collect()
        };
        let mut rest = thinned(rows(rest));
        rest.extend(study.pending().filter(|at| !at[group[0]].is_nan()));
        let likely = Density::new(space, group, &rows(better), self);
        let unlikely = Density::new(space, group, &rest, self);
        let mut best = (f64::NEG_INFINITY, Vec::new());
        // Candidates times trials stays bounded, so that a suggestion takes as long after many trials.
        let n_affordable = (WORK / (likely.n_trials() + unlikely.n_trials() + 1)).max(24);
        for candidate in 0..self.n_candidates.clamp(1, n_affordable) {
            let own = likely.draw(draws);
            let score = likely.log_density(&own) - unlikely.log_density(&own);
            let is_open = group.len() < space.n_dimensions() || !is_useless(study, &own, group);
            if (score > best.0 && is_open) || candidate == 0 {
                best = (score, own);
            }
        }
        for (&j, value) in group.iter().zip(best.1) {
            at[j] = value;
        }
    }
}

/// At most [`REST_MAX`] trials: the newest third of that, and the others evenly from those before.
fn thinned(rows: Vec<&[f64]>) -> Vec<&[f64]> {
    let n = rows.len();
    if n <= REST_MAX {
        return rows;
    }
    let n_new = REST_MAX / 3;
    let n_old = REST_MAX - n_new;
    let (old, new) = rows.split_at(n - n_new);
    let spread = (0..n_old).map(|at| old[at * old.len() / n_old]);
    spread.chain(new.iter().copied()).collect()
}

/// Whether a whole point was tried or is refused by a clause.
fn is_useless(study: &Study, own: &[f64], group: &[usize]) -> bool {
    let space = study.space();
    let is_discrete = group.iter().all(|&j| space.axes()[j].n_values().is_some());
    (is_discrete && study.is_known(own)) || (space.has_clauses() && !space.is_allowed(own))
}
