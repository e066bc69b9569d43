//! The same predictions as LightGBM on the tables of `scripts/tree_reference.py`, and the same attributions, of
//! `scripts/explain_reference.py`.
//!
//! LightGBM keeps gradients as f32 and leaf values as f64, as we do, but sums in another order: 1e-5 allows for that.

use super::{classification, fit, predict, regression};
use automl_core::{Column, Dataset, Fitted, Levels, Threads};
use serde_json::Value;

fn columns(table: &str) -> Vec<(&'static str, Column)> {
    let number =
        |factor: usize, modulus: usize| (0..400).map(move |i| (i * factor % modulus) as f64);
    let b = number(101, 19)
        .enumerate()
        .map(|(i, b)| if i % 7 == 3 { f64::NAN } else { b });
    let mut columns = vec![
        ("a", Column::Number(number(37, 23).collect())),
        ("b", Column::Number(b.collect())),
    ];
    if table == "categories" {
        let codes = (0..400).map(|i| i * 53 % 11).collect();
        columns.push((
            "c",
            Column::category(codes, Levels::new((0..11).map(|level| level.to_string()))),
        ));
    }
    columns
}

fn target() -> Vec<f64> {
    (0..400_usize)
        .map(|i| {
            let a = (i * 37 % 23) as f64;
            let b = if i % 7 == 3 {
                7.0
            } else {
                (i * 101 % 19) as f64
            };
            let c = i * 53 % 11;
            a.sin() + if a > 11.0 { 0.3 * b } else { 0.0 } + (c * 7 % 11) as f64 * 0.2
        })
        .collect()
}

fn dataset(table: &str, objective: &str) -> Dataset {
    let (columns, y) = (columns(table), target());
    match objective {
        "binary" => classification(columns, y.iter().map(|&y| u32::from(y > 2.0)).collect(), 2),
        "multiclass" => classification(
            columns,
            y.iter()
                .map(|&y| u32::from(y > 1.0) + u32::from(y > 2.5))
                .collect(),
            3,
        ),
        "poisson" => regression(columns, y.iter().map(|y| y.abs().floor()).collect()),
        _ => regression(columns, y),
    }
}

/// The model of a case, with the parameters that LightGBM had.
fn fit_case(case: &Value, data: &Dataset) -> Fitted {
    let mut map = case["params"].clone();
    map["n_trees"] = case["rounds"].clone();
    map["learning_rate"] = 0.3.into();
    map["min_data_per_group"] = 10.into();
    map["cat_smooth"] = 2.0.into();
    map["cat_l2"] = 3.0.into();
    if case["objective"] == "poisson" {
        map["objective"] = "poisson".into();
    }
    fit(&map.to_string(), data)
}

#[test]
fn attributions_are_those_of_lightgbm() {
    let reference: Value = serde_json::from_str(include_str!("../explain_reference.json")).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let objective = case["objective"].as_str().unwrap();
        let data = dataset(case["table"].as_str().unwrap(), objective);
        let fitted = fit_case(case, &data);
        let view = data.table().view();
        let ours = fitted.model.explain(&view, &Threads::one()).unwrap();
        let theirs = case["values"].as_array().unwrap();
        let n_values = ours.n_outputs * (ours.columns.len() + 1);
        assert_eq!(theirs.len(), 40 * n_values);
        for (place, (ours, theirs)) in ours.values.iter().zip(theirs).enumerate() {
            let theirs = theirs.as_f64().unwrap();
            let name = &case["name"];
            assert!(
                (ours - theirs).abs() < 1e-5,
                "{name}, value {place}: {ours} where LightGBM has {theirs}"
            );
        }
    }
}

#[test]
fn predictions_are_those_of_lightgbm() {
    let reference: Value = serde_json::from_str(include_str!("../reference.json")).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let objective = case["objective"].as_str().unwrap();
        let data = dataset(case["table"].as_str().unwrap(), objective);
        let fitted = fit_case(case, &data);
        let ours = predict(&fitted, &data);
        let ours: Vec<f64> = if objective == "binary" {
            ours.chunks(2).map(|p| p[1]).collect()
        } else {
            ours
        };
        let theirs = case["predicted"].as_array().unwrap();
        for (place, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let theirs = theirs.as_f64().unwrap();
            let name = &case["name"];
            assert!(
                (ours - theirs).abs() < 1e-5,
                "{name}, value {place}: {ours} where LightGBM has {theirs}"
            );
        }
    }
}
