//! What LightGBM, XGBoost and CatBoost call things, beyond other names of the same number: those are aliases of the
//! parameters. Here stand their words for values, the parameters that are two of ours, and those that are none of ours, which
//! are refused with what to do instead.

use crate::GradientBoostingParams;
use automl_core::{ParamError, ParamMap, ParamValue, Params as _, by_own_names};
use std::borrow::Cow;

/// A word of theirs for a value, by our parameter's names, and what it sets.
type Word = (
    &'static [&'static str],
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

const OBJECTIVE: &[&str] = &[
    "objective",
    "loss_function",
    "objective_type",
    "application",
    "app",
    "loss",
];
const BOOSTING: &[&str] = &["boosting", "boosting_type", "booster", "boost"];
const SAMPLING: &[&str] = &[
    "row_sampling",
    "data_sample_strategy",
    "bootstrap_type",
    "sampling_method",
];
const GROWTH: &[&str] = &["growth", "grow_policy"];
const WEIGHTS: &[&str] = &["class_weight", "auto_class_weights"];

#[rustfmt::skip]
const WORDS: &[Word] = &[
    (OBJECTIVE, &["regression", "regression_l2", "l2", "mean_squared_error", "mse", "l2_root", "root_mean_squared_error", "rmse", "squared_error", "reg:squarederror", "RMSE"], &[("objective", "squared")]),
    (OBJECTIVE, &["regression_l1", "l1", "mean_absolute_error", "mae", "absolute_error", "reg:absoluteerror", "MAE"], &[("objective", "absolute")]),
    (OBJECTIVE, &["reg:quantileerror", "Quantile"], &[("objective", "quantile")]),
    (OBJECTIVE, &["count:poisson", "Poisson"], &[("objective", "poisson")]),
    (OBJECTIVE, &["reg:gamma"], &[("objective", "gamma")]),
    (OBJECTIVE, &["reg:tweedie", "Tweedie"], &[("objective", "tweedie")]),
    (OBJECTIVE, &["lambdarank", "rank:ndcg", "LambdaMart"], &[("objective", "lambda_rank")]),
    (OBJECTIVE, &["binary", "binary:logistic", "Logloss", "logloss", "multiclass", "softmax", "multi:softmax", "multi:softprob", "MultiClass"], &[("objective", "log_loss")]),
    (OBJECTIVE, &["multiclassova", "multiclass_ova", "ova", "ovr", "MultiClassOneVsAll"], &[("objective", "log_loss"), ("multiclass", "one_vs_rest")]),
    (BOOSTING, &["gbtree", "gbrt", "Plain"], &[("boosting", "gbdt")]),
    (BOOSTING, &["goss"], &[("boosting", "gbdt"), ("row_sampling", "goss")]),
    (SAMPLING, &["bagging", "Bernoulli"], &[("row_sampling", "uniform")]),
    (SAMPLING, &["gradient_based", "MVS"], &[("row_sampling", "mvs")]),
    (GROWTH, &["lossguide", "Lossguide", "leafwise"], &[("growth", "leaf_wise")]),
    (GROWTH, &["depthwise", "Depthwise"], &[("growth", "depth_wise")]),
    (GROWTH, &["SymmetricTree"], &[("growth", "symmetric")]),
    (WEIGHTS, &["Balanced"], &[("class_weight", "balanced")]),
    (WEIGHTS, &["None"], &[("class_weight", "none")]),
];

/// Words that stand for something we do not do, and what comes near.
#[rustfmt::skip]
const REFUSED_WORDS: &[(&[&str], &[&str], &str)] = &[
    (OBJECTIVE, &["reg:pseudohubererror", "fair"], "is not offered; objective = huber comes near"),
    (OBJECTIVE, &["rank:pairwise", "rank:map", "rank_xendcg", "YetiRank", "YetiRankPairwise", "PairLogit", "QueryRMSE"], "is not offered; objective = lambda_rank orders rows within groups"),
    (OBJECTIVE, &["mape", "MAPE", "LogCosh", "Lq", "Expectile", "reg:logistic", "reg:squaredlogerror", "survival:cox", "survival:aft", "cross_entropy", "cross_entropy_lambda", "CrossEntropy", "binary:hinge"], "is not offered; a program can bring its own CustomObjective"),
    (BOOSTING, &["gblinear"], "is no boosting of trees; the learners elastic_net and logistic_regression are linear"),
    (BOOSTING, &["rf", "random_forest"], "is a learner of its own here, random_forest"),
    (BOOSTING, &["Ordered"], "is not offered; cat_encoding = ordered_target keeps targets out of categories"),
    (SAMPLING, &["Bayesian", "Poisson"], "is not offered; row_sampling = uniform or mvs draws rows"),
    (SAMPLING, &["No"], "is row_fraction = 1 here"),
];

const OF_RUN: &str =
    "says nothing about the model; seed, threads, time and memory are those of the fit's context";
const OF_TABLE: &str = "is known from the table here: the kinds of its columns, their missing values, the classes and weights";
const OF_METHOD: &str = "has no counterpart here; leave it out";

