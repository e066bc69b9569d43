//! Bayesian optimisation in a box that follows success: for many parameters.
//!
//! # What it does
//! The trials of the log are gone through in order. After `n_startup` even points the box is about the best of them. It
//! doubles after three successes in a row and halves after as many failures as there are parameters; when it has become
//! tiny, the search begins anew elsewhere, keeping what the models have learned. The next point is the most promising one
//! of a Gaussian process within the box, whose sides follow the length scales.
//!
//! # Reference
//! Eriksson, Pearce, Gardner, Turner and Poloczek (2019), *Scalable global optimization via local Bayesian optimization*.

use crate::gp::{Gp, Trust};
use crate::random::Random;
use crate::sampler::Sampler;
use crate::study::Study;
use automl_core::Seed;
use serde::{Deserialize, Serialize};

/// The mean side of the box at the start, at most and at least.
const LENGTH_FIRST: f64 = 0.8;
const LENGTH_MAX: f64 = 1.6;
const LENGTH_MIN: f64 = 0.007_812_5;
/// Successes in a row that double the box.
const SUCCESSES: usize = 3;
/// A success gains this share of the best value's size.
const GAIN_MIN: f64 = 1e-3;

/// Bayesian optimisation in a box that follows success, of one objective; of several it is [`Gp`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turbo {
    /// Even points before each box; by default twice the parameters, from 5 to 20.
    pub n_startup: Option<usize>,
    /// The models.
    pub gp: Gp,
}

/// Where the search is after a log.
struct Progress {
    n_since_restart: usize,
    /// Best loss since the restart, and which trial had it.
    best: f64,
    centre: usize,
    length: f64,
    n_successes: usize,
    n_failures: usize,
}

impl Progress {
    fn begin() -> Self {
        Self {
            n_since_restart: 0,
            best: f64::INFINITY,
            centre: 0,
            length: LENGTH_FIRST,
            n_successes: 0,
            n_failures: 0,
        }
    }

    /// Takes in one more trial; an infinite loss is one that failed or violates a constraint.
    fn step(&mut self, at: usize, loss: f64, n_startup: usize, n_failures_max: usize) {
        self.n_since_restart += 1;
        let is_success = loss < self.best - GAIN_MIN * self.best.abs().min(f64::MAX);
        let is_first = self.best == f64::INFINITY && loss.is_finite();
        if loss < self.best {
            (self.best, self.centre) = (loss, at);
        }
        if self.n_since_restart <= n_startup {
            return;
        }
        if is_success || is_first {
            (self.n_successes, self.n_failures) = (self.n_successes + 1, 0);
        } else {
            (self.n_successes, self.n_failures) = (0, self.n_failures + 1);
        }
        if self.n_successes >= SUCCESSES {
            self.length = (2.0 * self.length).min(LENGTH_MAX);
            self.n_successes = 0;
        } else if self.n_failures >= n_failures_max {
            self.length *= 0.5;
            self.n_failures = 0;
        }
        if self.length < LENGTH_MIN {
            *self = Self::begin();
        }
    }
}

impl Sampler for Turbo {
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        let d = study.space().n_dimensions();
        if study.objectives().len() > 1 {
            return self.gp.locate(study, seed);
        }
        let n_startup = self.n_startup.unwrap_or((2 * d).clamp(5, 20)).max(2);
        let mut progress = Progress::begin();
        for (at, seen) in study.finished().iter().enumerate() {
            let loss = seen.losses.first().filter(|_| seen.is_feasible());
            let loss = loss.copied().unwrap_or(f64::INFINITY);
            progress.step(at, loss, n_startup, d.max(4));
        }
        let is_starting = progress.n_since_restart < n_startup || progress.best == f64::INFINITY;
        if is_starting && study.has_sources() {
            // What earlier studies tell is a better beginning than points drawn blindly.
            return self.gp.locate(study, seed);
        }
        if is_starting {
            return Random {}.locate(study, seed.named("turbo"));
        }
        let trust = Trust {
            centre: study.finished()[progress.centre].at.clone(),
            length: progress.length,
        };
        self.gp.locate_near(study, Some(&trust), seed)
    }
}
