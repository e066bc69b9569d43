//! Boosting that ends by itself.

use super::{classification, fit, fit_rows, params, predict, regression, rmse, wave};
use crate::GRADIENT_BOOSTING;
use automl_core::*;

/// Numbers without any tie to each other, from −0.5 to 0.5.
fn noise(n: usize, name: &str) -> Vec<f64> {
    let seed = Seed(5).named(name);
    let of_row = |row: u64| (seed.indexed(row).0 >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
    (0..n as u64).map(of_row).collect()
}

/// A wave under noise, with a column that says nothing.
fn noisy(n: usize, scale: f64) -> (Dataset, Vec<f64>) {
    let (x, clean) = wave(n);
    let y = clean.iter().zip(noise(n, "target"));
    let y = y.map(|(y, noise)| y + scale * noise).collect();
    let columns = vec![
        ("other", Column::Number(noise(n, "other"))),
        ("x", Column::Number(x)),
    ];
    (regression(columns, y), clean)
}

fn n_trees(fitted: &Fitted) -> u64 {
    fitted.model.artifact().meta["n_trees"].as_u64().unwrap()
}

#[test]
fn noise_teaches_next_to_nothing() {
    let columns = vec![
        ("a", Column::Number(noise(2000, "a"))),
        ("b", Column::Number(noise(2000, "b"))),
    ];
    let y = noise(2000, "target");
    let mean = y.iter().sum::<f64>() / 2000.0;
    let data = regression(columns, y);
    let moved = |map: &str| rmse(&predict(&fit(map, &data), &data), &[mean; 2000]);
    let (free, checked) = (moved(r#"{"n_trees":100}"#), moved(r#"{"budget":1.0}"#));
    assert!(checked < 0.4 * free, "{checked} against {free}");
}

#[test]
fn rounds_end_by_themselves_near_the_best_that_plain_boosting_reaches() {
    let (data, clean) = noisy(3000, 2.0);
    let error = |fitted: &Fitted| rmse(&predict(fitted, &data), &clean);
    let plain: Vec<f64> = [10, 30, 100, 300]
        .iter()
        .map(|n| error(&fit(&format!(r#"{{"n_trees":{n}}}"#), &data)))
        .collect();
    let best = plain.iter().copied().fold(f64::INFINITY, f64::min);
    let worst = plain[3];
    let fitted = fit(r#"{"budget":1.0}"#, &data);
    let checked = error(&fitted);
    assert!((5..1000).contains(&n_trees(&fitted)));
    assert!(
        checked < 1.1 * best && checked < 0.6 * worst,
        "{checked} against {plain:?}"
    );
}

#[test]
fn a_greater_budget_takes_smaller_steps_and_more_of_them() {
    let (data, _) = noisy(1000, 1.0);
    let counts = ["0.5", "1.0", "1.5"].map(|budget| {
        n_trees(&fit(
            &format!(r#"{{"budget":{budget},"n_trees":1}}"#),
            &data,
        ))
    });
    assert!(counts.is_sorted_by(|a, b| a < b), "{counts:?}");
}

#[test]
fn it_learns_the_same_at_any_number_of_threads_and_in_every_mode() {
    let (numbers, clean) = noisy(2000, 0.5);
    let codes = clean.iter().map(|y| y.clamp(0.0, 2.0) as u32).collect();
    let classes = classification(vec![("x", Column::Number(wave(2000).0))], codes, 3);
    for (data, map) in [
        (&numbers, r#"{"budget":0.7,"linear_leaves":true}"#),
        (&numbers, r#"{"budget":0.7,"growth":"symmetric"}"#),
        (&classes, r#"{"budget":0.7}"#),
    ] {
        let rows = data.all_rows();
        let [one, two] = [1, 2]
            .map(|threads| fit_rows(&GRADIENT_BOOSTING, map, data, &rows, None, threads).unwrap());
        assert_eq!(one.model.artifact(), two.model.artifact(), "{map}");
        assert!(n_trees(&one) > 3, "{map}");
        let loaded = (GRADIENT_BOOSTING.load)(&one.model.artifact()).unwrap();
        let view = data.table().view();
        assert_eq!(loaded.predict(&view).unwrap().values(), predict(&one, data));
    }
}

#[test]
fn directions_are_kept_when_splits_are_taken_back() {
    let (data, _) = noisy(2000, 2.0);
    let fitted = fit(r#"{"budget":0.7,"monotone_constraints":"x:1"}"#, &data);
    let x: Vec<f64> = (0..500).map(|i| f64::from(i) / 500.0).collect();
    let grid = super::table(vec![
        ("other", Column::Number(vec![0.1; 500])),
        ("x", Column::Number(x)),
    ]);
    let predicted = fitted.model.predict(&grid.view()).unwrap();
    assert!(predicted.values().is_sorted());
    assert!(predicted.values()[0] < predicted.values()[499]);
}

#[test]
fn validation_rows_still_stop_it() {
    let (data, _) = noisy(2000, 2.0);
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..2000).partition(|row| row % 3 != 0);
    let map = r#"{"budget":1.0,"early_stopping_rounds":3}"#;
    let fitted = fit_rows(&GRADIENT_BOOSTING, map, &data, &train, Some(&valid), 1).unwrap();
    let alone = fit_rows(&GRADIENT_BOOSTING, map, &data, &train, None, 1).unwrap();
    assert_eq!(
        fitted.learned["n_trees"].as_i64(),
        Some(n_trees(&fitted) as i64)
    );
    assert!(n_trees(&fitted) <= n_trees(&alone));
}

#[test]
fn what_it_does_not_go_with_is_refused() {
    let build = |map: &str| (GRADIENT_BOOSTING.build)(&params(map)).err().unwrap();
    for map in [
        r#"{"budget":1.0,"boosting":"dart"}"#,
        r#"{"budget":1.0,"row_sampling":"goss"}"#,
    ] {
        assert_eq!(build(map).code(), "param-conflict", "{map}");
    }
    let (data, _) = noisy(100, 1.0);
    let map = r#"{"budget":1.0,"objective":"absolute"}"#;
    let rows = data.all_rows();
    let error = fit_rows(&GRADIENT_BOOSTING, map, &data, &rows, None, 1).err();
    assert_eq!(error.unwrap().code(), "param-conflict");
}

#[test]
fn it_keeps_the_contract_of_a_learner() {
    automl_testkit::check_learner_with(&GRADIENT_BOOSTING, &params(r#"{"budget":0.5}"#));
}
