//! Which running trials to end early, from what they and the others have measured.
//!
//! Every rule is a pure function of a study and a trial. A rule looks at the best that a trial has measured so far, unless it
//! says otherwise.
//!
//! Several objectives are not made one, since that would cut off the ends of the front: what each trial measured last until the
//! same step is put in order by fronts of non-domination, and places in that order are compared. One that no other dominates
//! there goes on.
//!
//! Where trials tell constraints, they are compared with those that have ended and do not exceed any, and go on while no
//! complete trial keeps them all.

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

use crate::pareto;
use crate::study::{Direction, Measurement, State, Study, Trial};
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

impl Stopping {
    /// The objective that the rule, or the one that it holds back, names.
    pub fn objective(&self) -> Option<&str> {
        match self {
            Self::Threshold(own) => own.objective.as_deref(),
            Self::Patient(own) => own.rule.as_deref()?.objective(),
            _ => None,
        }
    }
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

/// The running trial of this number with the last step that it measured.
pub(crate) fn running(study: &Study, id: u64) -> Option<(&Trial, u64)> {
    let trial = study.trial(id).filter(|trial| !trial.state.is_finished())?;
    Some((trial, trial.curve.last()?.step))
}

/// The trials that another may be compared with; `None` if it may be with none, since no complete one keeps the constraints.
pub(crate) fn peers(study: &Study) -> Option<Vec<&Trial>> {
    let trials = study.trials().iter();
    if !study.is_constrained() {
        return Some(trials.collect());
    }
    let keeps = |own: &Trial| own.constraints.iter().all(|&excess| excess <= 0.0);
    let is_feasible = |own: &Trial| own.state == State::Complete && keeps(own);
    // Those that run may yet turn out to exceed one. Those that were stopped were no better than others, whatever they exceed.
    let peers = trials.filter(|own| own.state == State::Stopped || is_feasible(own));
    let peers: Vec<&Trial> = peers.collect();
    peers.iter().any(|own| is_feasible(own)).then_some(peers)
}

/// The step at which trials are whole, as complete ones show: the last that each of them measured, if it is the same.
pub(crate) fn common_end(study: &Study) -> Option<u64> {
    let complete = study.trials().iter();
    let complete = complete.filter(|own| own.state == State::Complete);
    let mut ends = complete.filter_map(|own| Some(own.curve.last()?.step));
    let first = ends.next()?;
    ends.all(|end| end == first).then_some(first)
}

/// A trial among others at a step: less is better.
pub(crate) struct Standing {
    pub(crate) own: f64,
    /// Of those others that had measured anything by then.
    pub(crate) others: Vec<f64>,
}

impl Standing {
    /// `None` if the trial has measured nothing until the step.
    pub(crate) fn at(study: &Study, trial: &Trial, peers: &[&Trial], step: u64) -> Option<Self> {
        fn until(trial: &Trial, step: u64) -> impl Iterator<Item = &Measurement> {
            let points = trial.curve.iter();
            points.take_while(move |point| point.step <= step)
        }
        let others = peers.iter().filter(|peer| peer.id != trial.id);
        if let [objective] = study.objectives() {
            let best = |trial: &Trial| {
                let points = until(trial, step);
                let losses = points.map(|point| objective.direction.loss(point.values[0]));
                losses.reduce(f64::min)
            };
            return Some(Self {
                own: best(trial)?,
                others: others.filter_map(|peer| best(peer)).collect(),
            });
        }
        let last = |trial: &Trial| -> Option<Vec<f64>> {
            let point = until(trial, step).last()?;
            let values = study.objectives().iter().zip(&point.values);
            Some(
                values
                    .map(|(own, &value)| own.direction.loss(value))
                    .collect(),
            )
        };
        let mut losses = vec![last(trial)?];
        losses.extend(others.filter_map(|peer| last(peer)));
        let views: Vec<&[f64]> = losses.iter().map(Vec::as_slice).collect();
        let mut places = vec![0.0; views.len()];
        for (place, at) in pareto::order(&views).into_iter().enumerate() {
            places[at] = place as f64;
        }
        let is_beaten = views[1..]
            .iter()
            .any(|other| pareto::dominates(other, views[0]));
        Some(Self {
            own: if is_beaten {
                places[0]
            } else {
                f64::NEG_INFINITY
            },
            others: places.split_off(1),
        })
    }
}

/// The curves of a study as one loss a step: that of an objective, or of all of them how far a measurement is from the best
/// values that any trial has measured, each objective on the range of all that were (the augmented Chebyshev distance).
pub(crate) struct Curves {
    objective: Option<usize>,
    ends: Vec<(f64, f64)>,
    directions: Vec<Direction>,
}

impl Curves {
    fn new(study: &Study, objective: Option<usize>) -> Self {
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
        Self {
            objective,
            ends,
            directions,
        }
    }

    /// The curves of each objective.
    pub(crate) fn of_each(study: &Study) -> Vec<Self> {
        let objectives = 0..study.objectives().len();
        objectives.map(|at| Self::new(study, Some(at))).collect()
    }

    /// The curves of each objective and, if there are several, of all together.
    pub(crate) fn of_all(study: &Study) -> Vec<Self> {
        let mut all = Self::of_each(study);
        if all.len() > 1 {
            all.push(Self::new(study, None));
        }
        all
    }

    /// One loss of the values of all objectives.
    pub(crate) fn loss(&self, values: &[f64]) -> f64 {
        let losses = values.iter().zip(&self.directions);
        let mut losses = losses.map(|(&value, direction)| direction.loss(value));
        if let Some(at) = self.objective {
            return losses.nth(at).unwrap_or(f64::INFINITY);
        }
        let shares = losses.zip(&self.ends).map(|(loss, (low, high))| {
            if high > low {
                (loss - low) / (high - low)
            } else {
                0.0
            }
        });
        let (worst, sum) = shares.fold((f64::NEG_INFINITY, 0.0), |(worst, sum), share| {
            (f64::max(worst, share), sum + share)
        });
        worst + 0.05 * sum
    }

    /// Steps and losses of a trial.
    pub(crate) fn of(&self, trial: &Trial) -> Vec<(u64, f64)> {
        let points = trial.curve.iter();
        points
            .map(|point| (point.step, self.loss(&point.values)))
            .collect()
    }
}
