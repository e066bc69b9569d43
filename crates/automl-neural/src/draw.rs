//! Randomness inside a network: dropout masks that depend on seed, step and place alone.

use automl_core::Seed;
use burn::tensor::backend::Backend;
use burn::tensor::{Distribution, Tensor, TensorData};

/// Where a network's random numbers of one pass come from; nothing is random while evaluating.
///
/// Every mask is a function of the seed and of how many masks were drawn before it in the same pass, so a pass that is
/// repeated on another machine or after a restart gives the same bits.
#[derive(Debug, Clone)]
pub struct Draw {
    seed: Option<Seed>,
    n_drawn: u64,
    is_on_device: bool,
    /// What rates of dropout are multiplied by.
    factor: f64,
}

impl Draw {
    /// The randomness of one training pass.
    pub fn training(seed: Seed) -> Self {
        Self {
            seed: Some(seed),
            n_drawn: 0,
            is_on_device: false,
            factor: 1.0,
        }
    }

    /// The same seeds, but what they give is drawn by the device, which is quicker than to bring it there.
    #[must_use]
    pub fn on_device(self) -> Self {
        Self {
            is_on_device: true,
            ..self
        }
    }

    /// The same with this share of the rates of dropout.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { factor, ..self }
    }

    /// No randomness: dropout lets everything through.
    pub fn evaluating() -> Self {
        Self {
            seed: None,
            n_drawn: 0,
            is_on_device: false,
            factor: 1.0,
        }
    }

    /// Whether the pass is a training pass.
    pub fn is_training(&self) -> bool {
        self.seed.is_some()
    }

    /// The seed of the next random thing of this pass; none while evaluating.
    pub fn next_seed(&mut self) -> Option<Seed> {
        let seed = self.seed?.indexed(self.n_drawn);
        self.n_drawn += 1;
        Some(seed)
    }

    /// Dropout (Srivastava et al., 2014): each element is zero with probability `rate`, the others are scaled by
    /// `1 / (1 - rate)`. Any shape; the same shape comes out.
    pub fn dropout<B: Backend, const D: usize>(
        &mut self,
        x: Tensor<B, D>,
        rate: f64,
    ) -> Tensor<B, D> {
        let rate = rate * self.factor;
        if rate <= 0.0 {
            return x;
        }
        let Some(seed) = self.next_seed() else {
            return x;
        };
        let (shape, device) = (x.shape(), x.device());
        if self.is_on_device {
            B::seed(&device, seed.0);
            let kept = Distribution::Bernoulli(1.0 - rate);
            return x * Tensor::<B, D>::random(shape, kept, &device) / (1.0 - rate);
        }
        let mask = mask(seed, shape.num_elements(), rate);
        x * Tensor::from_data(TensorData::new(mask, shape), &device)
    }
}

/// `n` factors, each 0 with probability `rate`, else `1 / (1 - rate)`. Two come from each 64 bits of a `SplitMix64` stream:
/// a cryptographic stream would cost more than the layer that it is for.
fn mask(seed: Seed, n: usize, rate: f64) -> Vec<f32> {
    let keep = (1.0 / (1.0 - rate)) as f32;
    let bound = (rate * f64::from(u32::MAX)) as u32;
    let mut state = seed.0;
    let mut values = Vec::with_capacity(n + 1);
    while values.len() < n {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ (z >> 31);
        values.push(if (z as u32) < bound { 0.0 } else { keep });
        values.push(if ((z >> 32) as u32) < bound {
            0.0
        } else {
            keep
        });
    }
    values.truncate(n);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_the_mean_and_drops_its_share() {
        let mask = mask(Seed(7), 100_001, 0.3);
        let n_zero = mask.iter().filter(|&&factor| factor == 0.0).count();
        let mean: f64 = mask.iter().map(|&factor| f64::from(factor)).sum::<f64>() / 100_001.0;
        assert!((n_zero as f64 / 100_001.0 - 0.3).abs() < 0.01);
        assert!((mean - 1.0).abs() < 0.02);
    }

    #[test]
    fn passes_of_one_seed_are_alike_and_masks_of_one_pass_differ() {
        let seeds = |seed| {
            let mut draw = Draw::training(Seed(seed));
            [draw.next_seed(), draw.next_seed()]
        };
        assert_eq!(seeds(1), seeds(1));
        assert_ne!(seeds(1)[0], seeds(1)[1]);
        assert_eq!(Draw::evaluating().next_seed(), None);
    }
}
