//! The arguments of `automl tune`.

use super::RecordArgs;
use crate::console::Format;
use crate::units;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  automl tune lr.yaml                                 run its trials, or go on with them
  automl tune lr.yaml --workers 4 --time-limit 1h
  automl tune --study lr --worker                     one more worker for it, in another terminal
  automl tune --study lr --worker --server http://10.0.0.7:8080      one more, on another machine

A study's file is that of `automl study create`, with what to run:
  objectives: [{name: loss, direction: minimize}]
  space:
    parameters:
      - {name: rate, type: float, low: 1e-5, high: 1, scale: log}
      - {name: layers, type: integer, low: 1, high: 4}
  budget: 50
  stopping: {name: median}
  run:
    command: python train.py --lr {rate} --layers {layers}
    workers: 2              # trials at once
    timeout_s: 600          # for each trial; none if left out
    grace_s: 10             # from SIGTERM to SIGKILL
    constraints: [memory]   # printed like objectives; above 0 is too much
    max_failures: 10        # one after another, before giving up

A command is a line for the shell or a list of words. If it names no parameter, all follow as --rate=0.1. The program also finds
them in AUTOML_PARAM_RATE and as JSON in the file AUTOML_PARAMS, and its trial in AUTOML_STUDY and AUTOML_TRIAL. It prints
`loss=0.3` or a JSON object with such a field, with `step=5` for a measurement on the way, or writes {\"loss\": 0.3} to the file
AUTOML_RESULT, or is told of by `automl study tell`. In place of a command, `fit: {data: adult.csv, target: income, max_trials: 5}`
tunes options of `automl fit`, with its metric as the objective; `train: {config: net.yaml, set: {trainer.epochs: 20}}` tunes keys
of the configuration, such as optimizer.learning_rate, each epoch a measurement.")]
pub(crate) struct TuneArgs {
    /// File of the study: its space, objectives and what to run
    #[arg(required_unless_present = "study")]
    pub(crate) file: Option<PathBuf>,
    /// Name of the study [default: that of its file]; without a file, the one to go on with
    #[arg(long, value_name = "NAME")]
    pub(crate) study: Option<String>,
    /// Be one worker more, whatever the study says of workers
    #[arg(long)]
    pub(crate) worker: bool,
    /// Address of an `automl serve` that keeps the study, which this process then asks and tells, such as http://10.0.0.7:8080; a
    /// user and a password may stand in it. What the study says is run here: name a server that you trust
    #[arg(long, value_name = "URL", requires = "study", conflicts_with = "file")]
    pub(crate) server: Option<String>,
    /// Token for the server [default: that of the variable MLFLOW_TRACKING_TOKEN]
    #[arg(long, value_name = "TOKEN", requires = "server")]
    pub(crate) token: Option<String>,
    /// Trials to run at once [default: the study's]
    #[arg(long, value_name = "N", conflicts_with = "worker", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
    /// Trials that the study is to have in all [default: its budget]
    #[arg(long, value_name = "N", value_parser = units::at_least_one)]
    pub(crate) trials: Option<u64>,
    /// When to be done: 60, 60s, 2m, 1h30m; trials that still run then are given up
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = units::duration)]
    pub(crate) time_limit: Option<Duration>,
    /// Directory for a folder a trial, with what it printed [default: in the workspace]
    #[arg(long, value_name = "DIR")]
    pub(crate) logs: Option<PathBuf>,
    /// How to print results and progress
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WardenArgs {
    /// The process that wants it
    #[arg(long)]
    pub(crate) parent: i32,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub(crate) words: Vec<OsString>,
}
