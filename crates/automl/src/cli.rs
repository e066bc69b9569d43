//! The command line as typed: clap types only. Each verb resolves its part into settings once.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help texts, where backticks would be printed"
)]

mod access;
mod endpoint;
mod export;
mod fit;
mod launch;
mod moving;
pub(crate) mod parts;
mod registry;
mod serve;
mod study;
mod train;
mod tune;

pub(crate) use access::{Access, AccessArgs, AuditArgs, RoleArg, TokensVerb, UsersVerb};
pub(crate) use endpoint::*;
pub(crate) use export::{ModelExportArgs, ModelFormat};
pub(crate) use fit::FitArgs;
pub(crate) use launch::*;
pub(crate) use moving::{
    BackupArgs, ImportEventsArgs, ImportVerb, MlrunsArgs, PlaceArgs, RestoreArgs, StudiesArgs,
    TensorBoardArgs,
};
pub(crate) use registry::*;
pub(crate) use serve::ServeArgs;
pub(crate) use study::*;
pub(crate) use train::TrainArgs;
pub(crate) use tune::{TuneArgs, WardenArgs};

use crate::console::Format;
use crate::errors::Usage;
use crate::scoring::PartKind;
use crate::units;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::num::NonZeroU8;
use std::path::PathBuf;

/// From a table on disk to a strong model and its predictions.
#[derive(Debug, Parser)]
#[command(name = "automl", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  automl profile adult.csv --target income
  automl fit adult.csv --target income --time-limit 60s --output model/
  automl predict model/ new.csv --output predictions.csv
  automl evaluate model/ test.csv
  automl leaderboard model/
  automl importance model/

Exit codes: 0 done, 1 failed, 2 bad input or usage, 130 interrupted with the best so far saved.";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Look at a table: kinds, missing values, distributions, ties to the target, and what is wrong with it
    Profile(ProfileArgs),
    /// Search for the best model of a table within a time budget
    Fit(Box<FitArgs>),
    /// Write one prediction for each row of a table
    Predict(PredictArgs),
    /// Score a model on a table that has the target
    Evaluate(EvaluateArgs),
    /// Show what a fit tried and how good each model was
    Leaderboard(LeaderboardArgs),
    /// Show how much each column of the table matters to a model
    Importance(ImportanceArgs),
    /// Write a model as a file that other programs run
    Export(ModelExportArgs),
    /// Register, compare, promote and fetch models, and take over those of other programs
    #[command(subcommand)]
    Models(ModelsVerb),
    /// Look at what was recorded
    #[command(subcommand)]
    Runs(RunsVerb),
    /// Name data, and list what is named
    #[command(subcommand)]
    Datasets(DatasetsVerb),
    /// Show where data, a run, a model or a version came from, and what became of it
    Lineage(LineageArgs),
    /// Train a network that a file describes, with checkpoints to go on from
    Train(Box<TrainArgs>),
    /// Run a command again and again with other parameters, to find good ones
    Tune(Box<TuneArgs>),
    /// Search for good parameters of anything: ask for trials, tell what came of them
    #[command(subcommand)]
    Study(StudyVerb),
    /// Write a job that trains on many machines, and hand it in
    #[command(subcommand)]
    Launch(Box<LaunchVerb>),
    /// Let models answer: make endpoints, deploy versions, share out their requests
    #[command(subcommand)]
    Endpoint(EndpointVerb),
    /// Serve endpoints, and the record of runs and models to MLflow's clients and to browsers
    Serve(Box<ServeArgs>),
    /// Say who may use a server, and what they may do
    #[command(subcommand)]
    Users(UsersVerb),
    /// Make and end the tokens that programs show to a server
    #[command(subcommand)]
    Tokens(TokensVerb),
    /// Show what was written through a server and what it refused
    Audit(AuditArgs),
    /// Show event files of runs and models in the real TensorBoard
    #[command(name = "tensorboard")]
    TensorBoard(TensorBoardArgs),
    /// Copy the record of another program, from runs to artifacts
    #[command(subcommand)]
    Import(ImportVerb),
    /// Copy a workspace, also while a server writes to it
    Backup(BackupArgs),
    /// Make a workspace of a backup
    Restore(RestoreArgs),
    /// Remove for good what was deleted from the record, and files that nothing refers to
    Gc(GcArgs),
    /// Measure boosting on a folder of raw numbers, for `benches/trees/run.py`
    #[command(hide = true)]
    Race(RaceArgs),
    /// Measure how long one row alone takes a model, for `benches/tables/latency.py`
    #[command(hide = true)]
    Latency(LatencyArgs),
    /// Run a program of a trial, which ends when the process that wanted it does
    #[command(hide = true)]
    Warden(WardenArgs),
}

