//! The penalised logistic loss, its gradient, and its minimisation by argmin's L-BFGS.

use crate::matrix::Matrix;
use crate::targets::{Classes, RowWeights, softmax};
use argmin::core::{
    CostFunction, Error, Executor, Gradient, KV, Problem, Solver, State, TerminationReason,
    TerminationStatus,
};
use argmin::solver::linesearch::BacktrackingLineSearch;
use argmin::solver::linesearch::condition::ArmijoCondition;
use argmin::solver::quasinewton::LBFGS;
use automl_core::{Budget, FitContext, FitError, Threads};
use std::cell::RefCell;
use std::rc::Rc;

/// Pairs of steps and gradient changes that L-BFGS remembers.
const MEMORY: usize = 10;

/// `f(θ) = Σᵢ wᵢ · loss(zᵢ, yᵢ) + ½ λ Σⱼ (scaleⱼ θⱼ)²`, where the weights sum to 1 and `z = Xθ + b`.
///
/// `θ` holds the coefficients of the matrix's features, feature-major, then the intercepts.
pub(super) struct Objective<'a> {
    matrix: &'a Matrix,
    classes: &'a Classes,
    weights: &'a RowWeights,
    penalty: f64,
    has_intercept: bool,
    n_outputs: usize,
    threads: &'a Threads,
    budget: &'a Budget,
    /// The last point whose cost was asked for: the solver asks for its gradient next.
    last: RefCell<Option<Evaluated>>,
    /// The best point so far, for when the budget ends an evaluation: the solver then gives none.
    best: Rc<RefCell<Option<Best>>>,
}

/// A point with its cost.
struct Best {
    theta: Vec<f64>,
    cost: f64,
}

/// A point with the gradient there.
struct Evaluated {
    theta: Vec<f64>,
    gradient: Vec<f64>,
}

/// How a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Converged,
    NotConverged,
    BudgetOver,
}

/// The best point found.
pub(super) struct Solution {
    pub(super) theta: Vec<f64>,
    pub(super) outcome: Outcome,
    pub(super) n_steps: u64,
}

impl<'a> Objective<'a> {
    pub(super) fn new(
        matrix: &'a Matrix,
        classes: &'a Classes,
        weights: &'a RowWeights,
        penalty: f64,
        has_intercept: bool,
        ctx: &'a FitContext<'_>,
    ) -> Self {
        let n_outputs = if classes.present.len() == 2 {
            1
        } else {
            classes.present.len()
        };
        Self {
            matrix,
            classes,
            weights,
            penalty,
            has_intercept,
            n_outputs,
            threads: &ctx.threads,
            budget: &ctx.budget,
            last: RefCell::new(None),
            best: Rc::default(),
        }
    }

    /// Coefficients zero, intercepts at the classes' shares.
    fn start(&self) -> Vec<f64> {
        let n_coefs = self.matrix.n_features() * self.n_outputs;
        let mut theta = vec![0.0; n_coefs + self.n_outputs];
        if self.has_intercept {
            let prior = &self.classes.prior;
            if self.n_outputs == 1 {
                theta[n_coefs] = (prior[1] / prior[0]).ln();
            } else {
                let mean = prior.iter().map(|p| p.ln()).sum::<f64>() / prior.len() as f64;
                for (intercept, p) in theta[n_coefs..].iter_mut().zip(prior) {
                    *intercept = p.ln() - mean;
                }
            }
        }
        theta
    }

