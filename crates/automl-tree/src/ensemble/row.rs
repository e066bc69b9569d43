//! One row through several trees at a time: the walks hide each other's latency, and nothing is set up for the row but its
//! cells.
//!
//! Nodes are a copy made for this. A leaf is a node that sends every row to itself, so a walk that is over goes on
//! without harm till the others are; its test is the value. A cell stands twice, with a missing number for nodes that
//! send it right and with -∞, which every threshold sends left, for the others.
//!
//! Cost: about a nanosecond a step; 16 bytes a node.

use super::{CATEGORY, Ensemble, MISSING_LEFT, SLOT, WIDE};
use crate::inputs::BoundColumn;
use crate::tree::contains;

/// Trees that are walked side by side, and fewer of them for the last ones of an ensemble.
const LANES: usize = 8;
const FEW_LANES: usize = 4;
/// Slots whose cells need no allocation.
const STACK_SLOTS: usize = 64;

/// As [`super::Node`], but `cell` is the place of the cell that is tested.
#[derive(Debug, Clone, Copy)]
struct RowNode {
    test: u64,
    cell: u32,
    child: u32,
}

/// Trees for single rows.
#[derive(Debug)]
pub(super) struct RowTrees {
    nodes: Vec<RowNode>,
    has_categories: bool,
}

/// The cells of a row: first one that leaves test, then two for each slot.
pub(super) struct RowCells {
    stack: [u64; 1 + 2 * STACK_SLOTS],
    heap: Vec<u64>,
}

impl RowCells {
    pub(super) fn new(n_slots: usize) -> Self {
        let mut cells = Self {
            stack: [0; 1 + 2 * STACK_SLOTS],
            heap: Vec::new(),
        };
        if n_slots > STACK_SLOTS {
            cells.heap.resize(1 + 2 * n_slots, 0);
        }
        cells.all()[0] = f64::NEG_INFINITY.to_bits();
        cells
    }

    pub(super) fn set(&mut self, slot: usize, column: &BoundColumn<'_>, row: usize) {
        let cell = column.bits(row);
        let is_missing = matches!(column, BoundColumn::Numbers(_)) && f64::from_bits(cell).is_nan();
        let second = if is_missing {
            f64::NEG_INFINITY.to_bits()
        } else {
            cell
        };
        self.all()[1 + 2 * slot..][..2].copy_from_slice(&[cell, second]);
    }

    fn all(&mut self) -> &mut [u64] {
        if self.heap.is_empty() {
            &mut self.stack
        } else {
            &mut self.heap
        }
    }

    fn get(&self) -> &[u64] {
        if self.heap.is_empty() {
            &self.stack
        } else {
            &self.heap
        }
    }
}

impl RowTrees {
    pub(super) fn new(ensemble: &Ensemble) -> Self {
        let node = |(index, node): (usize, &super::Node)| {
            if node.is_leaf() {
                let first = node.child as usize * ensemble.width;
                return RowNode {
                    test: match ensemble.width {
                        1 => ensemble.values[first].to_bits(),
                        _ => (first as f64).to_bits(),
                    },
                    cell: 0,
                    child: index as u32,
                };
            }
            let flags = node.slot & (CATEGORY | WIDE);
            let is_second = node.slot & MISSING_LEFT != 0;
            RowNode {
                test: node.test,
                cell: (1 + 2 * (node.slot & SLOT) + u32::from(is_second)) | flags,
                child: node.child,
            }
        };
        Self {
            nodes: ensemble.nodes.iter().enumerate().map(node).collect(),
            has_categories: !ensemble.sets.is_empty(),
        }
    }

    /// Adds all trees to the sums of one row.
    pub(super) fn add_scores(&self, ensemble: &Ensemble, cells: &RowCells, sums: &mut [f64]) {
        if self.has_categories {
            self.add::<true>(ensemble, cells.get(), sums);
        } else {
            self.add::<false>(ensemble, cells.get(), sums);
        }
    }

    fn add<const CATEGORIES: bool>(&self, ensemble: &Ensemble, cells: &[u64], sums: &mut [f64]) {
        let mut output = 0;
        for roots in ensemble.roots.chunks(LANES) {
            if roots.len() > FEW_LANES {
                self.walk::<CATEGORIES, LANES>(ensemble, cells, roots, (&mut output, sums));
            } else {
                self.walk::<CATEGORIES, FEW_LANES>(ensemble, cells, roots, (&mut output, sums));
            }
        }
    }

    /// Adds some trees, at most one a lane.
    #[inline]
    fn walk<const CATEGORIES: bool, const N: usize>(
        &self,
        ensemble: &Ensemble,
        cells: &[u64],
        roots: &[u32],
        (output, sums): (&mut usize, &mut [f64]),
    ) {
        let (width, n_outputs) = (ensemble.width, sums.len());
        // Lanes without a tree repeat the last one.
        let mut at: [u32; N] = std::array::from_fn(|lane| roots[lane.min(roots.len() - 1)]);
        while self.step::<CATEGORIES, N>(ensemble, cells, &mut at) {}
        for &at in &at[..roots.len()] {
            let test = f64::from_bits(self.nodes[at as usize].test);
            if width == 1 {
                sums[*output] += test;
                *output = if *output + 1 == n_outputs {
                    0
                } else {
                    *output + 1
                };
            } else {
                let values = &ensemble.values[test as usize..][..width];
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
        }
    }

    /// Moves all walks down; `false` if none could.
    #[inline]
    fn step<const CATEGORIES: bool, const N: usize>(
        &self,
        ensemble: &Ensemble,
        cells: &[u64],
        at: &mut [u32; N],
    ) -> bool {
        let mut moved = 0;
        for at in at {
            let node = &self.nodes[*at as usize];
            let cell = cells[(node.cell & SLOT) as usize];
            let mut goes_left = f64::from_bits(cell) <= f64::from_bits(node.test);
            if CATEGORIES {
                let is_in = if node.cell & WIDE == 0 {
                    node.test >> (cell & 63) & 1 == 1
                } else {
                    contains(&ensemble.sets[node.test as usize], cell as u8)
                };
                goes_left = if node.cell & CATEGORY == 0 {
                    goes_left
                } else {
                    is_in
                };
            }
            let next = node.child + u32::from(!goes_left);
            moved |= next ^ *at;
            *at = next;
        }
        moved != 0
    }
}