impl Verb {
    /// How results and progress are printed.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Profile(args) => args.format,
            Self::Fit(args) => args.format,
            Self::Predict(args) => args.format,
            Self::Evaluate(args) => args.format,
            Self::Leaderboard(args) => args.format,
            Self::Importance(args) => args.format,
            Self::Models(verb) => verb.format(),
            Self::Runs(verb) => verb.format(),
            Self::Datasets(verb) => verb.format(),
            Self::Lineage(args) => args.ask.format,
            Self::Study(verb) => verb.format(),
            Self::Launch(verb) => match verb.as_ref() {
                LaunchVerb::Slurm(args) => args.job.format,
                LaunchVerb::Kubernetes(args) => args.job.format,
            },
            Self::Endpoint(verb) => verb.ask().format,
            Self::Serve(args) => args.format,
            Self::Gc(args) => args.format,
            Self::Import(verb) => verb.format(),
            Self::Backup(args) => args.format,
            Self::Restore(args) => args.format,
            Self::Users(verb) => verb.ask().format,
            Self::Tokens(verb) => verb.ask().format,
            Self::Audit(args) => args.ask.format,
            Self::Train(args) => args.format,
            Self::Tune(args) => args.format,
            Self::Export(_)
            | Self::TensorBoard(_)
            | Self::Race(_)
            | Self::Latency(_)
            | Self::Warden(_) => Format::Text,
        }
    }
}

/// How a table is read, the same for every verb that reads one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct ReadArgs {
    /// Kinds and roles of columns, as `automl profile --write-schema` writes them; what it leaves out is inferred
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Cells that mean missing, instead of the usual (empty, NA, N/A, NaN, null, None, ?, -, #N/A and other spreadsheet
    /// errors); a mark with + in front, such as +unknown, is added to the usual ones; repeatable, comma lists
    #[arg(long, value_name = "MARKS", value_delimiter = ',')]
    pub(crate) missing: Option<Vec<String>>,
    /// Text encoding [default: UTF-8, else an error that names the place]
    #[arg(long, value_enum)]
    pub(crate) encoding: Option<EncodingArg>,
    /// What separates cells: a character, or tab, comma, semicolon, pipe, space [default: guessed]
    #[arg(long, value_name = "CHAR", value_parser = units::delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// Tell columns of one name apart by a number behind it, as a, a.1, a.2, instead of refusing them
    #[arg(long)]
    pub(crate) rename_duplicates: bool,
}

/// Where a workspace is.
#[derive(Debug, Clone, Args)]
pub(crate) struct WorkspaceArgs {
    /// Where the record is: a directory, or postgres://USER:PASSWORD@HOST/NAME
    #[arg(
        long,
        value_name = "PLACE",
        env = "AUTOML_WORKSPACE",
        hide_env_values = true,
        default_value = ".automl",
        value_parser = units::workspace
    )]
    pub(crate) workspace: String,
}

