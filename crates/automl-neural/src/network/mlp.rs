//! The multilayer perceptron: linear layers with an activation and dropout between them.
//!
//! With layer norms switched off this is the MLP of Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data"
//! (2021).

use super::mixed::linear;
use super::{Activation, FlatInput, Init, InputBatch, InputShape, Norm};
use crate::Draw;
use automl_core::Params;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use burn_nn::Linear;
use serde::{Deserialize, Serialize};

/// The shape of a multilayer perceptron.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct MlpParams {
    /// Hidden layers.
    #[param(default = 3, range = 1..=16, search = 1..=5)]
    pub layers: u32,
    /// Neurons of each hidden layer.
    #[param(default = 256, range = 1..=8192, log, search = 64..=512)]
    pub width: u32,
    /// Share of neurons left out at random in each step.
    #[param(default = 0.1, range = 0.0..=0.9, search = 0.0..=0.5)]
    pub dropout: f64,
    /// What stands between layers.
    #[param(default = Activation::Relu)]
    pub activation: Activation,
    /// Whether a layer norm follows each hidden layer.
    #[param(default = false)]
    pub norm: bool,
}

super::param_serde!(MlpParams);

/// A multilayer perceptron.
#[derive(Module, Debug)]
pub struct Mlp<B: Backend> {
    input: FlatInput<B>,
    layers: Vec<Linear<B>>,
    norms: Vec<Norm<B>>,
    head: Linear<B>,
    #[module(skip)]
    activation: Activation,
    dropout: f64,
}

impl<B: Backend> Mlp<B> {
    /// A perceptron with `n_outputs` values a row.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &MlpParams,
        shape: &InputShape,
        n_outputs: usize,
    ) -> Self {
        let input = FlatInput::new(init, shape);
        let width = params.width as usize;
        let mut n_inputs = input.n_outputs();
        let mut layers = Vec::new();
        let mut norms = Vec::new();
        for _ in 0..params.layers {
            layers.push(init.linear(n_inputs, width));
            if params.norm {
                norms.push(Norm::new(init, width));
            }
            n_inputs = width;
        }
        Self {
            input,
            layers,
            norms,
            head: init.linear(width, n_outputs),
            activation: params.activation,
            dropout: params.dropout,
        }
    }

    /// `rows × 1 × outputs`.
    pub fn forward(&self, batch: &InputBatch<B>, draw: &mut Draw) -> Tensor<B, 3> {
        let mut x = self.input.forward(batch);
        for (index, layer) in self.layers.iter().enumerate() {
            x = linear(layer, x);
            if let Some(norm) = self.norms.get(index) {
                x = norm.forward(x);
            }
            x = draw.dropout(self.activation.apply(x), self.dropout);
        }
        linear(&self.head, x).unsqueeze_dim(1)
    }
}
