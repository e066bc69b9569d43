//! The numbers of scikit-learn, written by `scripts/features_reference.py`.
//!
//! Tolerances: term weights are stored as f32 (1e-6), powers are found by another search (1e-4), the rest 1e-9.

use super::{binary, dataset, fit, fit_with, numbers, recipe, rows_as_target};
use automl_core::{Column, Dataset, Levels, Table, Target, Task, Threads, Transformer};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}

fn matrix(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(floats).collect()
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        let size = 1.0_f64.max(b.abs());
        assert!(
            (a - b).abs() <= tolerance * size,
            "{a} is not {b} at {index}"
        );
    }
}

fn texts() -> Dataset {
    let reference = reference();
    let texts = reference["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::as_str);
    rows_as_target(vec![("text", Column::Text(texts.collect()))])
}

#[track_caller]
fn check_tfidf(yaml: &str, column: &str, expected: &Value) {
    let (_, table) = fit(&recipe(yaml), &texts());
    let sparse = table.column(column).unwrap().as_sparse().unwrap();
    let terms: Vec<&str> = sparse.names().iter().map(AsRef::as_ref).collect();
    let expected_terms: Vec<&str> = expected["terms"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(terms, expected_terms);
    for (row, expected) in matrix(&expected["rows"]).iter().enumerate() {
        let mut dense = vec![0.0; sparse.n_dims()];
        let (dims, values) = sparse.row(row);
        for (&dim, &value) in dims.iter().zip(values) {
            dense[dim as usize] = f64::from(value);
        }
        assert_close(&dense, expected, 1e-6);
    }
}

#[test]
fn word_weights() {
    let yaml = "steps: [{text_tfidf: {ngrams: [1, 2]}}]";
    check_tfidf(yaml, "text_word", &reference()["tfidf_word"]);
}

#[test]
fn character_weights() {
    let yaml = "steps: [{text_tfidf: {analyzer: char_wb, ngrams: [3, 5], min_df: 2, max_df: 0.5}}]";
    check_tfidf(yaml, "text_char_wb", &reference()["tfidf_char_wb"]);
}

#[test]
fn truncated_svd() {
    let yaml =
        "steps: [{text_tfidf: {ngrams: [1, 1]}}, {text_svd: {n_components: 3, n_iterations: 20}}]";
    let rows = [0, 1, 2, 4, 7];
    let (_, table) = fit_with(&recipe(yaml), &texts(), &rows, Threads::one());
    let table = table.gather(&rows);
    let expected = matrix(&reference()["svd"]);
    for component in 0..3 {
        let found = numbers(&table, &format!("text_word_svd_{}", component + 1));
        let found: Vec<f64> = found.iter().map(|value| value.abs()).collect();
        let expected: Vec<f64> = expected.iter().map(|row| row[component]).collect();
        assert_close(&found, &expected, 1e-5);
    }
}

#[test]
fn scales() {
    let reference = reference();
    let new = floats(&reference["new"]);
    let new = Table::new(vec![("x".into(), Column::Number(new))]).unwrap();
    for values in ["skewed", "signed", "tied"] {
        let expected = &reference["scale"][values];
        let data = rows_as_target(vec![("x", Column::Number(floats(&expected["values"])))]);
        for (method, tolerance) in [
            ("standard", 1e-9),
            ("robust", 1e-9),
            ("quantile", 1e-8),
            ("power", 1e-4),
        ] {
            let yaml = format!("steps: [{{scale: {{method: {method}, n_quantiles: 25}}}}]");
            let (fitted, _) = fit(&recipe(&yaml), &data);
            let scaled = fitted.transform(&new.view()).unwrap();
            assert_close(
                &numbers(&scaled, "x"),
                &floats(&expected[method]),
                tolerance,
            );
        }
        let power = crate::steps::scale::best_power(&floats(&expected["values"]));
        assert_close(
            &[power],
            &floats(&serde_json::json!([expected["lambda"]])),
            1e-5,
        );
    }
}

/// The category column of the reference, in a task, and a table with each level once and one more that was not met.
fn categories(task: Task, target: Target) -> (Dataset, Table) {
    let codes: Vec<u32> = floats(&reference()["codes"])
        .into_iter()
        .map(|code| code as u32)
        .collect();
    let levels = Levels::new(["0", "1", "2", "3", "4", "5"]);
    let column = |codes: Vec<u32>| ("c".to_owned(), Column::category(codes, levels.clone()));
    let new = Table::new(vec![column(vec![
        0,
        1,
        2,
        3,
        4,
        5,
        automl_core::UNSEEN_CODE,
    ])])
    .unwrap();
    (
        dataset(Table::new(vec![column(codes)]).unwrap(), task, target),
        new,
    )
}

#[test]
fn one_hot_with_rare_levels_pooled() {
    let reference = reference();
    let target = Target::Numbers(floats(&reference["number"]).into());
    let (data, new) = categories(Task::Regression, target);
    let (fitted, _) = fit(&recipe("steps: [{one_hot: {min_count: 5}}]"), &data);
    let table = fitted.transform(&new.view()).unwrap();
    for (row, expected) in matrix(&reference["one_hot"]).iter().enumerate() {
        let found: Vec<f64> = table
            .iter()
            .map(|(_, column)| column.as_number().unwrap()[row])
            .collect();
        assert_close(&found, expected, 0.0);
    }
}

#[test]
fn target_means() {
    let reference = reference();
    let classes = |name: &str| -> Target {
        let codes: Vec<u32> = floats(&reference[name])
            .into_iter()
            .map(|code| code as u32)
            .collect();
        Target::Classes(codes.into())
    };
    let number = Target::Numbers(floats(&reference["number"]).into());
    let three = Task::Multiclass {
        classes: vec!["a".into(), "b".into(), "c".into()],
    };
    for (name, task, target) in [
        ("binary", binary(), classes("binary")),
        ("number", Task::Regression, number),
        ("three", three, classes("three")),
    ] {
        let (data, new) = categories(task, target);
        let (fitted, _) = fit(
            &recipe("steps: [{target_encode: {columns: [c], smoothing: 20}}]"),
            &data,
        );
        let table = fitted.transform(&new.view()).unwrap();
        for (row, expected) in matrix(&reference["target"][name]).iter().enumerate() {
            let found: Vec<f64> = table
                .iter()
                .map(|(_, column)| column.as_number().unwrap()[row])
                .collect();
            assert_close(&found, expected, 1e-9);
        }
    }
}

#[test]
fn principal_components() {
    let reference = reference();
    let rows = matrix(&reference["matrix"]);
    let names = ["a", "b", "c", "d", "e"];
    let column = |index: usize| Column::Number(rows.iter().map(|row| row[index]).collect());
    let data = rows_as_target((0..5).map(|index| (names[index], column(index))).collect());
    let (_, table) = fit(&recipe("steps: [{pca: {n_components: 3}}]"), &data);
    for component in 0..3 {
        let found = numbers(&table, &format!("pca_{}", component + 1));
        let found: Vec<f64> = found.iter().map(|value| value.abs()).collect();
        let expected: Vec<f64> = matrix(&reference["pca"])
            .iter()
            .map(|row| row[component])
            .collect();
        assert_close(&found, &expected, 1e-9);
    }
}
