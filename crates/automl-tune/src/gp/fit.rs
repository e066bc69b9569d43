//! Hyperparameters of greatest posterior density, by L-BFGS on the exact gradient.
//!
//! # Formula
//! `−log p(y | X, θ) = ½ yᵀ K⁻¹ y + ½ log |K| + const`, and its gradient is `½ tr((K⁻¹ − ααᵀ) ∂K/∂θ)` with `α = K⁻¹ y`.
//!
//! # Cost
//! `n³` for factor and inverse and `n² d` for the gradient, each evaluation.
//!
//! # References
//! Rasmussen and Williams (2006), *Gaussian processes for machine learning*, chapter 5; Liu and Nocedal (1989).

use super::hyper::Hyper;
use super::kernel::{Layout, Scaled, correlation, correlation_slope, distances};
use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::BacktrackingLineSearch;
use argmin::solver::linesearch::condition::ArmijoCondition;
use argmin::solver::quasinewton::LBFGS;
use faer::linalg::solvers::{DenseSolveCore, Solve};
use faer::{Mat, Side};
use std::cell::RefCell;

/// What a fit sees: inputs, one a row, and standardised values.
pub(crate) struct Objective<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) inputs: &'a [Vec<f64>],
    pub(crate) values: &'a [f64],
    /// The last point whose cost was asked for, with its gradient: the solver asks for that next.
    last: RefCell<Option<(Vec<f64>, Vec<f64>)>>,
}

/// A cost that ends a line search: a factorisation that failed.
const HOPELESS: f64 = 1e25;
/// The logs of hyperparameters stay within this of zero.
const LOG_MAX: f64 = 18.0;

impl<'a> Objective<'a> {
    pub(crate) fn new(layout: &'a Layout, inputs: &'a [Vec<f64>], values: &'a [f64]) -> Self {
        Self {
            layout,
            inputs,
            values,
            last: RefCell::new(None),
        }
    }

    /// Minus the log of the posterior density of `theta`, up to a constant, and its gradient.
    pub(crate) fn evaluate(&self, theta: &[f64]) -> (f64, Vec<f64>) {
        let n = self.inputs.len();
        let hopeless = || (HOPELESS, vec![0.0; theta.len()]);
        if theta.iter().any(|log| log.is_nan() || log.abs() >= LOG_MAX) {
            return hopeless();
        }
        let hyper = Hyper::new(theta.to_vec(), self.layout.n_inputs());
        let scaled = Scaled::new(self.layout, &hyper, self.inputs);
        let squared = self.all_distances(&hyper, &scaled);
        let (signal, noise) = (hyper.signal(), hyper.noise());
        let kernel = Mat::from_fn(n, n, |i, k| {
            let (high, low) = if i >= k { (i, k) } else { (k, i) };
            if high == low {
                signal + noise
            } else {
                signal * squared[high * (high - 1) / 2 + low].0
            }
        });
        let Ok(factor) = kernel.llt(Side::Lower) else {
            return hopeless();
        };
        let alpha = factor.solve(Mat::from_fn(n, 1, |i, _| self.values[i]));
        let log_diagonal: f64 = (0..n).map(|i| factor.L()[(i, i)].ln()).sum();
        let fit: f64 = (0..n).map(|i| self.values[i] * alpha[(i, 0)]).sum();
        let mut cost = 0.5 * fit + log_diagonal;
        if !cost.is_finite() {
            return hopeless();
        }
        let inverse = factor.inverse();
        let residual = |i: usize, k: usize| inverse[(i, k)] - alpha[(i, 0)] * alpha[(k, 0)];
        let mut gradient = self.gradient(&hyper, &scaled, &squared, &residual);
        cost += hyper.prior_cost(&mut gradient);
        (cost, gradient)
    }

    /// Correlation and its slope at each pair's squared distance, the pairs `(i, k < i)` row by row.
    fn all_distances(&self, hyper: &Hyper, scaled: &Scaled) -> Vec<(f64, f64)> {
        let n = scaled.n_points;
        let mut pairs = Vec::with_capacity(n * n.saturating_sub(1) / 2);
        let mut row = vec![0.0; n];
        for i in 1..n {
            let point: Vec<f64> = scaled.columns.iter().map(|column| column[i]).collect();
            distances(self.layout, hyper, scaled, &point, &mut row);
            pairs.extend(row[..i].iter().map(|&squared| {
                let r = (5.0 * squared).sqrt();
                let decay = (-r).exp();
                (
                    (1.0 + r + 5.0 / 3.0 * squared) * decay,
                    -5.0 / 6.0 * (1.0 + r) * decay,
                )
            }));
        }
        pairs
    }

