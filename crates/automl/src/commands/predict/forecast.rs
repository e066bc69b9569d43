//! What follows the last rows of a table, by a model of time series: a row for each series and moment.

use super::Settings;
use crate::forecasting::{Forecaster, refuse_options};
use crate::progress::Reporter;
use crate::scoring::Destination;
use automl_core::Texts;
use automl_data::PredictionColumns;
use std::io::Write;

/// The column that names the series.
const SERIES: &str = "series";
/// The column that counts moments where none gives the time.
const STEP: &str = "step";

/// Forecasts into `to`; gives back the number of rows and the flushed output.
///
/// # Errors
/// An option is for rows, or the table cannot be read or is too short.
pub(super) fn forecast<W: Write + Send>(
    settings: &Settings,
    model: &Forecaster,
    reporter: &Reporter,
    to: Destination<'_, W>,
) -> anyhow::Result<(u64, W)> {
    refuse_options(&[
        ("--threshold", settings.threshold.is_some()),
        ("--interval", !settings.coverages.is_empty()),
        ("--keep", !settings.keep.is_empty()),
        ("--allow-missing-columns", settings.allow_missing_columns),
        ("--skip-bad-rows", settings.skip_bad_rows),
    ])?;
    let frame = model.frame(&settings.source, &settings.read, reporter)?;
    let forecast = model.model.forecast(&frame)?;
    let moments = model.moments(&frame, &forecast);
    let time = model.model.time_name().unwrap_or(STEP);
    let columns = PredictionColumns {
        kept: &[time.to_owned(), SERIES.to_owned()],
        classes: &[],
        quantiles: &[],
        targets: &[],
        further: &[],
    };
    let mut writer = to.start(columns)?;
    let mut n_rows = 0;
    for (name, values) in &forecast.series {
        let times: Texts = moments.iter().map(|moment| Some(moment.as_str())).collect();
        let names: Texts = values.iter().map(|_| Some(name.as_str())).collect();
        writer.write_numbers(values, &[times, names])?;
        n_rows += values.len() as u64;
    }
    Ok((n_rows, writer.finish()?))
}
