//! The arguments of verbs that look into the record: runs, models, lineage.

use super::{ImportArgs, ImportEventsArgs, RecordArgs, WorkspaceArgs};
use crate::console::Format;
use automl_store::registry::moves::CHAMPION;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Which workspace is asked, and how its answer is printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct AskArgs {
    #[command(flatten)]
    pub(crate) workspace: WorkspaceArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  automl models register churn model/
  automl models list
  automl models promote churn/1
  automl predict churn@champion new.csv --output predictions.csv")]
pub(crate) enum ModelsVerb {
    /// Make a model directory of a LightGBM or XGBoost model or an ONNX file, to predict and evaluate with
    Import(ImportArgs),
    /// Make a model the next version of a name
    Register(RegisterArgs),
    /// Make one model of several: steps one behind another, means and votes
    Compose(ComposeArgs),
    /// List registered models
    List(ModelsListArgs),
    /// Show a model with its versions, or one version
    Show(ModelsShowArgs),
    /// Write the model card of a version
    Card(CardArgs),
    /// Point an alias to a version, or take it away
    Alias(AliasArgs),
    /// Put a version to use: point @champion to it
    Promote(PromoteArgs),
    /// Point an alias back to the version before
    Rollback(RollbackArgs),
    /// Approve a version
    #[command(after_help = "\
Examples:
  automl models approve churn/4
  automl models approve churn@challenger --note 'checked by the owners'")]
    Approve(DecideArgs),
    /// Reject a version
    #[command(after_help = "\
Examples:
  automl models reject churn/4 --note 'fitted on last year alone'")]
    Reject(DecideArgs),
    /// Delete a model or a version
    Delete(DeleteArgs),
    /// Copy the files of a version into a directory
    Export(ExportArgs),
    /// Show how two versions differ
    Diff(DiffArgs),
}

impl ModelsVerb {
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Import(args) => args.format,
            Self::Compose(args) => args.format,
            Self::Register(args) => args.ask.format,
            Self::List(args) => args.ask.format,
            Self::Show(args) => args.ask.format,
            Self::Card(args) => args.ask.format,
            Self::Alias(args) => args.ask.format,
            Self::Promote(args) => args.ask.format,
            Self::Rollback(args) => args.ask.format,
            Self::Approve(args) | Self::Reject(args) => args.ask.format,
            Self::Delete(args) => args.ask.format,
            Self::Export(args) => args.ask.format,
            Self::Diff(args) => args.ask.format,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models register churn model/
  automl models register churn 4f1c2a --alias challenger        the model that a run made
  automl predict churn@champion new.csv --output predictions.csv

A version takes the same columns and gives the same as the one before, so that callers need not change; --allow-signature-change
lets it differ.")]
pub(crate) struct RegisterArgs {
    /// Name of the registered model; made if it is not there
    pub(crate) name: String,
    /// Model directory, id of a model, or run that made one
    pub(crate) model: String,
    /// Alias to point to the new version
    #[arg(long, value_name = "ALIAS")]
    pub(crate) alias: Option<String>,
    /// What the version is
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// From now on, versions of this model are approved before they are promoted
    #[arg(long)]
    pub(crate) require_approval: bool,
    /// Take a version that takes or gives other columns than the one before
    #[arg(long)]
    pub(crate) allow_signature_change: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models compose offers offers.yaml --alias champion

offers.yaml:
  steps:
    - name: risk
      model: churn/3                       a version: NAME/3, or what NAME@ALIAS or NAME mean now
      adds: {probability_yes: churn_risk}  outputs as columns for the steps behind [default: all, by their names]
    - name: offer
      mean:                                or vote: each model has its weight for the class that it predicts
        - offer/1
        - {model: offer/2, weight: 2}

The models are copied into the new version, which so stays as it is, whatever becomes of theirs. It reads what they read but what
steps give, predicts what the last step does, and is used as any model.")]
pub(crate) struct ComposeArgs {
    /// Name of the registered model; made if it is not there
    pub(crate) name: String,
    /// File that says of what it is made, in YAML or JSON
    pub(crate) file: PathBuf,
    /// Alias to point to the new version
    #[arg(long, value_name = "ALIAS")]
    pub(crate) alias: Option<String>,
    /// What the version is
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Take a version that takes or gives other columns than the one before
    #[arg(long)]
    pub(crate) allow_signature_change: bool,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models list
  automl models list --format json")]
pub(crate) struct ModelsListArgs {
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models show churn
  automl models show churn/3
  automl models show churn@champion --format json")]
pub(crate) struct ModelsShowArgs {
    /// NAME, or a version as NAME/3 or NAME@ALIAS
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models card churn@champion
  automl models card churn/3 --output CARD.md")]
pub(crate) struct CardArgs {
    /// Version, as NAME/3, NAME@ALIAS or NAME for the newest
    pub(crate) version: String,
    /// File to write the card to, in Markdown [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models alias churn/4 challenger
  automl models alias churn challenger --delete")]
pub(crate) struct AliasArgs {
    /// Version, as NAME/3, NAME@ALIAS or NAME for the newest
    pub(crate) version: String,
    /// The alias
    pub(crate) alias: String,
    /// Take the alias away
    #[arg(long)]
    pub(crate) delete: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models promote churn/4
  automl models promote churn@challenger --note 'better on new customers'
  automl models rollback churn                                 if it was not

Promoting a version that nobody decided of approves it, unless the model was registered with --require-approval.")]
pub(crate) struct PromoteArgs {
    /// Version, as NAME/3, NAME@ALIAS or NAME for the newest
    pub(crate) version: String,
    /// Alias to point to it
    #[arg(long, value_name = "ALIAS", default_value = CHAMPION)]
    pub(crate) alias: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models rollback churn
  automl models rollback churn --alias challenger --note 'slower than thought'")]
pub(crate) struct RollbackArgs {
    /// Name of the registered model
    pub(crate) name: String,
    /// Alias to point back
    #[arg(long, value_name = "ALIAS", default_value = CHAMPION)]
    pub(crate) alias: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    /// Version, as NAME/3, NAME@ALIAS or NAME for the newest
    pub(crate) version: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models delete churn/2
  automl models delete churn --force           with all its versions")]
pub(crate) struct DeleteArgs {
    /// NAME with all its versions, or one version as NAME/3 or NAME@ALIAS
    pub(crate) model: String,
    /// Also a model that has versions, or a version that an alias points to
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models export churn@champion --output champion/
  automl models export churn/3 --output churn-3/")]
pub(crate) struct ExportArgs {
    /// Version, as NAME/3, NAME@ALIAS or NAME for the newest
    pub(crate) version: String,
    /// Directory to write, which must not be there or be empty
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl models diff churn/3 churn/4
  automl models diff churn@champion churn --format json      with the newest")]
pub(crate) struct DiffArgs {
    /// Version, as NAME/3, NAME@ALIAS or NAME for the newest
    pub(crate) old: String,
    /// Version to compare it with
    pub(crate) new: String,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  automl runs list
  automl runs show 4f1c2a
  automl runs compare 4f1c2a 90be77")]
pub(crate) enum RunsVerb {
    /// List runs, latest first
    List(RunsListArgs),
    /// Show all that was recorded of a run
    Show(RunsShowArgs),
    /// Put runs side by side
    Compare(RunsCompareArgs),
    /// Read TensorBoard's event files into metrics of a run
    ImportEvents(ImportEventsArgs),
}

impl RunsVerb {
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::List(args) => args.ask.format,
            Self::Show(args) => args.ask.format,
            Self::Compare(args) => args.ask.format,
            Self::ImportEvents(args) => args.format,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl runs list
  automl runs list --experiment churn --filter \"metrics.roc_auc > 0.9 and tags.team = 'a'\"
  automl runs list --sort 'metrics.rmse ASC' --limit 5 --format json

Filters and orders are those of MLflow's search.")]
pub(crate) struct RunsListArgs {
    /// Experiment whose runs to list [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) experiment: Option<String>,
    /// Which runs, as in MLflow's search
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// In which order, such as 'metrics.rmse ASC' [default: latest first]
    #[arg(long, value_name = "ORDER")]
    pub(crate) sort: Option<String>,
    /// Runs to list at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Also runs below others, such as the trials of a fit
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl runs show 4f1c2a
  automl runs show 4f1c2a --format json")]
pub(crate) struct RunsShowArgs {
    /// Id of the run, its first digits, or its name
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl runs compare 4f1c2a 90be77
  automl runs compare 4f1c2a 90be77 --all")]
pub(crate) struct RunsCompareArgs {
    /// Ids of the runs, their first digits, or their names
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// Also params that are the same in all
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  automl datasets register churn data/churn.csv
  automl datasets list
  automl fit churn/1 --target churned")]
pub(crate) enum DatasetsVerb {
    /// Give data a name; other content under the same name is its next version
    Register(DatasetsRegisterArgs),
    /// List named data with its versions
    List(DatasetsListArgs),
}

impl DatasetsVerb {
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Register(args) => args.ask.format,
            Self::List(args) => args.ask.format,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl datasets register churn data/churn.csv
  automl fit churn/1 --target churned
  automl datasets register photos photos.tar --file

Nothing is copied: a version says where the data lies and what its content was. Using a version whose file has changed since
is an error.")]
pub(crate) struct DatasetsRegisterArgs {
    /// Name: letters, digits, _, - and .
    pub(crate) name: String,
    /// The file
    pub(crate) data: String,
    /// Take it as a file, not as a table
    #[arg(long)]
    pub(crate) file: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl datasets list
  automl datasets list churn --format json")]
pub(crate) struct DatasetsListArgs {
    /// Name whose versions to list [default: all]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl lineage predictions.csv         which model and data these predictions came from
  automl lineage churn@champion
  automl lineage endpoint:churn          what answers there, down to the data it was fitted on
  automl lineage train.csv               what came of this data
  automl lineage 4f1c2a --format json    a run

What something came from stands above it (↑), what became of it below (↓), each step further to the right.")]
pub(crate) struct LineageArgs {
    /// Run, model, version (NAME/3, NAME@ALIAS), endpoint (endpoint:NAME), model directory, or data: a file or the name or digest it was recorded by
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}
