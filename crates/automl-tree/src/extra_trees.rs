//! Extra trees.
//!
//! # What it fits
//! The mean of deep trees on all rows whose nodes try one random threshold (between the least and the greatest bin) or one
//! random cut of the categories sorted by mean target for each feature looked at. Takes numbers with missing values and categories.
//!
//! # Formula
//! A node takes the drawn split with the greatest `Σ c² / w` over its sides: least variance, or least Gini impurity.
//! Levels of a category are split by thresholds over their order: by smoothed mean target, once a tree and anew in large nodes.
//!
//! # Parameters
//! [`ExtraTreesParams`].
//!
//! # Cost
//! Trees × rows × features looked at × depth additions; binning once a dataset. The budget is polled once a tree.
//!
//! # When it fails
//! A column that is neither number nor category, no column at all, or weighted targets whose sum is too large to square.
//! Features or targets that are constant give trees of one leaf.
//!
//! # References
//! Geurts, Ernst and Wehenkel 2006, Extremely randomized trees. Wright and König 2019, Splitting on categorical predictors in random forests.

use crate::binning::BinnedTable;
use crate::forest::{self, ForestModel, ForestRules, OutOfBag};
use automl_core::{
    Capabilities, FitContext, FitError, Fitted, Learner, LearnerSpec, ParamError, ParamMap, Params,
    TaskKind, TrainingData,
};

const ID: &str = "extra_trees";

/// Hyper-parameters of extra trees.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct ExtraTreesParams {
    /// Number of trees.
    #[param(default = 200, range = 1..=100_000, log, alias = "n_estimators", alias = "num_trees")]
    pub n_trees: usize,
    /// Depth of a tree at most; 0 is no limit.
    #[param(default = 0, range = 0..=64)]
    pub max_depth: usize,
    /// Rows that a leaf must have, counted by their share of the weight drawn.
    #[param(default = 2, range = 1..=1_000_000, log, search = 1..=50, alias = "min_samples_leaf", alias = "min_data_in_leaf")]
    pub min_rows_per_leaf: usize,
    /// Share of the features that each node looks at; 0 is the square root of their number for classes, a third for numbers.
    #[param(default = 0.0, range = 0.0..=1.0, search = 0.1..=1.0, alias = "max_features", alias = "colsample_bynode")]
    pub column_fraction: f64,
    /// Rows drawn for each tree, as a share of all.
    #[param(default = 1.0, range = 0.01..=1.0, alias = "max_samples", alias = "subsample")]
    pub row_fraction: f64,
    /// Whether rows are drawn with replacement.
    #[param(default = false)]
    pub bootstrap: bool,
    /// Bins of a feature, beside the one for missing values.
    #[param(default = 255, range = 2..=255, alias = "max_bin")]
    pub max_bins: usize,
    /// Rows of the parent's class shares that are mixed into those of a node, down to the leaves; means of numbers are
    /// taken as they are.
    #[param(default = 1.0, range = 0.0..=1000.0, search = 0.0..=5.0)]
    pub parent_rows: f64,
}

/// The declaration of extra trees.
pub static EXTRA_TREES: LearnerSpec = LearnerSpec {
    id: ID,
    title: "Extra trees",
    capabilities: Capabilities {
        tasks: &[TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression],
        missing: true,
        categories: true,
        sparse: false,
        weights: true,
        early_stopping: false,
    },
    params: ExtraTreesParams::SPECS,
    references: &["Geurts, Ernst and Wehenkel 2006, Extremely randomized trees"],
    build: |map| Ok(Box::new(ExtraTrees::new(ExtraTreesParams::from_map(map)?)?)),
    load: |artifact| Ok(Box::new(ForestModel::read(ID, artifact)?)),
};

/// Extra trees with checked parameters.
#[derive(Debug, Clone)]
pub struct ExtraTrees(ExtraTreesParams);

impl ExtraTrees {
    /// The learner with these parameters, each in its range.
    pub fn new(params: ExtraTreesParams) -> Result<Self, ParamError> {
        params.check()?;
        Ok(Self(params))
    }

    /// Fits as [`Learner::fit`] does, and predicts each training row by the trees that were not grown on it.
    pub fn fit_out_of_bag(
        &self,
        ctx: &FitContext<'_>,
        data: &TrainingData<'_>,
    ) -> Result<(Fitted, OutOfBag), FitError> {
        forest::fit_out_of_bag(&self.rules(), ctx, data)
    }

    /// Fits as [`Learner::fit`] does, on a table that was binned batch by batch; see
    /// [`crate::GradientBoosting::fit_binned`].
    ///
    /// # Errors
    /// Those of [`Learner::fit`]; a dataset that has columns or another number of rows; a table that was binned by other
    /// rules.
    pub fn fit_binned(
        &self,
        ctx: &FitContext<'_>,
        table: &BinnedTable,
        data: &TrainingData<'_>,
    ) -> Result<Fitted, FitError> {
        forest::fit(&self.rules(), ctx, data, Some(table))
    }

    fn rules(&self) -> ForestRules {
        ForestRules {
            learner: ID,
            n_trees: self.0.n_trees,
            max_depth: self.0.max_depth,
            min_rows: self.0.min_rows_per_leaf,
            column_fraction: self.0.column_fraction,
            row_fraction: self.0.row_fraction,
            is_bootstrap: self.0.bootstrap,
            has_random_thresholds: true,
            max_bins: self.0.max_bins,
            parent_rows: self.0.parent_rows,
        }
    }
}

impl Learner for ExtraTrees {
    fn spec(&self) -> &'static LearnerSpec {
        &EXTRA_TREES
    }

    fn params(&self) -> ParamMap {
        self.0.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        forest::fit(&self.rules(), ctx, data, None)
    }
}
