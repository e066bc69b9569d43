//! Evolution of a normal distribution over the numbers: for many cheap trials.
//!
//! # What it does
//! The trials of the log form generations in the order in which they ended. After each the distribution moves toward the
//! better half and takes their shape (`state`). It begins where the user believes that good values are. A parameter with steps
//! keeps a margin: its mean stands, and its width is, such that another value is drawn now and then. Names have a distribution of their own, which moves toward the better ones' names. When the
//! distribution has shrunk or nothing has become better for long, it begins anew with generations twice as large.
//! Trials that others proposed count too, cut to a plausible distance.
//!
//! # References
//! Hansen (2016), *The CMA evolution strategy: a tutorial*; Auger and Hansen (2005) for the restarts; Hansen (2011),
//! *Injecting external solutions into CMA-ES*; Hamano, Saito, Nomura and Shirakawa (2022), *CMA-ES with margin*; Nomura,
//! Watanabe, Akimoto, Ozaki and Onishi (2021), *Warm starting CMA-ES*.

mod state;
#[cfg(test)]
mod tests;

use crate::random::Random;
use crate::sampler::Sampler;
use crate::study::{Seen, Study};
use crate::uniform::draws;
use automl_core::Seed;
use serde::{Deserialize, Serialize};
use state::Distribution;

/// Points drawn before one that is known or forbidden is taken.
const TRIES: usize = 50;

/// Covariance matrix adaptation, of one objective; of several it draws at random.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CmaEs {
    /// Trials of a generation; by default `4 + 3 log d`.
    pub n_population: Option<usize>,
    /// Width of the first distribution, as a share of each parameter's domain.
    pub sigma: f64,
    /// How many times larger generations are after a restart.
    pub growth: usize,
}

impl Default for CmaEs {
    fn default() -> Self {
        Self {
            n_population: None,
            sigma: 0.3,
            growth: 2,
        }
    }
}

impl Sampler for CmaEs {
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        let space = study.space();
        if space.n_dimensions() == 0 || study.objectives().len() > 1 {
            return Random {}.locate(study, seed);
        }
        let distribution = self.replay(study);
        let mut draws = draws(seed.named("cma-es"));
        for _ in 0..TRIES {
            let mut at = distribution.draw(space, &mut draws);
            space.settle(&mut at, &mut draws);
            if space.is_allowed(&at) && !study.is_known(&at) {
                return at;
            }
        }
        Random {}.locate(study, seed)
    }
}

impl CmaEs {
    /// The distribution after all whole generations of the log.
    fn replay(&self, study: &Study) -> Distribution {
        let space = study.space();
        let d = space.n_dimensions();
        let n_first = self
            .n_population
            .unwrap_or(4 + (3.0 * (d as f64).ln()).floor() as usize)
            .max(4);
        let mut n_population = n_first;
        let mut distribution = Distribution::new(space, n_population, self.sigma);
        distribution.warm_start(space, study.sources());
        let mut generation: Vec<&Seen> = Vec::with_capacity(n_population);
        let mut n_restarts = 0;
        for seen in study.finished() {
            generation.push(seen);
            if generation.len() < n_population {
                continue;
            }
            generation.sort_by(|a, b| compare(a, b));
            distribution.update(space, &generation);
            generation.clear();
            if distribution.is_spent() {
                n_restarts += 1;
                n_population *= self.growth.max(1);
                distribution = Distribution::new(space, n_population, self.sigma);
                distribution.move_to_random(space, Seed(n_restarts).named("restart"));
            }
        }
        distribution
    }
}

/// Feasible before infeasible, then by loss; failed trials last.
fn compare(a: &Seen, b: &Seen) -> std::cmp::Ordering {
    let key = |seen: &Seen| {
        let loss = seen.losses.first().copied().unwrap_or(f64::INFINITY);
        if seen.is_complete {
            (seen.violation(), loss)
        } else {
            (f64::INFINITY, loss)
        }
    };
    let (a, b) = (key(a), key(b));
    a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
}
