//! From any error to what its reader sees: one line, a stable code, advice, and an exit code.

use crate::ranks::RanksError;
use crate::text;
use automl_collective::{PlaceError, StartError};
use automl_core::metrics::MetricError;
use automl_core::{ArtifactError, Coded, CollectiveError, PredictError, is_out_of_space};
use automl_data::DataError;
use automl_data::profile::ProfileError;
use automl_engine::EngineError;
use automl_neural::config::PlacedError;
use automl_neural::series::SeriesError;
use automl_neural::train::TrainError;
use automl_serve::ServeError;
use automl_serve::tuning::TuneError;
use automl_store::StoreError;
use automl_store::backup::BackupError;
use automl_store::buckets::BucketError;
use automl_store::captures::CaptureError;
use automl_store::endpoints::EndpointError;
use automl_store::gc::GcError;
use automl_store::moving::ImportError;
use automl_store::registry::files::FilesError;
use automl_store::studies::StudiesError;
use automl_store::tracking::TrackingError;
use automl_store::tracking::events::EventsError;
use automl_store::workspace::WorkspaceError;
use serde_json::{Value, json};
use std::io;
use std::path::PathBuf;

mod batch;
mod forecast;
mod launch;
mod moving;
mod record;
mod search;
mod targets;
#[cfg(test)]
mod tests;
mod train;
mod tune;
mod usage;

pub(crate) use batch::BatchError;
pub(crate) use forecast::ForecastError;
pub(crate) use launch::LaunchError;
pub(crate) use moving::MovingError;
pub(crate) use record::RecordError;
pub(crate) use search::SearchError;
pub(crate) use targets::TargetsError;
pub(crate) use train::TrainVerbError;
pub(crate) use tune::TuneVerbError;
pub(crate) use usage::Usage;

/// Done.
pub(crate) const DONE: u8 = 0;
/// The program's fault or the machine's.
pub(crate) const FAILED: u8 = 1;
/// Something that the user gave can be changed to make it work.
pub(crate) const BAD_INPUT: u8 = 2;
/// Stopped by Ctrl-C; what was found until then is saved.
pub(crate) const INTERRUPTED: u8 = 130;

/// Columns of a table that are all named where one is wanted.
const COLUMNS_SHOWN: usize = 12;

/// Codes that do not mean bad input. An error with any other code is about the data, the model, the place to write to
/// or the settings that the user gave; an error without a code is a failure.
const EXIT_CODES: &[(&str, u8)] = &[
    ("capture-lines", FAILED),
    ("collective-gone", FAILED),
    ("collective-timeout", FAILED),
    ("collective-transport", FAILED),
    ("fit-all-failed", FAILED),
    ("fit-cancelled", INTERRUPTED),
    ("fit-column", FAILED),
    ("fit-numeric", FAILED),
    ("import-incomplete", FAILED),
    ("interrupted", INTERRUPTED),
    ("output-closed", DONE),
    ("output-stdout", FAILED),
    ("ranks-failed", FAILED),
    ("ranks-meeting", FAILED),
    ("ranks-mpi", FAILED),
    ("record-away", FAILED),
    ("record-database", FAILED),
    ("serve-stopped", FAILED),
    ("server-away", FAILED),
    ("store-contents", FAILED),
    ("tensorboard-failed", FAILED),
    ("train-command-failed", FAILED),
    ("train-command-value", FAILED),
    ("train-not-finite", FAILED),
    ("tune-all-fail", FAILED),
    ("tune-unfinished", FAILED),
];

