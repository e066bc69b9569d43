//! Randomness as a value: the same seed and name give the same stream, wherever and whenever it is asked for.

#[cfg(test)]
mod tests;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// The root of all randomness of one piece of work. Split it by name instead of passing a generator around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of a named part of the work, independent of its siblings.
    ///
    /// ```
    /// use automl_core::Seed;
    /// assert_ne!(Seed(1).named("rows"), Seed(1).named("columns"));
    /// assert_eq!(Seed(1).named("rows"), Seed(1).named("rows"));
    /// ```
    pub fn named(self, name: &str) -> Self {
        // FNV-1a over the name, then one SplitMix64 step with the parent.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(self.0.wrapping_add(hash)))
    }

    /// The seed of the `index`-th part of a numbered family.
    pub fn indexed(self, index: u64) -> Self {
        Self(mix(self.0 ^ mix(index.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// A generator started from this seed; `ChaCha8`, so the stream is the same on every machine and version.
    pub fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0)
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, 2014).
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
