//! Gradient boosting on histogram trees.
//!
//! # What it fits
//! A sum of small trees, each fitted to the gradient and Hessian of the loss at the sum so far. Takes numbers with
//! missing values and categories as they are. One tree a round, or one for each class of a multiclass task. Predictions
//! can be kept monotone in columns, and interactions within groups of columns. Leaves can hold linear models. Rounds can end
//! by themselves, without rows to validate on. A regression of grades within groups can learn their order (`LambdaRank`); an
//! objective of your own can be minimised ([`GradientBoosting::with_objective`]); a model can be gone on from
//! ([`GradientBoosting::fit_from`]).
//!
//! # Formula
//! Round `m` adds `η · f_m(x)`; the leaves of `f_m` hold `−T(G) / (H + l2)` and its splits maximise the gain of the
//! second-order loss (see the crate's `split` module). The start is the best constant, on top of the column that
//! `offset_column` names.
//!
//! # Parameters
//! [`GradientBoostingParams`]. `n_trees` rounds are made; with validation rows the fit stops when their loss has not
//! improved for `early_stopping_rounds` rounds, and the model is cut to its best round, told as `learned["n_trees"]`.
//! `eval_metric` watches a metric instead; ranking watches NDCG. What is watched is weighed as what is learned.
//! DART never stops early: its trees change after their round. A round whose draw of rows and columns leaves nothing to split
//! is made again from all of them; boosting ends where that gives no split either. A parameter that has no effect beside the
//! others or for the task is warned of. In maps, words of LightGBM, XGBoost and CatBoost are understood.
//!
//! # Cost
//! Binning once a dataset; then rows × features × (1 + about the depth / 3) additions a tree.
//! The budget is polled once a tree.
//!
//! # When it fails
//! A column that is neither number nor category, no column at all, targets outside the objective's domain. A constant
//! target, one class, or features that say nothing give the trivial model: the best constant, no trees. Constraints that
//! name no column or cannot be promised, rows that weigh nothing, and gradients beyond single precision are refused; so
//! are offsets without a number, grades that are not whole from 0 to 30, and metrics that have no value for the validation
//! rows. A watched loss that is not finite is an error; gradients that overflow after the first round end the fit with a
//! warning and the rounds before them.
//!
//! # References
//! Friedman 2001; Chen and Guestrin 2016 (XGBoost); Ke et al. 2017 (LightGBM); Prokhorenkova et al. 2018 (CatBoost);
//! Vinayak and Gilad-Bachrach 2015 (DART); Ibragimov and Gusev 2019 (minimal-variance sampling); Micci-Barreca 2001 (mean
//! targets of levels); Burges 2010 (`LambdaRank`); Shi et al. 2019 (linear leaves)
//! and 2022 (quantised gradients).

use crate::binning::BinnedTable;
use crate::boost::{
    self, Boosting, CatEncoding, ClassWeight, Request, RowSampling, constraints, continued,
    generalize, watched,
};
use crate::boosted_model::BoostedModel;
use crate::grow::Growth;
use crate::objective::{CustomObjective, MulticlassLoss, Objective};
use crate::over_ranks;
use crate::peers;
use automl_core::{
    Capabilities, Collective, FitContext, FitError, Fitted, Learner, LearnerSpec, Model,
    ParamError, ParamMap, ParamValue, Params, TaskKind, TrainingData,
};
use std::sync::Arc;

/// The stable name.
pub(crate) const ID: &str = "gradient_boosting";

/// Levels of a symmetric tree at most.
const MAX_SYMMETRIC_DEPTH: usize = 16;

