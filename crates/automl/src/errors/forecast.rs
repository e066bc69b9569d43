//! What a model that forecasts time series cannot do.

use automl_core::Coded;

/// A verb or an option that is for models of rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForecastError {
    #[error("the model forecasts time series, it predicts no rows")]
    NoRows,
    #[error("{option} means nothing to a model that forecasts time series")]
    Option { option: &'static str },
}

impl Coded for ForecastError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoRows => "model-forecasts",
            Self::Option { .. } => "usage-option",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoRows => {
                "`automl predict` and `automl evaluate` take it, with a table of what came before"
                    .into()
            }
            Self::Option { option } => format!("leave {option} out"),
        })
    }
}
