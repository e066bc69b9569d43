//! Numbers as waves: cosines of learned frequencies, mapped to a few numbers beside the number itself.
//!
//! `x ↦ (x, W cos(2π f x + p) + b)` with frequencies, phases, matrix and bias of each column: the embedding that `RealMLP`
//! calls PBLD (Holzmüller et al., 2024), after the periodic embeddings of Gorishniy et al. (2022).

use super::{Init, InputShape};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use std::f64::consts::{PI, TAU};

/// Numbers as vectors of waves.
#[derive(Module, Debug)]
pub struct WaveVectors<B: Backend> {
    /// `n_numbers × waves`.
    frequency: Param<Tensor<B, 2>>,
    /// `n_numbers × waves`.
    phase: Param<Tensor<B, 2>>,
    /// `n_numbers × waves × (size - 1)`.
    weight: Param<Tensor<B, 3>>,
    /// `n_numbers × (size - 1)`.
    bias: Param<Tensor<B, 2>>,
}

impl<B: Backend> WaveVectors<B> {
    pub(super) fn new(init: &mut Init<'_, B>, shape: &InputShape) -> Self {
        let (n, n_waves) = (shape.n_numbers, shape.n_waves);
        let n_mapped = shape.embedding_size - 1;
        let bound = 1.0 / (n_waves as f64).sqrt();
        Self {
            frequency: init.normal([n, n_waves], shape.wave_deviation),
            phase: init.uniform([n, n_waves], PI),
            weight: init.uniform([n, n_waves, n_mapped], bound),
            bias: init.uniform([n, n_mapped], bound),
        }
    }

    /// `rows × n_numbers × size`.
    pub(super) fn forward(&self, numbers: &Tensor<B, 2>) -> Tensor<B, 3> {
        let numbers = numbers.clone().unsqueeze_dim::<3>(2);
        let angle = numbers.clone() * self.frequency.val().unsqueeze() * TAU;
        let waves = (angle + self.phase.val().unsqueeze()).cos();
        let mapped = waves.swap_dims(0, 1).matmul(self.weight.val());
        let mapped = mapped.swap_dims(0, 1) + self.bias.val().unsqueeze();
        Tensor::cat(vec![numbers, mapped], 2)
    }
}
