//! The arguments of `automl fit`.

use super::{QualityArg, ReadArgs, RecordArgs, TaskArg, parts};
use crate::console::Format;
use crate::units;
use automl_core::Level;
use automl_core::metrics::Metric;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Help with the names of all learners.
fn learners_help() -> String {
    let names: Vec<&str> = automl_engine::LEARNERS.iter().map(|spec| spec.id).collect();
    format!(
        "Learners to use, and no others, of {}; repeatable, comma lists",
        names.join(", ")
    )
}

#[derive(Debug, Args)]
#[command(after_help = fit_help())]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of the command line, read by name"
)]
pub(crate) struct FitArgs {
    /// Table to learn from: CSV, TSV, Parquet, JSON lines or Arrow, perhaps .gz or .zst; a path, a glob, an address in an object store, or - for stdin
    pub(crate) data: String,
    /// Column to predict; of several (repeatable, comma list) one model predicts all
    #[arg(long, value_name = "COLUMN", required = true)]
    pub(crate) target: Vec<String>,
    /// Table that will be predicted, with or without the target: warns of columns that differ there, and of how well a model tells its rows from those learned from
    #[arg(long, value_name = "FILE")]
    pub(crate) test: Option<String>,
    /// Directory to write the model to
    #[arg(long, short, value_name = "DIR", default_value = "automl-model")]
    pub(crate) output: PathBuf,
    /// Put the new model in the place of one that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Go on with the search of this output that was killed, or with one that ended, given a longer limit; begins one if there is none
    #[arg(long)]
    pub(crate) resume: bool,
    /// Keep nothing to go on with beside the output: a search that is killed is lost
    #[arg(long, conflicts_with = "resume")]
    pub(crate) no_journal: bool,
    /// Read the table, print what a fit would do, and end: validation, trials, time and memory
    #[arg(long, conflicts_with_all = ["resume", "overwrite"])]
    pub(crate) plan_only: bool,
    /// How to print results and progress
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// When to be done, reading and writing included: 60, 60s, 2m, 1h30m [default: 5m, none if --max-trials is given]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = units::duration, help_heading = "Budget")]
    pub(crate) time_limit: Option<Duration>,
    /// Trials to run at most, of each target, each of one fit a fold, the constant baseline being the first; without --time-limit the result does not depend on the machine's speed
    #[arg(long, value_name = "N", value_parser = units::at_least_one, help_heading = "Budget")]
    pub(crate) max_trials: Option<u64>,
    /// Memory to use at most, such as 4GiB; the search ends at 80 % of it, checked when a fit starts [default: 80 % of what is free]
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, help_heading = "Budget")]
    pub(crate) memory_limit: Option<u64>,
    /// Threads to use [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Budget")]
    pub(crate) threads: Option<u16>,

    /// What to predict [default: told from the target]
    #[arg(long, value_enum, help_heading = "Search")]
    pub(crate) task: Option<TaskArg>,
    /// Quantiles to predict, each by the probability that the target lies below it, such as 0.05,0.5,0.95; means --task quantile [default of that task: 0.1,0.5,0.9]
    #[arg(long, value_name = "LEVELS", allow_negative_numbers = true, value_delimiter = ',', value_parser = units::level, help_heading = "Search")]
    pub(crate) quantiles: Vec<Level>,
    /// What decides, such as roc_auc, log_loss, f1, rmse, mae [default: roc_auc, log_loss, rmse or pinball by task]
    #[arg(long, value_name = "METRIC", help_heading = "Search")]
    pub(crate) metric: Option<String>,
    /// Which of two classes precision, recall, F1 and average precision are of [default: the second by name]
    #[arg(long, value_name = "CLASS", help_heading = "Search")]
    pub(crate) positive: Option<String>,
    /// What errors cost, by true and predicted class: a YAML or JSON file, or such as '{"bad": {"good": 5}, "good": {"bad": 1}}'; then the class of least expected cost is predicted
    #[arg(long, value_name = "FILE|COSTS", help_heading = "Search")]
    pub(crate) cost_matrix: Option<String>,
    /// What the final model is made of: small and quick to score, or as good as can be
    #[arg(long, value_enum, default_value_t, help_heading = "Search")]
    pub(crate) quality: QualityArg,
    /// How long the model may take for one row alone, such as 50us: members are refitted on all rows and chosen by measured speed too
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "Search")]
    pub(crate) inference_limit: Option<Duration>,
    /// Make one small and quick model that learns from the ensemble and takes its place; three tenths of the time are kept for it
    #[arg(long, conflicts_with = "inference_limit", help_heading = "Search")]
    pub(crate) distill: bool,
    /// Folds of the cross-validation [default: by size]
    #[arg(long, value_name = "K", conflicts_with = "holdout", value_parser = clap::value_parser!(u16).range(2..), help_heading = "Search")]
    pub(crate) folds: Option<u16>,
    /// Share of the rows to hold out instead of cross-validation, such as 0.2
    #[arg(long, value_name = "SHARE", value_parser = units::share, help_heading = "Search")]
    pub(crate) holdout: Option<f64>,
    /// Learners to use, and no others; repeatable, comma lists
    #[arg(
        long,
        help = learners_help(),
        value_name = "LEARNERS",
        value_delimiter = ',',
        help_heading = "Search"
    )]
    pub(crate) include: Vec<String>,
    /// Learners to leave out; repeatable, comma lists
    #[arg(
        long,
        value_name = "LEARNERS",
        value_delimiter = ',',
        help_heading = "Search"
    )]
    pub(crate) exclude: Vec<String>,
    /// File of configurations to try first, in YAML or JSON, in the place of the built-in ones; `--plan-only` shows what is tried
    #[arg(long, value_name = "FILE", help_heading = "Search")]
    pub(crate) portfolio: Option<PathBuf>,
    #[arg(long, value_enum, value_delimiter = ',', hide = true)]
    pub(crate) without: Vec<parts::PartArg>,
    /// Root of all randomness
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Search")]
    pub(crate) seed: u64,

    /// Column that says how much each row counts
    #[arg(long, value_name = "COLUMN", help_heading = "Columns")]
    pub(crate) weight: Option<String>,
    /// Column that says for how long, or for how many, a count was taken; predictions are for as much as the row says
    #[arg(long, value_name = "COLUMN", help_heading = "Columns")]
    pub(crate) exposure: Option<String>,
    /// Column whose equal values stay on one side of every split
    #[arg(long, value_name = "COLUMN", help_heading = "Columns")]
    pub(crate) group: Option<String>,
    /// Column that orders the rows: validation follows training
    #[arg(long, value_name = "COLUMN", help_heading = "Columns")]
    pub(crate) time_column: Option<String>,
    /// Columns to leave out; repeatable, comma lists
    #[arg(long, value_name = "COLUMNS", help_heading = "Columns")]
    pub(crate) drop: Vec<String>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

