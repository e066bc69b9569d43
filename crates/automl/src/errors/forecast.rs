//! What a model that forecasts time series cannot do.

use automl_core::Coded;
use automl_neural::series::SeriesError;

/// A verb or an option that is for models of rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForecastError {
    #[error("the model forecasts time series, it predicts no rows")]
    NoRows,
    #[error("the model forecasts time series, of one table at a time")]
    OneTable,
    /// What a table lacks that is forecast from, as who trains would hear it; the advice is another.
    #[error(transparent)]
    Table(SeriesError),
    #[error("{option} means nothing to a model that forecasts time series")]
    Option { option: &'static str },
}

impl Coded for ForecastError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoRows | Self::OneTable => "model-forecasts",
            Self::Table(error) => error.code(),
            Self::Option { .. } => "usage-option",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoRows => {
                "`automl predict` and `automl evaluate` take it, with a table of what came before"
                    .into()
            }
            Self::OneTable => "give one table, and --output the name of a file".into(),
            Self::Table(error) => return advice(error),
            Self::Option { option } => format!("leave {option} out"),
        })
    }
}

/// What to do about a table that is forecast from: which columns are series was settled when the model was trained.
fn advice(error: &SeriesError) -> Option<String> {
    match error {
        SeriesError::Column { near, .. } if near.is_empty() => Some(
            "call the columns as the table did that the model learned from; a series may be without values"
                .into(),
        ),
        SeriesError::NotNumbers { .. } => {
            Some("give its numbers, or leave its cells empty to forecast the others".into())
        }
        SeriesError::NotTimes { .. } => {
            Some("give times as the table did that the model learned from".into())
        }
        other => other.hint(),
    }
}
