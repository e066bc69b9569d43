//! Importance by how the good trials' values differ from all trials'.
//!
//! # Formula
//! The Pearson divergence of a parameter's density among the best trials from that among all:
//! `Σ p_all(x) (p_best(x) / p_all(x) − 1)²` over a grid of its values, each density by kernels (categories by smoothed
//! counts), among the points that have the parameter, times their share of all points.
//!
//! # Reference
//! Watanabe, Bansal and Hutter (2023), *PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
//! subspaces*.

use super::{Evidence, Importance, shares};
use crate::space::Axis;

/// Values at which the densities of a number are compared.
const N_GRID: usize = 64;

/// Importance for being among the best share `gamma` (such as 0.1) of the points.
pub fn ped_anova(evidence: &Evidence<'_>, gamma: f64) -> Vec<Importance> {
    let weights: Vec<f64> = evidence
        .space
        .axes()
        .iter()
        .enumerate()
        .map(|(j, axis)| {
            // Points in which the parameter is active: a subspace of its own.
            let mut own: Vec<(f64, f64)> = evidence
                .points
                .iter()
                .map(|(at, loss)| (*loss, at[j]))
                .filter(|(_, x)| !x.is_nan())
                .collect();
            if own.len() < 2 {
                return 0.0;
            }
            own.sort_by(|a, b| a.0.total_cmp(&b.0));
            let all: Vec<f64> = own.iter().map(|(_, x)| *x).collect();
            let n_best = ((gamma * all.len() as f64).ceil() as usize).clamp(2, all.len());
            // Points as good as the last of the best are among them.
            let n_best = own.partition_point(|(loss, _)| *loss <= own[n_best - 1].0);
            // A parameter that few points have matters to those alone.
            let presence = all.len() as f64 / evidence.len() as f64;
            presence * divergence(axis, &all[..n_best], &all)
        })
        .collect();
    shares(evidence.space, &weights)
}

fn divergence(axis: &Axis, best: &[f64], all: &[f64]) -> f64 {
    let (best, all) = (histogram(axis, best), histogram(axis, all));
    let each = best.iter().zip(&all);
    each.map(|(best, all)| all * (best / all - 1.0).powi(2))
        .sum()
}

/// Shares of the mass at each code or place of the grid, all above zero.
fn histogram(axis: &Axis, values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let mut mass = if let Some(n_codes) = axis.n_codes() {
        let mut mass = vec![1.0 / n_codes as f64; n_codes];
        for &code in values {
            mass[code as usize] += 1.0;
        }
        mass
    } else {
        let n_cells = axis.n_values().map_or(N_GRID, |n| (n as usize).min(N_GRID));
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        // Scott's rule, with a floor of half a place.
        let width = (1.06 * variance.sqrt() * n.powf(-0.2)).max(0.5 / n_cells as f64);
        (0..n_cells)
            .map(|cell| {
                let x = (cell as f64 + 0.5) / n_cells as f64;
                let each = values
                    .iter()
                    .map(|own| (-0.5 * ((x - own) / width).powi(2)).exp());
                each.sum::<f64>() / width + 1e-3
            })
            .collect()
    };
    let total: f64 = mass.iter().sum();
    for share in &mut mass {
        *share /= total;
    }
    mass
}
