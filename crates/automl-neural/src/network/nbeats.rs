//! N-BEATS: blocks that each take what they explain off the past and add to what is forecast (Oreshkin et al., "N-BEATS:
//! Neural basis expansion analysis for interpretable time series forecasting", 2020).
//!
//! A generic block gives both as they come; an interpretable one gives coefficients of polynomials, for a trend, or of
//! sines and cosines, for a season. Blocks of an interpretable stack share their weights.

use super::Init;
use super::mixed::linear;
use automl_core::Params;
use burn::module::Module;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData, activation};
use burn_nn::Linear;
use serde::{Deserialize, Serialize};

/// Linear layers of a block before its coefficients.
pub(super) const LAYERS: usize = 4;

/// What blocks are made of.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stacks {
    /// Blocks without a shape.
    Generic,
    /// A stack for the trend, then one for the season.
    Interpretable,
}

/// The shape of an N-BEATS.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct NBeatsParams {
    /// What blocks are made of: `generic`, or `interpretable` for a trend and a season.
    #[param(default = Stacks::Generic)]
    pub stacks: Stacks,
    /// Blocks; of interpretable ones so many for the trend and again for the season.
    #[param(default = 6, range = 1..=64)]
    pub blocks: u32,
    /// Neurons of each of the four layers of a block.
    #[param(default = 256, range = 1..=4096, log)]
    pub width: u32,
    /// Greatest power of time in a trend.
    #[param(default = 3, range = 1..=8)]
    pub degree: u32,
    /// Share of neurons left out at random in each step.
    #[param(default = 0.0, range = 0.0..=0.9)]
    pub dropout: f64,
    /// Whether each window is scaled to mean 0 and deviation 1, and what is forecast back.
    #[param(default = true)]
    pub instance_norm: bool,
}

super::param_serde!(NBeatsParams);

/// What the coefficients of a block are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    Values,
    Powers(usize),
    Waves,
}

/// One block, or several that share their weights.
#[derive(Module, Debug)]
pub struct BeatsBlock<B: Backend> {
    layers: Vec<Linear<B>>,
    /// Coefficients of the past, then of the future.
    coefficients: Linear<B>,
    /// How many there are of the past.
    n_past: usize,
    /// What they are of, as in [`BeatsBlock::basis`].
    basis: usize,
    /// How often it is applied, one time after the other.
    n_times: usize,
}

impl<B: Backend> BeatsBlock<B> {
    fn new(
        init: &mut Init<'_, B>,
        params: &NBeatsParams,
        [lookback, horizon]: [usize; 2],
        (basis, n_times): (Basis, usize),
    ) -> Self {
        let width = params.width as usize;
        let mut layers = vec![init.linear(lookback, width)];
        layers.extend((1..LAYERS).map(|_| init.linear(width, width)));
        let (n_past, n_future) = (n_terms(basis, lookback), n_terms(basis, horizon));
        Self {
            layers,
            coefficients: init.linear(width, n_past + n_future),
            n_past,
            basis: match basis {
                Basis::Values => 0,
                Basis::Waves => 1,
                Basis::Powers(degree) => 1 + degree,
            },
            n_times,
        }
    }

    /// What the coefficients are of; modules keep plain numbers.
    fn basis(&self) -> Basis {
        match self.basis {
            0 => Basis::Values,
            1 => Basis::Waves,
            more => Basis::Powers(more - 1),
        }
    }

    /// What it explains of the past, and what follows from it.
    fn forward(
        &self,
        x: Tensor<B, 2>,
        [lookback, horizon]: [usize; 2],
        dropout: f64,
        draw: &mut crate::Draw,
    ) -> [Tensor<B, 2>; 2] {
        let mut hidden = x;
        for layer in &self.layers {
            hidden = draw.dropout(activation::relu(linear(layer, hidden)), dropout);
        }
        let all = linear(&self.coefficients, hidden);
        let [n_rows, n_all] = all.dims();
        let past = all.clone().slice([0..n_rows, 0..self.n_past]);
        let future = all.slice([0..n_rows, self.n_past..n_all]);
        let of = |coefficients: Tensor<B, 2>, length: usize| match terms(self.basis(), length) {
            None => coefficients,
            Some(terms) => {
                let n_terms = terms.len() / length;
                let terms = TensorData::new(terms, [n_terms, length]);
                let terms = Tensor::from_data(terms, &coefficients.device());
                coefficients.matmul(terms)
            }
        };
        [of(past, lookback), of(future, horizon)]
    }
}

