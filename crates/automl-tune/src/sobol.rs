//! Points that fill the space evenly.

use crate::random::Random;
use crate::sampler::Sampler;
use crate::study::Study;
use automl_core::Seed;
use serde::{Deserialize, Serialize};

/// The scrambled Sobol sequence: of any `2ᵏ` neighbours in it, every half of every parameter holds as many.
///
/// The index of a point is the number of trials known, so points follow the sequence also when several run at once. The
/// scramble must be the same for all trials of a study and is a parameter for that reason; the seed of a suggestion only
/// breaks ties, where clauses refuse a point or it is known.
///
/// References: Sobol (1967); Owen (1995) for the scrambling; Burley (2020), *Practical hash-based Owen scrambling*, by
/// the crate `sobol_burley`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sobol {
    /// Which scramble.
    pub scramble: u32,
}

/// The coordinate of the `index`-th point in dimension `j` of a scrambled sequence.
pub(crate) fn share(index: u32, j: usize, scramble: u32) -> f64 {
    // Beyond the tabulated dimensions the tables are used again under another scramble.
    let n_tabulated = sobol_burley::NUM_DIMENSIONS;
    let lap = j as u32 / n_tabulated;
    let seed = scramble ^ lap.wrapping_mul(0x9e37_79b9);
    f64::from(sobol_burley::sample(
        index & 0xffff,
        j as u32 % n_tabulated,
        seed,
    ))
}

impl Sampler for Sobol {
    fn begins_at_defaults(&self) -> bool {
        false
    }

    fn locate(&self, study: &Study, seed: Seed) -> Vec<f64> {
        let space = study.space();
        let first = study.known().len() as u32;
        for index in first..first + 64 {
            let shares: Vec<f64> = (0..space.n_dimensions())
                .map(|j| share(index, j, self.scramble))
                .collect();
            if let Some(at) = space.at_shares(&shares)
                && !study.is_known(&at)
            {
                return at;
            }
        }
        Random {}.locate(study, seed)
    }
}
