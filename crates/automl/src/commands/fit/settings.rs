//! What a fit is to do: flags, files and defaults resolved once.

use super::super::{encoding, thread_count};
use super::{costs, portfolio};
use crate::cli::parts::PartArg;
use crate::cli::{FitArgs, QualityArg, ReadArgs, RecordArgs, TaskArg};
use crate::errors::CliError;
use crate::memory;
use automl_core::metrics::{Metric, MetricError};
use automl_core::{Seed, TaskKind};
use automl_data::{DataError, ReadOptions, SchemaFile, Source, missing_marks};
use automl_engine::prepare::check_told_once;
use automl_engine::{EngineError, FitOptions, PrepareOptions, Quality, SearchPart, registry};
use automl_store::Overwrite;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// When neither time nor trials are limited.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_mins(5);

/// All settings of a fit.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The data as the user named it.
    pub(super) data: String,
    pub(super) source: Source,
    /// The table that will be predicted, to be compared with the data, as the user named it.
    pub(super) test: Option<String>,
    pub(super) read: ReadOptions,
    /// The schema file as the user named it, and what it said.
    pub(super) schema: Option<(PathBuf, SchemaFile)>,
    /// What to predict as it was typed: names, or lists of them with commas.
    pub(super) targets: Vec<String>,
    /// Of several targets, that of one of them.
    pub(super) prepare: PrepareOptions,
    pub(super) fit: FitOptions,
    pub(super) output: PathBuf,
    pub(super) overwrite: Overwrite,
    /// Whether to go on with an earlier search of this output.
    pub(super) resume: bool,
    /// Whether a later process shall be able to go on.
    pub(super) keeps_journal: bool,
    pub(super) record: RecordArgs,
}

impl Settings {
    /// Resolves what was typed.
    ///
    /// # Errors
    /// A metric or a learner that does not exist, a column with two roles, or a schema file that cannot be read.
    pub(super) fn resolve(args: FitArgs) -> anyhow::Result<Self> {
        let prepare = PrepareOptions {
            target: args.target.join(","),
            others: Vec::new(),
            weight: args.weight,
            group: args.group,
            time: args.time_column,
            drop: names(&args.drop),
            positive: args.positive,
            costs: args.cost_matrix.as_deref().map(costs::read).transpose()?,
            counts: args.task == Some(TaskArg::Count),
            exposure: args.exposure,
            quantiles: args.quantiles,
            task: args.task.and_then(task),
        };
        check_told_once(&prepare)?;
        if args.data == "-" && args.test.as_deref() == Some("-") {
            return Err(CliError::StdinTwice.into());
        }
        let fit = FitOptions {
            metric: metric(args.metric.as_deref(), &prepare)?,
            costs: None,
            quality: quality(args.quality),
            time_limit: args
                .time_limit
                .or(args.max_trials.is_none().then_some(DEFAULT_TIME_LIMIT)),
            max_trials: args.max_trials,
            seed: Seed(args.seed),
            threads: thread_count(args.threads),
            memory_limit: args.memory_limit.or_else(memory::default_limit),
            inference_limit: args.inference_limit,
            distills: args.distill,
            folds: args.folds.map(usize::from),
            holdout: args.holdout,
            include: names(&args.include),
            exclude: names(&args.exclude),
            portfolio: args.portfolio.as_deref().map(portfolio::read).transpose()?,
            without: args.without.into_iter().map(part).collect(),
            explains: true,
        };
        registry::check_names(fit.include.iter().chain(&fit.exclude))?;
        check_metric(fit.metric, prepare.kind()?)?;
        let read = ReadOptions {
            max_bytes: fit.memory_limit,
            set_aside: set_aside(&prepare),
            ..read_options(&args.read, args.target.clone())
        };
        Ok(Self {
            source: Source::parse(&args.data),
            test: args.test,
            data: args.data,
            targets: args.target,
            schema: schema_file(args.read.schema)?,
            read,
            prepare,
            fit,
            output: args.output,
            record: args.record,
            resume: args.resume,
            keeps_journal: !args.no_journal,
            overwrite: if args.overwrite {
                Overwrite::Replace
            } else {
                Overwrite::Refuse
            },
        })
    }

