//! Very many features: conjugate gradients for ridge, coordinate descent on the residuals for the rest.

use super::conjugate::conjugate_gradients;
use super::{ELASTIC_NET, Problem, Solution, dot, soft_threshold};
use crate::inputs::Bound;
use crate::matrix::Matrix;
use crate::targets::require_memory;
use automl_core::{FitContext, FitError, TableView};

/// Solves `(XᵀWX + λ) β = XᵀWy` by conjugate gradients, the intercept being one more coordinate without penalty.
///
/// In the coordinates of [`Matrix`], where each has a curvature of at most 1; a pass costs two multiply-adds for each
/// stored value.
pub(super) fn solve_ridge(
    problem: &Problem<'_>,
    ctx: &FitContext<'_>,
    rows: &TableView<'_>,
) -> Result<Solution, FitError> {
    require_memory(ELASTIC_NET.id, Matrix::n_bytes(problem.inputs, rows)?, ctx)?;
    let scale = |square: f64| {
        let size: f64 = square + problem.l2;
        if size > 0.0 { 1.0 / size.sqrt() } else { 0.0 }
    };
    let matrix = Matrix::new(
        problem.inputs,
        rows,
        problem.weights,
        problem.has_intercept,
        scale,
        &ctx.budget,
    )?;
    let n_coefs = matrix.n_features();
    let share = &problem.weights.share;
    // `XᵀW(Xv − t)`, with the penalty when `t` is zero: the system's product, and minus its right-hand side.
    let product = |v: &[f64], target: Option<&[f64]>| {
        let (sums, mut out) = matrix.residual_product(
            &ctx.threads,
            &ctx.budget,
            &v[..n_coefs],
            &v[n_coefs..],
            |range, z| {
                let mut sum = 0.0;
                for (i, value) in range.clone().zip(z.iter_mut()) {
                    *value = share[i] * (*value - target.map_or(0.0, |target| target[i]));
                    sum += *value;
                }
                sum
            },
        )?;
        for ((slope, value), scale) in out.iter_mut().zip(v).zip(&matrix.scales) {
            *slope += problem.l2 * scale * scale * value;
        }
        out.push(if problem.has_intercept {
            sums.iter().sum()
        } else {
            0.0
        });
        Some(out)
    };
    let right = product(&vec![0.0; n_coefs + 1], Some(&problem.target));
    let mut right = right.ok_or(FitError::Cancelled)?;
    for slope in &mut right {
        *slope = -*slope;
    }
    let end = conjugate_gradients(
        right,
        |v| product(v, None),
        problem.tol,
        problem.max_passes,
        ctx,
    );
    let mut v = end.solution;
    let free = v[n_coefs];
    v.truncate(n_coefs);
    for (weight, scale) in v.iter_mut().zip(&matrix.scales) {
        *weight *= scale;
    }
    Ok(Solution {
        intercept: free - dot(&v, &matrix.means),
        coef: v,
        spreads: matrix.spreads.clone(),
        has_converged: end.has_converged,
        is_cut: end.is_cut,
    })
}

/// The budget is polled after visits to so many cells: some milliseconds.
const POLL_CELLS: usize = 1 << 20;

/// One feature's cells: all of them, or those that are not zero.
enum Feature {
    Dense(Vec<f64>),
    Sparse(Vec<(u32, f32)>),
}

impl Feature {
    fn n_cells(&self) -> usize {
        match self {
            Self::Dense(cells) => cells.len(),
            Self::Sparse(cells) => cells.len(),
        }
    }

    /// `visit(row, x)` for each cell that may not be zero.
    #[inline]
    fn each(&self, mut visit: impl FnMut(usize, f64)) {
        match self {
            Self::Dense(cells) => cells.iter().enumerate().for_each(|(row, &x)| visit(row, x)),
            Self::Sparse(cells) => {
                for &(row, x) in cells {
                    visit(row as usize, f64::from(x));
                }
            }
        }
    }
}

