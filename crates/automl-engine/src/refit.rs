//! The final model: members fitted again on all rows where the plan says so and time allows.

use crate::encode::{Rows, encode};
use crate::ensemble::Selection;
use crate::fit::FitRun;
use crate::model::{EnsembleModel, Part};
use crate::plan::Plan;
use crate::search::{Found, is_full};
use crate::thin::{ROW_WORK_MAX, thinned};
use crate::trial::{Trial, mean_learned};
use crate::workers::side_by_side;
use crate::{FitOptions, outputs};
use automl_core::{
    Budget, Dataset, Deadline, FitContext, FitError, MemoryLimit, Seed, Threads, TrainingData,
    Warning, WarningKind,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// What each further thread adds to the speed of one fit.
const PARALLEL_GAIN: f64 = 0.5;
/// A refit is started only if so many times its expected duration is left.
const HEADROOM: f64 = 1.15;

/// All that a refit reads.
pub(crate) struct Refit<'a> {
    pub(crate) data: &'a Dataset,
    pub(crate) plan: &'a Plan,
    pub(crate) found: &'a Found,
    pub(crate) options: &'a FitOptions,
    pub(crate) run: &'a FitRun<'a>,
    /// When the last refit must be done.
    pub(crate) deadline: Deadline,
}

impl Refit<'_> {
    /// The parts of each selected trial. A member whose refit does not fit the time keeps its models from the search, with the
    /// default quality as many as a row has time for.
    pub(crate) fn parts(&self, selection: &Selection) -> Vec<Vec<Part>> {
        let refitted = self.refit_all(selection);
        let mut parts = Vec::new();
        let mut n_kept = 0;
        for (&(position, weight), refitted) in selection.members.iter().zip(refitted) {
            if let Some(part) = refitted {
                parts.push(vec![Part { weight, ..part }]);
                continue;
            }
            n_kept += 1;
            let trial = &self.found.trials[position];
            let weight = weight / trial.fits.len() as f64;
            let fits = trial.fits.iter().map(|fit| trial.part(fit, weight));
            parts.push(fits.collect());
        }
        if self.plan.validation.refit && n_kept > 0 {
            let why = if self.run.cancel.is_cancelled() {
                "since you stopped it"
            } else if self.is_full() {
                "since memory is full"
            } else {
                "within the limit"
            };
            let n_members = selection.members.len();
            let of_members = match (n_kept, n_members) {
                (1, 1) => "the only member was not refitted on all rows".to_owned(),
                (1, _) => format!("1 of {n_members} members was not refitted on all rows"),
                _ => format!("{n_kept} of {n_members} members were not refitted on all rows"),
            };
            let (keeps, its) = if n_kept == 1 {
                ("keeps", "the model")
            } else {
                ("keep", "the models")
            };
            let message = format!("{of_members} {why} and {keeps} {its} of the search");
            self.warn(WarningKind::BudgetReached, message);
        }
        if self.options.thins_bags() {
            return thinned(parts, ROW_WORK_MAX);
        }
        parts
    }

    /// The ensemble of these members.
    pub(crate) fn joined(&self, selection: &Selection, parts: &[Vec<Part>]) -> EnsembleModel {
        let task = self.data.task().clone();
        EnsembleModel::new(task, self.plan.floor, parts.concat())
            .raised_to(selection.power)
            .shifted_by(selection.shifts.clone())
    }

    /// One part a member; `None` for those that are not refitted.
    fn refit_all(&self, selection: &Selection) -> Vec<Option<Part>> {
        let n_members = selection.members.len();
        if !self.plan.validation.refit {
            return (0..n_members).map(|_| None).collect();
        }
        let n_workers = self.options.threads.clamp(1, n_members.max(1));
        let per_fit =
            Threads::new(self.options.threads / n_workers).unwrap_or_else(|_| Threads::one());
        side_by_side(n_members, n_workers, |index| {
            let (position, _) = selection.members[index];
            self.refit(&self.found.trials[position], &per_fit)
        })
    }

    /// Whether another fit could pass the memory limit.
    fn is_full(&self) -> bool {
        let used = self.options.memory_limit.zip((self.run.memory_in_use)());
        used.is_some_and(|(limit, used)| is_full(used, limit))
    }

    /// The trial fitted on all rows, or `None` if time does not allow it or the fit fails.
    pub(crate) fn refit(&self, trial: &Trial, threads: &Threads) -> Option<Part> {
        let growth = self.plan.refit_growth(self.data);
        let speed_up = 1.0 + PARALLEL_GAIN * (threads.count() - 1) as f64;
        let seconds = trial.seconds / trial.fits.len() as f64 * growth / speed_up;
        let deadline = self.deadline;
        let left = deadline.remaining().map(|left| left.as_secs_f64());
        let is_late = left.is_some_and(|left| left < seconds * HEADROOM);
        if is_late || self.is_full() || self.run.cancel.is_cancelled() {
            return None;
        }
        // A fit that its share of the time cut short would be cut short again: it gets as much time for its rows as it had.
        let deadline = if trial.is_partial {
            deadline.capped(Duration::from_secs_f64(seconds * HEADROOM))
        } else {
            deadline
        };
        let ctx = FitContext {
            seed: self.options.seed.named("refit").indexed(trial.id),
            threads: threads.clone(),
            budget: Budget {
                deadline,
                memory: MemoryLimit(self.options.memory_limit),
                cancel: self.run.cancel.clone(),
            },
            warnings: self.run.warnings,
        };
        let fitted = catch_unwind(AssertUnwindSafe(|| {
            let seed = self.options.seed;
            fit_all_rows((&ctx, seed), self.data, trial, growth).map_err(|error| error.to_string())
        }));
        match fitted.unwrap_or_else(|_| Err("internal error".into())) {
            Ok(part) => part,
            Err(error) => {
                let message = format!("{} could not be refitted: {error}", trial.name());
                self.warn(WarningKind::TrialFailed, message);
                None
            }
        }
    }

    fn warn(&self, kind: WarningKind, message: String) {
        let warning = Warning::new(kind, Vec::<String>::new(), message);
        self.run.warnings.push(warning);
    }
}

/// The trial's configuration fitted on all rows; `None` if the budget cut the fit short, unless it did so in the search.
fn fit_all_rows(
    (ctx, seed): (&FitContext<'_>, Seed),
    data: &Dataset,
    trial: &Trial,
    growth: f64,
) -> Result<Option<Part>, FitError> {
    let encoded = encode(ctx, seed, data, &trial.config, Rows::All)?;
    let mut params = trial.config.params.clone();
    params.extend(mean_learned(&trial.fits, growth));
    let rows = encoded.data.all_rows();
    let training = TrainingData::from(encoded.data.view(&rows));
    let fitted = outputs::fit(trial.config.learner, &params, ctx, &training)?;
    let part = Part {
        weight: 1.0,
        recipe: encoded.recipe.clone(),
        target_map: trial.config.target_map,
        ceiling: trial
            .config
            .target_map
            .ceiling(&data.view(&rows).target_numbers()),
        model: Arc::from(fitted.model),
    };
    Ok((!fitted.is_partial || trial.is_partial).then_some(part))
}
