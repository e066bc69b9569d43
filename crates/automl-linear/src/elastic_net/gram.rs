//! Up to a few thousand features: everything from the products of the features with each other and with the target.

use super::{ELASTIC_NET, Problem, Solution, failure, soft_threshold};
use crate::inputs::Bound;
use automl_core::{FitContext, FitError, TableView};
use faer::linalg::matmul::matmul;
use faer::linalg::solvers::Solve;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

/// Rows that are written out densely at a time.
const BLOCK_ROWS: usize = 256;
/// Sums over rows are cut into at most this many parts, which threads may share.
const PARTS_MAX: usize = 8;

/// Second moments of the centred features and target.
struct Moments {
    n_features: usize,
    means: Vec<f64>,
    /// `Σ w x xᵀ`, `p × p`.
    gram: Vec<f64>,
    /// `Σ w x y`.
    product: Vec<f64>,
}

/// Solves from the moments: Cholesky without an absolute penalty, else coordinate descent.
pub(super) fn solve(
    problem: &Problem<'_>,
    ctx: &FitContext<'_>,
    rows: &TableView<'_>,
) -> Result<Solution, FitError> {
    let p = problem.inputs.n_features();
    let n_parts = n_parts(rows.n_rows());
    let needed = ((n_parts + 2) * p * p * 8 + n_parts * BLOCK_ROWS * p * 16) as u64;
    if let (false, Some(limit)) = (ctx.budget.memory.allows(needed), ctx.budget.memory.0) {
        return Err(FitError::Memory {
            learner: ELASTIC_NET.id,
            needed,
            limit,
        });
    }
    let moments = moments(problem, ctx, rows)?;
    if moments
        .gram
        .iter()
        .chain(&moments.product)
        .any(|value| !value.is_finite())
    {
        return Err(failure("the features are too large to square"));
    }
    let mut solution = if problem.l1 == 0.0 {
        ridge(problem, &moments)?
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

fn n_parts(n_rows: usize) -> usize {
    n_rows.div_ceil(16 * BLOCK_ROWS).clamp(1, PARTS_MAX)
}

/// Two passes over the rows: means, then products. Cost: `n p²` multiply-adds.
fn moments(
    problem: &Problem<'_>,
    ctx: &FitContext<'_>,
    rows: &TableView<'_>,
) -> Result<Moments, FitError> {
    let bound = problem.inputs.bind(rows)?;
    let p = problem.inputs.n_features();
    let means = if problem.has_intercept {
        means(&bound, rows, problem)
    } else {
        vec![0.0; p]
    };
    let n_rows = rows.n_rows();
    let part_len = n_rows.div_ceil(n_parts(n_rows));
    let parts = ctx.threads.map(n_rows.div_ceil(part_len), |part| {
        let end = ((part + 1) * part_len).min(n_rows);
        part_moments(problem, &bound, rows, &means, part * part_len..end)
    });
    let mut gram = vec![0.0; p * p];
    let mut product = vec![0.0; p];
    for (part_gram, part_product) in parts {
        gram.iter_mut()
            .zip(&part_gram)
            .for_each(|(sum, part)| *sum += part);
        product
            .iter_mut()
            .zip(&part_product)
            .for_each(|(sum, part)| *sum += part);
    }
    Ok(Moments {
        n_features: p,
        means,
        gram,
        product,
    })
}

fn means(bound: &Bound<'_>, rows: &TableView<'_>, problem: &Problem<'_>) -> Vec<f64> {
    let share = &problem.weights.share;
    let mut means: Vec<f64> = bound
        .numbers
        .iter()
        .map(|values| {
            rows.iter_rows()
                .zip(share)
                .map(|(row, w)| w * values[row])
                .sum()
        })
        .collect();
    for sparse in &bound.sparse {
        let start = means.len();
        means.resize(start + sparse.n_dims(), 0.0);
        for (row, w) in rows.iter_rows().zip(share) {
            let (indices, values) = sparse.row(row);
            for (&index, &value) in indices.iter().zip(values) {
                means[start + index as usize] += w * f64::from(value);
            }
        }
    }
    means
}

fn part_moments(
    problem: &Problem<'_>,
    bound: &Bound<'_>,
    rows: &TableView<'_>,
    means: &[f64],
    range: std::ops::Range<usize>,
) -> (Vec<f64>, Vec<f64>) {
    let p = means.len();
    let (mut gram, mut product) = (vec![0.0; p * p], vec![0.0; p]);
    let mut block = vec![0.0; BLOCK_ROWS * p];
    let mut target = vec![0.0; BLOCK_ROWS];
    let mut first = range.start;
    while first < range.end {
        let n = BLOCK_ROWS.min(range.end - first);
        for i in 0..n {
            let root = problem.weights.share[first + i].sqrt();
            write_row(
                &mut block[i * p..(i + 1) * p],
                bound,
                rows.row(first + i),
                means,
                root,
            );
            target[i] = root * problem.target[first + i];
        }
        let x = MatRef::from_row_major_slice(&block[..n * p], n, p);
        let y = MatRef::from_row_major_slice(&target[..n], n, 1);
        let gram = MatMut::from_row_major_slice_mut(&mut gram, p, p);
        matmul(gram, Accum::Add, x.transpose(), x, 1.0, Par::Seq);
        let product = MatMut::from_row_major_slice_mut(&mut product, p, 1);
        matmul(product, Accum::Add, x.transpose(), y, 1.0, Par::Seq);
        first += n;
    }
    (gram, product)
}

/// `root · (x − mean)` of one row, dense.
fn write_row(out: &mut [f64], bound: &Bound<'_>, row: usize, means: &[f64], root: f64) {
    for (cell, mean) in out.iter_mut().zip(means) {
        *cell = -root * mean;
    }
    for (cell, values) in out.iter_mut().zip(&bound.numbers) {
        *cell += root * values[row];
    }
    let mut start = bound.numbers.len();
    for sparse in &bound.sparse {
        let (indices, values) = sparse.row(row);
        for (&index, &value) in indices.iter().zip(values) {
            out[start + index as usize] += root * f64::from(value);
        }
        start += sparse.n_dims();
    }
}

impl Moments {
    fn variance(&self, j: usize) -> f64 {
        self.gram[j * self.n_features + j]
    }

    fn spreads(&self) -> Vec<f64> {
        (0..self.n_features)
            .map(|j| self.variance(j).max(0.0).sqrt())
            .collect()
    }
}

/// `(G + λ I) β = q` by Cholesky, or by eigenvalues if the columns depend on each other.
///
/// The system is solved in units of each feature's standard deviation, which keeps it well conditioned.
fn ridge(problem: &Problem<'_>, moments: &Moments) -> Result<Solution, FitError> {
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
    let right = Mat::from_fn(p, 1, |i, _| moments.product[i] * units[i]);
    let coef = match system.llt(Side::Lower) {
        Ok(factor) if is_well_conditioned(&factor) => {
            let solved = factor.solve(&right);
            (0..p).map(|j| solved[(j, 0)] * units[j]).collect()
        }
        _ => pseudo_solution(&system, &right, &units)?,
    };
    Ok(Solution {
        coef,
        intercept: 0.0,
        spreads: moments.spreads(),
        has_converged: true,
        is_cut: false,
    })
}

/// The diagonal of the factor of a matrix with unit diagonal tells how much of each column the ones before leave over.
fn is_well_conditioned(factor: &faer::linalg::solvers::Llt<f64>) -> bool {
    let lower = factor.L();
    (0..lower.nrows()).all(|j| lower[(j, j)] > 1e-6)
}

/// The solution of least length in the units given: directions with next to no spread are left out.
fn pseudo_solution(
    system: &Mat<f64>,
    right: &Mat<f64>,
    units: &[f64],
) -> Result<Vec<f64>, FitError> {
    let p = units.len();
    let eigen = system.self_adjoint_eigen(Side::Lower).map_err(|error| {
        failure(&format!(
            "the features' products have no eigenvalues ({error:?})"
        ))
    })?;
    let (values, vectors) = (eigen.S().column_vector(), eigen.U());
    let largest = (0..p).map(|k| values[k]).fold(0.0, f64::max);
    let mut coef = vec![0.0; p];
    for k in (0..p).filter(|&k| values[k] > largest * 1e-10) {
        let along: f64 = (0..p).map(|i| vectors[(i, k)] * right[(i, 0)]).sum();
        for (j, weight) in coef.iter_mut().enumerate() {
            *weight += vectors[(j, k)] * along / values[k];
        }
    }
    coef.iter_mut()
        .zip(units)
        .for_each(|(weight, unit)| *weight *= unit);
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