/// Hyper-parameters of gradient boosting.
#[derive(Params, Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "parameters, each read by its name"
)]
pub struct GradientBoostingParams {
    /// Rounds of boosting; early stopping may end sooner.
    #[param(default = 500, range = 1..=100_000, log, alias = "n_estimators", alias = "num_iterations", alias = "num_boost_round", alias = "num_trees", alias = "iterations", alias = "max_iter", alias = "num_iteration", alias = "n_iter", alias = "num_tree", alias = "num_round", alias = "num_rounds", alias = "nrounds")]
    pub n_trees: usize,
    /// Rounds without a better loss on the validation rows after which the fit stops; 0 never stops early.
    #[param(default = 50, range = 0..=100_000, alias = "early_stopping_round", alias = "od_wait", alias = "n_iter_no_change", alias = "early_stopping")]
    pub early_stopping_rounds: usize,
    /// How much lower a watched loss must be (or higher a metric) to count as better.
    #[param(default = 0.0, range = 0.0..=1e9, alias = "min_delta")]
    pub early_stopping_min_delta: f64,
    /// The metric of validation rows that early stopping watches, by its name; empty is what is minimised.
    #[param(default = String::new(), alias = "metric", alias = "metrics", alias = "metric_types")]
    pub eval_metric: String,
    /// What becomes of earlier trees in a round.
    #[param(default = Boosting::Gbdt, alias = "boosting_type", alias = "booster", alias = "boost")]
    pub boosting: Boosting,
    /// Share of the earlier rounds that DART drops.
    #[param(default = 0.1, range = 0.0..=1.0, alias = "rate_drop")]
    pub drop_rate: f64,
    /// Rounds that DART drops at once at most; 0 is no limit.
    #[param(default = 50, range = 0..=100_000)]
    pub max_drop: usize,
    /// Probability that a round of DART drops none.
    #[param(default = 0.5, range = 0.0..=1.0)]
    pub skip_drop: f64,
    /// Shrinkage of each tree.
    #[param(default = 0.05, range = 1e-5..=1.0, log, search = 0.01..=0.3, alias = "eta", alias = "shrinkage_rate")]
    pub learning_rate: f64,
    /// Boosting without tuning, where this is above 0: how much work to put in, 1 being a good start. Trees are shrunk to
    /// `10^−budget`; a split stays only if rows that it was not chosen by have a lower loss with it, and rounds end when no
    /// split does. `learning_rate`, `n_trees` and `row_fraction` are not asked then; early stopping
    /// still is.
    #[param(default = 0.0, range = 0.0..=3.0, alias = "budget")]
    pub generalization_budget: f64,
    /// What a regression minimises.
    #[param(default = Objective::Squared, alias = "loss_function", alias = "objective_type", alias = "application", alias = "app", alias = "loss")]
    pub objective: Objective,
    /// What a task of more than two classes minimises.
    #[param(default = MulticlassLoss::Softmax)]
    pub multiclass: MulticlassLoss,
    /// The quantile of the quantile objective, and the share of residuals that Huber takes as small. XGBoost's `alpha` is
    /// `l1` here.
    #[param(default = 0.9, range = 0.001..=0.999, alias = "quantile_alpha")]
    pub alpha: f64,
    /// Between 1 (Poisson) and 2 (gamma), for the Tweedie objective.
    #[param(default = 1.5, range = 1.001..=1.999, alias = "tweedie_variance_power", alias = "variance_power")]
    pub tweedie_power: f64,
    /// Ranks of a query, from the top, that `lambda_rank` improves and watches.
    #[param(default = 30, range = 1..=1_000_000, alias = "lambdarank_truncation_level")]
    pub rank_truncation: usize,
    /// The column of numbers that is added to the raw score of each row, in fitting and predicting, and is no feature:
    /// the logarithm of an exposure beside a logarithmic link. Empty is none; for tasks of one output.
    #[param(default = String::new(), alias = "init_score", alias = "base_margin", alias = "baseline")]
    pub offset_column: String,
    /// How classes are weighed against each other, beside the weights of rows, in learning and in what is watched.
    #[param(default = ClassWeight::None, alias = "auto_class_weights")]
    pub class_weight: ClassWeight,
    /// What rows of the second of two classes weigh beside those of the first.
    #[param(default = 1.0, range = 1e-9..=1e9)]
    pub scale_pos_weight: f64,
    /// The order in which leaves split.
    #[param(default = Growth::LeafWise, search = ["leaf_wise", "depth_wise"], alias = "grow_policy")]
    pub growth: Growth,
    /// Leaves of a tree at most.
    #[param(default = 31, range = 2..=16_384, log, search = 4..=256, alias = "num_leaves", alias = "max_leaf_nodes", alias = "max_leaf", alias = "num_leaf")]
    pub max_leaves: usize,
    /// Depth of a tree at most; 0 is no limit, and 6 for symmetric growth, which takes up to 16.
    #[param(default = 0, range = 0..=64, alias = "depth")]
    pub max_depth: usize,
    /// Rows that a leaf must have, estimated by its share of the Hessians: exact where all rows have the same, as with
    /// squared error without weights; elsewhere sure rows and light ones count for less.
    #[param(default = 20, range = 1..=1_000_000, log, search = 1..=100, alias = "min_data_in_leaf", alias = "min_child_samples", alias = "min_samples_leaf", alias = "min_data_per_leaf", alias = "min_data")]
    pub min_rows_per_leaf: usize,
    /// Sum of Hessians that a leaf must have.
    #[param(default = 1e-3, range = 0.0..=1e6, alias = "min_sum_hessian_in_leaf", alias = "min_child_weight", alias = "min_sum_hessian_per_leaf", alias = "min_sum_hessian")]
    pub min_hessian: f64,
    /// Greatest size of a leaf's value, before shrinkage, where scores are logarithms: classes, Poisson, gamma, Tweedie; 0 is
    /// no limit. A rare class, whose Hessians are tiny, would run away without it.
    #[param(default = 10.0, range = 0.0..=1e6, alias = "max_delta_step", alias = "max_tree_output", alias = "max_leaf_output")]
    pub max_step: f64,
    /// Shrinks leaf values towards zero by a constant.
    #[param(default = 0.0, range = 0.0..=1e6, alias = "lambda_l1", alias = "reg_alpha", alias = "l1_regularization")]
    pub l1: f64,
    /// Shrinks leaf values in proportion.
    #[param(default = 1e-3, range = 0.0..=1e6, log, search = 1e-3..=30.0, alias = "lambda_l2", alias = "reg_lambda", alias = "lambda", alias = "l2_leaf_reg", alias = "l2_regularization")]
    pub l2: f64,
    /// Gain that a split must exceed.
    #[param(default = 0.0, range = 0.0..=1e9, alias = "min_gain_to_split", alias = "min_split_gain", alias = "gamma", alias = "min_split_loss")]
    pub min_gain: f64,
    /// Share of the rows that each tree learns from; one-side sampling has shares of its own.
    #[param(default = 0.8, range = 0.01..=1.0, search = 0.5..=1.0, alias = "subsample", alias = "bagging_fraction", alias = "sub_row", alias = "bagging")]
    pub row_fraction: f64,
    /// How the rows of a tree are drawn.
    #[param(default = RowSampling::Uniform, alias = "data_sample_strategy", alias = "bootstrap_type", alias = "sampling_method")]
    pub row_sampling: RowSampling,
    /// Share of the rows, those of greatest gradient, that gradient-based one-side sampling keeps.
    #[param(default = 0.2, range = 0.0..=1.0, alias = "top_rate")]
    pub goss_top_share: f64,
    /// Share of the rows that gradient-based one-side sampling draws from the others.
    #[param(default = 0.1, range = 0.001..=1.0, alias = "other_rate")]
    pub goss_other_share: f64,
    /// How far minimal-variance sampling draws rows alike, in squares of the mean gradient; 0 draws by gradient alone.
    #[param(default = 1.0, range = 0.0..=1e6, alias = "mvs_reg")]
    pub mvs_regularization: f64,
    /// Share of the features that each tree may use.
    #[param(default = 0.8, range = 0.01..=1.0, search = 0.3..=1.0, alias = "feature_fraction", alias = "colsample_bytree", alias = "sub_feature")]
    pub column_fraction: f64,
    /// Share of the tree's features that each node looks at.
    #[param(default = 1.0, range = 0.01..=1.0, alias = "feature_fraction_bynode", alias = "colsample_bynode", alias = "sub_feature_bynode", alias = "rsm")]
    pub column_fraction_by_node: f64,
    /// Share of the tree's features that each level looks at.
    #[param(default = 1.0, range = 0.01..=1.0, alias = "colsample_bylevel")]
    pub column_fraction_by_level: f64,
    /// Columns of numbers with which predictions may only rise (1) or fall (-1), as `age:1,price:-1`. A name with a comma,
    /// a colon or a semicolon stands in double quotes.
    #[param(default = String::new(), alias = "monotonic_cst", alias = "mc", alias = "monotone_constraint")]
    pub monotone_constraints: String,
    /// Groups of columns that may meet on a path of a tree, as `age,income;price,size`; a column in no group meets none.
    #[param(default = String::new(), alias = "interaction_cst")]
    pub interaction_constraints: String,
    /// Whether leaves hold linear models of the numbers on their path instead of constants: nearer to a smooth
    /// target with fewer trees. Not with monotone constraints or quantile objectives; such models have no attributions.
    #[param(default = false, alias = "linear_tree", alias = "linear_trees")]
    pub linear_leaves: bool,
    /// Shrinks the coefficients of linear leaves: what half their squares cost, in the units of the columns.
    #[param(default = 0.0, range = 0.0..=1e9, alias = "linear_lambda")]
    pub linear_l2: f64,
    /// Bins of a feature, beside the one for missing values.
    #[param(default = 255, range = 2..=255, alias = "max_bin", alias = "border_count")]
    pub max_bins: usize,
    /// Whether sparse columns that are never unusual in the same row, as those of a one-hot coding, are kept as one. It
    /// changes the cost, and the model only by rounding.
    #[param(
        default = true,
        alias = "enable_bundle",
        alias = "is_enable_bundle",
        alias = "bundle"
    )]
    pub bundle_exclusive: bool,
    /// Rows that a category's mean gradient is smoothed by, and that it must have to be sorted by it.
    #[param(default = 10.0, range = 0.0..=1e6, log, search = 1.0..=100.0)]
    pub cat_smooth: f64,
    /// What `l2` is raised by for the children of a split on a set of categories.
    #[param(default = 10.0, range = 0.0..=1e6)]
    pub cat_l2: f64,
    /// Categories on the smaller side of a split at most.
    #[param(default = 32, range = 1..=255, alias = "max_cat_threshold")]
    pub max_cat_set: usize,
    /// Rows that categories joined to one side must bring together.
    #[param(default = 100, range = 1..=1_000_000, alias = "min_data_per_group")]
    pub min_rows_per_category: usize,
    /// Up to so many levels, one category is split from the others.
    #[param(default = 4, range = 1..=255, alias = "max_cat_to_onehot", alias = "one_hot_max_size")]
    pub max_onehot_levels: usize,
    /// How trees see categories. Ordered target statistics are for columns of very many levels, such as identifiers, of which
    /// only 255 are told apart otherwise.
    #[param(default = CatEncoding::Sorted)]
    pub cat_encoding: CatEncoding,
    /// With `ordered_target`, the levels that a category may have to be sorted instead.
    #[param(default = 255, range = 0..=1_000_000)]
    pub max_sorted_levels: usize,
    /// Rows that the mean target of all counts for in the mean target of a level.
    #[param(default = 1.0, range = 1e-3..=1e6, log)]
    pub target_prior_rows: f64,
    /// Whether gradients are rounded at random to a few thousand levels or more, and added up as whole numbers: half the
    /// memory for histograms at next to the same quality. It pays where histograms are what memory goes to, many columns and
    /// leaves; it is no faster (8 % slower on a million rows of 28 columns).
    #[param(default = false, alias = "use_quantized_grad")]
    pub quantized_gradients: bool,
    /// Whether each node tries one random threshold a feature instead of all.
    #[param(default = false, alias = "extra_trees", alias = "extra_tree")]
    pub extra_random: bool,
}

