//! TabM: many perceptrons that share their weights, in one network (Gorishniy et al., "TabM: Advancing Tabular Deep
//! Learning with Parameter-Efficient Ensembling", ICLR 2025).
//!
//! Member `m` of a layer computes `((x ∘ r_m) W) ∘ s_m + b_m`: the matrix is shared, scales and bias are its own, after
//! `BatchEnsemble` (Wen et al., 2020). All scales start at 1 but for the first, which are random signs, or normal
//! numbers where numbers are embedded, one a column and member, so that members begin apart. The mini variant has the first scale only. Every member has a head of its own and is trained by a loss of
//! its own; predictions are the mean over members.

use super::mixed::product;
use super::{Activation, FlatInput, Init, InputBatch, InputShape};
use crate::Draw;
use automl_core::Params;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

/// What members of a TabM have of their own.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensembling {
    /// Scales and biases in every layer.
    Full,
    /// The scale of the input and the head.
    Mini,
}

/// The shape of a TabM.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct TabMParams {
    /// Members.
    #[param(default = 32, range = 1..=256, log)]
    pub members: u32,
    /// Hidden layers.
    #[param(default = 2, range = 1..=16, search = 1..=4)]
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
    /// What members have of their own.
    #[param(default = Ensembling::Full)]
    pub ensembling: Ensembling,
}

super::param_serde!(TabMParams);

/// A layer whose matrix all members share.
#[derive(Module, Debug)]
pub struct SharedLinear<B: Backend> {
    /// `inputs × outputs`.
    weight: Param<Tensor<B, 2>>,
    /// Scales of inputs, `members × inputs`.
    input_scale: Option<Param<Tensor<B, 2>>>,
    /// Scales of outputs, `members × outputs`.
    output_scale: Option<Param<Tensor<B, 2>>>,
    /// `members × outputs`, or `1 × outputs` if it is shared.
    bias: Param<Tensor<B, 2>>,
}

impl<B: Backend> SharedLinear<B> {
    /// `rows × members × inputs` to `rows × members × outputs`.
    fn forward(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let x = match &self.input_scale {
            Some(scale) => x * scale.val().unsqueeze(),
            None => x,
        };
        let [n_rows, n_members, n_inputs] = x.dims();
        let weight = self.weight.val();
        let n_outputs = weight.dims()[1];
        let dtype = weight.dtype();
        let x = product(x.reshape([n_rows * n_members, n_inputs]), weight, dtype);
        let x = x.reshape([n_rows, n_members, n_outputs]);
        let x = match &self.output_scale {
            Some(scale) => x * scale.val().unsqueeze(),
            None => x,
        };
        x + self.bias.val().unsqueeze()
    }
}

/// Many perceptrons that share their weights.
#[derive(Module, Debug)]
pub struct TabM<B: Backend> {
    input: FlatInput<B>,
    layers: Vec<SharedLinear<B>>,
    /// Heads, `members × width × outputs`.
    head: Param<Tensor<B, 3>>,
    /// `1 × members × outputs`.
    head_bias: Param<Tensor<B, 3>>,
    n_members: usize,
    #[module(skip)]
    activation: Activation,
    dropout: f64,
}

impl<B: Backend> TabM<B> {
    /// A TabM with `n_outputs` values a row and member.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &TabMParams,
        shape: &InputShape,
        n_outputs: usize,
    ) -> Self {
        let input = FlatInput::new(init, shape);
        let (n_members, width) = (params.members as usize, params.width as usize);
        let is_full = params.ensembling == Ensembling::Full;
        let mut n_inputs = input.n_outputs();
        let mut layers = Vec::new();
        for index in 0..params.layers {
            let bound = 1.0 / (n_inputs.max(1) as f64).sqrt();
            let is_embedded = shape.number_embedding != super::NumberEmbedding::None;
            let input_scale = match index {
                0 => Some(init.by_section(n_members, &input.sections(), is_embedded)),
                _ if is_full => Some(init.constant([n_members, n_inputs], 1.0)),
                _ => None,
            };
            // Members begin with the same bias; what they differ in at first is their input.
            let n_biases = if is_full { n_members } else { 1 };
            layers.push(SharedLinear {
                weight: init.uniform([n_inputs, width], bound),
                input_scale,
                output_scale: is_full.then(|| init.constant([n_members, width], 1.0)),
                bias: init.repeated(n_biases, width, bound),
            });
            n_inputs = width;
        }
        let bound = 1.0 / (width as f64).sqrt();
        Self {
            input,
            layers,
            head: init.uniform([n_members, width, n_outputs], bound),
            head_bias: init.uniform([1, n_members, n_outputs], bound),
            n_members,
            activation: params.activation,
            dropout: params.dropout,
        }
    }

    /// `rows × members × outputs`.
    pub fn forward(&self, batch: &InputBatch<B>, draw: &mut Draw) -> Tensor<B, 3> {
        let x = self.input.forward(batch);
        // Repeated rather than broadcast: kernels are quick where what they change lies in one piece.
        let mut x = x.unsqueeze_dim::<3>(1).repeat_dim(1, self.n_members);
        for layer in &self.layers {
            x = self.activation.apply(layer.forward(x));
            x = draw.dropout(x, self.dropout);
        }
        let x = x.swap_dims(0, 1).matmul(self.head.val());
        x.swap_dims(0, 1) + self.head_bias.val()
    }
}