/// How a run is recorded.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Record")]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArgs,
    /// Experiment that the run belongs to; made if it is not there
    #[arg(long, value_name = "NAME", env = "AUTOML_EXPERIMENT", default_value = "Default", value_parser = units::experiment)]
    pub(crate) experiment: String,
    /// Name of the run [default: made up]
    #[arg(long, value_name = "NAME")]
    pub(crate) run_name: Option<String>,
    /// Do not record the run; AUTOML_NO_RECORD=1 in the environment says it for all
    #[arg(long)]
    pub(crate) no_record: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EncodingArg {
    #[value(name = "utf-8", alias = "utf8")]
    Utf8,
    #[value(name = "latin1", aliases = ["latin-1", "iso-8859-1", "windows-1252"])]
    Latin1,
    #[value(name = "utf-16", alias = "utf16")]
    Utf16,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl profile adult.csv
  automl profile adult.csv --target income --html profile.html
  automl profile train.csv test.csv                 drift between two tables
  automl profile raw.csv --write-schema schema.yaml  then edit it and give it to --schema")]
pub(crate) struct ProfileArgs {
    /// Table: CSV, TSV, Parquet, JSON lines or Arrow, perhaps .gz or .zst; a path, a glob, an address in an object store, or - for stdin
    pub(crate) data: String,
    /// A second table, to look for drift from the first
    pub(crate) other: Option<String>,
    /// Column to be predicted: adds each column's tie to it, and the search for leaks
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Also write the profile as one self-contained page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the inferred schema, to edit and give back with --schema
    #[arg(long, value_name = "FILE")]
    pub(crate) write_schema: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TaskArg {
    Binary,
    Multiclass,
    Regression,
    /// Numbers that count something, or add up amounts, and are never negative; decided by Poisson deviance
    Count,
    /// Numbers that the target lies below with the probabilities of --quantiles; decided by pinball loss
    Quantile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum QualityArg {
    Fast,
    #[default]
    Balanced,
    Best,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl predict model/ new.csv --output predictions.csv
  automl predict model/ new.parquet --output predictions.parquet
  automl predict model/ new.csv --keep customer --output predictions.csv   with the ids of the rows
  automl predict prices/ new.csv --interval 0.9 --output predictions.csv   with bounds that hold nine of ten
  cat new.csv | automl predict model/ - > predictions.csv
  automl predict model/ 'days/*.csv' --output predictions.csv              many tables as one
  automl predict model/ 'days/*.csv' --output predictions/                 a file for each, and an account of all
  automl predict model/ days/ --output predictions/ --parts parquet --resume
  automl predict model/ 's3://bucket/days/*.csv' --output s3://bucket/predictions/

The predictions have one row for each row of the data, in its order: `prediction`, and for classification
`probability_<class>` for each class; `quantile_<level>` for each quantile, and then no `prediction`. Columns are matched by name; the data may be bigger than memory.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct PredictArgs {
    /// Directory that `automl fit` wrote, or a registered model: NAME, NAME/3 or NAME@ALIAS
    pub(crate) model: PathBuf,
    /// Table to predict: a path, a glob, an address in an object store, or - for stdin; several of them, or a directory of tables, go to a
    /// directory
    #[arg(required = true, value_name = "DATA")]
    pub(crate) data: Vec<String>,
    /// File to write, of the kind that its extension names (csv, tsv, jsonl, parquet; csv, tsv and jsonl also with .gz); its
    /// directory is made; - is stdout, as CSV. A directory, such as predictions/, gets a file for each table. Both may be in an object
    /// store: s3://bucket/predictions/
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// Kind of the files of an output directory: csv, tsv, jsonl, csv.gz, tsv.gz, jsonl.gz, parquet [default: csv]
    #[arg(long, value_name = "KIND")]
    pub(crate) parts: Option<PartKind>,
    /// Put the predictions in the place of a file, or of those of a directory, that are there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Go on with an output directory: tables that are predicted and have not changed stay as they are
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) resume: bool,
    /// Leave out rows with a cell that is not of its column's kind, and count them, instead of refusing the table
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
    /// Take columns that are not in the table as missing
    #[arg(long)]
    pub(crate) allow_missing_columns: bool,
    /// Columns of the table to write before the predictions, such as an id; repeatable, comma lists
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) keep: Vec<String>,
    /// Probability above which the positive class of two is predicted [default: the model's, else the likelier class]; models of more classes have thresholds of their own
    #[arg(long, value_name = "P", value_parser = units::probability)]
    pub(crate) threshold: Option<f64>,
    /// Add `lower_90` and `upper_90`, between which the target lies with this probability, for numbers: 0.9; comma lists
    #[arg(long, value_name = "P", value_delimiter = ',', value_parser = units::share)]
    pub(crate) interval: Vec<f64>,
    /// Text encoding [default: UTF-8, else an error that names the place]
    #[arg(long, value_enum)]
    pub(crate) encoding: Option<EncodingArg>,
    /// What separates cells: a character, or tab, comma, semicolon, pipe, space [default: guessed]
    #[arg(long, value_name = "CHAR", value_parser = units::delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// Tell columns of one name apart as a, a.1, a.2; a model that was fitted so does it by itself
    #[arg(long)]
    pub(crate) rename_duplicates: bool,
    /// Threads to use [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// How to print messages; with json and an output file, a summary goes to stdout
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl evaluate model/ test.csv
  automl evaluate model/ test.csv --threshold 0.3     what predicting the positive class above 0.3 would give
  automl evaluate model/ test.csv --format json | jq .metrics.roc_auc")]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// Directory that `automl fit` wrote, or a registered model: NAME, NAME/3 or NAME@ALIAS
    pub(crate) model: PathBuf,
    /// Table with the target: a path, a glob, an address in an object store, or - for stdin
    pub(crate) data: String,
    /// Take columns that are not in the table as missing
    #[arg(long)]
    pub(crate) allow_missing_columns: bool,
    /// Probability above which the positive class of two is predicted [default: the model's, else the likelier class]; models of more classes have thresholds of their own
    #[arg(long, value_name = "P", value_parser = units::probability)]
    pub(crate) threshold: Option<f64>,
    /// Text encoding [default: UTF-8, else an error that names the place]
    #[arg(long, value_enum)]
    pub(crate) encoding: Option<EncodingArg>,
    /// What separates cells: a character, or tab, comma, semicolon, pipe, space [default: guessed]
    #[arg(long, value_name = "CHAR", value_parser = units::delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// Tell columns of one name apart as a, a.1, a.2; a model that was fitted so does it by itself
    #[arg(long)]
    pub(crate) rename_duplicates: bool,
    /// Threads to use [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl leaderboard model/
  automl leaderboard model/ --format json | jq '.rows[0]'")]
pub(crate) struct LeaderboardArgs {
    /// Directory that `automl fit` wrote, or a registered model: NAME, NAME/3 or NAME@ALIAS
    pub(crate) model: PathBuf,
    /// How many models to show; the others are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArgs,
    /// How to print; json holds all models with their parameters
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl importance model/
  automl importance model/ labelled.csv   measured on rows that the model has not seen
  automl importance model/ --format json | jq '.columns[0]'")]
pub(crate) struct ImportanceArgs {
    /// Directory that `automl fit` wrote, or a registered model: NAME, NAME/3 or NAME@ALIAS
    pub(crate) model: PathBuf,
    /// Table that has the target: tell by how much the score gets worse where a column's values are shuffled among its rows
    pub(crate) data: Option<String>,
    /// How often each column is shuffled
    #[arg(long, value_name = "N", default_value = "5", requires = "data")]
    pub(crate) shuffles: NonZeroU8,
    /// Take columns that are not in the table as missing
    #[arg(long, requires = "data")]
    pub(crate) allow_missing_columns: bool,
    /// Text encoding [default: UTF-8, else an error that names the place]
    #[arg(long, value_enum, requires = "data")]
    pub(crate) encoding: Option<EncodingArg>,
    /// What separates cells: a character, or tab, comma, semicolon, pipe, space [default: guessed]
    #[arg(long, value_name = "CHAR", value_parser = units::delimiter, requires = "data")]
    pub(crate) delimiter: Option<u8>,
    /// Tell columns of one name apart as a, a.1, a.2; a model that was fitted so does it by itself
    #[arg(long, requires = "data")]
    pub(crate) rename_duplicates: bool,
    /// Threads to use [default: all cores]
    #[arg(long, value_name = "N", requires = "data", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// How many columns to show; the others are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArgs,
    /// How to print; json holds all columns with the features made of them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models import model.txt --output model/              from LightGBM's save_model
  automl models import model.ubj --output model/ --target churned --classes no,yes
  automl models import model.ubj --output model/ --columns age,plan,'days left'   for f0, f1, f2
  automl models import model.onnx --output model/ --columns age,plan,visits       for an input of three columns
  automl predict model/ new.csv

XGBoost models are read as JSON or UBJSON. They predict the same as in their own program, to six digits and more. Of an ONNX
graph the numbers that it gives are predicted: one a row, or probabilities of classes.")]
pub(crate) struct ImportArgs {
    /// File that LightGBM or XGBoost saved, or an ONNX file
    pub(crate) file: PathBuf,
    /// Directory to write the model to
    #[arg(long, short, value_name = "DIR", default_value = "automl-model")]
    pub(crate) output: PathBuf,
    /// Put the new model in the place of one that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// What the model predicts: the column that `evaluate` compares with
    #[arg(long, value_name = "COLUMN", default_value = "target")]
    pub(crate) target: String,
    /// Names of the classes in the order of their codes [default: those in the file, or the codes]
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    pub(crate) classes: Option<Vec<String>>,
    /// Names that the table has for the model's features, in the model's order [default: the model's own names]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    /// Of an ONNX graph, the output that is predicted [default: the only one of numbers, or of probabilities]
    #[arg(long, value_name = "OUTPUT")]
    pub(crate) result: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Reads the arguments, or says what is wrong with them (or the help that was asked for).
pub(crate) fn parse(args: &[OsString]) -> Result<Cli, Usage> {
    Cli::try_parse_from(args).map_err(|error| Usage::new(error, args))
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl gc --dry-run                                what would go, and its size
  automl gc --older-than 7d
  automl gc --workspace postgres://automl@db/automl

Runs, logged models and experiments that were deleted go with their files, unless a registered version, or a run or
logged model in use, refers to them. It may run beside a server.")]
pub(crate) struct GcArgs {
    /// Only list what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long ago things must have been deleted, such as 12h, 7d, or 0s for all of them
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = units::age)]
    pub(crate) older_than: std::time::Duration,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct RaceArgs {
    /// Holds meta.json (task: regression, binary or multiclass; n_classes; n_levels: for each column 0 for numbers or how
    /// many categories it has) and, of train and test, row-major PART.x.f32 and PART.y.f32, little-endian, NaN for missing
    pub(crate) folder: PathBuf,
    /// What is measured
    #[arg(value_enum)]
    pub(crate) measure: Measure,
    /// Parameters of the learner
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Threads to use
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: u16,
}

#[derive(Debug, Args)]
pub(crate) struct LatencyArgs {
    /// Directory that `automl fit` wrote
    pub(crate) model: PathBuf,
    /// Table with the model's columns
    pub(crate) data: String,
    /// The first rows of the table that are timed
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rows: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Binning and fit; the loss on the test rows, and the area under the ROC curve of two classes
    Fit,
    /// Scoring all training rows with a fit; the loss is theirs
    Score,
    /// Scoring test rows with a fit, one at a time
    Row,
    /// Explaining the first test rows
    Shap,
    /// A fit on all but the last n_valid training rows (of meta.json), which it watches and which have no say in the bins;
    /// the predictions of the test rows are written to predicted.f64
    Watch,
    /// Five folds by every configuration of configs.json, with one set of bins; each worker has a fold
    Folds,
}
