//! Second moments of the features: dense number columns by matrix products, sparse dimensions by their stored values.

use super::{ELASTIC_NET, Problem};
use crate::inputs::Bound;
use crate::matrix::{Compressed, gather_rows};
use automl_core::{FitContext, FitError, TableView};
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::{Accum, MatMut, MatRef, Par};

/// Rows of number columns that are multiplied at a time.
const BLOCK_ROWS: usize = 256;
/// Sums over rows are cut into at most this many parts, which threads may share.
const PARTS_MAX: usize = 8;
/// Rows whose sparse values are summed at a time: a few MiB, which stay in the cache while each dimension picks its rows.
const SPARSE_BLOCK_ROWS: usize = 16_384;
/// Columns beside the products in a row of [`sparse_sums`]: `Σ w x y` and `Σ w x`.
const EXTRA: usize = 2;

/// Second moments of the centred features and target.
pub(super) struct Moments {
    pub(super) n_features: usize,
    pub(super) means: Vec<f64>,
    /// `Σ w x xᵀ`, `p × p`.
    pub(super) gram: Vec<f64>,
    /// `Σ w x y`.
    pub(super) product: Vec<f64>,
}

impl Moments {
    /// Bytes held at once while the moments of these rows are formed and solved.
    pub(super) fn n_bytes(problem: &Problem<'_>, bound: &Bound<'_>, rows: &TableView<'_>) -> u64 {
        let (p, n_dense) = (problem.inputs.n_features(), bound.numbers.len());
        let parts = n_parts(rows.n_rows()) * (n_dense + BLOCK_ROWS) * n_dense * 8;
        // Of a block: number cells, and sparse values twice.
        let stored = |row: usize| -> usize {
            let lists = bound.sparse.iter().map(|sparse| sparse.row(row).0.len());
            lists.sum()
        };
        let stored_max = rows.iter_rows().map(stored).max().unwrap_or(0);
        let beside = SPARSE_BLOCK_ROWS.min(rows.n_rows()) * (n_dense * 8 + stored_max * 16);
        (4 * p * p * 8 + parts + beside) as u64
    }

    /// The moments of these rows.
    ///
    /// Cost: `n d² / 2` multiply-adds for `d` number columns, and for each row `s (s / 2 + d)` for its `s` stored
    /// values. Sparse dimensions are summed as they are and centred afterwards, by `E[xx'] − E[x] E[x']`.
    ///
    /// # Errors
    /// [`FitError::Cancelled`] when the budget ends first: it is polled for each block of rows and each dimension.
    pub(super) fn of(
        problem: &Problem<'_>,
        ctx: &FitContext<'_>,
        bound: &Bound<'_>,
        rows: &TableView<'_>,
    ) -> Result<Self, FitError> {
        let (p, n_dense) = (problem.inputs.n_features(), bound.numbers.len());
        let mut means = vec![0.0; p];
        if problem.has_intercept {
            for (mean, values) in means.iter_mut().zip(&bound.numbers) {
                let cells = rows.iter_rows().map(|row| values[row]);
                *mean = cells.zip(&problem.weights.share).map(|(x, w)| w * x).sum();
            }
        }
        let mut moments = Self {
            n_features: p,
            means,
            gram: vec![0.0; p * p],
            product: vec![0.0; p],
        };
        moments.add_dense(problem, ctx, bound, rows);
        if !bound.sparse.is_empty() && !ctx.budget.is_over() {
            let stride = p + EXTRA;
            let mut sums = vec![0.0; (p - n_dense) * stride];
            sparse_sums(
                &mut sums,
                problem,
                ctx,
                bound,
                rows,
                &moments.means[..n_dense],
            );
            if !ctx.budget.is_over() {
                moments.add_sparse(&sums, n_dense, problem.has_intercept);
            }
        }
        if ctx.budget.is_over() {
            return Err(FitError::Cancelled);
        }
        Ok(moments)
    }

