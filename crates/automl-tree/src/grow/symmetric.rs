//! Symmetric growth: one split a level, for all leaves of the level alike (the oblivious trees of CatBoost).
//!
//! A leaf in which the level's split would break the limits on leaves passes the level by and may split at the next; the
//! tree is still a function of one answer a level. It is a tree like any other, so scoring knows nothing of it.
//!
//! Cost of a level: the histograms of the smaller children, a subtraction for the larger ones, and one scan over each.

use super::limits::Allowed;
use super::{Grower, Grown, Leaf, PARALLEL_FEATURES, TreeTask};
use crate::histogram::Histogram;
use crate::split::{Account, LeafGain, LevelSplit, Split, left_sums};
use crate::tree::{Tree, TreeNode};
use automl_core::Threads;

/// The depth where no limit is set, as in CatBoost.
const DEFAULT_DEPTH: usize = 6;

impl Grower<'_> {
    pub(super) fn grow_symmetric(&mut self, task: &TreeTask<'_>) -> Grown {
        let mut tree = Tree {
            nodes: vec![TreeNode::Leaf(0)],
            values: Vec::new(),
            covers: Vec::new(),
            width: 1,
            linear: None,
        };
        let mut root = self.root(task);
        let depth_max = match self.shape.max_depth {
            0 => DEFAULT_DEPTH,
            limit => limit,
        };
        if !self.may_split(&root) {
            return self.finish(tree, vec![root]);
        }
        let histogram = self.histogram(task, root.range.clone());
        let mut accounts = self.accounts(task, &root, &histogram);
        root.histogram = Some(histogram);
        let mut leaves = vec![root];
        let mut allowed = self.limits.at_root();
        for depth in 0..depth_max {
            let chosen = self.level_split(task, &mut leaves, &mut accounts, &allowed);
            let Some(split) = chosen else { break };
            allowed = self.limits.below(&allowed, split.feature);
            let is_last = depth + 1 == depth_max;
            let n_before = tree.nodes.len();
            leaves = self.divide_level(task, &mut tree, leaves, &split, is_last);
            if tree.nodes.len() == n_before {
                break;
            }
        }
        self.finish(tree, leaves)
    }

    fn accounts(&self, task: &TreeTask<'_>, root: &Leaf, histogram: &Histogram) -> Vec<Account> {
        let account = |&index: &u32| {
            let feature = &self.matrix.features[index as usize];
            let mut scratch = Vec::new();
            let cells = self
                .histograms
                .cells(feature, histogram, root.sums.pair(), &mut scratch);
            let direction = self.limits.direction(index as usize);
            Account::new(&self.rules, index, feature, direction, (root.sums, cells))
        };
        task.features.iter().map(account).collect()
    }

    /// The best split for all leaves of a level together.
    fn level_split(
        &mut self,
        task: &TreeTask<'_>,
        leaves: &mut [Leaf],
        accounts: &mut [Account],
        allowed: &Allowed,
    ) -> Option<LevelSplit> {
        let depth = leaves.iter().map(|leaf| leaf.depth).max().unwrap_or(0) as u64;
        let seeds = ["level", "nodes"].map(|name| task.seed.named(name).indexed(depth));
        let shares = self.shape.shares;
        let features = self
            .limits
            .features_of(task.features, shares, allowed, seeds);
        let is_looked_at = |account: &Account| features.binary_search(&account.feature).is_ok();
        let mut open: Vec<&mut Account> = accounts
            .iter_mut()
            .filter(|account| is_looked_at(account))
            .collect();
        for account in &mut open {
            account.clear();
        }
        for leaf in leaves {
            if !self.may_split(leaf) {
                continue;
            }
            let histogram = self.histogram_of(task, leaf);
            self.add_leaf(&mut open, leaf, &histogram);
            self.keep_level(leaf, histogram);
        }
        let best_of = |account: &&mut Account| {
            let draw = seeds[1].indexed(u64::from(account.feature)).0 as u32;
            account.best(&self.rules, draw)
        };
        let found = open.iter().filter_map(best_of);
        found.reduce(
            |best, split| {
                if split.gain > best.gain { split } else { best }
            },
        )
    }

    fn add_leaf(&self, accounts: &mut [&mut Account], leaf: &Leaf, histogram: &Histogram) {
        let one = Threads::one();
        let threads = if accounts.len() >= PARALLEL_FEATURES {
            &self.threads
        } else {
            &one
        };
        threads.for_each_chunk(accounts, 16, |_, accounts| {
            let mut scratch = Vec::new();
            for account in accounts {
                let feature = &self.matrix.features[account.feature as usize];
                let cells =
                    self.histograms
                        .cells(feature, histogram, leaf.sums.pair(), &mut scratch);
                account.add(&self.rules, &leaf.sums, cells);
            }
        });
    }

    /// The leaf's histogram: the one it kept, or a new one.
    fn histogram_of(&mut self, task: &TreeTask<'_>, leaf: &mut Leaf) -> Histogram {
        match leaf.histogram.take() {
            Some(histogram) => histogram,
            None => self.histogram(task, leaf.range.clone()),
        }
    }

    fn keep_level(&mut self, leaf: &mut Leaf, histogram: Histogram) {
        if self.histograms.has_room() {
            leaf.histogram = Some(histogram);
        } else {
            self.histograms.free(Some(histogram));
        }
    }

    /// Splits every leaf that may: children stand in the place of their parent, so rows stay in the order of leaves.
    fn divide_level(
        &mut self,
        task: &TreeTask<'_>,
        tree: &mut Tree,
        leaves: Vec<Leaf>,
        split: &LevelSplit,
        is_last: bool,
    ) -> Vec<Leaf> {
        let mut next = Vec::with_capacity(2 * leaves.len());
        for mut leaf in leaves {
            let Some(of_leaf) = self.split_of_leaf(task, &mut leaf, split) else {
                leaf.depth += 1;
                next.push(leaf);
                continue;
            };
            let Some([mut left, mut right]) = self.divide(tree, &leaf, &of_leaf) else {
                leaf.depth += 1;
                next.push(leaf);
                continue;
            };
            let inherited = leaf.histogram.take();
            if is_last {
                self.histograms.free(inherited);
            } else {
                self.share_histogram(task, [&mut left, &mut right], inherited);
            }
            next.extend([left, right]);
        }
        next
    }

    /// The level's split as one of this leaf; `None` if a limit forbids it here.
    fn split_of_leaf(
        &mut self,
        task: &TreeTask<'_>,
        leaf: &mut Leaf,
        split: &LevelSplit,
    ) -> Option<Split> {
        if !self.may_split(leaf) {
            return None;
        }
        let histogram = self.histogram_of(task, leaf);
        let feature = &self.matrix.features[split.feature as usize];
        let mut scratch = Vec::new();
        let cells = self
            .histograms
            .cells(feature, &histogram, leaf.sums.pair(), &mut scratch);
        let left = left_sums(&split.rule, cells);
        self.keep_level(leaf, histogram);
        let direction = self.limits.direction(split.feature as usize);
        let gain = LeafGain::new(&self.rules, &leaf.sums, direction, split.extra_l2).of(left)?;
        Some(Split {
            // A leaf may lose by a split that the level gains by; importance counts gains only.
            gain: gain.max(0.0),
            feature: split.feature,
            rule: split.rule,
            left,
            right: [leaf.sums.gradient - left[0], leaf.sums.hessian - left[1]],
            extra_l2: split.extra_l2,
        })
    }

    /// Gives both children their histograms where they may split and there is room.
    fn share_histogram(
        &mut self,
        task: &TreeTask<'_>,
        [left, right]: [&mut Leaf; 2],
        inherited: Option<Histogram>,
    ) {
        let (small, large) = if left.n_rows <= right.n_rows {
            (left, right)
        } else {
            (right, left)
        };
        if !self.may_split(large) {
            self.histograms.free(inherited);
            return;
        }
        let Some(mut parent) = inherited else {
            return;
        };
        let of_small = self.histogram(task, small.range.clone());
        parent.subtract(&of_small);
        self.keep_level(large, parent);
        if self.may_split(small) {
            self.keep_level(small, of_small);
        } else {
            self.histograms.free(Some(of_small));
        }
    }
}
