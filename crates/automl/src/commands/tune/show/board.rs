//! What is known of a study's trials while they run.

use crate::text;
use automl_store::studies::{Direction, Objective, Trial, TrialState};

/// Trials that are shown.
pub(super) const TOP: usize = 5;

/// How many trials ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::commands::tune) struct Counts {
    pub(in crate::commands::tune) complete: u64,
    pub(in crate::commands::tune) pruned: u64,
    pub(in crate::commands::tune) failed: u64,
}

impl Counts {
    pub(in crate::commands::tune) fn n_ended(self) -> u64 {
        self.complete + self.pruned + self.failed
    }

    /// `12 trials (10 complete, 1 pruned, 1 failed)`.
    pub(in crate::commands::tune) fn in_words(self) -> String {
        let each = [
            (self.complete, "complete"),
            (self.pruned, "pruned"),
            (self.failed, "failed"),
        ];
        let each: Vec<String> = each
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{} {what}", text::count(*n)))
            .collect();
        let all = text::counted(self.n_ended(), "trial");
        if each.is_empty() {
            all
        } else {
            format!("{all} ({})", each.join(", "))
        }
    }

    /// Counts a trial.
    pub(in crate::commands::tune) fn count(&mut self, state: TrialState) {
        match state {
            TrialState::Complete => self.complete += 1,
            TrialState::Pruned => self.pruned += 1,
            TrialState::Failed => self.failed += 1,
            TrialState::Waiting | TrialState::Running | TrialState::Stopping => {}
        }
    }
}

/// A trial that ended well.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Good {
    pub(super) number: i64,
    pub(super) values: Vec<f64>,
    pub(super) params: String,
}

/// What is known by now. Of several objectives no trial is the best, so the latest are listed.
#[derive(Debug, Clone, Default)]
pub(super) struct Board {
    pub(super) counts: Counts,
    pub(super) top: Vec<Good>,
    directions: Vec<Direction>,
}

impl Board {
    pub(super) fn new(objectives: &[Objective]) -> Self {
        Self {
            directions: objectives.iter().map(|own| own.direction).collect(),
            ..Self::default()
        }
    }

    /// Takes in a trial that ended. Gives the trials that it, or that make it, no longer worth keeping: none while there
    /// are several objectives.
    pub(super) fn end(&mut self, trial: &Trial, params: String) -> Vec<i64> {
        self.counts.count(trial.state);
        let is_good = trial.state == TrialState::Complete
            && trial.constraints.iter().all(|&excess| excess <= 0.0);
        let Some(values) = trial.figures.clone().filter(|_| is_good) else {
            return vec![trial.number];
        };
        let good = Good {
            number: trial.number,
            values,
            params,
        };
        if self.directions.len() > 1 {
            self.top.insert(0, good);
            self.top.truncate(TOP);
            return Vec::new();
        }
        let place = self
            .top
            .iter()
            .take_while(|other| !self.is_better(&good, other))
            .count();
        let superseded = match (place, self.top.first()) {
            (0, Some(before)) => vec![before.number],
            (0, None) => Vec::new(),
            (_, _) => vec![good.number],
        };
        self.top.insert(place, good);
        self.top.truncate(TOP);
        superseded
    }

    fn is_better(&self, good: &Good, than: &Good) -> bool {
        match self.directions.first() {
            Some(Direction::Maximize) => good.values[0] > than.values[0],
            _ => good.values[0] < than.values[0],
        }
    }

    /// The best trial, where there is one.
    pub(super) fn best(&self) -> Option<&Good> {
        self.top.first().filter(|_| self.directions.len() == 1)
    }
}
