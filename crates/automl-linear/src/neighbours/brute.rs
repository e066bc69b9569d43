//! Wide Euclidean searches: all distances of a block of queries by one matrix product.

use super::index::{Metric, Near, Nearest, distance};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Queries and training rows of a block: 1 MiB of products, which stays in the cache.
const QUERIES: usize = 128;
const ROWS: usize = 2048;

/// What `‖x − q‖² = ‖x‖² − 2 x·q + ‖q‖²` needs of the training rows, which are centred so that little cancels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Centred {
    means: Vec<f32>,
    points: Vec<f32>,
    squares: Vec<f32>,
}

impl Centred {
    pub(super) fn of(points: &[f32], n_features: usize) -> Self {
        let n = (points.len() / n_features) as f64;
        let mut sums = vec![0.0_f64; n_features];
        for point in points.chunks_exact(n_features) {
            sums.iter_mut()
                .zip(point)
                .for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let means: Vec<f32> = sums.iter().map(|sum| (sum / n) as f32).collect();
        let points = centred(points, &means);
        let squares = squares(&points, n_features);
        Self {
            means,
            points,
            squares,
        }
    }

    /// Calls `visit(query, its nearest rows)` in order.
    ///
    /// The product is rounded, so a margin more than `k` rows are kept by it and compared exactly (as the tree does)
    /// afterwards. Cost: one multiply-add for each query, row and feature.
    pub(super) fn search(
        &self,
        points: &[f32],
        queries: &[f32],
        k: usize,
        mut visit: impl FnMut(usize, &mut Nearest),
    ) {
        let n_features = self.means.len();
        // No more than the searches fill: a single query must not clear room for a block of them.
        let (n_queries, n_points) = (queries.len() / n_features, self.squares.len());
        let mut products = vec![0.0_f32; n_queries.min(QUERIES) * n_points.min(ROWS)];
        let margin = k + 8 + k / 4;
        for (block, raw) in queries.chunks(QUERIES * n_features).enumerate() {
            let block_queries = centred(raw, &self.means);
            let n_queries = block_queries.len() / n_features;
            let mut kept: Vec<Nearest> = (0..n_queries).map(|_| Nearest::new(margin)).collect();
            let q = MatRef::from_row_major_slice(&block_queries, n_queries, n_features);
            for (part, rows) in self.points.chunks(ROWS * n_features).enumerate() {
                let n_rows = rows.len() / n_features;
                let x = MatRef::from_row_major_slice(rows, n_rows, n_features);
                let out = &mut products[..n_queries * n_rows];
                let dst = MatMut::from_row_major_slice_mut(out, n_queries, n_rows);
                matmul(dst, Accum::Replace, q, x.transpose(), -2.0, Par::Seq);
                let squares = &self.squares[part * ROWS..part * ROWS + n_rows];
                for (nearest, products) in kept.iter_mut().zip(products.chunks_exact(n_rows)) {
                    offer_sums(products, squares, part * ROWS, nearest);
                }
            }
            for (at, (roughly, query)) in kept
                .iter_mut()
                .zip(raw.chunks_exact(n_features))
                .enumerate()
            {
                let mut nearest = Nearest::new(k);
                for near in roughly.sorted() {
                    let start = near.row as usize * n_features;
                    let exact =
                        distance(Metric::Euclidean, query, &points[start..start + n_features]);
                    nearest.offer(Near {
                        distance: exact,
                        row: near.row,
                    });
                }
                visit(block * QUERIES + at, &mut nearest);
            }
        }
    }
}

/// Offers the rows `first..` at distances `product + square`; whole lanes of far rows are passed over at once.
fn offer_sums(products: &[f32], squares: &[f32], first: usize, nearest: &mut Nearest) {
    const LANES: usize = 16;
    let lanes = products.chunks(LANES).zip(squares.chunks(LANES));
    for (lane, (products, squares)) in lanes.enumerate() {
        let bound = nearest.bound();
        let sums = || products.iter().zip(squares).map(|(x, y)| x + y);
        if sums().filter(|&sum| sum <= bound).count() > 0 {
            for (i, distance) in sums().enumerate() {
                if distance <= nearest.bound() {
                    let row = (first + lane * LANES + i) as u32;
                    nearest.offer(Near { distance, row });
                }
            }
        }
    }
}

fn centred(points: &[f32], means: &[f32]) -> Vec<f32> {
    points
        .chunks_exact(means.len())
        .flat_map(|point| point.iter().zip(means).map(|(value, mean)| value - mean))
        .collect()
}

fn squares(points: &[f32], n_features: usize) -> Vec<f32> {
    let zero = vec![0.0; n_features];
    points
        .chunks_exact(n_features)
        .map(|point| distance(Metric::Euclidean, point, &zero))
        .collect()
}
