//! The training rows with what finds the nearest of them.
//!
//! Microseconds a query (15 neighbours, uniform features, one core of a 2024 server) decide which search an index takes:
//!
//! | rows | features | tree | tiles | product |
//! |---|---|---|---|---|
//! | 4 000 | 3 | 2 | 3 | |
//! | 4 000 | 5 | 8 | 3 | |
//! | 40 000 | 3 | 8 | 21 | 40 |
//! | 40 000 | 4 | 15 | 23 | |
//! | 40 000 | 6 | 73 | 27 | 42 |
//! | 40 000 | 12 | above 1000 | 43 | 45 |
//! | 40 000 | 16 | | 53 | 49 |
//! | 40 000 | 40 | | 114 | 76 |
//! | 300 000 | 5 | 52 | 150 | |
//! | 300 000 | 6 | 105 | 167 | |

use super::brute::Centred;
use super::tiles::Tiles;
use super::tree::Tree;

/// How far two rows are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    /// The sum of absolute differences.
    Manhattan,
    /// The root of the sum of squared differences.
    Euclidean,
}

/// A tree wins with at least `TREE_ROWS_MIN · 4^d` rows of `d` features.
const TREE_ROWS_MIN: usize = 64;
/// With more features than this, Euclidean distances come from a matrix product.
const TILES_FEATURES_MAX: usize = 13;

/// A training row near a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Near {
    /// Distance; squared while searching by the Euclidean metric.
    pub(super) distance: f32,
    /// Its number in the order of training.
    pub(super) row: u32,
}

impl Near {
    /// Nearer first; equally near rows in their order.
    #[inline]
    pub(super) fn before(self, other: Self) -> bool {
        self.distance < other.distance || (self.distance == other.distance && self.row < other.row)
    }
}

/// The `k` nearest rows met so far: a heap with the farthest on top.
pub(super) struct Nearest {
    k: usize,
    heap: Vec<Near>,
}

impl Nearest {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            heap: Vec::with_capacity(k),
        }
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }

    /// A row farther than this cannot be among the nearest.
    #[inline]
    pub(super) fn bound(&self) -> f32 {
        if self.heap.len() < self.k {
            f32::INFINITY
        } else {
            self.heap[0].distance
        }
    }

    #[inline]
    pub(super) fn offer(&mut self, near: Near) {
        if self.heap.len() < self.k {
            self.heap.push(near);
            let mut at = self.heap.len() - 1;
            while at > 0 && self.heap[(at - 1) / 2].before(self.heap[at]) {
                self.heap.swap(at, (at - 1) / 2);
                at = (at - 1) / 2;
            }
        } else if near.before(self.heap[0]) {
            self.heap[0] = near;
            self.sink();
        }
    }

    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let mut child = 2 * at + 1;
            if child >= self.heap.len() {
                return;
            }
            if child + 1 < self.heap.len() && self.heap[child].before(self.heap[child + 1]) {
                child += 1;
            }
            if !self.heap[at].before(self.heap[child]) {
                return;
            }
            self.heap.swap(at, child);
            at = child;
        }
    }

    /// The rows, nearest first.
    pub(super) fn sorted(&mut self) -> &[Near] {
        self.heap
            .sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
        &self.heap
    }
}

/// Distance of two rows as it is compared: squared for the Euclidean metric. Cost: three operations a feature.
#[inline]
pub(super) fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "rows of one width");
    let cell = |x: f32, y: f32| match metric {
        Metric::Manhattan => (x - y).abs(),
        Metric::Euclidean => (x - y) * (x - y),
    };
    // Four sums that do not wait for each other.
    let mut sums = [0.0_f32; 4];
    let (a_quads, b_quads) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest = a_quads.remainder().iter().zip(b_quads.remainder());
    let tail: f32 = rest.map(|(&x, &y)| cell(x, y)).sum();
    for (x, y) in a_quads.zip(b_quads) {
        for lane in 0..4 {
            sums[lane] += cell(x[lane], y[lane]);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

/// How an index looks for the nearest rows.
#[derive(Debug, Clone, PartialEq)]
enum Finder {
    Tree(Tree),
    Tiles(Tiles),
    Product(Centred),
}

/// Points in training order, row-major, with what finds them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Index {
    pub(super) points: Vec<f32>,
    n_features: usize,
    metric: Metric,
    finder: Finder,
}

impl Index {
    /// An index of finite points, at least one; the same points give the same index.
    pub(super) fn build(points: Vec<f32>, n_features: usize, metric: Metric) -> Self {
        let n_rows = points.len() / n_features;
        let finder = if is_for_tree(n_rows, n_features) {
            Finder::Tree(Tree::build(&points, n_features))
        } else if metric == Metric::Manhattan || n_features <= TILES_FEATURES_MAX {
            Finder::Tiles(Tiles::of(&points, n_features))
        } else {
            Finder::Product(Centred::of(&points, n_features))
        };
        Self {
            points,
            n_features,
            metric,
            finder,
        }
    }

    pub(super) fn n_points(&self) -> usize {
        self.points.len() / self.n_features
    }

    /// Calls `visit(query, nearest rows)` for each query in order, with true distances, nearest first.
    pub(super) fn search(&self, queries: &[f32], k: usize, mut visit: impl FnMut(usize, &[Near])) {
        let k = k.min(self.n_points());
        let root = |nearest: &mut Nearest| -> Vec<Near> {
            let is_squared = self.metric == Metric::Euclidean;
            let true_distance = |near: &Near| Near {
                distance: if is_squared {
                    near.distance.sqrt()
                } else {
                    near.distance
                },
                row: near.row,
            };
            nearest.sorted().iter().map(true_distance).collect()
        };
        match &self.finder {
            Finder::Tree(tree) => {
                let mut nearest = Nearest::new(k);
                for (at, query) in queries.chunks_exact(self.n_features).enumerate() {
                    nearest.clear();
                    tree.search(query, self.metric, &mut nearest);
                    visit(at, &root(&mut nearest));
                }
            }
            Finder::Tiles(tiles) => tiles.search(self.metric, queries, k, |at, nearest| {
                visit(at, &root(nearest));
            }),
            Finder::Product(centred) => centred.search(&self.points, queries, k, |at, nearest| {
                visit(at, &root(nearest));
            }),
        }
    }
}

fn is_for_tree(n_rows: usize, n_features: usize) -> bool {
    n_features <= 12 && n_rows / TREE_ROWS_MIN >= 1 << (2 * n_features)
}
