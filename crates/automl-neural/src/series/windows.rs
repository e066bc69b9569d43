//! Windows over scaled series: numbers of rows, nothing is copied before a batch is made.

use super::{SeriesError, SeriesFrame};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Greatest scaled value: networks compute in float32, and losses and norms square it.
const GREATEST: f32 = 1e15;
/// Share of the mean of a series below which its deviation is that of rounded numbers.
const LEAST_SPREAD: f64 = 1e-12;

/// How values of a series are made to have mean 0 and deviation 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    pub(super) centre: f64,
    pub(super) spread: f64,
}

impl Scale {
    /// Of these values; a constant is moved only.
    pub(super) fn of(values: &[f64]) -> Self {
        let first = values.first().copied().unwrap_or(0.0);
        if values.iter().all(|&value| value == first) {
            // The mean of equal values is rounded, and would be told apart from them.
            return Self {
                centre: first,
                spread: 1.0,
            };
        }
        let n = values.len().max(1) as f64;
        let centre = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|x| (x - centre) * (x - centre));
        let spread = (squares.sum::<f64>() / n).sqrt();
        // Of numbers so large that their squares are none, nothing is known; what is smaller than this is rounding.
        let least = (LEAST_SPREAD * centre.abs()).max(f64::MIN_POSITIVE);
        let is_usable = spread.is_finite() && spread > least;
        Self {
            centre: if centre.is_finite() { centre } else { 0.0 },
            spread: if is_usable { spread } else { 1.0 },
        }
    }

    fn scaled(self, value: f64) -> f32 {
        ((value - self.centre) / self.spread) as f32
    }

    /// A scaled value in the units of the data.
    pub(super) fn value(self, scaled: f32) -> f64 {
        f64::from(scaled) * self.spread + self.centre
    }

    pub(super) fn is_sound(self) -> bool {
        self.centre.is_finite() && self.spread.is_finite() && self.spread > 0.0
    }
}

/// Scaled series, one after the other.
#[derive(Debug)]
pub(super) struct Scaled {
    values: Vec<f32>,
    /// Which of them are no fillings.
    known: Vec<bool>,
    n_rows: usize,
    n_series: usize,
}

impl Scaled {
    /// Scales the series of a frame.
    ///
    /// # Errors
    /// A value that is too far away to compute with.
    pub(super) fn of(frame: &SeriesFrame, scales: &[Scale]) -> Result<Self, SeriesError> {
        let mut scaled = Vec::with_capacity(frame.n_rows() * scales.len());
        for ((name, values), scale) in frame.series().zip(scales) {
            let is_far = |&value: &f64| scale.scaled(value).abs() > GREATEST;
            if let Some(row) = values.iter().position(is_far) {
                return Err(SeriesError::Extreme {
                    name: name.to_owned(),
                    row: frame.table_row(row as u32) as usize + 1,
                    value: format!("{:?}", values[row]),
                });
            }
            scaled.extend(values.iter().map(|&value| scale.scaled(value)));
        }
        Ok(Self {
            values: scaled,
            known: frame.known().to_vec(),
            n_rows: frame.n_rows(),
            n_series: scales.len(),
        })
    }
}

/// Windows whose starts follow each other row by row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows<'a> {
    scaled: &'a Scaled,
    first: usize,
    n: usize,
    lookback: usize,
    horizon: usize,
}

impl<'a> Windows<'a> {
    /// Windows that lie within rows, with what they forecast; none in a stretch that is too short.
    pub(super) fn within(
        scaled: &'a Scaled,
        rows: &Range<usize>,
        [lookback, horizon]: [usize; 2],
    ) -> Self {
        Self {
            scaled,
            first: rows.start,
            n: (rows.len() + 1).saturating_sub(lookback + horizon),
            lookback,
            horizon,
        }
    }

    /// Windows that forecast values of these rows from those before; none if there are none.
    pub(super) fn forecasting(
        scaled: &'a Scaled,
        rows: &Range<usize>,
        lengths: [usize; 2],
    ) -> Option<Self> {
        let start = rows.start.checked_sub(lengths[0])?;
        let windows = Self::within(scaled, &(start..rows.end), lengths);
        (windows.n > 0).then_some(windows)
    }

    /// How many there are.
    pub(super) fn n(&self) -> usize {
        self.n
    }

    pub(super) fn n_series(&self) -> usize {
        self.scaled.n_series
    }

    pub(super) fn lengths(&self) -> [usize; 2] {
        [self.lookback, self.horizon]
    }

    fn slice(&self, window: u32, series: usize, part: Range<usize>) -> &'a [f32] {
        &self.scaled.values[self.range(window, series, part)]
    }

    fn range(&self, window: u32, series: usize, part: Range<usize>) -> Range<usize> {
        let start = series * self.scaled.n_rows + self.first + window as usize;
        start + part.start..start + part.end
    }

    /// What a forecast is made from.
    pub(super) fn past(&self, window: u32, series: usize) -> &'a [f32] {
        self.slice(window, series, 0..self.lookback)
    }

    /// What followed.
    pub(super) fn future(&self, window: u32, series: usize) -> &'a [f32] {
        self.slice(window, series, self.lookback..self.lookback + self.horizon)
    }

    /// Which values of what followed are known, rather than filled in.
    pub(super) fn known(&self, window: u32, series: usize) -> &'a [bool] {
        let part = self.lookback..self.lookback + self.horizon;
        &self.scaled.known[self.range(window, series, part)]
    }

    /// The pasts of windows as a network takes them, `windows · series × lookback`.
    pub(super) fn pasts<B: Backend>(&self, windows: &[u32], device: &B::Device) -> Tensor<B, 2> {
        self.tensor(windows, self.lookback, Self::past, device)
    }

    /// What followed them, `windows · series × horizon`.
    pub(super) fn futures<B: Backend>(&self, windows: &[u32], device: &B::Device) -> Tensor<B, 2> {
        self.tensor(windows, self.horizon, Self::future, device)
    }

    /// 1 for each of [`Windows::futures`] that is known, 0 for the others; none if all are.
    pub(super) fn known_tensor<B: Backend>(
        &self,
        windows: &[u32],
        device: &B::Device,
    ) -> Option<Tensor<B, 2>> {
        let all = || {
            let series =
                move |window: u32| (0..self.n_series()).map(move |series| (window, series));
            windows.iter().flat_map(move |&window| series(window))
        };
        let is_known = all().all(|(window, series)| self.known(window, series).iter().all(|k| *k));
        if is_known {
            return None;
        }
        let known = all().flat_map(|(window, series)| self.known(window, series));
        let known: Vec<f32> = known.map(|&known| f32::from(u8::from(known))).collect();
        let shape = [windows.len() * self.n_series(), self.horizon];
        Some(Tensor::from_data(TensorData::new(known, shape), device))
    }

    fn tensor<B: Backend>(
        &self,
        windows: &[u32],
        length: usize,
        part: impl Fn(&Self, u32, usize) -> &'a [f32],
        device: &B::Device,
    ) -> Tensor<B, 2> {
        let n_samples = windows.len() * self.n_series();
        let mut values = Vec::with_capacity(n_samples * length);
        for &window in windows {
            for series in 0..self.n_series() {
                values.extend_from_slice(part(self, window, series));
            }
        }
        Tensor::from_data(TensorData::new(values, [n_samples, length]), device)
    }
}
