//! Rounds that learn without some of the earlier trees (DART, Vinayak and Gilad-Bachrach, 2015).
//!
//! With `k` rounds dropped, the new trees learn what is left of the loss without them and are shrunk to
//! `learning_rate / (k + 1)`; the dropped ones come back as `k / (k + 1)` of themselves, so that together they step no
//! further than one tree would. Rounds are dropped in proportion to their weight, as in LightGBM.

use super::rows::Rows;
use super::sampling::unit;
use crate::binning::BinnedMatrix;
use crate::gradient_boosting::GradientBoostingParams;
use crate::linear_leaves::RawColumns;
use crate::tree::Tree;
use automl_core::{Params, Seed, Threads};

/// Rows whose scores change at once: results do not depend on it.
const CHUNK_ROWS: usize = 8192;

/// What becomes of earlier trees.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boosting {
    /// They stay as they are.
    Gbdt,
    /// Some are dropped for a round and come back smaller; there is no early stopping, since they change.
    Dart,
}

/// The weight of each round so far.
#[derive(Debug, Default)]
pub(super) struct Dart {
    weights: Vec<f64>,
}

impl Dart {
    /// The rounds to drop, rising.
    pub(super) fn choose(&self, params: &GradientBoostingParams, seed: Seed) -> Vec<usize> {
        let n_rounds = self.weights.len();
        let mut rng = seed.rng();
        if n_rounds == 0 || unit(&mut rng) < params.skip_drop {
            return Vec::new();
        }
        let mean = self.weights.iter().sum::<f64>() / n_rounds as f64;
        let (rate, most) = match params.max_drop {
            0 => (params.drop_rate, n_rounds),
            most => (params.drop_rate.min(most as f64 / n_rounds as f64), most),
        };
        (0..n_rounds)
            .filter(|&round| unit(&mut rng) * mean < rate * self.weights[round])
            .take(most)
            .collect()
    }

    /// Takes a new round in and shrinks the dropped ones; gives the factor that their trees shrink by.
    pub(super) fn take_in(&mut self, dropped: &[usize], learning_rate: f64) -> f64 {
        let n_dropped = dropped.len() as f64;
        let factor = n_dropped / (n_dropped + 1.0);
        for &round in dropped {
            self.weights[round] *= factor;
        }
        self.weights.push(learning_rate / (n_dropped + 1.0));
        factor
    }
}

/// Adds `sign` times what each of the trees, one an output, says of the rows.
pub(super) fn add_trees(
    trees: &[Tree],
    sign: f64,
    rows: &mut Rows,
    (matrix, raw): (&BinnedMatrix, &RawColumns<'_>),
    threads: &Threads,
) {
    for (output, tree) in trees.iter().enumerate() {
        threads.for_each_chunk(rows.output(output), CHUNK_ROWS, |chunk, scores| {
            for (offset, score) in scores.iter_mut().enumerate() {
                let row = chunk * CHUNK_ROWS + offset;
                *score += sign * tree.value(tree.leaf(matrix, row), raw, row as u32);
            }
        });
    }
}
