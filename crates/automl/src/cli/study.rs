//! The arguments of `automl study`.

use super::AskArgs;
use crate::console::Format;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  automl study create lr lr.yaml
  automl study suggest lr --count 4
  automl study measure lr 0 --step 1 loss=0.5
  automl study tell lr 0 loss=0.31
  automl study best lr")]
pub(crate) enum StudyVerb {
    /// Make a study of a file that says its space and objectives
    Create(StudyCreateArgs),
    /// List studies, whatever client made them
    List(StudyListArgs),
    /// Show a study with its trials
    #[command(after_help = "\
Examples:
  automl study show lr
  automl study show lr --format json")]
    Show(StudyNameArgs),
    /// Give out trials to run: those that wait, then new ones
    Suggest(StudySuggestArgs),
    /// Add a point of one's own, to be run next or evaluated already
    Add(StudyAddArgs),
    /// Say what a running trial measured, and hear whether to stop it
    Measure(StudyMeasureArgs),
    /// Say how a trial ended
    Tell(StudyTellArgs),
    /// Show the best trial, or the front of several objectives
    #[command(after_help = "\
Examples:
  automl study best lr
  automl study best lr --format json")]
    Best(StudyNameArgs),
    /// Show what a study found out, or write it as a page
    Report(StudyReportArgs),
    /// Delete a study with its trials
    #[command(after_help = "\
Examples:
  automl study delete lr")]
    Delete(StudyNameArgs),
    /// Write a study with all trials and attributes as JSON
    #[command(after_help = "\
Examples:
  automl study export lr > lr.json")]
    Export(StudyNameArgs),
}

impl StudyVerb {
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Create(args) => args.ask.format,
            Self::List(args) => args.ask.format,
            Self::Suggest(args) => args.ask.format,
            Self::Add(args) => args.ask.format,
            Self::Measure(args) => args.ask.format,
            Self::Tell(args) => args.ask.format,
            Self::Report(args) => args.ask.format,
            Self::Show(args) | Self::Best(args) | Self::Delete(args) | Self::Export(args) => {
                args.ask.format
            }
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl study create lr lr.yaml
  automl study create lr2 lr.yaml --warm-start lr

A study's file, in YAML or JSON:
  objectives: [{name: loss, direction: minimize}]
  space:
    parameters:
      - {name: rate, type: float, low: 1e-5, high: 1, scale: log}
      - {name: kind, type: categorical, values: [tree, linear]}
      - {name: depth, type: integer, low: 1, high: 12, when: [{parameter: kind, values: [tree]}]}
  algorithm: {name: auto}     # or random, sobol, grid, brute_force, tpe, gp, cma_es, nsga2, turbo
  stopping: {name: median}    # none if left out
  budget: 100                 # trials that are planned
  warm_start: [earlier]       # studies to learn from, as they are now
  seed: 0
  lease_s: 600                # a trial without a sign of life goes to another worker; never if left out
  retries: 1                  # as often as this")]
pub(crate) struct StudyCreateArgs {
    /// Name of the study
    pub(crate) name: String,
    /// File that says its space and objectives
    pub(crate) file: PathBuf,
    /// A study to learn from, as it is now; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) warm_start: Vec<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl study list
  automl study list --format json")]
pub(crate) struct StudyListArgs {
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StudyNameArgs {
    /// Name of the study
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl study report lr
  automl study report lr --html lr.html")]
pub(crate) struct StudyReportArgs {
    /// Name of the study
    pub(crate) name: String,
    /// Write a page that stands alone: history, importance, slices, contours, front, timeline, trials
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl study suggest lr
  automl study suggest lr --count 4 --client gpu-1 --format json")]
pub(crate) struct StudySuggestArgs {
    /// Name of the study
    pub(crate) name: String,
    /// How many trials
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
    /// Who will run them
    #[arg(long)]
    pub(crate) client: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl study add lr rate=0.01 kind=linear
  automl study add lr rate=0.02 kind=linear --value loss=0.31")]
pub(crate) struct StudyAddArgs {
    /// Name of the study
    pub(crate) name: String,
    /// Value of each parameter that the point has
    #[arg(value_name = "PARAMETER=VALUE", required = true)]
    pub(crate) params: Vec<String>,
    /// Value of an objective, if the point was evaluated already; repeatable
    #[arg(long, value_name = "OBJECTIVE=VALUE")]
    pub(crate) value: Vec<String>,
    /// By how much a constraint was exceeded then, as of `automl study tell`; repeatable
    #[arg(long, value_name = "NAME=VALUE", requires = "value")]
    pub(crate) constraint: Vec<String>,
    /// A name of this request: with the same one, the point is added once
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl study measure lr 3 --step 10 loss=0.42    prints stop or go on
  automl study measure lr 3 --step 11 loss=0.40 --client gpu-1 --format json")]
pub(crate) struct StudyMeasureArgs {
    /// Name of the study
    pub(crate) name: String,
    /// Number of the trial
    pub(crate) trial: i64,
    /// Value of each objective
    #[arg(value_name = "OBJECTIVE=VALUE", required = true)]
    pub(crate) values: Vec<String>,
    /// After how much work, from 0; of one step the last counts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) step: i64,
    /// Who runs it; refused if another one does by now
    #[arg(long)]
    pub(crate) client: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EndArg {
    /// With a value for each objective
    Complete,
    /// Early, on what it measured
    Pruned,
    /// Without a value
    Failed,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl study tell lr 3 loss=0.31
  automl study tell lr 3 loss=0.31 --constraint memory=-2.5
  automl study tell lr 4 --state failed --note 'out of memory'")]
pub(crate) struct StudyTellArgs {
    /// Name of the study
    pub(crate) name: String,
    /// Number of the trial
    pub(crate) trial: i64,
    /// Value of each objective
    #[arg(value_name = "OBJECTIVE=VALUE")]
    pub(crate) values: Vec<String>,
    /// By how much a constraint is exceeded: what is above 0 is too much; repeatable. Where the study's file names constraints, all of
    /// them are told, else they are in the order of their names
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) constraint: Vec<String>,
    /// Who runs it; refused if another one does by now
    #[arg(long)]
    pub(crate) client: Option<String>,
    /// How it ended
    #[arg(long, value_enum, default_value = "complete")]
    pub(crate) state: EndArg,
    /// Why it failed
    #[arg(long)]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}
