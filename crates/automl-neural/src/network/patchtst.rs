//! `PatchTST`: pieces of a window as the tokens of a transformer encoder (Nie et al., "A Time Series is Worth 64 Words",
//! 2023).
//!
//! # What differs from the paper
//! - Norms are over the numbers of a token, where the paper has batch norms: no layer looks at other rows.
//! - They stand before attention and feed-forward parts, the paper's behind what these add.
//! - Scores of attention are not added to those of the next block (residual attention), where the paper's code adds them.
//! - One more norm stands before the head, where pre-norm blocks need it.

use super::attention::EncoderBlock;
use super::mixed::linear;
use super::{Init, Norm};
use crate::Draw;
use automl_core::Params;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn_nn::Linear;
use serde::{Deserialize, Serialize};

/// The shape of a `PatchTST`.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct PatchTstParams {
    /// Values of a patch; no more than the lookback.
    #[param(default = 16, range = 1..=4096)]
    pub patch: u32,
    /// Values from the start of one patch to that of the next.
    #[param(default = 8, range = 1..=4096)]
    pub stride: u32,
    /// Blocks.
    #[param(default = 3, range = 1..=24)]
    pub blocks: u32,
    /// Heads of attention; a patch has this many times `head_size` numbers.
    #[param(default = 4, range = 1..=64)]
    pub heads: u32,
    /// Numbers of a patch for each head.
    #[param(default = 4, range = 1..=256)]
    pub head_size: u32,
    /// Numbers inside a feed-forward part, as a multiple of those of a patch.
    #[param(default = 8.0, range = 0.25..=16.0)]
    pub expansion: f64,
    /// Share of numbers left out at random in each step.
    #[param(default = 0.3, range = 0.0..=0.9)]
    pub dropout: f64,
    /// Whether each window is scaled to mean 0 and deviation 1, and what is forecast back.
    #[param(default = true)]
    pub instance_norm: bool,
}

super::param_serde!(PatchTstParams);

impl PatchTstParams {
    /// Numbers of a patch inside the network.
    pub(super) fn size(&self) -> usize {
        self.heads as usize * self.head_size as usize
    }

    /// Patches of a window, the last of which ends behind it, by no more than `stride` values.
    pub(super) fn n_patches(&self, lookback: usize) -> usize {
        let (patch, stride) = (self.patch_of(lookback), self.stride as usize);
        (lookback - patch) / stride + 2
    }

    /// Values of a patch in windows of this length.
    pub(super) fn patch_of(&self, lookback: usize) -> usize {
        (self.patch as usize).min(lookback)
    }
}

/// A transformer over patches.
#[derive(Module, Debug)]
pub struct PatchTst<B: Backend> {
    embed: Linear<B>,
    /// A vector for each place of a patch, `patches × size`.
    places: Param<Tensor<B, 2>>,
    blocks: Vec<EncoderBlock<B>>,
    norm: Norm<B>,
    head: Linear<B>,
    patch: usize,
    stride: usize,
    n_heads: usize,
    dropout: f64,
}

impl<B: Backend> PatchTst<B> {
    /// A network of `lookback` values and the `horizon` values that follow.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &PatchTstParams,
        [lookback, horizon]: [usize; 2],
    ) -> Self {
        let (size, n_patches) = (params.size(), params.n_patches(lookback));
        let patch = params.patch_of(lookback);
        let inner = ((size as f64 * params.expansion) as usize).max(1);
        let embed = init.linear(patch, size);
        let places = init.normal([n_patches, size], 0.02);
        let block = |_| EncoderBlock::new(init, size, inner);
        let blocks = (0..params.blocks).map(block).collect();
        Self {
            embed,
            places,
            blocks,
            norm: Norm::new(init, size),
            head: init.linear(n_patches * size, horizon),
            patch,
            stride: params.stride as usize,
            n_heads: params.heads as usize,
            dropout: params.dropout,
        }
    }

    /// `samples × horizon` of `samples × lookback`.
    pub fn forward(&self, x: Tensor<B, 2>, draw: &mut Draw) -> Tensor<B, 2> {
        let [n_rows, lookback] = x.dims();
        let [n_patches, size] = self.places.val().dims();
        // The last value is repeated, so that the last patch ends behind the window, as in the paper.
        let last = x.clone().slice([0..n_rows, lookback - 1..lookback]);
        let padded = Tensor::cat(vec![x, last.repeat_dim(1, self.stride)], 1);
        let patch = |index: usize| {
            let start = index * self.stride;
            let part = padded.clone().slice([0..n_rows, start..start + self.patch]);
            part.unsqueeze_dim::<3>(1)
        };
        let patches = Tensor::cat((0..n_patches).map(patch).collect(), 1);
        let x = linear(&self.embed, patches) + self.places.val().unsqueeze();
        let mut x = draw.dropout(x, self.dropout);
        for block in &self.blocks {
            x = block.forward(x, None, (self.n_heads, self.dropout), draw);
        }
        let flat = self.norm.forward(x).reshape([n_rows, n_patches * size]);
        linear(&self.head, draw.dropout(flat, self.dropout))
    }
}