    /// The part of number columns with each other and with the target.
    fn add_dense(
        &mut self,
        problem: &Problem<'_>,
        ctx: &FitContext<'_>,
        bound: &Bound<'_>,
        rows: &TableView<'_>,
    ) {
        let (p, n_dense, n_rows) = (self.n_features, bound.numbers.len(), rows.n_rows());
        if n_dense == 0 {
            return;
        }
        let part_len = n_rows.div_ceil(n_parts(n_rows));
        let parts = ctx.threads.map(n_rows.div_ceil(part_len), |part| {
            let end = ((part + 1) * part_len).min(n_rows);
            dense_part(problem, ctx, bound, rows, &self.means, part * part_len..end)
        });
        for (gram, product) in parts {
            for i in 0..n_dense {
                self.product[i] += product[i];
                for j in 0..=i {
                    self.gram[i * p + j] += gram[i * n_dense + j];
                }
            }
        }
        for i in 0..n_dense {
            for j in 0..i {
                self.gram[j * p + i] = self.gram[i * p + j];
            }
        }
    }

    /// The parts of sparse dimensions, from [`sparse_sums`].
    fn add_sparse(&mut self, sums: &[f64], n_dense: usize, is_centred: bool) {
        let p = self.n_features;
        let stride = p + EXTRA;
        let rows = || sums.chunks_exact(stride).zip(n_dense..);
        for (sums, j) in rows() {
            self.product[j] = sums[p];
            if is_centred {
                self.means[j] = sums[p + 1];
            }
        }
        for (sums, j) in rows() {
            for k in (0..n_dense).chain(j..p) {
                // Number columns were centred before, the target as well: these need no correction.
                let both = if k < n_dense {
                    0.0
                } else {
                    self.means[j] * self.means[k]
                };
                let value = sums[k] - both;
                self.gram[j * p + k] = value;
                self.gram[k * p + j] = value;
            }
        }
    }

    /// `Σ w (x − mean)²` of feature `j`.
    pub(super) fn variance(&self, j: usize) -> f64 {
        self.gram[j * self.n_features + j]
    }

    /// Standard deviation of each feature.
    pub(super) fn spreads(&self) -> Vec<f64> {
        (0..self.n_features)
            .map(|j| self.variance(j).max(0.0).sqrt())
            .collect()
    }

    /// Fails unless every moment is a number.
    pub(super) fn require_finite(&self) -> Result<(), FitError> {
        if self
            .gram
            .iter()
            .chain(&self.product)
            .all(|value| value.is_finite())
        {
            return Ok(());
        }
        Err(FitError::Numeric {
            learner: ELASTIC_NET.id,
            reason: "the features are too large to square".to_owned(),
        })
    }
}

fn n_parts(n_rows: usize) -> usize {
    n_rows.div_ceil(16 * BLOCK_ROWS).clamp(1, PARTS_MAX)
}

