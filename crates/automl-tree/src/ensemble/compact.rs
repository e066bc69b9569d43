//! One row through large ensembles: an inner node is four bytes, so that few lines of memory are read a tree, one after another.
//!
//! A walk through many trees waits for memory, not for the processor: nodes of sixteen bytes do not stay in the cache, and each
//! step may be a miss. So all distinct tests of the ensemble are answered first, as one byte a cell. A number is told by its rank
//! among the thresholds that its slot is compared with: `x <= t[j]` just if `#(t < x) <= j`, which a node asks of a byte; more than
//! 255 thresholds take several cells. A test for a set of categories is a cell of its own, that says 0 for left and 1 for right.
//!
//! The inner nodes of a tree stand in preorder, and each says how many there are on its left: the left child is the next one, the
//! right child so many behind, and as many leaves and one more stand before it. So leaves need no node, and their values stand
//! from left to right.
//!
//! Cost: a search among its thresholds for each slot and a bit for each distinct set, then about a nanosecond and a half a step.

use super::{CATEGORY, Ensemble, MISSING_LEFT, Node, SLOT, WIDE};
use crate::inputs::BoundColumn;
use crate::tree::{BinSet, contains};

/// Trees that are walked side by side.
const LANES: usize = 8;
/// Trees whose leaves are found before their values are added: these reads wait for memory side by side, too.
const BATCH: usize = 256;
/// Cells that twelve bits of a node name, and inner nodes of a tree.
const MOST: usize = 1 << 12;
/// Thresholds that one cell tells apart.
const RANKS: usize = 255;

/// A tree, or what is left of it on the way down: its first inner node, its first leaf, and how many inner nodes it has.
#[derive(Debug, Clone, Copy)]
struct Part {
    node: u32,
    leaf: u32,
    n_inner: u32,
}

/// The cells of one slot.
#[derive(Debug, Default)]
struct SlotCells {
    /// Thresholds that missing numbers pass to the right, and to the left, each list rising, with its first cell.
    numbers: [(Vec<f64>, usize); 2],
    sets: Vec<BinSet>,
    first_set: usize,
}

/// Large ensembles for single rows.
#[derive(Debug)]
pub(super) struct CompactTrees {
    /// Rank in the lowest eight bits, then the cell, then the inner nodes on the left in the highest twelve.
    nodes: Vec<u32>,
    starts: Vec<Part>,
    /// `width` numbers a leaf.
    values: Vec<f64>,
    slots: Vec<SlotCells>,
}

/// What the tests of a row's cells say.
pub(super) struct Answers([u8; MOST]);

impl CompactTrees {
    /// None if a tree is too large, or there are too many different tests.
    pub(super) fn new(ensemble: &Ensemble) -> Option<Self> {
        let slots = slots_of(ensemble)?;
        let counts = inner_counts(&ensemble.nodes);
        let mut trees = Self {
            nodes: Vec::with_capacity(ensemble.nodes.len() / 2 + 1),
            starts: Vec::with_capacity(ensemble.roots.len()),
            values: Vec::with_capacity(ensemble.values.len()),
            slots,
        };
        for &root in &ensemble.roots {
            let n_inner = counts[root as usize];
            // Only trees whose nodes share a child can be more than there are nodes.
            let n_nodes = trees.nodes.len() + n_inner as usize;
            if n_inner as usize > MOST || n_nodes > ensemble.nodes.len() {
                return None;
            }
            trees.starts.push(Part {
                node: trees.nodes.len() as u32,
                leaf: (trees.values.len() / ensemble.width) as u32,
                n_inner,
            });
            trees.push(ensemble, root, &counts);
        }
        // A walk that is over looks at the node behind its tree.
        trees.nodes.push(0);
        Some(trees)
    }

    fn push(&mut self, ensemble: &Ensemble, root: u32, counts: &[u32]) {
        let mut stack = vec![root];
        while let Some(index) = stack.pop() {
            let node = &ensemble.nodes[index as usize];
            if node.is_leaf() {
                let first = node.child as usize * ensemble.width;
                let values = &ensemble.values[first..first + ensemble.width];
                self.values.extend_from_slice(values);
                continue;
            }
            let (cell, rank) = self.slots[(node.slot & SLOT) as usize].test(ensemble, node);
            let n_left = counts[node.child as usize];
            self.nodes
                .push(rank as u32 | (cell as u32) << 8 | n_left << 20);
            stack.extend([node.child + 1, node.child]);
        }
    }

    /// The answers to a row's tests, to be told of each slot.
    pub(super) fn answers() -> Answers {
        Answers([0; MOST])
    }

    /// Answers the tests of a slot.
    pub(super) fn answer(
        &self,
        answers: &mut Answers,
        slot: usize,
        column: &BoundColumn<'_>,
        row: usize,
    ) {
        let cell = column.bits(row);
        let of_slot = &self.slots[slot];
        if let BoundColumn::Codes(..) = column {
            let own = &mut answers.0[of_slot.first_set..][..of_slot.sets.len()];
            for (answer, set) in own.iter_mut().zip(&of_slot.sets) {
                *answer = u8::from(!contains(set, cell as u8));
            }
            return;
        }
        let x = f64::from_bits(cell);
        for (is_left, (thresholds, first)) in of_slot.numbers.iter().enumerate() {
            let rank = match (x.is_nan(), is_left) {
                (true, 0) => usize::MAX,
                (true, _) => 0,
                (false, _) => thresholds.partition_point(|threshold| *threshold < x),
            };
            for part in 0..thresholds.len().div_ceil(RANKS) {
                answers.0[first + part] = rank.saturating_sub(part * RANKS).min(RANKS) as u8;
            }
        }
    }

