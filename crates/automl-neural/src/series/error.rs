//! Why a table is no frame of time series, or too short a one.

use automl_core::{Coded, nearest};

/// Why a table is no frame of time series, or too short a one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// A column is not there.
    #[error("there is no column '{name}'")]
    Column {
        /// Its name.
        name: String,
        /// Columns with a similar name.
        near: Vec<String>,
    },
    /// A series does not consist of numbers.
    #[error("the series '{name}' holds {kind} values, not numbers")]
    NotNumbers {
        /// The column.
        name: String,
        /// What it holds.
        kind: &'static str,
    },
    /// A column that gives the time does not.
    #[error("'{name}' holds {kind} values, not times or whole numbers")]
    NotTimes {
        /// The column.
        name: String,
        /// What it holds.
        kind: &'static str,
    },
    /// A row has no time.
    #[error("row {row} has no time in '{name}'")]
    TimeMissing {
        /// The column.
        name: String,
        /// The row, from 1.
        row: usize,
    },
    /// No column is a series.
    #[error("no column holds numbers to forecast")]
    NoSeries,
    /// A series has no value at all.
    #[error("the series '{name}' has no values")]
    Empty {
        /// The column.
        name: String,
    },
    /// No series of a table has a value.
    #[error("none of the series has a value")]
    NoValues,
    /// A number is too far from the mean to compute with.
    #[error("the series '{name}' is {value} in row {row}, too far from what it was learned to be")]
    Extreme {
        /// The column.
        name: String,
        /// The row, from 1.
        row: usize,
        /// The number.
        value: String,
    },
    /// A network says of these rows what is no number.
    #[error("the forecast of '{name}' is no number")]
    NotFinite {
        /// The series.
        name: String,
    },
    /// No value of the data that follows a window is known.
    #[error("all values to score forecasts on are missing")]
    NothingToScore,
    /// The parts ask for more rows than there are.
    #[error(
        "train_rows, validation_rows and test_rows are {wanted} in all, the table has {n_rows}"
    )]
    Parts {
        /// Rows that they ask for.
        wanted: usize,
        /// Rows that there are.
        n_rows: usize,
    },
    /// A part has no room for a window.
    #[error("the {part} rows are {n_rows}, and {what} is {wanted}")]
    TooShort {
        /// `training`, `validation` or `test`.
        part: &'static str,
        /// Its rows.
        n_rows: usize,
        /// What does not fit.
        what: &'static str,
        /// Rows that it takes.
        wanted: usize,
    },
    /// A season is longer than what a forecast is made from.
    #[error("series.season is {season}, and series.lookback {lookback}: no window holds a season")]
    Season {
        /// Rows of a season.
        season: u64,
        /// Rows of a window.
        lookback: u64,
    },
    /// Data to forecast from, or to score on, is too short.
    #[error("the data has {n_rows} rows, and {what} takes {wanted}")]
    History {
        /// Its rows.
        n_rows: usize,
        /// `a forecast` or `a score`.
        what: &'static str,
        /// Rows that it takes.
        wanted: usize,
    },
}

impl SeriesError {
    /// A column that is not among these.
    pub(super) fn column<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Column {
            name: name.to_owned(),
            near: nearest(name, known),
        }
    }
}

impl Coded for SeriesError {
    fn code(&self) -> &'static str {
        match self {
            Self::Column { .. } => "series-column-missing",
            Self::NotNumbers { .. } | Self::NotTimes { .. } => "series-kind",
            Self::TimeMissing { .. } => "series-time-missing",
            Self::NoSeries | Self::Empty { .. } | Self::NoValues => "series-none",
            Self::Extreme { .. } | Self::NotFinite { .. } => "series-extreme",
            Self::NothingToScore => "series-nothing-to-score",
            Self::Parts { .. } | Self::TooShort { .. } => "series-parts",
            Self::Season { .. } => "series-season",
            Self::History { .. } => "series-history",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Column { near, .. } if near.is_empty() => return None,
            Self::Column { near, .. } => format!("did you mean {}?", near.join(" or ")),
            Self::NotTimes { .. } => "name the column of times in data.time, or none".into(),
            Self::TimeMissing { .. } => "fill in the time, or take the row out".into(),
            Self::NotNumbers { .. } | Self::Empty { .. } => {
                "name the columns to forecast in data.target, or leave this one out with data.drop"
                    .into()
            }
            Self::NoSeries => "name the columns to forecast in data.target".into(),
            Self::NoValues => "give a table with what came before".into(),
            Self::Extreme { .. } => {
                "correct the value, or empty the cell if it stands for one that is missing".into()
            }
            Self::NotFinite { .. } => {
                "look for values at the end of the series that are far from those it learned from"
                    .into()
            }
            Self::NothingToScore => "give rows whose values are known".into(),
            Self::Parts { .. } => {
                "lower them, or set them to 0 and say data.validation_share and series.test_share"
                    .into()
            }
            Self::TooShort {
                part: "training", ..
            } => "lower series.lookback or series.horizon, or hold out fewer rows".into(),
            Self::TooShort { .. } => "hold out more rows, none, or lower series.horizon".into(),
            Self::Season { season, .. } => {
                format!("raise series.lookback to {season} or more, or lower series.season")
            }
            Self::History { .. } => "give the rows before these as well, in one table".into(),
        })
    }
}
