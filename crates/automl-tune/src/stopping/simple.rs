//! Rules that look at one trial alone, or hold another rule back.

use super::{Curves, Stopper, Stopping, running};
use crate::study::Study;
use serde::{Deserialize, Serialize};

/// Ends a trial whose last value of an objective leaves these bounds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Threshold {
    /// The name of the objective; by default the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objective: Option<String>,
    /// The least value that may go on, if there is one.
    pub lower: Option<f64>,
    /// The greatest value that may go on, if there is one.
    pub upper: Option<f64>,
    /// Steps that every trial may run.
    pub n_warmup: u64,
}

impl Stopper for Threshold {
    fn should_stop(&self, study: &Study, id: u64) -> bool {
        let known = study.objectives();
        let place = match &self.objective {
            None => Some(0),
            Some(name) => known.iter().position(|own| own.name == *name),
        };
        let value = running(study, id)
            .filter(|(_, step)| *step > self.n_warmup)
            .and_then(|(trial, _)| trial.curve.last()?.values.get(place?).copied());
        value.is_some_and(|value| {
            self.lower.is_some_and(|lower| value < lower)
                || self.upper.is_some_and(|upper| value > upper)
        })
    }
}

/// Ends a trial that has not become better in any objective for a while and that another rule, if there is one, would end too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Patient {
    /// Measurements without progress that are forgiven.
    pub patience: usize,
    /// What counts as progress, in units of the loss.
    pub delta_min: f64,
    /// The rule that is held back; without one the trial ends on its own.
    pub rule: Option<Box<Stopping>>,
}

impl Default for Patient {
    fn default() -> Self {
        Self {
            patience: 3,
            delta_min: 0.0,
            rule: None,
        }
    }
}

impl Stopper for Patient {
    fn should_stop(&self, study: &Study, id: u64) -> bool {
        let Some((trial, _)) = running(study, id) else {
            return false;
        };
        if trial.curve.len() <= self.patience + 1 {
            return false;
        }
        let least = |part: &[(u64, f64)]| {
            part.iter()
                .map(|(_, loss)| *loss)
                .fold(f64::INFINITY, f64::min)
        };
        let is_stuck = Curves::of_each(study).iter().all(|curves| {
            let curve = curves.of(trial);
            let (before, after) = curve.split_at(curve.len() - self.patience - 1);
            least(after) > least(before) - self.delta_min
                || (self.delta_min == 0.0 && least(after) >= least(before))
        });
        is_stuck
            && self
                .rule
                .as_ref()
                .is_none_or(|rule| rule.should_stop(study, id))
    }
}
