//! Splitting along time: rows of one time stay on one side, validation follows training.

use super::{Split, SplitError};

/// The last `fraction` of the rows is held out, cut where two times differ, as near as can be.
pub(super) fn holdout(time: &[f64], fraction: f64) -> Result<Split, SplitError> {
    let cuts = cuts(time, &[1.0 - fraction])?;
    Ok(between(time, cuts[0], f64::INFINITY))
}

/// Rows in `k + 1` blocks along time; split `i` learns from all blocks before block `i` and scores on it.
pub(super) fn forward(time: &[f64], k: usize) -> Result<Vec<Split>, SplitError> {
    let at: Vec<f64> = (1..=k).map(|i| i as f64 / (k + 1) as f64).collect();
    let cuts = cuts(time, &at)?;
    let end = |i: usize| cuts.get(i + 1).copied().unwrap_or(f64::INFINITY);
    Ok((0..k).map(|i| between(time, cuts[i], end(i))).collect())
}

/// Learns before `start`; scores from `start` to before `end`.
fn between(time: &[f64], start: f64, end: f64) -> Split {
    let rows = 0..time.len() as u32;
    Split {
        train: rows
            .clone()
            .filter(|&row| time[row as usize] < start)
            .collect(),
        valid: rows
            .filter(|&row| time[row as usize] >= start && time[row as usize] < end)
            .collect(),
    }
}

/// For each share of rows, rising, the first time after the cut nearest to it. Cuts are distinct, and none is before the
/// first time.
fn cuts(time: &[f64], shares: &[f64]) -> Result<Vec<f64>, SplitError> {
    let mut sorted = time.to_vec();
    // Adding zero makes the two zeros one.
    for t in &mut sorted {
        *t += 0.0;
    }
    sorted.sort_unstable_by(f64::total_cmp);
    // Positions where a new time begins, but for the first.
    let starts: Vec<usize> = (1..sorted.len())
        .filter(|&i| sorted[i] > sorted[i - 1])
        .collect();
    if starts.len() < shares.len() {
        return Err(SplitError::TooFewTimes {
            found: starts.len() + 1,
            needed: shares.len() + 1,
        });
    }
    let mut next = 0;
    let mut cuts = Vec::with_capacity(shares.len());
    for (i, share) in shares.iter().enumerate() {
        let wanted = share * time.len() as f64;
        let last = starts.len() - (shares.len() - i);
        let distance = |start: usize| (starts[start] as f64 - wanted).abs();
        let best = (next..=last).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        let best = best.expect("each later cut leaves room for this one");
        cuts.push(sorted[starts[best]]);
        next = best + 1;
    }
    Ok(cuts)
}
