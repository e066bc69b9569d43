//! Scores that start from a column.

use super::{classification, fit, fit_rows, predict, regression, wave};
use crate::{GRADIENT_BOOSTING, tests::table};
use automl_core::{Coded, Column, Dataset, Fitted, ImportanceKind, Threads};
use serde_json::Value;

/// The columns of `scripts/offset_reference.py`.
fn columns() -> Vec<(&'static str, Column)> {
    let number =
        |factor: usize, modulus: usize| (0..400).map(move |i| (i * factor % modulus) as f64);
    let start = number(29, 17).map(|offset| offset / 8.0 - 1.0);
    vec![
        ("a", Column::Number(number(37, 23).collect())),
        ("start", Column::Number(start.collect())),
        ("b", Column::Number(number(101, 19).collect())),
    ]
}

fn numbers<'a>(data: &'a Dataset, name: &str) -> &'a [f64] {
    data.table().column(name).unwrap().as_number().unwrap()
}

fn dataset(objective: &str) -> Dataset {
    let columns = columns();
    let value = |column: usize, row: usize| columns[column].1.as_number().unwrap()[row];
    let of_row = |row: usize| {
        let (signal, offset) = (value(0, row).sin() + 0.1 * value(2, row), value(1, row));
        match objective {
            "binary" => f64::from(u8::from(signal + offset > 0.8)),
            "poisson" => (0.5 * signal + offset).exp().floor(),
            _ => signal + 0.7 * offset,
        }
    };
    let y: Vec<f64> = (0..400).map(of_row).collect();
    match objective {
        "binary" => classification(columns, y.iter().map(|&y| y as u32).collect(), 2),
        _ => regression(columns, y),
    }
}

fn map(objective: &str) -> String {
    let objective = if objective == "poisson" {
        "poisson"
    } else {
        "squared"
    };
    format!(
        r#"{{"objective":"{objective}","offset_column":"start","n_trees":4,"learning_rate":0.3,"max_leaves":6,
            "min_rows_per_leaf":10,"l2":0.5}}"#
    )
}

/// Raw scores from predictions.
fn scores(objective: &str, fitted: &Fitted, data: &Dataset) -> Vec<f64> {
    let predicted = predict(fitted, data);
    match objective {
        "binary" => predicted.chunks(2).map(|p| (p[1] / p[0]).ln()).collect(),
        "poisson" => predicted.iter().map(|p| p.ln()).collect(),
        _ => predicted,
    }
}

#[test]
fn scores_are_those_of_lightgbm_from_the_same_start() {
    let reference: Value = serde_json::from_str(include_str!("../offset_reference.json")).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let objective = case["objective"].as_str().unwrap();
        let data = dataset(objective);
        let fitted = fit(&map(objective), &data);
        let base = fitted.model.artifact().f64s("base").unwrap()[0];
        let constant = case["constant"].as_f64().unwrap();
        assert!(
            (base - constant).abs() < 1e-9,
            "{objective}: {base} for {constant}"
        );
        let ours = scores(objective, &fitted, &data);
        for (row, theirs) in case["scores"].as_array().unwrap().iter().enumerate() {
            let (ours, theirs) = (ours[row], theirs.as_f64().unwrap());
            assert!(
                (ours - theirs).abs() < 1e-5,
                "{objective}, row {row}: {ours} where LightGBM has {theirs}"
            );
        }
    }
}

#[test]
fn squared_error_beside_an_offset_is_that_of_what_is_left() {
    let data = dataset("regression");
    let offset = numbers(&data, "start").to_vec();
    let left = data.view(&data.all_rows()).target_numbers();
    let left = left.iter().zip(&offset).map(|(y, o)| y - o).collect();
    let mut columns = columns();
    columns.remove(1);
    let plain = regression(columns, left);
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..400).partition(|row| row % 3 != 0);
    let fit = |data: &Dataset, offset: &str| {
        let map =
            format!(r#"{{"offset_column":"{offset}","n_trees":300,"early_stopping_rounds":5}}"#);
        fit_rows(&GRADIENT_BOOSTING, &map, data, &train, Some(&valid), 1).unwrap()
    };
    let (beside, left) = (fit(&data, "start"), fit(&plain, ""));
    assert_eq!(beside.learned, left.learned);
    let (beside, left) = (predict(&beside, &data), predict(&left, &plain));
    for ((beside, left), offset) in beside.iter().zip(&left).zip(&offset) {
        assert!((beside - left - offset).abs() < 1e-6);
    }
}

#[test]
fn a_count_goes_with_its_exposure_and_the_exposure_is_no_feature() {
    let data = dataset("poisson");
    let fitted = fit(&map("poisson"), &data);
    let more = numbers(&data, "start").iter().map(|o| o + 2f64.ln());
    let mut columns = columns();
    columns[1].1 = Column::Number(more.collect());
    columns.reverse();
    let doubled = fitted.model.predict(&table(columns).view()).unwrap();
    for (once, twice) in predict(&fitted, &data).iter().zip(doubled.values()) {
        assert!((twice / once - 2.0).abs() < 1e-9);
    }
    let trees = fitted.model.as_trees().unwrap();
    let splits = trees.importance_by(ImportanceKind::Splits).unwrap();
    let of_start = splits.0.iter().find(|(name, _)| name == "start").unwrap();
    assert_eq!(of_start.1, 0.0);
}

