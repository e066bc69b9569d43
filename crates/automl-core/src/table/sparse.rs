//! Sparse vectors, one a row, in compressed sparse row form.

use std::sync::Arc;

/// Rows of a sparse matrix: row `i` holds `indices[starts[i]..starts[i + 1]]` with their `values`.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseRows {
    names: Arc<[Box<str>]>,
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl SparseRows {
    /// No rows yet, of as many dimensions as there are names.
    pub fn new(names: Arc<[Box<str>]>) -> Self {
        Self {
            names,
            starts: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds a row given as `(dimension, value)` in strictly rising order of dimension.
    pub fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        let start = self.indices.len();
        for (index, value) in row {
            self.indices.push(index);
            self.values.push(value);
        }
        debug_assert!(self.indices[start..].is_sorted_by(|a, b| a < b));
        debug_assert!(
            self.indices[start..]
                .iter()
                .all(|&index| (index as usize) < self.names.len())
        );
        self.starts.push(self.indices.len());
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of dimensions.
    pub fn n_dims(&self) -> usize {
        self.names.len()
    }

    /// What each dimension stands for.
    pub fn names(&self) -> &Arc<[Box<str>]> {
        &self.names
    }

    /// Dimensions and values of `row`.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// A copy of the rows given, in that order.
    pub fn gather(&self, rows: &[u32]) -> Self {
        let mut out = Self::new(self.names.clone());
        for &row in rows {
            let (indices, values) = self.row(row as usize);
            out.indices.extend_from_slice(indices);
            out.values.extend_from_slice(values);
            out.starts.push(out.indices.len());
        }
        out
    }

    /// Bytes held, names apart.
    pub fn n_bytes(&self) -> usize {
        self.starts.len() * 8 + self.indices.len() * 8
    }
}