/// Lower half of `Σ w x xᵀ` and `Σ w x y` of number columns over a range of rows; cut short when the budget is over.
fn dense_part(
    problem: &Problem<'_>,
    ctx: &FitContext<'_>,
    bound: &Bound<'_>,
    rows: &TableView<'_>,
    means: &[f64],
    range: std::ops::Range<usize>,
) -> (Vec<f64>, Vec<f64>) {
    let d = bound.numbers.len();
    let (mut gram, mut product) = (vec![0.0; d * d], vec![0.0; d]);
    let mut block = vec![0.0; BLOCK_ROWS * d];
    for first in range.clone().step_by(BLOCK_ROWS) {
        if ctx.budget.is_over() {
            break;
        }
        let n = BLOCK_ROWS.min(range.end - first);
        for (i, cells) in block[..n * d].chunks_exact_mut(d).enumerate() {
            let (row, root) = (rows.row(first + i), problem.weights.share[first + i].sqrt());
            let target = root * problem.target[first + i];
            for (j, cell) in cells.iter_mut().enumerate() {
                *cell = root * (bound.numbers[j][row] - means[j]);
                product[j] += *cell * target;
            }
        }
        let x = MatRef::from_row_major_slice(&block[..n * d], n, d);
        triangular_matmul(
            MatMut::from_row_major_slice_mut(&mut gram, d, d),
            BlockStructure::TriangularLower,
            Accum::Add,
            x.transpose(),
            BlockStructure::Rectangular,
            x,
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
    }
    (gram, product)
}

/// A row for each sparse dimension `j`: `Σ w xⱼ x` with the centred number columns and with the dimensions from `j` on,
/// then `Σ w xⱼ y` and `Σ w xⱼ`. Rows stay incomplete when the budget is over.
///
/// Block by block, and in a block one dimension at a time: its sums stay in the first-level cache while the rows that
/// have it stream by.
fn sparse_sums(
    sums: &mut [f64],
    problem: &Problem<'_>,
    ctx: &FitContext<'_>,
    bound: &Bound<'_>,
    rows: &TableView<'_>,
    dense_means: &[f64],
) {
    let (p, n_dense) = (problem.inputs.n_features(), bound.numbers.len());
    for first in (0..rows.n_rows()).step_by(SPARSE_BLOCK_ROWS) {
        if ctx.budget.is_over() {
            return;
        }
        let range = first..(first + SPARSE_BLOCK_ROWS).min(rows.n_rows());
        let block = Block {
            dense: centred_cells(bound, rows, dense_means, range.clone()),
            by_row: gather_rows(bound, rows, range.clone()),
            shares: &problem.weights.share[range.clone()],
            target: &problem.target[range],
        };
        let places = Places::of(&block.by_row, p - n_dense);
        ctx.threads.for_each_chunk(sums, p + EXTRA, |dim, sums| {
            if !ctx.budget.is_over() {
                block.add_dim(places.list(dim), sums);
            }
        });
    }
}

/// Number cells of a range of rows, centred, row-major.
fn centred_cells(
    bound: &Bound<'_>,
    rows: &TableView<'_>,
    means: &[f64],
    range: std::ops::Range<usize>,
) -> Vec<f64> {
    let d = means.len();
    let mut cells = vec![0.0; range.len() * d];
    for (j, (values, mean)) in bound.numbers.iter().zip(means).enumerate() {
        for (i, row) in range.clone().enumerate() {
            cells[i * d + j] = values[rows.row(row)] - mean;
        }
    }
    cells
}

/// Rows with all that is known of them.
struct Block<'a> {
    dense: Vec<f64>,
    by_row: Compressed,
    shares: &'a [f64],
    target: &'a [f64],
}

impl Block<'_> {
    /// Adds the products of one dimension, which stands in the rows and places given.
    fn add_dim(&self, places: impl Iterator<Item = (usize, usize)>, sums: &mut [f64]) {
        let n_dense = self.dense.len() / self.shares.len();
        let (products, extra) = sums.split_at_mut(sums.len() - EXTRA);
        let (of_numbers, of_dims) = products.split_at_mut(n_dense);
        for (row, at) in places {
            let end = self.by_row.starts[row + 1];
            let (dims, values) = (&self.by_row.indices[at..end], &self.by_row.values[at..end]);
            let share = self.shares[row] * f64::from(values[0]);
            let cells = &self.dense[row * n_dense..(row + 1) * n_dense];
            for (sum, cell) in of_numbers.iter_mut().zip(cells) {
                *sum += share * cell;
            }
            for (&dim, &value) in dims.iter().zip(values) {
                of_dims[dim as usize] += share * f64::from(value);
            }
            extra[0] += share * self.target[row];
            extra[1] += share;
        }
    }
}

/// Where each dimension stands in lists by row: rows, rising, and places in the arrays.
struct Places {
    starts: Vec<usize>,
    rows: Vec<u32>,
    at: Vec<u32>,
}

impl Places {
    fn of(by_row: &Compressed, n_dims: usize) -> Self {
        let mut starts = vec![0; n_dims + 1];
        for &index in &by_row.indices {
            starts[index as usize + 1] += 1;
        }
        for dim in 0..n_dims {
            starts[dim + 1] += starts[dim];
        }
        let mut next = starts.clone();
        let (mut rows, mut places) = (vec![0; by_row.indices.len()], vec![0; by_row.indices.len()]);
        for row in 0..by_row.starts.len() - 1 {
            for at in by_row.starts[row]..by_row.starts[row + 1] {
                let slot = &mut next[by_row.indices[at] as usize];
                rows[*slot] = row as u32;
                places[*slot] = at as u32;
                *slot += 1;
            }
        }
        Self {
            starts,
            rows,
            at: places,
        }
    }

    fn list(&self, dim: usize) -> impl Iterator<Item = (usize, usize)> {
        let range = self.starts[dim]..self.starts[dim + 1];
        let rows = self.rows[range.clone()].iter().map(|&row| row as usize);
        rows.zip(self.at[range].iter().map(|&at| at as usize))
    }
}
