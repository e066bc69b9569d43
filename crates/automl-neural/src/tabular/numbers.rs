//! One number column: how it is scaled, and where it is cut.

use super::encoder::{EncoderParams, NumberScaling};
use crate::network::NumberEmbedding;
use automl_core::{TableView, normal};
use serde::{Deserialize, Serialize};

/// Most quantiles that are kept of a column.
const MAX_QUANTILES: usize = 1000;

/// How a number column becomes what a network reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberForm {
    scaling: NumberScaling,
    centre: f64,
    spread: f64,
    /// Values of the column at even shares of its rows, for quantile scaling.
    quantiles: Vec<f64>,
    /// Where pieces begin and end, after scaling.
    pub(super) edges: Vec<f32>,
    /// Whether a missing cell has an indicator.
    pub(super) has_flag: bool,
}

impl NumberForm {
    /// Learns from the rows of a column.
    pub(super) fn fit(
        values: &[f64],
        rows: &TableView<'_>,
        params: &EncoderParams,
        scaling: NumberScaling,
    ) -> Self {
        let mut sorted: Vec<f64> = rows
            .iter_rows()
            .map(|row| values[row])
            .filter(|value| value.is_finite())
            .collect();
        let has_flag = sorted.len() < rows.n_rows();
        sorted.sort_by(f64::total_cmp);
        let (centre, spread) = match scaling {
            NumberScaling::None => (0.0, 1.0),
            NumberScaling::Robust => middle(&sorted),
            _ => moments(&sorted),
        };
        let quantiles = match scaling {
            NumberScaling::Quantile if sorted.is_empty() => vec![0.0],
            NumberScaling::Quantile => {
                at_even_shares(&sorted, MAX_QUANTILES.min(sorted.len().max(2)))
            }
            _ => Vec::new(),
        };
        let mut form = Self {
            scaling,
            centre,
            spread,
            quantiles,
            edges: Vec::new(),
            has_flag,
        };
        if params.number_embedding == NumberEmbedding::PiecewiseLinear {
            let scaled = sorted.iter().filter_map(|&value| form.scaled(value));
            let scaled: Vec<f64> = scaled.map(f64::from).collect();
            form.edges = cuts(&scaled, params.pieces as usize);
        }
        form
    }

    /// Whether this could have been learned from a column.
    pub(super) fn is_sound(&self) -> bool {
        const MAX_PIECES: usize = 1 << 16;
        let has_quantiles = self.scaling != NumberScaling::Quantile || !self.quantiles.is_empty();
        let is_rising = self.edges.windows(2).all(|pair| pair[0] < pair[1]);
        self.centre.is_finite()
            && self.spread.is_finite()
            && self.spread > 0.0
            && has_quantiles
            && self.quantiles.iter().all(|value| value.is_finite())
            && self.quantiles.is_sorted()
            && self.edges.len() <= MAX_PIECES
            && self.edges.len() != 1
            && is_rising
            && self.edges.iter().all(|edge| edge.is_finite())
    }

    /// A number as the network reads it; none if it is missing.
    pub(super) fn scaled(&self, value: f64) -> Option<f32> {
        let scaled = match self.scaling {
            NumberScaling::None => value,
            NumberScaling::Standard => ((value - self.centre) / self.spread).clamp(-1e6, 1e6),
            NumberScaling::Quantile => normal_place(&self.quantiles, value),
            NumberScaling::Robust => bent((value - self.centre) / self.spread),
        };
        value.is_finite().then_some(scaled as f32)
    }
}

/// Mean and deviation; 1 for that of a constant.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let centre = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|x| (x - centre) * (x - centre));
    let spread = (squares.sum::<f64>() / n).sqrt();
    if !centre.is_finite() {
        return (0.0, 1.0);
    }
    let is_usable = spread.is_finite() && spread > 1e-300;
    (centre, if is_usable { spread } else { 1.0 })
}

/// The median of sorted numbers and the width of their middle half; half of their range where that has none, and 1 where
/// they are all alike.
fn middle(sorted: &[f64]) -> (f64, f64) {
    if sorted.is_empty() {
        return (0.0, 1.0);
    }
    let quarters = at_even_shares(sorted, 5);
    let usable = |width: f64| (width.is_finite() && width > 1e-300).then_some(width);
    let spread = usable(quarters[3] - quarters[1])
        .or_else(|| usable((quarters[4] - quarters[0]) / 2.0))
        .unwrap_or(1.0);
    if !quarters[2].is_finite() {
        return (0.0, 1.0);
    }
    (quarters[2], spread)
}

