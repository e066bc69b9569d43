//! Layers whose first numbers come from a seed: linear maps, adapters, activations.

use automl_core::{Params, Seed};
use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData, activation};
use burn_nn::Linear;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// What stands between two linear layers.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `max(0, x)`.
    Relu,
    /// `x Φ(x)` (Hendrycks and Gimpel, 2016).
    Gelu,
    /// `x / (1 + exp(-x))` (Elfwing et al., 2018).
    Silu,
}

impl Activation {
    /// Applies it to each element.
    pub fn apply<B: Backend, const D: usize>(self, x: Tensor<B, D>) -> Tensor<B, D> {
        match self {
            Self::Relu => activation::relu(x),
            Self::Gelu => activation::gelu(x),
            Self::Silu => activation::silu(x),
        }
    }
}

/// Draws the first numbers of a network's parameters, one after another, from one stream.
#[derive(Debug)]
pub struct Init<'d, B: Backend> {
    /// None where parameters are to have shapes only.
    rng: Option<ChaCha8Rng>,
    device: &'d B::Device,
}

impl<'d, B: Backend> Init<'d, B> {
    /// Starts from a seed.
    pub fn new(seed: Seed, device: &'d B::Device) -> Self {
        Self {
            rng: Some(seed.rng()),
            device,
        }
    }

    /// For a network whose parameters are all 0 and take no memory, whatever their shapes: one to be written to.
    pub fn shapes(device: &'d B::Device) -> Self {
        Self { rng: None, device }
    }

    /// Where the parameters live.
    pub fn device(&self) -> &'d B::Device {
        self.device
    }

    /// Numbers spread evenly from `-bound` to `bound`.
    pub fn uniform<const D: usize>(
        &mut self,
        shape: [usize; D],
        bound: f64,
    ) -> Param<Tensor<B, D>> {
        let n = shape.iter().product();
        self.of(shape, |rng| uniforms(rng, n, bound))
    }

    /// The same, but a last row of zeros.
    pub fn uniform_but_last_row(
        &mut self,
        [n_rows, n_columns]: [usize; 2],
        bound: f64,
    ) -> Param<Tensor<B, 2>> {
        self.of([n_rows, n_columns], |rng| {
            let mut values = uniforms(rng, n_rows.saturating_sub(1) * n_columns, bound);
            values.resize(n_rows * n_columns, 0.0);
            values
        })
    }

    /// Normal numbers with mean 0, but a last row of zeros.
    pub fn normal_but_last_row(
        &mut self,
        [n_rows, n_columns]: [usize; 2],
        deviation: f64,
    ) -> Param<Tensor<B, 2>> {
        self.of([n_rows, n_columns], |rng| {
            let mut values = normals(rng, n_rows.saturating_sub(1) * n_columns, deviation);
            values.resize(n_rows * n_columns, 0.0);
            values
        })
    }

    /// Normal numbers with mean 0, by the method of Box and Muller (1958).
    pub fn normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        deviation: f64,
    ) -> Param<Tensor<B, D>> {
        let n = shape.iter().product();
        self.of(shape, |rng| normals(rng, n, deviation))
    }

    /// One number a row and section, `rows × Σ sections`, the same all over a section: 1 or -1, or normal.
    pub fn by_section(
        &mut self,
        n_rows: usize,
        sections: &[usize],
        is_normal: bool,
    ) -> Param<Tensor<B, 2>> {
        let n_columns = sections.iter().sum();
        self.of([n_rows, n_columns], |rng| {
            let n_drawn = n_rows * sections.len();
            let drawn = if is_normal {
                normals(rng, n_drawn, 1.0)
            } else {
                random_signs(rng, n_drawn)
            };
            let mut values = Vec::with_capacity(n_rows * n_columns);
            for (index, value) in drawn.into_iter().enumerate() {
                let length = sections[index % sections.len()];
                values.extend(std::iter::repeat_n(value, length));
            }
            values
        })
    }

    /// Equal rows of numbers spread evenly from `-bound` to `bound`.
    pub fn repeated(&mut self, n_rows: usize, n_columns: usize, bound: f64) -> Param<Tensor<B, 2>> {
        self.of([n_rows, n_columns], |rng| {
            uniforms(rng, n_columns, bound).repeat(n_rows)
        })
    }

    /// The same number everywhere.
    pub fn constant<const D: usize>(&self, shape: [usize; D], value: f32) -> Param<Tensor<B, D>> {
        match &self.rng {
            None => self.shape(shape),
            Some(_) => self.param(shape, vec![value; shape.iter().product()]),
        }
    }

    /// A parameter of these numbers, unless only its shape is wanted.
    fn of<const D: usize>(
        &mut self,
        shape: [usize; D],
        values: impl FnOnce(&mut ChaCha8Rng) -> Vec<f32>,
    ) -> Param<Tensor<B, D>> {
        match &mut self.rng {
            None => self.shape(shape),
            Some(rng) => {
                let values = values(rng);
                self.param(shape, values)
            }
        }
    }

    fn param<const D: usize>(&self, shape: [usize; D], values: Vec<f32>) -> Param<Tensor<B, D>> {
        let data = TensorData::new(values, shape);
        Param::from_tensor(Tensor::from_data(data, self.device))
    }

    /// One 0, seen from everywhere.
    fn shape<const D: usize>(&self, shape: [usize; D]) -> Param<Tensor<B, D>> {
        Param::from_tensor(Tensor::<B, D>::zeros([1; D], self.device).expand(shape))
    }

    /// A linear layer; weight and bias are uniform within `1 / √n_inputs`, as PyTorch draws them.
    pub fn linear(&mut self, n_inputs: usize, n_outputs: usize) -> Linear<B> {
        let bound = 1.0 / (n_inputs.max(1) as f64).sqrt();
        Linear {
            weight: self.uniform([n_inputs, n_outputs], bound),
            bias: Some(self.uniform([n_outputs], bound)),
        }
    }
}

