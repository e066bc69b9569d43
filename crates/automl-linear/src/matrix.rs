//! The training rows as one matrix of conditioned features: dense rows, and sparse dimensions by row and by column.

use crate::inputs::{Bound, Inputs};
use crate::targets::RowWeights;
use automl_core::{Budget, FitError, PredictError, TableView, Threads};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Rows of a block: results are reduced block by block, in order, at any thread count.
const BLOCK_ROWS: usize = 1024;
/// Sparse dimensions of a block of the transposed product.
const BLOCK_DIMS: usize = 2048;

/// Features as `(x − mean) · scale` for number columns and `x · scale` for sparse dimensions.
///
/// Bytes: 8 for each dense cell, 16 for each stored sparse value (kept by row and by column, so that both products
/// stream through memory).
pub(crate) struct Matrix {
    n_rows: usize,
    n_dense: usize,
    dense: Vec<f64>,
    by_row: Compressed,
    by_dim: Compressed,
    /// Mean of each number column, zero if the features were not centred.
    pub(crate) means: Vec<f64>,
    /// Factor of each feature.
    pub(crate) scales: Vec<f64>,
    /// Standard deviation of each feature (root mean square, if not centred or sparse).
    pub(crate) spreads: Vec<f64>,
}

/// Lists of `(index, value)`, one a row or one a column.
pub(crate) struct Compressed {
    pub(crate) starts: Vec<usize>,
    pub(crate) indices: Vec<u32>,
    pub(crate) values: Vec<f32>,
}

impl Compressed {
    fn list(&self, at: usize) -> (&[u32], &[f32]) {
        let range = self.starts[at]..self.starts[at + 1];
        (&self.indices[range.clone()], &self.values[range])
    }
}

impl Matrix {
    /// Bytes that the matrix of these rows will hold.
    pub(crate) fn n_bytes(inputs: &Inputs, rows: &TableView<'_>) -> Result<u64, PredictError> {
        let bound = inputs.bind(rows)?;
        let stored: usize = bound
            .sparse
            .iter()
            .map(|sparse| {
                rows.iter_rows()
                    .map(|row| sparse.row(row).0.len())
                    .sum::<usize>()
            })
            .sum();
        Ok((rows.n_rows() * bound.numbers.len() * 8 + stored * 16) as u64)
    }

    /// The matrix of these rows. `scale` gives a feature's factor for its mean square (about the mean, if centred).
    ///
    /// # Errors
    /// A column does not fit, or [`FitError::Cancelled`]: the budget is polled once a number column and between the parts.
    pub(crate) fn new(
        inputs: &Inputs,
        rows: &TableView<'_>,
        weights: &RowWeights,
        is_centred: bool,
        scale: impl Fn(f64) -> f64,
        budget: &Budget,
    ) -> Result<Self, FitError> {
        let bound = inputs.bind(rows)?;
        let (n_rows, n_dense) = (rows.n_rows(), bound.numbers.len());
        let mut means = vec![0.0; n_dense];
        let mut mean_squares = Vec::with_capacity(inputs.n_features());
        for (values, mean) in bound.numbers.iter().zip(&mut means) {
            poll(budget)?;
            let cells = || rows.iter_rows().map(|row| values[row]).zip(&weights.share);
            if is_centred {
                *mean = cells().map(|(x, w)| x * w).sum();
            }
            mean_squares.push(cells().map(|(x, w)| w * (x - *mean) * (x - *mean)).sum());
        }
        mean_squares.resize(inputs.n_features(), 0.0);
        let mut by_row = gather_rows(&bound, rows, 0..n_rows);
        poll(budget)?;
        for row in 0..n_rows {
            let (indices, values) = by_row.list(row);
            for (&index, &value) in indices.iter().zip(values) {
                mean_squares[n_dense + index as usize] +=
                    weights.share[row] * f64::from(value) * f64::from(value);
            }
        }
        let scales: Vec<f64> = mean_squares.iter().map(|&square| scale(square)).collect();
        for (value, &index) in by_row.values.iter_mut().zip(&by_row.indices) {
            *value = (f64::from(*value) * scales[n_dense + index as usize]) as f32;
        }
        let mut dense = vec![0.0; n_rows * n_dense];
        for (j, values) in bound.numbers.iter().enumerate() {
            poll(budget)?;
            for (i, row) in rows.iter_rows().enumerate() {
                dense[i * n_dense + j] = (values[row] - means[j]) * scales[j];
            }
        }
        let by_dim = transposed(&by_row, inputs.n_features() - n_dense);
        let spreads = mean_squares.iter().map(|square| square.sqrt()).collect();
        Ok(Self {
            n_rows,
            n_dense,
            dense,
            by_row,
            by_dim,
            means,
            scales,
            spreads,
        })
    }

    /// Number of features.
    pub(crate) fn n_features(&self) -> usize {
        self.scales.len()
    }

