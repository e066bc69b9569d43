//! The progress of a run as a closed set of facts: terminal, `events.jsonl`, server and studio read the same stream.

use crate::Warning;
use serde::{Deserialize, Serialize};

/// One fact about a run. Seconds count from the run's start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// The run began.
    Started {
        /// The task's name.
        task: String,
        /// The metric that decides.
        metric: String,
        /// Rows learned from.
        n_rows: u64,
        /// Feature columns.
        n_features: u64,
        /// How scores are estimated, in words.
        validation: String,
        /// The time limit, if any.
        time_limit_seconds: Option<f64>,
        /// The limit on trials, if any.
        max_trials: Option<u64>,
        /// Fits that a trial takes: one a split.
        #[serde(default = "one")]
        fits_per_trial: u64,
    },
    /// A trial has a score.
    TrialFinished {
        /// Its number, from 0.
        trial: u64,
        /// The learner's id.
        learner: String,
        /// Its readable name, as on the leaderboard.
        name: String,
        /// Its score on rows that it has not seen.
        score: f64,
        /// The best score of any trial so far.
        best_score: f64,
        /// Seconds that its fits took.
        fit_seconds: f64,
        /// When, from the run's start.
        at_seconds: f64,
    },
    /// A trial gave no model.
    TrialFailed {
        /// Its number, from 0.
        trial: u64,
        /// The learner's id.
        learner: String,
        /// Why.
        reason: String,
        /// When, from the run's start.
        at_seconds: f64,
    },
    /// The run entered a phase: `search`, `ensemble`, `refit`, `distill`, `explain`, `write`.
    Phase {
        /// The phase's name.
        name: String,
        /// When, from the run's start.
        at_seconds: f64,
    },
    /// A network has learned from all rows once more.
    EpochFinished {
        /// The epoch, from 1.
        epoch: u64,
        /// Epochs at most.
        n_epochs: u64,
        /// Steps taken by then.
        step: u64,
        /// Mean loss of the epoch's steps.
        loss: f64,
        /// Scores on validation rows, by metric; the first decides.
        scores: Vec<(String, f64)>,
        /// Whether it is the best so far.
        is_best: bool,
        /// When, from the run's start.
        at_seconds: f64,
    },
    /// Something that the user must hear of.
    Warning {
        /// What.
        #[serde(flatten)]
        warning: Warning,
    },
    /// The run ended with a model.
    Finished {
        /// The model's score on rows that it has not seen.
        score: f64,
        /// Trials with a score.
        n_trials: u64,
        /// Trials that were begun; the others were given up early, failed or had no model in time.
        #[serde(default)]
        n_started: u64,
        /// Whether the user stopped it early.
        interrupted: bool,
        /// When, from the run's start.
        at_seconds: f64,
    },
}

/// What events say that were written before they said it.
fn one() -> u64 {
    1
}

/// Hears of events, from any thread.
pub trait Events: Send + Sync {
    /// Takes one event; must return soon.
    fn emit(&self, event: &Event);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEvents;

impl Events for NoEvents {
    fn emit(&self, _: &Event) {}
}
