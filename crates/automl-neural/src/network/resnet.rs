//! The residual network for tables of Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data" (2021).
//!
//! Each block adds `W₂ drop(relu(W₁ norm(x)))` to its input. The norm is a layer norm, where the paper has a batch norm:
//! it reads one row at a time, so results do not depend on how batches are cut.

use super::mixed::linear;
use super::{FlatInput, Init, InputBatch, InputShape, Norm};
use crate::Draw;
use automl_core::Params;
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};
use burn_nn::Linear;
use serde::{Deserialize, Serialize};

/// The shape of a residual network.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct ResNetParams {
    /// Blocks.
    #[param(default = 3, range = 1..=32, search = 1..=6)]
    pub blocks: u32,
    /// Features between blocks.
    #[param(default = 192, range = 1..=8192, log, search = 64..=512)]
    pub width: u32,
    /// Features inside a block, as a multiple of those between blocks.
    #[param(default = 2.0, range = 0.25..=8.0, search = 1.0..=4.0)]
    pub expansion: f64,
    /// Share of features inside a block left out at random in each step.
    #[param(default = 0.2, range = 0.0..=0.9, search = 0.0..=0.5)]
    pub dropout: f64,
    /// Share of what a block adds left out at random in each step.
    #[param(default = 0.0, range = 0.0..=0.9)]
    pub residual_dropout: f64,
}

super::param_serde!(ResNetParams);

/// One residual block.
#[derive(Module, Debug)]
pub struct Block<B: Backend> {
    norm: Norm<B>,
    first: Linear<B>,
    second: Linear<B>,
}

/// A residual network.
#[derive(Module, Debug)]
pub struct ResNet<B: Backend> {
    input: FlatInput<B>,
    first: Linear<B>,
    blocks: Vec<Block<B>>,
    norm: Norm<B>,
    head: Linear<B>,
    dropout: f64,
    residual_dropout: f64,
}

impl<B: Backend> ResNet<B> {
    /// A residual network with `n_outputs` values a row.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &ResNetParams,
        shape: &InputShape,
        n_outputs: usize,
    ) -> Self {
        let input = FlatInput::new(init, shape);
        let width = params.width as usize;
        let inner = ((params.width as f64 * params.expansion) as usize).max(1);
        let first = init.linear(input.n_outputs(), width);
        let mut blocks = Vec::new();
        for _ in 0..params.blocks {
            blocks.push(Block {
                norm: Norm::new(init, width),
                first: init.linear(width, inner),
                second: init.linear(inner, width),
            });
        }
        Self {
            input,
            first,
            blocks,
            norm: Norm::new(init, width),
            head: init.linear(width, n_outputs),
            dropout: params.dropout,
            residual_dropout: params.residual_dropout,
        }
    }

    /// `rows × 1 × outputs`.
    pub fn forward(&self, batch: &InputBatch<B>, draw: &mut Draw) -> Tensor<B, 3> {
        let mut x = linear(&self.first, self.input.forward(batch));
        for block in &self.blocks {
            let inner = linear(&block.first, block.norm.forward(x.clone()));
            let inner = draw.dropout(activation::relu(inner), self.dropout);
            x = x + draw.dropout(linear(&block.second, inner), self.residual_dropout);
        }
        let x = activation::relu(self.norm.forward(x));
        linear(&self.head, x).unsqueeze_dim(1)
    }
}
