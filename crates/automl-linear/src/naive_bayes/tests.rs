//! Gaussian naive Bayes: scikit-learn's probabilities, a closed form, and the edges.

use super::NAIVE_BAYES;
use crate::testing::{classification, fit, floats, reference, table};
use automl_core::ParamMap;

#[test]
fn probabilities_agree_with_scikit_learn() {
    let reference = reference();
    for case in reference.json["naive_bayes"].as_array().unwrap() {
        let (codes, n_classes) = reference.target(case);
        let mut data = classification(table(&reference.x), n_classes, &codes);
        if case["weighted"] == true {
            data = data.with_weight(reference.weight.clone()).unwrap();
        }
        let params = floats(&[("var_smoothing", case["var_smoothing"].as_f64().unwrap())]);
        let model = fit(&NAIVE_BAYES, &params, &data).unwrap().model;
        let predicted = model.predict(&table(&reference.new).view()).unwrap();
        let theirs = case["probabilities"].as_array().unwrap().iter();
        for (ours, theirs) in predicted
            .values()
            .iter()
            .zip(theirs.flat_map(|row| row.as_array().unwrap()))
        {
            assert!(
                (ours - theirs.as_f64().unwrap()).abs() < 1e-9,
                "{ours} is not {theirs}"
            );
        }
    }
}

#[test]
fn halfway_between_two_equal_classes_is_undecided() {
    let data = classification(
        table(&[vec![-3.0], vec![-1.0], vec![1.0], vec![3.0]]),
        2,
        &[0, 0, 1, 1],
    );
    let model = fit(&NAIVE_BAYES, &ParamMap::new(), &data).unwrap().model;
    let predicted = model.predict(&table(&[vec![0.0]]).view()).unwrap();
    assert!((predicted.values()[0] - 0.5).abs() < 1e-12);
}

#[test]
fn constant_columns_and_far_cells_still_give_probabilities() {
    let data = classification(
        table(&[vec![1.0, 5.0], vec![1.0, 5.0], vec![1.0, 5.0]]),
        2,
        &[0, 1, 1],
    );
    let model = fit(&NAIVE_BAYES, &floats(&[("var_smoothing", 0.0)]), &data)
        .unwrap()
        .model;
    let probability = |row: Vec<f64>| {
        model
            .predict(&table(&[row]).view())
            .unwrap()
            .values()
            .to_vec()
    };
    assert!((probability(vec![1.0, 5.0])[1] - 2.0 / 3.0).abs() < 1e-12);
    assert!((probability(vec![1e300, -1e300]).iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn an_absent_class_has_no_probability_and_one_class_is_certain() {
    let absent = classification(table(&[vec![0.0], vec![1.0]]), 3, &[0, 2]);
    let model = fit(&NAIVE_BAYES, &ParamMap::new(), &absent).unwrap().model;
    assert_eq!(
        model.predict(&absent.table().view()).unwrap().values()[1],
        0.0
    );
    let alone = classification(table(&[vec![0.0], vec![1.0]]), 2, &[1, 1]);
    let model = fit(&NAIVE_BAYES, &ParamMap::new(), &alone).unwrap().model;
    assert_eq!(
        model.predict(&alone.table().view()).unwrap().values(),
        [0.0, 1.0, 0.0, 1.0]
    );
}

#[test]
fn a_cut_artifact_is_an_error() {
    let data = classification(table(&[vec![0.0], vec![1.0], vec![2.0]]), 2, &[0, 1, 1]);
    let model = fit(&NAIVE_BAYES, &ParamMap::new(), &data).unwrap().model;
    let artifact = model.artifact();
    assert_eq!((NAIVE_BAYES.load)(&artifact).unwrap().artifact(), artifact);
    for (name, values) in [
        ("means", vec![1.0]),
        ("variances", vec![1.0, 0.0]),
        ("log_prior", vec![]),
    ] {
        let mut wrong = artifact.clone();
        wrong.push_f64(name, values);
        assert!((NAIVE_BAYES.load)(&wrong).is_err(), "with wrong {name}");
    }
}
