//! Why a search is not gone on with, or not begun, and what it did not find out.

use crate::text;
use automl_core::Coded;
use std::io;
use std::path::PathBuf;

/// Why a search is not gone on with, or not begun, and what it did not find out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SearchError {
    /// A new search would take the place of one that was killed.
    #[error("a search for this output was not finished, {} in {}: {}", text::counted(*n_trials, "trial"), text::seconds(*seconds), output.display())]
    Unfinished {
        n_trials: u64,
        seconds: f64,
        output: PathBuf,
    },
    /// The search that is there was of something else.
    #[error("the search to go on with had {setting} {then}, now it is {now}: {}", path.display())]
    Differs {
        setting: String,
        then: String,
        now: String,
        path: PathBuf,
    },
    /// What an earlier search noted is not understood.
    #[error("the search to go on with was noted by another version of this program: {}", path.display())]
    Foreign { path: PathBuf },
    /// Intervals are for numbers, and of models that a fit made.
    #[error("the model knows no intervals; its task is {task}")]
    NoIntervals { task: &'static str },
    /// What is known of errors is of one unit of exposure.
    #[error("a model of counts by exposure knows no intervals")]
    NoIntervalsOfCounts,
    /// The file of the model's errors is not what a fit writes.
    #[error(
        "'intervals.json' of the model cannot be read: its errors are not sorted numbers by prediction"
    )]
    IntervalsFile,
    /// The file of a cost matrix cannot be read.
    #[error("cannot read the cost matrix: {}", path.display())]
    CostsFile { path: PathBuf, source: io::Error },
    /// A text is no cost matrix.
    #[error("{place}, line {line}, is no cost matrix: {reason}")]
    CostsText {
        place: String,
        line: u64,
        reason: String,
    },
    /// The file of a portfolio cannot be read.
    #[error("cannot read the portfolio: {}", path.display())]
    PortfolioFile { path: PathBuf, source: io::Error },
    /// A file is no list of configurations.
    #[error("{}, line {line}, is no portfolio: {reason}", path.display())]
    PortfolioText {
        path: PathBuf,
        line: u64,
        reason: String,
    },
    /// So rare an error has not been seen among the rows that there were.
    #[error(
        "an interval of coverage {coverage} needs more rows than the model was validated on; it knows of coverages up to {most:.3}"
    )]
    Coverage { coverage: f64, most: f64 },
}

impl Coded for SearchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unfinished { .. } => "fit-search-unfinished",
            Self::Differs { .. } => "fit-search-differs",
            Self::Foreign { .. } => "fit-search-foreign",
            Self::NoIntervals { .. } | Self::NoIntervalsOfCounts => "predict-no-intervals",
            Self::IntervalsFile => "artifact-part-invalid",
            Self::CostsFile { .. } => "fit-costs-file",
            Self::CostsText { .. } => "fit-costs-text",
            Self::PortfolioFile { .. } => "fit-portfolio-file",
            Self::PortfolioText { .. } => "fit-portfolio-text",
            Self::Coverage { .. } => "predict-coverage",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unfinished { .. } => {
                "go on with it by --resume, or begin anew with --overwrite".into()
            }
            Self::Differs { .. } => "give the data and the settings that it was begun with (limits may change), or begin anew with --overwrite in place of --resume".into(),
            Self::Foreign { .. } => "go on with it by that version, or begin anew with --overwrite".into(),
            Self::NoIntervals { task: "regression" } => {
                "fit the model again to have them".into()
            }
            Self::NoIntervals { task: "quantile" } => {
                "leave --interval out: its quantiles are the ends of intervals".into()
            }
            Self::NoIntervals { .. } => {
                "leave --interval out: the probabilities say how sure the model is".into()
            }
            Self::NoIntervalsOfCounts => "leave --interval out".into(),
            Self::IntervalsFile => "fit the model again or restore the file".into(),
            Self::CostsFile { .. } | Self::CostsText { .. } => {
                "give costs as {\"true class\": {\"predicted class\": cost}}, or a file of them in JSON or YAML".into()
            }
            Self::PortfolioFile { .. } | Self::PortfolioText { .. } => {
                "give a list such as [{\"learner\": \"gradient_boosting\", \"params\": {\"max_leaves\": 8}}], in JSON or YAML".into()
            }
            Self::Coverage { most, .. } => {
                format!("ask for --interval {:.2} or less", (most * 100.0).floor() / 100.0)
            }
        })
    }
}
