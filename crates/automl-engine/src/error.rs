//! Why there is no model.

use crate::compose::ComposeError;
use crate::costs::CostsError;
use automl_core::metrics::MetricError;
use automl_core::splits::SplitError;
use automl_core::{ArtifactError, Coded, DatasetError, FitError, Kind, ParamError, size_text};
use automl_onnx::GraphError;
use automl_tree::import::ImportError;

/// Why a dataset cannot be prepared or a search gave no model.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A column named by the user is not in the data.
    #[error("no column '{name}' for the {role}")]
    ColumnUnknown {
        /// The name given.
        name: String,
        /// What it was to be: target, weight, group, time or drop.
        role: &'static str,
        /// Columns with a similar name.
        near: Vec<String>,
    },
    /// A column cannot have the role it was given.
    #[error("column '{name}' cannot be the {role}: {reason}")]
    Role {
        /// The column.
        name: String,
        /// The role.
        role: &'static str,
        /// Why not.
        reason: String,
    },
    /// One column was named for two roles.
    #[error("column '{name}' is named both as the {first} and as the {second}")]
    RoleTwice {
        /// The column.
        name: String,
        /// One role.
        first: String,
        /// The other.
        second: String,
    },
    /// Classes and counts were asked for at once.
    #[error("a {task} task predicts classes, and counts are numbers")]
    ExposureTask {
        /// The task.
        task: &'static str,
    },
    /// Quantiles and another task were asked for at once.
    #[error("quantiles are a task of their own, and a {task} task has none")]
    QuantilesTask {
        /// The other task.
        task: &'static str,
    },
    /// The schema gives a role to another column than the one named for it.
    #[error("column '{name}' is named as the {role}, which the schema says is '{taken_by}'")]
    RoleTaken {
        /// The column named.
        name: String,
        /// The role.
        role: &'static str,
        /// The column that has it in the schema.
        taken_by: String,
    },
    /// No way to split the rows leaves scores that can be computed.
    #[error("no split of the rows can be scored by {metric}: {reason}")]
    NoSplit {
        /// The metric.
        metric: &'static str,
        /// Why the last way that was tried did not do.
        reason: String,
    },
    /// The time limit passed before there was a model.
    #[error("no trial ended within the time limit")]
    TimeLimit,
    /// The target cannot be learned.
    #[error("target '{name}' cannot be learned: {reason}")]
    Target {
        /// The target.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The class named as the positive one is not there.
    #[error("target '{target}' has no class '{positive}' to be the positive one")]
    PositiveUnknown {
        /// The target.
        target: String,
        /// The class given.
        positive: String,
        /// Classes with a similar name.
        near: Vec<String>,
        /// The two classes.
        classes: Vec<String>,
    },
    /// Only one class of two can be the positive one.
    #[error("'{positive}' cannot be the positive class of a {task} task")]
    PositiveTask {
        /// The class given.
        positive: String,
        /// The task.
        task: &'static str,
    },
    /// Costs do not fit what is learned.
    #[error(transparent)]
    Costs(#[from] CostsError),
    /// There are too few rows.
    #[error("too few rows with a target to learn from: {n_rows}, at least {needed} are needed")]
    TooFewRows {
        /// Rows with a target.
        n_rows: usize,
        /// Rows needed.
        needed: usize,
    },
    /// No feature column is left.
    #[error(
        "no feature column is left beside target '{target}'{}",
        list_left_out(left_out)
    )]
    NoFeatures {
        /// The target.
        target: String,
        /// The other columns and what each is instead.
        left_out: Vec<(String, NoFeature)>,
    },
    /// The target of a regression holds no numbers.
    #[error("target '{name}' cannot be learned: regression needs numbers, it is a {} column", kind.name())]
    TargetNotNumbers {
        /// The target.
        name: String,
        /// What it is.
        kind: Kind,
    },
    /// A learner named by the user does not exist.
    #[error("unknown learner '{name}'")]
    LearnerUnknown {
        /// The name given.
        name: String,
        /// Learners that may be meant.
        near: Vec<String>,
        /// All learners.
        known: Vec<String>,
    },
    /// A recipe that does not exist.
    #[error("no recipe is called '{name}'")]
    RecipeUnknown {
        /// The name given.
        name: String,
        /// Recipes that may be meant.
        near: Vec<String>,
        /// All recipes.
        known: Vec<String>,
    },
    /// A recipe whose features a learner cannot learn from.
    #[error("{learner} cannot learn from what the recipe '{name}' makes of this table")]
    RecipeUnfit {
        /// The recipe.
        name: String,
        /// The learner.
        learner: &'static str,
        /// Recipes that it takes.
        takes: Vec<&'static str>,
    },
    /// A configuration of a portfolio cannot be tried.
    #[error("configuration {number} of the portfolio: {source}")]
    Configuration {
        /// Its place, from 1.
        number: usize,
        /// What is wrong.
        source: Box<EngineError>,
    },
    /// No learner is left, or none does the task.
    #[error("no learner is left that does {task} tasks")]
    NoLearner {
        /// The task.
        task: &'static str,
    },
    /// No learner that makes a small model takes part.
    #[error("no learner takes part that makes a small model of the ensemble")]
    NoPupil {
        /// Those that do.
        known: Vec<&'static str>,
    },
    /// What is predicted has no small model.
    #[error("a {task} task is not distilled")]
    DistillTask {
        /// The task.
        task: &'static str,
    },
    /// The metric does not fit the task.
    #[error("metric {metric} is not for {task} tasks")]
    MetricTask {
        /// The metric.
        metric: &'static str,
        /// The task.
        task: &'static str,
        /// Metrics that fit.
        known: Vec<&'static str>,
    },
    /// The data alone needs more memory than is allowed.
    #[error("the data needs about {} in memory, {} are allowed", size_text(*needed), size_text(*limit))]
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The process holds so much before the search that no fit could begin.
    #[error("{} of memory are in use before the search, too much for a limit of {}", size_text(*used), size_text(*limit))]
    MemoryInUse {
        /// Bytes in use.
        used: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Neither a time limit nor a trial limit was given.
    #[error("neither a time limit nor a trial limit was given")]
    NoLimit,
    /// The user stopped the search before there was a model.
    #[error("stopped before a first model was ready")]
    Cancelled,
    /// Every trial failed.
    #[error("all {n_trials} trials failed; the first: {first}")]
    AllFailed {
        /// How many there were.
        n_trials: usize,
        /// What the first one said.
        first: String,
    },
    /// Names were given for other classes than an imported model has.
    #[error("{given} distinct classes were given, the model has {n_classes}")]
    Classes {
        /// Distinct names given.
        given: usize,
        /// Classes of the model.
        n_classes: usize,
    },
    /// A file is no model of a known program.
    #[error("no LightGBM text model, XGBoost JSON or UBJSON model, or ONNX file")]
    ImportFormat,
    /// An output was named of a model that has one.
    #[error("a model of trees has one output, and no name for it")]
    ImportResult,
    /// A graph cannot be imported.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A model of another program cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Models do not make a pipeline.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// A fit that was kept cannot be read back.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The dataset is not valid.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The rows cannot be split.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The metric cannot be computed.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A parameter is not valid.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// A fit failed.
    #[error(transparent)]
    Fit(#[from] FitError),
}

/// Why a column is no feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoFeature {
    /// It names its rows, or a schema file says so.
    Id,
    /// It has another role.
    Role(&'static str),
    /// It holds one value, or none.
    Constant,
    /// It repeats another column.
    Copy,
    /// The user left it out.
    Dropped,
    /// The schema leaves it out.
    Ignored,
}

impl NoFeature {
    fn words(self) -> &'static str {
        match self {
            Self::Id => "looks like an identifier",
            Self::Role(role) => role,
            Self::Constant => "is constant",
            Self::Copy => "repeats another column",
            Self::Dropped => "is dropped",
            Self::Ignored => "is ignored",
        }
    }
}

