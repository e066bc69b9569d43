//! Counts of numbers between edges.

use super::model::Histogram;

const N_BARS: usize = 20;

/// A histogram of sorted numbers, at least one.
///
/// Whole numbers of at most twenty steps get a bar each; otherwise twenty bars of equal width. Where a few far values
/// would press all others into one bar, the outermost bars take them in.
pub(super) fn histogram(sorted: &[f64]) -> Histogram {
    let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
    let is_whole = max - min < N_BARS as f64 && sorted.iter().all(|value| value.fract() == 0.0);
    if is_whole {
        let n_bars = (max - min) as usize + 1;
        let edges: Vec<f64> = (0..=n_bars).map(|bar| min + bar as f64 - 0.5).collect();
        return count(sorted, edges, false, false);
    }
    if min == max {
        let half = (min.abs() * 0.5).max(0.5);
        return count(sorted, vec![min - half, min + half], false, false);
    }
    let quantile = |share: f64| sorted[(share * (sorted.len() - 1) as f64).round() as usize];
    let (low, high) = (quantile(0.01), quantile(0.99));
    let reach = (high - low) * 0.5;
    let mut start = if low - min > reach { low } else { min };
    let mut end = if max - high > reach { high } else { max };
    if start >= end {
        // Nearly all values are equal.
        (start, end) = (min, max);
    }
    let width = (end - start) / N_BARS as f64;
    let mut edges: Vec<f64> = (0..=N_BARS).map(|bar| start + bar as f64 * width).collect();
    edges[N_BARS] = end;
    if !width.is_finite() || edges.is_sorted_by(|a, b| a < b) {
        count(sorted, edges, start > min, end < max)
    } else {
        count(sorted, vec![min, max], false, false)
    }
}

fn count(sorted: &[f64], edges: Vec<f64>, is_open_below: bool, is_open_above: bool) -> Histogram {
    let n_bars = edges.len() - 1;
    let mut counts = vec![0; n_bars];
    let mut start = 0;
    for (bar, total) in counts.iter_mut().enumerate() {
        let end = if bar + 1 == n_bars {
            sorted.len()
        } else {
            sorted.partition_point(|value| *value < edges[bar + 1])
        };
        *total = (end.max(start) - start) as u64;
        start = end.max(start);
    }
    Histogram {
        edges,
        counts,
        is_open_below,
        is_open_above,
    }
}
