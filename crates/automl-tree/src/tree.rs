//! One grown tree over bins: what training and validation rows walk through.

use crate::binning::BinnedMatrix;
use crate::linear_leaves::{LinearLeaves, RawColumns};

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
    /// What leaves add beside constants, if they do; `values` then stand for rows that lack a number.
    pub(crate) linear: Option<LinearLeaves>,
}

impl Tree {
    /// Number of leaves.
    pub(crate) fn n_leaves(&self) -> usize {
        self.values.len() / self.width
    }

    /// Multiplies what the leaves say by a factor.
    pub(crate) fn scale(&mut self, factor: f64) {
        for value in &mut self.values {
            *value *= factor;
        }
        if let Some(linear) = &mut self.linear {
            linear.scale(factor);
        }
    }

    /// What a leaf says of a row.
    #[inline]
    pub(crate) fn value(&self, leaf: usize, raw: &RawColumns<'_>, row: u32) -> f64 {
        let value = self.values[leaf];
        match &self.linear {
            None => value,
            Some(linear) => linear.value(leaf, value, |feature| raw.number(feature, row)),
        }
    }

    /// Adds what a leaf says of its rows to their scores, which are those of all rows from `first_row` on.
    pub(crate) fn add_leaf(
        &self,
        leaf: usize,
        rows: &[u32],
        raw: &RawColumns<'_>,
        (first_row, scores): (usize, &mut [f64]),
    ) {
        if self.linear.is_some() {
            for &row in rows {
                scores[row as usize - first_row] += self.value(leaf, raw, row);
            }
            return;
        }
        let value = self.values[leaf];
        for &row in rows {
            scores[row as usize - first_row] += value;
        }
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
