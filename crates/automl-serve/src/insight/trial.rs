//! Trials as charts and tables need them.

use super::Parameter;
use crate::tuning;
use automl_core::ParamMap;
use automl_store::studies::{Trial, TrialState};

/// A trial.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) number: i64,
    pub(crate) state: TrialState,
    pub(crate) params: ParamMap,
    /// For each parameter of the study where the trial is along it; nothing if the trial has no such parameter.
    pub(crate) at: Vec<Option<f64>>,
    /// A number for each objective; empty if there are none.
    pub(crate) values: Vec<f64>,
    /// Whether a constraint is exceeded.
    pub(crate) is_violating: bool,
    pub(crate) started_us: Option<i64>,
    pub(crate) ended_us: Option<i64>,
    pub(crate) client: Option<String>,
    pub(crate) note: Option<String>,
    /// What it measured on the way: step and the number of the first objective.
    pub(crate) curve: Vec<(i64, f64)>,
}

impl Row {
    pub(super) fn of(trial: Trial, n_objectives: usize, parameters: &[Parameter]) -> Self {
        let params: ParamMap = trial
            .params
            .iter()
            .map(|param| {
                let value = tuning::param_value(&tuning::plain(param));
                (param.name.clone(), value)
            })
            .collect();
        let at = parameters
            .iter()
            .map(|parameter| parameter.along.position(params.get(&parameter.name)?))
            .collect();
        let figures = trial.figures.as_ref();
        let values = figures.filter(|figures| figures.len() == n_objectives);
        let curve = trial.measurements.iter();
        Self {
            number: trial.number,
            state: trial.state,
            at,
            params,
            values: values.cloned().unwrap_or_default(),
            is_violating: tuning::constraints(&trial)
                .iter()
                .any(|excess| *excess > 0.0),
            started_us: trial.started_us,
            ended_us: trial.ended_us,
            curve: curve
                .filter_map(|one| Some((one.step, *one.figures.first()?)))
                .collect(),
            client: trial.client,
            note: trial.note,
        }
    }

    /// Whether it is complete and keeps all constraints, so that it may be the best.
    pub(crate) fn is_scored(&self) -> bool {
        self.state == TrialState::Complete && !self.is_violating && !self.values.is_empty()
    }

    /// How long it took.
    pub(crate) fn took_us(&self) -> Option<i64> {
        Some((self.ended_us? - self.started_us?).max(0))
    }
}

/// How many trials are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts([usize; 6]);

/// The states as they are counted and shown.
pub(crate) const STATES: [TrialState; 6] = [
    TrialState::Complete,
    TrialState::Pruned,
    TrialState::Failed,
    TrialState::Running,
    TrialState::Stopping,
    TrialState::Waiting,
];

impl Counts {
    pub(super) fn of(rows: &[Row]) -> Self {
        Self(STATES.map(|state| rows.iter().filter(|row| row.state == state).count()))
    }

    /// States that occur, by name.
    pub(super) fn named(self) -> Vec<(&'static str, usize)> {
        let all = STATES.iter().zip(self.0);
        all.filter(|(_, n)| *n > 0)
            .map(|(state, n)| (state.name(), n))
            .collect()
    }
}
