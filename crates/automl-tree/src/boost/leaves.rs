//! What a grown tree becomes: the values of its leaves, and the scores that they add to.

use super::Rounds;
use super::rows::Rows;
use super::sampling::Sample;
use super::watched::Watched;
use crate::binning::BinnedMatrix;
use crate::grow::{Grown, for_each_leaf};
use crate::linear_leaves::RawColumns;
use crate::objective::weighted_quantile;
use crate::tree::Tree;
use automl_core::FitError;

/// Scores that a thread adds to at once.
const CHUNK_ROWS: usize = 65_536;

impl Rounds<'_> {
    /// Leaf values: refitted where the loss asks for a quantile, then shrunk. Covers: by weight where rows have one.
    pub(super) fn set_leaves(
        &self,
        grown: &mut Grown,
        output: usize,
        rows: &Rows,
        sampled: Option<&Sample>,
    ) -> Result<(), FitError> {
        if let Some(alpha) = self.goal.leaf_quantile() {
            let order = self.grower.rows();
            let n = rows.targets.len();
            let scores = &rows.scores[output * n..][..n];
            for (value, range) in grown.tree.values.iter_mut().zip(&grown.leaf_rows) {
                let leaf = &order[range.clone()];
                let residuals = leaf
                    .iter()
                    .map(|&row| rows.targets[row as usize] - scores[row as usize]);
                let weights = weights_of(leaf, rows, sampled);
                *value = weighted_quantile(residuals, weights.as_deref(), alpha);
            }
        }
        let (pairs, threads) = (self.gradients.pairs(), &self.ctx.threads);
        self.linear
            .fit(grown, self.matrix, self.grower.rows(), pairs, threads);
        grown.tree.scale(self.learning_rate);
        let Some(weights) = &rows.weights else {
            return Ok(());
        };
        let order = self.grower.rows();
        let leaves = || grown.leaf_rows.iter().map(|range| &order[range.clone()]);
        let weight = |row: &u32| weights[*row as usize];
        grown.tree.covers = match self.dealt {
            Some(dealt) => {
                let of_leaf = |(leaf, rows): (usize, &'_ [u32])| {
                    rows.iter()
                        .map(move |row| (leaf, weight(row)))
                        .collect::<Vec<_>>()
                };
                let weights: Vec<_> = leaves().enumerate().flat_map(of_leaf).collect();
                dealt.sums(grown.leaf_rows.len(), weights.iter().copied())?
            }
            None => leaves().map(|rows| rows.iter().map(weight).sum()).collect(),
        };
        Ok(())
    }

    /// New scores: by leaf for the rows that the tree learned from, by a walk for the others.
    pub(super) fn add(
        &self,
        grown: &Grown,
        output: usize,
        rows: &mut Rows,
        sampled: Option<&Sample>,
    ) {
        let scores = rows.output(output);
        let order = self.grower.rows();
        let (threads, raw) = (&self.ctx.threads, &self.linear.raw);
        // Each leaf's rows rise, so those of a stretch of scores stand together.
        threads.for_each_chunk(scores, CHUNK_ROWS, |chunk, scores| {
            let start = chunk * CHUNK_ROWS;
            let end = start + scores.len();
            for (leaf, range) in grown.leaf_rows.iter().enumerate() {
                let rows = &order[range.clone()];
                let from = rows.partition_point(|&row| (row as usize) < start);
                let rows = &rows[from..];
                let to = rows.partition_point(|&row| (row as usize) < end);
                grown.tree.add_leaf(leaf, &rows[..to], raw, (start, scores));
            }
        });
        if let Some(sampled) = sampled {
            let mut drawn = sampled.rows.iter().copied().peekable();
            let all = 0..scores.len() as u32;
            let mut others: Vec<u32> = all
                .filter(|&row| drawn.next_if_eq(&row).is_none())
                .collect();
            let mut scratch = vec![0; others.len()];
            add_leaves(
                &grown.tree,
                (self.matrix, &self.linear.raw),
                &mut others,
                &mut scratch,
                scores,
            );
        }
    }

    /// Adds what a tree without a split says to all scores of its output.
    pub(super) fn add_constant(
        &self,
        tree: usize,
        output: usize,
        rows: &mut Rows,
        valid: Option<&mut Watched<'_>>,
    ) {
        let tree = &self.trees[tree];
        for (row, score) in rows.output(output).iter_mut().enumerate() {
            *score += tree.value(0, &self.linear.raw, row as u32);
        }
        if let Some(valid) = valid {
            valid.add(tree, output);
        }
    }
}

/// Adds to the scores of rows, which are reordered, the value of their leaf.
pub(super) fn add_leaves(
    tree: &Tree,
    (matrix, raw): (&BinnedMatrix, &RawColumns<'_>),
    rows: &mut [u32],
    scratch: &mut [u32],
    scores: &mut [f64],
) {
    for_each_leaf(tree, matrix, rows, scratch, |leaf, rows| {
        tree.add_leaf(leaf, rows, raw, (0, scores));
    });
}

/// What each row of a leaf counts; `None` if all count alike.
fn weights_of(leaf: &[u32], rows: &Rows, sampled: Option<&Sample>) -> Option<Vec<f64>> {
    let sampled = sampled.filter(|sample| !sample.factors.is_empty());
    if rows.weights.is_none() && sampled.is_none() {
        return None;
    }
    let of_row = |&row: &u32| {
        let weight = rows.weights.as_ref().map_or(1.0, |w| w[row as usize]);
        weight * sampled.map_or(1.0, |sample| sample.factor(row))
    };
    Some(leaf.iter().map(of_row).collect())
}
