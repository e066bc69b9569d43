//! What a study found out, as figures: the best trials, what matters, how the search went.
//!
//! An [`Insight`] is computed from the log of a study, whatever protocol wrote it, and knows nothing of pages: the studio, the
//! report in a file and the command line all show the same one.

mod best;
mod json;
mod kept;
mod parameter;
mod smooth;
#[cfg(test)]
mod tests;
mod trial;
mod weights;

pub(crate) use kept::Insights;
pub(crate) use parameter::{Along, Parameter};
pub(crate) use smooth::{Side, Surface, surface};
pub(crate) use trial::{Counts, Row, STATES};
pub use weights::Weight;

use crate::tuning;
use automl_core::ParamMap;
use automl_store::db::Sql;
use automl_store::studies::{
    self, Attribute, Direction, Objective, StudiesError, Study, Trial, Wanted,
};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;

/// All that is recorded of a study.
#[derive(Debug, Clone)]
pub struct Log {
    study: Study,
    trials: Vec<Trial>,
    attributes: Vec<Attribute>,
}

impl Log {
    /// Reads it.
    ///
    /// # Errors
    /// If there is no such study.
    pub fn read(sql: &mut dyn Sql, name: &str) -> Result<Self, StudiesError> {
        let study = studies::by_name(sql, W, name)?;
        Ok(Self {
            trials: studies::trials(sql, study.id, &Wanted::All)?,
            attributes: studies::attributes(sql, study.id)?,
            study,
        })
    }
}

/// What a study found out.
#[derive(Debug, Clone)]
pub struct Insight {
    pub(crate) study: Study,
    /// What it makes better, under the names that users gave.
    pub(crate) objectives: Vec<Objective>,
    pub(crate) parameters: Vec<Parameter>,
    /// All trials by number.
    pub(crate) rows: Vec<Row>,
    /// The sampler and what else is said of how it searches.
    pub(crate) method: Vec<(&'static str, String)>,
    /// For each objective, parameters with their importance, those that matter most first.
    pub(crate) weights: Vec<Vec<Weight>>,
    /// Positions of the best trials: one of one objective, the front of several.
    pub(crate) best: Vec<usize>,
    pub(crate) counts: Counts,
}

impl Insight {
    /// Computes it; takes some tenths of a second for thousands of trials.
    pub fn of(log: Log) -> Self {
        let Log {
            study,
            trials,
            attributes,
        } = log;
        let objectives = objectives(&study, &attributes);
        let parameters = parameter::parameters(&study, &trials);
        let rows: Vec<Row> = trials
            .into_iter()
            .map(|trial| Row::of(trial, objectives.len(), &parameters))
            .collect();
        let weights = (0..objectives.len())
            .map(|k| weights::weights(&parameters, &rows, k, objectives[k].direction))
            .collect();
        Self {
            best: best::best(&rows, &objectives),
            counts: Counts::of(&rows),
            method: method(&study),
            study,
            objectives,
            parameters,
            rows,
            weights,
        }
    }

    /// The report as a page of HTML that stands alone: its style is within, and nothing in it runs or is fetched.
    pub fn html(&self) -> String {
        crate::pages::study::render(self)
    }

    /// The study.
    pub fn study(&self) -> &Study {
        &self.study
    }

    /// What it makes better, under the names that users gave.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// For each objective, parameters with their importance, those that matter most first.
    pub fn weights(&self) -> &[Vec<Weight>] {
        &self.weights
    }

    /// How many trials are in each state, by its name; only states that occur.
    pub fn states(&self) -> Vec<(&'static str, usize)> {
        self.counts.named()
    }

    /// Number, values and parameters of the best trials: one of one objective, the front of several.
    pub fn best(&self) -> impl Iterator<Item = (i64, &[f64], &ParamMap)> {
        let each = self.best.iter().map(|&at| &self.rows[at]);
        each.map(|row| (row.number, row.values.as_slice(), &row.params))
    }

    /// From the first start to the last end, in microseconds; nothing while no trial has ended.
    pub fn duration_us(&self) -> Option<i64> {
        let first = self.rows.iter().filter_map(|row| row.started_us).min()?;
        let last = self.rows.iter().filter_map(|row| row.ended_us).max()?;
        Some((last - first).max(0))
    }

    /// A value as a loss: less is better.
    pub(crate) fn loss(&self, objective: usize, value: f64) -> f64 {
        match self.objectives[objective].direction {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        }
    }

    /// Trials with a finite value of an objective that keep all constraints, by number: position and value.
    pub(crate) fn scored(&self, objective: usize) -> Vec<(usize, f64)> {
        let scored = self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.is_scored());
        let scored = scored.filter_map(|(at, row)| Some((at, *row.values.get(objective)?)));
        scored.filter(|(_, value)| value.is_finite()).collect()
    }

    /// Positions of parameters, those that matter most for an objective first.
    pub(crate) fn by_weight(&self, objective: usize) -> Vec<usize> {
        let named = |weight: &Weight| {
            self.parameters
                .iter()
                .position(|parameter| parameter.name == weight.parameter)
        };
        self.weights[objective].iter().filter_map(named).collect()
    }
}

/// The study's objectives; Optuna's users may have named theirs in an attribute.
fn objectives(study: &Study, attributes: &[Attribute]) -> Vec<Objective> {
    let told = attributes
        .iter()
        .find(|one| one.scope == "system" && one.key == "study:metric_names");
    let names: Option<Vec<String>> = told.and_then(|one| serde_json::from_str(&one.value).ok());
    let mut objectives = study.objectives.clone();
    if let Some(names) = names.filter(|names| names.len() == objectives.len()) {
        for (objective, name) in objectives.iter_mut().zip(names) {
            objective.name = name;
        }
    }
    objectives
}

/// How a study searches, as far as that is known here.
fn method(study: &Study) -> Vec<(&'static str, String)> {
    let mut method = vec![("Client", study.protocol.clone())];
    if let Ok(spec) = tuning::spec_of(study) {
        let named = |value: serde_json::Value| value["name"].as_str().unwrap_or("").to_owned();
        method = vec![(
            "Algorithm",
            named(serde_json::json!(spec.algorithm)).replace('_', " "),
        )];
        if let Some(stopping) = &spec.stopping {
            method.push((
                "Stopping",
                named(serde_json::json!(stopping)).replace('_', " "),
            ));
        }
        if let Some(budget) = spec.budget {
            method.push(("Planned trials", budget.to_string()));
        }
        method.push(("Seed", spec.seed.to_string()));
        if !spec.warm_start.is_empty() {
            method.push(("Learns from", spec.warm_start.join(", ")));
        }
    }
    method
}
