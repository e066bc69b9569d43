//! Logistic regression with an L2 penalty, for two and for more classes, on dense and sparse features.
//!
//! # What it fits
//! A linear score a class, turned into probabilities; for two classes one score for the second.
//!
//! # Formula
//! `min C · Σᵢ wᵢ · −log p(yᵢ | xᵢ) + ½ ‖β‖²`, `p = σ(xβ + b)` or `softmax(xB + b)`; the intercepts are not penalised.
//! This is scikit-learn's objective, so `c` means the same. The problem is solved in the coordinates
//! `(x − mean) / √(E[(x − mean)²] / 4 + 1 / (C Σw))`, where every coordinate has a curvature of at most 1: the optimum is
//! the same and does not take more steps when columns are of very different scales.
//!
//! # Parameters
//! See [`LogisticRegressionParams`].
//!
//! # Cost
//! Two multiply-adds for each stored value, class and evaluation; usually 15 to 80 evaluations. The budget is polled
//! within each evaluation, once a block of rows; a fit that is cut returns its best coefficients so far, if they are
//! better than none.
//!
//! # When it fails
//! Columns that are not numbers, or have gaps, are refused. Classes that are separable by the features need the penalty:
//! with a very large `c` the steps run out, which is reported as a warning, and the best coefficients so far are kept.
//! A class without rows gets probability 0.
//!
//! # References
//! Liu and Nocedal (1989), *On the limited memory BFGS method*; argmin's `LBFGS` with backtracking under Armijo's
//! condition, which suffices for a convex objective (its `MoreThuenteLineSearch` stops early on rounding noise);
//! scikit-learn's `LogisticRegression(solver="lbfgs")`.
//!
//! ```
//! use automl_core::*;
//! let table = Table::new(vec![("x".into(), Column::Number(vec![-2.0, -1.0, 1.0, 2.0]))])?;
//! let task = Task::Binary { classes: vec!["no".into(), "yes".into()] };
//! let data = Dataset::new(table, task, Target::Classes(vec![0, 0, 1, 1].into()))?;
//! let warnings = Warnings::default();
//! let ctx = FitContext { seed: Seed(0), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
//! let learner = (automl_linear::LOGISTIC_REGRESSION.build)(&ParamMap::new())?;
//! let model = learner.fit(&ctx, &data.view(&data.all_rows()).into())?.model;
//! assert_eq!(model.predict(&data.table().view())?.class_codes(), [0, 0, 1, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod model;
mod objective;
#[cfg(test)]
mod tests;

use crate::attribution;
use crate::inputs::Inputs;
use crate::matrix::Matrix;
use crate::targets::{Classes, RowWeights, require_memory, require_task};
use automl_core::{
    Capabilities, FitContext, FitError, Fitted, Learner, LearnerSpec, Model, ParamMap, Params,
    TaskKind, TrainingData, Warning, WarningKind,
};
use model::Logistic;
use objective::{Objective, Outcome};

/// Parameters of [`LOGISTIC_REGRESSION`].
#[derive(Params, Debug, Clone, PartialEq)]
pub struct LogisticRegressionParams {
    /// Inverse strength of the L2 penalty: smaller is a stronger penalty.
    #[param(default = 1.0, range = 1e-10..=1e10, log, search = 1e-3..=1e3, alias = "C")]
    pub c: f64,
    /// Whether the scores have a free constant.
    #[param(default = true, alias = "fit_intercept")]
    pub intercept: bool,
    /// Stops when the gradient has shrunk to this share of its first length.
    #[param(default = 1e-3, range = 1e-12..=0.1, log)]
    pub tol: f64,
    /// The most steps to take.
    #[param(default = 300, range = 1..=100_000, log)]
    pub max_iter: usize,
}

/// Logistic regression.
pub static LOGISTIC_REGRESSION: LearnerSpec = LearnerSpec {
    id: "logistic_regression",
    title: "Logistic regression",
    capabilities: Capabilities {
        tasks: &[TaskKind::Binary, TaskKind::Multiclass],
        missing: false,
        categories: false,
        sparse: true,
        weights: true,
        early_stopping: false,
    },
    params: LogisticRegressionParams::SPECS,
    references: &[
        "Liu and Nocedal (1989), On the limited memory BFGS method for large scale optimization",
        "scikit-learn LogisticRegression",
    ],
    build: |map| Ok(Box::new(LogisticRegressionParams::from_map(map)?)),
    load: |artifact| Ok(Box::new(Logistic::load(artifact)?)),
};

impl Learner for LogisticRegressionParams {
    fn spec(&self) -> &'static LearnerSpec {
        &LOGISTIC_REGRESSION
    }

    fn params(&self) -> ParamMap {
        self.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        let learner = LOGISTIC_REGRESSION.id;
        require_task(&LOGISTIC_REGRESSION, data.train.task())?;
        let rows = data.train.table();
        let inputs = Inputs::of(learner, &rows, true)?;
        let weights = RowWeights::of(learner, &data.train)?;
        let classes = Classes::of(&data.train, &weights);
        if classes.present.len() == 1 {
            let model: Box<dyn Model> = Box::new(Logistic::constant(inputs, &classes));
            return Ok(Fitted::from(model));
        }
        if ctx.budget.is_over() {
            return Err(FitError::Cancelled);
        }
        let n_outputs = if classes.present.len() == 2 {
            1
        } else {
            classes.present.len()
        };
        // Beside the matrix: ten pairs of steps and gradient changes, and a few vectors more.
        let needed =
            Matrix::n_bytes(&inputs, &rows)? + (inputs.n_features() * n_outputs * 8 * 28) as u64;
        require_memory(learner, needed, ctx)?;
        let means = attribution::means(&inputs.bind(&rows)?, &rows, &weights.share);
        let penalty = 1.0 / (self.c * weights.total);
        let scale = |square: f64| 1.0 / (0.25 * square + penalty).sqrt();
        let budget = &ctx.budget;
        let matrix = Matrix::new(&inputs, &rows, &weights, self.intercept, scale, budget)?;
        let objective = Objective::new(&matrix, &classes, &weights, penalty, self.intercept, ctx);
        let solution = objective.solve(self.tol, self.max_iter)?;
        if solution.outcome == Outcome::NotConverged {
            let message = format!(
                "logistic regression stopped after {} steps before it converged; a smaller c or scaled columns help",
                solution.n_steps
            );
            ctx.warnings
                .push(Warning::new(WarningKind::NotConverged, [""; 0], message));
        }
        Ok(Fitted {
            is_partial: solution.outcome == Outcome::BudgetOver,
            model: Box::new(Logistic::new(
                inputs,
                &matrix,
                &classes,
                (&solution.theta, means),
            )),
            learned: ParamMap::new(),
        })
    }
}
