//! Linear regression under a mixture of an absolute and a squared penalty: least squares, ridge, lasso, elastic net, and generalised
//! linear models of counts and amounts.
//!
//! # What it fits
//! `ŷ = xβ + b` by weighted least squares, or `ŷ = exp(xβ + b)` by the Poisson, gamma or Tweedie deviance.
//!
//! # Formula
//! `min ½ Σᵢ wᵢ (yᵢ − xᵢβ − b)² / Σᵢ wᵢ + α ρ ‖β‖₁ + ½ α (1 − ρ) ‖β‖²` with `α = alpha`, `ρ = l1_ratio`; the
//! intercept is not penalised. With `scale_target` the target is divided by its standard deviation first, so that one
//! `alpha` means the same for targets of any unit; without it this is scikit-learn's `ElasticNet`. Ridge is `ρ = 0`, with
//! scikit-learn's `Ridge(alpha = n α)`.
//!
//! With another `objective` than `squared` half the mean deviance takes the place of the half squared error, in the unit of the target
//! as it is: `scale_target` is of squared error alone. With `ρ = 0` this is scikit-learn's `PoissonRegressor`, `GammaRegressor` or `TweedieRegressor`.
//!
//! # Parameters
//! See [`ElasticNetParams`].
//!
//! # Cost
//! Up to 2048 features: the products `XᵀWX`, for `d` number columns and `s` stored sparse values a row
//! `n (d² / 2 + s d + s² / 2)` multiply-adds, then a Cholesky factorisation (`ρ = 0`, `p³ / 3`) or coordinate descent
//! on it (`p` multiply-adds a changed coordinate; steps after the first run over the coordinates in use). 678 013 rows
//! with 2000 dimensions, 20 of them stored a row, and 12 numbers take about a second on one core. More features:
//! conjugate gradients (`ρ = 0`) or coordinate descent on the residuals, each pass costing two multiply-adds for each
//! stored value. A deviance takes five to ten times as long. The budget is polled every few milliseconds (a Cholesky factorisation, at most 0.3 s, is not
//! interrupted): a fit that is cut while it sums the products is [`FitError::Cancelled`], later it returns the
//! coefficients so far.
//!
//! # When it fails
//! Columns that are not numbers, or have gaps, are refused. Without a penalty and with linearly dependent columns the
//! solution of least length is taken. A deviance refuses targets that its family has not.
//!
//! # References
//! Friedman, Hastie and Tibshirani (2010), *Regularization paths for generalized linear models via coordinate descent*
//! (glmnet); scikit-learn's `ElasticNet` and `Ridge`; Hestenes and Stiefel (1952) for conjugate gradients.
//!
//! ```
//! use automl_core::*;
//! let table = Table::new(vec![("x".into(), Column::Number(vec![0.0, 1.0, 2.0]))])?;
//! let data = Dataset::new(table, Task::Regression, Target::Numbers(vec![1.0, 2.0, 3.0].into()))?;
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(0), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! // A penalty this strong leaves only the mean.
//! let strong = ParamMap::from([("alpha".into(), ParamValue::Float(100.0)), ("l1_ratio".into(), ParamValue::Float(1.0))]);
//! let model = (automl_linear::ELASTIC_NET.build)(&strong)?.fit(&ctx, &data.view(&data.all_rows()).into())?.model;
//! assert_eq!(model.predict(&data.table().view())?, Predictions::Numbers(vec![2.0; 3]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod conjugate;
mod deviance;
mod gram;
mod model;
mod moments;
#[cfg(test)]
mod tests;
mod wide;

use crate::attribution;
use crate::inputs::Inputs;
use crate::targets::{RowWeights, require_task};
use automl_core::{
    Capabilities, FitContext, FitError, Fitted, Learner, LearnerSpec, ParamMap, Params, TaskKind,
    TrainingData, Warning, WarningKind,
};
use deviance::{Deviance, solve_squares};
use model::{Linear, Link};

/// What is minimised beside the penalty.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinearObjective {
    /// Squared error: predicts the mean as a sum.
    Squared,
    /// Poisson deviance, for counts; targets at least 0. Predicts the mean as a product.
    Poisson,
    /// Gamma deviance, for positive skewed amounts; targets above 0. Predicts the mean as a product.
    Gamma,
    /// Tweedie deviance, for amounts with many zeros; targets at least 0. Predicts the mean as a product.
    Tweedie,
}

/// Parameters of [`ELASTIC_NET`].
#[derive(Params, Debug, Clone, PartialEq)]
pub struct ElasticNetParams {
    /// Strength of the penalty; 0 is ordinary least squares.
    #[param(default = 1e-3, range = 0.0..=1e12, log, search = 1e-6..=10.0)]
    pub alpha: f64,
    /// Share of the absolute penalty: 0 is ridge, 1 is the lasso.
    #[param(default = 0.0, range = 0.0..=1.0, search)]
    pub l1_ratio: f64,
    /// Whether the prediction has a free constant.
    #[param(default = true, alias = "fit_intercept")]
    pub intercept: bool,
    /// What is minimised: squared, poisson, gamma or tweedie.
    #[param(default = LinearObjective::Squared, alias = "loss")]
    pub objective: LinearObjective,
    /// The power of the Tweedie deviance: nearer to 1 it is like Poisson's, nearer to 2 like gamma's.
    #[param(default = 1.5, range = 1.001..=1.999, alias = "tweedie_variance_power", alias = "power")]
    pub tweedie_power: f64,
    /// Whether the target is divided by its standard deviation while fitting, so that alpha is free of its unit; squared error alone.
    #[param(default = true)]
    pub scale_target: bool,
    /// Stops when no coordinate's step changes the fit by more than this share of the target's variance.
    #[param(default = 1e-8, range = 1e-20..=0.1, log)]
    pub tol: f64,
    /// The most passes over the coordinates.
    #[param(default = 1000, range = 1..=1_000_000, log)]
    pub max_iter: usize,
}

