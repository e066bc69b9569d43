//! Calendar parts of times, and their cycles.

use crate::fitted::{FittedPart, wrong_kind};
use crate::frame::Frame;
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::set_meta;
use automl_core::{Artifact, ArtifactError, Column, FitError, MISSING_TIME, PredictError, Threads};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// A part of a time, in UTC and the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The year.
    Year,
    /// The month, 1 to 12.
    Month,
    /// The day of the month, 1 to 31.
    Day,
    /// The day of the week, 0 (Monday) to 6.
    Weekday,
    /// The hour, 0 to 23.
    Hour,
    /// The minute, 0 to 59.
    Minute,
    /// The day of the year, 1 to 366.
    DayOfYear,
    /// Days since 1970-01-01, with fractions.
    ElapsedDays,
}

const ALL: [Part; 8] = [
    Part::Year,
    Part::Month,
    Part::Day,
    Part::Weekday,
    Part::Hour,
    Part::Minute,
    Part::DayOfYear,
    Part::ElapsedDays,
];

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Weekday => "weekday",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::DayOfYear => "day_of_year",
            Self::ElapsedDays => "elapsed_days",
        }
    }

    /// The least value and the length of the part's cycle, if it has one.
    fn cycle(self) -> Option<(f64, f64)> {
        match self {
            Self::Month => Some((1.0, 12.0)),
            Self::Day => Some((1.0, 31.0)),
            Self::Weekday => Some((0.0, 7.0)),
            Self::Hour => Some((0.0, 24.0)),
            Self::Minute => Some((0.0, 60.0)),
            Self::DayOfYear => Some((1.0, 366.0)),
            Self::Year | Self::ElapsedDays => None,
        }
    }
}

/// Replaces each timestamp column by number columns `<name>_<part>` and, for parts that come round,
/// `<name>_<part>_sin` and `<name>_<part>_cos`. Parts that do not vary among training rows are left out; a missing time
/// gives missing parts.
///
/// Default columns: all timestamps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Datetime {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// The parts.
    pub parts: Vec<Part>,
    /// Whether parts that come round give a sine and a cosine too.
    pub cycles: bool,
    /// Whether the timestamp column stays too.
    pub keep: bool,
}

impl Default for Datetime {
    fn default() -> Self {
        Self {
            columns: None,
            parts: ALL.to_vec(),
            cycles: true,
            keep: false,
        }
    }
}

impl StepParams for Datetime {
    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("datetime", &[ColumnKind::Timestamp]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let entries = names
            .into_iter()
            .map(|name| {
                let parts = self.varying_parts(frame, &name);
                let cycles = self.cycles;
                (name, Parts { parts, cycles })
            })
            .collect();
        Ok(PerColumn::new("datetime", self.keep, entries).into())
    }
}

impl Datetime {
    fn varying_parts(&self, frame: &Frame<'_>, name: &str) -> Vec<Part> {
        let times = frame.column(name).as_timestamp().unwrap_or_default();
        let mut parts = self.parts.clone();
        parts.sort_unstable();
        parts.dedup();
        parts.retain(|part| {
            let mut values = frame
                .rows
                .iter()
                .map(|&row| times[row as usize])
                .filter(|&time| time != MISSING_TIME)
                .map(|time| part_of(time, *part));
            let first = values.next();
            values.any(|value| Some(value) != first)
        });
        parts
    }
}

const MICROS_A_DAY: i64 = 86_400_000_000;

/// A part of a time in microseconds since 1970.
fn part_of(time: i64, part: Part) -> f64 {
    let (days, micros) = (time.div_euclid(MICROS_A_DAY), time.rem_euclid(MICROS_A_DAY));
    match part {
        Part::Year => civil(days).0 as f64,
        Part::Month => civil(days).1 as f64,
        Part::Day => civil(days).2 as f64,
        Part::Weekday => (days + 3).rem_euclid(7) as f64,
        Part::Hour => (micros / 3_600_000_000) as f64,
        Part::Minute => (micros / 60_000_000 % 60) as f64,
        Part::DayOfYear => (days - days_before_year(civil(days).0) + 1) as f64,
        Part::ElapsedDays => days as f64 + micros as f64 / MICROS_A_DAY as f64,
    }
}

/// Year, month and day of a day counted from 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days from 1970-01-01 to the first of January of `year`.
fn days_before_year(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400) - 719_162
}

/// One column's parts.
#[derive(Debug)]
pub(crate) struct Parts {
    parts: Vec<Part>,
    cycles: bool,
}

impl Encoder for Parts {
    fn names(&self, name: &str) -> Vec<String> {
        let mut names = Vec::new();
        for part in &self.parts {
            let title = format!("{name}_{}", part.name());
            if self.cycles && part.cycle().is_some() {
                names.extend([format!("{title}_sin"), format!("{title}_cos")]);
            }
            names.push(title);
        }
        names
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let times = column
            .as_timestamp()
            .ok_or_else(|| wrong_kind(name, column, ColumnKind::Timestamp))?;
        let mut columns = Vec::new();
        for part in &self.parts {
            let value = |time: &i64| {
                if *time == MISSING_TIME {
                    f64::NAN
                } else {
                    part_of(*time, *part)
                }
            };
            let values: Vec<f64> = times.iter().map(value).collect();
            if let Some((least, length)) = part.cycle().filter(|_| self.cycles) {
                let angle = |value: &f64| TAU * (value - least) / length;
                let sines = values.iter().map(|value| angle(value).sin()).collect();
                let cosines = values.iter().map(|value| angle(value).cos()).collect();
                columns.extend([Column::Number(sines), Column::Number(cosines)]);
            }
            columns.push(Column::Number(values));
        }
        Ok(columns)
    }

    fn save(&self, artifact: &mut Artifact) {
        let parts = serde_json::to_value(&self.parts).expect("parts are names");
        set_meta(artifact, "parts", parts);
        set_meta(artifact, "cycles", self.cycles);
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        Ok(Self {
            parts: artifact.meta("parts")?,
            cycles: artifact.meta("cycles")?,
        })
    }
}
