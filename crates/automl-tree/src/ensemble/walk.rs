//! The walk, for trees of any shape: a block's cells are copied row-major once, then every tree walks four or eight rows at a time.
//!
//! Cost: rows × trees × depth steps of about a nanosecond; the block (≤ 32 KiB) and a tree (16 bytes a node) stay in the
//! first-level cache, and the walks side by side hide each other's latency.

use super::{CATEGORY, Ensemble, MISSING_LEFT, Node, SLOT, WIDE};
use crate::inputs::BoundColumn;
use crate::tree::contains;
use automl_core::{PredictError, TableView};
use std::ops::Range;

/// Rows that walk a deep tree side by side: its nodes come from memory, and the walks hide each other's latency.
const DEEP_LANES: usize = 8;
/// Rows for trees of few nodes, which are in the cache: fewer steps are spent waiting for the longest walk.
const SHALLOW_LANES: usize = 4;
/// Nodes of a shallow tree, at most, in the mean.
const SHALLOW_NODES: usize = 256;
const BLOCK_CELLS: usize = 4096;

/// Rows whose cells stand row-major; behind the last row there are cells of any kind, so that lanes may run over it.
pub(super) struct Block<'a> {
    pub(super) first_row: usize,
    pub(super) n_rows: usize,
    pub(super) n_slots: usize,
    cells: &'a [u64],
}

impl Block<'_> {
    /// The cells of rows that walk side by side.
    #[inline]
    pub(super) fn batch(&self, batch: usize, lanes: usize) -> &[u64] {
        &self.cells[batch * lanes * self.n_slots..][..lanes * self.n_slots]
    }
}

impl Ensemble {
    /// The scores after the trees before each of `ends`.
    pub(super) fn walked_stages(
        &self,
        rows: &TableView<'_>,
        start: &[f64],
        ends: &[usize],
    ) -> Result<Vec<Vec<f64>>, PredictError> {
        let n_outputs = start.len();
        let n_values = rows.n_rows() * n_outputs;
        let mut stages: Vec<Vec<f64>> = ends.iter().map(|_| Vec::with_capacity(n_values)).collect();
        self.for_each_block(rows, |block| {
            let mut sums = start.repeat(block.n_rows);
            let mut first = 0;
            for (stage, &end) in stages.iter_mut().zip(ends) {
                self.score_trees(first..end, &block, n_outputs, &mut sums);
                stage.extend_from_slice(&sums);
                first = end;
            }
        })?;
        Ok(stages)
    }

    /// The leaf of each row in each tree, counted within the tree; one row of leaves a row.
    pub(crate) fn leaf_numbers(&self, rows: &TableView<'_>) -> Result<Vec<u32>, PredictError> {
        let n_trees = self.roots.len();
        let firsts: Vec<u32> = (0..n_trees).map(|tree| self.first_leaf(tree)).collect();
        let mut numbers = vec![0; rows.n_rows() * n_trees];
        self.for_each_block(rows, |block| {
            let numbers = &mut numbers[block.first_row * n_trees..][..block.n_rows * n_trees];
            for (tree, &root) in self.roots.iter().enumerate() {
                for (batch, numbers) in numbers.chunks_mut(DEEP_LANES * n_trees).enumerate() {
                    let cells = block.batch(batch, DEEP_LANES);
                    let leaves = self.leaves::<true, DEEP_LANES>(root, cells, block.n_slots);
                    for (numbers, leaf) in numbers.chunks_exact_mut(n_trees).zip(leaves) {
                        numbers[tree] = leaf - firsts[tree];
                    }
                }
            }
        })?;
        Ok(numbers)
    }

    /// The least leaf of a tree.
    fn first_leaf(&self, tree: usize) -> u32 {
        let leaves = self.tree_nodes(tree).iter().filter(|node| node.is_leaf());
        leaves.map(|node| node.child).min().unwrap_or(0)
    }

