//! Every learner of the crate keeps the common contract.

#[test]
fn the_baseline_conforms() {
    automl_testkit::check_learner(&crate::BASELINE);
}

#[test]
fn naive_bayes_conforms() {
    automl_testkit::check_learner(&crate::NAIVE_BAYES);
}

#[test]
fn the_elastic_net_conforms() {
    automl_testkit::check_learner(&crate::ELASTIC_NET);
}

#[test]
fn logistic_regression_conforms() {
    automl_testkit::check_learner(&crate::LOGISTIC_REGRESSION);
}

#[test]
fn nearest_neighbours_conforms() {
    automl_testkit::check_learner(&crate::NEAREST_NEIGHBOURS);
}

#[test]
fn smaller_neighbourhoods_conform() {
    let params = automl_core::ParamMap::from([
        ("k".into(), automl_core::ParamValue::Int(1)),
        ("p".into(), automl_core::ParamValue::Int(1)),
    ]);
    automl_testkit::check_learner_with(&crate::NEAREST_NEIGHBOURS, &params);
}

#[test]
fn the_lasso_conforms() {
    let params = automl_core::ParamMap::from([
        ("alpha".into(), automl_core::ParamValue::Float(0.01)),
        ("l1_ratio".into(), automl_core::ParamValue::Float(1.0)),
    ]);
    automl_testkit::check_learner_with(&crate::ELASTIC_NET, &params);
}

#[test]
fn support_vector_machines_conform() {
    automl_testkit::check_learner(&crate::SVM);
}

#[test]
fn sampled_machines_conform() {
    let params = automl_core::ParamMap::from([
        ("max_rows".into(), automl_core::ParamValue::Int(100)),
        ("c".into(), automl_core::ParamValue::Float(30.0)),
    ]);
    automl_testkit::check_learner_with(&crate::SVM, &params);
}
