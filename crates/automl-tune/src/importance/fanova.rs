//! Importance by how much of a forest's variance over the space each parameter explains alone.
//!
//! # Formula
//! For each tree, `Vⱼ / V` with `V` the variance of its prediction over the space and `Vⱼ` that of its mean over all inputs
//! but `j`; both are exact sums over the leaves' boxes. The shares are means over trees.
//!
//! # Cost
//! Growing takes `d n log² n` steps a tree, the sums `d n log n`.
//!
//! A parameter that a point lacks stands in the middle of its domain, or at a code of its own.
//!
//! # Reference
//! Hutter, Hoos and Leyton-Brown (2014), *An efficient approach for assessing hyperparameter importance*.

use super::forest::{Cell, Sample, grow};
use super::{Evidence, Importance, shares};
use automl_core::Seed;

/// Importance of each parameter alone, by a forest of `n_trees` (such as 64).
pub fn fanova(evidence: &Evidence<'_>, n_trees: usize, seed: Seed) -> Vec<Importance> {
    let axes = evidence.space.axes();
    if evidence.len() < 2 || axes.is_empty() {
        return shares(evidence.space, &vec![0.0; axes.len()]);
    }
    // Only where a point lacks a category there is one more code: a code that nothing has would share in the space.
    let is_lacked = |j: usize| evidence.points.iter().any(|(at, _)| at[j].is_nan());
    let n_codes: Vec<Option<usize>> = axes
        .iter()
        .enumerate()
        .map(|(j, axis)| axis.n_codes().map(|n| n + usize::from(is_lacked(j))))
        .collect();
    let inputs: Vec<Vec<f64>> = evidence
        .points
        .iter()
        .map(|(at, _)| {
            let each = at.iter().zip(&n_codes);
            each.map(|(&x, n)| match (x.is_nan(), n) {
                (false, _) => x,
                (true, None) => 0.5,
                (true, Some(n)) => (n - 1) as f64,
            })
            .collect()
        })
        .collect();
    let values: Vec<f64> = evidence.points.iter().map(|(_, loss)| *loss).collect();
    let sample = Sample {
        inputs: &inputs,
        values: &values,
        n_codes: &n_codes,
    };
    let mut weights = vec![0.0; axes.len()];
    for tree in grow(&sample, n_trees.max(1), seed.named("fanova")) {
        let cells = tree.cells(&n_codes);
        let volume = |cell: &Cell| (0..n_codes.len()).map(|j| cell.share(j)).product::<f64>();
        let volumes: Vec<f64> = cells.iter().map(volume).collect();
        let mean: f64 = cells
            .iter()
            .zip(&volumes)
            .map(|(cell, v)| v * cell.value)
            .sum();
        let variance: f64 = cells
            .iter()
            .zip(&volumes)
            .map(|(cell, v)| v * (cell.value - mean).powi(2))
            .sum();
        if variance > 0.0 {
            for (j, weight) in weights.iter_mut().enumerate() {
                *weight += marginal_variance(&cells, &volumes, j, mean) / variance;
            }
        }
    }
    shares(evidence.space, &weights)
}

/// Variance over input `j` of the mean over all others.
fn marginal_variance(cells: &[Cell], volumes: &[f64], j: usize, mean: f64) -> f64 {
    let rest =
        |at: usize| cells[at].value * volumes[at] / cells[at].share(j).max(f64::MIN_POSITIVE);
    let n_codes = cells[0].codes[j].len();
    if n_codes > 0 {
        let marginal = |code: usize| -> f64 {
            let own = (0..cells.len()).filter(|&at| cells[at].codes[j][code]);
            own.map(rest).sum()
        };
        let each = (0..n_codes).map(|code| (marginal(code) - mean).powi(2));
        return each.sum::<f64>() / n_codes as f64;
    }
    // Between two neighbouring bounds of any cells the marginal is constant: a sweep adds a cell where it begins and takes
    // it away where it ends.
    let mut ends: Vec<(f64, f64)> = Vec::with_capacity(2 * cells.len());
    for (at, cell) in cells.iter().enumerate() {
        let (low, high) = cell.bounds[j];
        if low < high {
            let rest = rest(at);
            ends.extend([(low, rest), (high, -rest)]);
        }
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut total, mut marginal) = (0.0, 0.0);
    for pair in ends.windows(2) {
        marginal += pair[0].1;
        total += (pair[1].0 - pair[0].0) * (marginal - mean).powi(2);
    }
    total
}
