//! Which running trials to end early, from what they and the others have measured.
//!
//! Every rule is a pure function of a study and a trial. Curves of several objectives are compared by one number a step:
//! how far a measurement is from the best values that any trial of the study has measured, each objective on the range of
//! all that were measured (the augmented Chebyshev distance). So all rules work for several objectives too.
//!
//! A rule looks at the best that a trial has measured so far, unless it says otherwise.

mod curve;
mod halving;
mod quantile;
mod simple;
#[cfg(test)]
mod tests;

pub use curve::DecayCurve;
pub use halving::{Hyperband, SuccessiveHalving};
pub use quantile::Percentile;
pub use simple::{Patient, Threshold};

use crate::study::{Study, Trial};
use serde::{Deserialize, Serialize};

/// A rule that says whether a running trial should be ended.
pub trait Stopper: Send + Sync {
    /// Whether trial `id` should be ended now; false for one that is not running or has measured nothing.
    fn should_stop(&self, study: &Study, id: u64) -> bool;
}

/// Any rule, as a study's file names it: `{"name": "asha", "reduction": 3}`; settings that are left out have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is named for the rule it holds")]
pub enum Stopping {
    /// [`Percentile`] at 50.
    Median(Percentile),
    Percentile(Percentile),
    Patient(Patient),
    Threshold(Threshold),
    Asha(SuccessiveHalving),
    Hyperband(Hyperband),
    DecayCurve(DecayCurve),
}

impl Stopper for Stopping {
    fn should_stop(&self, study: &Study, id: u64) -> bool {
        match self {
            Self::Median(own) | Self::Percentile(own) => own.should_stop(study, id),
            Self::Patient(own) => own.should_stop(study, id),
            Self::Threshold(own) => own.should_stop(study, id),
            Self::Asha(own) => own.should_stop(study, id),
            Self::Hyperband(own) => own.should_stop(study, id),
            Self::DecayCurve(own) => own.should_stop(study, id),
        }
    }
}

/// The curves of a study as one loss a step.
pub(crate) struct Curves {
    ends: Vec<(f64, f64)>,
    directions: Vec<crate::study::Direction>,
}

impl Curves {
    pub(crate) fn new(study: &Study) -> Self {
        let directions: Vec<_> = study.objectives().iter().map(|own| own.direction).collect();
        let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); directions.len()];
        let mut take = |values: &[f64]| {
            for ((end, &value), direction) in ends.iter_mut().zip(values).zip(&directions) {
                let loss = direction.loss(value);
                *end = (end.0.min(loss), end.1.max(loss));
            }
        };
        for trial in study.trials() {
            take(&trial.values);
            for measurement in &trial.curve {
                take(&measurement.values);
            }
        }
        Self { ends, directions }
    }

    /// One loss of the values of all objectives.
    pub(crate) fn loss(&self, values: &[f64]) -> f64 {
        let losses = values.iter().zip(&self.directions);
        let losses: Vec<f64> = losses
            .map(|(&value, direction)| direction.loss(value))
            .collect();
        if let [loss] = losses[..] {
            return loss;
        }
        let shares = losses.iter().zip(&self.ends).map(|(loss, (low, high))| {
            if high > low {
                (loss - low) / (high - low)
            } else {
                0.0
            }
        });
        let worst = shares.clone().fold(f64::NEG_INFINITY, f64::max);
        worst + 0.05 * shares.sum::<f64>()
    }

    /// Steps and losses of a trial.
    pub(crate) fn of(&self, trial: &Trial) -> Vec<(u64, f64)> {
        let points = trial.curve.iter();
        points
            .map(|point| (point.step, self.loss(&point.values)))
            .collect()
    }

    /// The least loss of a trial up to a step; `None` if it measured nothing until then.
    pub(crate) fn best_until(&self, trial: &Trial, step: u64) -> Option<f64> {
        let until = trial.curve.iter().take_while(|point| point.step <= step);
        until.map(|point| self.loss(&point.values)).reduce(f64::min)
    }
}

/// The running trial of this number with the last step that it measured.
pub(crate) fn running(study: &Study, id: u64) -> Option<(&Trial, u64)> {
    let trial = study.trial(id).filter(|trial| !trial.state.is_finished())?;
    Some((trial, trial.curve.last()?.step))
}
