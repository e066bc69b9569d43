//! Why a search is not gone on with, or not begun.

use crate::text;
use automl_core::Coded;
use std::path::PathBuf;

/// Why a search is not gone on with, or not begun.
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
}

impl Coded for SearchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unfinished { .. } => "fit-search-unfinished",
            Self::Differs { .. } => "fit-search-differs",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unfinished { .. } => {
                "go on with it by --resume, or begin anew with --overwrite".into()
            }
            Self::Differs { .. } => "give the data and the settings that it was begun with (limits may change), or begin anew with --overwrite in place of --resume".into(),
        })
    }
}