/// `x / √(1 + (x / 3)²)`, which stays within -3 and 3.
fn bent(x: f64) -> f64 {
    const MOST: f64 = 3.0;
    let share = x / MOST;
    // The root of a large square is the number itself.
    if share.abs() > 1e100 {
        return MOST.copysign(x);
    }
    x / (1.0 + share * share).sqrt()
}

/// Where so many pieces of sorted numbers begin and end: at even shares, each place once, at least two.
fn cuts(sorted: &[f64], n_pieces: usize) -> Vec<f32> {
    if sorted.is_empty() {
        return vec![0.0, 1.0];
    }
    let places = at_even_shares(sorted, n_pieces + 1).into_iter();
    let mut cuts: Vec<f32> = places.map(|cut| cut as f32).collect();
    cuts.dedup();
    if let [only] = cuts[..] {
        cuts.push(only + 1.0);
    }
    cuts
}

/// `n` values of sorted numbers at even shares, the first and the last among them.
fn at_even_shares(sorted: &[f64], n: usize) -> Vec<f64> {
    let last = sorted.len() - 1;
    let at = |index: usize| {
        let place = index as f64 * last as f64 / (n - 1).max(1) as f64;
        let below = place.floor() as usize;
        let above = (below + 1).min(last);
        let (from, to, share) = (sorted[below], sorted[above], place - below as f64);
        if (to - from).is_infinite() {
            // Numbers that lie so far apart that their difference is none.
            return from * (1.0 - share) + to * share;
        }
        from + (to - from) * share
    };
    let mut values: Vec<f64> = (0..n).map(at).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Where a value stands among quantiles, as a normal number; ties stand in their middle, and what is outside at the end.
fn normal_place(quantiles: &[f64], value: f64) -> f64 {
    const EDGE: f64 = 1e-7;
    let n = quantiles.len();
    if n < 2 {
        return 0.0;
    }
    let below = quantiles.partition_point(|&q| q < value);
    let to = quantiles.partition_point(|&q| q <= value);
    let place = if to > below {
        (below + to - 1) as f64 / 2.0
    } else if below == 0 {
        0.0
    } else if below == n {
        (n - 1) as f64
    } else {
        let (low, high) = (quantiles[below - 1], quantiles[below]);
        (below - 1) as f64 + (value - low) / (high - low)
    };
    normal::quantile((place / (n - 1) as f64).clamp(EDGE, 1.0 - EDGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_places_rise_and_are_even_about_the_middle() {
        let quantiles: Vec<f64> = (0..101).map(|i| f64::from(i * i)).collect();
        assert!(normal_place(&quantiles, 2500.0).abs() < 1e-9);
        let places = (0..50).map(|i| normal_place(&quantiles, f64::from(i) * 200.0));
        assert!(places.is_sorted());
    }

    #[test]
    fn robust_numbers_are_counted_in_middle_halves_and_stay_within_three() {
        let numbers: Vec<f64> = (0..101).map(f64::from).collect();
        assert_eq!(middle(&numbers), (50.0, 50.0));
        let mostly_alike = [0.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 8.0];
        assert_eq!(middle(&mostly_alike), (5.0, 4.0));
        assert_eq!((middle(&[7.0]), middle(&[])), ((7.0, 1.0), (0.0, 1.0)));
        assert!((bent(0.1) - 0.1).abs() < 1e-4 && (bent(3.0) - 3.0 / 2_f64.sqrt()).abs() < 1e-12);
        assert_eq!((bent(f64::MAX), bent(-1e300)), (3.0, -3.0));
    }

    #[test]
    fn a_constant_has_one_piece_and_no_column_has_none() {
        assert_eq!(cuts(&[2.0, 2.0], 8), [2.0, 3.0]);
        assert_eq!(cuts(&[], 8), [0.0, 1.0]);
        assert_eq!(cuts(&[0.0, 1.0, 2.0], 2), [0.0, 1.0, 2.0]);
    }
}