    /// Whether a model or a search that is there may be replaced.
    pub(super) fn may_overwrite(&self) -> bool {
        self.overwrite == Overwrite::Replace
    }

    /// Every setting that decides what the model is, for its lineage.
    pub(super) fn to_config(&self) -> Value {
        json!({
            "data": self.data,
            "test": self.test,
            "read": {
                "missing": self.read.missing,
                "encoding": self.read.encoding,
                "delimiter": self.read.delimiter.map(char::from),
                "rename_duplicates": self.read.rename_duplicates,
            },
            "schema": self.schema.as_ref().map(|(path, content)| json!({
                "file": path,
                "content": content,
            })),
            "columns": self.prepare,
            "search": self.fit,
        })
    }
}

/// What decides: what was asked for, for counts their deviance, and for costs, which weigh probabilities, how true these are.
fn metric(asked: Option<&str>, prepare: &PrepareOptions) -> Result<Option<Metric>, MetricError> {
    match asked {
        Some(name) => Metric::from_name(name).map(Some),
        None if prepare.costs.is_some() => Ok(Some(Metric::LogLoss)),
        None => Ok(prepare.counts().then_some(Metric::PoissonDeviance)),
    }
}

/// A metric that is not for the task that was asked for is refused before the table is read.
pub(super) fn check_metric(
    metric: Option<Metric>,
    task: Option<TaskKind>,
) -> Result<(), EngineError> {
    let (Some(metric), Some(task)) = (metric, task) else {
        return Ok(());
    };
    if metric.tasks().contains(&task) {
        return Ok(());
    }
    let fitting = Metric::all().filter(|metric| metric.tasks().contains(&task));
    Err(EngineError::MetricTask {
        metric: metric.name(),
        task: task.name(),
        known: fitting.map(Metric::name).collect(),
    })
}

/// The columns that were named for something else than to learn from.
fn set_aside(prepare: &PrepareOptions) -> Vec<String> {
    let named = [
        &prepare.weight,
        &prepare.group,
        &prepare.time,
        &prepare.exposure,
    ];
    let named = named.into_iter().flatten();
    named.chain(&prepare.drop).cloned().collect()
}

/// How to read a table that `targets` are learned from, or none.
pub(in crate::commands) fn read_options(args: &ReadArgs, targets: Vec<String>) -> ReadOptions {
    let mut options = ReadOptions {
        delimiter: args.delimiter,
        encoding: encoding(args.encoding),
        rename_duplicates: args.rename_duplicates,
        targets,
        ..ReadOptions::default()
    };
    if let Some(marks) = &args.missing {
        options.missing = missing_marks(marks);
    }
    options
}

/// Reads the schema file that was named, once: what it says now is what holds and what is recorded.
fn schema_file(path: Option<PathBuf>) -> Result<Option<(PathBuf, SchemaFile)>, DataError> {
    path.map(|path| SchemaFile::read(&path).map(|content| (path, content)))
        .transpose()
}

/// Names of a comma list, without the blanks around them and without empty ones.
fn names(list: &[String]) -> Vec<String> {
    list.iter()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// The task by name; counts are told beside it.
fn task(arg: TaskArg) -> Option<TaskKind> {
    match arg {
        TaskArg::Binary => Some(TaskKind::Binary),
        TaskArg::Multiclass => Some(TaskKind::Multiclass),
        TaskArg::Regression => Some(TaskKind::Regression),
        TaskArg::Quantile => Some(TaskKind::Quantile),
        TaskArg::Count => None,
    }
}

fn part(arg: PartArg) -> SearchPart {
    match arg {
        PartArg::Portfolio => SearchPart::Portfolio,
        PartArg::Tuning => SearchPart::Tuning,
        PartArg::Bagging => SearchPart::Bagging,
        PartArg::Ensembling => SearchPart::Ensembling,
        PartArg::Calibration => SearchPart::Calibration,
        PartArg::Probing => SearchPart::Probing,
        PartArg::Costs => SearchPart::Costs,
    }
}

fn quality(arg: QualityArg) -> Quality {
    match arg {
        QualityArg::Fast => Quality::Fast,
        QualityArg::Balanced => Quality::Balanced,
        QualityArg::Best => Quality::Best,
    }
}
