//! The radial kernel `exp(−γ ‖x − y‖²)`: all values between training rows by products of matrices, and those of a row that
//! is predicted by its distances, one by one, so that they do not depend on the rows beside it.

use automl_core::Threads;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Rows of a block: its products stay in the cache.
const BLOCK: usize = 64;

/// Rows in row-major order with their squared lengths.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Points {
    pub(super) values: Vec<f64>,
    squares: Vec<f64>,
    n_features: usize,
}

impl Points {
    pub(super) fn new(values: Vec<f64>, n_features: usize) -> Self {
        let square = |row: &[f64]| row.iter().map(|value| value * value).sum();
        Self {
            squares: values.chunks_exact(n_features).map(square).collect(),
            values,
            n_features,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.squares.len()
    }

    /// The kernel between the rows from `first` on and all, row by row into `out`. Cost: a multiply-add for each pair and
    /// feature, and an exponential a pair.
    fn kernel(&self, first: usize, gamma: f64, out: &mut [f64]) {
        let (n, d) = (self.len(), self.n_features);
        let n_rows = out.len() / n;
        let rows = &self.values[first * d..(first + n_rows) * d];
        let q = MatRef::from_row_major_slice(rows, n_rows, d);
        let x = MatRef::from_row_major_slice(&self.values, n, d);
        let dst = MatMut::from_row_major_slice_mut(out, n_rows, n);
        matmul(dst, Accum::Replace, q, x.transpose(), -2.0, Par::Seq);
        for (row, own) in out.chunks_exact_mut(n).zip(&self.squares[first..]) {
            for (value, square) in row.iter_mut().zip(&self.squares) {
                // Rounding must not bring two rows nearer than they can be.
                *value = (-gamma * (*value + own + square).max(0.0)).exp();
            }
        }
    }
}

/// The kernel of two rows. Cost: three operations a feature, and an exponential.
pub(super) fn radial(a: &[f64], b: &[f64], gamma: f64) -> f64 {
    // Four sums that do not wait for each other.
    let mut sums = [0.0; 4];
    let (a_quads, a_rest) = a.as_chunks::<4>();
    let (b_quads, b_rest) = b.as_chunks::<4>();
    for (x, y) in a_quads.iter().zip(b_quads) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += (x - y) * (x - y);
        }
    }
    let rest = a_rest.iter().zip(b_rest);
    let tail: f64 = rest.map(|(x, y)| (x - y) * (x - y)).sum();
    (-gamma * ((sums[0] + sums[1]) + (sums[2] + sums[3]) + tail)).exp()
}

/// All values between the training rows, in single precision: `n²` of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kernel {
    values: Vec<f32>,
    n_rows: usize,
}

impl Kernel {
    /// Bytes that it takes.
    pub(super) fn n_bytes(n_rows: usize) -> u64 {
        (n_rows as u64).pow(2) * 4
    }

    pub(super) fn of(points: &Points, gamma: f64, threads: &Threads) -> Self {
        let n_rows = points.len();
        let mut values = vec![0.0_f32; n_rows * n_rows];
        threads.for_each_chunk(&mut values, BLOCK * n_rows, |block, out| {
            let mut exact = vec![0.0; out.len()];
            points.kernel(block * BLOCK, gamma, &mut exact);
            for (value, exact) in out.iter_mut().zip(exact) {
                *value = exact as f32;
            }
        });
        Self { values, n_rows }
    }

    pub(super) fn row(&self, row: u32) -> &[f32] {
        &self.values[row as usize * self.n_rows..][..self.n_rows]
    }

    /// What a row has with itself.
    pub(super) fn own(&self, row: u32) -> f64 {
        f64::from(self.values[row as usize * (self.n_rows + 1)])
    }
}
