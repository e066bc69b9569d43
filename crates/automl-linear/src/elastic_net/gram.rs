//! Up to a few thousand features: everything from the products of the features with each other and with the target.

use super::conjugate::conjugate_gradients;
use super::moments::Moments;
use super::{ELASTIC_NET, Problem, Solution, dot, failure, soft_threshold};
use crate::targets::require_memory;
use automl_core::{FitContext, FitError, TableView};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Without a penalty and with dependent columns, more features than this are solved by conjugate gradients.
const EIGEN_FEATURES_MAX: usize = 400;

/// Solves from the moments: Cholesky without an absolute penalty, else coordinate descent.
pub(super) fn solve(
    problem: &Problem<'_>,
    ctx: &FitContext<'_>,
    rows: &TableView<'_>,
) -> Result<Solution, FitError> {
    let bound = problem.inputs.bind(rows)?;
    require_memory(ELASTIC_NET.id, Moments::n_bytes(problem, &bound, rows), ctx)?;
    let moments = Moments::of(problem, ctx, &bound, rows)?;
    moments.require_finite()?;
    let mut solution = if problem.l1 == 0.0 {
        ridge(problem, ctx, &moments)?
    } else {
        descend(problem, ctx, &moments)
    };
    solution.intercept = -solution
        .coef
        .iter()
        .zip(&moments.means)
        .map(|(weight, mean)| weight * mean)
        .sum::<f64>();
    Ok(solution)
}

/// `(G + λ I) β = q` by Cholesky; if the columns depend on each other by eigenvalues or, when there are many, by
/// conjugate gradients, both of which find the solution of least length.
///
/// The system is solved in units of each feature's standard deviation, which keeps it well conditioned.
fn ridge(
    problem: &Problem<'_>,
    ctx: &FitContext<'_>,
    moments: &Moments,
) -> Result<Solution, FitError> {
    let p = moments.n_features;
    let units: Vec<f64> = (0..p)
        .map(|j| {
            let size = moments.variance(j) + problem.l2;
            if size > 0.0 { 1.0 / size.sqrt() } else { 0.0 }
        })
        .collect();
    let system = Mat::from_fn(p, p, |i, j| {
        let diagonal = if i == j { problem.l2 } else { 0.0 };
        (moments.gram[i * p + j] + diagonal) * units[i] * units[j]
    });
    let right: Vec<f64> = moments
        .product
        .iter()
        .zip(&units)
        .map(|(q, u)| q * u)
        .collect();
    let mut solution = Solution {
        coef: Vec::new(),
        intercept: 0.0,
        spreads: moments.spreads(),
        has_converged: true,
        is_cut: false,
    };
    let factor = system.llt(Side::Lower).ok();
    if let Some(factor) = factor.filter(is_well_conditioned) {
        let solved = factor.solve(Mat::from_fn(p, 1, |i, _| right[i]));
        solution.coef = (0..p).map(|j| solved[(j, 0)]).collect();
    } else if p <= EIGEN_FEATURES_MAX {
        solution.coef = pseudo_solution(&system, &right)?;
    } else {
        // The system is symmetric: its columns, which lie together, are its rows.
        let product = |v: &[f64]| {
            let columns = (0..p).filter_map(|j| system.col(j).try_as_col_major());
            Some(columns.map(|column| dot(column.as_slice(), v)).collect())
        };
        let end = conjugate_gradients(right, product, 1e-6 * problem.tol, problem.max_passes, ctx);
        solution.coef = end.solution;
        solution.has_converged = end.has_converged;
        solution.is_cut = end.is_cut;
    }
    for (weight, unit) in solution.coef.iter_mut().zip(&units) {
        *weight *= unit;
    }
    Ok(solution)
}

/// The diagonal of the factor of a matrix with unit diagonal tells how much of each column the ones before leave over.
fn is_well_conditioned(factor: &faer::linalg::solvers::Llt<f64>) -> bool {
    let lower = factor.L();
    (0..lower.nrows()).all(|j| lower[(j, j)] > 1e-6)
}

/// The solution of least length: directions with next to no spread are left out. Cost: about `10 p³`.
fn pseudo_solution(system: &Mat<f64>, right: &[f64]) -> Result<Vec<f64>, FitError> {
    let p = right.len();
    let eigen = system.self_adjoint_eigen(Side::Lower).map_err(|error| {
        failure(&format!(
            "the features' products have no eigenvalues ({error:?})"
        ))
    })?;
    let (values, vectors) = (eigen.S().column_vector(), eigen.U());
    let largest = (0..p).map(|k| values[k]).fold(0.0, f64::max);
    let mut coef = vec![0.0; p];
    for k in (0..p).filter(|&k| values[k] > largest * 1e-10) {
        let along: f64 = (0..p).map(|i| vectors[(i, k)] * right[i]).sum();
        for (j, weight) in coef.iter_mut().enumerate() {
            *weight += vectors[(j, k)] * along / values[k];
        }
    }
    Ok(coef)
}

/// Cyclic coordinate descent: `βⱼ ← S(qⱼ − Σ_{k≠j} Gⱼₖ βₖ, λ₁) / (Gⱼⱼ + λ₂)`.
///
/// `slack = q − G β` is kept up to date, so an unchanged coordinate costs one comparison. A pass over all coordinates
/// is followed by passes over those in use until they settle; the descent ends when a full pass changes nothing.
fn descend(problem: &Problem<'_>, ctx: &FitContext<'_>, moments: &Moments) -> Solution {
    let p = moments.n_features;
    let variance: f64 = problem
        .target
        .iter()
        .zip(&problem.weights.share)
        .map(|(y, w)| w * y * y)
        .sum();
    let threshold = problem.tol * variance;
    let mut coef = vec![0.0; p];
    let mut slack = moments.product.clone();
    let everything: Vec<usize> = (0..p).filter(|&j| moments.variance(j) > 0.0).collect();
    let (mut has_converged, mut is_cut, mut is_full) = (false, false, true);
    let mut in_use = Vec::new();
    for _ in 0..problem.max_passes {
        if ctx.budget.is_over() {
            is_cut = true;
            break;
        }
        let order = if is_full { &everything } else { &in_use };
        let mut largest: f64 = 0.0;
        for &j in order {
            let diagonal = moments.variance(j);
            let old = coef[j];
            let new =
                soft_threshold(slack[j] + diagonal * old, problem.l1) / (diagonal + problem.l2);
            let step = new - old;
            if step != 0.0 {
                coef[j] = new;
                let row = &moments.gram[j * p..(j + 1) * p];
                slack
                    .iter_mut()
                    .zip(row)
                    .for_each(|(value, g)| *value -= step * g);
                largest = largest.max(diagonal * step * step);
            }
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
    Solution {
        coef,
        intercept: 0.0,
        spreads: moments.spreads(),
        has_converged,
        is_cut,
    }
}
