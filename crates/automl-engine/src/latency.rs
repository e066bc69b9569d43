//! How long one row takes, where the user limits that.
//!
//! Rows come one by one when a model answers requests, and what a single one costs cannot be told from how fast many go: it is
//! measured, on rows of the table, one at a time. So where a limit is given, which members are chosen depends on the machine.

use crate::fit::FitRun;
use crate::model::EnsembleModel;
use crate::trial::Trial;
use automl_core::{Clock, Dataset, Model as _, Transformer as _, Warning, WarningKind};
use std::time::Duration;

/// Rows that are timed.
const N_ROWS: usize = 48;
/// Rows that are predicted before, to have code and data at hand.
const N_WARM: usize = 8;

/// What one candidate costs a row, in seconds.
#[derive(Debug, Clone, Copy)]
struct Cost {
    recipe: f64,
    model: f64,
}

/// The limit, and what each candidate costs of it.
pub(crate) struct Speed {
    limit: f64,
    /// Names of the recipes, and costs, by candidate.
    costs: Vec<(&'static str, Cost)>,
}

impl Speed {
    /// Measures the trials, each by the model of its first split: one that is fitted again on all rows is not much bigger.
    pub(crate) fn measure(data: &Dataset, trials: &[&Trial], limit: Duration) -> Self {
        let costs = trials.iter().map(|trial| {
            let fit = &trial.fits[0];
            let mut recipe_seconds = Vec::new();
            let model_seconds = timed(data, |row| {
                let rows = [row];
                let view = data.view(&rows);
                let clock = Clock::start();
                let table = fit.recipe.transform(&view.table()).ok()?;
                let encoded = clock.seconds();
                recipe_seconds.push(encoded);
                fit.model.predict(&table.view()).ok()?;
                Some(clock.seconds() - encoded)
            });
            let cost = Cost {
                recipe: median(recipe_seconds),
                model: model_seconds,
            };
            (trial.config.recipe, cost)
        });
        Self {
            limit: limit.as_secs_f64(),
            costs: costs.collect(),
        }
    }

    /// Seconds a row of the candidates that were added so often, and of one more.
    fn seconds_with(&self, counts: &[u32], added: usize) -> f64 {
        let mut recipes: Vec<&str> = Vec::new();
        let mut sum = 0.0;
        let taken = |&index: &usize| counts[index] > 0 || index == added;
        for index in (0..self.costs.len()).filter(taken) {
            let (recipe, cost) = self.costs[index];
            sum += cost.model;
            if !recipes.contains(&recipe) {
                recipes.push(recipe);
                sum += cost.recipe;
            }
        }
        sum
    }

    /// Whether one more of a candidate stays within the limit.
    pub(crate) fn allows(&self, counts: &[u32], added: usize) -> bool {
        self.seconds_with(counts, added) <= self.limit
    }

    /// The candidate that is quickest alone.
    pub(crate) fn quickest(&self) -> usize {
        let alone = |&index: &usize| self.seconds_with(&vec![0; self.costs.len()], index);
        let mut all: Vec<usize> = (0..self.costs.len()).collect();
        all.sort_by(|a, b| alone(a).total_cmp(&alone(b)));
        all[0]
    }
}

/// How many of the heaviest members keep the limit, at least one, and the median time of a row with them. `model_of` makes the
/// model of so many.
pub(crate) fn keep_limit(
    n_members: usize,
    model_of: impl Fn(usize) -> EnsembleModel,
    data: &Dataset,
    limit: Duration,
    run: &FitRun<'_>,
) -> (usize, f64) {
    let mut n_kept = n_members;
    let seconds = loop {
        let seconds = seconds_of(&model_of(n_kept), data);
        if seconds <= limit.as_secs_f64() || n_kept == 1 {
            break seconds;
        }
        n_kept -= 1;
    };
    if n_kept < n_members {
        let message = format!(
            "{} of {n_members} members, those of least weight, were left out to keep the inference limit; the score is without them",
            n_members - n_kept
        );
        warn(run, message);
    }
    if seconds > limit.as_secs_f64() {
        let message = format!(
            "one row takes {:.0} µs, more than the inference limit of {:.0} µs, though one member is left; with folds a member is a model a fold, with a holdout one",
            seconds * 1e6,
            limit.as_secs_f64() * 1e6
        );
        warn(run, message);
    }
    (n_kept, seconds)
}

fn warn(run: &FitRun<'_>, message: String) {
    let none = Vec::<String>::new();
    let warning = Warning::new(WarningKind::BudgetReached, none, message);
    run.warnings.push(warning);
}

/// The median time that one row takes.
pub(crate) fn seconds_of(model: &EnsembleModel, data: &Dataset) -> f64 {
    timed(data, |row| {
        let rows = [row];
        let view = data.view(&rows);
        let clock = Clock::start();
        model.predict(&view.table()).ok()?;
        Some(clock.seconds())
    })
}

/// The median of what `seconds` says of some rows, spread over the table.
fn timed(data: &Dataset, mut seconds: impl FnMut(u32) -> Option<f64>) -> f64 {
    let n_rows = data.n_rows();
    let row = |index: usize| (index * n_rows / (N_ROWS + N_WARM)) as u32;
    let times = (0..N_ROWS + N_WARM).filter_map(|index| seconds(row(index)));
    median(times.skip(N_WARM).collect())
}

/// Infinite if there are none: what cannot predict is never quick.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::INFINITY)
}
