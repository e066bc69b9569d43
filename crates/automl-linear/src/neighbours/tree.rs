//! A KD tree as flat arrays: rows reordered so that every node is a range of them, split at the middle.

use super::index::{Metric, Near, Nearest, distance};

/// Ranges of at most this many rows are not split.
const LEAF_ROWS: usize = 24;

/// A balanced tree over points. Node `i` has children `2i + 1` and `2i + 2`; its range follows from its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    n_features: usize,
    /// Points in tree order.
    points: Vec<f32>,
    /// Training row of each point.
    rows: Vec<u32>,
    /// Feature and value at which each inner node splits, in heap order.
    splits: Vec<(u32, f32)>,
}

impl Tree {
    /// Splits at the median of the widest feature. Cost: `n log n` selections for each level of `log n`.
    pub(super) fn build(points: &[f32], n_features: usize) -> Self {
        let n = points.len() / n_features;
        let mut order: Vec<u32> = (0..n as u32).collect();
        let mut splits = Vec::new();
        // Level by level, so that the splits come in heap order; all ranges of a level differ by one row at most.
        let mut ranges = Vec::from([std::ops::Range { start: 0, end: n }]);
        while ranges.iter().any(|range| range.len() > LEAF_ROWS) {
            let mut next = Vec::with_capacity(ranges.len() * 2);
            for range in ranges {
                let part = &mut order[range.clone()];
                let feature = widest(points, n_features, part);
                let value = |row: u32| points[row as usize * n_features + feature];
                let middle = part.len() / 2;
                if !part.is_empty() {
                    part.select_nth_unstable_by(middle, |&a, &b| {
                        value(a).total_cmp(&value(b)).then(a.cmp(&b))
                    });
                }
                splits.push((
                    feature as u32,
                    part.get(middle).map_or(0.0, |&row| value(row)),
                ));
                next.push(range.start..range.start + middle);
                next.push(range.start + middle..range.end);
            }
            ranges = next;
        }
        // Within a leaf rows keep their order.
        for range in ranges {
            order[range].sort_unstable();
        }
        let mut arranged = Vec::with_capacity(points.len());
        for &row in &order {
            let start = row as usize * n_features;
            arranged.extend_from_slice(&points[start..start + n_features]);
        }
        Self {
            n_features,
            points: arranged,
            rows: order,
            splits,
        }
    }

    /// Offers every row that may be among the nearest.
    pub(super) fn search(&self, query: &[f32], metric: Metric, nearest: &mut Nearest) {
        let mut offsets = vec![0.0; self.n_features];
        self.descend(
            0,
            0..self.rows.len(),
            0.0,
            &mut offsets,
            query,
            metric,
            nearest,
        );
    }

    /// `gap` is the least distance from the query to the node's box, the sum of a share for each feature in `offsets`.
    #[expect(
        clippy::too_many_arguments,
        reason = "the state of one recursive search"
    )]
    fn descend(
        &self,
        node: usize,
        range: std::ops::Range<usize>,
        gap: f32,
        offsets: &mut [f32],
        query: &[f32],
        metric: Metric,
        nearest: &mut Nearest,
    ) {
        let Some(&(feature, value)) = self.splits.get(node) else {
            let points = &self.points[range.start * self.n_features..range.end * self.n_features];
            for (point, &row) in points.chunks_exact(self.n_features).zip(&self.rows[range]) {
                nearest.offer(Near {
                    distance: distance(metric, query, point),
                    row,
                });
            }
            return;
        };
        let feature = feature as usize;
        let difference = query[feature] - value;
        let middle = range.start + range.len() / 2;
        let (left, right) = (
            (2 * node + 1, range.start..middle),
            (2 * node + 2, middle..range.end),
        );
        let (near, far) = if difference < 0.0 {
            (left, right)
        } else {
            (right, left)
        };
        self.descend(near.0, near.1, gap, offsets, query, metric, nearest);
        let beyond = match metric {
            Metric::Manhattan => difference.abs(),
            Metric::Euclidean => difference * difference,
        };
        let far_gap = gap - offsets[feature] + beyond;
        // A little slack, for the gap is a sum of rounded numbers; equal distances may win by their row.
        if far_gap <= nearest.bound() * (1.0 + 1e-5) {
            let before = std::mem::replace(&mut offsets[feature], beyond);
            self.descend(far.0, far.1, far_gap, offsets, query, metric, nearest);
            offsets[feature] = before;
        }
    }
}

/// The feature whose values reach farthest among `rows`.
fn widest(points: &[f32], n_features: usize, rows: &[u32]) -> usize {
    let mut low = vec![f32::INFINITY; n_features];
    let mut high = vec![f32::NEG_INFINITY; n_features];
    for &row in rows {
        let start = row as usize * n_features;
        for (j, &value) in points[start..start + n_features].iter().enumerate() {
            low[j] = low[j].min(value);
            high[j] = high[j].max(value);
        }
    }
    let mut best = 0;
    for j in 1..n_features {
        if high[j] - low[j] > high[best] - low[best] {
            best = j;
        }
    }
    best
}