/// Numbers spread evenly from `-bound` to `bound`.
fn uniforms(rng: &mut ChaCha8Rng, n: usize, bound: f64) -> Vec<f32> {
    let draw = || ((rng.random::<f64>() * 2.0 - 1.0) * bound) as f32;
    std::iter::repeat_with(draw).take(n).collect()
}

fn normals(rng: &mut ChaCha8Rng, n: usize, deviation: f64) -> Vec<f32> {
    let mut values: Vec<f32> = Vec::with_capacity(n + 1);
    while values.len() < n {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt() * deviation;
        let angle = std::f64::consts::TAU * rng.random::<f64>();
        values.push((radius * angle.cos()) as f32);
        values.push((radius * angle.sin()) as f32);
    }
    values.truncate(n);
    values
}

fn random_signs(rng: &mut ChaCha8Rng, n: usize) -> Vec<f32> {
    let draw = || if rng.random::<bool>() { 1.0 } else { -1.0 };
    std::iter::repeat_with(draw).take(n).collect()
}

/// The mean and the root of the variance along the last dimension made 0 and 1, then scaled and shifted by what is
/// learned (Ba et al., 2016). It reads one row at a time, so a row's output does not depend on the rest of its batch.
#[derive(Module, Debug)]
pub struct Norm<B: Backend> {
    /// Scale, one a feature.
    scale: Param<Tensor<B, 1>>,
    /// Shift, one a feature.
    shift: Param<Tensor<B, 1>>,
}

impl<B: Backend> Norm<B> {
    /// A norm over `n` features, which changes nothing but mean and variance at first.
    pub fn new(init: &Init<'_, B>, n: usize) -> Self {
        Self {
            scale: init.constant([n], 1.0),
            shift: init.constant([n], 0.0),
        }
    }

    /// Applies it along the last dimension.
    pub fn forward<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        const EPSILON: f64 = 1e-5;
        let mean = x.clone().mean_dim(D - 1);
        let centred = x - mean;
        let variance = centred.clone().powi_scalar(2).mean_dim(D - 1);
        let normed = centred / (variance + EPSILON).sqrt();
        normed * self.scale.val().unsqueeze() + self.shift.val().unsqueeze()
    }
}
