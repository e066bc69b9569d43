//! The parameters of trees, as their grower reads them.

use super::encoding::levels_max;
use crate::binning::BinningRules;
use crate::gradient_boosting::GradientBoostingParams;
use crate::grow::{Shares, TreeShape};
use crate::objective::Link;
use crate::split::SplitRules;

/// How the columns become bins.
pub(super) fn binning(params: &GradientBoostingParams) -> BinningRules {
    BinningRules {
        max_bins: params.max_bins,
        has_bundles: params.bundle_exclusive,
        levels_max: levels_max(params),
    }
}

pub(super) fn rules(params: &GradientBoostingParams, link: Link) -> SplitRules {
    let has_logarithms = link != Link::Identity;
    SplitRules {
        l1: params.l1,
        l2: params.l2,
        min_gain: params.min_gain,
        min_rows: params.min_rows_per_leaf,
        min_hessian: params.min_hessian,
        max_step: if has_logarithms && params.max_step > 0.0 {
            params.max_step
        } else {
            f64::INFINITY
        },
        cat_smooth: params.cat_smooth,
        cat_l2: params.cat_l2,
        max_cat_bins: params.max_cat_set,
        min_rows_per_category: params.min_rows_per_category,
        max_onehot_levels: params.max_onehot_levels,
        random_threshold: params.extra_random,
    }
}

pub(super) fn shape(params: &GradientBoostingParams) -> TreeShape {
    TreeShape {
        growth: params.growth,
        max_leaves: params.max_leaves,
        max_depth: params.max_depth,
        shares: Shares {
            level: params.column_fraction_by_level,
            node: params.column_fraction_by_node,
        },
        is_quantized: params.quantized_gradients,
    }
}
