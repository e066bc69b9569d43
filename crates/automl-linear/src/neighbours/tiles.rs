//! Searches that compare a query with every row, a tile of rows at a time.

use super::index::{Metric, Near, Nearest};

/// Rows of a tile: their sums stay in registers while the features go by.
const LANES: usize = 16;
/// Tiles of a block, which stays in the cache while a block of queries meets it.
const BLOCK_TILES: usize = 64;
/// Queries of a block.
const BLOCK_QUERIES: usize = 64;

/// Rows in tiles, each feature-major: `[tile][feature][lane]`, the last tile filled up with infinity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tiles {
    n_features: usize,
    n_rows: usize,
    cells: Vec<f32>,
}

impl Tiles {
    pub(super) fn of(points: &[f32], n_features: usize) -> Self {
        let n_rows = points.len() / n_features;
        let mut cells = vec![f32::INFINITY; n_rows.div_ceil(LANES) * LANES * n_features];
        for (row, point) in points.chunks_exact(n_features).enumerate() {
            let tile = row / LANES * LANES * n_features;
            for (j, &value) in point.iter().enumerate() {
                cells[tile + j * LANES + row % LANES] = value;
            }
        }
        Self {
            n_features,
            n_rows,
            cells,
        }
    }

    /// Calls `visit(query, its nearest rows)` in order. Cost: three operations for each query, row and feature.
    pub(super) fn search(
        &self,
        metric: Metric,
        queries: &[f32],
        k: usize,
        mut visit: impl FnMut(usize, &mut Nearest),
    ) {
        let d = self.n_features;
        let n_lists = BLOCK_QUERIES.min(queries.len() / d);
        let mut nearest: Vec<Nearest> = (0..n_lists).map(|_| Nearest::new(k)).collect();
        for (part, queries) in queries.chunks(BLOCK_QUERIES * d).enumerate() {
            nearest.iter_mut().for_each(Nearest::clear);
            for (block, cells) in self.cells.chunks(BLOCK_TILES * LANES * d).enumerate() {
                let first = block * BLOCK_TILES * LANES;
                let n_rows = self.n_rows - first;
                for (query, nearest) in queries.chunks_exact(d).zip(&mut nearest) {
                    let offer = |at: usize, distance: f32| {
                        if at < n_rows {
                            nearest.offer(Near {
                                distance,
                                row: (first + at) as u32,
                            });
                        }
                        nearest.bound()
                    };
                    match metric {
                        Metric::Manhattan => scan(cells, query, f32::abs, offer),
                        Metric::Euclidean => scan(cells, query, |x| x * x, offer),
                    }
                }
            }
            for (at, nearest) in nearest[..queries.len() / d].iter_mut().enumerate() {
                visit(part * BLOCK_QUERIES + at, nearest);
            }
        }
    }
}

/// Sums `share(x − q)` over the features of each row and offers `(row, sum)` where it is no more than the bound that the
/// last offer gave.
#[inline]
fn scan(
    cells: &[f32],
    query: &[f32],
    share: impl Fn(f32) -> f32,
    mut offer: impl FnMut(usize, f32) -> f32,
) {
    let mut bound = offer(usize::MAX, f32::INFINITY);
    for (tile, cells) in cells.chunks_exact(query.len() * LANES).enumerate() {
        let mut sums = [0.0_f32; LANES];
        for (cells, &q) in cells.as_chunks::<LANES>().0.iter().zip(query) {
            for lane in 0..LANES {
                sums[lane] += share(cells[lane] - q);
            }
        }
        if sums.iter().filter(|&&sum| sum <= bound).count() > 0 {
            for (lane, &sum) in sums.iter().enumerate() {
                if sum <= bound {
                    bound = offer(tile * LANES + lane, sum);
                }
            }
        }
    }
}
