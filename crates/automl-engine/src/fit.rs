//! The main job: plan, search, ensemble, refit.

use crate::EngineError;
use crate::ensemble;
use crate::leaderboard::Leaderboard;
use crate::model::EnsembleModel;
use crate::options::FitOptions;
use crate::plan::Plan;
use crate::refit::Refit;
use crate::search;
use automl_core::metrics::Metric;
use automl_core::{CancelToken, Clock, Dataset, Event, Events, Warning, WarningKind, Warnings};

/// What surrounds one fit.
pub struct FitRun<'a> {
    /// Started when the command did: the time limit counts from there.
    pub clock: Clock,
    /// Raised by Ctrl-C: the search stops and the best so far is kept.
    pub cancel: CancelToken,
    /// Bytes of memory that the process holds, or `None` where that cannot be told.
    pub memory_in_use: &'a (dyn Fn() -> Option<u64> + Sync),
    /// Where findings go.
    pub warnings: &'a Warnings,
    /// Who hears of progress.
    pub events: &'a dyn Events,
}

/// What a fit gives.
pub struct FitOutcome {
    /// The model, ready to predict tables with the dataset's feature columns.
    pub model: EnsembleModel,
    /// Everything that was tried.
    pub leaderboard: Leaderboard,
    /// What decided.
    pub metric: Metric,
    /// The model's score on rows that its parts were not fitted on. Early stopping and the choice of members looked at
    /// them, so it is a little too good: rows kept apart from `fit` have the final word.
    pub score: f64,
    /// What was planned.
    pub plan: Plan,
    /// Trials that gave a score.
    pub n_trials: u64,
    /// Whether the user stopped the search.
    pub interrupted: bool,
}

/// Searches for the best model of `data` within the limits of `options`.
///
/// The time limit counts from the start of `run.clock`; 6 % of it is kept for the ensemble and writing where fold models
/// are bagged, 28 % where members are fitted again on all rows. With `max_trials` and no time limit, the same data, options and seed give the same bytes at any
/// number of threads.
///
/// # Errors
/// A learner or metric that does not exist or fit, limits that are missing, or no trial that gave a model.
pub fn fit(
    data: &Dataset,
    options: &FitOptions,
    run: &FitRun<'_>,
) -> Result<FitOutcome, EngineError> {
    let plan = Plan::new(data, options)?;
    run.events.emit(&plan.started(data, options));
    let found = search::run(data, &plan, options, run)?;
    phase(run, "ensemble");
    let selection = ensemble::select(data, &plan, &found, options, run)?;
    if plan.validation.refit {
        phase(run, "refit");
    }
    let refit = Refit {
        data,
        plan: &plan,
        found: &found,
        options,
        run,
    };
    let model = refit.finish(&selection);
    let leaderboard = selection.leaderboard(&plan, &found);
    if selection.is_baseline_alone(&found) {
        warn_of_baseline(run);
    }
    let n_trials = found.n_scored() as u64;
    let interrupted = run.cancel.is_cancelled();
    let at_seconds = run.clock.seconds();
    run.events.emit(&Event::Finished {
        score: selection.score,
        n_trials,
        interrupted,
        at_seconds,
    });
    Ok(FitOutcome {
        model,
        leaderboard,
        metric: plan.metric,
        score: selection.score,
        plan,
        n_trials,
        interrupted,
    })
}

/// A constant is a model, but hardly the one that was hoped for.
fn warn_of_baseline(run: &FitRun<'_>) {
    let message = "the model is the constant baseline: no trial that ended was better; \
                   give it more time or trials, or see whether the features say anything of the target";
    let none = Vec::<String>::new();
    run.warnings
        .push(Warning::new(WarningKind::BudgetReached, none, message));
}

fn phase(run: &FitRun<'_>, name: &str) {
    run.events.emit(&Event::Phase {
        name: name.to_owned(),
        at_seconds: run.clock.seconds(),
    });
}
