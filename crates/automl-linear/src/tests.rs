//! Every learner of the crate keeps the common contract.

#[test]
fn every_learner_conforms() {
    for spec in crate::LEARNERS {
        automl_testkit::check_learner(spec);
    }
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
