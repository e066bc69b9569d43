//! The end of a trial: what is kept of it, and who hears of it.

use super::{KEPT_PER_LEARNER, Search, State};
use crate::trial::{Fit, Outcome, Trial, mean_learned};
use automl_core::{Event, Warning, WarningKind};
use std::collections::BTreeMap;

/// What is said of a trial that had no model when its share of the time was over.
pub(super) const OUT_OF_TIME: &str = "it did not end in its share of the time";

impl Search<'_> {
    pub(super) fn end(&self, state: &mut State, id: usize, outcome: Outcome, fits: Vec<Fit>) {
        let slot = &mut state.slots[id];
        let trial = Trial {
            id: id as u64,
            config: slot.config.clone(),
            fold_scores: fits.iter().map(|fit| fit.score).collect(),
            learned: mean_learned(&fits, 1.0),
            is_partial: fits.iter().any(|fit| fit.is_partial),
            seconds: fits.iter().map(|fit| fit.seconds).sum(),
            fits: if matches!(outcome, Outcome::Scored { .. }) {
                fits
            } else {
                Vec::new()
            },
            outcome,
        };
        let is_reported = slot.started;
        self.report(state, &trial, is_reported);
        state.slots[id].ended = Some(trial);
        drop_low_ranks(state);
    }

    fn report(&self, state: &mut State, trial: &Trial, is_reported: bool) {
        let at_seconds = self.run.clock.seconds();
        let learner = trial.config.learner.id.to_owned();
        match &trial.outcome {
            Outcome::Scored { loss } => {
                let best = state.best_loss.map_or(*loss, |best| best.min(*loss));
                state.best_loss = Some(best);
                self.run.events.emit(&Event::TrialFinished {
                    trial: trial.id,
                    learner,
                    name: trial.name(),
                    score: self.plan.metric.loss(*loss),
                    best_score: self.plan.metric.loss(best),
                    fit_seconds: trial.seconds,
                    at_seconds,
                });
            }
            Outcome::Failed { reason } if is_reported && !self.is_winding_up(state) => {
                let message = format!("trial {} failed: {reason}", trial.name());
                let none = Vec::<String>::new();
                let warning = Warning::new(WarningKind::TrialFailed, none, message);
                self.run.warnings.push(warning);
                self.emit_failed(trial, reason);
            }
            Outcome::OutOfTime if is_reported && !self.is_winding_up(state) => {
                state.out_of_time.push(trial.name());
                self.emit_failed(trial, OUT_OF_TIME);
            }
            _ => {}
        }
    }

    /// Whether a limit or the user ends what still runs: that is no failure of the trial.
    fn is_winding_up(&self, state: &State) -> bool {
        self.run.cancel.is_cancelled() || self.time_is_over(state)
    }

    fn emit_failed(&self, trial: &Trial, reason: &str) {
        self.run.events.emit(&Event::TrialFailed {
            trial: trial.id,
            learner: trial.config.learner.id.to_owned(),
            reason: reason.to_owned(),
            at_seconds: self.run.clock.seconds(),
        });
    }

    /// One warning for all trials that did not end in their share of the time.
    pub(super) fn warn_of_out_of_time(&self, names: &[String]) {
        const SHOWN: usize = 4;
        let (n_trials, shown) = (names.len(), names.len().min(SHOWN));
        if n_trials == 0 {
            return;
        }
        let trials = if n_trials == 1 { "trial" } else { "trials" };
        let more = if n_trials > shown { ", …" } else { "" };
        let message = format!(
            "{n_trials} {trials} had no model yet when {} share of the time was over: {}{more}; a longer --time-limit gives more",
            if n_trials == 1 { "its" } else { "their" },
            names[..shown].join(", "),
        );
        let none = Vec::<String>::new();
        let warning = Warning::new(WarningKind::BudgetReached, none, message);
        self.run.warnings.push(warning);
    }
}

/// Lets the models of all but each learner's best trials go: the ensemble will not look at them.
fn drop_low_ranks(state: &mut State) {
    let mut held: Vec<(f64, usize)> = state
        .slots
        .iter()
        .enumerate()
        .filter_map(|(id, slot)| Some((slot.ended.as_ref()?.scored_loss()?, id)))
        .collect();
    held.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut better_of_learner: BTreeMap<&str, usize> = BTreeMap::new();
    for &(_, id) in &held {
        let Some(trial) = state.slots[id].ended.as_mut() else {
            continue;
        };
        let rank = better_of_learner
            .entry(trial.config.learner.id)
            .or_default();
        if *rank >= KEPT_PER_LEARNER {
            trial.fits.clear();
        }
        *rank += 1;
    }
}