/// What is wrong with what the user gave to the command line itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("the place for the page is a directory: {}", .path.display())]
    OutputIsDirectory { path: PathBuf },
    #[error("cannot tell from its name what kind of predictions to write: {}", .path.display())]
    OutputFormat { path: PathBuf },
    #[error("model and data are swapped: {data} is a file, {model} a model directory")]
    Swapped {
        verb: &'static str,
        model: String,
        data: String,
    },
    #[error("a threshold is for two classes, the model's task is {task}")]
    ThresholdTask { task: &'static str },
    #[error("both tables cannot come from stdin")]
    StdinTwice,
    #[error("the data has no target column '{target}' to score against")]
    TargetMissing {
        target: String,
        near: Vec<String>,
        /// The import said what the target is called, so another import can say it again.
        is_imported: bool,
    },
    #[error(transparent)]
    ImportedColumnMissing(DataError),
    #[error("{error}")]
    ColumnUnknown {
        error: EngineError,
        /// The columns of the table.
        known: Vec<String>,
    },
    #[error("the data has no column '{weight}', which the model was fitted with as weights")]
    WeightMissing { weight: String, near: Vec<String> },
    #[error("no row of the data has a target to score against")]
    NoRows,
    #[error("target '{target}' is {} in data row {row}, a class that the model has not learned", quoted(class.as_deref()))]
    LabelUnknown {
        target: String,
        class: Option<String>,
        row: u64,
        known: Vec<String>,
    },
    #[error("the predictions would take the place of their own data: {}", path.display())]
    OutputIsInput { path: std::path::PathBuf },
    #[error("the output exists already: {}", path.display())]
    OutputExists { path: std::path::PathBuf },
    #[error("there is something at the place of the folder already: {}", path.display())]
    OutputTaken { path: std::path::PathBuf },
    #[error("the output would be inside the model that it is made of: {}", path.display())]
    OutputInModel { path: std::path::PathBuf },
    #[error("'{name}' cannot be the name of an InferenceService")]
    KserveName { name: String },
    #[error("{option} means nothing with --format {format}")]
    OptionMeaningless {
        option: &'static str,
        format: &'static str,
    },
    #[error("weight '{column}' is {value} in data row {row}")]
    WeightValue {
        column: String,
        value: f64,
        row: u64,
    },
    #[error("exposure '{column}' is {value} in data row {row}")]
    ExposureValue {
        column: String,
        value: f64,
        row: u64,
    },
    #[error("the model has no leaderboard: it was imported or composed, not searched for")]
    NoLeaderboard,
    #[error("the model has no importance: {}", why_no_importance(*is_imported))]
    NoImportance { is_imported: bool },
    #[error("cannot read {}", .path.display())]
    TlsFile { path: PathBuf, source: io::Error },
    #[error("this is no folder for tables: {}", .path.display())]
    DataDir { path: PathBuf, source: io::Error },
    #[error("this is no folder of models: {}", .path.display())]
    ModelRepository { path: PathBuf, source: io::Error },
    #[error("this is a model, not a folder of models: {}", .path.display())]
    ModelRepositoryIsModel { path: PathBuf },
    #[error("no password came from stdin")]
    NoPassword,
    #[error("{host} can be reached by other machines, and access control is off")]
    ServeOpen { host: std::net::IpAddr },
    #[error("the model to import is a directory: {}", .path.display())]
    ImportDirectory { path: PathBuf },
    #[error("'{file}' of the model cannot be read: {reason}")]
    ModelFile { file: &'static str, reason: String },
    #[error("cannot write to stdout")]
    Stdout { source: io::Error },
    #[error("interrupted")]
    Interrupted,
    #[error("stopped; nothing was saved")]
    StoppedAtOnce,
}

fn why_no_importance(is_imported: bool) -> &'static str {
    if is_imported {
        "it was imported, by an older version or from a file that tells no gains of splits"
    } else {
        "it was made by an older version, or none of its parts can say"
    }
}

/// What the table lacks, or the import said wrongly.
fn imported_hint(error: &DataError) -> String {
    let again =
        "or import again with --columns, the data's names in the order of the model's features";
    let hint = error.hint();
    hint.map_or_else(|| again.to_owned(), |hint| format!("{hint}; {again}"))
}

/// What could have been meant: the nearest of the columns, else all if they are few.
fn column_hint(error: &EngineError, known: &[String]) -> Option<String> {
    match error {
        EngineError::ColumnUnknown { near, .. }
            if near.is_empty() && known.len() <= COLUMNS_SHOWN =>
        {
            Some(format!("the columns are '{}'", known.join("', '")))
        }
        error => error.hint(),
    }
}

fn quoted(class: Option<&str>) -> String {
    class.map_or_else(|| "something else".to_owned(), |class| format!("'{class}'"))
}

