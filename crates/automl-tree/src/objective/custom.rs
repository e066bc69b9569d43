//! An objective that a user brings.

use super::Link;
use crate::gradient_boosting::ID;
use automl_core::FitError;
use std::fmt::Debug;

/// Newton steps and halvings of one, at most, on the way to a starting score.
const MAX_STEPS: usize = 100;

/// How the raw score of a user's own objective becomes a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreLink {
    /// It is the prediction; for regression.
    Identity,
    /// The prediction is its exponential; for regression.
    Log,
    /// It is the log-odds of the second class; for two classes.
    Logit,
}

impl From<ScoreLink> for Link {
    fn from(link: ScoreLink) -> Self {
        match link {
            ScoreLink::Identity => Self::Identity,
            ScoreLink::Log => Self::Log,
            ScoreLink::Logit => Self::Logit,
        }
    }
}

/// A loss of one's own, for [`GradientBoosting::with_objective`](crate::GradientBoosting::with_objective).
///
/// Rows have one raw score `s` and one target `y`: the number, or the code 0 or 1 of one of two classes. A loss may look
/// at all rows at once. A model keeps only the link, so that it is loaded and predicts without the objective.
///
/// ```
/// use automl_core::*;
/// use automl_tree::{CustomObjective, GradientBoosting, GradientBoostingParams, ScoreLink};
/// use std::sync::Arc;
///
/// /// Squared error that is `up` times as dear above the target as below it.
/// #[derive(Debug)]
/// struct Lopsided { up: f64 }
///
/// impl Lopsided {
///     fn price(&self, y: f64, s: f64) -> f64 { if s > y { self.up } else { 1.0 } }
/// }
///
/// impl CustomObjective for Lopsided {
///     fn link(&self) -> ScoreLink { ScoreLink::Identity }
///     fn gradients(&self, targets: &[f64], scores: &[f64], pairs: &mut [[f64; 2]]) {
///         for ((pair, y), s) in pairs.iter_mut().zip(targets).zip(scores) {
///             *pair = [self.price(*y, *s) * (s - y), self.price(*y, *s)];
///         }
///     }
///     fn loss(&self, targets: &[f64], scores: &[f64], weights: Option<&[f64]>) -> f64 {
///         let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
///         let total: f64 = (0..targets.len()).map(weight).sum();
///         let rows = targets.iter().zip(scores).enumerate();
///         rows.map(|(row, (y, s))| 0.5 * weight(row) * self.price(*y, *s) * (s - y) * (s - y)).sum::<f64>() / total
///     }
/// }
///
/// let x: Vec<f64> = (0..400).map(|row| f64::from(row % 2)).collect();
/// let y: Vec<f64> = (0..400).map(|row| f64::from(row % 2) + f64::from(row / 2 % 2)).collect();
/// let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
/// let data = Dataset::new(table, Task::Regression, Target::Numbers(y.into())).unwrap();
/// let warnings = Warnings::default();
/// let ctx = FitContext { seed: Seed(1), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
/// let params = GradientBoostingParams { row_fraction: 1.0, ..GradientBoostingParams::default() };
/// let learner = GradientBoosting::with_objective(params, Arc::new(Lopsided { up: 3.0 }))?;
/// let fitted = learner.fit(&ctx, &data.view(&data.all_rows()).into())?;
/// // Half of the targets are 0 and half are 1 where x is 0: `3 p = 1 − p` at the least loss.
/// assert!((fitted.model.predict(&data.table().view())?.values()[0] - 0.25).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CustomObjective: Debug + Send + Sync {
    /// How a raw score becomes a prediction.
    fn link(&self) -> ScoreLink;

    /// Writes the gradient and the Hessian (the first and second derivative by its score) of each row's loss, without its
    /// weight. They must be finite, and Hessians not below 0. The same scores must give the same numbers.
    fn gradients(&self, targets: &[f64], scores: &[f64], pairs: &mut [[f64; 2]]);

    /// The weighted mean loss of the rows, which early stopping watches: lower is better.
    fn loss(&self, targets: &[f64], scores: &[f64], weights: Option<&[f64]>) -> f64;

    /// The score that all rows start from, on top of the offset of each where there is one. Found by Newton steps from 0
    /// that lower the loss, unless you know better.
    fn start(&self, targets: &[f64], weights: Option<&[f64]>, offset: Option<&[f64]>) -> f64 {
        best_constant(self, targets, weights, offset)
    }
}

