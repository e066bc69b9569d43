//! A block of a transformer encoder with norms before its parts (Vaswani et al., 2017; Xiong et al., 2020).

use super::mixed::{linear, product};
use super::{Init, Norm};
use crate::Draw;
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};
use burn_nn::Linear;

/// One block: every token is mixed with the others of its row, then goes through two layers of its own.
#[derive(Module, Debug)]
pub struct EncoderBlock<B: Backend> {
    attention_norm: Norm<B>,
    query: Linear<B>,
    key: Linear<B>,
    value: Linear<B>,
    output: Linear<B>,
    feed_norm: Norm<B>,
    first: Linear<B>,
    second: Linear<B>,
}

impl<B: Backend> EncoderBlock<B> {
    /// A block for tokens of `size` numbers, with `inner` of them between its last two layers.
    pub fn new(init: &mut Init<'_, B>, size: usize, inner: usize) -> Self {
        Self {
            attention_norm: Norm::new(init, size),
            query: init.linear(size, size),
            key: init.linear(size, size),
            value: init.linear(size, size),
            output: init.linear(size, size),
            feed_norm: Norm::new(init, size),
            first: init.linear(size, inner),
            second: init.linear(inner, size),
        }
    }

    /// `rows × tokens × size`, as it comes. `hidden` is added to what tokens say of each other, `rows × 1 × 1 × tokens`.
    pub fn forward(
        &self,
        x: Tensor<B, 3>,
        hidden: Option<&Tensor<B, 4>>,
        (n_heads, dropout): (usize, f64),
        draw: &mut Draw,
    ) -> Tensor<B, 3> {
        let normed = self.attention_norm.forward(x.clone());
        let attended = self.attend(normed, hidden, n_heads);
        let x = x + draw.dropout(attended, dropout);
        let inner = linear(&self.first, self.feed_norm.forward(x.clone()));
        let inner = draw.dropout(activation::gelu(inner), dropout);
        x + linear(&self.second, inner)
    }

    /// Multi-head attention of each token to all of its row.
    fn attend(
        &self,
        x: Tensor<B, 3>,
        hidden: Option<&Tensor<B, 4>>,
        n_heads: usize,
    ) -> Tensor<B, 3> {
        let [n_rows, n_tokens, size] = x.dims();
        let head_size = size / n_heads;
        let by_head = |x: Tensor<B, 3>| {
            let x = x.reshape([n_rows, n_tokens, n_heads, head_size]);
            x.swap_dims(1, 2)
        };
        let query = by_head(linear(&self.query, x.clone()));
        let key = by_head(linear(&self.key, x.clone()));
        let value = by_head(linear(&self.value, x));
        let dtype = self.query.weight.val().dtype();
        let scores = product(query, key.swap_dims(2, 3), dtype) / (head_size as f64).sqrt();
        let scores = match hidden {
            Some(hidden) => scores + hidden.clone(),
            None => scores,
        };
        let mixed = product(activation::softmax(scores, 3), value, dtype).swap_dims(1, 2);
        linear(&self.output, mixed.reshape([n_rows, n_tokens, size]))
    }
}