const FIT_EXAMPLES: &str = "\
Examples:
  automl fit adult.csv --target income --time-limit 60s --output model/
  automl fit adult.csv --target income --test new.csv   warns of what differs in the table to be predicted
  automl fit houses.csv --target price --metric mae --quality best --time-limit 1h
  automl fit visits.csv --target bought --group customer --drop id,notes
  automl fit sales.csv --target units --time-column day   validation follows training in time
  automl fit adult.csv --target income --max-trials 20 --seed 7   the same model each time
  automl fit policies.csv --target claims --exposure years   claims expected in the years of a policy
  automl fit houses.csv --target price --quantiles 0.1,0.5,0.9   prices that a house lies below with these probabilities
  automl fit posts.csv --target sport,politics,music   one model of several targets, each of its own kind
  automl fit loans.csv --target risk --metric f1 --positive bad   F1 of the class 'bad'
  automl fit loans.csv --target risk --cost-matrix '{\"bad\": {\"good\": 5}, \"good\": {\"bad\": 1}}'   to miss a bad one costs five times as much
  automl fit adult.csv --target income --distill   one small model that learns from the ensemble
  automl fit adult.csv --target income --time-limit 1h --resume   goes on where a killed search was
  automl fit adult.csv --target income --plan-only   what it would try";

const METRIC_PARAMETERS: &str = "\
pinball is of the quantiles of --quantiles, else of the median (0.5, half the mae); tweedie_deviance is of power 1.5.";

/// The examples, and the names that `--include`, `--exclude` and `--metric` take.
fn fit_help() -> String {
    let learners: Vec<&str> = automl_engine::LEARNERS.iter().map(|spec| spec.id).collect();
    let metrics: Vec<&str> = Metric::all().map(Metric::name).collect();
    let lists = [("Learners", learners), ("Metrics", metrics)];
    let lists = lists.map(|(title, names)| format!("\n\n{title}: {}", names.join(", ")));
    format!("{FIT_EXAMPLES}{}\n{METRIC_PARAMETERS}", lists.concat())
}
