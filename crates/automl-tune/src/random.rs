//! Points drawn evenly from the space: the sampler to beat.

use crate::space::Space;
use crate::uniform::draws;
use crate::{Observation, Sampler};
use automl_core::{ParamMap, Seed};

/// Draws before a point that was tried is accepted again.
const TRIES: usize = 100;

/// Draws every dimension evenly and independently, numbers on their scale.
///
/// Reference: Bergstra and Bengio (2012), *Random search for hyper-parameter optimization*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Random;

impl Sampler for Random {
    fn suggest(
        &self,
        space: &Space,
        history: &[Observation],
        pending: &[ParamMap],
        seed: Seed,
    ) -> ParamMap {
        let mut draws = draws(seed.named("random"));
        let mut point = space.point(&space.draw(&mut draws));
        for _ in 0..TRIES {
            let known = history.iter().map(|seen| &seen.point).chain(pending);
            if !space.is_among(&point, known) {
                break;
            }
            point = space.point(&space.draw(&mut draws));
        }
        point
    }
}
