//! Categories of many levels as ordered target statistics.

use super::{classification, fit, fit_rows, params, predict, regression, rmse, table};
use crate::GRADIENT_BOOSTING;
use automl_core::{
    Coded, Column, Dataset, Fitted, Levels, MISSING_CODE, Seed, Threads, UNSEEN_CODE,
};

fn levels(n: usize) -> Levels {
    Levels::new((0..n).map(|level| level.to_string()))
}

fn draw(name: &str, row: usize) -> f64 {
    (Seed(9).named(name).indexed(row as u64).0 >> 11) as f64 / (1_u64 << 53) as f64
}

/// Rows of a category of `n_levels`, each with an effect of its own on the target, and a number.
fn shops(n: usize, n_levels: usize) -> (Vec<(&'static str, Column)>, Vec<f64>) {
    let codes: Vec<u32> = (0..n)
        .map(|row| (draw("code", row) * n_levels as f64) as u32)
        .collect();
    let x: Vec<f64> = (0..n).map(|row| draw("x", row)).collect();
    let y = (0..n)
        .map(|row| 2.0 * draw("effect", codes[row] as usize) + x[row] + 0.3 * draw("noise", row))
        .collect();
    let shop = Column::category(codes, levels(n_levels));
    (vec![("shop", shop), ("x", Column::Number(x))], y)
}

const ORDERED: &str = r#"{"n_trees":40,"cat_encoding":"ordered_target"}"#;

fn split(n: usize) -> (Vec<u32>, Vec<u32>) {
    (0..n as u32).partition(|row| row % 4 != 0)
}

fn fit_train(map: &str, data: &Dataset, threads: usize) -> Fitted {
    let (train, valid) = split(data.n_rows());
    fit_rows(&GRADIENT_BOOSTING, map, data, &train, Some(&valid), threads).unwrap()
}

#[test]
fn levels_beyond_the_bins_are_told_apart() {
    let (columns, y) = shops(20_000, 1000);
    let data = regression(columns, y.clone());
    let (_, valid) = split(20_000);
    let error = |map: &str| {
        let predicted = predict(&fit_train(map, &data, 1), &data);
        let of = |values: &[f64]| {
            valid
                .iter()
                .map(|&row| values[row as usize])
                .collect::<Vec<_>>()
        };
        rmse(&of(&predicted), &of(&y))
    };
    let (ordered, sorted) = (error(ORDERED), error(r#"{"n_trees":40}"#));
    assert!(ordered < 0.25 && sorted > 0.4, "{ordered} {sorted}");
}

#[test]
fn a_hundred_thousand_levels_are_learned_stored_and_loaded() {
    let (columns, y) = shops(400_000, 100_000);
    let data = regression(columns, y.clone());
    let map = r#"{"n_trees":8,"learning_rate":0.5,"cat_encoding":"ordered_target"}"#;
    let fitted = fit(map, &data);
    let artifact = fitted.model.artifact();
    assert_eq!(artifact.f64s("level_means").unwrap().len(), 100_000);
    let loaded = (GRADIENT_BOOSTING.load)(&artifact).unwrap();
    let predicted = predict(&fitted, &data);
    assert_eq!(
        loaded.predict(&data.table().view()).unwrap().values(),
        predicted
    );
    // The effects' deviation is 0.58; four rows a level tell most of it.
    let error = rmse(&predicted, &y);
    assert!(error < 0.35, "{error}");
}

/// With two rows a level, the mean of a level that a row belongs to would tell half of the row's own target.
#[test]
fn a_row_does_not_see_its_own_target() {
    let n = 6000;
    let codes: Vec<u32> = (0..n as u32).map(|row| row / 2).collect();
    let classes: Vec<u32> = (0..n)
        .map(|row| u32::from(draw("class", row) < 0.5))
        .collect();
    let data = classification(
        vec![("id", Column::category(codes, levels(n / 2)))],
        classes,
        2,
    );
    let fitted = fit(r#"{"n_trees":50,"cat_encoding":"ordered_target"}"#, &data);
    let predicted = predict(&fitted, &data);
    let spread = predicted
        .iter()
        .map(|p| (p - 0.5).abs())
        .fold(0.0, f64::max);
    assert!(spread < 0.2, "{spread}");
}

#[test]
fn targets_of_other_rows_say_nothing_and_threads_do_not_either() {
    let (columns, y) = shops(3000, 400);
    let (train, _) = split(3000);
    let altered = y
        .iter()
        .enumerate()
        .map(|(row, y)| if row % 4 == 0 { -y } else { *y });
    let altered = regression(columns.clone(), altered.collect());
    let data = regression(columns, y);
    let fitted = |data: &Dataset, threads| {
        let fitted = fit_rows(&GRADIENT_BOOSTING, ORDERED, data, &train, None, threads);
        fitted.unwrap().model.artifact()
    };
    assert_eq!(fitted(&data, 1), fitted(&altered, 1));
    assert_eq!(fitted(&data, 1), fitted(&data, 2));
}

#[test]
fn unseen_and_missing_levels_are_predicted_as_one_without_rows() {
    let (mut columns, y) = shops(3000, 400);
    let Column::Category { codes, .. } = &columns[0].1 else {
        panic!("a category");
    };
    columns[0].1 = Column::category(codes.clone(), levels(402));
    let fitted = fit(ORDERED, &regression(columns, y));
    let odd = table(vec![
        (
            "shop",
            Column::category(vec![401, UNSEEN_CODE, MISSING_CODE], levels(402)),
        ),
        ("x", Column::Number(vec![0.5; 3])),
    ]);
    let odd = fitted.model.predict(&odd.view()).unwrap();
    assert!(
        odd.values()
            .iter()
            .all(|value| *value == odd.values()[0] && value.is_finite())
    );
    let without = table(vec![("x", Column::Number(vec![0.5; 3]))]);
    let number = table(vec![
        ("shop", Column::Number(vec![0.5])),
        ("x", Column::Number(vec![0.5])),
    ]);
    let code = |table: &automl_core::Table| fitted.model.predict(&table.view()).unwrap_err().code();
    assert_eq!(code(&without), "predict-column-missing");
    assert_eq!(code(&number), "predict-column-kind");
}

#[test]
fn categories_of_few_levels_stay_sorted_bit_by_bit() {
    let (columns, y) = shops(2000, 30);
    let data = regression(columns, y);
    let plain = fit(r#"{"n_trees":40}"#, &data).model.artifact();
    assert_eq!(fit(ORDERED, &data).model.artifact(), plain);
    let all = r#"{"n_trees":40,"cat_encoding":"ordered_target","max_sorted_levels":29}"#;
    assert_ne!(fit(all, &data).model.artifact(), plain);
}

#[test]
fn classes_have_a_mean_each_and_one_name_explains_them() {
    let (mut columns, y) = shops(4000, 300);
    let more = (0..4000)
        .map(|row| (draw("more", row) * 280.0) as u32)
        .collect();
    columns.push(("more", Column::category(more, levels(280))));
    let classes: Vec<u32> = y.iter().map(|y| (y * 1.2).clamp(0.0, 2.9) as u32).collect();
    let data = classification(columns, classes.clone(), 3);
    let fitted = fit_train(ORDERED, &data, 1);
    assert_eq!(
        fit_train(ORDERED, &data, 2).model.artifact(),
        fitted.model.artifact()
    );
    let artifact = fitted.model.artifact();
    assert_eq!(artifact.f64s("level_means").unwrap().len(), 3 * (300 + 280));
    let loaded = (GRADIENT_BOOSTING.load)(&artifact).unwrap();
    assert_eq!(loaded.artifact(), artifact);
    let predicted = fitted.model.predict(&data.table().view()).unwrap();
    let hits = predicted
        .class_codes()
        .iter()
        .zip(&classes)
        .filter(|(a, b)| a == b)
        .count();
    assert!(hits > 2800, "{hits}");
    let names: Vec<String> = loaded
        .importance()
        .unwrap()
        .0
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["shop", "x", "more"]);
    let explained = loaded
        .explain(&data.table().view(), &Threads::one())
        .unwrap();
    assert_eq!(explained.columns, ["shop", "x", "more"]);
}

#[test]
fn constraints_speak_of_the_column() {
    let (mut columns, y) = shops(3000, 300);
    let other = (0..3000).map(|row| draw("other", row)).collect();
    columns.push(("other", Column::Number(other)));
    let data = regression(columns, y);
    let map = r#"{"n_trees":40,"cat_encoding":"ordered_target","interaction_constraints":"shop;x,other"}"#;
    let fitted = fit(map, &data);
    let rows: Vec<u32> = (0..20).collect();
    let pairs = fitted
        .model
        .interactions(&data.table().rows(&rows), &Threads::one())
        .unwrap();
    for values in pairs.values.chunks(16) {
        assert_eq!((values[1], values[2]), (0.0, 0.0));
        assert!(values[0] != 0.0);
    }
    let map = map.replace(
        "interaction_constraints\":\"shop;x,other",
        "monotone_constraints\":\"shop:1",
    );
    let error = fit_rows(&GRADIENT_BOOSTING, &map, &data, &rows, None, 1)
        .err()
        .unwrap();
    assert_eq!(error.code(), "param-conflict");
}

#[test]
fn altered_means_are_refused() {
    let (columns, y) = shops(2000, 300);
    let classes = y.iter().map(|y| (y * 1.2).clamp(0.0, 2.9) as u32).collect();
    let data = classification(columns, classes, 3);
    let good = fit(ORDERED, &data).model.artifact();
    assert!((GRADIENT_BOOSTING.load)(&good).is_ok());
    let cut = |name: &str| {
        let mut artifact = good.clone();
        artifact.arrays.remove(name);
        artifact
    };
    let mut altered = vec![
        cut("level_means"),
        cut("level_mean_priors"),
        cut("level_mean_ends"),
    ];
    let mut with = |change: &dyn Fn(&mut automl_core::Artifact)| {
        let mut artifact = good.clone();
        change(&mut artifact);
        altered.push(artifact);
    };
    with(&|a| a.push_i64("level_mean_ends", vec![899]));
    with(&|a| a.push_i64("level_mean_ends", vec![i64::MAX]));
    with(&|a| a.push_i64("level_mean_ends", vec![-1]));
    with(&|a| a.push_i64("level_mean_ends", vec![300, 900]));
    with(&|a| a.push_f64("level_mean_priors", vec![]));
    with(&|a| a.push_f64("level_mean_priors", vec![0.5]));
    with(&|a| a.push_f64("level_means", vec![f64::NAN; 900]));
    with(&|a| a.push_f64("level_means", vec![0.0; 6]));
    with(&|a| a.push_u32("slot_outputs", vec![0]));
    with(&|a| a.push_u32("slot_outputs", vec![3; a.u32s("slots").unwrap().len()]));
    with(&|a| a.push_u32("slot_outputs", vec![0; a.u32s("slots").unwrap().len()]));
    for (place, artifact) in altered.iter().enumerate() {
        let error = (GRADIENT_BOOSTING.load)(artifact).err();
        let code = error.unwrap_or_else(|| panic!("{place} was read")).code();
        assert!(code.starts_with("artifact-part-"), "{place}: {code}");
    }
}

#[test]
fn ordered_targets_keep_the_contract_of_a_learner() {
    let map = r#"{"n_trees":30,"cat_encoding":"ordered_target","max_sorted_levels":0}"#;
    automl_testkit::check_learner_with(&GRADIENT_BOOSTING, &params(map));
}
