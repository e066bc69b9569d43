//! Growth of one tree: split the most promising leaf, histogram the smaller child, subtract for the larger one.

mod draw;
mod limits;
mod symmetric;

pub(crate) use draw::{for_each_leaf, partition_shared, sample};
pub(crate) use limits::{Limits, Shares};

use crate::binning::BinnedMatrix;
use crate::histogram::{Cell, GradHess, Histogram, Histograms};
use crate::split::{Bounds, Candidates, FeatureView, Split, SplitRules, Sums, best_of_feature};
use crate::tree::{Tree, TreeNode};
use automl_core::{Collective, CollectiveError, Params, Seed, Threads};
use limits::Allowed;

/// Features from which the search for a split is worth a second thread.
const PARALLEL_FEATURES: usize = 64;
/// Features that a thread searches at once.
const SCAN_FEATURES: usize = 16;

/// The order in which leaves split.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// The leaf that gains most, wherever it is.
    LeafWise,
    /// Level by level, within a level the leaf that gains most.
    DepthWise,
    /// All leaves of a level by one split, as `CatBoost`'s `SymmetricTree`; `max_leaves` says nothing here.
    Symmetric,
}

/// Limits on a tree's shape.
#[derive(Debug, Clone)]
pub(crate) struct TreeShape {
    pub(crate) growth: Growth,
    pub(crate) max_leaves: usize,
    /// Zero means no limit.
    pub(crate) max_depth: usize,
    pub(crate) shares: Shares,
    /// Whether gradients are added up as whole numbers.
    pub(crate) is_quantized: bool,
}

/// What differs from tree to tree.
pub(crate) struct TreeTask<'a> {
    /// Rows to learn from, rising; `None` for all.
    pub(crate) rows: Option<&'a [u32]>,
    /// Gradient and Hessian of every row of the matrix.
    pub(crate) pairs: &'a [GradHess],
    /// Features to look at, rising.
    pub(crate) features: &'a [u32],
    pub(crate) seed: Seed,
}

/// A tree and where the rows of each of its leaves stand in [`Grower::rows`].
pub(crate) struct Grown {
    pub(crate) tree: Tree,
    pub(crate) leaf_rows: Vec<std::ops::Range<usize>>,
}

/// Grows trees on one matrix; keeps its buffers from tree to tree.
pub(crate) struct Grower<'a> {
    matrix: &'a BinnedMatrix,
    rules: SplitRules,
    shape: TreeShape,
    limits: Limits,
    threads: Threads,
    rows: Vec<u32>,
    scratch: Vec<u32>,
    histograms: Histograms<'a>,
}

struct Leaf {
    node: usize,
    /// Its rows in [`Grower::rows`].
    range: std::ops::Range<usize>,
    /// Their number, with those of other ranks.
    n_rows: usize,
    depth: usize,
    sums: Sums,
    extra_l2: f64,
    allowed: Allowed,
    histogram: Option<Histogram>,
    split: Option<Split>,
}

impl<'a> Grower<'a> {
    pub(crate) fn new(
        matrix: &'a BinnedMatrix,
        rules: SplitRules,
        shape: TreeShape,
        threads: Threads,
    ) -> Self {
        let is_quantized = shape.is_quantized;
        Self {
            matrix,
            rules,
            shape,
            limits: Limits::default(),
            histograms: Histograms::new(matrix, threads.clone(), is_quantized),
            threads,
            rows: Vec::new(),
            scratch: vec![0; matrix.n_rows],
        }
    }

    /// The same grower, which keeps to these limits.
    pub(crate) fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same grower, for rows that are dealt to these ranks: its matrix holds those of this one.
    pub(crate) fn over(self, ranks: Option<&'a dyn Collective>) -> Self {
        let Some(ranks) = ranks else {
            return self;
        };
        let histograms = Histograms::over(self.matrix, self.threads.clone(), ranks);
        Self { histograms, ..self }
    }

    /// # Errors
    /// The ranks are parted: the tree that was grown last is of no use.
    pub(crate) fn check(&self) -> Result<(), CollectiveError> {
        self.histograms.check()
    }

    /// The rows of the last tree, leaf by leaf; rising within a leaf.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Grows a tree; leaf values are not yet shrunk by the learning rate.
    pub(crate) fn grow(&mut self, task: &TreeTask<'_>) -> Grown {
        if self.shape.growth == Growth::Symmetric {
            return self.grow_symmetric(task);
        }
        let mut tree = Tree {
            nodes: vec![TreeNode::Leaf(0)],
            values: Vec::new(),
            covers: Vec::new(),
            width: 1,
            linear: None,
        };
        let mut root = self.root(task);
        if self.may_split(&root) {
            let histogram = self.histogram(task, root.range.clone());
            root.split = self.best_split(task, &root, &histogram);
            self.keep(&mut root, histogram);
        }
        let mut leaves = vec![root];
        while leaves.len() < self.shape.max_leaves {
            let Some(index) = self.next_leaf(&leaves) else {
                break;
            };
            let is_last = leaves.len() + 1 == self.shape.max_leaves;
            self.split(task, &mut tree, &mut leaves, index, is_last);
        }
        self.finish(tree, leaves)
    }