/// Least squares, ridge, lasso and elastic net.
pub static ELASTIC_NET: LearnerSpec = LearnerSpec {
    id: "elastic_net",
    title: "Elastic net",
    capabilities: Capabilities {
        tasks: &[TaskKind::Regression],
        missing: false,
        categories: false,
        sparse: true,
        weights: true,
        early_stopping: false,
    },
    params: ElasticNetParams::SPECS,
    references: &[
        "Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear models via coordinate descent",
        "scikit-learn ElasticNet, Ridge, PoissonRegressor, GammaRegressor and TweedieRegressor",
    ],
    build: |map| Ok(Box::new(ElasticNetParams::from_map(map)?)),
    load: |artifact| Ok(Box::new(Linear::load(artifact)?)),
};

/// With more features than this, their products are not written out.
const GRAM_FEATURES_MAX: usize = 2048;

/// The centred and scaled target with the penalties on its coefficients.
struct Problem<'a> {
    inputs: &'a Inputs,
    weights: &'a RowWeights,
    /// `(y − mean) / scale` of each row.
    target: Vec<f64>,
    l1: f64,
    l2: f64,
    has_intercept: bool,
    tol: f64,
    max_passes: usize,
}

/// Coefficients for a [`Problem`]'s target.
struct Solution {
    coef: Vec<f64>,
    /// Constant on top of the target's mean.
    intercept: f64,
    /// Standard deviation of each feature.
    spreads: Vec<f64>,
    has_converged: bool,
    is_cut: bool,
}

impl Learner for ElasticNetParams {
    fn spec(&self) -> &'static LearnerSpec {
        &ELASTIC_NET
    }

    fn params(&self) -> ParamMap {
        self.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        require_task(&ELASTIC_NET, data.train.task())?;
        let rows = data.train.table();
        let inputs = Inputs::of(ELASTIC_NET.id, &rows, true)?;
        let weights = RowWeights::of(ELASTIC_NET.id, &data.train)?;
        if ctx.budget.is_over() {
            return Err(FitError::Cancelled);
        }
        let means = attribution::means(&inputs.bind(&rows)?, &rows, &weights.share);
        let mut target = data.train.target_numbers();
        if let Some(power) = self.objective.power(self.tweedie_power) {
            let deviance = Deviance {
                params: self,
                inputs: &inputs,
                weights: &weights,
                target: &target,
                power,
            };
            let solution = deviance.solve(ctx, &rows)?;
            return self.fitted(ctx, (&inputs, &means), solution, Link::Log);
        }
        let (mean, scale) = self.standardise(&mut target, &weights)?;
        let problem = Problem {
            inputs: &inputs,
            weights: &weights,
            target,
            l1: self.alpha * self.l1_ratio,
            l2: self.alpha * (1.0 - self.l1_ratio),
            has_intercept: self.intercept,
            tol: self.tol,
            max_passes: self.max_iter,
        };
        let solution = solve_squares(&problem, ctx, &rows)?;
        let link = Link::Identity { mean, scale };
        self.fitted(ctx, (&inputs, &means), solution, link)
    }
}

impl ElasticNetParams {
    /// The model of a solution, on features of these means.
    fn fitted(
        &self,
        ctx: &FitContext<'_>,
        (inputs, means): (&Inputs, &[f64]),
        solution: Solution,
        link: Link,
    ) -> Result<Fitted, FitError> {
        if !solution.has_converged && !solution.is_cut {
            let message = format!(
                "the elastic net stopped before it converged, of {} passes at most; a larger alpha or scaled columns help",
                self.max_iter
            );
            ctx.warnings
                .push(Warning::new(WarningKind::NotConverged, [""; 0], message));
        }
        let is_partial = solution.is_cut;
        let model = Linear::new(inputs.clone(), solution, link, means.to_vec());
        if !model.is_finite() {
            return Err(failure("the coefficients are not finite"));
        }
        Ok(Fitted {
            model: Box::new(model),
            learned: ParamMap::new(),
            is_partial,
        })
    }

    /// Centres and scales the target in place; gives what was subtracted and divided by.
    fn standardise(
        &self,
        target: &mut [f64],
        weights: &RowWeights,
    ) -> Result<(f64, f64), FitError> {
        let mean = if self.intercept {
            target.iter().zip(&weights.share).map(|(y, w)| y * w).sum()
        } else {
            0.0
        };
        for value in target.iter_mut() {
            *value -= mean;
        }
        let variance: f64 = target
            .iter()
            .zip(&weights.share)
            .map(|(y, w)| w * y * y)
            .sum();
        if !variance.is_finite() {
            return Err(failure("the target is too large to square"));
        }
        let scale = if self.scale_target && variance > 0.0 {
            variance.sqrt()
        } else {
            1.0
        };
        for value in target.iter_mut() {
            *value /= scale;
        }
        Ok((mean, scale))
    }
}

fn failure(reason: &str) -> FitError {
    FitError::Numeric {
        learner: ELASTIC_NET.id,
        reason: reason.to_owned(),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// `S(x, t)`: `x` moved towards zero by `t`.
fn soft_threshold(x: f64, t: f64) -> f64 {
    if x > t {
        x - t
    } else if x < -t {
        x + t
    } else {
        0.0
    }
}
