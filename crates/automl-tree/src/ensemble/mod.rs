//! Trees ready to score: flat arrays of nodes with raw thresholds, so that rows need no binning.

mod artifact;
mod bits;
mod compact;
mod explain;
mod linear;
mod row;
mod score;
mod walk;

pub(crate) use explain::Detail;
pub(crate) use linear::write as write_linear;

use crate::binning::{BinnedMatrix, Bins, Feature};
use crate::inputs::{BoundColumn, Inputs};
use crate::linear_leaves::LinearLeaves;
use crate::tree::{BinSet, Rule, Tree, TreeNode};
use automl_core::{Importance, ImportanceKind, PredictError, Table};
use score::Prepared;

pub(crate) const LEAF: u32 = 1 << 31;
pub(crate) const CATEGORY: u32 = 1 << 30;
pub(crate) const MISSING_LEFT: u32 = 1 << 29;
/// The set has bins of 64 and more: it is looked up instead of read from the node.
const WIDE: u32 = 1 << 28;
const SLOT: u32 = WIDE - 1;

/// Sixteen bytes. An inner node sends `x <= threshold` to `child`, the rest to `child + 1`; a category node asks whether
/// the bin is in a set. Of a leaf, `child` is the index of its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    /// The bits of a number's threshold, or of the set of bins below 64, or the number of a wide set.
    test: u64,
    /// Slot of the input, with the flags above.
    slot: u32,
    child: u32,
}

impl Node {
    #[inline]
    fn is_leaf(&self) -> bool {
        self.slot & LEAF != 0
    }
}

/// Scored trees over the columns of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ensemble {
    pub(crate) inputs: Inputs,
    /// The input that each slot reads: only inputs that some node asks for.
    slots: Vec<u32>,
    /// Which number of the input each slot reads: of a category that is read as its means, that of an output; else 0.
    slot_outputs: Vec<u32>,
    nodes: Vec<Node>,
    /// First node of each tree.
    roots: Vec<u32>,
    /// One for each category node, in the order of the nodes.
    sets: Vec<BinSet>,
    /// `width` numbers a leaf.
    values: Vec<f64>,
    width: usize,
    /// What leaves add beside constants, if they do, by slot.
    linear: Option<LinearLeaves>,
    /// Weight of the rows that each leaf was grown on, apart from the nodes because scoring does not need it; none in
    /// models written before it was kept. A node's cover is the sum of those of its leaves.
    ///
    /// Rows are counted by their weight, not by their Hessian: an attribution then asks how often a row goes each way,
    /// which is a property of the data, and it is what LightGBM counts. Hessians would give rows that are already
    /// predicted well next to no say.
    covers: Option<Vec<f64>>,
    /// Total gain of each input.
    gains: Vec<f64>,
    /// What scoring makes of the trees.
    prepared: Prepared,
}

impl Ensemble {
    pub(crate) fn new(table: &Table, matrix: &BinnedMatrix, trees: &[Tree], width: usize) -> Self {
        let (slots, slot_outputs): (Vec<u32>, Vec<u32>) =
            used_slots(matrix, trees).into_iter().unzip();
        let mut ensemble = Self {
            inputs: Inputs::new(table, matrix),
            linear: linear::gathered(trees, matrix, &slots),
            slots,
            slot_outputs,
            nodes: Vec::new(),
            roots: Vec::new(),
            sets: Vec::new(),
            values: Vec::new(),
            width,
            covers: Some(trees.iter().flat_map(|tree| tree.covers.clone()).collect()),
            gains: vec![0.0; table.n_columns()],
            prepared: Prepared::default(),
        };
        for tree in trees {
            ensemble.push(matrix, tree);
        }
        ensemble
    }

    fn push(&mut self, matrix: &BinnedMatrix, tree: &Tree) {
        assert_eq!(tree.width, self.width, "leaves of one width");
        let first_node = self.nodes.len() as u32;
        let first_leaf = (self.values.len() / self.width) as u32;
        self.roots.push(first_node);
        self.values.extend_from_slice(&tree.values);
        for node in &tree.nodes {
            let node = match node {
                TreeNode::Leaf(leaf) => Node {
                    test: 0,
                    slot: LEAF,
                    child: first_leaf + leaf,
                },
                TreeNode::Inner {
                    feature,
                    rule,
                    left,
                    gain,
                } => {
                    let feature = &matrix.features[*feature as usize];
                    self.gains[feature.column] += gain;
                    let (test, flags) = self.test(&feature.bins, feature.n_bins, rule);
                    let slot = self.slot_of(slot_key(feature));
                    Node {
                        test,
                        slot: slot | flags,
                        child: first_node + left,
                    }
                }
            };
            self.nodes.push(node);
        }
    }

    fn test(&mut self, bins: &Bins, n_bins: usize, rule: &Rule) -> (u64, u32) {
        match (bins, rule) {
            (
                Bins::Number { edges } | Bins::Means { edges, .. },
                Rule::UpTo { bin, missing_left },
            ) => {
                let flags = if *missing_left { MISSING_LEFT } else { 0 };
                let threshold = match *bin {
                    0 => f64::NEG_INFINITY,
                    bin => edges[bin as usize - 1],
                };
                (f64::to_bits(threshold), flags)
            }
            (_, rule) => {
                let mut set = BinSet::default();
                (0..=255)
                    .filter(|&bin| rule.goes_left(bin))
                    .for_each(|bin| crate::tree::insert(&mut set, bin));
                self.sets.push(set);
                set_test(&set, self.sets.len() - 1, n_bins)
            }
        }
    }