    fn finish(&mut self, mut tree: Tree, leaves: Vec<Leaf>) -> Grown {
        let mut leaf_rows = Vec::with_capacity(leaves.len());
        for (index, leaf) in leaves.into_iter().enumerate() {
            tree.nodes[leaf.node] = TreeNode::Leaf(index as u32);
            let Sums { bounds, .. } = leaf.sums;
            let value = self
                .rules
                .leaf_value(bounds, leaf.sums.pair(), leaf.extra_l2);
            let most = self.rules.max_step;
            tree.values.push(value.max(-most).min(most));
            tree.covers.push(leaf.n_rows as f64);
            leaf_rows.push(leaf.range);
            self.histograms.free(leaf.histogram);
        }
        Grown { tree, leaf_rows }
    }

    fn root(&mut self, task: &TreeTask<'_>) -> Leaf {
        self.rows.clear();
        match task.rows {
            Some(rows) => self.rows.extend_from_slice(rows),
            None => self.rows.extend(0..self.matrix.n_rows as u32),
        }
        let total = self
            .histograms
            .start(task.rows, task.pairs, task.features, task.seed);
        let n_rows = self.histograms.count(self.rows.len());
        Leaf {
            node: 0,
            range: 0..self.rows.len(),
            n_rows,
            depth: 0,
            sums: Sums {
                gradient: total[0],
                hessian: total[1],
                n_rows,
                bounds: Bounds::default(),
            },
            extra_l2: 0.0,
            allowed: self.limits.at_root(),
            histogram: None,
            split: None,
        }
    }

    fn may_split(&self, leaf: &Leaf) -> bool {
        let has_depth = self.shape.max_depth == 0 || leaf.depth < self.shape.max_depth;
        has_depth
            && leaf.n_rows >= 2 * self.rules.min_rows.max(1)
            && leaf.sums.hessian >= 2.0 * self.rules.min_hessian
    }

    fn next_leaf(&self, leaves: &[Leaf]) -> Option<usize> {
        let mut best: Option<(usize, usize, f64)> = None;
        for (index, leaf) in leaves.iter().enumerate() {
            let Some(split) = &leaf.split else { continue };
            let depth = match self.shape.growth {
                Growth::LeafWise => 0,
                Growth::DepthWise | Growth::Symmetric => leaf.depth,
            };
            let is_better = best.is_none_or(|(_, best_depth, gain)| {
                depth < best_depth || (depth == best_depth && split.gain > gain)
            });
            if is_better {
                best = Some((index, depth, split.gain));
            }
        }
        best.map(|(index, _, _)| index)
    }

    /// Splits a leaf; the left child takes its place, the right one comes last.
    fn split(
        &mut self,
        task: &TreeTask<'_>,
        tree: &mut Tree,
        leaves: &mut Vec<Leaf>,
        index: usize,
        is_last: bool,
    ) {
        let parent = &mut leaves[index];
        let split = parent
            .split
            .take()
            .expect("only leaves with a split are chosen");
        let inherited = parent.histogram.take();
        let Some([mut left, mut right]) = self.divide(tree, &leaves[index], &split) else {
            // The estimated counts allowed a split that holds no row on one side.
            self.histograms.free(inherited);
            return;
        };
        if is_last {
            self.histograms.free(inherited);
        } else {
            self.find_splits(task, [&mut left, &mut right], inherited);
        }
        leaves[index] = left;
        leaves.push(right);
    }

    /// The children of a leaf, its rows parted among them; `None` if one side has no row.
    fn divide(&mut self, tree: &mut Tree, parent: &Leaf, split: &Split) -> Option<[Leaf; 2]> {
        let range = parent.range.clone();
        let n_left = self.partition(split, range.clone());
        let n_rows_left = self.histograms.count(n_left);
        if n_rows_left == 0 || n_rows_left >= parent.n_rows {
            return None;
        }
        let middle = range.start + n_left;
        let first = tree.nodes.len();
        tree.nodes[parent.node] = TreeNode::Inner {
            feature: split.feature,
            rule: split.rule,
            left: first as u32,
            gain: split.gain,
        };
        tree.nodes.extend([TreeNode::Leaf(0); 2]);
        let bounds = self.bounds_below(split, parent.sums.bounds);
        let allowed = self.limits.below(&parent.allowed, split.feature);
        let child = |side: usize, range: std::ops::Range<usize>, n_rows, sums: Cell| Leaf {
            node: first + side,
            depth: parent.depth + 1,
            sums: Sums {
                gradient: sums[0],
                hessian: sums[1],
                n_rows,
                bounds: bounds[side],
            },
            range,
            n_rows,
            extra_l2: split.extra_l2,
            allowed: allowed.clone(),
            histogram: None,
            split: None,
        };
        Some([
            child(0, range.start..middle, n_rows_left, split.left),
            child(
                1,
                middle..range.end,
                parent.n_rows - n_rows_left,
                split.right,
            ),
        ])
    }

