//! The trainer: from a job and settings to trained parameters.
//!
//! A step sums the gradients of one batch. The batch is cut into shards of a fixed number of rows, each computed on one
//! thread by a replica of the network, and their gradients are summed in the order of the shards: the bits are the same at
//! any number of threads. The order of the rows of an epoch, dropout and the first parameters are functions of the seed
//! and of counters, so a state of a few counters and rows of numbers is enough to go on exactly.

mod any;
mod blame;
mod choose;
mod device;
mod job;
mod keep;
mod optimizer;
mod range_test;
mod schedule;
mod settings;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod trainer;
mod wait;

pub use crate::error::TrainError;
pub use any::{AnyJob, TrainRun};
pub use blame::Blame;
pub use choose::Chosen;
pub use job::{Job, Score};
pub use keep::EverySteps;
pub use optimizer::{OptimizerState, clip};
pub use schedule::share as schedule_share;
pub use settings::{
    Auto, CheckpointParams, Course, OptimizerKind, OptimizerParams, Precision, ScheduleKind,
    ScheduleParams, TensorBoardParams, TrainSettings, TrainerParams,
};
pub use state::{CHECKPOINT, EpochRecord, LossScale, Progress, TrainState, first_difference};
pub(crate) use state::{pull, push};
pub use trainer::{Details, EpochReport, NoWatch, StepReport, Trained, Trainer, Watch};
pub use wait::each_works;
pub(crate) use wait::first_works;