    /// The slot that reads a number of an input.
    fn slot_of(&self, (input, output): (u32, u32)) -> u32 {
        let first = self.slots.partition_point(|&slot| slot < input);
        let mut of_input = self.slot_outputs[first..].iter();
        let place = of_input.position(|&known| known == output);
        (first + place.expect("every input of a node has a slot")) as u32
    }

    /// The table's columns, one for each slot.
    pub(crate) fn bind<'a>(
        &'a self,
        table: &'a Table,
    ) -> Result<Vec<BoundColumn<'a>>, PredictError> {
        self.inputs.bind(table, &self.slots, &self.slot_outputs)
    }

    /// Whether all values of leaves and all gains are: an artifact holds no others.
    pub(crate) fn is_finite(&self) -> bool {
        let mut numbers = self.values.iter().chain(&self.gains);
        numbers.all(|number| number.is_finite())
    }

    /// Numbers a leaf holds.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// About how many nanoseconds a row alone takes: a search for each slot, then the longest way down each tree, with something
    /// for each node, since of many nodes few are in the cache.
    pub(crate) fn row_work(&self) -> f64 {
        const SLOT: f64 = 30.0;
        const STEP: f64 = 2.5;
        const NODE: f64 = 0.08;
        1e3 + SLOT * self.slots.len() as f64
            + STEP * self.n_steps() as f64
            + NODE * self.nodes.len() as f64
    }

    /// The longest ways down all trees, added up.
    fn n_steps(&self) -> usize {
        let mut depths: Vec<u32> = Vec::new();
        let of_tree = |tree: usize| {
            let first = self.roots[tree];
            let nodes = self.tree_nodes(tree);
            depths.clear();
            depths.resize(nodes.len(), 0);
            for (place, node) in nodes.iter().enumerate() {
                if !node.is_leaf() {
                    let left = (node.child - first) as usize;
                    let depth = depths[place] + 1;
                    depths[left..left + 2].fill(depth);
                }
            }
            depths.iter().copied().max().unwrap_or(0) as usize
        };
        (0..self.n_trees()).map(of_tree).sum()
    }

    /// Number of trees.
    pub(crate) fn n_trees(&self) -> usize {
        self.roots.len()
    }

    /// Whether `start` and one leaf a tree never add up to more than half the greatest number; tree `t` adds to output
    /// `t % start.len()`. Leaves with linear models count by what they say where they cannot be used; the other half is
    /// theirs.
    pub(crate) fn are_sums_bounded(&self, start: &[f64]) -> bool {
        let mut sums: Vec<f64> = start.iter().map(|score| score.abs()).collect();
        for tree in 0..self.n_trees() {
            let leaves = self.tree_nodes(tree).iter().filter(|node| node.is_leaf());
            let values = leaves.map(|leaf| self.values[leaf.child as usize].abs());
            sums[tree % start.len()] += values.fold(0.0, f64::max);
        }
        sums.iter().all(|&sum| sum <= f64::MAX / 2.0)
    }

    /// The nodes of a tree.
    fn tree_nodes(&self, tree: usize) -> &[Node] {
        let end = self.roots.get(tree + 1);
        let end = end.map_or(self.nodes.len(), |&end| end as usize);
        &self.nodes[self.roots[tree] as usize..end]
    }

    /// Each input's share of the total; none if nothing was split, or the covers are not known.
    pub(crate) fn importance(&self, kind: ImportanceKind) -> Option<Importance> {
        let amounts = match kind {
            ImportanceKind::Gain => self.gains.clone(),
            ImportanceKind::Splits => self.amounts(|_| 1.0),
            ImportanceKind::Cover => {
                let covers = self.node_covers()?;
                self.amounts(|node| covers[node])
            }
        };
        let total: f64 = amounts.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let mut shares: Vec<(String, f64)> = self
            .inputs
            .0
            .iter()
            .zip(&amounts)
            .map(|(input, amount)| (input.name.clone(), amount / total))
            .collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Some(Importance(shares))
    }

    /// Sums up, for each input, what the inner nodes that ask for it have.
    fn amounts(&self, of_node: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut amounts = vec![0.0; self.inputs.0.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            if !node.is_leaf() {
                let input = self.slots[(node.slot & SLOT) as usize];
                amounts[input as usize] += of_node(index);
            }
        }
        amounts
    }

    /// The cover of every node.
    fn node_covers(&self) -> Option<Vec<f64>> {
        let leaf_covers = self.covers.as_ref()?;
        let mut covers = vec![0.0; self.nodes.len()];
        // Children stand above their parent.
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let child = node.child as usize;
            covers[index] = if node.is_leaf() {
                leaf_covers[child]
            } else {
                covers[child] + covers[child + 1]
            };
        }
        Some(covers)
    }
}

/// How a node asks for a set of bins of which the greatest is below `n_bins`.
fn set_test(set: &BinSet, number: usize, n_bins: usize) -> (u64, u32) {
    if n_bins <= 64 {
        (set[0], CATEGORY)
    } else {
        (number as u64, CATEGORY | WIDE)
    }
}

/// What a slot reads for a feature: the input, and which of its numbers.
fn slot_key(feature: &Feature) -> (u32, u32) {
    let output = match feature.bins {
        Bins::Means { output, .. } => output,
        _ => 0,
    };
    (feature.column as u32, output as u32)
}

fn used_slots(matrix: &BinnedMatrix, trees: &[Tree]) -> Vec<(u32, u32)> {
    let mut used: Vec<(u32, u32)> = trees
        .iter()
        .flat_map(|tree| &tree.nodes)
        .filter_map(|node| match node {
            TreeNode::Inner { feature, .. } => Some(slot_key(&matrix.features[*feature as usize])),
            TreeNode::Leaf(_) => None,
        })
        .collect();
    used.sort_unstable();
    used.dedup();
    used
}

#[cfg(test)]
mod tests;
