//! How long one row takes, where that is limited.
//!
//! Rows come one by one when a model answers requests, and what a single one costs cannot be told from how fast many go: where the
//! user gives a limit it is measured, on rows of the table, one at a time, and which members are chosen depends on the machine. The
//! limit of the fast quality is counted from sizes ([`automl_core::Model::row_work`]), and the same everywhere.

use crate::fit::FitRun;
use crate::model::EnsembleModel;
use crate::search::Found;
use crate::suggest::BASELINE;
use crate::trial::{RowWork, Trial};
use crate::{FitOptions, Quality};
use automl_core::{Clock, Dataset, Model as _, Transformer as _, Warning, WarningKind};
use std::time::Duration;

/// Rows that are timed.
const N_ROWS: usize = 48;
/// Rows that are predicted before, to have code and data at hand.
const N_WARM: usize = 8;

/// What a row may be with the fast quality: less than half of the 100 µs that are promised, since machines differ, a busy one takes
/// twice as long for one row in a hundred, and a model of all rows is a bit bigger than that of a split.
const FAST_WORK_MAX: f64 = 4e4;
/// What quick models must gain over a constant at least, as a share of what the best gains, or the best is taken as it is.
const GAIN_MIN: f64 = 0.9;

/// What a row may be by the models' sizes, if anything is asked of it.
pub(crate) fn row_work_max(options: &FitOptions) -> Option<f64> {
    let is_counted = options.quality == Quality::Fast && options.inference_limit.is_none();
    is_counted.then_some(FAST_WORK_MAX)
}

/// Whether a row of so much is more than is asked for; what is not known is not.
pub(crate) fn is_too_slow(row_work: Option<RowWork>, options: &FitOptions) -> bool {
    let known = row_work_max(options).zip(row_work);
    known.is_some_and(|(max, row_work)| row_work.total() > max)
}

/// Of trials ranked by their loss those that are quick enough alone, where the best of them is nearly as good as the best of all;
/// else all. What is lost is told by what there is to lose: how much better than a constant the best is.
pub(crate) fn quick_enough(found: &Found, ranked: Vec<usize>, options: &FitOptions) -> Vec<usize> {
    let trial = |position: usize| &found.trials[position];
    let loss = |position: usize| trial(position).scored_loss().unwrap_or(f64::INFINITY);
    let is_held = |&position: &usize| !trial(position).fits.is_empty();
    let is_quick =
        |position: &usize| is_held(position) && !is_too_slow(trial(*position).row_work, options);
    let quick: Vec<usize> = ranked.iter().copied().filter(is_quick).collect();
    let is_constant = |position: &usize| trial(*position).config.learner.id == BASELINE;
    let constant = ranked.iter().copied().find(is_constant);
    let (Some(&best), Some(&first)) = (ranked.iter().find(|at| is_held(at)), quick.first()) else {
        return ranked;
    };
    // Without a constant to compare with, the loss itself is what there is to lose.
    let zero = constant.map_or(loss(best) + loss(best).abs(), loss);
    let gain = |position: usize| zero - loss(position);
    if gain(first) >= GAIN_MIN * gain(best) {
        quick
    } else {
        ranked
    }
}

/// What one candidate costs a row, in seconds or in work.
#[derive(Debug, Clone, Copy)]
struct Cost {
    recipe: f64,
    model: f64,
}

/// The limit, and what each candidate costs of it.
pub(crate) struct Speed {
    limit: f64,
    /// Whether the first member may be any: what is among the candidates beyond the limit is worth it.
    is_first_free: bool,
    /// Names of the recipes, and costs, by candidate.
    costs: Vec<(&'static str, Cost)>,
}

impl Speed {
    /// What is asked of a row, if anything is.
    pub(crate) fn asked(data: &Dataset, trials: &[&Trial], options: &FitOptions) -> Option<Self> {
        match (options.inference_limit, options.quality) {
            (Some(limit), _) => Some(Self::measure(data, trials, limit)),
            (None, Quality::Fast) => Some(Self::counted(trials)),
            (None, Quality::Balanced | Quality::Best) => None,
        }
    }

    /// Counts what the trials are, each by the model of its first split.
    fn counted(trials: &[&Trial]) -> Self {
        let costs = trials.iter().map(|trial| {
            let fit = &trial.fits[0];
            let cost = Cost {
                recipe: fit.recipe.row_work(),
                model: fit.model.row_work(),
            };
            (trial.config.recipe, cost)
        });
        Self {
            limit: FAST_WORK_MAX,
            is_first_free: true,
            costs: costs.collect(),
        }
    }

    /// Measures the trials, each by the model of its first split: one that is fitted again on all rows is not much bigger.
    fn measure(data: &Dataset, trials: &[&Trial], limit: Duration) -> Self {
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
            is_first_free: false,
            costs: costs.collect(),
        }
    }

    /// What a row costs with the candidates that were added so often, and with one more.
    fn cost_with(&self, counts: &[u32], added: usize) -> f64 {
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
        let is_first = counts.iter().all(|count| *count == 0);
        (is_first && self.is_first_free) || self.cost_with(counts, added) <= self.limit
    }

    /// The candidate to take if none can be chosen: that which is quickest alone, or the best.
    pub(crate) fn last_resort(&self) -> usize {
        if self.is_first_free {
            return 0;
        }
        let alone = |&index: &usize| self.cost_with(&vec![0; self.costs.len()], index);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(is_first_free: bool) -> Speed {
        let cost = |model| Cost { recipe: 1e4, model };
        Speed {
            limit: 6e4,
            is_first_free,
            costs: vec![
                ("trees", cost(7e4)),
                ("trees", cost(2e4)),
                ("linear", cost(1e4)),
            ],
        }
    }

    #[test]
    fn members_are_added_while_a_row_keeps_the_limit() {
        let speed = speed(false);
        assert!(!speed.allows(&[0, 0, 0], 0));
        assert!(speed.allows(&[0, 1, 0], 2), "one recipe more");
        assert!(speed.allows(&[0, 1, 0], 1), "more of one that is there");
        assert!(!speed.allows(&[0, 1, 1], 0));
        assert_eq!(speed.last_resort(), 2);
    }

    #[test]
    fn the_best_alone_may_be_beyond_a_limit_that_nobody_asked_for() {
        let speed = speed(true);
        assert!(speed.allows(&[0, 0, 0], 0));
        assert!(!speed.allows(&[1, 0, 0], 2));
        assert_eq!(speed.last_resort(), 0);
    }
}
