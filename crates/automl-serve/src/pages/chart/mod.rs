//! Charts as SVG, drawn here so that they need no script: lines over steps or time, and runs across parallel axes.
//!
//! Colours are classes (`s0` … `s7`), so that a chart follows the light or dark theme; they stay apart for colour-blind
//! readers, and a ninth series begins again with dashes. The script adds what a pointer shows, from the drawing itself.

mod line;
mod parallel;
mod scale;
#[cfg(test)]
mod tests;

pub(super) use line::{LineChart, Point, Series, smoothed};
pub(super) use parallel::{Column, Parallel};
pub(super) use scale::Scale;

/// Series that have a colour of their own.
const N_COLOURS: usize = 8;

/// The classes of a series by its number.
pub(super) fn class(number: usize) -> String {
    let dashes = number / N_COLOURS % 3;
    format!("s{} d{dashes}", number % N_COLOURS)
}

/// A length in the drawing; hundredths, so that the script can read values back from it.
pub(super) fn length(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
