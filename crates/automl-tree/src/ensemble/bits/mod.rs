//! Scoring without branches: a block of rows asks all tests of a tree at once, bytes against bytes.
//!
//! Where a row goes right at a node, it can reach none of the leaves below the left child. With the leaves of a tree in a
//! row of bits, every such test strikes out some of them, in any order, and the first leaf that is left is the row's
//! (`QuickScorer`: Lucchese et al., 2015; byte by byte as `RapidScorer`: Ye et al., 2018). Of two children the one with fewer
//! leaves stands first, so most tests strike out bits of one byte only. A tree of few different tests needs no leaves
//! struck out: the answers are themselves the index into a table of values. That is what symmetric trees are, also where
//! some of their branches end early.
//!
//! Cost: rows × bytes struck at (about the leaves of a tree) × 1/50 ns with vectors of 32 bytes, 1/25 ns with 16; then
//! about 0.4 ns a row and tree to find the leaf and add its value. Memory: 4 bytes an inner node and a copy of the values;
//! tables have up to four times as many values as leaves.
//!
//! Values are added in the order of the trees, so sums are those of the walk, bit by bit, whatever the vectors.

mod compile;
mod kernel;
mod planes;

use super::Ensemble;
use crate::inputs::BoundColumn;
use automl_core::TableView;
use planes::{Coder, Plane, ROWS};
use pulp::Arch;
use std::ops::Range;

/// Leaves of a tree at most: the index of a leaf is a byte.
const MAX_LEAVES: usize = 256;
/// Different tests of a tree that is a table, at most.
const MAX_TABLE_TESTS: usize = 16;
/// Planes at most, those for categories' answers included: a block then takes 1 MiB.
const MAX_PLANES: usize = 8192;

/// Strikes out `bits` of a byte for rows above `rank` in a plane.
#[derive(Debug, Clone, Copy)]
struct Strike {
    plane: u16,
    rank: i8,
    bits: u8,
}

/// Some bins of a category, all of one plane.
#[derive(Debug, Clone, Copy)]
struct Bins {
    plane: u16,
    bits: u8,
}

/// A test of a category: its answers become a plane of their own.
#[derive(Debug, Clone, Copy)]
struct Membership {
    /// The end of its bins; they start where those of the test before end.
    end: u32,
    /// Rows of the set, instead of those outside, are above all ranks.
    inverted: bool,
}

/// What a tree's bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The first bit that is not struck out is the leaf.
    FirstLeft,
    /// The bits are the index of a table.
    Index,
}

/// A tree; each of its lists starts where that of the tree before ends.
#[derive(Debug, Clone, Copy)]
struct BitTree {
    reading: Reading,
    /// The end of its bytes.
    end_byte: u32,
    /// The end of its tests of categories.
    end_membership: u32,
    /// The first of its leaves, or of its table.
    first_leaf: u32,
}

/// An ensemble whose trees are lists of strikes.
#[derive(Debug)]
pub(super) struct BitTrees {
    /// The vectors that the machine has.
    pub(super) arch: Arch,
    coder: Coder,
    n_planes: usize,
    /// Planes for the answers of a tree's categories.
    n_answers: usize,
    trees: Vec<BitTree>,
    /// The end of the strikes of each byte.
    ends: Vec<u32>,
    strikes: Vec<Strike>,
    memberships: Vec<Membership>,
    bins: Vec<Bins>,
    /// `width` numbers a leaf, and 256 more numbers, so that every leaf of one number is within 256 from its tree's first.
    values: Vec<f64>,
    width: usize,
}

/// Rows of a view to score.
pub(super) struct Request<'a> {
    pub(super) rows: &'a TableView<'a>,
    pub(super) columns: &'a [BoundColumn<'a>],
    pub(super) n_outputs: usize,
}

/// A block of rows: their bytes, and `ROWS` sums an output.
pub(super) struct Block {
    planes: Vec<Plane>,
    sums: Vec<[f64; ROWS]>,
    first_row: usize,
    n_rows: usize,
}

impl BitTrees {
    /// `None` if some tree is of another shape: more than 256 leaves and different tests, or nodes that share a child.
    pub(super) fn new(ensemble: &Ensemble) -> Option<Self> {
        compile::compile(ensemble)
    }

    /// Visits blocks of `ROWS` rows, the last perhaps of fewer.
    pub(super) fn for_each_block(&self, request: &Request<'_>, mut visit: impl FnMut(&mut Block)) {
        let mut block = Block {
            planes: vec![Plane::EMPTY; self.n_planes + self.n_answers],
            sums: vec![[0.0; ROWS]; request.n_outputs],
            first_row: 0,
            n_rows: 0,
        };
        let n_rows = request.rows.n_rows();
        for first_row in (0..n_rows).step_by(ROWS) {
            block.first_row = first_row;
            block.n_rows = ROWS.min(n_rows - first_row);
            self.arch.dispatch(kernel::Encode {
                trees: self,
                request,
                block: &mut block,
            });
            visit(&mut block);
        }
    }

    /// Adds some trees to the block's sums.
    pub(super) fn score(&self, trees: Range<usize>, block: &mut Block) {
        self.arch.dispatch(kernel::Score {
            trees: self,
            range: trees,
            block,
        });
    }
}

impl Block {
    /// Takes the block's rows of `sums`, `n_outputs` a row.
    pub(super) fn load(&mut self, sums: &[f64]) {
        let n_outputs = self.sums.len();
        let first = self.first_row * n_outputs;
        let rows = sums[first..][..self.n_rows * n_outputs].chunks_exact(n_outputs);
        for (place, row) in rows.enumerate() {
            for (sums, sum) in self.sums.iter_mut().zip(row) {
                sums[place] = *sum;
            }
        }
    }

    /// Puts the block's sums into its rows of `out`.
    pub(super) fn store(&self, out: &mut [f64]) {
        let n_outputs = self.sums.len();
        let first = self.first_row * n_outputs;
        let rows = out[first..][..self.n_rows * n_outputs].chunks_exact_mut(n_outputs);
        for (place, row) in rows.enumerate() {
            for (sums, sum) in self.sums.iter().zip(row) {
                *sum = sums[place];
            }
        }
    }
}
