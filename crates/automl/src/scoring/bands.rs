//! `--interval`: between which numbers the target lies with a given probability.

use crate::commands::read_results;
use crate::errors::SearchError;
use automl_core::Predictions;
use automl_engine::{Band, Intervals};
use automl_store::Manifest;
use std::path::Path;

/// The file of a model directory that tells of its errors.
pub(crate) const INTERVALS_FILE: &str = "intervals.json";

/// Lower and upper bounds of some coverages.
pub(crate) struct Bands {
    bands: Vec<Band>,
    names: Vec<String>,
}

impl Bands {
    /// The bands of `coverages`; of none there are none, whatever the model.
    ///
    /// # Errors
    /// The model knows nothing of its errors, or of too few rows.
    pub(crate) fn read(model: &Path, coverages: &[f64]) -> anyhow::Result<Self> {
        let mut bands = Vec::new();
        let mut names = Vec::new();
        if !coverages.is_empty() {
            let absent = |manifest: &Manifest| SearchError::NoIntervals {
                task: manifest.task.kind().name(),
            };
            let intervals: Intervals = read_results(model, INTERVALS_FILE, absent)?;
            if !intervals.is_valid() {
                return Err(SearchError::IntervalsFile.into());
            }
            for &coverage in coverages {
                let most = intervals.coverage_max();
                let band = intervals.band(coverage);
                bands.push(band.ok_or(SearchError::Coverage { coverage, most })?);
                // Percents without the digits that rounding adds.
                let percents = (coverage * 1e8).round() / 1e6;
                names.extend(["lower", "upper"].map(|side| format!("{side}_{percents}")));
            }
        }
        Ok(Self { bands, names })
    }

    /// Names of the columns: `lower_90`, `upper_90`, and so on.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Each prediction with its bounds, row by row; `None` where none were asked for.
    pub(crate) fn numbers(&self, predictions: &Predictions) -> Option<Vec<f64>> {
        if self.bands.is_empty() {
            return None;
        }
        let mut numbers = Vec::with_capacity(predictions.n_rows() * (1 + self.names.len()));
        for &prediction in predictions.values() {
            numbers.push(prediction);
            for band in &self.bands {
                numbers.extend(band.around(prediction));
            }
        }
        Some(numbers)
    }
}
