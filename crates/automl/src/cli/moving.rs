//! What is typed to move records in and out, and to look at event files.

use super::WorkspaceArgs;
use crate::console::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  automl import mlruns mlruns/
  automl import optuna sqlite:///study.db
  automl import vizier sqlite:///vizier.db")]
pub(crate) enum ImportVerb {
    /// Copy an MLflow store: an mlruns directory, its SQLite file, or a running server
    Mlruns(MlrunsArgs),
    /// Copy studies of Optuna: its database, or its journal
    Optuna(OptunaArgs),
    /// Copy studies of Vizier: the SQLite file of its server
    Vizier(VizierArgs),
}

impl ImportVerb {
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Mlruns(args) => args.format,
            Self::Optuna(args) => args.studies.format,
            Self::Vizier(args) => args.studies.format,
        }
    }
}

/// The workspace that a verb works on.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlaceArgs {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArgs,
    /// Where its artifacts are: a directory, s3://BUCKET/PREFIX, gs://… or az://…; `automl serve` remembers it [default:
    /// artifacts in the workspace]
    #[arg(long, value_name = "PLACE", visible_alias = "artifacts-destination")]
    pub(crate) artifacts: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl runs import-events 4fe2a91c0d3b4c0f9f6f3d0c8a7b6e5d lightning_logs/version_0
  automl runs import-events 4fe2a91c0d3b4c0f9f6f3d0c8a7b6e5d runs/ --workspace /srv/team

A scalar's tag becomes the metric's name, behind the folders below FOLDER that its file lies in. Points that are there
already are left alone, so the same folder may be imported again while it grows.")]
pub(crate) struct ImportEventsArgs {
    /// Id of the run that gets the metrics
    pub(crate) run: String,
    /// Folder with event files (events.out.tfevents.…), or one of them
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl tensorboard model/                          what `automl fit` wrote
  automl tensorboard 4fe2a91c0d3b4c0f9f6f3d0c8a7b6e5d model/ --port 6007

Several are shown side by side, each under its name. Ctrl-C ends TensorBoard.")]
pub(crate) struct TensorBoardArgs {
    /// Ids of runs, model directories or folders with event files
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// Port that TensorBoard serves at, on this machine only
    #[arg(long, value_name = "PORT", default_value_t = 6006)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl import mlruns mlruns/
  automl import mlruns sqlite:///mlflow.db --store-artifacts mlartifacts/
  MLFLOW_TRACKING_TOKEN=… automl import mlruns https://mlflow.example.org --workspace /srv/team --dry-run

Runs keep their ids. What is there already is left alone, so an import that was broken off goes on when it is called again.
User and password for a server stand in its URL, or in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.")]
pub(crate) struct MlrunsArgs {
    /// Directory mlruns/, SQLite file (sqlite:///FILE or a path) or URL of a server
    #[arg(value_name = "PATH|URL")]
    pub(crate) source: String,
    /// Directory of the files behind mlflow-artifacts: URIs of a SQLite file [default: mlartifacts beside it]
    #[arg(long, value_name = "DIR")]
    pub(crate) store_artifacts: Option<PathBuf>,
    /// Token for a server
    #[arg(
        long,
        value_name = "TOKEN",
        env = "MLFLOW_TRACKING_TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
    /// User for a server
    #[arg(
        long,
        value_name = "NAME",
        env = "MLFLOW_TRACKING_USERNAME",
        hide_env_values = true
    )]
    pub(crate) username: Option<String>,
    /// Password for a server
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "MLFLOW_TRACKING_PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<String>,
    /// Tell what would be copied, and copy nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl import optuna sqlite:///study.db
  automl import optuna journal.log --study lr
  automl import optuna postgresql://me@db/optuna --workspace /srv/team --dry-run

Trials keep their numbers. What is there already is left alone, and what ended since is ended here, so the same command may
be given again.")]
pub(crate) struct OptunaArgs {
    /// SQLite file (sqlite:///FILE or a path), journal file, or postgresql://…
    #[arg(value_name = "PATH|URL")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) studies: StudiesArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl import vizier sqlite:///vizier.db
  automl import vizier vizier.db --study owners/me/studies/lr --dry-run

Give what the server has as its database_url. Studies are found here as OWNER/STUDY, trials keep their ids. What is there
already is left alone, and what ended since is ended here, so the same command may be given again.")]
pub(crate) struct VizierArgs {
    /// SQLite file: sqlite:///FILE or a path
    #[arg(value_name = "PATH|URL")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) studies: StudiesArgs,
}

/// What is asked alike of studies of all programs.
#[derive(Debug, Args)]
pub(crate) struct StudiesArgs {
    /// This study alone
    #[arg(long, value_name = "NAME")]
    pub(crate) study: Option<String>,
    /// Tell what would be copied, and copy nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl backup /backups/monday
  automl backup /backups/monday.tar.zst --workspace /srv/team
  automl backup all.tar.zst --workspace postgres://automl@db/automl --artifacts /srv/artifacts

The backup holds the record at one moment, as a SQLite file whatever the workspace is in, and the artifacts of its runs.
A server may go on writing meanwhile.")]
pub(crate) struct BackupArgs {
    /// Directory to make, or file whose name ends in .tar.zst
    #[arg(value_name = "DEST")]
    pub(crate) destination: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl restore /backups/monday.tar.zst --workspace /srv/again
  automl restore /backups/monday --workspace postgres://automl@db/empty --artifacts /srv/artifacts

All checksums are compared first. The workspace must be empty or not there, and appears whole or not at all.")]
pub(crate) struct RestoreArgs {
    /// What `automl backup` made
    pub(crate) source: PathBuf,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
