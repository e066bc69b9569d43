//! Counts of numbers between edges.

use super::model::Histogram;

const N_BARS: usize = 20;
/// Whole numbers that span fewer values than this get a bar each.
const N_WHOLE_BARS: f64 = 32.0;

/// A histogram of sorted numbers, at least one.
///
/// Whole numbers of a small range get a bar each; otherwise there are about twenty bars of equal width. Where a few far values
/// would press all others into one bar, the outermost bars take them in.
pub(super) fn histogram(sorted: &[f64]) -> Histogram {
    let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
    let is_whole =
        max.abs().max(min.abs()) < 1e12 && sorted.iter().all(|value| value.fract() == 0.0);
    if is_whole && max - min < N_WHOLE_BARS {
        return count(sorted, whole_edges(min, max, 1.0), false, false);
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
    if is_whole {
        // Bars of equal numbers of whole values: others would make combs of even data.
        let width = ((end - start + 1.0) / N_BARS as f64).ceil();
        let edges = whole_edges(start, end, width);
        let is_open_above = edges[edges.len() - 1] < max;
        return count(sorted, edges, start > min, is_open_above);
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

/// Edges half-way between whole numbers, `width` of them to a bar, fewer to the last.
fn whole_edges(start: f64, end: f64, width: f64) -> Vec<f64> {
    let n_bars = ((end - start + 1.0) / width).ceil() as usize;
    (0..=n_bars)
        .map(|bar| (start - 0.5 + bar as f64 * width).min(end + 0.5))
        .collect()
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
