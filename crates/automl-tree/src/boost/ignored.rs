//! Parameters that say something and change nothing: each is told, with what it is for.
//!
//! Only what follows from other parameters and the task is told. That a table has no category, or a fit no validation rows,
//! is no mistake of whoever set a parameter.

use super::{Boosting, CatEncoding, Request, RowSampling};
use crate::gradient_boosting::GradientBoostingParams;
use crate::grow::Growth;
use crate::objective::{Goal, Link, Loss, Objective};
use automl_core::{Params, TaskKind, Warning, WarningKind, Warnings};

/// Pushes a warning for each parameter that is not at its default and has no effect.
pub(super) fn warn(request: &Request<'_>, task: TaskKind, goal: &Goal, warnings: &Warnings) {
    let params = request.params;
    let of_losses = of_losses(params, task, goal);
    for (name, is_of_use, what_for) in of_losses.into_iter().chain(of_modes(params)) {
        let spec = GradientBoostingParams::SPECS
            .iter()
            .find(|spec| spec.name == name);
        let Some((spec, value)) = spec.zip(params.get(name)) else {
            continue;
        };
        if !is_of_use && value != (spec.default)() {
            let message = format!("{name} = {value} has no effect: it is {what_for}");
            let warning = Warning::new(WarningKind::ParameterIgnored, [""; 0], message);
            warnings.push(warning);
        }
    }
}

/// Whether a parameter is of use to this fit, by its name, and what it is for.
type Use = (&'static str, bool, &'static str);

/// Parameters of what is minimised.
fn of_losses(params: &GradientBoostingParams, task: TaskKind, goal: &Goal) -> [Use; 6] {
    let loss = match goal {
        Goal::Rows(loss) => Some(*loss),
        _ => None,
    };
    let has_alpha = matches!(loss, Some(Loss::Huber { .. } | Loss::Quantile { .. }));
    let is_tweedie = matches!(loss, Some(Loss::Tweedie { .. }));
    let is_objective = task == TaskKind::Regression || params.objective == Objective::LogLoss;
    [
        (
            "objective",
            is_objective,
            "for regression, and classes minimise log loss",
        ),
        (
            "multiclass",
            task == TaskKind::Multiclass,
            "for more than two classes",
        ),
        (
            "alpha",
            has_alpha,
            "the quantile of objective = quantile and the share of objective = huber; to shrink leaves, as XGBoost's alpha \
             does, set l1",
        ),
        ("tweedie_power", is_tweedie, "for objective = tweedie"),
        (
            "rank_truncation",
            matches!(goal, Goal::Queries(_)),
            "for objective = lambda_rank",
        ),
        (
            "max_step",
            goal.link() != Link::Identity,
            "for scores that are logarithms: classes, poisson, gamma, tweedie",
        ),
    ]
}

/// Parameters of ways to boost, each beside the one that chooses the way.
fn of_modes(params: &GradientBoostingParams) -> [Use; 15] {
    let is_goss = params.row_sampling == RowSampling::Goss;
    let is_mvs = params.row_sampling == RowSampling::Mvs;
    let is_dart = params.boosting == Boosting::Dart;
    let is_tuned = params.generalization_budget == 0.0;
    let is_ordered = params.cat_encoding == CatEncoding::OrderedTarget;
    let is_watched = params.early_stopping_rounds > 0;
    let is_symmetric = params.growth == Growth::Symmetric;
    let (dart, goss) = ("for boosting = dart", "for row_sampling = goss");
    let tuned = "for fits without generalization_budget";
    let uniform = "for rows drawn uniformly or by mvs, without generalization_budget";
    let leaves = "for other growth than symmetric, whose size is max_depth";
    let ordered = "for cat_encoding = ordered_target";
    let watched = "for early stopping, and early_stopping_rounds is 0";
    [
        ("drop_rate", is_dart, dart),
        ("max_drop", is_dart, dart),
        ("skip_drop", is_dart, dart),
        ("goss_top_share", is_goss, goss),
        ("goss_other_share", is_goss, goss),
        ("mvs_regularization", is_mvs, "for row_sampling = mvs"),
        ("row_fraction", is_tuned && !is_goss, uniform),
        ("learning_rate", is_tuned, tuned),
        ("n_trees", is_tuned, tuned),
        ("max_leaves", !is_symmetric, leaves),
        (
            "linear_l2",
            params.linear_leaves,
            "for linear_leaves = true",
        ),
        ("max_sorted_levels", is_ordered, ordered),
        ("target_prior_rows", is_ordered, ordered),
        ("eval_metric", is_watched, watched),
        ("early_stopping_min_delta", is_watched, watched),
    ]
}

#[cfg(test)]
mod tests;
