//! How alike two points are: Matérn-5/2 over numbers, with categories by whether they are the same.
//!
//! `k(x, x') = s (1 + √5 r + 5/3 r²) exp(−√5 r)` with `r² = Σⱼ (wⱼ(xⱼ) − wⱼ(x'ⱼ))² / ℓⱼ²`, where `wⱼ` is the input warping and
//! categories that differ are at distance one. A parameter that is not active stands in the middle of its domain, or at a
//! category of its own: points of different branches differ by the parent, and points of one branch not by what it
//! lacks, so the kernel stays positive definite.

use super::hyper::Hyper;
use crate::space::{Axis, Space};

/// Which inputs are codes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) is_code: Vec<bool>,
    /// Number of values of each input; `None` for a continuum.
    pub(crate) n_values: Vec<Option<u64>>,
}

impl Layout {
    pub(crate) fn new(space: &Space) -> Self {
        let axes = space.axes();
        Self {
            is_code: axes.iter().map(|axis| axis.n_codes().is_some()).collect(),
            n_values: axes.iter().map(Axis::n_values).collect(),
        }
    }

    pub(crate) fn n_inputs(&self) -> usize {
        self.is_code.len()
    }

    /// The inputs of the kernel at some coordinates.
    pub(crate) fn inputs(&self, at: &[f64]) -> Vec<f64> {
        let input = |(&x, &is_code): (&f64, &bool)| match (x.is_nan(), is_code) {
            (false, _) => x,
            (true, true) => -1.0,
            (true, false) => 0.5,
        };
        at.iter().zip(&self.is_code).map(input).collect()
    }
}

/// Points as the kernel sees them: warped, divided by the length scales, one column an input.
#[derive(Debug, Clone)]
pub(crate) struct Scaled {
    pub(crate) columns: Vec<Vec<f64>>,
    pub(crate) n_points: usize,
}

impl Scaled {
    pub(crate) fn new(layout: &Layout, hyper: &Hyper, points: &[Vec<f64>]) -> Self {
        let columns = (0..layout.n_inputs())
            .map(|j| {
                let inputs = points.iter().map(|point| point[j]);
                inputs.map(|x| scaled_input(layout, hyper, j, x)).collect()
            })
            .collect();
        Self {
            columns,
            n_points: points.len(),
        }
    }
}

/// One input, warped and divided by its length scale. Codes stay as they are.
pub(crate) fn scaled_input(layout: &Layout, hyper: &Hyper, j: usize, x: f64) -> f64 {
    if layout.is_code[j] {
        x
    } else {
        hyper.warp(j, x) * hyper.inverse_length(j)
    }
}

/// Squared distances of one scaled point to all of `scaled`, added up input by input: `n · d` steps of two operations.
pub(crate) fn distances(
    layout: &Layout,
    hyper: &Hyper,
    scaled: &Scaled,
    point: &[f64],
    out: &mut [f64],
) {
    out.fill(0.0);
    for (j, column) in scaled.columns.iter().enumerate() {
        let x = point[j];
        if layout.is_code[j] {
            let apart = hyper.inverse_length(j).powi(2);
            for (sum, &other) in out.iter_mut().zip(column) {
                if other != x {
                    *sum += apart;
                }
            }
        } else {
            for (sum, other) in out.iter_mut().zip(column) {
                let step = x - other;
                *sum += step * step;
            }
        }
    }
}

/// The correlation at a squared distance.
pub(crate) fn correlation(squared: f64) -> f64 {
    let r = (5.0 * squared).sqrt();
    (1.0 + r + 5.0 / 3.0 * squared) * (-r).exp()
}

/// Its derivative by the squared distance.
pub(crate) fn correlation_slope(squared: f64) -> f64 {
    let r = (5.0 * squared).sqrt();
    -5.0 / 6.0 * (1.0 + r) * (-r).exp()
}
