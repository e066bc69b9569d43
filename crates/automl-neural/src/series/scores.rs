//! How far forecasts are from what came, beside forecasts that need no network.

use super::windows::{Scale, Windows};
use crate::labelled::{Blocks, block_rows};
use crate::train::TrainError;
use automl_core::Threads;
use automl_core::metrics::Metric;
use serde::Serialize;

/// Sums of a series: squares, absolutes and counts.
const SUMS: usize = 3;

/// Numbers that a network has in work at once for a block of windows.
const BLOCK_NUMBERS: usize = 1 << 21;

/// Sums of errors of scaled values, series by series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Errors {
    squares: Vec<f64>,
    absolutes: Vec<f64>,
    /// Values of each series that are known.
    counts: Vec<usize>,
}

impl Errors {
    /// The errors of forecasts of all windows, a block of them at a time: `forecast` gives those of some windows, series by
    /// series within each. The same at any number of threads and ranks.
    pub(super) fn of(
        windows: &Windows<'_>,
        n_numbers: usize,
        blocks: Blocks<'_>,
        forecast: impl Fn(&[u32]) -> Vec<f32> + Sync + Send,
    ) -> Result<Self, TrainError> {
        let n_series = windows.n_series();
        let size = block_rows(BLOCK_NUMBERS, n_numbers * n_series);
        let own = || {
            let of_block = |ids: &[u32]| Self::of_block(windows, ids, &forecast(ids)).numbers();
            Some(blocks.map(windows.n(), size, of_block)?.concat())
        };
        let n_blocks = |rank| blocks.share(rank, windows.n(), size).len().div_ceil(size);
        let numbers = blocks.gather(own, |rank| n_blocks(rank) * SUMS * n_series)?;
        let mut all = Self::none(n_series);
        for block in numbers.chunks_exact(SUMS * n_series) {
            all.add(block);
        }
        Ok(all)
    }

    /// The sums as numbers, one kind behind the other.
    fn numbers(self) -> Vec<f64> {
        let counts = self.counts.iter().map(|&count| count as f64).collect();
        [self.squares, self.absolutes, counts].concat()
    }

    /// Adds the numbers of another part.
    fn add(&mut self, numbers: &[f64]) {
        let (squares, others) = numbers.split_at(self.squares.len());
        let (absolutes, counts) = others.split_at(self.absolutes.len());
        for (sum, more) in self.squares.iter_mut().zip(squares) {
            *sum += more;
        }
        for (sum, more) in self.absolutes.iter_mut().zip(absolutes) {
            *sum += more;
        }
        for (count, more) in self.counts.iter_mut().zip(counts) {
            *count += *more as usize;
        }
    }

    fn none(n_series: usize) -> Self {
        Self {
            squares: vec![0.0; n_series],
            absolutes: vec![0.0; n_series],
            counts: vec![0; n_series],
        }
    }

    fn of_block(windows: &Windows<'_>, ids: &[u32], forecast: &[f32]) -> Self {
        let [_, horizon] = windows.lengths();
        let mut errors = Self::none(windows.n_series());
        let mut forecasts = forecast.chunks_exact(horizon);
        for &id in ids {
            for series in 0..windows.n_series() {
                let forecast = forecasts.next().expect("every window has its forecast");
                let truth = windows.future(id, series);
                let known = windows.known(id, series);
                for ((&a, &b), _) in forecast
                    .iter()
                    .zip(truth)
                    .zip(known)
                    .filter(|(_, known)| **known)
                {
                    let error = f64::from(a) - f64::from(b);
                    errors.counts[series] += 1;
                    errors.squares[series] += error * error;
                    errors.absolutes[series] += error.abs();
                }
            }
        }
        errors
    }

    /// Known values of all series.
    pub(super) fn n_known(&self) -> usize {
        self.counts.iter().sum()
    }

    fn mean(&self, sums: &[f64]) -> f64 {
        sums.iter().sum::<f64>() / self.n_known().max(1) as f64
    }

    /// The score of all series, of scaled values.
    pub(super) fn score(&self, metric: Metric) -> f64 {
        match metric {
            Metric::Mae => self.mean(&self.absolutes),
            Metric::Rmse => self.mean(&self.squares).sqrt(),
            _ => self.mean(&self.squares),
        }
    }

