//! ResNet-18 (He et al., 2016): four stages of two residual blocks each.
//!
//! Norms are over groups of channels, where the paper has batch norms: no layer looks at other rows of its batch. Images
//! of at most 64 pixels along a side begin with a 3 × 3 convolution, as is usual for CIFAR; larger ones with the paper's
//! 7 × 7 and its pooling. The last norm of each block begins at 0, so that blocks begin as their shortcuts (Goyal et al.,
//! 2017).

use super::convolution::{Convolution, GroupNorm, pooled};
use super::mixed::linear;
use super::{ImageShape, Init};
use crate::Draw;
use automl_core::Params;
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::module::max_pool2d;
use burn::tensor::{Tensor, activation};
use burn_nn::Linear;
use serde::{Deserialize, Serialize};

/// Sides up to this many pixels are small.
const SMALL_SIDE: usize = 64;
/// Residual blocks of each of the four stages.
const BLOCKS: usize = 2;

/// The shape of a ResNet-18.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct ResNet18Params {
    /// Channels of the first stage; each of the three others has twice as many as the one before. The paper has 64.
    #[param(default = 64, range = 1..=256, log)]
    pub channels: u32,
    /// Share of what the last stage found that is left out at random in each step.
    #[param(default = 0.0, range = 0.0..=0.9)]
    pub dropout: f64,
}

super::param_serde!(ResNet18Params);

impl ResNet18Params {
    /// Pixels that an image has behind the stem (`block` none) or a block.
    pub(super) fn area(block: Option<usize>, shape: &ImageShape) -> usize {
        let is_small = shape.height.max(shape.width) <= SMALL_SIDE;
        let after =
            |side: usize, n_halvings: usize| (0..n_halvings).fold(side, |side, _| side.div_ceil(2));
        let n_halvings = match (block, is_small) {
            (None, true) => 0,
            (None, false) => 1,
            (Some(block), true) => block / BLOCKS,
            (Some(block), false) => 2 + block / BLOCKS,
        };
        after(shape.height, n_halvings) * after(shape.width, n_halvings)
    }
}

/// What stands beside a block that changes side or channels.
#[derive(Module, Debug)]
pub struct Shortcut<B: Backend> {
    convolution: Convolution<B>,
    norm: GroupNorm<B>,
}

/// A residual block.
#[derive(Module, Debug)]
pub struct ResidualBlock<B: Backend> {
    first: Convolution<B>,
    first_norm: GroupNorm<B>,
    second: Convolution<B>,
    second_norm: GroupNorm<B>,
    shortcut: Option<Shortcut<B>>,
}

impl<B: Backend> ResidualBlock<B> {
    fn new(init: &mut Init<'_, B>, [n_inputs, n_outputs]: [usize; 2], stride: usize) -> Self {
        let changes = n_inputs != n_outputs || stride != 1;
        Self {
            first: Convolution::new(init, [n_inputs, n_outputs], 3, stride),
            first_norm: GroupNorm::new(init, n_outputs, 1.0),
            second: Convolution::new(init, [n_outputs, n_outputs], 3, 1),
            second_norm: GroupNorm::new(init, n_outputs, 0.0),
            shortcut: changes.then(|| Shortcut {
                convolution: Convolution::new(init, [n_inputs, n_outputs], 1, stride),
                norm: GroupNorm::new(init, n_outputs, 1.0),
            }),
        }
    }

    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let inner = activation::relu(self.first_norm.forward(self.first.forward(x.clone())));
        let inner = self.second_norm.forward(self.second.forward(inner));
        let beside = match &self.shortcut {
            None => x,
            Some(shortcut) => shortcut.norm.forward(shortcut.convolution.forward(x)),
        };
        activation::relu(inner + beside)
    }
}

/// A ResNet-18.
#[derive(Module, Debug)]
pub struct ResNet18<B: Backend> {
    stem: Convolution<B>,
    stem_norm: GroupNorm<B>,
    blocks: Vec<ResidualBlock<B>>,
    head: Linear<B>,
    is_small: bool,
    dropout: f64,
}

impl<B: Backend> ResNet18<B> {
    /// A network with `n_outputs` values an image.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &ResNet18Params,
        shape: &ImageShape,
        n_outputs: usize,
    ) -> Self {
        let is_small = shape.height.max(shape.width) <= SMALL_SIDE;
        let first = params.channels as usize;
        let (side, stride) = if is_small { (3, 1) } else { (7, 2) };
        let stem = Convolution::new(init, [shape.channels, first], side, stride);
        let stem_norm = GroupNorm::new(init, first, 1.0);
        let mut n_inputs = first;
        let mut blocks = Vec::new();
        for stage in 0..4 {
            let channels = first << stage;
            for block in 0..BLOCKS {
                let stride = if block == 0 && stage > 0 { 2 } else { 1 };
                blocks.push(ResidualBlock::new(init, [n_inputs, channels], stride));
                n_inputs = channels;
            }
        }
        Self {
            stem,
            stem_norm,
            blocks,
            head: init.linear(n_inputs, n_outputs),
            is_small,
            dropout: params.dropout,
        }
    }

    /// `rows × outputs`.
    pub fn forward(&self, x: Tensor<B, 4>, draw: &mut Draw) -> Tensor<B, 2> {
        let mut x = activation::relu(self.stem_norm.forward(self.stem.forward(x)));
        if !self.is_small {
            x = max_pool2d(x, [3; 2], [2; 2], [1; 2], [1; 2], false);
        }
        for block in &self.blocks {
            x = block.forward(x);
        }
        let found = draw.dropout(pooled(x), self.dropout);
        linear(&self.head, found)
    }
}