    /// The value and the gradient at `theta`, unless the budget ends first.
    pub(super) fn evaluate(&self, theta: &[f64]) -> Result<(f64, Vec<f64>), BudgetOver> {
        let k = self.n_outputs;
        let (coef, intercepts) = theta.split_at(self.matrix.n_features() * k);
        let loss = |rows: std::ops::Range<usize>, scores: &mut [f64]| {
            let positions = &self.classes.positions[rows.clone()];
            let weights = &self.weights.share[rows];
            if k == 1 {
                binary_loss(scores, positions, weights)
            } else {
                softmax_loss(scores, positions, weights, k)
            }
        };
        let product =
            self.matrix
                .residual_product(self.threads, self.budget, coef, intercepts, loss);
        let (blocks, mut gradient) = product.ok_or(BudgetOver)?;
        let mut cost = 0.0;
        let mut intercept_gradient = vec![0.0; k];
        for (loss, sums) in blocks {
            cost += loss;
            for (total, sum) in intercept_gradient.iter_mut().zip(sums) {
                *total += sum;
            }
        }
        let features = gradient.chunks_exact_mut(k).zip(coef.chunks_exact(k));
        for ((gradient, coef), scale) in features.zip(&self.matrix.scales) {
            let strength = self.penalty * scale * scale;
            for (slope, value) in gradient.iter_mut().zip(coef) {
                *slope += strength * value;
                cost += 0.5 * strength * value * value;
            }
        }
        if !self.has_intercept {
            intercept_gradient.fill(0.0);
        }
        gradient.extend_from_slice(&intercept_gradient);
        // A huge but finite cost makes the line search step back; infinity would not compare.
        let cost = if cost.is_finite() { cost } else { f64::MAX };
        Ok((cost, gradient))
    }

    /// Keeps `theta` if no better point is known.
    fn remember(&self, theta: &[f64], cost: f64) {
        let mut best = self.best.borrow_mut();
        if best.as_ref().is_none_or(|best| cost < best.cost) {
            let theta = theta.to_vec();
            *best = Some(Best { theta, cost });
        }
    }

    /// Minimises from [`Objective::start`] until the gradient has shrunk by `tol`.
    ///
    /// # Errors
    /// Numbers out of hand, or [`FitError::Cancelled`] when the budget ends before a point better than the start is known.
    pub(super) fn solve(self, tol: f64, max_steps: usize) -> Result<Solution, FitError> {
        let start = self.start();
        let evaluated = self.evaluate(&start);
        let (cost, gradient) = evaluated.map_err(|BudgetOver| FitError::Cancelled)?;
        let length = gradient
            .iter()
            .map(|slope| slope * slope)
            .sum::<f64>()
            .sqrt();
        if !length.is_finite() {
            return Err(failure("the features are too large to sum".to_owned()));
        }
        if length == 0.0 {
            return Ok(Solution {
                theta: start,
                outcome: Outcome::Converged,
                n_steps: 0,
            });
        }
        let (budget, best) = (self.budget, self.best.clone());
        let armijo = ArmijoCondition::new(1e-4).map_err(|error| failure(error.to_string()))?;
        let search = BacktrackingLineSearch::new(armijo)
            .rho(0.5)
            .map_err(|error| failure(error.to_string()))?;
        let solver = LBFGS::new(search, MEMORY)
            .with_tolerance_grad(tol * length)
            .and_then(|solver| solver.with_tolerance_cost(1e-15 * cost))
            .map_err(|error| failure(error.to_string()))?;
        let result = Executor::new(
            self,
            Budgeted {
                inner: solver,
                budget,
            },
        )
        .configure(|state| state.param(start.clone()).max_iters(max_steps as u64))
        .timer(false)
        .run();
        let result = match result {
            Err(error) if error.is::<BudgetOver>() => return cut_short(best.take(), cost),
            other => other.map_err(|error| failure(error.to_string()))?,
        };
        let state = result.state();
        let theta = state.get_best_param().cloned().unwrap_or(start);
        if theta.iter().any(|value| !value.is_finite()) {
            return Err(failure("the coefficients are not finite".to_owned()));
        }
        let outcome = match state.get_termination_reason() {
            Some(TerminationReason::SolverConverged | TerminationReason::TargetCostReached) => {
                Outcome::Converged
            }
            Some(TerminationReason::SolverExit(reason)) if reason == BUDGET_OVER => {
                Outcome::BudgetOver
            }
            _ => Outcome::NotConverged,
        };
        Ok(Solution {
            theta,
            outcome,
            n_steps: state.get_iter(),
        })
    }
}

