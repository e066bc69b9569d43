//! Layers of images: convolutions, norms over groups of channels, pooling.
//!
//! Images are `rows × channels × height × width`. No layer looks at other rows of its batch, so norms are over groups of
//! channels of one image (Wu and He, 2018), not over batches.

use super::Init;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::ConvOptions;

/// Groups of channels of a norm at most.
const MAX_GROUPS: usize = 32;

/// A convolution with square kernels and without a bias, which the norm behind it would undo.
#[derive(Module, Debug)]
pub struct Convolution<B: Backend> {
    /// `outputs × inputs × side × side`.
    weight: Param<Tensor<B, 4>>,
    stride: usize,
}

impl<B: Backend> Convolution<B> {
    /// From `n_inputs` channels to `n_outputs`, with a kernel of an odd side; normal numbers after He et al. (2015).
    pub fn new(
        init: &mut Init<'_, B>,
        [n_inputs, n_outputs]: [usize; 2],
        side: usize,
        stride: usize,
    ) -> Self {
        let deviation = (2.0 / (n_inputs * side * side) as f64).sqrt();
        Self {
            weight: init.normal([n_outputs, n_inputs, side, side], deviation),
            stride,
        }
    }

    /// Images of a side that is `stride` times shorter, multiplied in the type of the kernels.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let weight = self.weight.val();
        let before = x.dtype();
        convolve(x.cast(weight.dtype()), weight, self.stride).cast(before)
    }
}

/// The convolution, in the way that the backend does it best.
fn convolve<B: Backend>(x: Tensor<B, 4>, weight: Tensor<B, 4>, stride: usize) -> Tensor<B, 4> {
    #[cfg(feature = "cuda")]
    let (x, weight) = match cuda::convolve(x, weight, stride) {
        Ok(found) => return found,
        Err(not_there) => not_there,
    };
    let padding = weight.dims()[2] / 2;
    let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
    conv2d(x, weight, None, options)
}

/// Convolutions of the backends of NVIDIA GPUs, where tensors are of one of them.
#[cfg(feature = "cuda")]
mod cuda {
    use super::super::columns;
    use super::{Backend, Tensor};
    use std::any::Any;

    pub(super) fn convolve<B: Backend>(
        x: Tensor<B, 4>,
        weight: Tensor<B, 4>,
        stride: usize,
    ) -> Result<Tensor<B, 4>, (Tensor<B, 4>, Tensor<B, 4>)> {
        type Plain = burn_cuda::Cuda;
        let mut pair: Box<dyn Any> = Box::new((x, weight));
        let found: Option<Box<dyn Any>> =
            if let Some((x, weight)) = pair.downcast_mut::<Pair<crate::Cuda>>() {
                let (x, weight) = (x.clone(), weight.clone());
                Some(Box::new(columns::convolve_learning(x, weight, stride)))
            } else if let Some((x, weight)) = pair.downcast_mut::<Pair<Plain>>() {
                Some(Box::new(columns::convolve(
                    x.clone(),
                    weight.clone(),
                    stride,
                )))
            } else {
                None
            };
        match found {
            Some(found) => Ok(*found
                .downcast()
                .expect("it is of the backend of its inputs")),
            None => Err(*pair.downcast().expect("it was made above")),
        }
    }

    type Pair<B> = (Tensor<B, 4>, Tensor<B, 4>);
}

/// Mean and deviation of each group of channels of each image made 0 and 1, then scaled and shifted by channel.
#[derive(Module, Debug)]
pub struct GroupNorm<B: Backend> {
    scale: Param<Tensor<B, 1>>,
    shift: Param<Tensor<B, 1>>,
    n_groups: usize,
}

impl<B: Backend> GroupNorm<B> {
    /// A norm over `n` channels, in as many groups as divide them, 32 at most; `scale` is what it begins with.
    pub fn new(init: &Init<'_, B>, n: usize, scale: f32) -> Self {
        let fits = |groups: &usize| n.is_multiple_of(*groups);
        Self {
            scale: init.constant([n], scale),
            shift: init.constant([n], 0.0),
            // A group of one channel and few pixels would have next to no deviation.
            n_groups: (1..=(n / 2).clamp(1, MAX_GROUPS))
                .rev()
                .find(fits)
                .unwrap_or(1),
        }
    }

    /// The same shape.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        const EPSILON: f64 = 1e-5;
        let [n, channels, height, width] = x.dims();
        let of_group = channels / self.n_groups * height * width;
        let x = x.reshape([n, self.n_groups, of_group]);
        let mean = x.clone().mean_dim(2);
        let centred = x - mean;
        let variance = centred.clone().powi_scalar(2).mean_dim(2);
        let normed = centred / (variance + EPSILON).sqrt();
        let by_channel = |param: &Param<Tensor<B, 1>>| param.val().reshape([1, channels, 1, 1]);
        normed.reshape([n, channels, height, width]) * by_channel(&self.scale)
            + by_channel(&self.shift)
    }
}

/// The greatest of each square of 2 × 2 pixels; images of one pixel along a side stay as they are.
pub(super) fn halve<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let [.., height, width] = x.dims();
    if height < 2 || width < 2 {
        return x;
    }
    max_pool2d(x, [2; 2], [2; 2], [0; 2], [1; 2], false)
}

/// The mean of each channel, `rows × channels`.
pub(super) fn pooled<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 2> {
    let [n, channels, height, width] = x.dims();
    let means = x.reshape([n, channels, height * width]).mean_dim(2);
    means.squeeze_dim(2)
}
