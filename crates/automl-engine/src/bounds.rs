//! What keeps every configuration within the time and the size that one fit may take.

use crate::plan::Plan;
use crate::{FitOptions, Quality};
use automl_core::{Dataset, LearnerSpec, ParamMap, ParamValue};

/// Trees that boosting may grow before early stopping must have ended it.
const BOOSTED_TREES_MAX: i64 = 5000;
/// Trees of all fold forests of one bag together.
const BAGGED_TREES: usize = 400;
/// Leaves of one tree of a forest at most, roughly: deeper trees take space and time and say little more.
const FOREST_LEAVES_MAX: usize = 4000;

/// Bounds that depend on the table and the budget alone.
pub(crate) struct Bounds {
    learning_rate_min: f64,
    forest_trees: i64,
    forest_leaf_rows_min: i64,
}

impl Bounds {
    pub(crate) fn new(data: &Dataset, plan: &Plan, options: &FitOptions) -> Self {
        let forest_trees = if options.quality == Quality::Fast {
            100
        } else if plan.validation.refit {
            200
        } else {
            (BAGGED_TREES / plan.splits.len()).clamp(40, 200)
        };
        Self {
            learning_rate_min: plan.learning_rate_min,
            forest_trees: forest_trees as i64,
            forest_leaf_rows_min: (data.n_rows() / FOREST_LEAVES_MAX).max(1) as i64,
        }
    }

    /// Sets the numbers of trees, and raises what is below its bound.
    pub(crate) fn apply(&self, learner: &LearnerSpec, params: &mut ParamMap) {
        let has = |name: &str| learner.params.iter().any(|spec| spec.name == name);
        if !has("n_trees") {
            return;
        }
        if learner.capabilities.early_stopping {
            params.insert("n_trees".into(), ParamValue::Int(BOOSTED_TREES_MAX));
            if let Some(ParamValue::Float(rate)) = params.get_mut("learning_rate") {
                *rate = rate.max(self.learning_rate_min);
            }
            return;
        }
        params.insert("n_trees".into(), ParamValue::Int(self.forest_trees));
        let given = params.get("min_rows_per_leaf").and_then(ParamValue::as_i64);
        let leaf_rows = given.unwrap_or(1).max(self.forest_leaf_rows_min);
        params.insert("min_rows_per_leaf".into(), ParamValue::Int(leaf_rows));
    }
}