    fn bounds_below(&self, split: &Split, bounds: Bounds) -> [Bounds; 2] {
        let direction = self.limits.direction(split.feature as usize);
        let value = |sums: Cell| self.rules.leaf_value(bounds, sums, split.extra_l2);
        bounds.divided(direction, value(split.left), value(split.right))
    }

    fn find_splits(
        &mut self,
        task: &TreeTask<'_>,
        children: [&mut Leaf; 2],
        inherited: Option<Histogram>,
    ) {
        let [left, right] = children;
        let (small, large) = if left.n_rows <= right.n_rows {
            (left, right)
        } else {
            (right, left)
        };
        let (small_may, large_may) = (self.may_split(small), self.may_split(large));
        if !small_may && !large_may {
            self.histograms.free(inherited);
            return;
        }
        let small_histogram = self.histogram(task, small.range.clone());
        if large_may {
            let histogram = match inherited {
                Some(mut parent) => {
                    parent.subtract(&small_histogram);
                    parent
                }
                None => self.histogram(task, large.range.clone()),
            };
            large.split = self.best_split(task, large, &histogram);
            self.keep(large, histogram);
        } else {
            self.histograms.free(inherited);
        }
        if small_may {
            small.split = self.best_split(task, small, &small_histogram);
        }
        self.keep(small, small_histogram);
    }

    /// Leaves the histogram with a leaf that will split, or takes it back.
    fn keep(&mut self, leaf: &mut Leaf, histogram: Histogram) {
        if leaf.split.is_some() && self.histograms.has_room() {
            leaf.histogram = Some(histogram);
        } else {
            self.histograms.free(Some(histogram));
        }
    }

    fn histogram(&mut self, task: &TreeTask<'_>, range: std::ops::Range<usize>) -> Histogram {
        let is_whole = range.len() == self.matrix.n_rows;
        let rows = (!is_whole).then(|| &self.rows[range]);
        self.histograms.build(rows, task.pairs)
    }

    fn best_split(&self, task: &TreeTask<'_>, leaf: &Leaf, histogram: &Histogram) -> Option<Split> {
        let seed = task.seed.indexed(leaf.node as u64);
        let level = task.seed.named("level").indexed(leaf.depth as u64);
        let (limits, shares) = (&self.limits, self.shape.shares);
        let features = limits.features_of(task.features, shares, &leaf.allowed, [level, seed]);
        let of_features = |features: &[u32]| {
            let (mut candidates, mut scratch) = (Candidates::new(), Vec::new());
            let of_feature = |&index: &u32| {
                let index = index as usize;
                let feature = &self.matrix.features[index];
                let view = FeatureView {
                    index,
                    feature,
                    cells: self.histograms.cells(
                        feature,
                        histogram,
                        leaf.sums.pair(),
                        &mut scratch,
                    ),
                    draw: seed.indexed(index as u64).0 as u32,
                    direction: limits.direction(index),
                };
                best_of_feature(&self.rules, &leaf.sums, &view, &mut candidates)
            };
            features.iter().filter_map(of_feature).reduce(better)
        };
        if features.len() < PARALLEL_FEATURES {
            return of_features(&features);
        }
        let chunks: Vec<&[u32]> = features.chunks(SCAN_FEATURES).collect();
        let found = self
            .threads
            .map(chunks.len(), |chunk| of_features(chunks[chunk]));
        found.into_iter().flatten().reduce(better)
    }

    /// Puts the rows that go left first, keeping the order on both sides; gives their number.
    fn partition(&mut self, split: &Split, range: std::ops::Range<usize>) -> usize {
        let (bytes, lanes, lane) = self.matrix.strided(split.feature as usize);
        let feature = &self.matrix.features[split.feature as usize];
        let table = feature.by_code(split.rule.table());
        partition_shared(
            &mut self.rows[range],
            &mut self.scratch,
            (bytes, lanes, lane),
            &table,
            &self.threads,
        )
    }
}

/// The one that gains more, the first among equals.
fn better(best: Split, split: Split) -> Split {
    if split.gain > best.gain { split } else { best }
}

#[cfg(test)]
mod tests;