impl Coded for CliError {
    fn code(&self) -> &'static str {
        match self {
            Self::OutputIsDirectory { .. } => "output-is-directory",
            Self::OutputFormat { .. } => "output-format",
            Self::OutputIsInput { .. } | Self::OutputInModel { .. } => "output-is-input",
            Self::KserveName { .. } => "usage-kserve-name",
            Self::OptionMeaningless { .. } => "usage-option",
            Self::OutputExists { .. } | Self::OutputTaken { .. } => "output-exists",
            Self::StdinTwice => "usage-stdin-twice",
            Self::Swapped { .. } => "usage-swapped",
            Self::ThresholdTask { .. } => "usage-threshold-task",
            Self::TargetMissing { .. } => "evaluate-target-missing",
            Self::WeightMissing { .. } => "evaluate-weight-missing",
            Self::ImportedColumnMissing(error) => error.code(),
            Self::ColumnUnknown { error, .. } => error.code(),
            Self::NoRows => "evaluate-no-rows",
            Self::LabelUnknown { .. } => "evaluate-label-unknown",
            Self::WeightValue { .. } => "evaluate-weight",
            Self::ExposureValue { .. } => "evaluate-exposure",
            Self::NoLeaderboard => "leaderboard-none",
            Self::NoImportance { .. } => "importance-none",
            Self::ServeOpen { .. } => "serve-open",
            Self::TlsFile { .. } => "serve-tls",
            Self::DataDir { .. } => "serve-data-dir",
            Self::ModelRepository { .. } | Self::ModelRepositoryIsModel { .. } => {
                "serve-model-repository"
            }
            Self::NoPassword => "users-no-password",
            Self::ImportDirectory { .. } => "import-directory",
            Self::ModelFile { .. } => "artifact-part-invalid",
            Self::Stdout { source } if is_out_of_space(source.kind()) => "output-full",
            Self::Stdout { .. } => "output-stdout",
            Self::Interrupted | Self::StoppedAtOnce => "interrupted",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Swapped { verb, model, data } => {
                let (model, data) = (text::shell_word(model), text::shell_word(data));
                Some(format!(
                    "the model comes first: automl {verb} {model} {data}"
                ))
            }
            Self::ThresholdTask { .. } => Some(
                "leave --threshold out; where a model of more classes has thresholds, they are heeded"
                    .into(),
            ),
            Self::TargetMissing { near, .. } if !near.is_empty() => {
                Some(format!("did you mean '{}'?", near.join("' or '")))
            }
            Self::WeightMissing { near, .. } => {
                let near = match near.as_slice() {
                    [] => String::new(),
                    near => format!("did you mean '{}'? else ", near.join("' or '")),
                };
                Some(format!(
                    "{near}add the column, or score rows alike with --allow-missing-columns; `automl predict` needs no weights"
                ))
            }
            Self::StdinTwice => Some("give one of the two as a file".into()),
            Self::TargetMissing {
                is_imported: true, ..
            } => Some("import again with --target COLUMN, as the data calls the target".into()),
            Self::TargetMissing { .. } => Some("`automl predict` needs no target".into()),
            Self::ImportedColumnMissing(error) => Some(imported_hint(error)),
            Self::ColumnUnknown { error, known } => column_hint(error, known),
            Self::LabelUnknown { known, .. } => {
                Some(format!("the model knows {}", known.join(", ")))
            }
            Self::WeightValue { .. } => Some("weights are finite numbers of at least 0".into()),
            Self::ExposureValue { .. } => Some("exposures are finite numbers above 0".into()),
            Self::NoImportance { is_imported: true } => {
                Some("import it again, from a file that its program saved with gains".into())
            }
            Self::NoImportance { is_imported: false } => {
                Some("`automl importance MODEL DATA` measures it on labelled rows".into())
            }
            Self::ServeOpen { .. } => Some(
                "leave --access off out, or say --without-access-control if something else asks who calls"
                    .into(),
            ),
            Self::TlsFile { .. } => {
                Some("give --tls-cert and --tls-key files that can be read".into())
            }
            Self::ModelRepository { .. } => Some("give a folder that can be read".into()),
            Self::ModelRepositoryIsModel { .. } => Some("name the folder above it".into()),
            Self::DataDir { .. } => {
                Some("give --data-dir a folder that can be read, or an address such as s3://BUCKET/TABLES".into())
            }
            Self::NoPassword => {
                Some("put it on the first line: echo \"$PASSWORD\" | automl users …".into())
            }
            Self::ImportDirectory { .. } => Some(
                "give the file that LightGBM's save_model wrote, XGBoost's as .json or .ubj, or an ONNX file"
                    .into(),
            ),
            Self::NoLeaderboard => Some("`automl evaluate` scores it on labelled rows".into()),
            Self::ModelFile { .. } => Some("fit the model again or restore the file".into()),
            Self::Stdout { source } if is_out_of_space(source.kind()) => {
                Some("the disk is full; free some space or write to another disk".into())
            }
            other => other.output_hint().map(str::to_owned),
        }
    }
}

