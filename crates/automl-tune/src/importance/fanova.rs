//! Importance by how much of a forest's variance over the space each parameter explains alone.
//!
//! # Formula
//! For each tree, `Vⱼ / V` with `V` the variance of its prediction over the space and `Vⱼ` that of its mean over all inputs
//! but `j`; both are exact sums over the leaves' boxes. The shares are means over trees.
//!
//! A parameter that is not active stands in the middle of its domain, or at a code of its own.
//!
//! # Reference
//! Hutter, Hoos and Leyton-Brown (2014), *An efficient approach for assessing hyperparameter importance*.

use super::forest::{Cell, Sample, grow};
use super::{Importance, scored, shares};
use crate::study::Study;
use automl_core::Seed;

/// Importance of each parameter alone for objective `objective`, by a forest of `n_trees` (such as 64).
pub fn fanova(study: &Study, objective: usize, n_trees: usize, seed: Seed) -> Vec<Importance> {
    let scored = scored(study, objective);
    let axes = study.space().axes();
    if scored.len() < 2 || axes.is_empty() {
        return shares(study, &vec![0.0; axes.len()]);
    }
    let n_codes: Vec<Option<usize>> = axes
        .iter()
        .map(|axis| axis.n_codes().map(|n| n + 1))
        .collect();
    let inputs: Vec<Vec<f64>> = scored
        .iter()
        .map(|(seen, _)| {
            let each = seen.at.iter().zip(&n_codes);
            each.map(|(&x, n)| match (x.is_nan(), n) {
                (false, _) => x,
                (true, None) => 0.5,
                (true, Some(n)) => (n - 1) as f64,
            })
            .collect()
        })
        .collect();
    let values: Vec<f64> = scored.iter().map(|(_, loss)| *loss).collect();
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
    shares(study, &weights)
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
    // Between two neighbouring bounds of any cells the marginal is constant.
    let mut cuts: Vec<f64> = cells
        .iter()
        .flat_map(|cell| [cell.bounds[j].0, cell.bounds[j].1])
        .collect();
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let mut total = 0.0;
    for pair in cuts.windows(2) {
        let middle = f64::midpoint(pair[0], pair[1]);
        let own = (0..cells.len()).filter(|&at| {
            let (low, high) = cells[at].bounds[j];
            low < middle && middle < high
        });
        let marginal: f64 = own.map(rest).sum();
        total += (pair[1] - pair[0]) * (marginal - mean).powi(2);
    }
    total
}
