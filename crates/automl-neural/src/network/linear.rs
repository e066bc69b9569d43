//! A linear model: one layer.

use super::mixed::linear;
use super::{FlatInput, Init, InputBatch, InputShape};
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn_nn::Linear;

/// `y = x W + b` over the flat input.
#[derive(Module, Debug)]
pub struct LinearNet<B: Backend> {
    input: FlatInput<B>,
    head: Linear<B>,
}

impl<B: Backend> LinearNet<B> {
    /// A linear model with `n_outputs` values a row.
    pub fn new(init: &mut Init<'_, B>, shape: &InputShape, n_outputs: usize) -> Self {
        let input = FlatInput::new(init, shape);
        let head = init.linear(input.n_outputs(), n_outputs);
        Self { input, head }
    }

    /// `rows × 1 × outputs`.
    pub fn forward(&self, batch: &InputBatch<B>) -> Tensor<B, 3> {
        let x = self.input.forward(batch);
        linear(&self.head, x).unsqueeze_dim(1)
    }
}
