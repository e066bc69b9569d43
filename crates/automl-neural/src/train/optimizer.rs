//! Optimisers as loops over the row of parameters.
//!
//! They are written over plain slices rather than taken as a burn optimiser, which keeps its state by module: so one pass
//! over memory does what ten kernels would, the state is two rows of numbers that a checkpoint holds exactly, and decay
//! groups and all-reduce see the same row.

use super::settings::{OptimizerKind, OptimizerParams};
use crate::network::{Layout, Slot};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use burn_flex::Flex;

/// What an optimiser remembers between steps.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerState {
    /// Mean of gradients, or momentum.
    pub first: Vec<f32>,
    /// Mean of squared gradients; empty if the optimiser has none.
    pub second: Vec<f32>,
    /// Steps taken.
    pub n_steps: u64,
}

impl OptimizerState {
    /// The memory of an optimiser before its first step.
    pub fn new(kind: OptimizerKind, n: usize) -> Self {
        let has_second = !matches!(kind, OptimizerKind::Sgd | OptimizerKind::Lion);
        Self {
            first: vec![0.0; n],
            second: vec![0.0; if has_second { n } else { 0 }],
            n_steps: 0,
        }
    }

    /// One step: changes `values` along `gradients`.
    pub fn step(
        &mut self,
        params: &OptimizerParams,
        learning_rate: f64,
        layout: &Layout,
        values: &mut [f32],
        gradients: &[f32],
    ) {
        self.n_steps += 1;
        for slot in &layout.slots {
            let range = slot.range.clone();
            let decay = if slot.decays {
                params.weight_decay
            } else {
                0.0
            };
            let rule = Rule {
                rate: learning_rate * slot.rate,
                decay,
                n_steps: self.n_steps,
                params,
            };
            let values = &mut values[range.clone()];
            let gradients = &gradients[range.clone()];
            let first = &mut self.first[range.clone()];
            match params.r#type {
                OptimizerKind::Sgd => rule.sgd(values, gradients, first),
                OptimizerKind::Lion => rule.lion(values, gradients, first),
                OptimizerKind::Muon if is_matrix(slot) => {
                    rule.muon(slot, values, gradients, first);
                }
                OptimizerKind::Adam | OptimizerKind::Adamw | OptimizerKind::Muon => {
                    rule.adam(values, gradients, first, &mut self.second[range]);
                }
            }
        }
    }
}

/// Whether Muon treats a parameter as a matrix.
pub(super) fn is_matrix(slot: &Slot) -> bool {
    slot.decays && slot.shape.len() == 2
}

/// The numbers of one step for one parameter.
struct Rule<'a> {
    rate: f64,
    decay: f64,
    n_steps: u64,
    params: &'a OptimizerParams,
}

impl Rule<'_> {
    /// `m ← β₁m + (1-β₁)g`, `v ← β₂v + (1-β₂)g²`, `w ← w - η (m̂ / (√v̂ + ε) + λw)`; Adam has `λw` in `g` instead.
    fn adam(&self, values: &mut [f32], gradients: &[f32], first: &mut [f32], second: &mut [f32]) {
        let OptimizerParams {
            beta1,
            beta2,
            epsilon,
            ..
        } = *self.params;
        let power = self.n_steps.min(i32::MAX as u64) as i32;
        let correct1 = 1.0 - beta1.powi(power);
        let correct2 = (1.0 - beta2.powi(power)).sqrt();
        let is_coupled = self.params.r#type == OptimizerKind::Adam;
        let coupled = if is_coupled { self.decay as f32 } else { 0.0 };
        let shrink = if is_coupled {
            1.0
        } else {
            1.0 - self.rate * self.decay
        };
        let (b1, b2, shrink) = (beta1 as f32, beta2 as f32, shrink as f32);
        let (size, floor) = (
            (self.rate * correct2 / correct1) as f32,
            (epsilon * correct2) as f32,
        );
        let state = first.iter_mut().zip(second);
        for ((value, &gradient), (m, v)) in values.iter_mut().zip(gradients).zip(state) {
            let g = gradient + coupled * *value;
            *m = b1 * *m + (1.0 - b1) * g;
            *v = b2 * *v + (1.0 - b2) * g * g;
            *value = shrink * *value - size * *m / (v.sqrt() + floor);
        }
    }

    /// `m ← βm + g + λw`, `w ← w - η (g + λw + βm)`.
    fn sgd(&self, values: &mut [f32], gradients: &[f32], first: &mut [f32]) {
        let (beta, decay) = (self.params.beta1 as f32, self.decay as f32);
        let rate = self.rate as f32;
        for ((value, &gradient), m) in values.iter_mut().zip(gradients).zip(first) {
            let g = gradient + decay * *value;
            *m = beta * *m + g;
            *value -= rate * (g + beta * *m);
        }
    }

    /// `w ← w - η (sign(β₁m + (1-β₁)g) + λw)`, `m ← β₂m + (1-β₂)g`.
    fn lion(&self, values: &mut [f32], gradients: &[f32], first: &mut [f32]) {
        let (b1, b2) = (self.params.beta1 as f32, self.params.beta2 as f32);
        let (rate, decay) = (self.rate as f32, self.decay as f32);
        for ((value, &g), m) in values.iter_mut().zip(gradients).zip(first) {
            let mixed = b1 * *m + (1.0 - b1) * g;
            let sign = if mixed == 0.0 { 0.0 } else { mixed.signum() };
            *value -= rate * (sign + decay * *value);
            *m = b2 * *m + (1.0 - b2) * g;
        }
    }

    /// Momentum after Nesterov, made orthogonal by five Newton-Schulz steps, scaled to the size of an Adam step.
    fn muon(&self, slot: &Slot, values: &mut [f32], gradients: &[f32], first: &mut [f32]) {
        let (beta, decay) = (self.params.beta1 as f32, self.decay as f32);
        let mut update = Vec::with_capacity(values.len());
        for (&g, m) in gradients.iter().zip(first) {
            *m = beta * *m + (1.0 - beta) * g;
            update.push((1.0 - beta) * g + beta * *m);
        }
        let [n_rows, n_columns] = [slot.shape[0], slot.shape[1]];
        let update = Tensor::<Flex, 2>::from_data(
            TensorData::new(update, [n_rows, n_columns]),
            &burn_flex::FlexDevice,
        );
        let update = crate::network::parameters::floats(orthogonal(update));
        let rate = (self.rate * 0.2 * (n_rows.max(n_columns) as f64).sqrt()) as f32;
        let shrink = 1.0 - self.rate as f32 * decay;
        for (value, step) in values.iter_mut().zip(update) {
            *value = shrink * *value - rate * step;
        }
    }
}

