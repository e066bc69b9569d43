//! A study in memory: its space, its objectives and the log of its trials, from which samplers read.
//!
//! A study is built by replaying its log: [`Study::start`], [`Study::report`] and [`Study::finish`] in the order in which
//! it happened. The same calls give the same study, and samplers depend on nothing else. Points are translated to
//! coordinates once, when a trial starts, so that a suggestion costs no more than its mathematics.

mod error;
mod memo;
mod rank;
#[cfg(test)]
mod tests;
mod trial;

pub use error::StudyError;
pub use trial::{Direction, Measurement, Objective, Outcome, State, Trial};

use crate::space::Space;
use crate::transfer::Source;
use automl_core::{ParamMap, nearest};
pub(crate) use memo::Memo;
use std::collections::BTreeMap;

/// A finished trial as samplers see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// Coordinates.
    pub(crate) at: Vec<f64>,
    /// A loss for each objective; empty if the trial gave none. Of a stopped trial those it measured last.
    pub(crate) losses: Vec<f64>,
    /// How much each constraint is exceeded.
    pub(crate) constraints: Vec<f64>,
    /// Whether the losses are final.
    pub(crate) is_complete: bool,
    /// What it took, such as seconds, if that was told.
    pub(crate) cost: Option<f64>,
}

impl Seen {
    /// By how much constraints are exceeded in all.
    pub(crate) fn violation(&self) -> f64 {
        self.constraints.iter().map(|excess| excess.max(0.0)).sum()
    }

    /// Whether it is complete and keeps all constraints.
    pub(crate) fn is_feasible(&self) -> bool {
        self.is_complete && self.constraints.iter().all(|&excess| excess <= 0.0)
    }
}

/// A study: space, objectives, log.
#[derive(Debug, Clone)]
pub struct Study {
    space: Space,
    objectives: Vec<Objective>,
    /// How many trials are planned, if that is known.
    budget: Option<usize>,
    trials: Vec<Trial>,
    positions: BTreeMap<u64, usize>,
    /// Coordinates of each trial.
    coordinates: Vec<Vec<f64>>,
    finished: Vec<Seen>,
    /// Positions in `trials` of the finished ones, in the order in which they ended.
    order: Vec<usize>,
    sources: Vec<Source>,
    /// What trials took, by their numbers.
    costs: BTreeMap<u64, f64>,
    /// How much costs count.
    cost_weight: f64,
    /// Whether trials will tell constraints, or have.
    is_constrained: bool,
    memo: Memo,
}

impl Study {
    /// A study without trials.
    pub fn new(space: Space, objectives: Vec<Objective>) -> Result<Self, StudyError> {
        if objectives.is_empty() {
            return Err(StudyError::NoObjective);
        }
        for (at, objective) in objectives.iter().enumerate() {
            if objectives[..at]
                .iter()
                .any(|known| known.name == objective.name)
            {
                return Err(StudyError::ObjectiveDuplicate {
                    name: objective.name.clone(),
                });
            }
        }
        Ok(Self {
            space,
            objectives,
            budget: None,
            trials: Vec::new(),
            positions: BTreeMap::new(),
            coordinates: Vec::new(),
            finished: Vec::new(),
            order: Vec::new(),
            sources: Vec::new(),
            costs: BTreeMap::new(),
            cost_weight: 0.0,
            is_constrained: false,
            memo: Memo::default(),
        })
    }

    /// The same, for so many trials in all; samplers that divide their work by it use this.
    pub fn with_budget(mut self, n_trials: usize) -> Self {
        self.budget = Some(n_trials);
        self
    }

    /// The same, learning from earlier studies too.
    pub fn with_sources(mut self, sources: Vec<Source>) -> Self {
        self.sources = sources;
        self
    }

    /// The same, weighing what a trial promises against what it will cost ([`Study::spend`]): 0 heeds no cost, 1 looks for the
    /// greatest improvement per unit of it. A weight that falls with the share of the budget that is left tries cheap points first and
    /// dear ones in the end (Lee, Perrone, Archambeau and Seeger (2020), *Cost-aware Bayesian optimization*). Gaussian processes heed
    /// it, other samplers do not.
    pub fn with_cost_weight(mut self, weight: f64) -> Self {
        self.cost_weight = weight.clamp(0.0, 1.0);
        self
    }