    /// `visit(rows, z)` for each block of rows, where `z = X · coef + offset` (row-major, `rows × n_outputs`) is turned
    /// into the residuals `r` in place; returns the visits' results in order and `Xᵀ r` (feature-major).
    ///
    /// Cost: two multiply-adds for each stored value and output; the dense rows are read once, in cache for the second.
    /// The budget is polled once a block of rows and once a sparse dimension; `None` when it ends first.
    pub(crate) fn residual_product<T: Send>(
        &self,
        threads: &Threads,
        budget: &Budget,
        coef: &[f64],
        offset: &[f64],
        visit: impl Fn(std::ops::Range<usize>, &mut [f64]) -> T + Sync + Send,
    ) -> Option<(Vec<T>, Vec<f64>)> {
        let n_outputs = offset.len();
        assert_eq!(
            coef.len(),
            self.n_features() * n_outputs,
            "one coefficient a feature and output"
        );
        let n_blocks = self.n_rows.div_ceil(BLOCK_ROWS);
        let blocks = threads.map(n_blocks, |block| {
            if budget.is_over() {
                return None;
            }
            let range = block * BLOCK_ROWS..((block + 1) * BLOCK_ROWS).min(self.n_rows);
            let mut scores = offset.repeat(range.len());
            self.add_scores(range.clone(), coef, n_outputs, &mut scores);
            let result = visit(range.clone(), &mut scores);
            let dense = self.dense_product(range, &scores, n_outputs);
            Some((result, scores, dense))
        });
        let mut results = Vec::with_capacity(n_blocks);
        let mut residuals = Vec::with_capacity(self.n_rows * n_outputs);
        let mut product = vec![0.0; self.n_features() * n_outputs];
        for block in blocks {
            let (result, scores, dense) = block?;
            results.push(result);
            residuals.extend_from_slice(&scores);
            for (sum, part) in product.iter_mut().zip(&dense) {
                *sum += part;
            }
        }
        let sparse = &mut product[self.n_dense * n_outputs..];
        threads.for_each_chunk(sparse, BLOCK_DIMS * n_outputs, |chunk, sums| {
            for (at, sums) in sums.chunks_exact_mut(n_outputs).enumerate() {
                let (rows, values) = self.by_dim.list(chunk * BLOCK_DIMS + at);
                // Short lists are not worth a look at the clock.
                if rows.len() >= BLOCK_ROWS && budget.is_over() {
                    return;
                }
                add_rows(sums, rows, values, &residuals);
            }
        });
        // Sums may be missing only if the budget was over by now.
        (!budget.is_over()).then_some((results, product))
    }

    fn add_scores(&self, range: std::ops::Range<usize>, coef: &[f64], k: usize, out: &mut [f64]) {
        let n_dense = self.n_dense;
        if n_dense > 0 {
            let rows = &self.dense[range.start * n_dense..range.end * n_dense];
            let lhs = MatRef::from_row_major_slice(rows, range.len(), n_dense);
            let rhs = MatRef::from_row_major_slice(&coef[..n_dense * k], n_dense, k);
            let dst = MatMut::from_row_major_slice_mut(&mut *out, range.len(), k);
            matmul(dst, Accum::Add, lhs, rhs, 1.0, Par::Seq);
        }
        if self.by_row.values.is_empty() {
            return;
        }
        let coef = &coef[n_dense * k..];
        for (row, sums) in range.zip(out.chunks_exact_mut(k)) {
            let (dims, values) = self.by_row.list(row);
            add_rows(sums, dims, values, coef);
        }
    }

    fn dense_product(
        &self,
        range: std::ops::Range<usize>,
        residuals: &[f64],
        k: usize,
    ) -> Vec<f64> {
        let n_dense = self.n_dense;
        let mut product = vec![0.0; n_dense * k];
        if n_dense > 0 {
            let rows = &self.dense[range.start * n_dense..range.end * n_dense];
            let lhs = MatRef::from_row_major_slice(rows, range.len(), n_dense).transpose();
            let rhs = MatRef::from_row_major_slice(residuals, range.len(), k);
            let dst = MatMut::from_row_major_slice_mut(&mut product, n_dense, k);
            matmul(dst, Accum::Replace, lhs, rhs, 1.0, Par::Seq);
        }
        product
    }
}

fn poll(budget: &Budget) -> Result<(), FitError> {
    if budget.is_over() {
        return Err(FitError::Cancelled);
    }
    Ok(())
}

/// `sums += Σ value · source[index, ..]`: a sparse row or column times a row-major matrix.
#[inline]
fn add_rows(sums: &mut [f64], indices: &[u32], values: &[f32], source: &[f64]) {
    if let [sum] = sums {
        for (&index, &value) in indices.iter().zip(values) {
            *sum += f64::from(value) * source[index as usize];
        }
        return;
    }
    let k = sums.len();
    for (&index, &value) in indices.iter().zip(values) {
        let at = index as usize * k;
        for (sum, weight) in sums.iter_mut().zip(&source[at..at + k]) {
            *sum += f64::from(value) * weight;
        }
    }
}

/// The sparse columns side by side, one list for each row of a range.
pub(crate) fn gather_rows(
    bound: &Bound<'_>,
    rows: &TableView<'_>,
    range: std::ops::Range<usize>,
) -> Compressed {
    let mut out = Compressed {
        starts: vec![0],
        indices: Vec::new(),
        values: Vec::new(),
    };
    for row in range.map(|at| rows.row(at)) {
        let mut offset = 0;
        for sparse in &bound.sparse {
            let (indices, values) = sparse.row(row);
            out.indices
                .extend(indices.iter().map(|index| index + offset));
            out.values.extend_from_slice(values);
            offset += sparse.n_dims() as u32;
        }
        out.starts.push(out.indices.len());
    }
    out
}

/// Lists by row as lists by dimension; rows rise within each.
fn transposed(by_row: &Compressed, n_dims: usize) -> Compressed {
    let mut starts = vec![0; n_dims + 1];
    for &index in &by_row.indices {
        starts[index as usize + 1] += 1;
    }
    for dim in 0..n_dims {
        starts[dim + 1] += starts[dim];
    }
    let mut next = starts.clone();
    let mut indices = vec![0; by_row.indices.len()];
    let mut values = vec![0.0; by_row.values.len()];
    for row in 0..by_row.starts.len() - 1 {
        let (dims, cells) = by_row.list(row);
        for (&dim, &cell) in dims.iter().zip(cells) {
            let at = &mut next[dim as usize];
            indices[*at] = row as u32;
            values[*at] = cell;
            *at += 1;
        }
    }
    Compressed {
        starts,
        indices,
        values,
    }
}
