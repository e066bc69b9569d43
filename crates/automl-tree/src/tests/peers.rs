//! The names and words of LightGBM 4.7, XGBoost 3.4 and CatBoost 1.2: each is understood, or refused with what to do.

use crate::{GRADIENT_BOOSTING, GradientBoostingParams};
use automl_core::{Coded, ParamError, ParamMap, ParamValue, Params};

fn params_of(text: &str) -> Result<ParamMap, ParamError> {
    let map = serde_json::from_str(text).unwrap();
    (GRADIENT_BOOSTING.build)(&map).map(|learner| learner.params())
}

/// The parameters that differ from the defaults, as JSON.
fn set_by(text: &str) -> String {
    let mut map = params_of(text).unwrap();
    let defaults = GradientBoostingParams::default().to_map();
    map.retain(|name, value| defaults[name] != *value);
    serde_json::to_string(&map).unwrap()
}

const LIGHTGBM: &str = "objective boosting_type boosting data_sample_strategy num_iterations num_iteration n_iter num_tree \
    num_trees num_round num_rounds nrounds num_boost_round n_estimators max_iter learning_rate shrinkage_rate eta num_leaves \
    num_leaf max_leaves max_leaf max_leaf_nodes num_threads nthread n_jobs device_type device seed random_seed random_state \
    deterministic force_col_wise force_row_wise max_depth min_data_in_leaf min_data_per_leaf min_data min_child_samples \
    min_samples_leaf min_sum_hessian_in_leaf min_sum_hessian_per_leaf min_sum_hessian min_hessian min_child_weight \
    bagging_fraction sub_row subsample bagging pos_bagging_fraction neg_bagging_fraction bagging_freq subsample_freq \
    feature_fraction sub_feature colsample_bytree feature_fraction_bynode sub_feature_bynode colsample_bynode extra_trees \
    extra_tree early_stopping_round early_stopping_rounds early_stopping n_iter_no_change early_stopping_min_delta \
    max_delta_step max_tree_output max_leaf_output lambda_l1 reg_alpha l1_regularization lambda_l2 reg_lambda lambda \
    l2_regularization linear_lambda min_gain_to_split min_split_gain drop_rate rate_drop max_drop skip_drop \
    xgboost_dart_mode uniform_drop top_rate other_rate min_data_per_group max_cat_threshold cat_l2 cat_smooth \
    max_cat_to_onehot monotone_constraints mc monotone_constraint monotonic_cst monotone_constraints_method \
    monotone_penalty feature_contri path_smooth interaction_constraints verbosity verbose use_quantized_grad \
    num_grad_quant_bins linear_tree linear_trees max_bin max_bins bin_construct_sample_cnt subsample_for_bin \
    min_data_in_bin enable_bundle is_enable_bundle bundle use_missing zero_as_missing feature_pre_filter \
    categorical_feature num_class is_unbalance unbalance unbalanced_sets scale_pos_weight sigmoid boost_from_average alpha \
    fair_c poisson_max_delta_step tweedie_variance_power lambdarank_truncation_level lambdarank_norm label_gain metric \
    metrics metric_types class_weight importance_type init_score";

const XGBOOST: &str = "max_depth max_leaves max_bin grow_policy learning_rate eta n_estimators verbosity objective booster \
    tree_method n_jobs nthread gamma min_split_loss min_child_weight max_delta_step subsample sampling_method \
    colsample_bytree colsample_bylevel colsample_bynode reg_alpha alpha reg_lambda lambda scale_pos_weight base_score \
    random_state seed missing num_parallel_tree monotone_constraints interaction_constraints importance_type device \
    validate_parameters enable_categorical feature_types feature_weights max_cat_to_onehot max_cat_threshold multi_strategy \
    eval_metric early_stopping_rounds callbacks rate_drop one_drop skip_drop sample_type normalize_type \
    tweedie_variance_power huber_slope quantile_alpha base_margin";

const CATBOOST: &str = "iterations learning_rate depth l2_leaf_reg model_size_reg rsm loss_function border_count \
    feature_border_type fold_permutation_block od_pval od_wait od_type nan_mode leaf_estimation_iterations \
    leaf_estimation_method thread_count random_seed use_best_model best_model_min_trees verbose silent logging_level \
    metric_period ctr_leaf_count_limit max_ctr_complexity has_time target_border classes_count class_weights \
    auto_class_weights class_names one_hot_max_size random_strength name ignored_features train_dir eval_metric \
    bagging_temperature save_snapshot snapshot_file snapshot_interval fold_len_multiplier used_ram_limit gpu_ram_part \
    allow_writing_files approx_on_full_history boosting_type simple_ctr combinations_ctr task_type devices bootstrap_type \
    subsample mvs_reg sampling_unit sampling_frequency max_depth n_estimators num_boost_round num_trees colsample_bylevel \
    random_state reg_lambda objective eta max_bin scale_pos_weight early_stopping_rounds cat_features grow_policy \
    min_data_in_leaf min_child_samples max_leaves num_leaves score_function leaf_estimation_backtracking \
    monotone_constraints feature_weights penalties_coefficient model_shrink_rate model_shrink_mode langevin \
    diffusion_temperature posterior_sampling boost_from_average text_features callback baseline";

#[test]
fn every_name_of_the_peers_is_understood_or_refused_with_a_reason() {
    for list in [LIGHTGBM, XGBOOST, CATBOOST] {
        for name in list.split_whitespace() {
            let said = |value: ParamValue| {
                let map = ParamMap::from([(name.to_owned(), value)]);
                (GRADIENT_BOOSTING.build)(&map).map(|_| ())
            };
            // One of these is of the right kind, unless the parameter is refused whatever it says.
            let answers = [
                said(ParamValue::Float(1.0)),
                said(ParamValue::Float(0.5)),
                said(ParamValue::Int(2)),
                said(ParamValue::Bool(false)),
                said(ParamValue::Text("".into())),
            ];
            for answer in answers {
                assert!(!matches!(answer, Err(ParamError::Unknown { .. })), "{name}");
            }
        }
    }
}