    /// The same, whose trials will tell constraints; without it, that is known once the first has.
    pub fn with_constraints(mut self) -> Self {
        self.is_constrained = true;
        self
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The objectives.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// How many trials are planned, if that is known.
    pub fn budget(&self) -> Option<usize> {
        self.budget
    }

    /// All trials, in the order in which they were added.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The trial of this number.
    pub fn trial(&self, id: u64) -> Option<&Trial> {
        self.positions.get(&id).map(|&at| &self.trials[at])
    }

    /// Adds a trial that waits for somebody to run it, such as a point that the user asks for.
    pub fn enqueue(&mut self, id: u64, params: ParamMap) -> Result<(), StudyError> {
        self.add(id, params, State::Waiting)
    }

    /// Adds a trial that runs, or marks one that waited as running, whatever its `params` then.
    pub fn start(&mut self, id: u64, params: ParamMap) -> Result<(), StudyError> {
        if let Some(&at) = self.positions.get(&id)
            && self.trials[at].state == State::Waiting
        {
            self.trials[at].state = State::Running;
            return Ok(());
        }
        self.add(id, params, State::Running)
    }

    /// What a running trial measured after `step` units of work; told twice, the later counts.
    pub fn report(&mut self, id: u64, step: u64, values: Vec<f64>) -> Result<(), StudyError> {
        let at = self.open(id)?;
        self.check_values(&values)?;
        let curve = &mut self.trials[at].curve;
        match curve.binary_search_by_key(&step, |known| known.step) {
            Ok(place) => curve[place].values = values,
            Err(place) => curve.insert(place, Measurement { step, values }),
        }
        Ok(())
    }

    /// What a trial that has not ended took, such as its seconds; a cost that is not a positive number says nothing.
    ///
    /// # Errors
    /// There is no such trial, or it has ended.
    pub fn spend(&mut self, id: u64, cost: f64) -> Result<(), StudyError> {
        self.open(id)?;
        if cost.is_finite() && cost > 0.0 {
            self.costs.insert(id, cost);
        }
        Ok(())
    }

    /// How a trial ended.
    pub fn finish(&mut self, id: u64, outcome: Outcome) -> Result<(), StudyError> {
        let at = self.open(id)?;
        if let Outcome::Complete {
            values,
            constraints,
        } = &outcome
        {
            self.check_values(values)?;
            if constraints.iter().any(|excess| excess.is_nan()) {
                return Err(StudyError::ValueNotFinite {
                    name: "constraint".to_owned(),
                });
            }
        }
        let trial = &mut self.trials[at];
        let is_complete = matches!(outcome, Outcome::Complete { .. });
        match outcome {
            Outcome::Complete {
                values,
                constraints,
            } => {
                trial.state = State::Complete;
                trial.values = values;
                self.is_constrained |= !constraints.is_empty();
                trial.constraints = constraints;
            }
            Outcome::Stopped => {
                trial.state = State::Stopped;
                if let Some(last) = trial.curve.last() {
                    trial.values.clone_from(&last.values);
                }
            }
            Outcome::Failed => trial.state = State::Failed,
        }
        let losses = trial.values.iter().zip(&self.objectives);
        self.finished.push(Seen {
            at: self.coordinates[at].clone(),
            losses: losses
                .map(|(&value, objective)| objective.direction.loss(value))
                .collect(),
            constraints: trial.constraints.clone(),
            is_complete,
            cost: self.costs.get(&id).copied(),
        });
        self.order.push(at);
        Ok(())
    }

    /// Adds a trial with all that came of it, as from a log or another program.
    pub fn add_trial(&mut self, trial: Trial) -> Result<(), StudyError> {
        let outcome = match trial.state {
            State::Waiting => return self.enqueue(trial.id, trial.params),
            State::Running => None,
            State::Complete => Some(Outcome::Complete {
                values: trial.values,
                constraints: trial.constraints,
            }),
            State::Stopped => Some(Outcome::Stopped),
            State::Failed => Some(Outcome::Failed),
        };
        if let Some(Outcome::Complete { values, .. }) = &outcome {
            self.check_values(values)?;
        }
        for measurement in &trial.curve {
            self.check_values(&measurement.values)?;
        }
        self.start(trial.id, trial.params)?;
        for measurement in trial.curve {
            self.report(trial.id, measurement.step, measurement.values)?;
        }
        match outcome {
            Some(outcome) => self.finish(trial.id, outcome),
            None => Ok(()),
        }
    }

    /// Finished trials in the order in which they ended.
    pub(crate) fn finished(&self) -> &[Seen] {
        &self.finished
    }

    /// Coordinates of the trials that wait or run.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &[f64]> {
        let open = self.trials.iter().zip(&self.coordinates);
        open.filter(|(trial, _)| !trial.state.is_finished())
            .map(|(_, at)| at.as_slice())
    }

