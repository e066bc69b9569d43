//! The first layer of tabular networks: numbers and categories become the features of a network.

use super::layers::Init;
use super::mixed::linear;
use super::waves::WaveVectors;
use automl_core::Params;
use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};
use burn_nn::Linear;

/// How a number enters a network.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberEmbedding {
    /// As itself.
    None,
    /// As a learned linear map of it, one a column.
    Linear,
    /// As a learned map of its place among the quantiles of the column (Gorishniy et al., 2022).
    PiecewiseLinear,
    /// As itself and a learned map of waves of it, one a column (Holzmüller et al., 2024).
    Periodic,
}

/// What an input layer must know of the encoded columns.
#[derive(Debug, Clone, PartialEq)]
pub struct InputShape {
    /// Number columns.
    pub n_numbers: usize,
    /// Columns that are 0 or 1: indicators of levels and of missing numbers.
    pub n_flags: usize,
    /// Rows of the table of vectors of each embedded category: its levels and one for what is unknown.
    pub n_levels: Vec<usize>,
    /// Pieces of each piecewise-linear number; 0 where numbers are not cut.
    pub n_pieces: usize,
    /// How numbers enter.
    pub number_embedding: NumberEmbedding,
    /// Length of a number's vector.
    pub embedding_size: usize,
    /// Waves of each periodic number.
    pub n_waves: usize,
    /// Deviation of the frequencies that they begin with.
    pub wave_deviation: f64,
}

/// Encoded rows as tensors.
#[derive(Debug, Clone)]
pub struct InputBatch<B: Backend> {
    /// How many rows there are.
    pub n_rows: usize,
    /// `rows × n_numbers`, if there are any: not every device holds a tensor of nothing.
    pub numbers: Option<Tensor<B, 2>>,
    /// `n_numbers × rows × n_pieces`, if numbers are cut.
    pub pieces: Option<Tensor<B, 3>>,
    /// `rows × n_flags`, if there are any.
    pub flags: Option<Tensor<B, 2>>,
    /// A row number of its table for each category, `rows × 1` each.
    pub categories: Vec<Tensor<B, 2, Int>>,
}

/// Numbers as vectors: `x w + b`, and for piecewise-linear numbers the pieces mapped too.
///
/// The piecewise part starts at zero, so that a network begins as one over plain numbers (version B of the embeddings of
/// Gorishniy et al., 2022, as TabM uses them).
#[derive(Module, Debug)]
pub struct NumberVectors<B: Backend> {
    /// `n_numbers × size`.
    slope: Param<Tensor<B, 2>>,
    /// `n_numbers × size`.
    bias: Param<Tensor<B, 2>>,
    /// `n_numbers × n_pieces × size`.
    pieces: Option<Param<Tensor<B, 3>>>,
}

impl<B: Backend> NumberVectors<B> {
    fn new(init: &mut Init<'_, B>, shape: &InputShape) -> Self {
        let (n, size) = (shape.n_numbers, shape.embedding_size);
        let bound = 1.0 / (size as f64).sqrt();
        let is_cut = shape.number_embedding == NumberEmbedding::PiecewiseLinear;
        Self {
            slope: init.uniform([n, size], bound),
            bias: init.uniform([n, size], bound),
            pieces: is_cut.then(|| init.constant([n, shape.n_pieces, size], 0.0)),
        }
    }

    /// `rows × n_numbers × size`.
    fn forward(&self, numbers: &Tensor<B, 2>, pieces: Option<&Tensor<B, 3>>) -> Tensor<B, 3> {
        let numbers = numbers.clone().unsqueeze_dim::<3>(2);
        let linear = numbers * self.slope.val().unsqueeze() + self.bias.val().unsqueeze();
        match (&self.pieces, pieces) {
            (Some(weight), Some(pieces)) => {
                let mapped = pieces.clone().matmul(weight.val());
                linear + mapped.swap_dims(0, 1)
            }
            _ => linear,
        }
    }
}

/// A vector for each level of a category.
#[derive(Module, Debug)]
pub struct LevelVectors<B: Backend> {
    /// `levels × size`.
    vectors: Param<Tensor<B, 2>>,
}

impl<B: Backend> LevelVectors<B> {
    fn new(init: &mut Init<'_, B>, n_levels: usize, size: usize) -> Self {
        let bound = 1.0 / (size as f64).sqrt();
        // Levels that training did not have, the last row stands for them, say nothing.
        Self {
            vectors: init.uniform_but_last_row([n_levels, size], bound),
        }
    }

    /// `rows × size`.
    fn forward(&self, codes: Tensor<B, 2, Int>) -> Tensor<B, 2> {
        let vectors = burn::tensor::module::embedding(self.vectors.val(), codes);
        vectors.squeeze_dim(1)
    }
}

/// All columns side by side as one vector a row, for networks that read flat vectors.
#[derive(Module, Debug)]
pub struct FlatInput<B: Backend> {
    numbers: Option<NumberVectors<B>>,
    waves: Option<WaveVectors<B>>,
    categories: Vec<LevelVectors<B>>,
    /// Lengths of the vectors of columns and flags, one after another.
    sections: Vec<usize>,
}

/// Length of the vector of a category with so many levels, as fastai chooses it.
fn vector_size(n_levels: usize) -> usize {
    let size = (1.6 * (n_levels as f64).powf(0.56)).round() as usize;
    size.clamp(2, 64)
}

