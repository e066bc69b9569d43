//! Weights of classes, and what early stopping watches.

use super::{classification, fit, fit_rows, predict, regression, wave};
use crate::GRADIENT_BOOSTING;
use automl_core::metrics::Metric;
use automl_core::{Artifact, Coded, Column, Dataset, ParamMap, ParamValue};

/// Noisy classes of unlike size.
fn classes(n_classes: u32) -> Dataset {
    let (x, y) = wave(600);
    let noisy = y
        .iter()
        .enumerate()
        .map(|(row, y)| y + (row * 31 % 17) as f64 / 17.0);
    let codes = noisy.map(|y| (y * f64::from(n_classes) / 2.5).max(0.0) as u32 % n_classes);
    classification(
        vec![("x", Column::Number(x))],
        codes.collect(),
        n_classes as usize,
    )
}

fn codes(data: &Dataset) -> Vec<u32> {
    data.view(&data.all_rows()).class_codes()
}

fn halves() -> (Vec<u32>, Vec<u32>) {
    (0..600).partition(|row| row % 3 != 0)
}

/// The model with a parameter, which must be that of rows which weigh so many fold.
fn assert_weighs(data: &Dataset, map: &str, plain: &str, factor: impl Fn(u32) -> f64) {
    let (train, valid) = halves();
    let fit = |data: &Dataset, map: &str| -> (Artifact, ParamMap) {
        let fitted = fit_rows(&GRADIENT_BOOSTING, map, data, &train, Some(&valid), 1).unwrap();
        (fitted.model.artifact(), fitted.learned)
    };
    let codes = codes(data);
    for given in [None, Some(|row: usize| (1 + row % 4) as f64)] {
        let own = |row: usize| given.map_or(1.0, |weight| weight(row));
        let weights: Vec<f64> = (0..600).map(|row| own(row) * factor(codes[row])).collect();
        let by_hand = data
            .with_target(data.task().clone(), data.target().clone())
            .unwrap();
        let by_hand = by_hand.with_weight(weights).unwrap();
        let other = data
            .with_target(data.task().clone(), data.target().clone())
            .unwrap();
        let other = match given {
            None => other,
            Some(_) => other
                .with_weight((0..600).map(own).collect::<Vec<f64>>())
                .unwrap(),
        };
        assert_eq!(fit(&other, map), fit(&by_hand, plain));
    }
}

#[test]
fn a_weight_of_the_second_class_weighs_its_rows() {
    let data = classes(2);
    assert_weighs(
        &data,
        r#"{"n_trees":40,"scale_pos_weight":2.5,"early_stopping_rounds":3}"#,
        r#"{"n_trees":40,"early_stopping_rounds":3}"#,
        |class| if class == 1 { 2.5 } else { 1.0 },
    );
}