/// Parameters that are none of ours, and what to do instead.
#[rustfmt::skip]
const REFUSED: &[(&[&str], &str)] = &[
    (&["seed", "random_state", "random_seed", "n_jobs", "nthread", "num_threads", "thread_count", "verbosity", "verbose", "silent", "logging_level", "metric_period", "device", "device_type", "task_type", "devices", "deterministic", "force_col_wise", "force_row_wise", "save_snapshot", "snapshot_file", "snapshot_interval", "train_dir", "allow_writing_files", "used_ram_limit", "gpu_ram_part", "validate_parameters", "callbacks", "importance_type", "bagging_seed", "feature_fraction_seed", "drop_seed", "data_random_seed", "extra_seed", "use_best_model", "best_model_min_trees", "name", "callback"], OF_RUN),
    (&["cat_features", "categorical_feature", "ignored_features", "feature_types", "enable_categorical", "missing", "nan_mode", "use_missing", "zero_as_missing", "num_class", "classes_count", "class_names", "class_weights", "target_border", "has_time", "feature_names", "text_features", "max_cat_levels"], OF_TABLE),
    (&["tree_method"], "is always hist here; leave it out"),
    (&["huber_slope"], "is set by alpha here: the share of residuals that objective = huber takes as small"),
    (&["base_score", "boost_from_average"], "is always the best constant here; a start of your own is offset_column"),
    (&["bagging_temperature", "random_strength", "langevin", "diffusion_temperature"], "has no counterpart here; row_fraction, column_fraction and extra_random make trees differ"),
    (&["num_parallel_tree"], "has no counterpart here; the learner random_forest grows trees side by side"),
    (&["pos_bagging_fraction", "neg_bagging_fraction"], "has no counterpart here; weigh classes by class_weight or scale_pos_weight"),
    (&["subsample_for_bin", "bin_construct_sample_cnt", "min_data_in_bin", "feature_pre_filter", "max_bin_by_feature", "path_smooth", "monotone_constraints_method", "monotone_penalty", "feature_contri", "feature_weights", "uniform_drop", "xgboost_dart_mode", "one_drop", "sample_type", "normalize_type", "poisson_max_delta_step", "sigmoid", "fair_c", "multi_strategy", "num_grad_quant_bins", "quant_train_renew_leaf", "stochastic_rounding", "refresh_leaf", "process_type", "updater", "leaf_estimation_iterations", "leaf_estimation_method", "leaf_estimation_backtracking", "od_type", "od_pval", "model_size_reg", "score_function", "sampling_frequency", "sampling_unit", "fold_permutation_block", "fold_len_multiplier", "approx_on_full_history", "posterior_sampling", "model_shrink_rate", "model_shrink_mode", "penalties_coefficient", "max_ctr_complexity", "simple_ctr", "combinations_ctr", "ctr_leaf_count_limit", "feature_border_type", "lambdarank_norm", "label_gain"], OF_METHOD),
];

/// Often rows are drawn: anew for each tree, or never.
const FREQUENCY: &[&str] = &["bagging_freq", "subsample_freq"];
const UNBALANCED: &[&str] = &["is_unbalance", "unbalance", "unbalanced_sets"];

/// The map in our words.
///
/// # Errors
/// A parameter or a word of theirs that has no counterpart, with what to do instead.
pub(crate) fn translated(map: &ParamMap) -> Result<ParamMap, ParamError> {
    let mut ours = ParamMap::new();
    let mut implied = Vec::new();
    let mut draws_rows = true;
    for (name, value) in map {
        let name = name.as_str();
        let mut implies = |ours, meant| implied.push(((name, value), ours, meant));
        let refused = |reason: &str| ParamError::Conflict {
            name: name.to_owned(),
            value: value.clone(),
            reason: reason.to_owned(),
        };
        if let Some((_, reason)) = REFUSED.iter().find(|(names, _)| names.contains(&name)) {
            return Err(refused(reason));
        }
        if FREQUENCY.contains(&name) {
            match value.as_i64() {
                Some(0) => draws_rows = false,
                Some(1) => {}
                _ => {
                    return Err(refused(
                        "does not go: rows are drawn anew for each tree, which is 1, or never, which is 0",
                    ));
                }
            }
            continue;
        }
        if UNBALANCED.contains(&name) {
            match value {
                ParamValue::Bool(true) => implies("class_weight", text("balanced")),
                ParamValue::Bool(false) => {}
                _ => return Err(refused("is neither true nor false")),
            }
            continue;
        }
        if let ParamValue::Text(word) = value {
            let is_of = |names: &[&str], words: &[&str]| {
                names.contains(&name) && words.contains(&word.as_ref())
            };
            if let Some((.., sets)) = WORDS.iter().find(|(names, words, _)| is_of(names, words)) {
                sets.iter()
                    .for_each(|&(ours, word)| implies(ours, text(word)));
                continue;
            }
            if let Some((.., reason)) = REFUSED_WORDS
                .iter()
                .find(|(names, words, _)| is_of(names, words))
            {
                return Err(refused(reason));
            }
        }
        ours.insert(name.to_owned(), value.clone());
    }
    let mut ours = by_own_names(GradientBoostingParams::SPECS, &ours)?;
    for ((name, value), own, meant) in implied {
        match ours.insert(own.to_owned(), meant.clone()) {
            Some(other) if other != meant => {
                return Err(ParamError::Conflict {
                    name: name.to_owned(),
                    value: value.clone(),
                    reason: format!("says otherwise than {own} = {other}"),
                });
            }
            _ => {}
        }
    }
    if !draws_rows {
        // Whatever share of them is given.
        ours.insert("row_fraction".to_owned(), ParamValue::Float(1.0));
    }
    Ok(ours)
}

fn text(word: &'static str) -> ParamValue {
    ParamValue::Text(Cow::Borrowed(word))
}