impl<B: Backend> FlatInput<B> {
    /// The input layer of columns of this shape.
    pub fn new(init: &mut Init<'_, B>, shape: &InputShape) -> Self {
        let vectors = |init: &mut Init<'_, B>, n_levels| {
            LevelVectors::new(init, n_levels, vector_size(n_levels))
        };
        Self::of(init, shape, vectors)
    }

    /// The same with vectors of categories that all have one length, and begin as normal numbers.
    pub fn with_vectors(init: &mut Init<'_, B>, shape: &InputShape, size: usize) -> Self {
        let vectors = |init: &mut Init<'_, B>, n_levels| LevelVectors {
            vectors: init.normal_but_last_row([n_levels, size], 1.0),
        };
        Self::of(init, shape, vectors)
    }

    fn of(
        init: &mut Init<'_, B>,
        shape: &InputShape,
        level_vectors: impl Fn(&mut Init<'_, B>, usize) -> LevelVectors<B>,
    ) -> Self {
        let is_embedded = shape.number_embedding != NumberEmbedding::None && shape.n_numbers > 0;
        let has_waves = is_embedded && shape.number_embedding == NumberEmbedding::Periodic;
        let numbers = (is_embedded && !has_waves).then(|| NumberVectors::new(init, shape));
        let waves = has_waves.then(|| WaveVectors::new(init, shape));
        let size = if is_embedded { shape.embedding_size } else { 1 };
        let mut sections = vec![size; shape.n_numbers];
        sections.resize(shape.n_numbers + shape.n_flags, 1);
        let mut categories = Vec::with_capacity(shape.n_levels.len());
        for &n_levels in &shape.n_levels {
            let vectors = level_vectors(init, n_levels);
            sections.push(vectors.vectors.val().dims()[1]);
            categories.push(vectors);
        }
        Self {
            numbers,
            waves,
            categories,
            sections,
        }
    }

    /// Length of the vector of a row.
    pub fn n_outputs(&self) -> usize {
        self.sections.iter().sum()
    }

    /// How long the part of each column or flag is in it.
    pub fn sections(&self) -> Vec<usize> {
        self.sections.clone()
    }

    /// `rows × n_outputs`.
    pub fn forward(&self, batch: &InputBatch<B>) -> Tensor<B, 2> {
        let mut parts = Vec::with_capacity(2 + self.categories.len());
        if let Some(numbers) = &batch.numbers {
            parts.push(match (&self.numbers, &self.waves) {
                (Some(vectors), _) => vectors
                    .forward(numbers, batch.pieces.as_ref())
                    .flatten(1, 2),
                (None, Some(waves)) => waves.forward(numbers).flatten(1, 2),
                (None, None) => numbers.clone(),
            });
        }
        parts.extend(batch.flags.clone());
        for (vectors, codes) in self.categories.iter().zip(&batch.categories) {
            parts.push(vectors.forward(codes.clone()));
        }
        match parts.len() {
            1 => parts.remove(0),
            _ => Tensor::cat(parts, 1),
        }
    }
}

/// A token a column, for networks that read sequences of them.
#[derive(Module, Debug)]
pub struct TokenInput<B: Backend> {
    numbers: Option<NumberVectors<B>>,
    waves: Option<WaveVectors<B>>,
    categories: Vec<LevelVectors<B>>,
    flags: Option<Linear<B>>,
    /// The token that gathers what the others say, `1 × size`.
    summary: Param<Tensor<B, 2>>,
}

impl<B: Backend> TokenInput<B> {
    /// Tokens of `shape.embedding_size` numbers.
    pub fn new(init: &mut Init<'_, B>, shape: &InputShape) -> Self {
        let size = shape.embedding_size;
        let bound = 1.0 / (size as f64).sqrt();
        let has_waves = shape.number_embedding == NumberEmbedding::Periodic;
        let has_numbers = shape.n_numbers > 0;
        let numbers = (has_numbers && !has_waves).then(|| NumberVectors::new(init, shape));
        let waves = (has_numbers && has_waves).then(|| WaveVectors::new(init, shape));
        let levels = shape.n_levels.iter();
        let categories = levels.map(|&n| LevelVectors::new(init, n, size)).collect();
        Self {
            numbers,
            waves,
            categories,
            flags: (shape.n_flags > 0).then(|| init.linear(shape.n_flags, size)),
            summary: init.uniform([1, size], bound),
        }
    }

    /// `rows × tokens × size`; the first token is the one that gathers.
    pub fn forward(&self, batch: &InputBatch<B>) -> Tensor<B, 3> {
        let summary = self.summary.val().unsqueeze::<3>();
        let mut tokens = vec![summary.repeat_dim(0, batch.n_rows)];
        if let (Some(vectors), Some(numbers)) = (&self.numbers, &batch.numbers) {
            tokens.push(vectors.forward(numbers, batch.pieces.as_ref()));
        }
        if let (Some(waves), Some(numbers)) = (&self.waves, &batch.numbers) {
            tokens.push(waves.forward(numbers));
        }
        for (vectors, codes) in self.categories.iter().zip(&batch.categories) {
            tokens.push(vectors.forward(codes.clone()).unsqueeze_dim(1));
        }
        if let (Some(layer), Some(flags)) = (&self.flags, &batch.flags) {
            tokens.push(linear(layer, flags.clone()).unsqueeze_dim(1));
        }
        Tensor::cat(tokens, 1)
    }
}
