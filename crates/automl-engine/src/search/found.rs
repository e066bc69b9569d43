//! What a search found, and when each phase after it must end.

use crate::fit::FitRun;
use crate::plan::Plan;
use crate::preview::Phases;
use crate::trial::{Outcome, Trial};
use crate::{EngineError, FitOptions};
use automl_core::{Clock, Deadline};
use std::time::Duration;

/// What the search found.
pub(crate) struct Found {
    /// Ended trials in order of their number.
    pub(crate) trials: Vec<Trial>,
    /// Trials that were begun; some of the others were given up before, as they would not have ended in time.
    pub(crate) n_started: usize,
    pub(crate) schedule: Schedule,
}

/// When each phase must end, in seconds on the run's clock.
#[derive(Clone, Copy)]
pub(crate) struct Schedule {
    pub(super) search: Option<f64>,
    ensemble: Option<f64>,
    refit: Option<f64>,
    distill: Option<f64>,
    explain: Option<f64>,
    /// Time for the ensemble where members are refitted.
    ensemble_seconds: f64,
}

/// So many times what refits are expected to take is kept for them.
const REFIT_RESERVE: f64 = 1.5;
/// Share of the limit that the ensemble may take before members are refitted.
const ENSEMBLE_SHARE: f64 = 0.04;
/// Seconds that are kept for explanations of any model, the share of the limit beside them, and the most of both: what they cost
/// does not grow with the limit for ever.
const EXPLAIN_LEAST: f64 = 0.2;
const EXPLAIN_SHARE: f64 = 0.015;
const EXPLAIN_MOST: f64 = 2.5;

/// Share of the limit that is kept to make a small model of the ensemble, where that is asked for.
const DISTILL_SHARE: f64 = 0.3;

/// Seconds that are kept for what follows the refits.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    distill: f64,
    explain: f64,
}

/// Seconds that are kept for explanations.
fn explain_seconds(limit: f64) -> f64 {
    (EXPLAIN_LEAST + EXPLAIN_SHARE * limit).min(EXPLAIN_MOST)
}

impl Schedule {
    pub(crate) fn new(plan: &Plan, options: &FitOptions) -> Self {
        let limit = options.time_limit.map(|limit| limit.as_secs_f64());
        let seconds = |is_asked_for: bool, of: fn(f64) -> f64| {
            let limit = limit.filter(|_| is_asked_for);
            limit.map_or(0.0, of)
        };
        let kept = Kept {
            distill: seconds(options.distills, |limit| DISTILL_SHARE * limit),
            explain: seconds(options.explains, explain_seconds),
        };
        Self::within(limit, plan.validation.refit, kept)
    }

    /// The same lengths of time, where the search begins after it was to end: what an earlier process had no time for, or
    /// lost, is done after all.
    pub(super) fn from(self, now: f64) -> Self {
        let late = self.search.map_or(0.0, |end| (now - end).max(0.0));
        let later = |end: Option<f64>| end.map(|end| end + late);
        Self {
            search: later(self.search),
            ensemble: later(self.ensemble),
            refit: later(self.refit),
            distill: later(self.distill),
            explain: later(self.explain),
            ..self
        }
    }

    /// Everything is so many seconds earlier as are kept for what follows it.
    fn within(limit: Option<f64>, has_refits: bool, kept: Kept) -> Self {
        let (search, ensemble) = if has_refits {
            (0.72, 0.72 + ENSEMBLE_SHARE)
        } else {
            (0.94, 0.97)
        };
        let at = |share: f64| limit.map(|limit| limit * share - 0.2);
        let before = |share: f64| at(share).map(|end| end - kept.distill - kept.explain);
        Self {
            search: before(search),
            ensemble: before(ensemble),
            refit: before(0.97),
            distill: at(0.97).map(|end| end - kept.explain),
            explain: at(0.97),
            ensemble_seconds: ENSEMBLE_SHARE * limit.unwrap_or_default(),
        }
    }

    /// When the search is to end.
    pub(crate) fn search_end(&self) -> Option<f64> {
        self.search
    }

    /// When each phase ends, if there is a limit.
    pub(crate) fn phases(&self, options: &FitOptions) -> Option<Phases> {
        Some(Phases {
            search_seconds: self.search?,
            ensemble_seconds: self.ensemble?,
            refit_seconds: self.refit?,
            distill_seconds: self.distill.filter(|_| options.distills),
            explain_seconds: self.explain?,
            limit_seconds: options.time_limit?.as_secs_f64(),
        })
    }

    /// When the search ends if refits will take so long: later than planned where that is less than was kept for them, never
    /// earlier.
    pub(super) fn search_given(&self, refit_seconds: Option<f64>) -> Option<f64> {
        let (planned, refit) = (self.search?, self.refit?);
        let later = refit_seconds.map_or(planned, |seconds| {
            refit - self.ensemble_seconds - REFIT_RESERVE * seconds
        });
        Some(later.max(planned))
    }