#[test]
fn balanced_classes_weigh_alike_and_rows_as_much_as_before() {
    for n_classes in [2, 3] {
        let data = classes(n_classes);
        let (train, _) = halves();
        let codes = codes(&data);
        let of_class = |class: u32| {
            train
                .iter()
                .filter(|&&row| codes[row as usize] == class)
                .count() as f64
        };
        let n = train.len() as f64;
        let fitted = |map: &str, data: &Dataset| {
            let fitted = fit_rows(&GRADIENT_BOOSTING, map, data, &train, None, 1).unwrap();
            fitted.model.artifact()
        };
        let weights: Vec<f64> = codes
            .iter()
            .map(|&class| n / (f64::from(n_classes) * of_class(class)))
            .collect();
        let total: f64 = train.iter().map(|&row| weights[row as usize]).sum();
        assert!((total - n).abs() < 1e-9);
        let by_hand = data
            .with_target(data.task().clone(), data.target().clone())
            .unwrap();
        let by_hand = by_hand.with_weight(weights).unwrap();
        assert_eq!(
            fitted(r#"{"n_trees":10,"class_weight":"balanced"}"#, &data),
            fitted(r#"{"n_trees":10}"#, &by_hand)
        );
    }
    // The start is the log-odds of classes that weigh alike.
    let fitted = fit(r#"{"n_trees":1,"class_weight":"balanced"}"#, &classes(2));
    assert!(fitted.model.artifact().f64s("base").unwrap()[0].abs() < 1e-12);
}

#[test]
fn weights_of_classes_are_for_classes_and_not_told_twice() {
    let said = |map: &str, data: &Dataset| {
        let rows = data.all_rows();
        let error = fit_rows(&GRADIENT_BOOSTING, map, data, &rows, None, 1)
            .err()
            .unwrap();
        assert_eq!(error.code(), "param-conflict");
        error.to_string()
    };
    let numbers = regression(vec![("x", Column::Number(vec![1.0, 2.0]))], vec![1.0, 2.0]);
    let (balanced, scaled) = (
        r#"{"class_weight":"balanced"}"#,
        r#"{"scale_pos_weight":2.0}"#,
    );
    assert_eq!(
        said(balanced, &numbers),
        "class_weight = balanced is for classes, not for numbers"
    );
    assert_eq!(
        said(scaled, &numbers),
        "scale_pos_weight = 2 is for two classes"
    );
    assert_eq!(
        said(scaled, &classes(3)),
        "scale_pos_weight = 2 is for two classes"
    );
    let both = r#"{"scale_pos_weight":2.0,"class_weight":"balanced"}"#;
    assert!(said(both, &classes(2)).ends_with("class_weight = balanced weighs already"));
}

/// The score of the validation rows after each round of a model that was not stopped.
fn by_round(metric: Metric, map: &str, data: &Dataset) -> Vec<f64> {
    let (train, valid) = halves();
    let fitted = fit_rows(&GRADIENT_BOOSTING, map, data, &train, None, 1).unwrap();
    let rounds: Vec<usize> = (0..=80).collect();
    let view = data.view(&valid);
    let trees = fitted.model.as_trees().unwrap();
    let stages = trees.staged(&view.table(), &rounds).unwrap();
    let weights = view.weights();
    let score = |stage| metric.score(&view.target_numbers(), stage, weights.as_deref());
    stages.iter().map(|stage| score(stage).unwrap()).collect()
}

#[test]
fn the_round_that_is_best_by_the_metric_is_kept() {
    let weights: Vec<f64> = (0..600).map(|row| f64::from(1 + row % 4)).collect();
    let (x, y) = wave(600);
    let noisy: Vec<f64> = (0..600)
        .map(|row| 2.0 + y[row] + (row * 31 % 17) as f64 / 8.0)
        .collect();
    let numbers = regression(vec![("x", Column::Number(x))], noisy);
    let numbers = numbers.with_weight(weights.clone()).unwrap();
    let two = classes(2).with_weight(weights.clone()).unwrap();
    let three = classes(3).with_weight(weights).unwrap();
    let (train, valid) = halves();
    let mut n_differ = 0;
    for (name, data) in [
        ("roc_auc", &two),
        ("accuracy", &two),
        ("AUC", &three),
        ("balanced_accuracy", &three),
        ("mae", &numbers),
        ("r2", &numbers),
        ("rmsle", &numbers),
    ] {
        let metric = Metric::from_name(name).unwrap();
        let scores = by_round(metric, r#"{"n_trees":80,"learning_rate":0.2}"#, data);
        // The first of the best rounds.
        let mut best = 0;
        for (round, &score) in scores.iter().enumerate() {
            if metric.is_better(score, scores[best]) {
                best = round;
            }
        }
        let fit = |metric: &str| {
            let map = format!(
                r#"{{"n_trees":80,"learning_rate":0.2,"early_stopping_rounds":80,"eval_metric":"{metric}"}}"#
            );
            let fitted = fit_rows(&GRADIENT_BOOSTING, &map, data, &train, Some(&valid), 1).unwrap();
            fitted.learned["n_trees"].as_i64().unwrap() as usize
        };
        assert_eq!(fit(name), best, "{name}");
        n_differ += usize::from(fit("") != best);
    }
    assert!(n_differ > 2, "metrics stop where the loss does");
}

#[test]
fn a_better_loss_must_be_better_by_the_least_step() {
    let data = classes(2);
    let (train, valid) = halves();
    let losses = by_round(Metric::LogLoss, r#"{"n_trees":80}"#, &data);
    for min_delta in [0.0, 1e-3, 1e-2] {
        let (mut best, mut since) = (0, 0);
        for (round, loss) in losses.iter().enumerate().skip(1) {
            since += 1;
            if *loss < losses[best] - min_delta {
                (best, since) = (round, 0);
            }
            if since == 4 {
                break;
            }
        }
        let map = format!(
            r#"{{"n_trees":80,"early_stopping_rounds":4,"early_stopping_min_delta":{min_delta}}}"#
        );
        let fitted = fit_rows(&GRADIENT_BOOSTING, &map, &data, &train, Some(&valid), 1).unwrap();
        assert_eq!(fitted.learned["n_trees"], ParamValue::Int(best as i64));
    }
}

#[test]
fn a_metric_that_is_unknown_or_unfit_is_answered_with_others() {
    let map = |name: &str| {
        ParamMap::from([(
            "eval_metric".to_owned(),
            ParamValue::Text(name.to_owned().into()),
        )])
    };
    let build = |name: &str| (GRADIENT_BOOSTING.build)(&map(name)).err().unwrap();
    assert_eq!(
        build("rmsee").to_string(),
        "eval_metric = rmsee is not known"
    );
    assert_eq!(build("rmsee").code(), "param-name-unknown");
    assert!(
        build("rmsee")
            .hint()
            .unwrap()
            .starts_with("did you mean rmse")
    );
    assert_eq!(build("ndgc").hint().unwrap(), "did you mean ndcg?");
    assert!(build("zzz").hint().unwrap().contains("pinball"));
    let said = |name: &str, data: &Dataset| {
        let map = format!(r#"{{"eval_metric":"{name}"}}"#);
        let rows = data.all_rows();
        let error = fit_rows(&GRADIENT_BOOSTING, &map, data, &rows, None, 1)
            .err()
            .unwrap();
        assert_eq!(error.code(), "param-conflict");
        error.to_string()
    };
    let numbers = regression(vec![("x", Column::Number(vec![1.0, 2.0]))], vec![1.0, 2.0]);
    assert!(
        said("auc", &numbers)
            .starts_with("eval_metric = auc is not for regression tasks; these are: rmse, ")
    );
    assert!(said("f1", &classes(3)).contains("roc_auc"));
    assert_eq!(
        said("ndcg", &numbers),
        "eval_metric = ndcg is for objective = lambda_rank alone"
    );
}

#[test]
fn a_metric_without_a_value_is_an_error() {
    let data = classes(2);
    let codes = codes(&data);
    let (valid, train): (Vec<u32>, Vec<u32>) =
        (0..600).partition(|&row| row % 2 == 0 && codes[row as usize] == 0);
    let map = r#"{"eval_metric":"roc_auc"}"#;
    let error = fit_rows(&GRADIENT_BOOSTING, map, &data, &train, Some(&valid), 1)
        .err()
        .unwrap();
    assert_eq!(error.code(), "metric-undefined");
    let fitted = fit_rows(&GRADIENT_BOOSTING, "{}", &data, &train, Some(&valid), 1).unwrap();
    assert_eq!(predict(&fitted, &data).len(), 1200);
}
