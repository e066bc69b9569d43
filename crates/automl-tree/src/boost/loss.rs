//! The loss of a fit: chosen by task and parameters, with its constants taken from the training rows.

use super::rows::Rows;
use super::{Request, offset};
use crate::gradient_boosting::{GradientBoostingParams, ID};
use crate::objective::ranking::{MAX_GRADE, Ranking};
use crate::objective::{
    CustomObjective, Goal, Link, Loss, MulticlassLoss, Objective, ScoreLink, weighted_quantile,
};
use automl_core::{DatasetView, FitError, ParamError, ParamValue, Params, Task};
use std::sync::Arc;

/// What the fit minimises, with targets checked against its domain.
pub(super) fn goal_of(
    request: &Request<'_>,
    view: &DatasetView<'_>,
    rows: &Rows,
) -> Result<Goal, FitError> {
    let params = request.params;
    let goal = match (request.custom, view.task()) {
        (Some(custom), task) => custom_goal(custom, task)?,
        (None, Task::Binary { .. }) => Goal::Rows(Loss::Logistic),
        (None, Task::Multiclass { classes }) => {
            let n_classes = classes.len();
            Goal::Rows(match params.multiclass {
                MulticlassLoss::Softmax => Loss::Softmax { n_classes },
                MulticlassLoss::OneVsRest => Loss::OneVsRest { n_classes },
            })
        }
        (None, Task::Regression) => regression_goal(params, view, rows)?,
        (None, task) => return Err(unknown_task(task)),
    };
    if goal.n_outputs() > 1 && rows.offset.is_some() {
        let reason = "needs one output: a number added to all classes alike changes nothing";
        return Err(offset::conflict(params, reason).into());
    }
    Ok(goal)
}

fn unknown_task(task: &Task) -> FitError {
    FitError::Task {
        learner: ID,
        task: task.kind().name(),
    }
}

/// A user's own objective, whose link must fit the task.
fn custom_goal(custom: &Arc<dyn CustomObjective>, task: &Task) -> Result<Goal, FitError> {
    let is_logit = custom.link() == ScoreLink::Logit;
    let reason = match task {
        Task::Binary { .. } if is_logit => return Ok(Goal::Custom(custom.clone())),
        Task::Regression if !is_logit => return Ok(Goal::Custom(custom.clone())),
        Task::Binary { .. } => "gives no log-odds, which two classes need: its link must be Logit",
        Task::Regression => {
            "gives log-odds, which are for two classes: its link must be Identity or Log"
        }
        _ => return Err(unknown_task(task)),
    };
    Err(objective_conflict(format!("{custom:?}"), reason.to_owned()))
}

fn objective_conflict(objective: String, reason: String) -> FitError {
    FitError::Param(ParamError::Conflict {
        name: "objective".into(),
        value: ParamValue::Text(objective.into()),
        reason,
    })
}

/// The queries of a view's rows. Fails without groups, and on a target that is no grade.
pub(super) fn ranking_of(
    params: &GradientBoostingParams,
    view: &DatasetView<'_>,
    rows: &Rows,
) -> Result<Ranking, FitError> {
    let conflict = |reason: String| objective_conflict("lambda_rank".into(), reason);
    let Some(groups) = view.data().groups() else {
        let reason = "needs to know the query of each row: give the dataset groups".to_owned();
        return Err(conflict(reason));
    };
    let is_grade = |target: &f64| (0.0..=MAX_GRADE).contains(target) && target.fract() == 0.0;
    if let Some(place) = rows.targets.iter().position(|target| !is_grade(target)) {
        let (target, row) = (rows.targets[place], view.rows()[place]);
        return Err(conflict(format!(
            "needs whole grades from 0 to {MAX_GRADE} as targets, and that of row {row} is {target}"
        )));
    }
    let groups: Vec<u32> = view
        .rows()
        .iter()
        .map(|&row| groups[row as usize])
        .collect();
    let weights = rows.weights.as_deref();
    Ok(Ranking::new(
        &groups,
        &rows.targets,
        weights,
        params.rank_truncation,
    ))
}

/// What a regression minimises.
fn regression_goal(
    params: &GradientBoostingParams,
    view: &DatasetView<'_>,
    rows: &Rows,
) -> Result<Goal, FitError> {
    let least = rows.targets.iter().copied().fold(f64::INFINITY, f64::min);
    let (is_in_domain, reason) = match params.objective {
        Objective::Poisson | Objective::Tweedie => (least >= 0.0, "needs targets of at least 0"),
        Objective::Gamma => (least > 0.0, "needs targets above 0"),
        Objective::LogLoss => (false, "is for classes, and the target is a number"),
        _ => (true, ""),
    };
    if !is_in_domain {
        return Err(FitError::Param(ParamError::Conflict {
            name: "objective".into(),
            value: params.get("objective").expect("it is a parameter"),
            reason: reason.into(),
        }));
    }
    Ok(Goal::Rows(match params.objective {
        Objective::LambdaRank => {
            return Ok(Goal::Queries(Arc::new(ranking_of(params, view, rows)?)));
        }
        // Log loss was refused above.
        Objective::Squared | Objective::LogLoss => Loss::Squared,
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
    }))
}

/// The `alpha` quantile of the distances from the median, so that the loss scales with the target.
fn huber_delta(alpha: f64, rows: &Rows) -> f64 {
    let weights = rows.weights.as_deref();
    let residuals = rows.residuals();
    let median = weighted_quantile(residuals.iter().copied(), weights, 0.5);
    let distances = residuals.iter().map(|residual| (residual - median).abs());
    let delta = weighted_quantile(distances, weights, alpha);
    if delta > 0.0 { delta } else { 1.0 }
}

/// Whether each output has both rows of its class and others; for regression, whether targets differ, or the scores that
/// they start from.
pub(super) fn learns(goal: &Goal, rows: &Rows) -> Vec<bool> {
    let counts = |row: usize| {
        rows.weights
            .as_ref()
            .is_none_or(|weights| weights[row] > 0.0)
    };
    let differ = |values: &[f64]| {
        let mut counted = (0..rows.targets.len()).filter(|&row| counts(row));
        let first = counted.next().map(|row| values[row]);
        first.is_some_and(|first| counted.any(|row| values[row] != first))
    };
    let differs = differ(&rows.targets);
    match (goal, goal.link()) {
        (Goal::Rows(Loss::Softmax { n_classes } | Loss::OneVsRest { n_classes }), _) => {
            let has_rows = |class: usize| {
                let mut targets = rows.targets.iter().enumerate();
                targets.any(|(row, &target)| counts(row) && target == class as f64)
            };
            (0..*n_classes)
                .map(|class| differs && has_rows(class))
                .collect()
        }
        (_, Link::Logit) => vec![differs],
        _ => vec![differs || differ(&rows.scores)],
    }
}