/// The declaration of gradient boosting.
pub static GRADIENT_BOOSTING: LearnerSpec = LearnerSpec {
    id: ID,
    title: "Gradient boosting",
    capabilities: Capabilities {
        tasks: &[TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression],
        missing: true,
        categories: true,
        sparse: false,
        weights: true,
        early_stopping: true,
    },
    params: GradientBoostingParams::SPECS,
    references: &[
        "Friedman 2001, Greedy function approximation: a gradient boosting machine",
        "Chen and Guestrin 2016, XGBoost: a scalable tree boosting system",
        "Ke et al. 2017, LightGBM: a highly efficient gradient boosting decision tree",
    ],
    build: |map| {
        Ok(Box::new(GradientBoosting::new(
            GradientBoostingParams::from_map(&peers::translated(map)?)?,
        )?))
    },
    load: |artifact| Ok(Box::new(BoostedModel::read(artifact)?)),
};

/// Gradient boosting with checked parameters.
#[derive(Debug, Clone)]
pub struct GradientBoosting {
    params: GradientBoostingParams,
    custom: Option<Arc<dyn CustomObjective>>,
}

impl GradientBoosting {
    /// The learner with these parameters, each in its range.
    ///
    /// # Errors
    /// A value out of its range, constraints that cannot be read, a metric that is not known.
    pub fn new(params: GradientBoostingParams) -> Result<Self, ParamError> {
        params.check()?;
        if params.growth == Growth::Symmetric && params.max_depth > MAX_SYMMETRIC_DEPTH {
            return Err(ParamError::Conflict {
                name: "max_depth".into(),
                value: ParamValue::Int(params.max_depth as i64),
                reason: "is too deep for symmetric growth, which doubles its leaves at each of up to 16 levels".into(),
            });
        }
        generalize::check(&params)?;
        constraints::directions(&params.monotone_constraints)?;
        constraints::groups(&params.interaction_constraints)?;
        watched::check_name(&params)?;
        let custom = None;
        Ok(Self { params, custom })
    }

