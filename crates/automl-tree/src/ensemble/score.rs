//! Which engine scores: bits for blocks of rows, a walk through several trees at a time for few rows, with nodes that are
//! packed if there are many, and the walk of several rows through a tree for shapes that the bits do not take, such as the
//! large trees of forests.
//!
//! Engines add the trees' values in the order of the trees, so their sums are the same bit by bit.

use super::Ensemble;
use super::bits::{BitTrees, Request};
use super::compact::CompactTrees;
use super::row::{RowCells, RowTrees};
use automl_core::{Places, PredictError, TableView};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows that are scored one by one at most: a block of the bit engine costs as much as about so many.
const FEW_ROWS: usize = 16;
/// Rows of larger requests after which the bit engine is made: that costs about as much as walking so many, 3 µs a tree of
/// 31 leaves.
const PREPARE_ROWS: usize = 256;

/// Nodes of an ensemble whose nodes are packed for single rows, at least: fewer stay in the cache as they are.
const PACKED_NODES: usize = 1 << 11;
/// Nodes of an ensemble that is copied for single rows, at most: 16 MiB.
const COPIED_NODES: usize = 1 << 20;

/// What is made of an ensemble when it is first needed. It says nothing that the ensemble does not, so copies start without.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    bits: OnceLock<Option<BitTrees>>,
    /// Rows that have asked for the bit engine, so that small batches get it in the end.
    n_asked: AtomicUsize,
    row: OnceLock<SingleRow>,
    /// Where the inputs stand in the tables that come.
    places: Places,
}

/// How single rows are scored.
#[derive(Debug)]
enum SingleRow {
    Plain(RowTrees),
    Packed(CompactTrees),
}

impl Clone for Prepared {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Prepared {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Ensemble {
    /// Adds the trees' values to `out`, `n_outputs` a row: tree `t` adds to output `t % n_outputs`, or to all outputs if
    /// its leaves are as wide. Trees are added in their order.
    pub(crate) fn add_scores(
        &self,
        rows: &TableView<'_>,
        n_outputs: usize,
        out: &mut [f64],
    ) -> Result<(), PredictError> {
        let n_trees = self.n_trees();
        self.assert_width(n_outputs);
        assert_eq!(
            out.len(),
            rows.n_rows() * n_outputs,
            "n_outputs values a row"
        );
        let n_rows = rows.n_rows();
        let is_plain = self.linear.is_none() && self.nodes.len() <= COPIED_NODES;
        if n_rows <= FEW_ROWS && is_plain {
            return self.score_few(rows, n_outputs, out);
        }
        let Some(bits) = self.bits(n_rows) else {
            return self.for_each_block(rows, |block| {
                let sums = &mut out[block.first_row * n_outputs..][..block.n_rows * n_outputs];
                self.score_trees(0..n_trees, &block, n_outputs, sums);
            });
        };
        let columns = self.bind(rows.table())?;
        let request = Request {
            rows,
            columns: &columns,
            n_outputs,
        };
        bits.for_each_block(&request, |block| {
            block.load(out);
            bits.score(0..n_trees, block);
            block.store(out);
        });
        Ok(())
    }

    /// The scores after the trees before each of `ends`, which rise; every tree is walked once.
    pub(crate) fn staged_scores(
        &self,
        rows: &TableView<'_>,
        start: &[f64],
        ends: &[usize],
    ) -> Result<Vec<Vec<f64>>, PredictError> {
        let n_outputs = start.len();
        self.assert_width(n_outputs);
        let Some(bits) = self.bits(rows.n_rows()) else {
            return self.walked_stages(rows, start, ends);
        };
        let columns = self.bind(rows.table())?;
        let request = Request {
            rows,
            columns: &columns,
            n_outputs,
        };
        let scores = start.repeat(rows.n_rows());
        let mut stages = vec![scores; ends.len()];
        bits.for_each_block(&request, |block| {
            let mut first = 0;
            if let Some(stage) = stages.first() {
                block.load(stage);
            }
            for (stage, &end) in stages.iter_mut().zip(ends) {
                bits.score(first..end, block);
                block.store(stage);
                first = end;
            }
        });
        Ok(stages)
    }

    fn assert_width(&self, n_outputs: usize) {
        assert!(
            self.width == 1 || self.width == n_outputs,
            "leaves as wide as the output"
        );
    }

    /// The bit engine, if the trees are of its shape and there are, or were, rows enough.
    fn bits(&self, n_rows: usize) -> Option<&BitTrees> {
        if n_rows <= FEW_ROWS || self.linear.is_some() {
            return None;
        }
        let Prepared { bits, n_asked, .. } = &self.prepared;
        if bits.get().is_none() {
            let n_before = n_asked.fetch_add(n_rows, Ordering::Relaxed);
            if n_before.saturating_add(n_rows) < PREPARE_ROWS {
                return None;
            }
        }
        bits.get_or_init(|| BitTrees::new(self)).as_ref()
    }

    fn score_few(
        &self,
        rows: &TableView<'_>,
        n_outputs: usize,
        out: &mut [f64],
    ) -> Result<(), PredictError> {
        let slots = (self.slots.as_slice(), self.slot_outputs.as_slice());
        let trees = self.prepared.row.get_or_init(|| self.single_row());
        let table = rows.table();
        let places = &self.prepared.places;
        let places = places.of(table, || self.inputs.places(table))?;
        let table = (table, places.as_ref());
        for (place, sums) in out.chunks_exact_mut(n_outputs).enumerate() {
            let row = rows.row(place);
            match trees {
                SingleRow::Plain(trees) => {
                    let mut cells = RowCells::new(self.slots.len());
                    self.inputs.for_each_bound(table, slots, |slot, column| {
                        cells.set(slot, &column, row);
                    })?;
                    trees.add_scores(self, &cells, sums);
                }
                SingleRow::Packed(trees) => {
                    let mut answers = CompactTrees::answers();
                    self.inputs.for_each_bound(table, slots, |slot, column| {
                        trees.answer(&mut answers, slot, &column, row);
                    })?;
                    trees.add_scores(self.width, &answers, sums);
                }
            }
        }
        Ok(())
    }

    fn single_row(&self) -> SingleRow {
        let is_large = self.nodes.len() >= PACKED_NODES;
        let packed = is_large.then(|| CompactTrees::new(self)).flatten();
        packed.map_or_else(|| SingleRow::Plain(RowTrees::new(self)), SingleRow::Packed)
    }
}

#[cfg(test)]
mod tests;
