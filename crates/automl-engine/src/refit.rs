//! The final model: members fitted again on all rows where the plan says so and time allows.

use crate::encode::{Rows, encode};
use crate::ensemble::Selection;
use crate::fit::FitRun;
use crate::model::EnsembleModel;
use crate::plan::Plan;
use crate::search::Found;
use crate::trial::Trial;
use crate::{EngineError, FitOptions};
use automl_core::{
    Budget, Dataset, FitContext, FitError, MemoryLimit, Model, ParamMap, ParamValue, Threads,
    TrainingData, Warning, WarningKind,
};
use automl_features::FittedRecipe;
use std::sync::Arc;

/// A refit is started only if so many times its expected duration is left.
const HEADROOM: f64 = 1.25;

/// The ensemble of the selected trials.
///
/// # Errors
/// None beyond those of the members; a member whose refit does not fit the time keeps its model from the search.
pub(crate) fn finish(
    data: &Dataset,
    plan: &Plan,
    found: &Found,
    selection: &Selection,
    options: &FitOptions,
    run: &FitRun<'_>,
) -> Result<EnsembleModel, EngineError> {
    let refitted = if plan.validation.refit {
        let pool = Threads::new(options.threads).unwrap_or_else(|_| Threads::one());
        let per_fit = if selection.members.len() >= options.threads {
            Threads::one()
        } else {
            pool.clone()
        };
        pool.map(selection.members.len(), |index| {
            let trial = &found.trials[selection.members[index].0];
            refit(data, plan, trial, found, options, run, &per_fit)
        })
    } else {
        selection.members.iter().map(|_| None).collect()
    };
    let mut parts = Vec::new();
    let mut n_kept = 0;
    for (&(position, weight), refitted) in selection.members.iter().zip(refitted) {
        let trial = &found.trials[position];
        let map = trial.config.target_map;
        if let Some((recipe, model)) = refitted {
            parts.push((weight, recipe, map, model));
            continue;
        }
        n_kept += 1;
        let share = weight / trial.fits.len() as f64;
        parts.extend(
            trial
                .fits
                .iter()
                .map(|fit| (share, fit.recipe.clone(), map, fit.model.clone())),
        );
    }
    if plan.validation.refit && n_kept > 0 {
        let message = format!(
            "{n_kept} of {} members were not refitted on all rows within the limit and keep the model of the search",
            selection.members.len()
        );
        run.warnings.push(Warning::new(
            WarningKind::BudgetReached,
            Vec::<String>::new(),
            message,
        ));
    }
    Ok(EnsembleModel::new(data.task().clone(), parts))
}

type Refitted = (Arc<FittedRecipe>, Arc<dyn Model>);

/// The member fitted on all rows, or `None` if time does not allow it or the fit fails.
fn refit(
    data: &Dataset,
    plan: &Plan,
    trial: &Trial,
    found: &Found,
    options: &FitOptions,
    run: &FitRun<'_>,
    threads: &Threads,
) -> Option<Refitted> {
    let n_train: usize = plan
        .splits
        .iter()
        .map(|split| split.train.len())
        .sum::<usize>()
        / plan.splits.len();
    let growth = data.n_rows() as f64 / n_train as f64;
    let seconds = trial.seconds / trial.fits.len() as f64 * growth;
    let deadline = found.refit_deadline(run);
    if deadline
        .remaining()
        .is_some_and(|left| left.as_secs_f64() < seconds * HEADROOM)
        || run.cancel.is_cancelled()
    {
        return None;
    }
    let ctx = FitContext {
        seed: options.seed.named("refit").indexed(trial.id),
        threads: threads.clone(),
        budget: Budget {
            deadline,
            memory: MemoryLimit(options.memory_limit),
            cancel: run.cancel.clone(),
        },
        warnings: run.warnings,
    };
    match fit_all(&ctx, data, trial, growth) {
        Ok(refitted) => refitted,
        Err(error) => {
            let message = format!("{} could not be refitted: {error}", trial.name());
            run.warnings.push(Warning::new(
                WarningKind::TrialFailed,
                Vec::<String>::new(),
                message,
            ));
            None
        }
    }
}

fn fit_all(
    ctx: &FitContext<'_>,
    data: &Dataset,
    trial: &Trial,
    growth: f64,
) -> Result<Option<Refitted>, FitError> {
    let encoded = encode(ctx, data, &trial.config, Rows::All)?;
    let mut params = trial.config.params.clone();
    params.extend(mean_learned(trial, growth));
    let rows = encoded.data.all_rows();
    let learner = (trial.config.learner.build)(&params)?;
    let fitted = learner.fit(ctx, &TrainingData::from(encoded.data.view(&rows)))?;
    Ok((!fitted.is_partial).then(|| (encoded.recipe.clone(), Arc::from(fitted.model))))
}

/// What early stopping found, averaged over the splits; counts grow a little with the rows.
fn mean_learned(trial: &Trial, growth: f64) -> ParamMap {
    let Some(first) = trial.fits.first() else {
        return ParamMap::new();
    };
    let mean = |name: &String| -> Option<ParamValue> {
        let values: Vec<f64> = trial
            .fits
            .iter()
            .filter_map(|fit| fit.learned.get(name)?.as_f64())
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        match first.learned.get(name)? {
            ParamValue::Int(_) => Some(ParamValue::Int(
                (mean * growth.sqrt()).round().max(1.0) as i64
            )),
            ParamValue::Float(_) => Some(ParamValue::Float(mean)),
            other => Some(other.clone()),
        }
    };
    first
        .learned
        .keys()
        .filter_map(|name| Some((name.clone(), mean(name)?)))
        .collect()
}
