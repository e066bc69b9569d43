//! One grown tree over bins: what training and validation rows walk through.

use crate::binning::BinnedMatrix;

/// A set of bins, one bit each; bit 0 is the missing bin.
pub(crate) type BinSet = [u64; 4];

/// Whether `bin` is in the set.
#[inline]
pub(crate) fn contains(set: &BinSet, bin: u8) -> bool {
    set[bin as usize >> 6] >> (bin & 63) & 1 == 1
}

/// Adds `bin` to the set.
pub(crate) fn insert(set: &mut BinSet, bin: u8) {
    set[bin as usize >> 6] |= 1 << (bin & 63);
}

/// Which rows go left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// Bins from 1 up to this one; the missing bin if `missing_left`.
    UpTo { bin: u8, missing_left: bool },
    /// The bins of a set.
    In(BinSet),
}

impl Rule {
    /// Whether rows in `bin` go left.
    #[inline]
    pub(crate) fn goes_left(&self, bin: u8) -> bool {
        match self {
            Self::UpTo { missing_left, .. } if bin == 0 => *missing_left,
            Self::UpTo { bin: last, .. } => bin <= *last,
            Self::In(set) => contains(set, bin),
        }
    }

    /// The answer for every bin: 1 for left.
    pub(crate) fn table(&self) -> [u8; 256] {
        std::array::from_fn(|bin| u8::from(self.goes_left(bin as u8)))
    }
}

/// A node: an inner one with a rule, or a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TreeNode {
    /// Rows that the rule sends left go to node `left`, the others to `left + 1`; `left` is above the node's own index.
    Inner {
        feature: u32,
        rule: Rule,
        left: u32,
        gain: f64,
    },
    /// The index of its value.
    Leaf(u32),
}

/// A tree; node 0 is the root. Leaf `i` holds `values[i * width..][..width]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<TreeNode>,
    pub(crate) values: Vec<f64>,
    /// Weight of the rows that each leaf was grown on: their number where rows have no weights.
    pub(crate) covers: Vec<f64>,
    pub(crate) width: usize,
}

impl Tree {
    /// Number of leaves.
    pub(crate) fn n_leaves(&self) -> usize {
        self.values.len() / self.width
    }

    /// Makes a node the next leaf.
    pub(crate) fn set_leaf(&mut self, node: usize, value: &[f64], cover: f64) {
        self.nodes[node] = TreeNode::Leaf(self.n_leaves() as u32);
        self.values.extend_from_slice(value);
        self.covers.push(cover);
    }

    /// The leaf that a row of the matrix falls into.
    pub(crate) fn leaf(&self, matrix: &BinnedMatrix, row: usize) -> usize {
        let mut node = 0;
        loop {
            match &self.nodes[node] {
                TreeNode::Leaf(leaf) => return *leaf as usize,
                TreeNode::Inner {
                    feature,
                    rule,
                    left,
                    ..
                } => {
                    let goes_left = rule.goes_left(matrix.bin(*feature as usize, row));
                    node = *left as usize + usize::from(!goes_left);
                }
            }
        }
    }
}
