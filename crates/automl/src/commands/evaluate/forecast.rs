//! How good a model of time series is: the forecasts from every window of a table against what came.

use super::Settings;
use crate::commands::start_threads;
use crate::console::{Console, Format, print_json, print_text};
use crate::forecasting::{Forecaster, refuse_options, scores_line, series_table};
use crate::progress::Reporter;
use crate::text;
use automl_neural::series::PartScores;

/// Scores a model on a table.
///
/// # Errors
/// An option is for rows, or the table cannot be read or is too short.
pub(super) fn scores(
    settings: &Settings,
    model: &Forecaster,
    reporter: &Reporter,
) -> anyhow::Result<PartScores> {
    refuse_options(&[
        ("--threshold", settings.threshold.is_some()),
        ("--allow-missing-columns", settings.allow_missing_columns),
    ])?;
    let frame = model.frame(&settings.source, &settings.read, reporter)?;
    let threads = start_threads(settings.threads)?;
    Ok(model.model.evaluate(&frame, &threads)?)
}

/// Prints scores.
///
/// # Errors
/// Stdout takes no more.
pub(super) fn print(scores: &PartScores, console: Console) -> anyhow::Result<()> {
    match console.format() {
        Format::Json => print_json(scores),
        Format::Text => {
            let windows = text::counted(scores.n_windows as u64, "window");
            let line = scores_line(scores);
            Ok(print_text(&format!(
                "{windows}, scaled values: {line}\n{}",
                series_table(scores)
            ))?)
        }
    }
}