/// `: 'a' looks like an identifier, 'b' is constant`
fn list_left_out(left_out: &[(String, NoFeature)]) -> String {
    const SHOWN: usize = 10;
    if left_out.is_empty() {
        return String::new();
    }
    let shown = left_out.iter().take(SHOWN);
    let parts: Vec<String> = shown
        .map(|(name, why)| format!("'{name}' {}", why.words()))
        .collect();
    let more = match left_out.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!(": {}{more}", parts.join(", "))
}

impl Coded for EngineError {
    fn code(&self) -> &'static str {
        match self {
            Self::ColumnUnknown { .. } => "fit-column-unknown",
            Self::Role { .. } => "fit-role",
            Self::RoleTwice { .. } => "fit-role-twice",
            Self::RoleTaken { .. } => "fit-role-taken",
            Self::ExposureTask { .. } => "fit-exposure-task",
            Self::QuantilesTask { .. } => "fit-quantiles-task",
            Self::NoSplit { .. } => "fit-split",
            Self::TimeLimit => "fit-time-limit",
            Self::Target { .. } | Self::TargetNotNumbers { .. } => "fit-target",
            Self::PositiveUnknown { .. } => "fit-positive-unknown",
            Self::PositiveTask { .. } => "fit-positive-task",
            Self::TooFewRows { .. } => "fit-too-few-rows",
            Self::NoFeatures { .. } => "fit-no-features",
            Self::LearnerUnknown { .. } => "fit-learner-unknown",
            Self::RecipeUnknown { .. } => "fit-recipe-unknown",
            Self::RecipeUnfit { .. } => "fit-recipe-unfit",
            Self::Configuration { source, .. } => source.code(),
            Self::NoLearner { .. } => "fit-no-learner",
            Self::NoPupil { .. } => "fit-distill-learner",
            Self::DistillTask { .. } => "fit-distill-task",
            Self::MetricTask { .. } => "fit-metric-task",
            Self::Memory { .. } | Self::MemoryInUse { .. } => "fit-memory",
            Self::NoLimit => "fit-no-limit",
            Self::Cancelled => "fit-cancelled",
            Self::AllFailed { .. } => "fit-all-failed",
            Self::Classes { .. } => "import-classes",
            Self::Costs(error) => error.code(),
            Self::ImportFormat => "import-format",
            Self::ImportResult => "import-result",
            Self::Graph(error) => error.code(),
            Self::Import(error) => error.code(),
            Self::Compose(error) => error.code(),
            Self::Artifact(error) => error.code(),
            Self::Dataset(error) => error.code(),
            Self::Split(error) => error.code(),
            Self::Metric(error) => error.code(),
            Self::Param(error) => error.code(),
            Self::Fit(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::ColumnUnknown { near, .. } if near.is_empty() => {
                Some("`automl profile` lists the columns of a table".into())
            }
            Self::ColumnUnknown { near, .. } => {
                Some(format!("did you mean '{}'?", near.join("' or '")))
            }
            Self::LearnerUnknown { near, .. } | Self::RecipeUnknown { near, .. }
                if !near.is_empty() =>
            {
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::LearnerUnknown { known, .. } => {
                Some(format!("the learners are {}", known.join(", ")))
            }
            Self::RecipeUnknown { known, .. } => {
                Some(format!("the recipes are {}", known.join(", ")))
            }
            Self::RecipeUnfit { takes, .. } => {
                Some(format!("it learns from {}", takes.join(" and ")))
            }
            Self::Configuration { source, .. } => source.hint(),
            Self::PositiveUnknown { near, .. } if !near.is_empty() => {
                Some(format!("did you mean '{}'?", near.join("' or '")))
            }
            Self::PositiveUnknown { classes, .. } => {
                Some(format!("its classes are '{}'", classes.join("' and '")))
            }
            Self::PositiveTask { .. } => Some("leave --positive out: it is for two classes".into()),
            Self::MetricTask { known, .. } => Some(format!("use one of {}", known.join(", "))),
            Self::NoPupil { known } => Some(format!("--include one of {}", known.join(", "))),
            Self::DistillTask { .. } => {
                Some("leave --distill out; --quality fast makes a smaller model".into())
            }
            Self::NoFeatures { left_out, .. } => Some(no_features_hint(left_out)),
            Self::TargetNotNumbers { name, kind } => Some(not_numbers_hint(name, *kind)),
            Self::RoleTaken { .. } => Some("change the schema file or the flag".into()),
            Self::ExposureTask { .. } => Some("leave --exposure or --task out".into()),
            Self::QuantilesTask { task: "count" } => {
                Some("leave --quantiles and --task quantile out, or --exposure and --task count".into())
            }
            Self::QuantilesTask { task } => {
                Some(format!("leave --quantiles out, or --task {task}"))
            }
            Self::RoleTwice { .. } => Some("give each column one role".into()),
            Self::NoSplit { .. } => {
                Some("add rows of the rare class, or choose a metric that one class can be scored by, such as log_loss".into())
            }
            Self::TimeLimit => Some("raise --time-limit, or leave the baseline in".into()),
            Self::NoLimit => Some("give --time-limit or --max-trials".into()),
            Self::MemoryInUse { .. } => {
                Some("raise --memory-limit, or leave it out to use what is free".into())
            }
            Self::Memory { .. } => {
                Some("raise --memory-limit, drop columns with --drop or use fewer rows".into())
            }
            Self::Target { name, .. } => Some(format!(
                "choose another --target or --task, or correct the column; `automl profile DATA --target {name}` shows it"
            )),
            Self::Role { role, .. } => Some(format!(
                "correct the column, or name another one as the {role}"
            )),
            Self::TooFewRows { .. } => Some("add rows that have the target".into()),
            Self::NoLearner { .. } => Some("change --include and --exclude, or the task".into()),
            Self::Cancelled => Some("let it run until the first trial has ended".into()),
            Self::AllFailed { .. } => {
                Some("the warnings say why; --include another learner, or give more memory or time".into())
            }
            _ => self.hint_within(),
        }
    }
}

impl EngineError {
    /// What to do about a model of another program, and what an error inside says.
    fn hint_within(&self) -> Option<String> {
        match self {
            Self::Classes { n_classes: 0, .. } => Some("it predicts numbers: leave --classes out".into()),
            Self::Classes { n_classes, .. } => {
                let codes: Vec<String> = (0..*n_classes.min(&5)).map(|code| code.to_string()).collect();
                let more = if *n_classes > 5 { ", …" } else { "" };
                Some(format!(
                    "name each of the {n_classes} classes once, in the order of the codes {}{more}",
                    codes.join(", ")
                ))
            }
            Self::ImportFormat => Some("save the model with LightGBM's save_model('model.txt'), XGBoost's save_model('model.json'), or as ONNX".into()),
            Self::ImportResult => Some("leave --result out".into()),
            Self::Graph(error) => error.hint().or_else(|| Some(NOT_IMPORTED.into())),
            Self::Import(error) => error.hint().or_else(|| Some(NOT_IMPORTED.into())),
            Self::Compose(error) => error.hint(),
            Self::Costs(error) => error.hint(),
            Self::Artifact(error) => error.hint(),
            Self::Dataset(error) => error.hint(),
            Self::Split(error) => error.hint(),
            Self::Metric(error) => error.hint(),
            Self::Param(error) => error.hint(),
            Self::Fit(error) => error.hint(),
            _ => None,
        }
    }
}

fn no_features_hint(left_out: &[(String, NoFeature)]) -> String {
    let with = |wanted: NoFeature| left_out.iter().find(|(_, why)| *why == wanted);
    if let Some((name, _)) = with(NoFeature::Id) {
        return format!("`{name}: {{role: feature}}` in a --schema file keeps that column");
    }
    if with(NoFeature::Role(TIME)).is_some() {
        return "add a column that says something of the time, such as the month: the --time-column itself is no feature".into();
    }
    "keep at least one column beside the target".into()
}

/// What is said of the time column.
pub(crate) const TIME: &str = "is the time column";

/// What to do about a model that has something which ours have not.
const NOT_IMPORTED: &str =
    "train the model without it, or fit one to the same data with `automl fit`";

fn not_numbers_hint(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Boolean => format!(
            "leave --task out to predict its two values as classes, or write them as 0 and 1 in the data; `{name}: {{kind: number}}` in a --schema file reads a column as numbers"
        ),
        _ => format!(
            "choose another --target or --task; or, if it holds numbers but for some cells, `{name}: {{kind: number}}` in a --schema file names the first that is none"
        ),
    }
}
