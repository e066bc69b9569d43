//! A small convolutional network: stages of two convolutions, each stage with half the side and twice the channels.

use super::convolution::{Convolution, GroupNorm, halve, pooled};
use super::mixed::linear;
use super::{ImageShape, Init};
use crate::Draw;
use automl_core::Params;
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};
use burn_nn::Linear;
use serde::{Deserialize, Serialize};

/// The shape of a small convolutional network.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct CnnParams {
    /// Channels of the first stage; each further one has twice as many.
    #[param(default = 32, range = 1..=512, log)]
    pub channels: u32,
    /// Stages; images have half the side after each but the last.
    #[param(default = 3, range = 1..=6)]
    pub stages: u32,
    /// Share of what the last stage found that is left out at random in each step.
    #[param(default = 0.2, range = 0.0..=0.9)]
    pub dropout: f64,
}

super::param_serde!(CnnParams);

impl CnnParams {
    /// Channels of a stage.
    fn channels_of(&self, stage: u32) -> usize {
        (self.channels as usize) << stage
    }

    /// Pixels that an image has in a stage.
    pub(super) fn area(stage: usize, shape: &ImageShape) -> usize {
        let half = |side: usize| (side >> stage).max(1);
        half(shape.height) * half(shape.width)
    }
}

/// Two convolutions with their norms.
#[derive(Module, Debug)]
pub struct CnnStage<B: Backend> {
    first: Convolution<B>,
    first_norm: GroupNorm<B>,
    second: Convolution<B>,
    second_norm: GroupNorm<B>,
}

/// A small convolutional network.
#[derive(Module, Debug)]
pub struct Cnn<B: Backend> {
    stages: Vec<CnnStage<B>>,
    head: Linear<B>,
    dropout: f64,
}

impl<B: Backend> Cnn<B> {
    /// A network with `n_outputs` values an image.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &CnnParams,
        shape: &ImageShape,
        n_outputs: usize,
    ) -> Self {
        let mut n_inputs = shape.channels;
        let mut stages = Vec::new();
        for stage in 0..params.stages {
            let channels = params.channels_of(stage);
            stages.push(CnnStage {
                first: Convolution::new(init, [n_inputs, channels], 3, 1),
                first_norm: GroupNorm::new(init, channels, 1.0),
                second: Convolution::new(init, [channels, channels], 3, 1),
                second_norm: GroupNorm::new(init, channels, 1.0),
            });
            n_inputs = channels;
        }
        Self {
            stages,
            head: init.linear(n_inputs, n_outputs),
            dropout: params.dropout,
        }
    }

    /// `rows × outputs`.
    pub fn forward(&self, mut x: Tensor<B, 4>, draw: &mut Draw) -> Tensor<B, 2> {
        for (position, stage) in self.stages.iter().enumerate() {
            if position > 0 {
                x = halve(x);
            }
            x = activation::relu(stage.first_norm.forward(stage.first.forward(x)));
            x = activation::relu(stage.second_norm.forward(stage.second.forward(x)));
        }
        let found = draw.dropout(pooled(x), self.dropout);
        linear(&self.head, found)
    }
}
