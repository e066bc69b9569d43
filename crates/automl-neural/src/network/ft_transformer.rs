//! FT-Transformer: a transformer over a token a column (Gorishniy et al., 2021).
//!
//! Blocks are pre-norm: attention, then a feed-forward part with `ReGLU` (Shazeer, 2020); the prediction is read from a
//! token that gathers what the others say.
//!
//! # What differs from the paper
//! - The first block has a norm before its attention, as the others have; the paper leaves that one out.
//! - A token has 64 numbers where nothing is said, the paper's 192.
//! - What a block adds is never dropped out: residual dropout is 0 in the paper's defaults, and a parameter of its search.

use super::mixed::{linear, product};
use super::{Init, InputBatch, InputShape, Norm, NumberEmbedding, TokenInput};
use crate::Draw;
use automl_core::Params;
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};
use burn_nn::Linear;
use serde::{Deserialize, Serialize};

/// The shape of an FT-Transformer.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct FtTransformerParams {
    /// Blocks.
    #[param(default = 3, range = 1..=24, search = 1..=4)]
    pub blocks: u32,
    /// Numbers of a token for each head.
    #[param(default = 8, range = 1..=256)]
    pub head_size: u32,
    /// Heads of attention; a token has this many times `head_size` numbers.
    #[param(default = 8, range = 1..=64)]
    pub heads: u32,
    /// Numbers inside a feed-forward part, as a multiple of those of a token.
    #[param(default = 1.33, range = 0.25..=8.0)]
    pub expansion: f64,
    /// Share of attention weights left out at random in each step.
    #[param(default = 0.2, range = 0.0..=0.9, search = 0.0..=0.5)]
    pub attention_dropout: f64,
    /// Share of numbers inside a feed-forward part left out at random in each step.
    #[param(default = 0.1, range = 0.0..=0.9, search = 0.0..=0.5)]
    pub dropout: f64,
}

super::param_serde!(FtTransformerParams);

/// One block.
#[derive(Module, Debug)]
pub struct FtBlock<B: Backend> {
    attention_norm: Norm<B>,
    query: Linear<B>,
    key: Linear<B>,
    value: Linear<B>,
    output: Linear<B>,
    feed_norm: Norm<B>,
    first: Linear<B>,
    second: Linear<B>,
}

/// A transformer over columns.
#[derive(Module, Debug)]
pub struct FtTransformer<B: Backend> {
    input: TokenInput<B>,
    blocks: Vec<FtBlock<B>>,
    norm: Norm<B>,
    head: Linear<B>,
    n_heads: usize,
    attention_dropout: f64,
    dropout: f64,
}

impl<B: Backend> FtTransformer<B> {
    /// A transformer with `n_outputs` values a row.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &FtTransformerParams,
        shape: &InputShape,
        n_outputs: usize,
    ) -> Self {
        let n_heads = params.heads as usize;
        let size = params.head_size as usize * n_heads;
        let inner = ((size as f64 * params.expansion) as usize).max(1);
        let number_embedding = match shape.number_embedding {
            NumberEmbedding::None => NumberEmbedding::Linear,
            other => other,
        };
        let shape = InputShape {
            embedding_size: size,
            number_embedding,
            ..shape.clone()
        };
        let input = TokenInput::new(init, &shape);
        let mut blocks = Vec::new();
        for _ in 0..params.blocks {
            blocks.push(FtBlock {
                attention_norm: Norm::new(init, size),
                query: init.linear(size, size),
                key: init.linear(size, size),
                value: init.linear(size, size),
                output: init.linear(size, size),
                feed_norm: Norm::new(init, size),
                first: init.linear(size, 2 * inner),
                second: init.linear(inner, size),
            });
        }
        Self {
            input,
            blocks,
            norm: Norm::new(init, size),
            head: init.linear(size, n_outputs),
            n_heads,
            attention_dropout: params.attention_dropout,
            dropout: params.dropout,
        }
    }

    /// `rows × 1 × outputs`.
    pub fn forward(&self, batch: &InputBatch<B>, draw: &mut Draw) -> Tensor<B, 3> {
        let mut x = self.input.forward(batch);
        for block in &self.blocks {
            x = x.clone() + self.attend(block, block.attention_norm.forward(x), draw);
            let inner = linear(&block.first, block.feed_norm.forward(x.clone()));
            let [gate, value] = halves(&inner);
            let inner = draw.dropout(activation::relu(gate) * value, self.dropout);
            x = x + linear(&block.second, inner);
        }
        let [n_rows, _, size] = x.dims();
        let summary = x.slice([0..n_rows, 0..1, 0..size]);
        let summary = activation::relu(self.norm.forward(summary));
        linear(&self.head, summary)
    }

    /// Multi-head attention of each token to all, `rows × tokens × size`.
    fn attend(&self, block: &FtBlock<B>, x: Tensor<B, 3>, draw: &mut Draw) -> Tensor<B, 3> {
        let [n_rows, n_tokens, size] = x.dims();
        let head_size = size / self.n_heads;
        let by_head = |x: Tensor<B, 3>| {
            let x = x.reshape([n_rows, n_tokens, self.n_heads, head_size]);
            x.swap_dims(1, 2)
        };
        let query = by_head(linear(&block.query, x.clone()));
        let key = by_head(linear(&block.key, x.clone()));
        let value = by_head(linear(&block.value, x));
        let dtype = block.query.weight.val().dtype();
        let scores = product(query, key.swap_dims(2, 3), dtype) / (head_size as f64).sqrt();
        let weights = draw.dropout(activation::softmax(scores, 3), self.attention_dropout);
        let mixed = product(weights, value, dtype).swap_dims(1, 2);
        linear(&block.output, mixed.reshape([n_rows, n_tokens, size]))
    }
}

/// The two halves of the last dimension.
fn halves<B: Backend>(x: &Tensor<B, 3>) -> [Tensor<B, 3>; 2] {
    let [n_rows, n_tokens, size] = x.dims();
    let half = |from: usize, to: usize| x.clone().slice([0..n_rows, 0..n_tokens, from..to]);
    [half(0, size / 2), half(size / 2, size)]
}