    fn gradient(
        &self,
        hyper: &Hyper,
        scaled: &Scaled,
        pairs: &[(f64, f64)],
        residual: &dyn Fn(usize, usize) -> f64,
    ) -> Vec<f64> {
        let (n, d) = (scaled.n_points, self.layout.n_inputs());
        let (signal, noise) = (hyper.signal(), hyper.noise());
        let mut gradient = vec![0.0; hyper.theta().len()];
        // Derivatives of the cost by the squared distance of each pair, both orders of it together.
        let mut by_distance = Vec::with_capacity(pairs.len());
        let mut at = 0;
        for i in 0..n {
            for k in 0..i {
                let weight = residual(i, k);
                gradient[d] += weight * signal * pairs[at].0;
                by_distance.push(weight * signal * pairs[at].1);
                at += 1;
            }
            gradient[d] += 0.5 * residual(i, i) * signal;
            gradient[d + 1] += 0.5 * residual(i, i) * (noise - super::hyper::NOISE_MIN);
        }
        for (j, column) in scaled.columns.iter().enumerate() {
            if self.layout.is_code[j] {
                let apart = hyper.inverse_length(j).powi(2);
                gradient[j] = -2.0 * apart * code_sum(column, &by_distance);
            } else {
                let (own, by_point) = number_sums(column, &by_distance, hyper.is_warped());
                gradient[j] = -2.0 * own;
                for (input, slope) in self.inputs.iter().zip(by_point) {
                    let [_, by_a, by_b] = hyper.warp_slopes(j, input[j]);
                    let scale = slope * hyper.inverse_length(j);
                    gradient[d + 2 + 2 * j] += scale * by_a;
                    gradient[d + 3 + 2 * j] += scale * by_b;
                }
            }
        }
        gradient
    }

    /// The best of minimisations from each start.
    pub(crate) fn minimise(&self, starts: &[Vec<f64>], max_steps: u64) -> (Vec<f64>, f64) {
        let mut best = (starts[0].clone(), f64::INFINITY);
        for start in starts {
            let found = self.minimise_from(start, max_steps);
            if found.1 < best.1 {
                best = found;
            }
        }
        best
    }

    fn minimise_from(&self, start: &[f64], max_steps: u64) -> (Vec<f64>, f64) {
        let solve = || -> Result<(Vec<f64>, f64), Error> {
            let search = BacktrackingLineSearch::new(ArmijoCondition::new(1e-4)?).rho(0.4)?;
            let solver = LBFGS::new(search, 8)
                .with_tolerance_grad(1e-2)?
                .with_tolerance_cost(1e-4)?;
            let problem = Objective::new(self.layout, self.inputs, self.values);
            let result = Executor::new(problem, solver)
                .configure(|state| state.param(start.to_vec()).max_iters(max_steps))
                .timer(false)
                .run()?;
            let state = result.state();
            let theta = state.get_best_param().cloned();
            Ok((theta.unwrap_or(start.to_vec()), state.get_best_cost()))
        };
        // A line search that fails leaves the start, which is a valid point.
        solve().unwrap_or_else(|_| (start.to_vec(), self.evaluate(start).0))
    }
}

/// Sum over the pairs that differ.
fn code_sum(column: &[f64], by_distance: &[f64]) -> f64 {
    let (mut sum, mut at) = (0.0, 0);
    for i in 0..column.len() {
        for k in 0..i {
            if column[i] != column[k] {
                sum += by_distance[at];
            }
            at += 1;
        }
    }
    sum
}

/// `Σ g (xᵢ − xₖ)²` and, if asked for, its derivative by each scaled input; empty otherwise.
fn number_sums(column: &[f64], by_distance: &[f64], with_points: bool) -> (f64, Vec<f64>) {
    let n = column.len();
    let mut by_point = vec![0.0; if with_points { n } else { 0 }];
    let (mut sum, mut at) = (0.0, 0);
    for i in 0..n {
        let weights = &by_distance[at..at + i];
        at += i;
        for (k, (weight, other)) in weights.iter().zip(column).enumerate() {
            let step = column[i] - other;
            sum += weight * step * step;
            if with_points {
                by_point[i] += 2.0 * weight * step;
                by_point[k] -= 2.0 * weight * step;
            }
        }
    }
    (sum, by_point)
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, theta: &Vec<f64>) -> Result<f64, Error> {
        let (cost, gradient) = self.evaluate(theta);
        *self.last.borrow_mut() = Some((theta.clone(), gradient));
        Ok(cost)
    }
}

impl Gradient for Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        if let Some((known, gradient)) = self.last.take()
            && known == *theta
        {
            return Ok(gradient);
        }
        Ok(self.evaluate(theta).1)
    }
}

/// Keeps the names that the model needs beside the fit.
pub(crate) fn cross_correlations(
    layout: &Layout,
    hyper: &Hyper,
    scaled: &Scaled,
    point: &[f64],
    out: &mut [f64],
    slopes: Option<&mut [f64]>,
) {
    distances(layout, hyper, scaled, point, out);
    match slopes {
        None => {
            for value in out.iter_mut() {
                *value = correlation(*value);
            }
        }
        Some(slopes) => {
            for (value, slope) in out.iter_mut().zip(slopes) {
                *slope = correlation_slope(*value);
                *value = correlation(*value);
            }
        }
    }
}
