//! The search: from a dataset and a budget to a strong model.
//!
//! [`prepare`] turns a typed table into a dataset (task, roles, usable rows). [`fit`] plans a validation scheme, runs
//! trials — cheap configurations first, then Bayesian tuning — keeps their out-of-fold predictions, selects a weighted
//! ensemble greedily, refits where that pays, and returns one [`EnsembleModel`] with its [`Leaderboard`].
//!
//! Every trial is a pair of a recipe (how features are encoded) and a learner with parameters. The list of learners is
//! explicit, in [`registry`].
//!
//! What this crate must not know: files, HTTP, SQL, the command line.

mod attribution;
mod bounds;
mod calibrate;
mod compose;
mod conformal;
mod costs;
mod distill;
mod encode;
mod ensemble;
mod error;
mod explain;
mod fit;
mod import;
mod importance;
mod intervals;
mod journal;
mod latency;
mod leaderboard;
mod model;
mod nested;
mod options;
mod outputs;
mod plan;
mod portfolio;
pub mod prepare;
mod preview;
mod recipes;
mod refit;
pub mod registry;
mod search;
mod single;
mod suggest;
mod targets;
mod thin;
mod threshold;
mod trial;
mod workers;

pub use compose::{
    ComposeError, Composed, PipelineStep, StepModel, StepProblem, Together, compose,
};
pub use costs::{CostsError, NamedCosts};
pub use distill::Distilled;
pub use error::{EngineError, NoFeature};
pub use explain::{
    DependencePoint, DependenceValue, Explanations, LabelledRows, LeftOut, PartialDependence,
    PartialDependences, PermutationError, PermutationImportance, PermutedColumn, ShapleyColumn,
    ShapleyPoint, ShapleySummary,
};
pub use fit::{FitOutcome, FitRun, OutOfFold, SplitBy, fit};
pub use import::{ImportNames, Imported, ImportedSize, import_model};
pub use importance::{ColumnImportance, ImportantColumn, ImportantFeature};
pub use intervals::{Band, ErrorBin, Intervals};
pub use journal::{Journal, JournalEntry, NoJournal, NotedConfig, NotedFit, PlannedFor, Progress};
pub use leaderboard::{Leaderboard, LeaderboardRow};
pub use model::EnsembleModel;
pub use nested::NestedScore;
pub use options::{FitOptions, Quality, SearchPart};
pub use plan::{Plan, Validation};
pub use portfolio::Configuration;
pub use prepare::{PrepareOptions, Prepared, prepare};
pub use preview::{Phases, PlannedTrial, Preview, preview};
pub use registry::{EXPLAINED, LEARNERS};
pub use single::Single;
pub use targets::{TargetModel, TargetModels, TargetPlace};
pub use trial::{Outcome, RowWork};

#[cfg(test)]
mod tests;
