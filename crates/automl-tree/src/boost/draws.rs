//! The rows and columns that a round learns from, and how often they are drawn.
//!
//! A draw can leave nothing to split although the table has something: of 48 rows, 38 drawn ones do not fill two leaves of 20.
//! So a round without a split is made again from all rows and all columns. Where trees draw for themselves, that one may be
//! barren by chance too, and a few more are made; only then is boosting over.

use super::Rounds;
use super::rows::Rows;
use super::sampling::{self, RowSampling, Sample};
use crate::grow::sample;
use automl_core::Seed;

/// Draws of a round at most, where trees draw for themselves.
const MAX_DRAWS: usize = 10;

/// What the trees of a round learn from.
pub(super) struct Draw {
    /// `None` for all.
    pub(super) rows: Option<Sample>,
    /// Whether each tree draws columns.
    has_columns: bool,
    /// Whether an earlier draw of the round was barren.
    pub(super) is_again: bool,
    pub(super) seed: Seed,
}

impl Rounds<'_> {
    /// How often a round is drawn before it counts as barren.
    pub(super) fn n_draws(&self) -> usize {
        let params = self.params;
        if self.generalization.is_some() {
            // It counts barren rounds itself: each has other rows to judge by.
            return 1;
        }
        let draws_in_trees = params.column_fraction_by_node < 1.0
            || params.column_fraction_by_level < 1.0
            || params.extra_random
            || params.quantized_gradients;
        let draws_rows = params.row_sampling != RowSampling::Uniform || params.row_fraction < 1.0;
        if draws_in_trees {
            MAX_DRAWS
        } else {
            1 + usize::from(draws_rows || params.column_fraction < 1.0)
        }
    }

    /// Draws for a round: by its parameters at first, all rows and columns afterwards.
    pub(super) fn draw(&mut self, round: usize, attempt: usize, rows: &Rows) -> Draw {
        let seed = self.ctx.seed.named("tree").indexed(round as u64);
        if attempt == 0 {
            return Draw {
                rows: self.draw_rows(round, rows),
                has_columns: true,
                is_again: false,
                seed,
            };
        }
        Draw {
            rows: None,
            has_columns: false,
            is_again: true,
            seed: seed.named("again").indexed(attempt as u64),
        }
    }

    /// The features of a tree, rising.
    pub(super) fn draw_features(&self, draw: &Draw, seed: Seed) -> Vec<u32> {
        let n_features = self.features.len();
        let count = (n_features as f64 * self.params.column_fraction).ceil() as usize;
        if draw.has_columns && count < n_features {
            sample(&self.features, count.max(1), seed.named("columns"))
        } else {
            self.features.clone()
        }
    }

    /// The rows of a round, rising; `None` for all.
    fn draw_rows(&mut self, round: usize, rows: &Rows) -> Option<Sample> {
        if let Some(generalization) = &self.generalization {
            return Some(generalization.learners(round));
        }
        let (params, n_rows) = (self.params, self.matrix.n_rows);
        let seed = self.ctx.seed.named("rows").indexed(round as u64);
        if self.dealt.is_some() {
            return sampling::by_number(params.row_fraction, &self.row_numbers, seed);
        }
        if params.row_sampling == RowSampling::Uniform {
            return sampling::uniform(params.row_fraction, n_rows, seed);
        }
        if !sampling::looks_at_gradients(params, round) {
            return None;
        }
        let is_goss = params.row_sampling == RowSampling::Goss;
        let mut sizes = vec![0.0; n_rows];
        for output in 0..self.goal.n_outputs() {
            if !self.learns[output] {
                continue;
            }
            self.fill(output, rows);
            for (size, pair) in sizes.iter_mut().zip(self.gradients.pairs()) {
                let [gradient, hessian] = pair.map(f64::from);
                *size += if is_goss {
                    (gradient * hessian).abs()
                } else {
                    gradient * gradient
                };
            }
        }
        if is_goss {
            let shares = [params.goss_top_share, params.goss_other_share];
            return sampling::goss(&sizes, shares, seed);
        }
        for size in &mut sizes {
            *size = size.sqrt();
        }
        sampling::mvs(&sizes, params.row_fraction, params.mvs_regularization, seed)
    }
}
