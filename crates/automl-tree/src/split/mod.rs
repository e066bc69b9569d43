//! The best split of a leaf from its histogram.
//!
//! With `G`, `H` the sums of gradients and Hessians, `λ` = `l2` and `T(G) = sign(G)·max(|G| − l1, 0)`, a leaf scores
//! `T(G)² / (H + λ)` and a split gains the scores of its children less that of the leaf (Chen and Guestrin, 2016).
//! Rows are counted by their share of the Hessian, as LightGBM does: exact where every row has the same Hessian, an
//! estimate elsewhere, which the parameter `min_rows_per_leaf` says of itself.

mod bounds;
mod category;
mod level;
mod number;

pub(crate) use bounds::Bounds;
pub(crate) use level::{Account, LeafGain, LevelSplit, left_sums};
pub(crate) use number::Candidates;

use crate::binning::Feature;
use crate::histogram::Cell;
use crate::tree::Rule;

/// What a split may and may not do.
#[derive(Debug, Clone)]
pub(crate) struct SplitRules {
    pub(crate) l1: f64,
    pub(crate) l2: f64,
    pub(crate) min_gain: f64,
    pub(crate) min_rows: usize,
    pub(crate) min_hessian: f64,
    /// The greatest size of a leaf's value; infinite for none.
    pub(crate) max_step: f64,
    pub(crate) cat_smooth: f64,
    pub(crate) cat_l2: f64,
    pub(crate) max_cat_bins: usize,
    pub(crate) min_rows_per_category: usize,
    pub(crate) max_onehot_levels: usize,
    /// One random threshold a feature instead of the best one.
    pub(crate) random_threshold: bool,
}

/// Sums over a leaf's rows, and the values it may take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) gradient: f64,
    pub(crate) hessian: f64,
    pub(crate) n_rows: usize,
    pub(crate) bounds: Bounds,
}

impl Sums {
    /// The sums of gradients and Hessians.
    pub(crate) fn pair(&self) -> Cell {
        [self.gradient, self.hessian]
    }

    /// Rows for each unit of the Hessian.
    fn rows_per_hessian(&self) -> f64 {
        self.n_rows as f64 / self.hessian.max(f64::MIN_POSITIVE)
    }

    /// The Hessian that a child must have at least.
    fn hessian_min(&self, rules: &SplitRules) -> f64 {
        let rows = rules.min_rows.max(1) as f64 - 0.5;
        rules.min_hessian.max(rows / self.rows_per_hessian())
    }
}

/// A split and the sums of its children (`n_rows` estimated).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Split {
    pub(crate) gain: f64,
    pub(crate) feature: u32,
    pub(crate) rule: Rule,
    pub(crate) left: Cell,
    pub(crate) right: Cell,
    /// What the children's values are shrunk by beside `l2`.
    pub(crate) extra_l2: f64,
}

impl SplitRules {
    /// `T(gradient)`.
    #[inline]
    pub(crate) fn shrunk(&self, gradient: f64) -> f64 {
        if self.l1 == 0.0 {
            gradient
        } else {
            gradient.signum() * (gradient.abs() - self.l1).max(0.0)
        }
    }

    /// `T(G)² / (H + l2 + extra)`.
    #[inline]
    fn score(&self, sums: Cell, extra_l2: f64) -> f64 {
        let shrunk = self.shrunk(sums[0]);
        shrunk * shrunk / (sums[1] + self.l2 + extra_l2).max(f64::MIN_POSITIVE)
    }

    /// `−T(G) / (H + l2 + extra)`: the value of a leaf without bounds.
    fn free_value(&self, sums: Cell, extra_l2: f64) -> f64 {
        let denominator = sums[1] + self.l2 + extra_l2;
        if denominator > 0.0 {
            -self.shrunk(sums[0]) / denominator
        } else {
            0.0
        }
    }
}

/// A feature as a leaf sees it.
pub(crate) struct FeatureView<'a> {
    pub(crate) index: usize,
    pub(crate) feature: &'a Feature,
    /// Its bins in the leaf.
    pub(crate) cells: &'a [Cell],
    /// A random number for random thresholds.
    pub(crate) draw: u32,
    /// 1 if predictions may only rise with it, −1 if they may only fall, 0 if they are free.
    pub(crate) direction: i8,
}

/// The best split of one feature, if any gains more than `min_gain`. `candidates` is a buffer to work in.
pub(crate) fn best_of_feature(
    rules: &SplitRules,
    sums: &Sums,
    view: &FeatureView<'_>,
    candidates: &mut Candidates,
) -> Option<Split> {
    let (cells, draw) = (view.cells, view.draw);
    let found = if view.feature.is_category() {
        category::best(rules, sums, cells, draw)
    } else {
        number::best(rules, sums, cells, draw, view.direction, candidates)
    }?;
    let gain = found.score - rules.score_within(sums.bounds, sums.pair(), 0.0);
    let is_worth = gain > rules.min_gain && gain.is_finite() && gain > 0.0;
    is_worth.then(|| Split {
        gain,
        feature: view.index as u32,
        rule: found.rule,
        left: found.left,
        right: [sums.gradient - found.left[0], sums.hessian - found.left[1]],
        extra_l2: found.extra_l2,
    })
}

/// The best split of one feature before it is compared with not splitting.
struct Found {
    score: f64,
    rule: Rule,
    left: Cell,
    extra_l2: f64,
}

#[cfg(test)]
mod tests;
