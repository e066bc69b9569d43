//! The end of a trial: what is kept of it, and who hears of it.

use super::{KEPT_PER_LEARNER, Search, State};
use crate::FitOptions;
use crate::journal::{self, JournalEntry};
use crate::latency;
use crate::trial::{Fit, Outcome, Trial, mean_learned};
use automl_core::{Event, Warning, WarningKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is said of a trial that had no model when its share of the time was over.
pub(super) const OUT_OF_TIME: &str = "it did not end in its share of the time";

impl Search<'_> {
    pub(super) fn end(&self, state: &mut State, id: usize, outcome: Outcome, fits: Vec<Arc<Fit>>) {
        // Of one that failed, others wait.
        state.queue.retain(|job| job.trial != id);
        let slot = &mut state.slots[id];
        let trial = Trial {
            id: id as u64,
            config: slot.config.clone(),
            fold_scores: fits.iter().map(|fit| fit.score).collect(),
            learned: mean_learned(&fits, 1.0),
            is_partial: fits.iter().any(|fit| fit.is_partial),
            seconds: fits.iter().map(|fit| fit.seconds).sum(),
            row_work: fits.first().map(|fit| fit.row_work()),
            fits: if matches!(outcome, Outcome::Scored { .. }) {
                fits
            } else {
                Vec::new()
            },
            outcome,
        };
        // What a limit or the user ended is no failure of the trial: a later process may give it what it lacked.
        let has_failed = matches!(trial.outcome, Outcome::Failed { .. } | Outcome::OutOfTime);
        if slot.started && !(has_failed && self.is_winding_up(state)) {
            let at_seconds = self.run.clock.seconds();
            self.run
                .journal
                .note(&JournalEntry::ended(&trial, at_seconds));
            self.tell(state, &trial, at_seconds);
            if trial.fits.is_empty() {
                self.forget(&trial);
            }
        }
        state.slots[id].ended = Some(trial);
        self.drop_low_ranks(state);
    }

    fn forget(&self, trial: &Trial) {
        for split in 0..self.plan.splits.len() {
            self.run.journal.forget(&journal::name(trial.id, split));
        }
    }

    /// Tells all who hear of it how a trial ended.
    pub(super) fn tell(&self, state: &mut State, trial: &Trial, at_seconds: f64) {
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
            Outcome::Failed { reason } => {
                let message = format!("trial {} failed: {reason}", trial.name());
                let none = Vec::<String>::new();
                let warning = Warning::new(WarningKind::TrialFailed, none, message);
                self.run.warnings.push(warning);
                self.emit_failed(trial, reason, at_seconds);
            }
            Outcome::OutOfTime => {
                state.out_of_time.push(trial.name());
                self.emit_failed(trial, OUT_OF_TIME, at_seconds);
            }
            Outcome::Pruned { .. } => {}
        }
    }

    /// Whether a limit or the user ends what still runs: that is no failure of the trial.
    fn is_winding_up(&self, state: &State) -> bool {
        self.run.cancel.is_cancelled() || self.time_is_over(state)
    }

    fn emit_failed(&self, trial: &Trial, reason: &str, at_seconds: f64) {
        self.run.events.emit(&Event::TrialFailed {
            trial: trial.id,
            learner: trial.config.learner.id.to_owned(),
            reason: reason.to_owned(),
            at_seconds,
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

    /// Lets the models of all but each learner's best trials go: the ensemble will not look at them.
    fn drop_low_ranks(&self, state: &mut State) {
        let ended = state.slots.iter().filter_map(|slot| slot.ended.as_ref());
        let kept = best_of_learners(ended, self.options);
        for slot in &mut state.slots {
            if let Some(trial) = &mut slot.ended
                && !trial.fits.is_empty()
                && !kept.contains(&trial.id)
            {
                trial.fits.clear();
                self.forget(trial);
            }
        }
    }
}

/// The ids of each learner's best trials. Where rows are to be quick, those that are not are ranked by themselves, and do not take
/// the places of others.
pub(super) fn best_of_learners<'a>(
    trials: impl Iterator<Item = &'a Trial>,
    options: &FitOptions,
) -> BTreeSet<u64> {
    let scored = trials.filter_map(|trial| Some((trial.scored_loss()?, trial)));
    let mut ranked: Vec<(f64, &Trial)> = scored.collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.id.cmp(&b.1.id)));
    let mut n_better: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    ranked.retain(|(_, trial)| {
        let is_slow = latency::is_too_slow(trial.row_work, options);
        let n_better = n_better
            .entry((trial.config.learner.id, is_slow))
            .or_default();
        *n_better += 1;
        *n_better <= KEPT_PER_LEARNER
    });
    ranked.into_iter().map(|(_, trial)| trial.id).collect()
}
