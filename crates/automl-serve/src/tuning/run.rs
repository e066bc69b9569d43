//! How a program runs the trials of a study.

use super::TuneError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Workers of one process at most.
const WORKERS_MAX: usize = 1024;
/// Seconds of a time at most: three years.
const SECONDS_MAX: f64 = 1e8;
/// Trials that may fail one after another, if nothing else is said.
const FAILURES: usize = 10;
/// Seconds from asking a program to end to ending it, if nothing else is said.
const GRACE_S: f64 = 10.0;

/// What `automl tune` starts for a trial, and how it is watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// A program of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Options of `automl fit`, to tune that instead of a program: `data`, `target` and others by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Map<String, Value>>,
    /// Options of `automl train`, to tune keys of its configuration: `config` and others by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<Map<String, Value>>,
    /// Trials that one process runs at once.
    #[serde(default = "one")]
    pub workers: usize,
    /// How long a trial may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f64>,
    /// How long a program that was asked to end may take to, in seconds.
    #[serde(default = "grace")]
    pub grace_s: f64,
    /// Names of metrics that must not be above zero, besides the objectives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// How many trials may fail one after another before a process gives up.
    #[serde(default = "failures")]
    pub max_failures: usize,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a command is a text or a list of texts")]
pub enum Command {
    /// For the shell.
    Line(String),
    /// A program and its arguments.
    Words(Vec<String>),
}

fn one() -> usize {
    1
}

fn grace() -> f64 {
    GRACE_S
}

fn failures() -> usize {
    FAILURES
}

impl Run {
    /// Whether a trial leaves a model in its folder.
    pub fn makes_model(&self) -> bool {
        self.fit.is_some() || self.train.is_some()
    }

    /// What makes no sense.
    pub(super) fn check(&self) -> Result<(), TuneError> {
        let wrong = |field, wanted| Err(TuneError::Setting { field, wanted });
        let is_time = |seconds: f64| (0.0..=SECONDS_MAX).contains(&seconds);
        let is_empty = match &self.command {
            Some(Command::Line(line)) => line.trim().is_empty(),
            Some(Command::Words(words)) => words.first().is_none_or(String::is_empty),
            None => false,
        };
        let kinds = [
            self.command.is_some(),
            self.fit.is_some(),
            self.train.is_some(),
        ];
        if kinds.iter().filter(|&&is_said| is_said).count() != 1 {
            return wrong("run", "a 'command', a 'fit' or a 'train'");
        }
        if is_empty {
            return wrong("run.command", "a program");
        }
        if !(1..=WORKERS_MAX).contains(&self.workers) {
            return wrong("run.workers", "from 1 to 1024");
        }
        if self
            .timeout_s
            .is_some_and(|time| time == 0.0 || !is_time(time))
        {
            return wrong("run.timeout_s", "a positive number of seconds");
        }
        if !is_time(self.grace_s) {
            return wrong("run.grace_s", "a number of seconds");
        }
        if self.max_failures == 0 {
            return wrong("run.max_failures", "at least 1");
        }
        Ok(())
    }
}
