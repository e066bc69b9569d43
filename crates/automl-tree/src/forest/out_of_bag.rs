//! Predictions of a forest's own training rows, each by the trees that were not grown on it: an honest estimate of the
//! error without rows held out (Breiman, 2001).
//!
//! Cost: each tree's draw once more, and a walk for each row that it left out.

use super::grow::ForestGrower;
use super::model::Shares;
use super::{BATCH_TREES, tree_seed};
use crate::tree::Tree;
use automl_core::{FitContext, Predictions};

/// What the trees say of rows that they were not grown on.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfBag {
    /// The training rows that some tree was not grown on, rising, as positions in the view that was learned from. Those
    /// of weight zero are among them: no tree learns from them.
    pub rows: Vec<u32>,
    /// The prediction of each of these rows.
    pub predictions: Predictions,
}

/// Draws are made again from their seeds, which is cheaper than keeping them while trees grow.
pub(super) fn predict(
    grower: &ForestGrower<'_>,
    trees: &[Tree],
    shares: Shares,
    ctx: &FitContext<'_>,
) -> OutOfBag {
    let (n_rows, width) = (grower.matrix.n_rows, grower.targets.width());
    let mut sums = vec![0.0; n_rows * width];
    let mut counts = vec![0_u32; n_rows];
    for (batch, trees) in trees.chunks(BATCH_TREES).enumerate() {
        let leaves_of = |index: usize| {
            let seed = tree_seed(ctx, batch * BATCH_TREES + index);
            let weights = grower.drawn_weights(seed.named("rows"));
            let left_out = (0..n_rows).filter(|&row| weights[row] == 0.0);
            let with_leaf = |row| (row, trees[index].leaf(grower.matrix, row));
            left_out.map(with_leaf).collect::<Vec<_>>()
        };
        let found = ctx.threads.map(trees.len(), leaves_of);
        for (tree, leaves) in trees.iter().zip(found) {
            for (row, leaf) in leaves {
                counts[row] += 1;
                let values = &tree.values[leaf * width..][..width];
                let sums = &mut sums[row * width..][..width];
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
        }
    }
    let rows: Vec<u32> = (0..n_rows as u32)
        .filter(|&row| counts[row as usize] > 0)
        .collect();
    let mean = |&row: &u32| {
        let count = f64::from(counts[row as usize]);
        let sums = &sums[row as usize * width..][..width];
        sums.iter().map(move |sum| sum / count)
    };
    let means = rows.iter().flat_map(mean).collect();
    OutOfBag {
        predictions: shares.predictions(means, width),
        rows,
    }
}
