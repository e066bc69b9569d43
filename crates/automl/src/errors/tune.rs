//! What is wrong with what is to be tuned.

use automl_core::{Coded, nearest};
use automl_neural::config::ConfigError;

/// A study that cannot be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TuneVerbError {
    #[error("no study is named")]
    NoStudy,
    #[error("cannot read the study {path}")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("'{value}' is no number for the objective '{name}'")]
    Value { name: String, value: String },
    #[error("'{value}' is no number for the constraint '{name}'")]
    Excess { name: String, value: String },
    #[error("'{name}' is no constraint of the study")]
    ConstraintUnknown { name: String, near: Vec<String> },
    #[error("the constraint '{name}' is not told")]
    ConstraintUntold { name: String },
    #[error("the study cannot be read: no field is called '{name}': {place}")]
    Field {
        name: String,
        known: Vec<String>,
        place: String,
    },
    #[error("'{name}' does not say what to run")]
    NoRun { name: String },
    #[error("the study does not say when it is done")]
    NoEnd,
    #[error("there is no program '{program}' to run")]
    ProgramMissing { program: String },
    #[error("`automl {verb}` needs '{wanted}', which the study does not say")]
    Lacks {
        verb: &'static str,
        wanted: &'static str,
    },
    #[error("'{name}' is no option of `automl {verb}` that can be set here")]
    Option {
        verb: &'static str,
        name: String,
        near: Vec<String>,
    },
    #[error("the parameter '{name}' is no key of the configuration")]
    Key { name: String, near: Vec<String> },
    #[error("the study's space does not fit the configuration: {error}")]
    Config { error: ConfigError },
    #[error("no rows are held out to score on, so '{name}' is never known")]
    NotScored { name: String },
    #[error("the folder of a trial cannot be written: {folder}")]
    Folder {
        folder: String,
        source: std::io::Error,
    },
    #[error("the objective '{name}' is none that `automl {verb}` scores by")]
    Objective {
        verb: &'static str,
        name: String,
        near: Vec<String>,
    },
    #[error("'{name}' gets better as it gets {better}, the study says the contrary")]
    Direction {
        verb: &'static str,
        name: String,
        better: &'static str,
    },
    #[error("parameters '{one}' and '{other}' would be the same variable, {variable}")]
    SameVariable {
        one: String,
        other: String,
        variable: String,
    },
    #[error("no trial is complete, {n_failed} failed")]
    NoneComplete { n_failed: u64, folder: String },
    #[error(
        "the study is not at its end: {n_ended} {} ended, {n_held} still {} elsewhere",
        match n_wanted {
            Some(n_wanted) => format!("of {n_wanted} trials have"),
            None => "trials have".to_owned(),
        },
        if *n_held == 1 { "runs" } else { "run" }
    )]
    Unfinished {
        study: String,
        n_ended: u64,
        n_wanted: Option<u64>,
        /// One of those that run elsewhere.
        number: i64,
        n_held: usize,
    },
    #[error("{n_failures} trials failed one after another, the last one: {note}")]
    AllFail {
        n_failures: usize,
        note: String,
        folder: String,
    },
}

impl Coded for TuneVerbError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoStudy | Self::NoEnd => "usage",
            Self::File { .. } => "study-file",
            Self::Value { .. } | Self::Excess { .. } | Self::ConstraintUntold { .. } => {
                "study-setting"
            }
            Self::ConstraintUnknown { .. } => "study-constraint-unknown",
            Self::Field { .. } => "study-spec",
            Self::NoRun { .. } => "tune-no-run",
            Self::ProgramMissing { .. } => "tune-program-missing",
            Self::Lacks { verb, .. } | Self::Option { verb, .. } => match *verb {
                "train" => "tune-train-option",
                _ => "tune-fit-option",
            },
            Self::Objective { verb, .. } | Self::Direction { verb, .. } => match *verb {
                "train" => "tune-train-objective",
                _ => "tune-fit-objective",
            },
            Self::Key { .. } => "tune-train-key",
            Self::Config { error } => error.code(),
            Self::NotScored { .. } => "tune-train-objective",
            Self::Folder { .. } => "tune-folder",
            Self::SameVariable { .. } => "tune-same-variable",
            Self::AllFail { .. } | Self::NoneComplete { .. } => "tune-all-fail",
            Self::Unfinished { .. } => "tune-unfinished",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoStudy => Some("name a file, or a study with --study".into()),
            Self::File { .. } => Some(
                "name a file in YAML or JSON; `automl study create --help` shows one".into(),
            ),
            Self::Value { name, .. } => Some(format!(
                "write for example {name}=0.31; --state failed is for a trial without a value"
            )),
            Self::Excess { name, .. } | Self::ConstraintUntold { name } => Some(format!(
                "write for example --constraint {name}=-0.5; what is above 0 is too much"
            )),
            Self::ConstraintUnknown { near, .. } if near.is_empty() => None,
            Self::Field { name, known, .. } => {
                let near = nearest(name, known.iter().map(String::as_str));
                let near = if near.is_empty() { known } else { &near };
                (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")))
            }
            Self::NoRun { .. } => Some(
                "add `run: {command: …}` to its file and start it with `automl tune FILE`; see `automl tune --help`".into(),
            ),
            Self::NoEnd => Some(
                "add `budget: 100` to its file, or say --trials or --time-limit".into(),
            ),
            Self::ProgramMissing { .. } => {
                Some("name a program of the path, or the path to one".into())
            }
            Self::Lacks { verb, wanted } => {
                Some(format!("add `{wanted}: …` under `run: {verb}:`"))
            }
            Self::Option { verb, near, .. } if near.is_empty() => {
                Some(format!("`automl {verb} --help` lists them"))
            }
            Self::Objective { verb: "train", near, .. } if near.is_empty() => Some(
                "name a metric, as `automl train --print-schema` lists them, `score` or `train_loss`".into(),
            ),
            Self::Objective { near, .. } if near.is_empty() => {
                Some("name a metric, as `automl fit --help` lists them, or `score`".into())
            }
            Self::Key { near, .. } if near.is_empty() => {
                Some("`automl train --print-config` shows all keys".into())
            }
            Self::Option { near, .. }
            | Self::Objective { near, .. }
            | Self::Key { near, .. }
            | Self::ConstraintUnknown { near, .. } => {
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::Config { error } => error.hint(),
            Self::NotScored { .. } => {
                Some("set data.validation_share to a share of the rows".into())
            }
            Self::Direction { better, .. } => {
                let direction = if *better == "greater" { "maximize" } else { "minimize" };
                Some(format!("add `direction: {direction}` to the objective"))
            }
            Self::Folder { .. } => Some("name a place that can be written with --logs".into()),
            Self::SameVariable { .. } => {
                Some("give them names that differ by more than capitals and signs".into())
            }
            Self::NoneComplete { folder, .. } => Some(format!(
                "`automl study show` tells why; what they printed is in {folder}"
            )),
            Self::Unfinished { study, number, .. } => Some(format!(
                "the same command waits for them again; one whose worker is gone for good is given up by `automl study tell {study} {number} --state failed`"
            )),
            Self::AllFail { folder, .. } => {
                Some(format!("what they printed is in {folder}; the same command goes on"))
            }
        }
    }
}