    /// The schedule of what follows a search that was to end then.
    pub(super) fn after(self, search: Option<f64>) -> Self {
        let is_later = search > self.search;
        let ensemble = match search {
            Some(end) if is_later => Some(end + self.ensemble_seconds),
            _ => self.ensemble,
        };
        Self { ensemble, ..self }
    }
}

impl Found {
    /// Positions of scored trials, best first.
    pub(crate) fn ranked(&self) -> Vec<usize> {
        let loss = |position: usize| self.trials[position].scored_loss().unwrap_or(f64::INFINITY);
        let mut ranked: Vec<usize> = (0..self.trials.len())
            .filter(|&position| self.trials[position].scored_loss().is_some())
            .collect();
        ranked.sort_by(|&a, &b| loss(a).total_cmp(&loss(b)).then(a.cmp(&b)));
        ranked
    }

    /// Number of trials with a score.
    pub(crate) fn n_scored(&self) -> usize {
        self.trials
            .iter()
            .filter(|trial| trial.scored_loss().is_some())
            .count()
    }

    /// When the ensemble has used up its time, on the run's clock; `None` without a limit.
    pub(crate) fn ensemble_end(&self) -> Option<f64> {
        self.schedule.ensemble
    }

    /// Whether it has.
    pub(crate) fn ensemble_is_late(&self, run: &FitRun<'_>) -> bool {
        self.ensemble_end()
            .is_some_and(|end| run.clock.seconds() > end)
    }

    /// When the last refit must be done.
    pub(crate) fn refit_deadline(&self, run: &FitRun<'_>) -> Deadline {
        deadline(run.clock, self.schedule.refit)
    }

    /// When the small model must be done.
    pub(crate) fn distill_deadline(&self, run: &FitRun<'_>) -> Deadline {
        deadline(run.clock, self.schedule.distill)
    }

    /// When explanations must be done, in seconds on the run's clock.
    pub(crate) fn explain_end(&self) -> Option<f64> {
        self.schedule.explain
    }

    /// Why there is no model.
    pub(crate) fn no_model(&self, run: &FitRun<'_>) -> EngineError {
        let reason = self.trials.iter().find_map(|trial| match &trial.outcome {
            Outcome::Failed { reason } => Some(format!("{}: {reason}", trial.name())),
            _ => None,
        });
        match reason {
            Some(first) if !run.cancel.is_cancelled() => EngineError::AllFailed {
                n_trials: self.n_started,
                first,
            },
            _ if run.cancel.is_cancelled() => EngineError::Cancelled,
            _ => EngineError::TimeLimit,
        }
    }
}

pub(super) fn deadline(clock: Clock, end: Option<f64>) -> Deadline {
    end.map_or_else(Deadline::never, |end| {
        Deadline::on(clock, Duration::from_secs_f64(end.max(0.0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_goes_on_while_refits_are_quick_and_never_ends_early_for_slow_ones() {
        let schedule = Schedule::within(Some(10.0), true, Kept::default());
        let planned = schedule.search.unwrap();
        assert!((planned - 7.0).abs() < 1e-9, "{planned}");
        assert_eq!(schedule.search_given(None), Some(planned));
        assert_eq!(schedule.search_given(Some(60.0)), Some(planned));
        let later = schedule.search_given(Some(0.4)).unwrap();
        assert!((later - (9.5 - 0.4 - 0.6)).abs() < 1e-9, "{later}");
        let after = schedule.after(Some(later));
        assert!((after.ensemble.unwrap() - (later + 0.4)).abs() < 1e-9);
        assert_eq!(schedule.after(Some(planned)).ensemble, schedule.ensemble);
    }

    #[test]
    fn a_search_that_goes_on_too_late_has_its_ending_all_the_same() {
        let schedule = Schedule::within(Some(10.0), true, Kept::default());
        assert_eq!(schedule.from(3.0).ensemble, schedule.ensemble);
        let late = schedule.from(9.0);
        assert_eq!(late.search, Some(9.0));
        assert!((late.refit.unwrap() - 9.0 - (9.5 - 7.0)).abs() < 1e-9);
    }

    #[test]
    fn what_is_kept_for_explanations_is_taken_from_all_before_them() {
        let (plain, told) = (
            Schedule::within(Some(60.0), false, Kept::default()),
            Schedule::within(
                Some(60.0),
                false,
                Kept {
                    distill: 0.0,
                    explain: 1.1,
                },
            ),
        );
        let earlier = |plain: Option<f64>, told: Option<f64>| plain.unwrap() - told.unwrap();
        assert!((earlier(plain.search, told.search) - 1.1).abs() < 1e-9);
        assert!((earlier(plain.ensemble, told.ensemble) - 1.1).abs() < 1e-9);
        assert_eq!(told.explain, plain.refit);
        assert!((explain_seconds(10.0) - 0.35).abs() < 1e-9);
        assert_eq!(explain_seconds(3600.0), EXPLAIN_MOST);
    }

    #[test]
    fn without_a_limit_nothing_has_an_end() {
        let schedule = Schedule::within(None, true, Kept::default());
        assert_eq!(schedule.search_given(Some(1.0)), None);
        assert_eq!(schedule.after(None).ensemble, None);
    }
}
