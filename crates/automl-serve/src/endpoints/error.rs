//! What can be wrong with a request for predictions; each protocol tells it in its own form.

use super::model::ModelFacts;
use automl_core::{Coded, ExplainError, PredictError, ROWS_MAX, nearest};
use automl_store::tracking::TrackingError;
use axum::http::StatusCode;

/// Seconds after which to come again when there is no room, or a model is being loaded.
const COME_AGAIN_S: u64 = 1;

/// Rows of a request that are explained, and numbers that explain them.
pub(crate) const ROWS_EXPLAINED_MAX: usize = 10_000;
pub(crate) const VALUES_EXPLAINED_MAX: usize = 2_000_000;

/// Why a request is not answered with predictions.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ScoreError {
    #[error("there is nothing at {what}")]
    Nowhere { what: String },
    #[error("there is no endpoint '{name}'{}", meant(.near))]
    EndpointUnknown { name: String, near: Vec<String> },
    #[error("endpoint '{endpoint}' has no deployment '{name}'{}", meant(.near))]
    DeploymentUnknown {
        endpoint: String,
        name: String,
        near: Vec<String>,
    },
    #[error("endpoint '{endpoint}' does not serve: {reason}")]
    NotServing { endpoint: String, reason: String },
    #[error("endpoint '{endpoint}' answers {max} requests at once, and has as many")]
    Busy { endpoint: String, max: u32 },
    #[error("more waits for the model than can be answered in time; come again in {seconds} s")]
    Overloaded { seconds: u64 },
    #[error("what is kept of endpoint '{endpoint}' waits for the disk, and has no room for more")]
    NotKept { endpoint: String },
    #[error("it could not be answered in the {ms} ms that the request gave it")]
    TimeOver { ms: u64 },
    #[error("too many requests at once")]
    Crowded,
    #[error("requests that are being answered take all the memory that they may")]
    Full,
    #[error("the body has more than {limit} bytes")]
    TooLong { limit: usize },
    #[error(
        "a request has at most {ROWS_MAX} rows; predict more with `automl predict`, or in parts"
    )]
    TooManyRows,
    #[error("the table of the body takes {n_bytes} bytes, more than all requests may together")]
    TableTooLarge { n_bytes: u64 },
    #[error("the body did not come in time")]
    Late,
    #[error("the body did not come whole: {reason}")]
    Broken { reason: String },
    #[error("bodies are not taken as '{found}'; this takes {wanted}")]
    ContentKind { found: String, wanted: &'static str },
    #[error("bodies are not taken compressed, as '{found}'; send them as they are")]
    Compressed { found: String },
    #[error("the body is not JSON: {reason}")]
    Json { reason: String },
    #[error("{reason}")]
    Form { reason: String },
    #[error("the model has no column '{name}'{}", meant(.near))]
    ColumnUnknown { name: String, near: Vec<String> },
    #[error("{} missing in row {row}: {}; send null for a value that is not known", if .names.len() == 1 { "a column is" } else { "columns are" }, .names.join(", "))]
    ColumnsMissing { names: Vec<String>, row: usize },
    #[error("{} missing: {}", if .names.len() == 1 { "a column is" } else { "columns are" }, .names.join(", "))]
    ColumnsAbsent { names: Vec<String> },
    #[error("column '{name}' has {n_cells} values where others have {n_rows}")]
    Lengths {
        name: String,
        n_cells: usize,
        n_rows: usize,
    },
    #[error("row {row}: {reason}")]
    Cell { row: usize, reason: String },
    #[error("{reason}")]
    Table { reason: String },
    #[error(
        "the model knows nothing of its errors; those of numbers do that `automl fit` made without --exposure"
    )]
    NoIntervals,
    #[error(
        "the model predicts quantiles, which are the ends of intervals themselves; leave interval out"
    )]
    IntervalOfQuantiles,
    #[error(
        "an interval of the probability {coverage} is not known; it is above 0 and at most {most:.4}"
    )]
    Coverage { coverage: f64, most: f64 },
    #[error(
        "what columns did to predictions is told of at most {ROWS_EXPLAINED_MAX} rows at a time, and of {VALUES_EXPLAINED_MAX} values"
    )]
    TooManyExplained,
    #[error(
        "the model predicts quantiles, and what columns did is not told of them; leave explain out"
    )]
    ExplainQuantiles,
    #[error(
        "the model cannot be explained: {0}; models of trees and linear ones can: gradient_boosting, random_forest, extra_trees, elastic_net and logistic_regression"
    )]
    Explain(ExplainError),
    #[error(transparent)]
    Predict(#[from] PredictError),
    #[error("the model failed: {reason}")]
    Internal { reason: String },
    #[error(transparent)]
    Record(#[from] TrackingError),
}

/// `; did you mean a or b?` if anything is near.
fn meant(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

impl ScoreError {
    pub(crate) fn form(reason: impl Into<String>) -> Self {
        Self::Form {
            reason: reason.into(),
        }
    }

    /// That a model has no column of a name.
    pub(crate) fn unknown_column(name: String, facts: &ModelFacts) -> Self {
        let known = facts.features.iter().map(|field| field.name.as_str());
        let near = nearest(&name, known);
        Self::ColumnUnknown { name, near }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Nowhere { .. }
            | Self::EndpointUnknown { .. }
            | Self::DeploymentUnknown { .. } => StatusCode::NOT_FOUND,
            Self::NotServing { .. } | Self::NotKept { .. } | Self::Full => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Busy { .. } | Self::Overloaded { .. } | Self::Crowded => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::TooLong { .. }
            | Self::TooManyRows
            | Self::TooManyExplained
            | Self::TableTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimeOver { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::ContentKind { .. } | Self::Compressed { .. } => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::Internal { .. } | Self::Record(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether the same request may be answered a little later.
    pub(crate) fn may_come_again(&self) -> bool {
        self.come_again_s().is_some()
    }

    /// After how many seconds it may, if it may.
    pub(crate) fn come_again_s(&self) -> Option<u64> {
        match self {
            Self::Overloaded { seconds } => Some(*seconds),
            Self::NotServing { .. }
            | Self::NotKept { .. }
            | Self::Busy { .. }
            | Self::Crowded
            | Self::Full => Some(COME_AGAIN_S),
            _ => None,
        }
    }
}

impl Coded for ScoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::Nowhere { .. } => "score-nowhere",
            Self::EndpointUnknown { .. } => "endpoint-missing",
            Self::DeploymentUnknown { .. } => "endpoint-deployment-missing",
            Self::NotServing { .. } => "endpoint-not-serving",
            Self::Busy { .. } => "endpoint-busy",
            Self::Overloaded { .. } => "endpoint-overloaded",
            Self::NotKept { .. } => "endpoint-feedback-full",
            Self::TimeOver { .. } => "score-time-over",
            Self::Crowded => "score-too-many",
            Self::Full => "score-no-memory",
            Self::TooLong { .. } => "score-too-long",
            Self::TooManyRows => "score-too-many-rows",
            Self::TableTooLarge { .. } => "score-table-too-large",
            Self::Late => "score-late",
            Self::Broken { .. } => "score-broken-off",
            Self::ContentKind { .. } => "score-content-kind",
            Self::Compressed { .. } => "score-compressed",
            Self::Json { .. } => "score-json",
            Self::Form { .. } => "score-form",
            Self::ColumnUnknown { .. } => "score-column-unknown",
            Self::ColumnsMissing { .. } | Self::ColumnsAbsent { .. } => "score-column-missing",
            Self::Lengths { .. } => "score-lengths",
            Self::Cell { .. } => "score-cell",
            Self::Table { .. } => "score-table",
            Self::NoIntervals | Self::IntervalOfQuantiles => "score-no-intervals",
            Self::Coverage { .. } => "score-coverage",
            Self::TooManyExplained => "score-explained-rows",
            Self::ExplainQuantiles => ExplainError::Unsupported.code(),
            Self::Explain(error) => error.code(),
            Self::Predict(error) => error.code(),
            Self::Internal { .. } => "score-failed",
            Self::Record(error) => Coded::code(error),
        }
    }
}