impl CliError {
    /// What to do about an output that cannot be written.
    fn output_hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::OutputIsDirectory { .. } => "give the path of a file",
            Self::OutputIsInput { .. } => "give --output another name",
            Self::KserveName { .. } => {
                "give --name lower-case letters, digits and '-', at most 53, beginning with a letter and not ending with '-', as Kubernetes wants them"
            }
            Self::OutputInModel { .. } => "give --output a place outside the model",
            Self::OutputExists { .. } => {
                "say --overwrite to replace it, or give --output another name"
            }
            Self::OutputTaken { .. } => "give --output another name, or remove it first",
            Self::OutputFormat { .. } => {
                "name the file .csv, .tsv, .jsonl (also with .gz behind) or .parquet"
            }
            _ => return None,
        })
    }
}

/// An error as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// The stable code of the innermost cause that has one.
    pub(crate) code: Option<&'static str>,
    /// The whole chain, outermost first, each part once.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Report {
    /// Everything there is to say of an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.chain().any(|cause| {
            cause
                .downcast_ref::<io::Error>()
                .is_some_and(is_broken_pipe)
        }) {
            return Self {
                code: Some("output-closed"),
                message: "the reader of the output is gone".into(),
                hint: None,
            };
        }
        let coded = error.chain().find_map(coded);
        Self {
            code: coded.map(Coded::code),
            message: chain(error),
            hint: coded.and_then(Coded::hint),
        }
    }

    /// What the process says to its parent.
    pub(crate) fn exit_code(&self) -> u8 {
        let Some(code) = self.code else { return FAILED };
        EXIT_CODES
            .iter()
            .find(|(known, _)| *known == code)
            .map_or(BAD_INPUT, |(_, exit)| *exit)
    }

    /// One line for programs, as a last event.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "event": "error",
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "exit_code": self.exit_code(),
        })
    }
}

/// Whether a write failed because its reader has gone away.
pub(crate) fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// The error as one that has a code, if it is of a known type.
fn coded<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a dyn Coded> {
    macro_rules! one_of {
        ($($kind:ty),*) => {$(
            if let Some(error) = error.downcast_ref::<$kind>() {
                return Some(error);
            }
        )*};
    }
    one_of!(
        CliError,
        BatchError,
        BucketError,
        RecordError,
        SearchError,
        TargetsError,
        DataError,
        ProfileError,
        EngineError,
        automl_onnx::OnnxError,
        StoreError,
        MetricError,
        PredictError,
        ServeError,
        ArtifactError,
        LaunchError,
        RanksError,
        StartError,
        PlaceError,
        CollectiveError,
        MovingError,
        WorkspaceError,
        TrackingError,
        StudiesError,
        EndpointError,
        CaptureError,
        TuneError,
        TuneVerbError,
        TrainVerbError,
        PlacedError,
        TrainError,
        SeriesError,
        ForecastError,
        FilesError,
        EventsError,
        ImportError,
        BackupError,
        GcError
    );
    None
}

/// The messages of an error and its causes, each once, joined by colons.
fn chain(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let part = cause.to_string();
        if message.is_empty() {
            message = part;
        } else if !message.ends_with(&part) {
            message.push_str(": ");
            message.push_str(&part);
        }
    }
    message
}
