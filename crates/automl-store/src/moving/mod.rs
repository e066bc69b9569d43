//! Moving in: another MLflow store copied into a workspace, from experiments to artifacts.
//!
//! A [`Source`] reads a store; [`import`] copies what it gives. Runs, logged models and versions keep their ids. Each appears
//! whole or not at all: its files are copied first, and then its record is written in one transaction. What is there already
//! is left alone, so an import that was broken off goes on when it is called again.
//!
//! [`import_studies`] does the same for studies of Optuna and of Vizier.

mod copy;
mod database;
mod error;
mod files;
mod folder;
mod optuna;
mod put;
mod studies;
mod vizier;

pub use copy::{Counts, Outcome, Target, Watch, import};
pub use database::DatabaseSource;
pub use error::ImportError;
pub use folder::FolderSource;
pub use optuna::OptunaSource;
pub use studies::{StudiesOutcome, StudyCounts, StudySource, import_studies};
pub use vizier::{VizierSource, VizierStudy};

use crate::registry::ModelVersion;
use crate::tracking::KeyValue;
use crate::tracking::inputs::{DatasetInput, ModelLink};
use crate::tracking::log::Metric;
use crate::tracking::logged_models::Status;
use std::io::Read;

/// An experiment of another store.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Experiment {
    pub id: String,
    pub name: String,
    pub is_deleted: bool,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub tags: Vec<KeyValue>,
}

/// A run of another store, with the whole history of its metrics.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Run {
    pub id: String,
    pub name: String,
    pub user_id: String,
    pub status: String,
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
    pub is_deleted: bool,
    pub deleted_ms: Option<i64>,
    pub artifact_uri: String,
    pub params: Vec<KeyValue>,
    pub tags: Vec<KeyValue>,
    pub metrics: Vec<Metric>,
    pub datasets: Vec<DatasetInput>,
    pub models_in: Vec<ModelLink>,
    pub models_out: Vec<ModelLink>,
}

/// A logged model of another store.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct LoggedModel {
    pub id: String,
    pub name: String,
    pub artifact_uri: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub status: Status,
    pub status_message: Option<String>,
    pub model_type: Option<String>,
    pub source_run_id: Option<String>,
    pub params: Vec<KeyValue>,
    pub tags: Vec<KeyValue>,
    /// Each with the run that measured it.
    pub metrics: Vec<(Metric, String)>,
}

/// A registered model of another store.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct RegisteredModel {
    pub name: String,
    pub description: Option<String>,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub tags: Vec<KeyValue>,
    /// Alias and version.
    pub aliases: Vec<(String, i64)>,
    pub versions: Vec<ModelVersion>,
}

/// Whose artifacts are meant.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Owner<'a> {
    pub experiment: &'a str,
    pub kind: OwnerKind,
    pub id: &'a str,
    pub uri: &'a str,
}

/// What can have artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum OwnerKind {
    Run,
    Model,
}

/// A store that is read. Ids are texts, as the store has them.
pub trait Source {
    /// All experiments, deleted ones too.
    fn experiments(&mut self) -> Result<Vec<Experiment>, ImportError>;

    /// The ids of an experiment's runs, deleted ones too.
    fn runs(&mut self, experiment: &str) -> Result<Vec<String>, ImportError>;

    /// A run.
    fn run(&mut self, experiment: &str, id: &str) -> Result<Run, ImportError>;

    /// The ids of an experiment's logged models.
    fn models(&mut self, experiment: &str) -> Result<Vec<String>, ImportError>;

    /// A logged model.
    fn model(&mut self, experiment: &str, id: &str) -> Result<LoggedModel, ImportError>;

    /// The names of registered models.
    fn registered(&mut self) -> Result<Vec<String>, ImportError>;

    /// A registered model with its versions.
    fn registered_model(&mut self, name: &str) -> Result<RegisteredModel, ImportError>;

    /// The paths of artifacts below their owner's root; nothing if they are in a store of their own and stay there.
    fn files(&mut self, owner: Owner<'_>) -> Result<Option<Vec<String>>, ImportError>;

    /// One of those.
    fn open(&mut self, owner: Owner<'_>, path: &str) -> Result<Box<dyn Read>, ImportError>;
}

#[cfg(test)]
mod tests;
