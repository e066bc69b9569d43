//! What is wrong with what verbs ask of the record.

use automl_core::Coded;
use automl_serve::endpoints::TruthError;
use std::io;

/// A question or a change that the record is not asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("comparing takes two runs or more")]
    CompareOne,
    #[error("versions of '{name}' do not take and give the same: {}", .differences.join("; "))]
    Signature {
        name: String,
        differences: Vec<String>,
    },
    #[error("row {row} of {data} has no request_id or no truth, or its row is no whole number")]
    Feedback { data: String, row: usize },
    #[error("no column '{name}' in {data}")]
    FeedbackColumn { data: String, name: &'static str },
    #[error("row {row} of {data} is of the same request and row as row {first}")]
    FeedbackTwice {
        data: String,
        first: usize,
        row: usize,
    },
    #[error("row {row} of {data}: {odd}")]
    Truth {
        data: String,
        row: usize,
        odd: TruthError,
    },
    #[error("cannot read {place}")]
    DataPlace { place: String, source: io::Error },
    #[error("{key} is not what it was when it was registered: {place} has changed")]
    DataChanged { key: String, place: String },
    #[error("'{name}' is {what} and would be lost")]
    WouldLose { name: String, what: String },
    #[error("{reason} in line {line}: {place}")]
    PipelineFile {
        place: String,
        line: u64,
        reason: String,
        near: Vec<String>,
    },
    #[error("it says {} of model, mean and vote", if *is_empty { "none" } else { "more than one" })]
    PipelineStep { is_empty: bool },
    #[error("column '{column}' would be read and predicted")]
    PipelineTarget { column: String },
    #[error(
        "{whose} takes '{mark}' as missing, which {model} knows as a word of column '{column}'"
    )]
    PipelineMark {
        mark: String,
        whose: String,
        model: String,
        column: String,
    },
    #[error(
        "{whose} takes {mark} as missing, which {model} would read as a number in column '{column}'"
    )]
    PipelineNumber {
        mark: String,
        whose: String,
        model: String,
        column: String,
    },
}

impl Coded for RecordError {
    fn code(&self) -> &'static str {
        match self {
            Self::CompareOne => "usage",
            Self::Signature { .. } => "registry-signature",
            Self::Feedback { .. } | Self::FeedbackTwice { .. } => "feedback-row",
            Self::FeedbackColumn { .. } => "feedback-column",
            Self::Truth { .. } => "feedback-truth",
            Self::DataPlace { .. } => "data-not-found",
            Self::DataChanged { .. } => "data-changed",
            Self::WouldLose { .. } => "registry-would-lose",
            Self::PipelineFile { .. } | Self::PipelineStep { .. } => "compose-file",
            Self::PipelineTarget { .. }
            | Self::PipelineMark { .. }
            | Self::PipelineNumber { .. } => "compose-column",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::CompareOne => Some("name two ids, or the first digits of them".into()),
            Self::Signature { .. } => Some(
                "register it under another name, or say --allow-signature-change if callers know"
                    .into(),
            ),
            Self::DataChanged { .. } => Some(
                "register it again to have the next version, or bring the old content back".into(),
            ),
            Self::WouldLose { .. } => Some("say --force to delete it all the same".into()),
            Self::FeedbackTwice { .. } => Some("keep the one that is true".into()),
            Self::Feedback { .. } | Self::FeedbackColumn { .. } => Some(
                "the table needs the columns request_id, which is x-request-id in the head of the answer, and truth; row is the place of the row in its request, from 0, if there are several"
                    .into(),
            ),
            Self::PipelineFile { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::PipelineFile { .. } => Some("`automl models compose --help` shows one".into()),
            Self::PipelineStep { .. } => {
                Some("name one model, or list several under mean or vote".into())
            }
            Self::PipelineTarget { .. } => Some(
                "fit the models that read it without it: it is not known where the pipeline predicts".into(),
            ),
            Self::PipelineMark { .. } | Self::PipelineNumber { .. } => {
                Some("fit both with the same marks, by --missing or a schema file".into())
            }
            Self::Truth {
                odd: TruthError::Again { .. },
                ..
            } => Some("give rows that have no truth yet; nothing of this table was kept".into()),
            Self::DataPlace { .. } | Self::Truth { .. } => None,
        }
    }
}
