//! Products in the precision that a weight has: where a training keeps float32 but multiplies in fewer bits.
//!
//! A pass in mixed precision is one of a network whose matrices were cast (see [`Layout::cast`](super::Layout::cast)):
//! what they are multiplied with is cast to their type here, and products back to float32. Norms, softmax, losses, biases
//! and whatever else is no product see float32 alone. Gradients go the same way back, so parameters of float32 have
//! gradients of float32.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, module};
use burn_nn::Linear;

/// `x W + b`, multiplied in the type of `W`.
pub fn linear<B: Backend, const D: usize>(layer: &Linear<B>, x: Tensor<B, D>) -> Tensor<B, D> {
    let weight = layer.weight.val();
    if weight.dtype() == x.dtype() {
        return layer.forward(x);
    }
    let product = module::linear(x.cast(weight.dtype()), weight, None).cast(DType::F32);
    match &layer.bias {
        Some(bias) => product + bias.val().unsqueeze(),
        None => product,
    }
}

/// `a b`, multiplied in a type.
pub fn product<B: Backend, const D: usize>(
    a: Tensor<B, D>,
    b: Tensor<B, D>,
    dtype: DType,
) -> Tensor<B, D> {
    let before = a.dtype();
    if before == dtype && b.dtype() == dtype {
        return a.matmul(b);
    }
    a.cast(dtype).matmul(b.cast(dtype)).cast(before)
}
