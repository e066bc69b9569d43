//! Boosting without tuning: a split stays only if rows that did not choose it say so, and boosting ends when none does.
//!
//! Rows are hashed into five folds. Each round grows its trees on four folds and judges them by the fifth, another one each
//! round. Judged by the second-order loss, a step of `v` changes the loss of rows with the sums `G`, `H` of gradients and
//! Hessians by `G·ηv + H·(ηv)²/2`. From the leaves up, a split whose two sides together do not bring the held-out rows a
//! lower loss than their common mean is taken back (reduced-error pruning, Quinlan 1987); a tree without a split adds
//! nothing. After five such rounds on end, one for each fold, boosting is over.
//!
//! Rows of the fifth fold taught earlier rounds, so what is left of their noise points against a step that fits noise. The
//! check therefore grows stricter as the model does, and the rounds come to an end by themselves. It is the more reliable
//! the smaller trees are: of hundreds of leaves, some pass by chance.
//!
//! The one knob is the budget of Perpetual (perpetual-ml.com, 2024), from which `η = 10^−budget` follows; the method of
//! checking is another one, at a lower cost: no histogram is kept for a fold.
//!
//! Cost: a tree learns from four fifths of the rows; the fifth are parted down the tree once. A byte a row.

use super::RoundEnd;
use super::sampling::Sample;
use crate::binning::BinnedMatrix;
use crate::gradient_boosting::GradientBoostingParams;
use crate::grow::{Grown, for_each_leaf};
use crate::histogram::GradHess;
use crate::objective::Goal;
use crate::tree::{Tree, TreeNode};
use automl_core::{ParamError, ParamValue, Seed};
use std::ops::Range;

/// Folds, and rounds without a split after which boosting ends.
const N_FOLDS: u8 = 5;
/// What the shrinkages of all rounds may sum up to: a limit that data have not been seen to reach.
const MAX_STEPS: f64 = 100.0;

/// The folds of a fit and how its last rounds ended.
pub(super) struct Generalization {
    folds: Vec<u8>,
    n_barren: u8,
}

/// Refuses what this mode does not go with.
pub(crate) fn check(params: &GradientBoostingParams) -> Result<(), ParamError> {
    use super::{Boosting, RowSampling};
    let reason = if params.boosting == Boosting::Dart {
        "does not go with boosting = dart, whose trees change after they are judged"
    } else if params.row_sampling != RowSampling::Uniform {
        "draws rows itself: leave row_sampling as it is by default"
    } else {
        return Ok(());
    };
    conflict(params, reason)
}

/// Refuses losses that the second-order loss is no measure of.
pub(super) fn check_goal(params: &GradientBoostingParams, goal: &Goal) -> Result<(), ParamError> {
    if goal.leaf_quantile().is_none() {
        return Ok(());
    }
    conflict(
        params,
        "does not go with an objective whose leaves are quantiles: use squared or huber",
    )
}

fn conflict(params: &GradientBoostingParams, reason: &str) -> Result<(), ParamError> {
    if params.generalization_budget == 0.0 {
        return Ok(());
    }
    Err(ParamError::Conflict {
        name: "generalization_budget".into(),
        value: ParamValue::Float(params.generalization_budget),
        reason: reason.into(),
    })
}

/// The shrinkage of trees and the rounds to make at most.
pub(super) fn pace(params: &GradientBoostingParams) -> (f64, usize) {
    if params.generalization_budget == 0.0 {
        return (params.learning_rate, params.n_trees);
    }
    let shrinkage = 10.0_f64.powf(-params.generalization_budget);
    (shrinkage, (MAX_STEPS / shrinkage).ceil() as usize)
}

impl Generalization {
    /// `None` if the mode is off.
    pub(super) fn new(params: &GradientBoostingParams, n_rows: usize, seed: Seed) -> Option<Self> {
        let seed = seed.named("folds");
        let fold = |row: usize| (seed.indexed(row as u64).0 % u64::from(N_FOLDS)) as u8;
        (params.generalization_budget > 0.0).then(|| Self {
            folds: (0..n_rows).map(fold).collect(),
            n_barren: 0,
        })
    }

    /// The rows that a round learns from.
    pub(super) fn learners(&self, round: usize) -> Sample {
        let held = (round % usize::from(N_FOLDS)) as u8;
        let is_learner = |row: &u32| self.folds[*row as usize] != held;
        Sample {
            rows: (0..self.folds.len() as u32).filter(is_learner).collect(),
            factors: Vec::new(),
        }
    }

    /// The rows that judge a round.
    fn judges(&self, round: usize) -> Vec<u32> {
        let held = (round % usize::from(N_FOLDS)) as u8;
        let is_judge = |row: &u32| self.folds[*row as usize] == held;
        (0..self.folds.len() as u32).filter(is_judge).collect()
    }

    /// Takes back the splits of a round's tree that do not generalise. `order` are the rows of the tree, leaf by leaf.
    pub(super) fn prune(
        &self,
        round: usize,
        grown: &mut Grown,
        matrix: &BinnedMatrix,
        order: &[u32],
        (pairs, shrinkage): (&[GradHess], f64),
    ) {
        let mut judges = self.judges(round);
        let mut scratch = vec![0; judges.len()];
        let mut held = vec![[0.0; 2]; grown.tree.n_leaves()];
        for_each_leaf(
            &grown.tree,
            matrix,
            &mut judges,
            &mut scratch,
            |leaf, rows| {
                held[leaf] = sums(rows, pairs);
            },
        );
        let ranges = grown.leaf_rows.iter();
        let learned = ranges.map(|range| sums(&order[range.clone()], pairs)[1]);
        let verdict = judge(&grown.tree, &learned.collect::<Vec<_>>(), &held, shrinkage);
        *grown = rebuilt(grown, &verdict);
    }

