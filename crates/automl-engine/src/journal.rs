//! What a search notes as it goes, so that one that was killed goes on where it was.
//!
//! The engine says what is worth keeping; who calls it decides where. A fit is kept under a name of its trial and split, as
//! one artifact: its model and its predictions for the rows held out. Recipes are not kept, since fitting them again on the
//! same rows gives the same.

use crate::registry;
use crate::trial::{Fit, Outcome, RowWork, TargetMap, Trial, TrialConfig};
use crate::{EngineError, FitOptions, recipes};
use automl_core::{Artifact, ArtifactError, Level, Model, ParamMap, Predictions};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// The kind of a kept fit's artifact.
const KIND: &str = "kept_fit";

/// Where a search keeps what it has done. What cannot be kept is lost to a later run, never to this one, so nothing here fails.
pub trait Journal: Sync {
    /// Notes something, after all that was noted before.
    fn note(&self, entry: &JournalEntry);

    /// Keeps the artifact of a fit under a name that a file may have. It is made only where it is kept.
    fn keep(&self, name: &str, artifact: &dyn Fn() -> Artifact);

    /// The artifact that was kept under a name, if it is there and whole.
    fn restore(&self, name: &str) -> Option<Artifact>;

    /// Lets an artifact go.
    fn forget(&self, name: &str);
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn note(&self, _: &JournalEntry) {}

    fn keep(&self, _: &str, _: &dyn Fn() -> Artifact) {}

    fn restore(&self, _: &str) -> Option<Artifact> {
        None
    }

    fn forget(&self, _: &str) {}
}

/// One note. Seconds count on the search's clock, over all processes that worked on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
pub enum JournalEntry {
    /// A process began to search.
    Opened {
        /// What the plan was made for; later processes plan for the same.
        planned_for: PlannedFor,
        /// When.
        at_seconds: f64,
    },
    /// A trial began.
    Begun {
        /// Its number, from 0.
        trial: u64,
        /// What it tries.
        config: NotedConfig,
    },
    /// A trial was proposed that would not have ended in time.
    Skipped {
        /// Its number, from 0.
        trial: u64,
        /// What it would have tried.
        config: NotedConfig,
    },
    /// A fit of a trial began.
    Running {
        /// Its trial.
        trial: u64,
        /// Its split, from 0.
        split: usize,
    },
    /// A trial learned from a part of the rows.
    Probed {
        /// Its number.
        trial: u64,
        /// The loss.
        loss: f64,
        /// When.
        at_seconds: f64,
    },
    /// A fit of a trial was kept.
    Fitted {
        /// Its trial.
        trial: u64,
        /// Its split, from 0.
        split: usize,
        /// What is known of it beside what was kept.
        fit: NotedFit,
        /// When.
        at_seconds: f64,
    },
    /// A trial ended.
    Ended {
        /// Its number.
        trial: u64,
        /// How.
        outcome: Outcome,
        /// The score on each split that was run.
        fold_scores: Vec<f64>,
        /// What its fits found by themselves, the mean over its splits.
        learned: ParamMap,
        /// Seconds of all its fits together.
        seconds: f64,
        /// Whether a limit ended one of its fits early.
        is_partial: bool,
        /// What a row takes the first of its fits, if there was one.
        #[serde(default)]
        row_work: Option<RowWork>,
        /// When.
        at_seconds: f64,
    },
    /// A process came to the end of its search.
    Closed {
        /// When.
        at_seconds: f64,
    },
    /// The model was written.
    Written {
        /// When.
        at_seconds: f64,
    },
}

/// The limits that decide how a search is planned, beside the data and the settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlannedFor {
    /// The time limit.
    pub time_limit_seconds: Option<f64>,
    /// The limit on trials.
    pub max_trials: Option<u64>,
    /// Threads.
    pub threads: usize,
}

/// A configuration by names and numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotedConfig {
    learner: String,
    recipe: String,
    target_map: TargetMap,
    params: ParamMap,
}

/// What is known of a fit beside its model and its predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotedFit {
    pub(crate) score: f64,
    pub(crate) ceiling: Option<f64>,
    pub(crate) learned: ParamMap,
    pub(crate) seconds: f64,
    pub(crate) is_partial: bool,
}

impl PlannedFor {
    pub(crate) fn of(options: &FitOptions) -> Self {
        Self {
            time_limit_seconds: options.time_limit.map(|limit| limit.as_secs_f64()),
            max_trials: options.max_trials,
            threads: options.threads,
        }
    }

    /// The options with these limits.
    pub(crate) fn restrict(self, options: &FitOptions) -> FitOptions {
        FitOptions {
            time_limit: self.time_limit_seconds.map(Duration::from_secs_f64),
            max_trials: self.max_trials,
            threads: self.threads,
            ..options.clone()
        }
    }
}

impl NotedConfig {
    pub(crate) fn of(config: &TrialConfig) -> Self {
        Self {
            learner: config.learner.id.to_owned(),
            recipe: config.recipe.to_owned(),
            target_map: config.target_map,
            params: config.params.clone(),
        }
    }

    /// The configuration, if its learner and its recipe are known here.
    pub(crate) fn config(&self) -> Option<TrialConfig> {
        Some(TrialConfig {
            learner: registry::learner(&self.learner)?,
            recipe: recipes::name(&self.recipe)?,
            target_map: self.target_map,
            params: self.params.clone(),
        })
    }
}

