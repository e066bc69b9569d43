//! Points drawn from the space: the sampler to beat.

use crate::sampler::Sampler;
use crate::study::Study;
use crate::uniform::draws;
use automl_core::Seed;
use serde::{Deserialize, Serialize};

/// Draws before a point that was tried is accepted again.
const TRIES: usize = 100;

/// Draws every parameter independently, evenly on its scale or from the user's belief.
///
/// Reference: Bergstra and Bengio (2012), *Random search for hyper-parameter optimization*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Random {}

impl Sampler for Random {
    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        let mut draws = draws(seed.named("random"));
        let mut at = study.space().draw(&mut draws);
        for _ in 0..TRIES {
            if !study.is_known(&at) {
                break;
            }
            at = study.space().draw(&mut draws);
        }
        at
    }
}