    /// Adds all trees to the sums of one row, in their order.
    pub(super) fn add_scores(&self, width: usize, answers: &Answers, sums: &mut [f64]) {
        let mut output = 0;
        let mut leaves = [0; BATCH];
        for starts in self.starts.chunks(BATCH) {
            for (starts, leaves) in starts.chunks(LANES).zip(leaves.chunks_exact_mut(LANES)) {
                leaves.copy_from_slice(&self.leaves(starts, &answers.0));
            }
            for &leaf in &leaves[..starts.len()] {
                if width > 1 {
                    let values = &self.values[leaf as usize * width..][..width];
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum += value;
                    }
                    continue;
                }
                sums[output] += self.values[leaf as usize];
                output = if output + 1 == sums.len() {
                    0
                } else {
                    output + 1
                };
            }
        }
    }

    /// The leaves of some trees, at most one a lane.
    #[inline]
    fn leaves(&self, starts: &[Part], answers: &[u8; MOST]) -> [u32; LANES] {
        // Lanes without a tree repeat the last one.
        let mut walks: [Part; LANES] =
            std::array::from_fn(|lane| starts[lane.min(starts.len() - 1)]);
        loop {
            let mut left = 0;
            for walk in &mut walks {
                let node = self.nodes[walk.node as usize];
                let is_right = answers[(node >> 8) as usize % MOST] > node as u8;
                let n_left = node >> 20;
                // All ones where the walk goes on, and where it goes on to the right.
                let goes_on = 0_u32.wrapping_sub(u32::from(walk.n_inner != 0));
                let right = goes_on & 0_u32.wrapping_sub(u32::from(is_right));
                walk.node += (goes_on & 1) + (right & n_left);
                walk.leaf += right & (n_left + 1);
                let rest = walk.n_inner.wrapping_sub(n_left + 1);
                walk.n_inner = (right & rest) | (goes_on & !right & n_left);
                left |= walk.n_inner;
            }
            if left == 0 {
                return walks.map(|walk| walk.leaf);
            }
        }
    }
}

impl SlotCells {
    /// The cell that a node asks, and the greatest answer that goes left.
    fn test(&self, ensemble: &Ensemble, node: &Node) -> (usize, usize) {
        if node.slot & CATEGORY != 0 {
            let set = set_of(ensemble, node);
            let place = self.sets.binary_search(&set).expect("all sets are there");
            return (self.first_set + place, 0);
        }
        let (thresholds, first) = &self.numbers[usize::from(node.slot & MISSING_LEFT != 0)];
        let own = f64::from_bits(node.test);
        let place = thresholds.partition_point(|threshold| *threshold < own);
        (first + place / RANKS, place % RANKS)
    }
}

/// The set of a category node as one of all bins; one of few bins is asked by the lowest bits of a bin.
fn set_of(ensemble: &Ensemble, node: &Node) -> BinSet {
    if node.slot & WIDE != 0 {
        ensemble.sets[node.test as usize]
    } else {
        [node.test; 4]
    }
}

/// The distinct tests of each slot and their cells; none if they are too many.
fn slots_of(ensemble: &Ensemble) -> Option<Vec<SlotCells>> {
    let mut slots: Vec<SlotCells> = Vec::new();
    slots.resize_with(ensemble.slots.len(), SlotCells::default);
    for node in ensemble.nodes.iter().filter(|node| !node.is_leaf()) {
        let slot = &mut slots[(node.slot & SLOT) as usize];
        if node.slot & CATEGORY != 0 {
            slot.sets.push(set_of(ensemble, node));
        } else {
            let threshold = f64::from_bits(node.test);
            if threshold.is_nan() {
                return None;
            }
            slot.numbers[usize::from(node.slot & MISSING_LEFT != 0)]
                .0
                .push(threshold);
        }
    }
    let mut n_cells = 0;
    for slot in &mut slots {
        for (thresholds, first) in &mut slot.numbers {
            thresholds.sort_unstable_by(f64::total_cmp);
            // As they compare: the two zeros are one threshold.
            thresholds.dedup_by(|a, b| a == b);
            *first = n_cells;
            n_cells += thresholds.len().div_ceil(RANKS);
        }
        slot.sets.sort_unstable();
        slot.sets.dedup();
        slot.first_set = n_cells;
        n_cells += slot.sets.len();
    }
    (n_cells <= MOST).then_some(slots)
}

/// Inner nodes of the part of a tree below each node, with it.
fn inner_counts(nodes: &[Node]) -> Vec<u32> {
    let mut counts = vec![0_u32; nodes.len()];
    // Children stand above their parent.
    for (index, node) in nodes.iter().enumerate().rev() {
        if !node.is_leaf() {
            let child = node.child as usize;
            counts[index] = counts[child]
                .saturating_add(counts[child + 1])
                .saturating_add(1);
        }
    }
    counts
}
