//! What is known of the model of one target, read from its directory: the same whether this process made it or an earlier one.

use crate::commands::{importance, leaderboard};
use crate::decisions;
use crate::record::Recorder;
use crate::text::{self, Align};
use automl_core::{Event, Task, Warning};
use automl_store::spool::{Child, Point, Status, Texts};
use automl_store::tracking::{new_id, now_ms};
use automl_store::{Manifest, ModelDir, StoreError};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The model of a target.
pub(super) struct TargetResult {
    pub(super) target: String,
    /// Its directory, below that of the whole.
    pub(super) path: String,
    /// Where it is now.
    pub(super) place: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) score: f64,
    pub(super) n_trials: u64,
    pub(super) n_started: u64,
    pub(super) interrupted: bool,
    pub(super) seconds: f64,
    leaderboard: Value,
    importance: Option<Value>,
}

impl TargetResult {
    /// What a directory tells.
    ///
    /// # Errors
    /// It is not what was written there.
    pub(super) fn read(target: &str, path: String, place: PathBuf) -> anyhow::Result<Self> {
        let dir = ModelDir::open(&place)?;
        let manifest = dir.manifest().clone();
        let score = manifest.scores.get(&manifest.metric).copied();
        let (n_trials, n_started, interrupted, seconds) = match end(&dir) {
            Some(Event::Finished {
                n_trials,
                n_started,
                interrupted,
                at_seconds,
                ..
            }) => (n_trials, n_started, interrupted, at_seconds),
            _ => (0, 0, false, 0.0),
        };
        Ok(Self {
            target: target.to_owned(),
            path,
            manifest,
            score: score.unwrap_or(f64::NAN),
            n_trials,
            n_started,
            interrupted,
            seconds,
            leaderboard: content(&dir, leaderboard::FILE)?.unwrap_or_default(),
            importance: content(&dir, importance::FILE)?,
            place,
        })
    }

    /// As JSON, with the fields that the result of one target has.
    pub(super) fn to_json(&self) -> Value {
        let columns = self
            .importance
            .as_ref()
            .and_then(|told| told["columns"].as_array());
        let share = |one: &Value| json!({ "column": one["column"], "share": one["share"] });
        let columns = columns.map(|columns| columns.iter().map(share).collect::<Vec<_>>());
        json!({
            "target": self.target,
            "path": self.path,
            "task": self.manifest.task,
            "positive_class": self.manifest.task.positive_class(),
            "metric": self.manifest.metric,
            "score": self.score,
            "threshold": self.manifest.threshold,
            "thresholds": decisions::by_class(&self.manifest.task, &self.manifest.decision()),
            "n_rows": self.manifest.lineage.n_rows,
            "n_trials": self.n_trials,
            "n_started": self.n_started,
            "interrupted": self.interrupted,
            "seconds": self.seconds,
            "importance": columns,
            "leaderboard": self.leaderboard,
        })
    }

    /// The name under which the whole has its score, if no other has the same.
    fn score_name(&self) -> String {
        let target = super::super::model_name(&self.target);
        format!("{target}/{}", self.manifest.metric)
    }

    /// Notes it as a run below that of the whole.
    pub(super) fn record(&self, recorder: &Recorder<'_>) {
        let Ok(id) = new_id() else { return };
        let end_ms = now_ms();
        let point = |key: &str, value: f64| Point {
            key: key.to_owned(),
            value,
            step: 0,
            at_ms: end_ms,
        };
        let params = [
            ("target", self.target.as_str()),
            ("task", self.manifest.task.kind().name()),
            ("metric", self.manifest.metric.as_str()),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        recorder.child(Child {
            id,
            name: self.target.clone(),
            status: Status::Finished,
            start_ms: end_ms - (self.seconds * 1000.0) as i64,
            end_ms,
            params: Texts::from(params),
            metrics: vec![
                point(&self.manifest.metric, self.score),
                point("n_trials", self.n_trials as f64),
                point("fit_seconds", self.seconds),
            ],
        });
    }
}

/// The scores of all, each under a name of its own.
pub(super) fn scores(results: &[TargetResult]) -> Vec<(String, f64)> {
    let names: Vec<String> = results.iter().map(TargetResult::score_name).collect();
    let own = |(place, name): (usize, &String)| {
        let is_alone = names.iter().filter(|other| *other == name).count() == 1;
        if is_alone {
            name.clone()
        } else {
            // Targets that differ in letters alone which names of scores do without.
            format!("{name}.{}", place + 1)
        }
    };
    let names = names.iter().enumerate().map(own);
    names.zip(results.iter().map(|one| one.score)).collect()
}

/// All results as a table.
pub(super) fn table(results: &[TargetResult]) -> String {
    let heading = [
        ("target", Align::Left),
        ("task", Align::Left),
        ("metric", Align::Left),
        ("score", Align::Right),
        ("rows", Align::Right),
        ("trials", Align::Right),
        ("took", Align::Right),
    ];
    let rows: Vec<Vec<String>> = (results.iter())
        .map(|result| {
            vec![
                result.target.clone(),
                task_in_words(&result.manifest.task),
                result.manifest.metric.clone(),
                text::score(result.score),
                text::count(result.manifest.lineage.n_rows),
                format!("{} of {}", result.n_trials, result.n_started),
                text::seconds(result.seconds),
            ]
        })
        .collect();
    text::table(&heading, &rows)
}

/// `binary, positive 'yes'`, `multiclass of 4`, `regression`.
pub(super) fn task_in_words(task: &Task) -> String {
    let name = task.kind().name();
    match (task.positive_class(), task.n_classes()) {
        (Some(class), _) => format!("{name}, positive '{class}'"),
        (None, 0) => name.to_owned(),
        (None, n_classes) => format!("{name} of {n_classes}"),
    }
}

/// Whether the user stopped the search before it would have ended.
pub(super) fn is_interrupted(dir: &ModelDir) -> bool {
    let stopped = |event| {
        matches!(
            event,
            Event::Finished {
                interrupted: true,
                ..
            }
        )
    };
    end(dir).is_none_or(stopped)
}

/// How its search ended, as its events tell.
fn end(dir: &ModelDir) -> Option<Event> {
    let is_end = |event: &Event| matches!(event, Event::Finished { .. });
    events(dir).into_iter().rev().find(is_end)
}

/// What the search of a target warned of.
pub(super) fn warnings(place: &Path) -> Vec<Warning> {
    let events = ModelDir::open(place).map(|dir| events(&dir));
    let warning = |event| match event {
        Event::Warning { warning } => Some(warning),
        _ => None,
    };
    events
        .unwrap_or_default()
        .into_iter()
        .filter_map(warning)
        .collect()
}

/// What a search told, as far as its file is read.
fn events(dir: &ModelDir) -> Vec<Event> {
    let bytes = dir.file("events.jsonl").unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// A file of results, if it is there.
fn content<T: DeserializeOwned>(dir: &ModelDir, name: &str) -> anyhow::Result<Option<T>> {
    match dir.file(name) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
