//! One row through large ensembles: an inner node is four bytes, so that few lines of memory are read a tree, one after another.
//!
//! A walk through many trees waits for memory, not for the processor: nodes of sixteen bytes do not stay in the cache, and each
//! step may be a miss. So all distinct tests of the ensemble are answered first, as one byte a cell. A number is told by its rank
//! among the thresholds that its slot is compared with: `x <= t[j]` just if `#(t < x) <= j`, which a node asks of a byte; more than
//! 255 thresholds take several cells. A test for a set of categories is a cell of its own, that says 0 for left and 1 for right.
//!
//! The children of a node stand side by side, and each node says how far behind it they are. A leaf sends every row to itself, so a
//! walk that is over goes on without harm till the others are; it says its number among the leaves of its tree instead of a test.
//!
//! Cost: a search among its thresholds for each slot and a bit for each distinct set, then less than a nanosecond a step.

use super::{CATEGORY, Ensemble, MISSING_LEFT, Node, SLOT, WIDE};
use crate::inputs::BoundColumn;
use crate::tree::{BinSet, contains};

/// Trees that are walked side by side.
const LANES: usize = 16;
/// Trees whose leaves are found before their values are added: these reads wait for memory side by side, too.
const BATCH: usize = 256;
/// Cells that twelve bits of a node name, nodes that children are behind their parent, and leaves of a tree.
const MOST: usize = 1 << 12;
/// Cells that always say left: what leaves name as one, the upper bits of their number.
const LEAF_CELLS: usize = MOST >> 8;
/// Thresholds that one cell tells apart.
const RANKS: usize = 255;

/// A tree's first node and first leaf.
#[derive(Debug, Clone, Copy)]
struct Start {
    node: u32,
    leaf: u32,
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
    /// Rank in the lowest eight bits, then the cell, then how far behind its children are in the highest twelve.
    nodes: Vec<u32>,
    starts: Vec<Start>,
    /// `width` numbers a leaf.
    values: Vec<f64>,
    slots: Vec<SlotCells>,
}

/// What the tests of a row's cells say.
pub(super) struct Answers([u8; MOST]);

impl CompactTrees {
    /// None if a tree is too large, or there are too many different tests.
    pub(super) fn new(ensemble: &Ensemble) -> Option<Self> {
        let mut trees = Self {
            slots: slots_of(ensemble)?,
            nodes: Vec::with_capacity(ensemble.nodes.len()),
            starts: Vec::with_capacity(ensemble.roots.len()),
            values: Vec::with_capacity(ensemble.values.len()),
        };
        for &root in &ensemble.roots {
            trees.push(ensemble, root)?;
        }
        Some(trees)
    }

    /// Adds a tree, children behind their parent and all of the left child's before the right child's.
    fn push(&mut self, ensemble: &Ensemble, root: u32) -> Option<()> {
        let start = Start {
            node: self.nodes.len() as u32,
            leaf: (self.values.len() / ensemble.width) as u32,
        };
        self.starts.push(start);
        self.nodes.push(0);
        let mut waiting = vec![(root, start.node)];
        while let Some((index, place)) = waiting.pop() {
            let node = &ensemble.nodes[index as usize];
            let packed = if node.is_leaf() {
                let leaf = (self.values.len() / ensemble.width) as u32 - start.leaf;
                let first = node.child as usize * ensemble.width;
                let values = &ensemble.values[first..first + ensemble.width];
                self.values.extend_from_slice(values);
                leaf
            } else {
                let (cell, rank) = self.slots[(node.slot & SLOT) as usize].test(ensemble, node);
                let child = self.nodes.len() as u32;
                self.nodes.extend([0, 0]);
                waiting.extend([(node.child + 1, child + 1), (node.child, child)]);
                let behind = child - place;
                (behind < MOST as u32).then_some(rank as u32 | (cell as u32) << 8 | behind << 20)?
            };
            self.nodes[place as usize] = packed;
            // Only trees whose nodes share a child can be more than there are nodes.
            let are_more = self.nodes.len() > ensemble.nodes.len();
            if are_more || (node.is_leaf() && packed >= MOST as u32) {
                return None;
            }
        }
        Some(())
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
    fn leaves(&self, starts: &[Start], answers: &[u8; MOST]) -> [u32; LANES] {
        // Lanes without a tree repeat the last one.
        let start = |lane: usize| starts[lane.min(starts.len() - 1)];
        let mut at: [u32; LANES] = std::array::from_fn(|lane| start(lane).node);
        loop {
            let mut moved = 0;
            for at in &mut at {
                let node = self.nodes[*at as usize];
                let is_right = answers[(node >> 8) as usize % MOST] > node as u8;
                let behind = node >> 20;
                *at += behind + u32::from(is_right);
                moved |= behind;
            }
            if moved == 0 {
                let number = |lane: usize| self.nodes[at[lane] as usize] % MOST as u32;
                return std::array::from_fn(|lane| start(lane).leaf + number(lane));
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
    let mut n_cells = LEAF_CELLS;
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