#[test]
fn attributions_give_the_offset_to_its_column() {
    for objective in ["regression", "binary", "poisson"] {
        let data = dataset(objective);
        let fitted = fit(&map(objective), &data);
        let (view, threads) = (data.table().view(), Threads::one());
        let explanation = fitted.model.explain(&view, &threads).unwrap();
        let pairs = fitted.model.interactions(&view, &threads).unwrap();
        assert_eq!(explanation.columns, ["a", "start", "b"]);
        let scores = scores(objective, &fitted, &data);
        for (row, score) in scores.iter().enumerate() {
            let values = explanation.row(row, 0);
            assert!((values.iter().sum::<f64>() - score).abs() < 1e-9);
            assert!((values[1] - numbers(&data, "start")[row]).abs() < 1e-12);
            for (column, value) in values.iter().enumerate() {
                let of_row: f64 = pairs.matrix(row, 0)[column * 4..][..4].iter().sum();
                assert!((of_row - value).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn a_saved_model_finds_the_column_by_name_and_rounds_end_at_the_prediction() {
    let data = dataset("binary");
    let fitted = fit(&map("binary"), &data);
    let artifact = fitted.model.artifact();
    assert_eq!(artifact.meta["offset_column"], "start");
    let loaded = (GRADIENT_BOOSTING.load)(&artifact).unwrap();
    let view = data.table().view();
    let predicted = loaded.predict(&view).unwrap();
    assert_eq!(predicted.values(), predict(&fitted, &data));
    assert_eq!(
        loaded.as_trees().unwrap().staged(&view, &[4]).unwrap(),
        [predicted]
    );
    for name in ["gone", "start "] {
        let mut altered = artifact.clone();
        altered.meta["offset_column"] = name.into();
        let error = (GRADIENT_BOOSTING.load)(&altered).err().unwrap();
        assert_eq!(error.code(), "artifact-part-invalid");
    }
}

#[test]
fn a_model_without_an_offset_says_nothing_of_one() {
    let (x, y) = wave(60);
    let data = regression(vec![("x", Column::Number(x))], y);
    let artifact = fit(r#"{"n_trees":2}"#, &data).model.artifact();
    assert!(artifact.meta.get("offset_column").is_none());
}

#[test]
fn offsets_that_are_no_numbers_are_told_with_their_row() {
    let with = |value: f64| {
        let start = vec![0.0, 1.0, value, 1.0];
        let columns = vec![
            ("x", Column::Number(vec![1.0, 2.0, 3.0, 4.0])),
            ("start", Column::Number(start)),
        ];
        regression(columns, vec![1.0, 2.0, 3.0, 4.0])
    };
    let map = r#"{"offset_column":"start"}"#;
    let fitted = fit(map, &with(0.5));
    for value in [f64::NAN, f64::INFINITY] {
        let data = with(value);
        let fit = |train: &[u32], valid: Option<&[u32]>| {
            fit_rows(&GRADIENT_BOOSTING, map, &data, train, valid, 1)
        };
        let told = "column 'start' has no finite number in row 3";
        assert_eq!(fit(&[1, 2, 3], None).err().unwrap().to_string(), told);
        assert_eq!(fit(&[0, 1], Some(&[2, 3])).err().unwrap().to_string(), told);
        assert!(fit(&[0, 1, 3], None).is_ok());
        let view = data.table().view();
        let error = fitted.model.predict(&view).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.code()),
            (told, "predict-offset")
        );
        assert!(error.hint().unwrap().contains("0 where nothing"));
        let error = fitted.model.explain(&view, &Threads::one()).unwrap_err();
        assert_eq!(error.to_string(), told);
    }
    let error = fitted
        .model
        .predict(&table(vec![("x", Column::Number(vec![1.0]))]).view());
    assert_eq!(error.unwrap_err().to_string(), "column 'start' is missing");
}

#[test]
fn an_offset_must_be_a_column_of_numbers_that_nothing_else_asks_for() {
    let (x, y) = wave(60);
    let columns = || {
        let code = automl_core::Column::category(vec![0; 60], automl_core::Levels::new(["one"]));
        vec![
            ("x", Column::Number(x.clone())),
            ("start", Column::Number(y.clone())),
            ("code", code),
        ]
    };
    let data = regression(columns(), y.clone());
    let error = |data: &Dataset, map: &str| {
        let rows = data.all_rows();
        fit_rows(&GRADIENT_BOOSTING, map, data, &rows, None, 1)
            .err()
            .unwrap()
    };
    let unknown = error(&data, r#"{"offset_column":"strat"}"#);
    assert_eq!(
        unknown.to_string(),
        "offset_column names 'strat', which is not a column"
    );
    assert_eq!(unknown.hint().unwrap(), "did you mean start?");
    assert_eq!(
        error(&data, r#"{"base_margin":"code"}"#).to_string(),
        "offset_column = code is a category column; offsets are numbers"
    );
    assert_eq!(
        error(
            &data,
            r#"{"init_score":"start","monotone_constraints":"start:1"}"#
        )
        .to_string(),
        "monotone_constraints = start:1 names 'start', which is the offset and no feature"
    );
    let classes = classification(columns(), (0..60).map(|row| row % 3).collect(), 3);
    assert_eq!(
        error(&classes, r#"{"offset_column":"start"}"#).code(),
        "param-conflict"
    );
}