impl NotedFit {
    pub(crate) fn of(fit: &Fit) -> Self {
        Self {
            score: fit.score,
            ceiling: fit.ceiling,
            learned: fit.learned.clone(),
            seconds: fit.seconds,
            is_partial: fit.is_partial,
        }
    }
}

impl JournalEntry {
    pub(crate) fn ended(trial: &Trial, at_seconds: f64) -> Self {
        Self::Ended {
            trial: trial.id,
            outcome: trial.outcome.clone(),
            fold_scores: trial.fold_scores.clone(),
            learned: trial.learned.clone(),
            seconds: trial.seconds,
            is_partial: trial.is_partial,
            row_work: trial.row_work,
            at_seconds,
        }
    }

    /// The trial that ended so, without its fits; `None` for other notes.
    pub(crate) fn trial(&self, config: &TrialConfig) -> Option<Trial> {
        let Self::Ended {
            trial,
            outcome,
            fold_scores,
            learned,
            seconds,
            is_partial,
            row_work,
            ..
        } = self
        else {
            return None;
        };
        Some(Trial {
            id: *trial,
            config: config.clone(),
            outcome: outcome.clone(),
            fits: Vec::new(),
            fold_scores: fold_scores.clone(),
            learned: learned.clone(),
            is_partial: *is_partial,
            seconds: *seconds,
            row_work: *row_work,
        })
    }

    fn at_seconds(&self) -> Option<f64> {
        match self {
            Self::Opened { at_seconds, .. }
            | Self::Probed { at_seconds, .. }
            | Self::Fitted { at_seconds, .. }
            | Self::Ended { at_seconds, .. }
            | Self::Closed { at_seconds }
            | Self::Written { at_seconds } => Some(*at_seconds),
            Self::Begun { .. } | Self::Skipped { .. } | Self::Running { .. } => None,
        }
    }
}

/// What an earlier process left, in short.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// Trials that had ended.
    pub n_trials: usize,
    /// Seconds that the search had taken.
    pub seconds: f64,
    /// Whether the last process wrote a model.
    pub is_written: bool,
}

impl Progress {
    /// What these notes tell.
    pub fn of(past: &[JournalEntry]) -> Self {
        let is_end = |entry: &&JournalEntry| matches!(entry, JournalEntry::Ended { .. });
        let times = past.iter().filter_map(JournalEntry::at_seconds);
        Self {
            n_trials: past.iter().filter(is_end).count(),
            seconds: times.fold(0.0, f64::max),
            is_written: matches!(past.last(), Some(JournalEntry::Written { .. })),
        }
    }
}

/// What the plan is to be made for: what the first process planned for, so that trials can be compared.
pub(crate) fn planned_for(past: &[JournalEntry], options: &FitOptions) -> PlannedFor {
    let first = past.iter().find_map(|entry| match entry {
        JournalEntry::Opened { planned_for, .. } => Some(*planned_for),
        _ => None,
    });
    first.unwrap_or_else(|| PlannedFor::of(options))
}

/// The name that a fit is kept under.
pub(crate) fn name(trial: u64, split: usize) -> String {
    format!("fit-{trial}-{split}")
}

/// A fit as it is kept.
pub(crate) fn kept(fit: &Fit) -> Artifact {
    let predictions = &fit.predictions;
    let width = predictions.width();
    let is_numbers = matches!(predictions, Predictions::Numbers(_));
    let mut artifact = Artifact::new(KIND, json!({ "width": width, "is_numbers": is_numbers }));
    if let Predictions::Quantiles { levels, .. } = predictions {
        let levels: &[Level] = levels;
        artifact.meta["levels"] = json!(levels);
    }
    artifact.push_f64("predictions", predictions.values().to_vec());
    artifact.children.push(fit.model.artifact());
    artifact
}

/// The model and its predictions for `n_rows` rows.
pub(crate) fn restored(
    artifact: &Artifact,
    n_rows: usize,
) -> Result<(Box<dyn Model>, Predictions), EngineError> {
    let values = artifact.f64s("predictions")?.to_vec();
    let width: usize = artifact.meta("width")?;
    if width == 0 || n_rows.checked_mul(width) != Some(values.len()) {
        let reason = "their number is not that of the rows";
        return Err(artifact.invalid("predictions", reason).into());
    }
    let levels: Vec<Level> = match artifact.meta.get("levels") {
        Some(_) => artifact.meta("levels")?,
        None => Vec::new(),
    };
    let predictions = if !levels.is_empty() {
        if levels.len() != width {
            return Err(artifact
                .invalid("levels", "they are not one a value")
                .into());
        }
        let levels = levels.into();
        Predictions::Quantiles { levels, values }
    } else if artifact.meta("is_numbers")? {
        Predictions::Numbers(values)
    } else {
        Predictions::Probabilities {
            n_classes: width,
            values,
        }
    };
    let [model] = &artifact.children[..] else {
        let (kind, name) = (KIND.into(), "model".into());
        return Err(ArtifactError::Missing { kind, name }.into());
    };
    Ok((registry::load(model)?, predictions))
}
