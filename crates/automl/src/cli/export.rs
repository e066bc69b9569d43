//! The arguments of `automl export`.

use super::WorkspaceArgs;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl export model/ --format onnx --output model.onnx
  automl export churn@champion --format onnx --output churn.onnx

The file holds the whole pipeline in double precision. Its inputs are the columns by their names, each rows by one: numbers as
double (NaN if not known), categories as string (empty if not known), times as int64 microseconds since 1970. Operators: ONNX 17
and ai.onnx.ml 5, as onnxruntime 1.20 and later runs them.")]
pub(crate) struct ModelExportArgs {
    /// Directory that `automl fit` wrote, or a registered model: NAME, NAME/3 or NAME@ALIAS
    pub(crate) model: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    pub(crate) format: ModelFormat,
    /// File to write
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Put it in the place of a file that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelFormat {
    /// One graph for ONNX runtimes
    Onnx,
}
