//! Why a training did not give a network.

use automl_core::metrics::MetricError;
use automl_core::params::ParamChoice as _;
use automl_core::{ArtifactError, Coded, CollectiveError, FitError, ParamError};

/// Why a training did not give a network.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The budget was over before a network was scored.
    #[error("stopped before a first epoch was done")]
    Cancelled,
    /// A loss or a gradient is no number any more.
    #[error(
        "the {what} of step {step} is {value}; {}",
        blame.tell(rows, ["rows", "rows"])
    )]
    NotFinite {
        /// `loss` or `norm of the gradient`.
        what: &'static str,
        /// The value.
        value: f64,
        /// The step, from 1.
        step: u64,
        /// Some rows of its batch, from 0.
        rows: Vec<u32>,
        /// Why these.
        blame: crate::train::Blame,
    },
    /// The device could not go on, such as for want of memory.
    #[error("{device} failed: {reason}")]
    Device {
        /// The device.
        device: crate::Device,
        /// What it said.
        reason: String,
    },
    /// Numbers of fewer bits, where they are no quicker.
    #[error("trainer.precision = {} is for GPUs", precision.choice_name())]
    Precision {
        /// What was asked for.
        precision: crate::train::Precision,
    },
    /// Rows of a batch that are left to the training, where it cannot tell them.
    #[error("trainer.batch_size = auto is for the CPU")]
    BatchOnDevice,
    /// No learning rate makes the loss fall.
    #[error(
        "optimizer.learning_rate = auto finds none: the loss fell at no rate in {n_steps} steps"
    )]
    RangeTest {
        /// Steps of the test.
        n_steps: u64,
    },
    /// A schedule waits for a better score of a job that gives none.
    #[error("schedule.type = plateau waits for a better score, and no rows are scored")]
    NoScore,
    /// There is nothing to learn from.
    #[error("there is no row to learn from")]
    NoRows,
    /// All rows to learn from have a weight of 0.
    #[error("no row to learn from has a weight above 0")]
    NoWeight,
    /// A checkpoint is of another training.
    #[error("the checkpoint is of another training: {reason}")]
    OtherTraining {
        /// What differs.
        reason: String,
    },
    /// Whoever watches the training could not go on, such as for want of disk space.
    #[error(transparent)]
    Watch(#[from] Box<dyn std::error::Error + Send + Sync>),
    /// The metric that is watched has no value.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A parameter is out of range, or two do not go together.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The ranks cannot exchange what they must.
    #[error(transparent)]
    Collective(#[from] CollectiveError),
    /// A time series cannot be learned from.
    #[error(transparent)]
    Series(#[from] crate::series::SeriesError),
    /// The columns cannot be encoded.
    #[error(transparent)]
    Fit(#[from] FitError),
}

impl Coded for TrainError {
    fn code(&self) -> &'static str {
        match self {
            Self::Cancelled => "fit-cancelled",
            Self::NotFinite { .. } => "train-not-finite",
            Self::Device { .. } => "train-device",
            Self::Precision { .. } => "train-precision",
            Self::BatchOnDevice => "train-batch-auto",
            Self::RangeTest { .. } => "train-range-test",
            Self::NoScore => "train-no-score",
            Self::NoRows => "train-no-rows",
            Self::NoWeight => "train-no-weight",
            Self::OtherTraining { .. } => "train-other-training",
            Self::Watch(_) => "train-watch",
            Self::Metric(error) => error.code(),
            Self::Param(error) => error.code(),
            Self::Artifact(error) => error.code(),
            Self::Collective(error) => error.code(),
            Self::Series(error) => error.code(),
            Self::Fit(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFinite { .. } => Some(
                "lower optimizer.learning_rate, set trainer.clip_norm (1 is usual), or look at these rows for extreme values"
                    .into(),
            ),
            Self::Device { .. } => Some(
                "if it ran out of memory, lower trainer.batch_size (trainer.accumulate keeps the step as large), or train with --device cpu"
                    .into(),
            ),
            Self::Precision { .. } => Some(
                "train with --device cuda, or with trainer.precision: float32, which is quicker on the CPU".into(),
            ),
            Self::BatchOnDevice => Some(
                "say a number; on a GPU the largest that fits its memory is the quickest, and trainer.accumulate makes a step of several"
                    .into(),
            ),
            Self::RangeTest { .. } => Some(
                "say a number, such as 0.001; a constant target or inputs that tell nothing of it give nothing to learn"
                    .into(),
            ),
            Self::NoScore => {
                Some("hold rows out to score on, or take another schedule, such as cosine".into())
            }
            Self::OtherTraining { .. } => {
                Some("train without --resume, or give another --output".into())
            }
            Self::Metric(error) => error.hint(),
            Self::Param(error) => error.hint(),
            Self::Artifact(error) => error.hint(),
            Self::Collective(error) => error.hint(),
            Self::Series(error) => error.hint(),
            Self::Fit(error) => error.hint(),
            _ => None,
        }
    }
}
