//! A classifier of texts: embedded tokens and places, a transformer encoder, and the mean over the tokens of a text.
//!
//! Texts of one batch are filled up to one length; what fills them is neither attended to nor in the mean.

use super::mixed::linear;
use super::{Init, LayerSummary, Layout, Norm, attention::EncoderBlock, summary::summary_of};
use crate::Draw;
use automl_core::Params;
use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::module::embedding;
use burn::tensor::{Int, Tensor};
use burn_nn::Linear;
use serde::{Deserialize, Serialize};

/// What is taken from the score of a token that only fills up.
const NEVER: f64 = 1e9;

/// The shape of a transformer of texts.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct TextTransformerParams {
    /// Blocks.
    #[param(default = 2, range = 1..=24)]
    pub blocks: u32,
    /// Heads of attention; a token has this many times `head_size` numbers.
    #[param(default = 4, range = 1..=64)]
    pub heads: u32,
    /// Numbers of a token for each head.
    #[param(default = 24, range = 1..=256)]
    pub head_size: u32,
    /// Numbers inside a feed-forward part, as a multiple of those of a token.
    #[param(default = 2.0, range = 0.25..=8.0)]
    pub expansion: f64,
    /// Share of numbers left out at random in each step: of embedded tokens, inside blocks, before the head.
    #[param(default = 0.2, range = 0.0..=0.9)]
    pub dropout: f64,
}

super::param_serde!(TextTransformerParams);

impl TextTransformerParams {
    fn size(&self) -> usize {
        self.heads as usize * self.head_size as usize
    }

    /// The layers of such a network, with the work of a text of `length` tokens.
    pub fn summary(&self, layout: &Layout, length: usize) -> Vec<LayerSummary> {
        let mut layers = summary_of(layout, &|name, _| {
            if name == "head" { 1 } else { length as u64 }
        });
        let size = self.size() as u64;
        for layer in &mut layers {
            // Each token is compared with each, and their values are mixed.
            if layer.name.ends_with("query") {
                layer.flops += 4 * (length * length) as u64 * size;
            }
            // Vectors are looked up; those of places are added.
            if layer.name.is_empty() {
                "embedding".clone_into(&mut layer.name);
                layer.flops = length as u64 * size;
            }
        }
        layers
    }
}

/// A transformer of texts.
#[derive(Module, Debug)]
pub struct TextTransformer<B: Backend> {
    /// A vector for each token, `tokens × size`.
    vectors: Param<Tensor<B, 2>>,
    /// A vector for each place in a text, `length × size`.
    places: Param<Tensor<B, 2>>,
    blocks: Vec<EncoderBlock<B>>,
    norm: Norm<B>,
    head: Linear<B>,
    n_heads: usize,
    dropout: f64,
}

/// Texts as tensors.
#[derive(Debug, Clone)]
pub struct TextBatch<B: Backend> {
    /// `rows × longest`.
    pub tokens: Tensor<B, 2, Int>,
    /// 1 for a token, 0 for what fills up, `rows × longest`.
    pub mask: Tensor<B, 2>,
}

impl<B: Backend> TextTransformer<B> {
    /// A transformer over `n_tokens` different tokens, texts of `length` of them at most, with `n_outputs` values a text.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &TextTransformerParams,
        [n_tokens, length]: [usize; 2],
        n_outputs: usize,
    ) -> Self {
        let size = params.size();
        let inner = ((size as f64 * params.expansion) as usize).max(1);
        let deviation = 1.0 / (size as f64).sqrt();
        let vectors = init.normal([n_tokens, size], deviation);
        let places = init.normal([length, size], deviation / 4.0);
        let mut blocks = Vec::new();
        for _ in 0..params.blocks {
            blocks.push(EncoderBlock::new(init, size, inner));
        }
        Self {
            vectors,
            places,
            blocks,
            norm: Norm::new(init, size),
            head: init.linear(size, n_outputs),
            n_heads: params.heads as usize,
            dropout: params.dropout,
        }
    }

    /// Heads of attention.
    pub fn n_heads(&self) -> usize {
        self.n_heads
    }

    /// `rows × outputs`.
    pub fn forward(&self, batch: &TextBatch<B>, draw: &mut Draw) -> Tensor<B, 2> {
        let [n_rows, longest] = batch.tokens.dims();
        let size = self.vectors.val().dims()[1];
        let places = self.places.val().slice([0..longest, 0..size]);
        let x = embedding(self.vectors.val(), batch.tokens.clone());
        let mut x = draw.dropout(x + places.unsqueeze(), self.dropout);
        let hidden = (batch.mask.clone() - 1.0) * NEVER;
        let hidden: Tensor<B, 4> = hidden.reshape([n_rows, 1, 1, longest]);
        for block in &self.blocks {
            x = block.forward(x, Some(&hidden), (self.n_heads, self.dropout), draw);
        }
        let mask = batch.mask.clone().unsqueeze_dim::<3>(2);
        let n_tokens = mask.clone().sum_dim(1);
        let mean = (self.norm.forward(x) * mask).sum_dim(1) / n_tokens;
        let mean = draw.dropout(mean.squeeze_dim::<2>(1), self.dropout);
        linear(&self.head, mean)
    }
}
