//! What earlier studies say: their trials as points of this study's space.

use crate::space::Space;
use crate::study::{Seen, Study};
use automl_core::ParamMap;
use serde::{Deserialize, Serialize};

/// A complete trial of an earlier study, whatever space it was drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// What it tried.
    pub params: ParamMap,
    /// A loss for each objective of the study that learns from it: less is better.
    pub losses: Vec<f64>,
    /// How much each constraint is exceeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<f64>,
}

/// The trials of an earlier study that make sense in another space.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    pub(crate) seen: Vec<Seen>,
}

impl Source {
    /// The complete trials of `earlier` that are points of `space`; parameters that `space` does not have are dropped.
    pub fn new(earlier: &Study, space: &Space) -> Self {
        let mut seen = Vec::new();
        for (trial, own) in earlier.finished_trials().zip(earlier.finished()) {
            if own.is_complete
                && let Ok(at) = space.coordinates(&trial.params)
            {
                seen.push(Seen { at, ..own.clone() });
            }
        }
        Self { seen }
    }

    /// Trials of an earlier study with a space of its own. Parameters are matched by name and kind; one that a trial does
    /// not have stands at its default or in the middle of its domain. Trials with a value outside its domain, or at a point
    /// that `space` forbids, are left out.
    pub fn of_trials<'a>(space: &Space, trials: impl IntoIterator<Item = &'a Earlier>) -> Self {
        let seen = trials.into_iter().filter_map(|trial| {
            Some(Seen {
                at: space.adapted(&trial.params)?,
                losses: trial.losses.clone(),
                constraints: trial.constraints.clone(),
                is_complete: true,
                cost: None,
            })
        });
        Self {
            seen: seen.collect(),
        }
    }

    /// The coordinates of its trials, best first.
    fn best_first(&self) -> Vec<&[f64]> {
        let mut seen: Vec<&Seen> = self.seen.iter().filter(|seen| seen.is_feasible()).collect();
        seen.sort_by(|a, b| a.losses[0].total_cmp(&b.losses[0]));
        seen.into_iter().map(|seen| seen.at.as_slice()).collect()
    }

    /// Number of trials that are of use.
    pub fn n_trials(&self) -> usize {
        self.seen.len()
    }
}

/// Trials that begin a study with what was best in earlier ones.
const N_FIRST: usize = 3;

impl Study {
    /// While the study has few trials, the best point of earlier studies that it does not know, the studies in turn.
    pub(crate) fn next_of_sources(&self) -> Option<Vec<f64>> {
        if self.known().len() >= N_FIRST || self.objectives().len() > 1 {
            return None;
        }
        let lists: Vec<Vec<&[f64]>> = self.sources().iter().map(Source::best_first).collect();
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
        let in_turn = (0..longest).flat_map(|at| lists.iter().filter_map(move |list| list.get(at)));
        in_turn
            .copied()
            .find(|at| !self.is_known(at) && self.space().is_allowed(at))
            .map(<[f64]>::to_vec)
    }
}
