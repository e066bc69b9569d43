//! `RealMLP`: a perceptron with the tricks that were found to help over many tables (Holzmüller et al., "Better by Default:
//! Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data", 2024).
//!
//! Inputs are scaled by learned factors; layers are `x W / √n + b`, the parametrisation of neural tangent kernels; behind each
//! stands `z + a (σ(z) - z)` with a learned `a` for each neuron, which begins at 1, and the last layer begins at 0. Learning
//! rates differ by the kind of parameter, and dropout and weight decay fall in the second half of the training: what belongs
//! to other sections of a configuration has the paper's values there.
//!
//! What differs from the paper's `RealMLP-TD`: weights and biases begin as normal numbers, as in its `RealMLP-TD-S`, and
//! are not fitted to the data; two levels are two indicators rather than one of -1 and 1; numbers are not kept within the range
//! of the target; missing numbers have indicators.

use super::mixed::product;
use super::{FlatInput, Init, InputBatch, InputShape};
use crate::Draw;
use automl_core::{Params, TaskKind};
use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// Length of the vector of a category.
const VECTOR_SIZE: usize = 8;

/// What stands between two layers of a [`RealMlp`].
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum RealActivation {
    /// `selu` for classes, `mish` for numbers.
    Auto,
    /// Klambauer et al. (2017).
    Selu,
    /// Misra (2020).
    Mish,
}

/// The shape of a `RealMLP`.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct RealMlpParams {
    /// Hidden layers.
    #[param(default = 3, range = 1..=16, search = 1..=5)]
    pub layers: u32,
    /// Neurons of each hidden layer.
    #[param(default = 256, range = 1..=8192, log, search = 64..=512)]
    pub width: u32,
    /// Share of neurons left out at random in each step.
    #[param(default = 0.15, range = 0.0..=0.9, search = 0.0..=0.5)]
    pub dropout: f64,
    /// What stands between layers: `auto` is `selu` for classes and `mish` for numbers.
    #[param(default = RealActivation::Auto)]
    pub activation: RealActivation,
}

super::param_serde!(RealMlpParams);

impl RealMlpParams {
    /// The label smoothing of classes, where nothing is said.
    pub const LABEL_SMOOTHING: f64 = 0.1;

    /// The same with the activation of a kind of target in the place of `auto`.
    #[must_use]
    pub fn for_task(&self, kind: TaskKind) -> Self {
        let activation = match (self.activation, kind) {
            (RealActivation::Auto, TaskKind::Regression) => RealActivation::Mish,
            (RealActivation::Auto, _) => RealActivation::Selu,
            (said, _) => said,
        };
        Self {
            activation,
            ..self.clone()
        }
    }

    /// The learning rate of the paper.
    pub fn usual_rate(kind: TaskKind) -> f64 {
        if kind == TaskKind::Regression {
            0.2
        } else {
            0.04
        }
    }

    /// What the learning rate is multiplied by for a parameter.
    pub fn rate_of(parameter: &str) -> f64 {
        let own = parameter.rsplit('.').next().unwrap_or_default();
        match own {
            _ if parameter.contains(".waves.") => 0.1,
            "scale" => 6.0,
            "bias" | "mix" => 0.1,
            _ => 1.0,
        }
    }
}

/// One hidden layer.
#[derive(Module, Debug)]
pub struct RealLayer<B: Backend> {
    /// `inputs × outputs`.
    weight: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 1>>,
    /// How much of the activation each neuron has.
    mix: Param<Tensor<B, 1>>,
}

/// The last layer.
#[derive(Module, Debug)]
pub struct RealHead<B: Backend> {
    weight: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 1>>,
}

/// A `RealMLP`.
#[derive(Module, Debug)]
pub struct RealMlp<B: Backend> {
    input: FlatInput<B>,
    /// A factor for each input.
    scale: Param<Tensor<B, 1>>,
    layers: Vec<RealLayer<B>>,
    head: RealHead<B>,
    #[module(skip)]
    activation: RealActivation,
    dropout: f64,
}

impl<B: Backend> RealMlp<B> {
    /// A perceptron with `n_outputs` values a row. Its parameters are those of a task already.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &RealMlpParams,
        shape: &InputShape,
        n_outputs: usize,
    ) -> Self {
        let input = FlatInput::with_vectors(init, shape, VECTOR_SIZE);
        let width = params.width as usize;
        let mut n_inputs = input.n_outputs();
        let scale = init.constant([n_inputs], 1.0);
        let mut layers = Vec::new();
        for _ in 0..params.layers {
            layers.push(RealLayer {
                weight: init.normal([n_inputs, width], 1.0),
                bias: init.normal([width], 1.0),
                mix: init.constant([width], 1.0),
            });
            n_inputs = width;
        }
        Self {
            input,
            scale,
            layers,
            head: RealHead {
                weight: init.constant([width, n_outputs], 0.0),
                bias: init.constant([n_outputs], 0.0),
            },
            activation: params.activation,
            dropout: params.dropout,
        }
    }

    /// `rows × 1 × outputs`.
    pub fn forward(&self, batch: &InputBatch<B>, draw: &mut Draw) -> Tensor<B, 3> {
        let mut x = self.input.forward(batch) * self.scale.val().unsqueeze();
        for layer in &self.layers {
            let z = mapped(x, &layer.weight, &layer.bias);
            let bent = match self.activation {
                RealActivation::Auto | RealActivation::Selu => activation::selu(z.clone()),
                RealActivation::Mish => activation::mish(z.clone()),
            };
            x = z.clone() + (bent - z) * layer.mix.val().unsqueeze();
            x = draw.dropout(x, self.dropout);
        }
        mapped(x, &self.head.weight, &self.head.bias).unsqueeze_dim(1)
    }
}

/// `x W / √n + b` of `n` inputs.
fn mapped<B: Backend>(
    x: Tensor<B, 2>,
    weight: &Param<Tensor<B, 2>>,
    bias: &Param<Tensor<B, 1>>,
) -> Tensor<B, 2> {
    let weight = weight.val();
    let n_inputs = weight.dims()[0].max(1);
    let dtype = weight.dtype();
    product(x, weight, dtype) / (n_inputs as f64).sqrt() + bias.val().unsqueeze()
}