/// Parameters as the peers write them, and what they set here.
const WORDS: &[(&str, &str)] = &[
    (r#"{"objective":"regression"}"#, "{}"),
    (r#"{"objective":"reg:squarederror"}"#, "{}"),
    (r#"{"loss_function":"RMSE"}"#, "{}"),
    (
        r#"{"objective":"regression_l1"}"#,
        r#"{"objective":"absolute"}"#,
    ),
    (r#"{"objective":"mae"}"#, r#"{"objective":"absolute"}"#),
    (
        r#"{"objective":"l1","metric":"l1"}"#,
        r#"{"eval_metric":"l1","objective":"absolute"}"#,
    ),
    (
        r#"{"objective":"count:poisson"}"#,
        r#"{"objective":"poisson"}"#,
    ),
    (
        r#"{"objective":"reg:quantileerror","quantile_alpha":0.5}"#,
        r#"{"alpha":0.5,"objective":"quantile"}"#,
    ),
    (
        r#"{"objective":"rank:ndcg"}"#,
        r#"{"objective":"lambda_rank"}"#,
    ),
    (r#"{"objective":"binary"}"#, r#"{"objective":"log_loss"}"#),
    (
        r#"{"objective":"multi:softprob"}"#,
        r#"{"objective":"log_loss"}"#,
    ),
    (
        r#"{"objective":"multiclassova"}"#,
        r#"{"multiclass":"one_vs_rest","objective":"log_loss"}"#,
    ),
    (r#"{"boosting_type":"goss"}"#, r#"{"row_sampling":"goss"}"#),
    (r#"{"booster":"gbtree"}"#, "{}"),
    (r#"{"boosting_type":"dart"}"#, r#"{"boosting":"dart"}"#),
    (r#"{"grow_policy":"lossguide"}"#, "{}"),
    (
        r#"{"grow_policy":"depthwise"}"#,
        r#"{"growth":"depth_wise"}"#,
    ),
    (
        r#"{"grow_policy":"SymmetricTree"}"#,
        r#"{"growth":"symmetric"}"#,
    ),
    (
        r#"{"sampling_method":"gradient_based"}"#,
        r#"{"row_sampling":"mvs"}"#,
    ),
    (
        r#"{"bootstrap_type":"MVS","mvs_reg":0.5}"#,
        r#"{"mvs_regularization":0.5,"row_sampling":"mvs"}"#,
    ),
    (
        r#"{"bagging_fraction":0.5,"bagging_freq":1}"#,
        r#"{"row_fraction":0.5}"#,
    ),
    (
        r#"{"bagging_fraction":0.5,"bagging_freq":0}"#,
        r#"{"row_fraction":1.0}"#,
    ),
    (r#"{"is_unbalance":true}"#, r#"{"class_weight":"balanced"}"#),
    (
        r#"{"auto_class_weights":"Balanced"}"#,
        r#"{"class_weight":"balanced"}"#,
    ),
    (
        r#"{"lambda":2.0,"reg_alpha":1.0}"#,
        r#"{"l1":1.0,"l2":2.0}"#,
    ),
];

#[test]
fn words_of_the_peers_set_what_they_mean() {
    for (text, ours) in WORDS {
        assert_eq!(&set_by(text), ours, "{text}");
    }
}

#[test]
fn what_has_no_counterpart_is_refused_with_what_to_do_instead() {
    for (text, said) in [
        (
            r#"{"bagging_freq":5}"#,
            "bagging_freq = 5 does not go: rows are drawn anew for each tree, which is 1, or never, which is 0",
        ),
        (
            r#"{"tree_method":"approx"}"#,
            "tree_method = approx is always hist here; leave it out",
        ),
        (
            r#"{"objective":"rank:pairwise"}"#,
            "objective = rank:pairwise is not offered; objective = lambda_rank orders rows within groups",
        ),
        (
            r#"{"boosting":"goss","row_sampling":"mvs"}"#,
            "boosting = goss says otherwise than row_sampling = mvs",
        ),
        (
            r#"{"class_weight":"none","is_unbalance":true}"#,
            "is_unbalance = true says otherwise than class_weight = none",
        ),
        (
            r#"{"boosting":"gbtree","booster":"dart"}"#,
            "boosting = gbtree says otherwise than boosting = dart",
        ),
        (
            r#"{"booster":"rf"}"#,
            "booster = rf is a learner of its own here, random_forest",
        ),
        (
            r#"{"random_state":3}"#,
            "random_state = 3 says nothing about the model; seed, threads, time and memory are those of the fit's context",
        ),
    ] {
        let error = params_of(text).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            ("param-conflict", said)
        );
    }
}

#[test]
fn the_log_loss_of_classes_is_no_loss_of_numbers() {
    let (x, y) = super::wave(60);
    let data = super::regression(vec![("x", automl_core::Column::Number(x.clone()))], y);
    let fit = |data| {
        super::fit_rows(
            &GRADIENT_BOOSTING,
            r#"{"objective":"binary","n_trees":2}"#,
            data,
            &data.all_rows(),
            None,
            1,
        )
    };
    assert_eq!(
        fit(&data).err().unwrap().to_string(),
        "objective = log_loss is for classes, and the target is a number"
    );
    let codes = x.iter().map(|x| u32::from(*x > 0.5)).collect();
    let classes = super::classification(vec![("x", automl_core::Column::Number(x))], codes, 2);
    assert!(fit(&classes).is_ok());
}