    /// The finished trials in the order in which they ended.
    pub(crate) fn finished_trials(&self) -> impl Iterator<Item = &Trial> {
        self.order.iter().map(|&at| &self.trials[at])
    }

    /// Coordinates of all trials.
    pub(crate) fn known(&self) -> &[Vec<f64>] {
        &self.coordinates
    }

    /// Whether earlier studies have anything to say.
    pub(crate) fn has_sources(&self) -> bool {
        self.sources.iter().any(|source| source.n_trials() > 0)
    }

    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Whether trials tell constraints.
    pub(crate) fn is_constrained(&self) -> bool {
        self.is_constrained
    }

    /// How much costs count.
    pub(crate) fn cost_weight(&self) -> f64 {
        self.cost_weight
    }

    pub(crate) fn memo(&self) -> &Memo {
        &self.memo
    }

    /// Whether a trial has these coordinates.
    pub(crate) fn is_known(&self, at: &[f64]) -> bool {
        let is_same = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12 || (a.is_nan() && b.is_nan());
        self.coordinates
            .iter()
            .any(|known| known.iter().zip(at).all(is_same))
    }

    /// The same study with one more trial under way, to choose the next of a batch.
    pub(crate) fn and_pending(&mut self, at: Vec<f64>, params: ParamMap) {
        let id = self.positions.last_key_value().map_or(0, |(id, _)| id + 1);
        self.positions.insert(id, self.trials.len());
        self.trials.push(Trial {
            id,
            params,
            state: State::Running,
            values: Vec::new(),
            constraints: Vec::new(),
            curve: Vec::new(),
        });
        self.coordinates.push(at);
    }

    fn add(&mut self, id: u64, params: ParamMap, state: State) -> Result<(), StudyError> {
        if self.positions.contains_key(&id) {
            return Err(StudyError::TrialExists { id });
        }
        let at = self.locate(&params)?;
        self.positions.insert(id, self.trials.len());
        self.coordinates.push(at);
        self.trials.push(Trial {
            id,
            params,
            state,
            values: Vec::new(),
            constraints: Vec::new(),
            curve: Vec::new(),
        });
        Ok(())
    }

    fn locate(&self, params: &ParamMap) -> Result<Vec<f64>, StudyError> {
        let parameters = self.space.parameters();
        let names = || parameters.iter().map(|known| known.name.as_str());
        if let Some(name) = params.keys().find(|key| !names().any(|name| name == *key)) {
            return Err(StudyError::ParameterUnknown {
                name: name.clone(),
                near: nearest(name, names()),
            });
        }
        let at = self.space.coordinates(params).map_err(|j| {
            let name = parameters[j].name.clone();
            let value = params.get(&name);
            let is_inside =
                value.is_some_and(|value| self.space.axes()[j].coordinate(value).is_some());
            StudyError::ParameterInvalid {
                reason: match (value, is_inside) {
                    (None, _) => "is missing",
                    (Some(_), false) => "is outside its domain",
                    (Some(_), true) => "is given although its condition does not hold",
                },
                name,
            }
        })?;
        if self.space.is_allowed(&at) {
            Ok(at)
        } else {
            Err(StudyError::PointForbidden)
        }
    }

    /// The position of a trial that has not ended.
    fn open(&self, id: u64) -> Result<usize, StudyError> {
        let at = *self
            .positions
            .get(&id)
            .ok_or(StudyError::TrialUnknown { id })?;
        let state = self.trials[at].state;
        if state.is_finished() {
            return Err(StudyError::TrialFinished { id, state });
        }
        Ok(at)
    }

    fn check_values(&self, values: &[f64]) -> Result<(), StudyError> {
        if values.len() != self.objectives.len() {
            return Err(StudyError::ValueCount {
                wanted: self.objectives.len(),
                given: values.len(),
            });
        }
        let named = values.iter().zip(&self.objectives);
        match named.into_iter().find(|(value, _)| !value.is_finite()) {
            Some((_, objective)) => Err(StudyError::ValueNotFinite {
                name: objective.name.clone(),
            }),
            None => Ok(()),
        }
    }
}