    /// Whether boosting is over after a round that ended so.
    pub(super) fn is_over(&mut self, end: RoundEnd) -> bool {
        match end {
            RoundEnd::Grown => {
                self.n_barren = 0;
                false
            }
            RoundEnd::Barren => {
                self.n_barren += 1;
                self.n_barren == N_FOLDS
            }
            RoundEnd::OutOfTime | RoundEnd::Overflow => true,
        }
    }
}

/// Removes rounds at the end that add nothing.
pub(super) fn drop_last_barren(trees: &mut Vec<Tree>, n_outputs: usize) {
    let says_nothing = |tree: &Tree| tree.values == [0.0];
    while trees.len() >= n_outputs && trees[trees.len() - n_outputs..].iter().all(says_nothing) {
        trees.truncate(trees.len() - n_outputs);
    }
}

fn sums(rows: &[u32], pairs: &[GradHess]) -> [f64; 2] {
    rows.iter().fold([0.0; 2], |sums, &row| {
        let pair = pairs[row as usize].map(f64::from);
        [sums[0] + pair[0], sums[1] + pair[1]]
    })
}

/// For each node its value as a leaf, and whether it becomes one.
struct Verdict {
    values: Vec<f64>,
    is_leaf: Vec<bool>,
}

/// Judges a tree from its leaves up. For each leaf, `learned` is the Hessian of the rows that it was grown on, and `held`
/// are the sums of the rows that judge. A node's value is the mean of its children's, so it keeps within their bounds.
fn judge(tree: &Tree, learned: &[f64], held: &[[f64; 2]], shrinkage: f64) -> Verdict {
    let n_nodes = tree.nodes.len();
    let (mut weights, mut sums) = (vec![0.0; n_nodes], vec![[0.0; 2]; n_nodes]);
    let (mut values, mut losses) = (vec![0.0; n_nodes], vec![0.0; n_nodes]);
    let mut is_leaf = vec![true; n_nodes];
    // Children stand above their parent.
    for node in (0..n_nodes).rev() {
        match &tree.nodes[node] {
            TreeNode::Leaf(leaf) => {
                let leaf = *leaf as usize;
                (weights[node], sums[node]) = (learned[leaf], held[leaf]);
                values[node] = tree.values[leaf];
            }
            TreeNode::Inner { left, .. } => {
                let (a, b) = (*left as usize, *left as usize + 1);
                weights[node] = weights[a] + weights[b];
                sums[node] = [sums[a][0] + sums[b][0], sums[a][1] + sums[b][1]];
                let share = if weights[node] > 0.0 {
                    weights[a] / weights[node]
                } else {
                    0.5
                };
                values[node] = share * values[a] + (1.0 - share) * values[b];
            }
        }
        if node == 0 {
            // A tree without a split adds nothing.
            values[0] = 0.0;
        }
        let step = shrinkage * values[node];
        losses[node] = sums[node][0] * step + 0.5 * sums[node][1] * step * step;
        if let TreeNode::Inner { left, .. } = &tree.nodes[node] {
            let below = losses[*left as usize] + losses[*left as usize + 1];
            if below < losses[node] {
                (losses[node], is_leaf[node]) = (below, false);
            }
        }
    }
    Verdict { values, is_leaf }
}

/// The tree that is left, level by level.
fn rebuilt(grown: &Grown, verdict: &Verdict) -> Grown {
    let old = &grown.tree;
    let mut tree = Tree {
        nodes: vec![TreeNode::Leaf(0)],
        values: Vec::new(),
        covers: Vec::new(),
        width: 1,
        linear: None,
    };
    let mut leaf_rows = Vec::new();
    let mut order = vec![0];
    let mut next = 0;
    while next < order.len() {
        let node = order[next];
        match &old.nodes[node] {
            TreeNode::Inner {
                feature,
                rule,
                left,
                gain,
            } if !verdict.is_leaf[node] => {
                tree.nodes[next] = TreeNode::Inner {
                    feature: *feature,
                    rule: *rule,
                    left: tree.nodes.len() as u32,
                    gain: *gain,
                };
                tree.nodes.extend([TreeNode::Leaf(0); 2]);
                order.extend([*left as usize, *left as usize + 1]);
            }
            _ => {
                let rows = rows_below(grown, node);
                tree.set_leaf(next, &[verdict.values[node]], rows.len() as f64);
                leaf_rows.push(rows);
            }
        }
        next += 1;
    }
    Grown { tree, leaf_rows }
}

/// Where the rows of a node stand: those of its leaves follow each other.
fn rows_below(grown: &Grown, node: usize) -> Range<usize> {
    match &grown.tree.nodes[node] {
        TreeNode::Leaf(leaf) => grown.leaf_rows[*leaf as usize].clone(),
        TreeNode::Inner { left, .. } => {
            let left = *left as usize;
            rows_below(grown, left).start..rows_below(grown, left + 1).end
        }
    }
}

#[cfg(test)]
mod tests;
