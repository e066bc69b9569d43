//! The vocabulary of `automl`: tables, tasks, metrics and the contracts between the crates.
//!
//! A [`Table`] of typed columns with a [`Schema`] becomes a [`Dataset`] (table + target + weights + groups + time).
//! A [`Learner`] turns the rows of a [`DatasetView`] into a [`Model`]; a [`Model`] turns a [`TableView`] into
//! [`Predictions`]; a [`Metric`](metrics::Metric) turns predictions into a score.
//!
//! ```
//! use automl_core::{Column, Levels, Table};
//!
//! let table = Table::new(vec![
//!     ("age".into(), Column::Number(vec![39.0, f64::NAN])),
//!     ("sex".into(), Column::category(vec![1, 0], Levels::new(["Female", "Male"]))),
//! ])?;
//! assert_eq!((table.n_rows(), table.n_columns()), (2, 2));
//! # Ok::<(), automl_core::TableError>(())
//! ```
//!
//! What this crate must not know: files, clocks other than [`Clock`], the command line, async, any learner.

extern crate self as automl_core;

mod artifact;
mod budget;
mod clock;
mod collective;
mod contract;
pub mod dataset;
mod decision;
mod error;
mod event;
mod explain;
pub mod metrics;
pub mod normal;
pub mod params;
mod predictions;
mod request;
mod schema;
mod seed;
pub mod splits;
pub mod table;
mod task;
mod threads;
mod warning;

pub use artifact::{Array, ArrayData, Artifact, ArtifactError};
pub use automl_macros::Params;
pub use budget::{Budget, CancelToken, Deadline, MemoryLimit};
pub use clock::Clock;
pub use collective::{Collective, CollectiveError, Solo, agree};
pub use contract::{
    Capabilities, FitContext, FitError, Fitted, Importance, Learner, LearnerSpec, Model,
    PredictError, TrainingData, Transformer,
};
pub use dataset::{Dataset, DatasetError, DatasetView, Target};
pub use decision::{
    ClassThresholds, ClassThresholdsError, CostMatrix, CostMatrixError, Decision, MeanCosts,
};
pub use error::{Coded, is_out_of_space, nearest, size_text};
pub use event::{Event, Events, NoEvents};
pub use explain::{ExplainError, Explanation, ImportanceKind, Interactions, Scale, TreeModel};
pub use params::{Domain, ParamError, ParamMap, ParamSpec, ParamValue, Params, by_own_names};
pub use predictions::Predictions;
pub use request::{ROWS_MAX, RowReader, Rows, SentTable, TableForm};
pub use schema::{Field, Kind, Role, Schema};
pub use seed::Seed;
pub use table::{
    Cell, Column, Levels, MISSING_CODE, MISSING_TIME, Places, SparseRows, Table, TableError,
    TableView, Texts, UNSEEN_CODE,
};
pub use task::{Level, LevelError, TargetTask, Task, TaskKind};
pub use threads::Threads;
pub use warning::{Warning, WarningKind, Warnings};
