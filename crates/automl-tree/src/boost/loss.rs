//! The loss of a fit: chosen by task and parameters, with its constants taken from the training rows.

use super::rows::Rows;
use crate::gradient_boosting::{GradientBoostingParams, ID};
use crate::objective::{Loss, MulticlassLoss, Objective, weighted_quantile};
use automl_core::{FitError, ParamError, Params, Task};

/// The loss of the task, with targets checked against its domain.
pub(super) fn loss_of(
    params: &GradientBoostingParams,
    task: &Task,
    rows: &Rows,
) -> Result<Loss, FitError> {
    match task {
        Task::Binary { .. } => return Ok(Loss::Logistic),
        Task::Multiclass { classes } => {
            let n_classes = classes.len();
            return Ok(match params.multiclass {
                MulticlassLoss::Softmax => Loss::Softmax { n_classes },
                MulticlassLoss::OneVsRest => Loss::OneVsRest { n_classes },
            });
        }
        Task::Regression => {}
        _ => {
            return Err(FitError::Task {
                learner: ID,
                task: task.kind().name(),
            });
        }
    }
    let least = rows.targets.iter().copied().fold(f64::INFINITY, f64::min);
    let (is_in_domain, reason) = match params.objective {
        Objective::Poisson | Objective::Tweedie => (least >= 0.0, "needs targets of at least 0"),
        Objective::Gamma => (least > 0.0, "needs targets above 0"),
        _ => (true, ""),
    };
    if !is_in_domain {
        return Err(FitError::Param(ParamError::Conflict {
            name: "objective".into(),
            value: params.get("objective").expect("it is a parameter"),
            reason: reason.into(),
        }));
    }
    Ok(match params.objective {
        Objective::Squared => Loss::Squared,
        Objective::Absolute => Loss::Absolute,
        Objective::Huber => Loss::Huber {
            delta: huber_delta(params.alpha, rows),
        },
        Objective::Quantile => Loss::Quantile {
            alpha: params.alpha,
        },
        Objective::Poisson => Loss::Poisson,
        Objective::Gamma => Loss::Gamma,
        Objective::Tweedie => Loss::Tweedie {
            power: params.tweedie_power,
        },
    })
}

/// The `alpha` quantile of the distances from the median, so that the loss scales with the target.
fn huber_delta(alpha: f64, rows: &Rows) -> f64 {
    let weights = rows.weights.as_deref();
    let median = weighted_quantile(rows.targets.iter().copied(), weights, 0.5);
    let distances = rows.targets.iter().map(|target| (target - median).abs());
    let delta = weighted_quantile(distances, weights, alpha);
    if delta > 0.0 { delta } else { 1.0 }
}

/// Whether each output has both rows of its class and others; for regression, whether targets differ.
pub(super) fn learns(loss: Loss, rows: &Rows) -> Vec<bool> {
    let counts = |row: usize| {
        rows.weights
            .as_ref()
            .is_none_or(|weights| weights[row] > 0.0)
    };
    let targets = || {
        (0..rows.targets.len())
            .filter(|&row| counts(row))
            .map(|row| rows.targets[row])
    };
    let first = targets().next();
    let differs = first.is_some_and(|first| targets().any(|target| target != first));
    match loss {
        Loss::Softmax { n_classes } | Loss::OneVsRest { n_classes } => (0..n_classes)
            .map(|class| differs && targets().any(|target| target == class as f64))
            .collect(),
        _ => vec![differs],
    }
}
