//! Bounds on the values of leaves, which keep predictions monotone in a feature.
//!
//! A split on a rising feature is refused unless its right value is at least its left one; from then on the middle of the
//! two bounds all leaves below: the left ones from above, the right ones from below (the basic method of XGBoost and
//! LightGBM). Sums of trees that rise in a feature rise in it too, rounding included.

use super::SplitRules;
use crate::histogram::Cell;

/// The least and the greatest value of a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    low: f64,
    high: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
        }
    }
}

impl Bounds {
    /// Whether every value is allowed.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.low == f64::NEG_INFINITY && self.high == f64::INFINITY
    }

    /// The bounds of the children that take these values, the left one first.
    pub(crate) fn divided(self, direction: i8, left: f64, right: f64) -> [Self; 2] {
        let middle = 0.5 * left + 0.5 * right;
        let below = Self {
            high: middle,
            ..self
        };
        let above = Self {
            low: middle,
            ..self
        };
        match direction {
            1.. => [below, above],
            0 => [self; 2],
            ..0 => [above, below],
        }
    }
}

impl SplitRules {
    /// The value of a leaf: `−T(G) / (H + l2 + extra)`, or the bound nearest to it.
    pub(crate) fn leaf_value(&self, bounds: Bounds, sums: Cell, extra_l2: f64) -> f64 {
        let value = self.free_value(sums, extra_l2);
        if bounds.is_free() {
            value
        } else {
            value.max(bounds.low).min(bounds.high)
        }
    }

    /// What a leaf with these bounds scores: `−(2·G·w + (H + l2 + extra)·w² + 2·l1·|w|)` at its value `w`, which is
    /// `T(G)² / (H + l2 + extra)` at a value that no bound moved.
    pub(super) fn score_within(&self, bounds: Bounds, sums: Cell, extra_l2: f64) -> f64 {
        if bounds.is_free() {
            return self.score(sums, extra_l2);
        }
        self.score_of_value(self.leaf_value(bounds, sums, extra_l2), sums, extra_l2)
    }

    /// The scores of both children together, unless their values break the direction.
    pub(super) fn score_of_pair(
        &self,
        bounds: Bounds,
        direction: i8,
        [left, right]: [Cell; 2],
    ) -> Option<f64> {
        let (low, high) = (
            self.leaf_value(bounds, left, 0.0),
            self.leaf_value(bounds, right, 0.0),
        );
        let is_broken = match direction {
            1.. => low > high,
            0 => false,
            ..0 => low < high,
        };
        (!is_broken)
            .then(|| self.score_of_value(low, left, 0.0) + self.score_of_value(high, right, 0.0))
    }

    fn score_of_value(&self, value: f64, sums: Cell, extra_l2: f64) -> f64 {
        let curvature = sums[1] + self.l2 + extra_l2;
        -(2.0 * sums[0] * value + curvature * value * value + 2.0 * self.l1 * value.abs())
    }
}
