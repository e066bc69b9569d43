//! Why models do not make a pipeline.

use automl_core::{Coded, nearest};

/// Models that cannot stand together as one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ComposeError {
    /// There is nothing to predict.
    #[error("the pipeline has no steps")]
    Empty,
    /// Steps are told apart by their names.
    #[error("two steps are called '{name}'")]
    StepTwice {
        /// The name.
        name: String,
    },
    /// A step does not fit.
    #[error("step '{step}': {problem}")]
    Step {
        /// Its name.
        step: String,
        /// What is wrong with it.
        problem: Box<StepProblem>,
    },
}

/// What is wrong with a step of a pipeline.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum StepProblem {
    #[error("it has no models")]
    NoModels,
    #[error("the weight of {model} is {weight}, not a number above 0")]
    Weight { model: String, weight: f64 },
    #[error("{model} predicts quantiles, which no step can read")]
    Quantiles { model: String },
    #[error("{model} chooses classes by what errors cost, which no step does")]
    Costs { model: String },
    #[error("the thresholds of {model} are not those of its classes")]
    Thresholds { model: String },
    #[error("{model} predicts {found}, {first} {wanted}")]
    Task {
        model: String,
        found: String,
        first: String,
        wanted: String,
    },
    #[error("{model} predicts numbers, and votes are for classes")]
    VoteOfNumbers { model: String },
    #[error("it gives no '{name}'")]
    NoOutput { name: String, known: Vec<String> },
    #[error("it is the last step, whose prediction is that of the pipeline, and adds no columns")]
    AddsLast,
    #[error("its column '{column}' is there already: {by}")]
    ColumnTaken { column: String, by: String },
    #[error("{model} reads column '{column}' as {wanted}, {whose} as {found}")]
    ColumnKind {
        column: String,
        model: String,
        wanted: String,
        whose: String,
        found: String,
    },
    #[error("{model} knows none of the classes that step '{from}' gives it as '{column}'")]
    NoCommonClass {
        column: String,
        model: String,
        from: String,
        known: Vec<String>,
    },
    #[error("no step behind it reads what it gives: {}", given.join(", "))]
    Unread {
        given: Vec<String>,
        wanted: Vec<String>,
    },
}

impl ComposeError {
    pub(super) fn of(step: &str, problem: StepProblem) -> Self {
        Self::Step {
            step: step.to_owned(),
            problem: Box::new(problem),
        }
    }
}

impl Coded for ComposeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Empty => "compose-empty",
            Self::StepTwice { .. } => "compose-step-twice",
            Self::Step { problem, .. } => problem.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Empty => Some("list at least one under 'steps'".into()),
            Self::StepTwice { .. } => Some("give each step a name of its own".into()),
            Self::Step { problem, .. } => Some(problem.hint()),
        }
    }
}

impl StepProblem {
    fn code(&self) -> &'static str {
        match self {
            Self::NoModels => "compose-no-models",
            Self::Weight { .. } => "compose-weight",
            Self::Quantiles { .. }
            | Self::Costs { .. }
            | Self::Thresholds { .. }
            | Self::Task { .. }
            | Self::VoteOfNumbers { .. } => "compose-task",
            Self::NoOutput { .. } => "compose-output",
            Self::AddsLast | Self::Unread { .. } => "compose-unread",
            Self::ColumnTaken { .. } | Self::ColumnKind { .. } | Self::NoCommonClass { .. } => {
                "compose-column"
            }
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NoModels => "list at least one".into(),
            Self::Weight { .. } => "leave the weight out to count it once".into(),
            Self::Costs { .. } => "take a model that was fitted without costs".into(),
            Self::Thresholds { .. } => "fit the model again, and compose it then".into(),
            Self::Quantiles { .. } => "take a model of one number or of classes".into(),
            Self::Task { .. } => {
                "models of one step predict the same; others are steps of their own".into()
            }
            Self::VoteOfNumbers { .. } => "say 'mean' in the place of 'vote'".into(),
            Self::NoOutput { known, .. } => format!("it gives {}", known.join(", ")),
            Self::AddsLast => "leave 'adds' out, or put a step behind it".into(),
            Self::ColumnTaken { column, .. } => {
                format!("call it otherwise: adds: {{{column}: another_name}}")
            }
            Self::ColumnKind { .. } => {
                "fit the models on columns of one kind; `kind` in a --schema file says which".into()
            }
            Self::NoCommonClass { known, .. } => format!("it knows {}", known.join(", ")),
            Self::Unread { given, wanted } => unread_hint(given, wanted),
        }
    }
}

/// What steps behind might have been meant to read.
fn unread_hint(given: &[String], wanted: &[String]) -> String {
    let near = given.iter().flat_map(|name| {
        nearest(name, wanted.iter().map(String::as_str))
            .into_iter()
            .take(1)
    });
    let near: Vec<String> = near.collect();
    match near.first() {
        Some(near) => {
            format!("a step behind it reads '{near}': 'adds' says what columns are called")
        }
        None => "say with 'adds' which of its outputs become which columns, or leave the step out"
            .into(),
    }
}