    pub(super) fn for_each_block(
        &self,
        rows: &TableView<'_>,
        mut visit: impl FnMut(Block<'_>),
    ) -> Result<(), PredictError> {
        let columns = self.bind(rows.table())?;
        let n_slots = columns.len().max(1);
        let block_rows = (BLOCK_CELLS / n_slots).clamp(DEEP_LANES, 256) / DEEP_LANES * DEEP_LANES;
        let mut cells = vec![0; block_rows * n_slots];
        for first_row in (0..rows.n_rows()).step_by(block_rows) {
            let n_rows = block_rows.min(rows.n_rows() - first_row);
            encode(rows, first_row, n_rows, &columns, &mut cells);
            visit(Block {
                first_row,
                n_rows,
                n_slots,
                cells: &cells,
            });
        }
        Ok(())
    }

    pub(super) fn score_trees(
        &self,
        trees: Range<usize>,
        block: &Block<'_>,
        n_outputs: usize,
        sums: &mut [f64],
    ) {
        if let Some(linear) = &self.linear {
            self.score_linear(linear, trees, block, sums);
            return;
        }
        let is_shallow = self.nodes.len() <= SHALLOW_NODES * self.roots.len();
        match (self.sets.is_empty(), is_shallow) {
            (true, true) => self.score_block::<false, SHALLOW_LANES>(trees, block, n_outputs, sums),
            (true, false) => self.score_block::<false, DEEP_LANES>(trees, block, n_outputs, sums),
            (false, true) => self.score_block::<true, SHALLOW_LANES>(trees, block, n_outputs, sums),
            (false, false) => self.score_block::<true, DEEP_LANES>(trees, block, n_outputs, sums),
        }
    }

    fn score_block<const CATEGORIES: bool, const LANES: usize>(
        &self,
        trees: Range<usize>,
        block: &Block<'_>,
        n_outputs: usize,
        sums: &mut [f64],
    ) {
        for tree in trees {
            let root = self.roots[tree];
            for (batch, sums) in sums.chunks_mut(LANES * n_outputs).enumerate() {
                let rows = block.batch(batch, LANES);
                let leaves = self.leaves::<CATEGORIES, LANES>(root, rows, block.n_slots);
                for (leaf, sums) in leaves.into_iter().zip(sums.chunks_exact_mut(n_outputs)) {
                    if self.width == 1 {
                        sums[tree % n_outputs] += self.values[leaf as usize];
                    } else {
                        let values = &self.values[leaf as usize * self.width..][..self.width];
                        sums.iter_mut()
                            .zip(values)
                            .for_each(|(sum, value)| *sum += value);
                    }
                }
            }
        }
    }

    /// The leaves of the rows that walk side by side.
    #[inline]
    pub(super) fn leaves<const CATEGORIES: bool, const LANES: usize>(
        &self,
        root: u32,
        rows: &[u64],
        n_slots: usize,
    ) -> [u32; LANES] {
        let mut at = [root; LANES];
        loop {
            let mut is_done = true;
            for (lane, at) in at.iter_mut().enumerate() {
                let node = &self.nodes[*at as usize];
                let x = rows[lane * n_slots + (node.slot & SLOT) as usize];
                let goes_left = self.goes_left::<CATEGORIES>(node, x);
                let next = node.child + u32::from(!goes_left);
                is_done &= node.is_leaf();
                *at = if node.is_leaf() { *at } else { next };
            }
            if is_done {
                return at.map(|node| self.nodes[node as usize].child);
            }
        }
    }

    /// Both tests are made and one is taken: which kind a node is cannot be foreseen, so a branch would cost more.
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "a branch here would be mispredicted"
    )]
    #[inline]
    pub(super) fn goes_left<const CATEGORIES: bool>(&self, node: &Node, cell: u64) -> bool {
        let x = f64::from_bits(cell);
        let is_below =
            (x <= f64::from_bits(node.test)) | (x.is_nan() & (node.slot & MISSING_LEFT != 0));
        if !CATEGORIES {
            return is_below;
        }
        if node.slot & WIDE != 0 {
            return contains(&self.sets[node.test as usize], cell as u8);
        }
        let is_category = node.slot & CATEGORY != 0;
        let is_in = node.test >> (cell & 63) & 1 == 1;
        (is_category & is_in) | (!is_category & is_below)
    }
}

/// Copies rows `start..start + n_rows` of the view, row-major.
fn encode(
    rows: &TableView<'_>,
    start: usize,
    n_rows: usize,
    columns: &[BoundColumn<'_>],
    cells: &mut [u64],
) {
    let n_slots = columns.len();
    for (slot, column) in columns.iter().enumerate() {
        for place in 0..n_rows {
            cells[place * n_slots + slot] = column.bits(rows.row(start + place));
        }
    }
}
