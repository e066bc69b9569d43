//! What a search found, and when each phase after it must end.

use crate::fit::FitRun;
use crate::plan::Plan;
use crate::trial::{Outcome, Trial};
use crate::{EngineError, FitOptions};
use automl_core::{Clock, Deadline};
use std::time::Duration;

/// What the search found.
pub(crate) struct Found {
    /// Ended trials in order of their number.
    pub(crate) trials: Vec<Trial>,
    pub(super) schedule: Schedule,
}

/// When each phase must end, in seconds on the run's clock.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    pub(super) search: Option<f64>,
    ensemble: Option<f64>,
    refit: Option<f64>,
}

impl Schedule {
    pub(super) fn new(plan: &Plan, options: &FitOptions) -> Self {
        let limit = options.time_limit.map(|limit| limit.as_secs_f64());
        let (search, ensemble) = if plan.validation.refit {
            (0.72, 0.76)
        } else {
            (0.94, 0.97)
        };
        let at = |share: f64| limit.map(|limit| limit * share - 0.2);
        Self {
            search: at(search),
            ensemble: at(ensemble),
            refit: at(0.97),
        }
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

    /// Whether the ensemble has used up its time.
    pub(crate) fn ensemble_is_late(&self, run: &FitRun<'_>) -> bool {
        self.schedule
            .ensemble
            .is_some_and(|end| run.clock.seconds() > end)
    }

    /// When the last refit must be done.
    pub(crate) fn refit_deadline(&self, run: &FitRun<'_>) -> Deadline {
        deadline(run.clock, self.schedule.refit)
    }

    /// Why there is no model.
    pub(crate) fn no_model(&self, run: &FitRun<'_>) -> EngineError {
        let reason = self.trials.iter().find_map(|trial| match &trial.outcome {
            Outcome::Failed { reason } => Some(format!("{}: {reason}", trial.name())),
            _ => None,
        });
        match reason {
            Some(first) if !run.cancel.is_cancelled() => EngineError::AllFailed {
                n_trials: self.trials.len(),
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
