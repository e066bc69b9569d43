//! Every point of a finite space, or of a grid over it.

use crate::random::Random;
use crate::sampler::Sampler;
use crate::space::Space;
use crate::study::Study;
use crate::uniform::draws;
use automl_core::Seed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Every point of a grid in order, the last parameter fastest; then points at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grid {
    /// Number of values tried of a parameter that has more, evenly on its scale.
    pub n_values: usize,
}

impl Default for Grid {
    fn default() -> Self {
        Self { n_values: 5 }
    }
}

/// Every point of a finite space once, in random order; a continuum is drawn from at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BruteForce {}

impl Grid {
    /// Whether there is a grid over the space.
    pub(crate) fn ends(self, space: &Space) -> bool {
        self.sweep(space).is_some()
    }

    fn sweep(self, space: &Space) -> Option<Sweep<'_>> {
        Sweep::new(space, Some(self.n_values.max(1) as u64))
    }

    /// Whether every point of the grid has been tried or is under way.
    pub fn is_exhausted(&self, study: &Study) -> bool {
        self.next(study).is_none()
    }

    fn next(self, study: &Study) -> Option<Vec<f64>> {
        self.sweep(study.space())?.next_unknown(study)
    }
}

impl BruteForce {
    /// Whether the space is finite.
    pub(crate) fn ends(space: &Space) -> bool {
        Sweep::new(space, None).is_some()
    }

    /// Whether every point of the space has been tried or is under way; never where it holds a continuum.
    pub fn is_exhausted(&self, study: &Study) -> bool {
        Sweep::new(study.space(), None).is_some_and(|mut sweep| sweep.next_unknown(study).is_none())
    }
}

impl Sampler for Grid {
    fn begins_at_defaults(&self) -> bool {
        false
    }

    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        self.next(study)
            .unwrap_or_else(|| Random {}.locate(study, seed))
    }
}

impl Sampler for BruteForce {
    fn begins_at_defaults(&self) -> bool {
        false
    }

    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        let mut draws = draws(seed.named("brute-force"));
        for _ in 0..100 {
            let at = study.space().draw(&mut draws);
            if !study.is_known(&at) {
                return at;
            }
        }
        let next = Sweep::new(study.space(), None).and_then(|mut sweep| sweep.next_unknown(study));
        next.unwrap_or_else(|| Random {}.locate(study, seed))
    }
}

/// Walks a grid like a counter whose digits exist only where their parameter is active.
struct Sweep<'a> {
    space: &'a Space,
    /// Number of values of each parameter.
    sizes: Vec<u64>,
    digits: Vec<u64>,
    is_over: bool,
}

impl<'a> Sweep<'a> {
    /// At most `n_max` values a parameter; `None` if a continuum has no such limit.
    fn new(space: &'a Space, n_max: Option<u64>) -> Option<Self> {
        let sizes: Option<Vec<u64>> = space
            .axes()
            .iter()
            .map(|axis| match (axis.n_values(), n_max) {
                (Some(n), _) if axis.n_codes().is_some() => Some(n),
                (Some(n), Some(max)) => Some(n.min(max)),
                (n, max) => n.or(max),
            })
            .collect();
        Some(Self {
            space,
            sizes: sizes?,
            digits: vec![0; space.n_dimensions()],
            is_over: false,
        })
    }

    fn point(&self) -> Vec<f64> {
        let mut at = vec![f64::NAN; self.sizes.len()];
        for (j, axis) in self.space.axes().iter().enumerate() {
            if !self.space.is_active(j, &at) {
                continue;
            }
            let (digit, size) = (self.digits[j], self.sizes[j]);
            let share = if size == 1 {
                0.5
            } else {
                digit as f64 / (size - 1) as f64
            };
            // Each value at most once, also where a scale is so fine that shares stand for the same one.
            at[j] = match axis.n_values() {
                Some(n) => axis.nth(axis.rank(share).clamp(digit, n - size + digit)),
                None => axis.snap(share),
            };
        }
        at
    }

    /// Moves to the next point: the last active digit that can rise does, and those behind it start again.
    fn advance(&mut self, at: &[f64]) {
        for j in (0..self.sizes.len()).rev() {
            if !at[j].is_nan() && self.digits[j] + 1 < self.sizes[j] {
                self.digits[j] += 1;
                self.digits[j + 1..].fill(0);
                return;
            }
        }
        self.is_over = true;
    }

    fn next_unknown(&mut self, study: &Study) -> Option<Vec<f64>> {
        let key = |at: &[f64]| -> Vec<i64> {
            let digit = |x: &f64| {
                if x.is_nan() {
                    -1
                } else {
                    (x * 1e12).round() as i64
                }
            };
            at.iter().map(digit).collect()
        };
        let known: BTreeSet<Vec<i64>> = study.known().iter().map(|at| key(at)).collect();
        while !self.is_over {
            let at = self.point();
            self.advance(&at);
            if !known.contains(&key(&at)) && self.space.is_allowed(&at) {
                return Some(at);
            }
        }
        None
    }
}
