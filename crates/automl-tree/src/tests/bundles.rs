//! Models of sparse columns that share lanes are those of lanes of their own.

use super::{classification, fit_rows, predict, regression};
use crate::forest::{ForestGrower, ForestRules, Targets};
use crate::{EXTRA_TREES, GRADIENT_BOOSTING, RANDOM_FOREST};
use automl_core::{Column, Dataset, Fitted, Seed, Threads};

/// Two codings of 30 and 12 levels, and a dense column, whose mixture makes the target.
fn columns(n: usize) -> (Vec<(String, Column)>, Vec<f64>) {
    let draw = |name: &str, row: usize, n: u64| Seed(5).named(name).indexed(row as u64).0 % n;
    let levels = |name: &str, n_levels: u64| -> Vec<u64> {
        (0..n).map(|row| draw(name, row, n_levels)).collect()
    };
    let (a, b, x) = (levels("a", 30), levels("b", 12), levels("x", 500));
    let mut columns = Vec::new();
    for (name, levels, n_levels) in [("a", &a, 30), ("b", &b, 12)] {
        for level in 0..n_levels {
            let is_on = levels.iter().map(|&l| f64::from(u8::from(l == level)));
            columns.push((format!("{name}{level}"), Column::Number(is_on.collect())));
        }
    }
    columns.push((
        "x".into(),
        Column::Number(x.iter().map(|&x| x as f64).collect()),
    ));
    let target = |row: usize| {
        let (a, b, x) = (a[row] as f64, b[row] as f64, x[row] as f64 / 500.0);
        (a * 1.7).sin() + (b * 0.9).cos() * x + x
    };
    (columns, (0..n).map(target).collect())
}

fn named(columns: &[(String, Column)]) -> Vec<(&str, Column)> {
    columns
        .iter()
        .map(|(name, column)| (name.as_str(), column.clone()))
        .collect()
}

fn fitted(map: &str, data: &Dataset, is_bundled: bool, threads: usize) -> Fitted {
    let map = map.replace('}', &format!(",\"bundle_exclusive\":{is_bundled}}}"));
    let (train, valid): (Vec<u32>, Vec<u32>) =
        (0..data.n_rows() as u32).partition(|row| row % 4 != 0);
    fit_rows(
        &GRADIENT_BOOSTING,
        &map,
        data,
        &train,
        Some(&valid),
        threads,
    )
    .unwrap()
}

#[test]
fn boosting_splits_on_the_same_features_at_the_same_places() {
    let (columns, y) = columns(3000);
    let codes = y.iter().map(|y| (y * 1.5).clamp(0.0, 2.9) as u32).collect();
    let numbers = regression(named(&columns), y);
    let classes = classification(named(&columns), codes, 3);
    for map in [
        r#"{"n_trees":20}"#,
        r#"{"n_trees":20,"growth":"depth_wise","max_leaves":60,"min_rows_per_leaf":2}"#,
        r#"{"n_trees":10,"growth":"symmetric"}"#,
        r#"{"n_trees":10,"column_fraction":0.5,"row_sampling":"goss","learning_rate":0.3}"#,
        r#"{"n_trees":10,"extra_random":true}"#,
    ] {
        for data in [&numbers, &classes] {
            let one = fitted(map, data, true, 1);
            let [bundled, plain] =
                [&one, &fitted(map, data, false, 1)].map(|fit| fit.model.artifact());
            assert_eq!(bundled, fitted(map, data, true, 2).model.artifact());
            for name in ["slots", "tree_starts", "node_slot", "node_child"] {
                assert_eq!(
                    bundled.u32s(name).unwrap(),
                    plain.u32s(name).unwrap(),
                    "{map}: {name}"
                );
            }
            for name in ["node_threshold", "leaf_values", "leaf_covers", "gains"] {
                let pairs = bundled
                    .f64s(name)
                    .unwrap()
                    .iter()
                    .zip(plain.f64s(name).unwrap());
                for (a, b) in pairs {
                    assert!(
                        (a - b).abs() <= 1e-7 * b.abs().max(1.0),
                        "{map}: {name} {a} {b}"
                    );
                }
            }
        }
    }
}

#[test]
fn columns_that_share_no_lane_give_the_same_bytes_either_way() {
    let (columns, y) = columns(1000);
    let data = regression(vec![("x", columns[42].1.clone())], y);
    let map = r#"{"n_trees":20}"#;
    let [bundled, plain] = [true, false].map(|is_bundled| fitted(map, &data, is_bundled, 1));
    assert_eq!(bundled.model.artifact(), plain.model.artifact());
}

#[test]
fn importance_and_explanations_name_the_columns() {
    let (columns, y) = columns(2000);
    let data = regression(named(&columns), y);
    let fitted = fitted(r#"{"n_trees":30}"#, &data, true, 1);
    let importance = fitted.model.importance().unwrap();
    assert_eq!(importance.0.len(), 43);
    assert_eq!(importance.0[0].0, "x");
    assert!(
        importance
            .0
            .iter()
            .filter(|(_, share)| *share > 0.0)
            .count()
            > 30
    );
    let rows: Vec<u32> = (0..50).collect();
    let explanation = fitted
        .model
        .explain(&data.table().rows(&rows), &Threads::one())
        .unwrap();
    let predicted = predict(&fitted, &data);
    for (row, predicted) in predicted.iter().take(50).enumerate() {
        let sum: f64 = explanation.row(row, 0).iter().sum();
        assert!((sum - predicted).abs() < 1e-9);
    }
}

/// Bins are the same, and forests sum nothing up by subtraction.
#[test]
fn trees_of_a_forest_are_the_same_bits() {
    let (columns, y) = columns(1500);
    let data = regression(named(&columns), y.clone());
    let codes: Vec<u32> = y.iter().map(|y| (y * 1.5).clamp(0.0, 2.9) as u32).collect();
    let [bundled, plain] =
        [true, false].map(|has_bundles| crate::tests::binned(&data, has_bundles));
    assert!(bundled.groups.len() < plain.groups.len());
    for has_random_thresholds in [false, true] {
        for targets in [
            Targets::Numbers(y.clone()),
            Targets::Classes {
                codes: codes.clone(),
                n_classes: 3,
            },
        ] {
            let rules = ForestRules {
                learner: "test",
                n_trees: 1,
                max_depth: 0,
                min_rows: 2,
                column_fraction: 0.3,
                row_fraction: 1.0,
                is_bootstrap: true,
                has_random_thresholds,
                max_bins: 255,
                parent_rows: 1.0,
            };
            let [a, b] = [&bundled, &plain].map(|matrix| {
                let grower = ForestGrower {
                    matrix,
                    targets: &targets,
                    weights: None,
                    rules: &rules,
                    n_looks: 12,
                };
                grower
                    .grow(Seed(3), &automl_core::Budget::unlimited())
                    .unwrap()
            });
            assert!(a.n_leaves() > 100);
            assert_eq!(a, b);
        }
    }
    for spec in [&RANDOM_FOREST, &EXTRA_TREES] {
        let map = r#"{"n_trees":30,"column_fraction":1.0}"#;
        let fitted = fit_rows(spec, map, &data, &data.all_rows(), None, 2).unwrap();
        let error = super::rmse(&predict(&fitted, &data), &y);
        assert!(error < 0.3, "{error}");
    }
}