    /// The learner that minimises an objective of your own, for regression or two classes; `params.objective` must be at
    /// its default. [`Learner::params`] says nothing of it, and models keep its link alone.
    ///
    /// # Errors
    /// Those of [`GradientBoosting::new`], and another objective among the parameters. A link that is not for the task
    /// and gradients that cannot be used are told by the fit.
    pub fn with_objective(
        params: GradientBoostingParams,
        objective: Arc<dyn CustomObjective>,
    ) -> Result<Self, ParamError> {
        if params.objective != GradientBoostingParams::default().objective {
            return Err(ParamError::Conflict {
                name: "objective".into(),
                value: params.get("objective").expect("it is a parameter"),
                reason: "is given beside an objective of your own; leave one of them out".into(),
            });
        }
        let custom = Some(objective);
        Ok(Self {
            custom,
            ..Self::new(params)?
        })
    }

    /// Goes on from a boosted model, ours or an imported one: `n_trees` more rounds for what its scores leave, in one
    /// model with its trees. `learned["n_trees"]` counts the new rounds alone.
    ///
    /// The dataset has the columns that the model was fitted on, of the same kinds and with the same codes of levels, and
    /// no other, in any order. A level that the model has not met is new to the new trees alone, as long as 255 bins
    /// hold the bins of both; otherwise it is as missing to both. An `offset_column` must be the model's own; a model
    /// without one can be given one.
    ///
    /// On the same data, parameters and seed, `n` rounds and then `m` give the trees of `n + m`.
    ///
    /// ```
    /// # use automl_core::*;
    /// # use automl_tree::{GradientBoosting, GradientBoostingParams};
    /// # let x: Vec<f64> = (0..200).map(f64::from).collect();
    /// # let y: Vec<f64> = x.iter().map(|x| (x / 20.0).sin()).collect();
    /// # let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
    /// # let data = Dataset::new(table, Task::Regression, Target::Numbers(y.into())).unwrap();
    /// # let warnings = Warnings::default();
    /// # let ctx = FitContext { seed: Seed(1), threads: Threads::one(), budget: Budget::unlimited(), warnings: &warnings };
    /// # let rows = data.all_rows();
    /// let learner = GradientBoosting::new(GradientBoostingParams { n_trees: 10, ..Default::default() })?;
    /// let ten = learner.fit(&ctx, &data.view(&rows).into())?.model;
    /// let twenty = learner.fit_from(&ctx, &data.view(&rows).into(), ten.as_ref())?.model;
    /// assert_eq!(twenty.as_trees().unwrap().n_rounds(), 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FitError::Start`] if the model is no boosted one, has another link, number of classes or offset, or lacks a column
    /// of the table; [`FitError::Predict`] if the table lacks one of its columns; a conflict with DART; and all that a fit
    /// can say.
    pub fn fit_from(
        &self,
        ctx: &FitContext<'_>,
        data: &TrainingData<'_>,
        start: &dyn Model,
    ) -> Result<Fitted, FitError> {
        continued::fit(&self.params, self.custom.as_ref(), ctx, data, start)
    }