/// The best point of a minimisation that the budget ended in the middle of an evaluation.
fn cut_short(best: Option<Best>, start_cost: f64) -> Result<Solution, FitError> {
    match best {
        Some(best) if best.cost < start_cost => Ok(Solution {
            theta: best.theta,
            outcome: Outcome::BudgetOver,
            n_steps: 0,
        }),
        _ => Err(FitError::Cancelled),
    }
}

/// The budget ended an evaluation.
#[derive(Debug)]
pub(super) struct BudgetOver;

impl std::fmt::Display for BudgetOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(BUDGET_OVER)
    }
}

impl std::error::Error for BudgetOver {}

fn failure(reason: String) -> FitError {
    FitError::Numeric {
        learner: super::LOGISTIC_REGRESSION.id,
        reason,
    }
}

/// Turns scores into weighted residuals `w (σ(z) − y)`; gives the weighted loss and the sum of residuals.
fn binary_loss(scores: &mut [f64], positions: &[u32], weights: &[f64]) -> (f64, Vec<f64>) {
    let (mut loss, mut sum) = (0.0, 0.0);
    for ((score, &position), &weight) in scores.iter_mut().zip(positions).zip(weights) {
        let z = *score;
        let decay = (-z.abs()).exp();
        let likely = 1.0 / (1.0 + decay);
        let probability = if z >= 0.0 { likely } else { decay * likely };
        let against = if position == 1 { -z } else { z };
        loss += weight * (against.max(0.0) + decay.ln_1p());
        *score = weight * (probability - f64::from(position));
        sum += *score;
    }
    (loss, vec![sum])
}

/// Turns scores into weighted residuals `w (softmax(z) − y)`; gives the weighted loss and the sums of residuals.
fn softmax_loss(
    scores: &mut [f64],
    positions: &[u32],
    weights: &[f64],
    k: usize,
) -> (f64, Vec<f64>) {
    let mut loss = 0.0;
    let mut sums = vec![0.0; k];
    for ((row, &position), &weight) in scores.chunks_exact_mut(k).zip(positions).zip(weights) {
        let own = row[position as usize];
        loss += weight * (softmax(row) - own);
        row[position as usize] -= 1.0;
        for (value, sum) in row.iter_mut().zip(&mut sums) {
            *value *= weight;
            *sum += *value;
        }
    }
    (loss, sums)
}

impl CostFunction for Objective<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, theta: &Vec<f64>) -> Result<f64, Error> {
        let (cost, gradient) = self.evaluate(theta)?;
        self.remember(theta, cost);
        *self.last.borrow_mut() = Some(Evaluated {
            theta: theta.clone(),
            gradient,
        });
        Ok(cost)
    }
}

impl Gradient for Objective<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        if let Some(last) = self.last.take()
            && last.theta == *theta
        {
            return Ok(last.gradient);
        }
        Ok(self.evaluate(theta)?.1)
    }
}

const BUDGET_OVER: &str = "the budget is over";

/// A solver that also stops when the budget is over.
struct Budgeted<'a, S> {
    inner: S,
    budget: &'a Budget,
}

impl<O, I: State, S: Solver<O, I>> Solver<O, I> for Budgeted<'_, S> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn init(&mut self, problem: &mut Problem<O>, state: I) -> Result<(I, Option<KV>), Error> {
        self.inner.init(problem, state)
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, state: I) -> Result<(I, Option<KV>), Error> {
        self.inner.next_iter(problem, state)
    }

    fn terminate(&mut self, state: &I) -> TerminationStatus {
        if self.budget.is_over() {
            return TerminationStatus::Terminated(TerminationReason::SolverExit(
                BUDGET_OVER.into(),
            ));
        }
        self.inner.terminate(state)
    }
}
