//! The arguments of `automl export`.

use super::WorkspaceArgs;
use crate::units;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl export model/ --format onnx --output model.onnx
  automl export churn@champion --format standalone --output churn/ --name churn      then: churn/run.sh
  automl export churn@champion --format docker --output context/ --name churn        then: docker build -t churn context

onnx: the file holds the whole pipeline in double precision. Its inputs are the columns by their names, each rows by one: numbers as
double (NaN if not known), categories as string (empty if not known), times as int64 microseconds since 1970. Operators: ONNX 17
and ai.onnx.ml 5, as onnxruntime 1.20 and later runs them.

What onnx and mlflow can write: models of numbers, categories, times and texts by gradient_boosting, random_forest, extra_trees,
elastic_net, logistic_regression, naive_bayes, svm, mlp, tabm and their ensembles. Texts are cut by an operator that ONNX Runtime
has and few others. Not: nearest_neighbours, and models that read images or forecast time series; fit without the former by
--exclude nearest_neighbours. The other formats take every model that `automl endpoint` serves.")]
pub(crate) struct ModelExportArgs {
    /// Directory that `automl fit` wrote, or a registered model: NAME, NAME/3 or NAME@ALIAS
    pub(crate) model: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    pub(crate) format: ModelFormat,
    /// File to write for onnx, else a folder, which must not be there
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: PathBuf,
    /// Put the file in the place of one that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Name of the endpoint that serves the model, where the export has a server [default: model]
    #[arg(long, value_name = "NAME", value_parser = units::endpoint_name)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelFormat {
    /// One graph for ONNX runtimes
    Onnx,
    /// A folder with this program, the model, and run.sh that serves it
    Standalone,
    /// The same as a context for a container, for SageMaker and Vertex AI too
    Docker,
    /// The same with a manifest for KServe
    Kserve,
    /// A folder that MLflow loads and serves through onnxruntime, without this program
    Mlflow,
}

impl ModelFormat {
    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Standalone => "standalone",
            Self::Docker => "docker",
            Self::Kserve => "kserve",
            Self::Mlflow => "mlflow",
        }
    }
}