/// How many terms values of this number are made of.
fn n_terms(basis: Basis, length: usize) -> usize {
    match basis {
        Basis::Values => length,
        Basis::Powers(degree) => degree + 1,
        Basis::Waves => 2 * (length / 2) + 1,
    }
}

/// The terms, `terms × length`; none for values, which are their own.
fn terms(basis: Basis, length: usize) -> Option<Vec<f32>> {
    let at = |place: usize| place as f64 / length as f64;
    let row = |of: &dyn Fn(f64) -> f64| (0..length).map(|i| of(at(i)) as f32).collect::<Vec<_>>();
    match basis {
        Basis::Values => None,
        Basis::Powers(degree) => {
            let power = |power: usize| row(&|t| t.powi(power as i32));
            Some((0..=degree).flat_map(power).collect())
        }
        Basis::Waves => {
            let mut terms = row(&|_| 1.0);
            for wave in 1..=length / 2 {
                let angle = |t: f64| std::f64::consts::TAU * wave as f64 * t;
                terms.extend(row(&|t| angle(t).cos()));
                terms.extend(row(&|t| angle(t).sin()));
            }
            Some(terms)
        }
    }
}

/// An N-BEATS.
#[derive(Module, Debug)]
pub struct NBeats<B: Backend> {
    blocks: Vec<BeatsBlock<B>>,
    lookback: usize,
    horizon: usize,
    dropout: f64,
}

impl<B: Backend> NBeats<B> {
    /// A network of `lookback` values and the `horizon` values that follow.
    pub fn new(
        init: &mut Init<'_, B>,
        params: &NBeatsParams,
        [lookback, horizon]: [usize; 2],
    ) -> Self {
        let n = params.blocks as usize;
        let kinds = match params.stacks {
            Stacks::Generic => vec![(Basis::Values, 1); n],
            Stacks::Interpretable => vec![
                (Basis::Powers(params.degree as usize), n),
                (Basis::Waves, n),
            ],
        };
        let block = |kind| BeatsBlock::new(init, params, [lookback, horizon], kind);
        Self {
            blocks: kinds.into_iter().map(block).collect(),
            lookback,
            horizon,
            dropout: params.dropout,
        }
    }

    /// `samples × horizon` of `samples × lookback`.
    pub fn forward(&self, x: Tensor<B, 2>, draw: &mut crate::Draw) -> Tensor<B, 2> {
        let lengths = [self.lookback, self.horizon];
        let mut left = x;
        let mut sum: Option<Tensor<B, 2>> = None;
        for block in &self.blocks {
            for _ in 0..block.n_times {
                let [past, future] = block.forward(left.clone(), lengths, self.dropout, draw);
                left = left - past;
                sum = Some(match sum {
                    None => future,
                    Some(sum) => sum + future,
                });
            }
        }
        sum.expect("there is at least one block")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_powers_and_whole_waves() {
        let powers = terms(Basis::Powers(2), 2).expect("powers are terms");
        assert_eq!(powers, [1.0, 1.0, 0.0, 0.5, 0.0, 0.25]);
        for length in [1, 2, 5, 8] {
            for basis in [Basis::Waves, Basis::Powers(3)] {
                let terms = terms(basis, length).expect("they are terms");
                assert_eq!(terms.len(), n_terms(basis, length) * length, "{basis:?}");
            }
        }
        let waves = terms(Basis::Waves, 4).expect("waves are terms");
        let wanted = [1.0, 0.0, -1.0, 0.0];
        for (wave, wanted) in waves[4..8].iter().zip(wanted) {
            assert!((wave - wanted).abs() < 1e-6, "{waves:?}");
        }
    }
}