/// The nearest matrix with singular values of about 1, by the quintic Newton-Schulz iteration of Muon.
pub(super) fn orthogonal<B: Backend>(update: Tensor<B, 2>) -> Tensor<B, 2> {
    let [n_rows, n_columns] = update.dims();
    let norm = update.clone().powi_scalar(2).sum().sqrt() + 1e-7;
    let x = update / norm.reshape([1, 1]);
    let is_tall = n_rows > n_columns;
    let mut x = if is_tall { x.transpose() } else { x };
    for _ in 0..5 {
        let a = x.clone().matmul(x.clone().transpose());
        let b = a.clone() * -4.7750 + a.clone().matmul(a) * 2.0315;
        x = x.clone() * 3.4445 + b.matmul(x);
    }
    if is_tall { x.transpose() } else { x }
}

/// Scales gradients down so that their norm is at most `limit`; gives the norm before. A limit of 0 is none.
///
/// The sum of squares is taken in order and in `f64`, so it is the same on any machine.
pub fn clip(gradients: &mut [f32], limit: f64) -> f64 {
    let squares: f64 = gradients
        .iter()
        .map(|g| f64::from(*g) * f64::from(*g))
        .sum();
    let norm = squares.sqrt();
    if limit > 0.0 && norm > limit {
        let factor = (limit / norm) as f32;
        for gradient in gradients {
            *gradient *= factor;
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shape: &[usize]) -> Layout {
        Layout {
            slots: vec![Slot {
                name: "weight".into(),
                shape: shape.to_vec(),
                range: 0..shape.iter().product(),
                decays: true,
                rate: 1.0,
            }],
        }
    }

    /// Minimises `Σ (w - 3)²` and gives what `w` became.
    fn minimised(kind: OptimizerKind, rate: f64) -> Vec<f32> {
        let params = OptimizerParams {
            r#type: kind,
            weight_decay: 0.0,
            ..OptimizerParams::default()
        };
        let layout = layout(&[2, 2]);
        let mut values = vec![0.0_f32, 1.0, -2.0, 8.0];
        let mut state = OptimizerState::new(kind, 4);
        for step in 0..400 {
            let gradients: Vec<f32> = values.iter().map(|w| 2.0 * (w - 3.0)).collect();
            let rate = rate * (1.0 - f64::from(step) / 400.0);
            state.step(&params, rate, &layout, &mut values, &gradients);
        }
        values
    }

    #[test]
    fn every_optimiser_finds_the_bottom_of_a_bowl() {
        for (kind, rate) in [
            (OptimizerKind::Adamw, 0.1),
            (OptimizerKind::Adam, 0.1),
            (OptimizerKind::Sgd, 0.02),
            (OptimizerKind::Lion, 0.1),
            (OptimizerKind::Muon, 0.2),
        ] {
            let values = minimised(kind, rate);
            assert!(
                values.iter().all(|w| (w - 3.0).abs() < 0.1),
                "{kind:?}: {values:?}"
            );
        }
    }

    #[test]
    fn the_first_step_of_adamw_is_the_rate_against_the_sign_and_the_decay() {
        let params = OptimizerParams {
            weight_decay: 0.5,
            ..OptimizerParams::default()
        };
        let mut values = vec![2.0_f32, -2.0];
        let mut state = OptimizerState::new(OptimizerKind::Adamw, 2);
        state.step(&params, 0.1, &layout(&[1, 2]), &mut values, &[0.3, -7.0]);
        assert!((values[0] - (2.0 * 0.95 - 0.1)).abs() < 1e-6);
        assert!((values[1] - (-2.0 * 0.95 + 0.1)).abs() < 1e-6);
    }

    #[test]
    fn muon_makes_singular_values_alike() {
        // Singular values 3 and 1 on the diagonal come close to each other.
        let x = Tensor::<Flex, 2>::from_data([[3.0, 0.0], [0.0, 1.0]], &burn_flex::FlexDevice);
        let x = crate::network::parameters::floats(orthogonal(x));
        assert!(x[1].abs() < 1e-6 && x[2].abs() < 1e-6);
        assert!(
            (0.6..1.3).contains(&x[0]) && (0.6..1.3).contains(&x[3]),
            "{x:?}"
        );
    }

    #[test]
    fn clipping_scales_to_the_limit_and_leaves_short_gradients_alone() {
        let mut long = [3.0_f32, 4.0];
        assert!((clip(&mut long, 1.0) - 5.0).abs() < 1e-12);
        assert!((long[0] - 0.6).abs() < 1e-6 && (long[1] - 0.8).abs() < 1e-6);
        let mut short = [0.3_f32, 0.4];
        clip(&mut short, 1.0);
        assert_eq!(short, [0.3, 0.4]);
    }
}