fn features(bound: &Bound<'_>, rows: &TableView<'_>) -> Vec<Feature> {
    let mut out: Vec<Feature> = bound
        .numbers
        .iter()
        .map(|values| Feature::Dense(rows.iter_rows().map(|row| values[row]).collect()))
        .collect();
    for sparse in &bound.sparse {
        let mut lists = vec![Vec::new(); sparse.n_dims()];
        for (i, row) in rows.iter_rows().enumerate() {
            let (indices, values) = sparse.row(row);
            for (&index, &value) in indices.iter().zip(values) {
                lists[index as usize].push((i as u32, value));
            }
        }
        out.extend(lists.into_iter().map(Feature::Sparse));
    }
    out
}

/// Centres dense features, if asked to; gives what was subtracted and each feature's mean square.
fn centre(features: &mut [Feature], share: &[f64], is_centred: bool) -> (Vec<f64>, Vec<f64>) {
    let mut means = vec![0.0; features.len()];
    let mut squares = vec![0.0; features.len()];
    for (j, feature) in features.iter_mut().enumerate() {
        if let (Feature::Dense(cells), true) = (&mut *feature, is_centred) {
            means[j] = dot(cells, share);
            for x in cells {
                *x -= means[j];
            }
        }
        feature.each(|row, x| squares[j] += share[row] * x * x);
    }
    (means, squares)
}

/// Cyclic coordinate descent that keeps the residuals `r = y − Xβ − b`; the intercept takes part as a coordinate.
///
/// A coordinate costs two multiply-adds for each stored value of its feature. Passes over the coordinates in use follow
/// a full pass until they settle.
#[expect(
    clippy::too_many_lines,
    reason = "one loop, whose state all its steps share"
)]
pub(super) fn solve_by_descent(
    problem: &Problem<'_>,
    ctx: &FitContext<'_>,
    rows: &TableView<'_>,
) -> Result<Solution, FitError> {
    require_memory(ELASTIC_NET.id, Matrix::n_bytes(problem.inputs, rows)?, ctx)?;
    let bound = problem.inputs.bind(rows)?;
    let mut features = features(&bound, rows);
    let share = &problem.weights.share;
    let (means, squares) = centre(&mut features, share, problem.has_intercept);
    let mut residual = problem.target.clone();
    let mut coef = vec![0.0; features.len()];
    let threshold = problem.tol
        * residual
            .iter()
            .zip(share)
            .map(|(y, w)| w * y * y)
            .sum::<f64>();
    let everything: Vec<usize> = (0..features.len()).filter(|&j| squares[j] > 0.0).collect();
    let (mut intercept, mut in_use) = (0.0, Vec::new());
    let (mut has_converged, mut is_cut, mut is_full) = (false, false, true);
    'descent: for _ in 0..problem.max_passes {
        if ctx.budget.is_over() {
            is_cut = true;
            break;
        }
        let mut largest: f64 = 0.0;
        let mut n_visited = 0;
        for &j in if is_full { &everything } else { &in_use } {
            n_visited += features[j].n_cells();
            if n_visited > POLL_CELLS {
                n_visited = 0;
                is_cut = ctx.budget.is_over();
                if is_cut {
                    break 'descent;
                }
            }
            let mut slope = 0.0;
            features[j].each(|row, x| slope += share[row] * x * residual[row]);
            let new = soft_threshold(slope + squares[j] * coef[j], problem.l1)
                / (squares[j] + problem.l2);
            let step = new - coef[j];
            if step != 0.0 {
                features[j].each(|row, x| residual[row] -= step * x);
                coef[j] = new;
                largest = largest.max(squares[j] * step * step);
            }
        }
        if problem.has_intercept {
            let mean = dot(&residual, share);
            for value in &mut residual {
                *value -= mean;
            }
            intercept += mean;
            largest = largest.max(mean * mean);
        }
        let has_settled = largest <= threshold;
        if is_full && has_settled {
            has_converged = true;
            break;
        }
        is_full = has_settled;
        in_use = everything
            .iter()
            .copied()
            .filter(|&j| coef[j] != 0.0)
            .collect();
    }
    intercept -= dot(&coef, &means);
    let spreads = squares.iter().map(|square: &f64| square.sqrt()).collect();
    Ok(Solution {
        coef,
        intercept,
        spreads,
        has_converged,
        is_cut,
    })
}