/// A stationary score of the mean loss on top of the offset: Newton steps, halved until the loss falls.
fn best_constant<O: CustomObjective + ?Sized>(
    objective: &O,
    targets: &[f64],
    weights: Option<&[f64]>,
    offset: Option<&[f64]>,
) -> f64 {
    let scores_at = |start: f64| -> Vec<f64> {
        match offset {
            Some(offset) => offset.iter().map(|o| start + o).collect(),
            None => vec![start; targets.len()],
        }
    };
    let loss_at = |start: f64| objective.loss(targets, &scores_at(start), weights);
    let mut pairs = vec![[0.0; 2]; targets.len()];
    let (mut start, mut loss) = (0.0, loss_at(0.0));
    for _ in 0..MAX_STEPS {
        objective.gradients(targets, &scores_at(start), &mut pairs);
        let (mut gradient, mut hessian) = (0.0, 0.0);
        for (row, [g, h]) in pairs.iter().enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            gradient += weight * g;
            hessian += weight * h;
        }
        let mut step = -gradient / hessian;
        if !step.is_finite() {
            break;
        }
        let mut lower = None;
        for _ in 0..MAX_STEPS {
            let there = loss_at(start + step);
            if there < loss {
                lower = Some(there);
                break;
            }
            step *= 0.5;
        }
        let Some(lower) = lower else { break };
        (start, loss) = (start + step, lower);
        if step.abs() <= 1e-12 * start.abs().max(1.0) {
            break;
        }
    }
    start
}

/// The start of a user's own objective, which must be finite.
pub(super) fn checked_start(
    objective: &dyn CustomObjective,
    targets: &[f64],
    weights: Option<&[f64]>,
    offset: Option<&[f64]>,
) -> Result<f64, FitError> {
    let start = objective.start(targets, weights, offset);
    if start.is_finite() {
        Ok(start)
    } else {
        Err(unusable(objective, &format!("starts from {start}")))
    }
}

/// The gradients of a user's own objective, which must be finite and curve upwards.
pub(super) fn checked_gradients(
    objective: &dyn CustomObjective,
    targets: &[f64],
    scores: &[f64],
    pairs: &mut [[f64; 2]],
) -> Result<(), FitError> {
    objective.gradients(targets, scores, pairs);
    let is_usable = |[g, h]: &[f64; 2]| g.is_finite() && h.is_finite() && *h >= 0.0;
    match pairs.iter().position(|pair| !is_usable(pair)) {
        None => Ok(()),
        Some(row) => {
            let ([gradient, hessian], target, score) = (pairs[row], targets[row], scores[row]);
            Err(unusable(
                objective,
                &format!(
                    "gives the gradient {gradient} and the Hessian {hessian} at the score {score} of target {target}; \
                     they must be finite, and Hessians not below 0"
                ),
            ))
        }
    }
}

/// The loss of validation rows by a user's own objective, which must be finite.
pub(crate) fn checked_loss(
    objective: &dyn CustomObjective,
    targets: &[f64],
    scores: &[f64],
    weights: Option<&[f64]>,
) -> Result<f64, FitError> {
    let loss = objective.loss(targets, scores, weights);
    if !loss.is_finite() {
        let reason = format!("gives the loss {loss} of the validation rows, which must be finite");
        return Err(unusable(objective, &reason));
    }
    Ok(loss)
}

fn unusable(objective: &dyn CustomObjective, reason: &str) -> FitError {
    FitError::Numeric {
        learner: ID,
        reason: format!("the objective {objective:?} {reason}"),
    }
}
