//! What is wrong with a training that was asked for.

use automl_core::Coded;
use automl_core::splits::SplitError;
use automl_neural::train::Blame;

/// A training that cannot be begun or gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrainVerbError {
    #[error("cannot read the configuration {path}")]
    Config {
        path: String,
        source: std::io::Error,
    },
    #[error("the configuration does not say {key}")]
    Lacks { key: &'static str },
    #[error("the configuration says {said} and not {key}")]
    LacksSide {
        key: &'static str,
        said: &'static str,
    },
    #[error("{metric} is no metric of a {task} task")]
    Metric {
        metric: &'static str,
        task: &'static str,
    },
    #[error("{key} is not for networks of time series")]
    NotOfSeries { key: &'static str },
    /// As [`automl_neural::train::TrainError::NotFinite`], of time series.
    #[error(
        "the {what} of step {step} is {value}; {}",
        blame.tell(rows, ["windows", "windows that begin at rows"])
    )]
    NotFinite {
        what: &'static str,
        value: f64,
        step: u64,
        /// From 0.
        rows: Vec<u32>,
        blame: Blame,
    },
    #[error("a file {reason}: {file}")]
    File { file: String, reason: String },
    #[error("the rows cannot be split")]
    Split(#[source] SplitError),
    #[error("a training that did not end has left something: {folder}")]
    Unfinished { folder: String },
    #[error("there is no device named {name}")]
    Device { name: String },
    #[cfg(not(feature = "cuda"))]
    #[error("this program was built without CUDA")]
    NotBuilt,
    #[cfg(feature = "cuda")]
    #[error("this machine has no NVIDIA GPU")]
    NoGpu,
    #[cfg(feature = "cuda")]
    #[error("no driver of an NVIDIA GPU answers: {reason}")]
    NoDriver { reason: String },
    #[cfg(feature = "cuda")]
    #[error("there is no cuda:{index}: the driver knows of {count}, counted from 0")]
    NoSuchGpu { index: usize, count: usize },
    #[error("this training cannot be made longer: {reason}")]
    NotLonger { reason: String },
    #[error("{what} is not for commands")]
    NotOfCommand { what: &'static str },
    #[error("model.run names '{{{key}}}', which is no key of the configuration")]
    CommandKey { key: String },
    #[error("there is no program {program}")]
    CommandMissing { program: String },
    #[error("there is nothing to give to the command at data.path: {path}")]
    CommandData { path: String },
    #[error("the command failed: {how}{}", last.as_ref().map_or_else(String::new, |line| format!(": {line}")))]
    CommandFailed {
        how: String,
        /// What it last said on stderr.
        last: Option<String>,
        /// Where all of that is.
        log: String,
    },
    #[error("the command ended well, but printed no value of '{metric}'")]
    CommandMetric { metric: String, log: String },
    #[error("a link among what the command wrote leads to no file: {link}")]
    CommandLink { link: String },
    #[error("the command's last '{metric}' is {value}")]
    CommandValue { metric: String, value: f64 },
    #[error("stopped; what the command left is kept: {folder}")]
    CommandStopped { folder: String },
    #[error("stopped before a first epoch was done; the state is kept: {folder}")]
    Stopped { folder: String },
}

impl TrainVerbError {
    /// Whether it only says that there is no GPU, or none that this program could use.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            #[cfg(not(feature = "cuda"))]
            Self::NotBuilt => true,
            #[cfg(feature = "cuda")]
            Self::NoGpu => true,
            _ => false,
        }
    }
}

impl Coded for TrainVerbError {
    fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "train-config",
            Self::Lacks { .. } | Self::LacksSide { .. } => "train-config-lacks",
            Self::Metric { .. } => "metric-task",
            Self::NotOfSeries { .. } => "train-config-series",
            Self::NotFinite { .. } => "train-not-finite",
            Self::File { .. } => "train-file",
            Self::Split(error) => error.code(),
            Self::Unfinished { .. } => "train-unfinished",
            Self::NotLonger { .. } => "train-not-longer",
            Self::NotOfCommand { .. } => "train-command-option",
            Self::CommandKey { .. } => "train-command-key",
            Self::CommandMissing { .. } => "train-command-missing",
            Self::CommandData { .. } => "train-command-data",
            Self::CommandFailed { .. } => "train-command-failed",
            Self::CommandMetric { .. } => "train-command-metric",
            Self::CommandLink { .. } => "train-command-link",
            Self::CommandValue { .. } => "train-command-value",
            Self::Stopped { .. } | Self::CommandStopped { .. } => "interrupted",
            Self::Device { .. } => "train-device-name",
            #[cfg(not(feature = "cuda"))]
            Self::NotBuilt => "train-no-cuda",
            #[cfg(feature = "cuda")]
            Self::NoGpu | Self::NoDriver { .. } | Self::NoSuchGpu { .. } => "train-no-gpu",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Config { .. } => {
                Some("`automl train --print-config > train.yaml` writes one to begin with".into())
            }
            Self::Lacks { key } => Some(format!("say it in the file, or with --set {key}=…")),
            Self::LacksSide { key, said } => Some(format!(
                "say {key} as well, or set {said} to 0 where all images have one size"
            )),
            Self::Metric { .. } => {
                Some("name another in metrics, or none for the usual one".into())
            }
            Self::NotOfSeries { key } => Some(format!("leave {key} out")),
            Self::NotFinite { .. } => Some(
                "lower optimizer.learning_rate, set trainer.clip_norm (1 is usual), or look behind these rows for extreme values".into(),
            ),
            Self::File { .. } => Some("correct the file, or take it out of the folder".into()),
            Self::Split(_) => Some("set data.validation_share to 0 to hold no rows out".into()),
            Self::Unfinished { .. } => {
                Some("--resume goes on with it, --overwrite removes it and begins anew".into())
            }
            Self::Device { .. } => {
                Some("devices are auto, cpu, cuda and cuda:N; with --ranks, cuda gives each rank a GPU".into())
            }
            #[cfg(not(feature = "cuda"))]
            Self::NotBuilt => Some(
                "build it with `cargo build --release -p automl --features cuda`, or train with --device cpu".into(),
            ),
            #[cfg(feature = "cuda")]
            Self::NoGpu | Self::NoDriver { .. } | Self::NoSuchGpu { .. } => {
                Some("`nvidia-smi` lists what there is; --device cpu trains on the processor".into())
            }
            Self::NotLonger { .. } => Some(
                "--overwrite begins anew; trainings with schedule.type: constant or plateau can be made longer until they stop by themselves".into(),
            ),
            Self::NotOfCommand { what } => Some(format!(
                "leave {what} out; a command sees to that itself"
            )),
            Self::CommandKey { .. } => {
                Some("`automl train FILE --print-config` shows all keys".into())
            }
            Self::CommandMissing { .. } => Some(
                "the first word of model.run is a program in PATH, or the path of one from here".into(),
            ),
            Self::CommandData { .. } => {
                Some("correct data.path, or leave it out if the command needs no data".into())
            }
            Self::CommandFailed { log, .. } => Some(format!("{log} has what it printed")),
            Self::CommandMetric { metric, log } => Some(format!(
                "let it print lines such as `epoch=1 {metric}=0.5`, or name in model.metric what it prints; {log} has all of it"
            )),
            Self::CommandLink { .. } => Some(
                "let the command write files there, not links to folders; what it wrote is kept, and the same command with --resume goes on from its last state".into(),
            ),
            Self::CommandValue { .. } => None,
            Self::Stopped { .. } | Self::CommandStopped { .. } => {
                Some("the same command with --resume goes on".into())
            }
        }
    }
}