    /// Fits as [`Learner::fit`] does, on a table that was binned batch by batch. `data` gives the targets, the weights and
    /// the rows to learn from and to watch; its dataset has as many rows and no columns
    /// ([`automl_core::Table::without_columns`]). The model is that of the whole table if its rows fit the sample.
    ///
    /// # Errors
    /// Those of [`Learner::fit`]; a dataset that has columns or another number of rows; a table that was binned by other
    /// rules; ordered target statistics of a category that has so many levels, which bins do not tell apart.
    pub fn fit_binned(
        &self,
        ctx: &FitContext<'_>,
        table: &BinnedTable,
        data: &TrainingData<'_>,
    ) -> Result<Fitted, FitError> {
        if table.has_bundles != self.params.bundle_exclusive {
            return Err(FitError::Param(ParamError::Conflict {
                name: "bundle_exclusive".into(),
                value: ParamValue::Bool(self.params.bundle_exclusive),
                reason: "is not what the table was binned with".into(),
            }));
        }
        let request = Request {
            params: &self.params,
            custom: self.custom.as_ref(),
            start: None,
            binned: Some(table),
            dealt: None,
        };
        boost::fit(&request, ctx, data)
    }

    /// Fits one model on the rows of all ranks. `data` holds those of this rank, the next ones after those of the rank
    /// before; every rank gets the model, the same bytes on all of them, and whatever their number: one rank with all rows
    /// makes it, too.
    ///
    /// It is not the model of [`Learner::fit`], which draws other rows and adds up in double precision, but as good a one.
    /// All ranks have the same columns, with the same levels of categories in the same order, parameters and seed.
    /// Objectives are those that look at each row alone; validation rows, on all ranks or on none, are watched by the loss.
    ///
    /// Cost of a split beside that of a fit: the histogram of the smaller side is added up over the ranks, 16 bytes a bin
    /// (100 KiB for 28 columns), and a number of rows.
    ///
    /// # Errors
    /// A parameter that is not for ranks; those of [`Learner::fit`], on all ranks when one of them has it; ranks that disagree,
    /// or are gone ([`FitError::Collective`]).
    pub fn fit_dealt(
        &self,
        ctx: &FitContext<'_>,
        data: &TrainingData<'_>,
        ranks: &dyn Collective,
    ) -> Result<Fitted, FitError> {
        over_ranks::fit(&self.params, self.custom.as_ref(), ctx, data, ranks)
    }
}

impl Learner for GradientBoosting {
    fn spec(&self) -> &'static LearnerSpec {
        &GRADIENT_BOOSTING
    }

    fn params(&self) -> ParamMap {
        self.params.to_map()
    }

    fn fit(&self, ctx: &FitContext<'_>, data: &TrainingData<'_>) -> Result<Fitted, FitError> {
        let request = Request {
            params: &self.params,
            custom: self.custom.as_ref(),
            start: None,
            binned: None,
            dealt: None,
        };
        boost::fit(&request, ctx, data)
    }
}