    /// Mean squared and mean absolute error of one series, in units of the data; none where no value is known.
    fn of_series(&self, series: usize, scale: Scale) -> Option<(f64, f64)> {
        let n = Some(self.counts[series]).filter(|&n| n > 0)? as f64;
        let spread = scale.spread;
        Some((
            self.squares[series] / n * spread * spread,
            self.absolutes[series] / n * spread,
        ))
    }
}

/// Errors of a forecast that needs no network, of scaled values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Naive {
    /// Rows back to the value that is repeated: 1 for the last one.
    pub season: usize,
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
}

/// Errors of one series, in units of the data; none if no value of it is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeriesScore {
    /// The series.
    pub name: String,
    /// Mean squared error.
    pub mse: Option<f64>,
    /// Mean absolute error.
    pub mae: Option<f64>,
    /// That of the best forecast that needs no network.
    pub naive_mae: Option<f64>,
}

/// How good a model is on some rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartScores {
    /// Windows whose forecasts were scored.
    pub n_windows: usize,
    /// Mean squared error of scaled values.
    pub mse: f64,
    /// Mean absolute error of scaled values.
    pub mae: f64,
    /// Errors of repeating the last value, and the last season if there is one.
    pub naive: Vec<Naive>,
    /// One for each series.
    pub series: Vec<SeriesScore>,
}

impl PartScores {
    pub(super) fn of(
        windows: &Windows<'_>,
        errors: &Errors,
        (names, scales): (&[String], &[Scale]),
        season: Option<usize>,
        threads: &Threads,
    ) -> Self {
        let seasons = std::iter::once(1).chain(season.filter(|&season| season > 1));
        let naive = seasons.map(|season| {
            let repeat = |ids: &[u32]| repeated(windows, ids, season);
            let [lookback, horizon] = windows.lengths();
            let blocks = Blocks::all(threads);
            let errors = Errors::of(windows, lookback + horizon, blocks, repeat);
            (season, errors.expect("nobody ends it"))
        });
        let naive: Vec<(usize, Errors)> = naive.collect();
        let of_series = |(series, (name, &scale)): (usize, (&String, &Scale))| {
            let (mse, mae) = errors.of_series(series, scale).unzip();
            let maes = naive
                .iter()
                .filter_map(|(_, errors)| errors.of_series(series, scale))
                .map(|(_, mae)| mae);
            SeriesScore {
                name: name.clone(),
                mse,
                mae,
                naive_mae: maes.reduce(f64::min),
            }
        };
        let series = names
            .iter()
            .zip(scales)
            .enumerate()
            .map(of_series)
            .collect();
        Self {
            n_windows: windows.n(),
            mse: errors.score(Metric::Mse),
            mae: errors.score(Metric::Mae),
            naive: naive
                .iter()
                .map(|(season, errors)| Naive {
                    season: *season,
                    mse: errors.score(Metric::Mse),
                    mae: errors.score(Metric::Mae),
                })
                .collect(),
            series,
        }
    }
}

/// The last `season` values of windows, again and again.
fn repeated(windows: &Windows<'_>, ids: &[u32], season: usize) -> Vec<f32> {
    let [lookback, horizon] = windows.lengths();
    let mut forecast = Vec::with_capacity(ids.len() * windows.n_series() * horizon);
    for &id in ids {
        for series in 0..windows.n_series() {
            let last = &windows.past(id, series)[lookback - season..];
            forecast.extend(last.iter().cycle().take(horizon));
        }
    }
    forecast
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_without_known_values_has_no_score() {
        let scale = Scale::of(&[1.0, 3.0]);
        let errors = Errors {
            squares: vec![0.0, 8.0],
            absolutes: vec![0.0, 4.0],
            counts: vec![0, 2],
        };
        assert_eq!(errors.of_series(0, scale), None);
        assert_eq!(errors.of_series(1, scale), Some((4.0, 2.0)));
        let score = SeriesScore {
            name: "load".into(),
            mse: None,
            mae: None,
            naive_mae: None,
        };
        let told = serde_json::to_string(&score).expect("it is plain");
        assert_eq!(
            told,
            r#"{"name":"load","mse":null,"mae":null,"naive_mae":null}"#
        );
    }
}
