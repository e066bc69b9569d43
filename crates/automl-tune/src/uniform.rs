//! Random numbers for the samplers: uniform and normal.

use automl_core::Seed;
use rand::Rng;

/// A stream of random numbers.
pub(crate) struct Draws<R>(R);

/// The stream of a seed.
pub(crate) fn draws(seed: Seed) -> Draws<impl Rng> {
    Draws(seed.rng())
}

impl<R: Rng> Draws<R> {
    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n - 1)
    }

    /// Standard normal, by Box and Muller (1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Normal about `mean`, drawn again until it falls into `[0, 1]`; `mean` must lie there.
    pub(crate) fn normal_in_unit(&mut self, mean: f64, sigma: f64) -> f64 {
        for _ in 0..1000 {
            let value = mean + sigma * self.normal();
            if (0.0..=1.0).contains(&value) {
                return value;
            }
        }
        mean
    }

    /// A position of `weights`, each as likely as its weight; their sum must be positive.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut rest = self.unit() * weights.iter().sum::<f64>();
        for (at, weight) in weights.iter().enumerate() {
            rest -= weight;
            if rest < 0.0 {
                return at;
            }
        }
        weights.len() - 1
    }
}
