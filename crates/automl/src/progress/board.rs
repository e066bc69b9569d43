//! What a viewer of a run knows: built from its events alone, so that every display shows the same.

use automl_core::Event;
use automl_core::metrics::Metric;

/// Models that the live leaderboard shows.
pub(crate) const TOP: usize = 5;

/// One model that was tried.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) score: f64,
    pub(crate) fit_seconds: f64,
}

/// The state of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Board {
    pub(crate) metric: String,
    pub(crate) time_limit_seconds: Option<f64>,
    pub(crate) max_trials: Option<u64>,
    pub(crate) fits_per_trial: u64,
    pub(crate) n_trials: u64,
    pub(crate) n_failed: u64,
    /// Trials up to the newest that was heard of.
    pub(crate) n_seen: u64,
    pub(crate) best: Option<f64>,
    pub(crate) phase: String,
    /// The best few, best first; earlier ones first among equals.
    pub(crate) top: Vec<Entry>,
}

impl Board {
    /// Takes an event in; says whether it brought a new best score.
    pub(crate) fn hear(&mut self, event: &Event) -> bool {
        match event {
            Event::Started {
                metric,
                time_limit_seconds,
                max_trials,
                fits_per_trial,
                ..
            } => {
                self.fits_per_trial = *fits_per_trial;
                self.metric.clone_from(metric);
                self.time_limit_seconds = *time_limit_seconds;
                self.max_trials = *max_trials;
                "search".clone_into(&mut self.phase);
                false
            }
            Event::TrialFinished {
                trial,
                name,
                score,
                best_score,
                fit_seconds,
                ..
            } => {
                self.n_trials += 1;
                self.n_seen = self.n_seen.max(trial + 1);
                self.place(Entry {
                    name: name.clone(),
                    score: *score,
                    fit_seconds: *fit_seconds,
                });
                let is_new_best = self
                    .best
                    .is_none_or(|best| self.is_better(*best_score, best));
                self.best = Some(*best_score);
                is_new_best
            }
            Event::TrialFailed { trial, .. } => {
                self.n_failed += 1;
                self.n_seen = self.n_seen.max(trial + 1);
                false
            }
            Event::Phase { name, .. } => {
                self.phase.clone_from(name);
                false
            }
            _ => false,
        }
    }

    /// How far the search is, from 0 to 1: by time if there is a time limit, else by trials.
    pub(crate) fn progress(&self, at_seconds: f64) -> f64 {
        let by_time = self.time_limit_seconds.map(|limit| at_seconds / limit);
        let by_trials = self
            .max_trials
            .map(|limit| self.n_seen as f64 / limit as f64);
        by_time
            .into_iter()
            .chain(by_trials)
            .fold(0.0, f64::max)
            .clamp(0.0, 1.0)
    }

    fn place(&mut self, entry: Entry) {
        let position = self
            .top
            .iter()
            .position(|other| self.is_better(entry.score, other.score));
        self.top.insert(position.unwrap_or(self.top.len()), entry);
        self.top.truncate(TOP);
    }

    fn is_better(&self, a: f64, b: f64) -> bool {
        Metric::from_name(&self.metric).map_or(a > b, |metric| metric.is_better(a, b))
    }
}
