//! What is wrong with a training that was asked for.

use automl_core::Coded;
use automl_core::splits::SplitError;

/// A training that cannot be begun or gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrainVerbError {
    #[error("cannot read the configuration {path}")]
    Config {
        path: String,
        source: std::io::Error,
    },
    #[error("the configuration does not say data.{key}")]
    Lacks { key: &'static str },
    #[error("{metric} is no metric of a {task} task")]
    Metric {
        metric: &'static str,
        task: &'static str,
    },
    #[error("a file {reason}: {file}")]
    File { file: String, reason: String },
    #[error("the rows cannot be split")]
    Split(#[source] SplitError),
    #[error("there are checkpoints of a training that did not end: {folder}")]
    Unfinished { folder: String },
    #[error("stopped before a first epoch was done; the state is kept: {folder}")]
    Stopped { folder: String },
}

impl Coded for TrainVerbError {
    fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "train-config",
            Self::Lacks { .. } => "train-config-lacks",
            Self::Metric { .. } => "metric-task",
            Self::File { .. } => "train-file",
            Self::Split(error) => error.code(),
            Self::Unfinished { .. } => "train-unfinished",
            Self::Stopped { .. } => "interrupted",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Config { .. } => {
                Some("`automl train --print-config > train.yaml` writes one to begin with".into())
            }
            Self::Lacks { key } => Some(format!("say it in the file, or with --set data.{key}=…")),
            Self::Metric { .. } => {
                Some("name another in metrics, or none for the usual one".into())
            }
            Self::File { .. } => Some("correct the file, or take it out of the folder".into()),
            Self::Split(_) => Some("set data.validation_share to 0 to hold no rows out".into()),
            Self::Unfinished { .. } => {
                Some("--resume goes on with it, --overwrite removes them and begins anew".into())
            }
            Self::Stopped { .. } => Some("the same command with --resume goes on".into()),
        }
    }
}
