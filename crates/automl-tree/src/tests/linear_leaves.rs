//! Linear models in leaves: what they are fitted to, and where a leaf stays constant.

use super::{classification, fit, fit_rows, params, predict, regression, rmse, wave};
use crate::GRADIENT_BOOSTING;
use automl_core::*;

/// One round at full step: leaves say all that is said.
const ONE_TREE: &str = r#"{"n_trees":1,"learning_rate":1.0,"linear_tree":true,"l2":0.0"#;

fn one_tree(more: &str) -> String {
    format!("{ONE_TREE}{more}}}")
}

fn numbers(values: impl IntoIterator<Item = f64>) -> Column {
    Column::Number(values.into_iter().collect())
}

/// Two far apart clouds of rows, so that one split parts them.
fn two_clouds() -> Vec<f64> {
    let place = |i: u32| f64::from(i % 10) + if i < 50 { 0.0 } else { 1000.0 };
    (0..100).map(place).collect()
}

#[test]
fn a_line_in_each_leaf_is_found_by_one_tree() {
    let x = two_clouds();
    let line = |x: &f64| {
        if *x < 500.0 {
            3.0 * x - 1.0
        } else {
            7.0 - 2.0 * x
        }
    };
    let y: Vec<f64> = x.iter().map(line).collect();
    let data = regression(vec![("x", numbers(x))], y.clone());
    let fitted = fit(&one_tree(r#","max_leaves":2"#), &data);
    for (got, y) in predict(&fitted, &data).iter().zip(&y) {
        assert!((got - y).abs() < 1e-3, "{got} for {y}");
    }
    // Beyond the rows of a leaf, the nearest value that one of them got.
    let beyond = super::table(vec![("x", numbers([-5.0, 100.0, 900.0, 2000.0]))]);
    let got = fitted.model.predict(&beyond.view()).unwrap();
    for (got, y) in got.values().iter().zip([-1.0, 26.0, -1993.0, -2011.0]) {
        assert!((got - y).abs() < 1e-3, "{got} for {y}");
    }
}

/// The weighted ridge regression of one column has a closed form.
#[test]
fn slopes_are_those_of_weighted_ridge_regression() {
    let x = two_clouds();
    let weights: Vec<f64> = (0..100).map(|i| f64::from(1 + i % 3)).collect();
    let y: Vec<f64> = (0..100)
        .map(|i| f64::from(i * 37 % 11) + x[i as usize])
        .collect();
    let data = regression(vec![("x", numbers(x.clone()))], y.clone())
        .with_weight(weights.clone())
        .unwrap();
    let fitted = fit(&one_tree(r#","max_leaves":2,"linear_lambda":20.0"#), &data);
    let got = predict(&fitted, &data);
    for leaf in [0..50, 50..100] {
        let sum = |of: &dyn Fn(usize) -> f64| leaf.clone().map(|i| weights[i] * of(i)).sum::<f64>();
        let total = sum(&|_| 1.0);
        let (mean_x, mean_y) = (sum(&|i| x[i]) / total, sum(&|i| y[i]) / total);
        let product = sum(&|i| (x[i] - mean_x) * (y[i] - mean_y));
        let slope = product / (sum(&|i| (x[i] - mean_x).powi(2)) + 20.0);
        for i in leaf {
            let expected = mean_y + slope * (x[i] - mean_x);
            assert!(
                (got[i] - expected).abs() < 1e-3,
                "{} for {expected}",
                got[i]
            );
        }
    }
}

#[test]
fn rows_that_lack_a_number_of_the_path_take_the_constant() {
    let missing = |row: usize| row.is_multiple_of(4);
    let x: Vec<f64> = two_clouds();
    let holed = (0..100).map(|row| if missing(row) { f64::NAN } else { x[row] });
    let y = x.iter().enumerate();
    let y = y.map(|(row, x)| if missing(row) { 990.0 } else { 2.0 * x });
    let data = regression(vec![("x", numbers(holed))], y.clone().collect());
    let linear = fit(&one_tree(r#","max_leaves":2"#), &data);
    let constant = fit(
        r#"{"n_trees":1,"learning_rate":1.0,"l2":0.0,"max_leaves":2}"#,
        &data,
    );
    let of_constant = predict(&constant, &data);
    for (row, (got, y)) in predict(&linear, &data).iter().zip(y).enumerate() {
        if missing(row) {
            assert_eq!(*got, of_constant[row]);
        } else {
            assert!((got - y).abs() < 1e-2, "{got} for {y}");
        }
    }
    let infinite = super::table(vec![("x", numbers([f64::INFINITY]))]);
    let said = |fitted: &Fitted| {
        let predicted = fitted.model.predict(&infinite.view()).unwrap();
        predicted.values()[0]
    };
    assert_eq!(said(&linear), said(&constant));
}

#[test]
fn columns_that_say_nothing_new_have_no_coefficient() {
    let x: Vec<f64> = (0..200).map(|i| f64::from(i * 7919 % 200)).collect();
    let y: Vec<f64> = x.iter().map(|x| 2.0 * x + 1.0).collect();
    let twice = x.iter().map(|x| 2.0 * x - 3.0);
    // Constant on each side of the only split that it offers.
    let step = x.iter().map(|x| f64::from(u8::from(*x >= 100.0)));
    let columns = vec![
        ("step", numbers(step)),
        ("twice", numbers(twice)),
        ("x", numbers(x.clone())),
    ];
    let data = regression(columns, y.clone());
    let fitted = fit(&one_tree(r#","max_leaves":4"#), &data);
    let got = predict(&fitted, &data);
    assert!(rmse(&got, &y) < 1e-2, "{}", rmse(&got, &y));
    let coefficients = fitted.model.artifact();
    let coefficients = coefficients.f64s("linear_coefficients").unwrap();
    assert!(
        coefficients.iter().all(|c| c.abs() < 3.0),
        "{coefficients:?}"
    );
}

#[test]
fn leaves_of_few_rows_stay_constant_and_write_no_models() {
    let x = (0..60).map(f64::from);
    let y = (0..60).map(|i| f64::from(i * 17 % 23)).collect();
    let data = regression(vec![("x", numbers(x))], y);
    // Two rows a leaf tell a line exactly; a third is asked for.
    let map = |linear: bool| {
        format!(
            r#"{{"n_trees":5,"min_rows_per_leaf":1,"max_leaves":60,"max_depth":0,"linear_tree":{linear}}}"#
        )
    };
    let [constant, linear] = [false, true].map(|linear| fit(&map(linear), &data));
    assert!(
        !constant
            .model
            .artifact()
            .arrays
            .contains_key("linear_constants")
    );
    assert_eq!(constant.model.artifact(), linear.model.artifact());
}

/// `wave` with a hole, a category and weights.
fn mixed(n: usize) -> (Vec<(&'static str, Column)>, Vec<f64>) {
    let (x, y) = wave(n);
    let holed = (0..n).map(|i| {
        if i % 9 == 0 {
            f64::NAN
        } else {
            (i * 31 % 17) as f64
        }
    });
    let codes: Vec<u32> = (0..n as u32).map(|i| i * 7 % 5).collect();
    let y = y
        .iter()
        .zip(&codes)
        .map(|(y, &code)| y + f64::from(code) / 5.0)
        .collect();
    let levels = Levels::new((0..5).map(|level| level.to_string()));
    let columns = vec![
        ("c", Column::category(codes, levels)),
        ("holed", numbers(holed)),
        ("x", Column::Number(x)),
    ];
    (columns, y)
}

#[test]
fn every_mode_learns_the_same_at_any_number_of_threads_and_is_loaded_whole() {
    let (columns, y) = mixed(3000);
    let weights: Vec<f64> = (0..3000).map(|row| f64::from(1 + row % 4)).collect();
    let codes = y.iter().map(|y| y.clamp(0.0, 2.0) as u32).collect();
    let classes = classification(columns.clone(), codes, 3);
    let counts = regression(columns.clone(), y.iter().map(|y| y.abs().floor()).collect());
    let numbers = regression(columns, y).with_weight(weights).unwrap();
    let poisson = r#"{"n_trees":20,"linear_tree":true,"objective":"poisson"}"#;
    let mut cases = vec![(&counts, poisson)];
    for map in [
        r#"{"n_trees":20,"linear_tree":true,"growth":"symmetric"}"#,
        r#"{"n_trees":20,"linear_tree":true,"boosting":"dart","skip_drop":0.2}"#,
        r#"{"n_trees":20,"linear_tree":true,"row_sampling":"goss"}"#,
        r#"{"n_trees":20,"linear_tree":true,"row_fraction":0.6,"linear_l2":0.1}"#,
    ] {
        cases.extend([(&numbers, map), (&classes, map)]);
    }
    for (data, map) in cases {
        let rows = data.all_rows();
        let [one, two] = [1, 2]
            .map(|threads| fit_rows(&GRADIENT_BOOSTING, map, data, &rows, None, threads).unwrap());
        let artifact = one.model.artifact();
        assert_eq!(artifact, two.model.artifact(), "{map}");
        assert!(!artifact.f64s("linear_coefficients").unwrap().is_empty());
        let loaded = (GRADIENT_BOOSTING.load)(&artifact).unwrap();
        assert_eq!(loaded.artifact(), artifact);
        let view = data.table().view();
        assert_eq!(
            loaded.predict(&view).unwrap().values(),
            predict(&one, data),
            "{map}"
        );
    }
}

#[test]
fn a_smooth_target_is_learned_better_than_by_constants_and_stopping_cuts_exactly() {
    let (columns, y) = mixed(2000);
    let data = regression(columns, y.clone());
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..2000).partition(|row| row % 3 != 0);
    let stopped = |linear: bool| {
        let map = format!(
            r#"{{"n_trees":60,"early_stopping_rounds":5,"max_leaves":8,"linear_tree":{linear}}}"#
        );
        fit_rows(&GRADIENT_BOOSTING, &map, &data, &train, Some(&valid), 1).unwrap()
    };
    let [constant, linear] = [false, true].map(stopped);
    let of_valid = |values: &[f64]| valid.iter().map(|&row| values[row as usize]).collect();
    let error = |fitted: &Fitted| {
        let (got, y): (Vec<f64>, Vec<f64>) = (of_valid(&predict(fitted, &data)), of_valid(&y));
        rmse(&got, &y)
    };
    assert!(error(&linear) < error(&constant));
    let n_trees = linear.learned["n_trees"].as_i64().unwrap();
    let again = format!(r#"{{"n_trees":{n_trees},"max_leaves":8,"linear_tree":true}}"#);
    let again = fit_rows(&GRADIENT_BOOSTING, &again, &data, &train, None, 1).unwrap();
    assert_eq!(predict(&again, &data), predict(&linear, &data));
}

#[test]
fn steps_are_bounded_where_scores_are_logarithms() {
    // One class but for one row at the end: a slope would move it far beyond the others.
    let x: Vec<f64> = (0..400).map(f64::from).collect();
    let codes: Vec<u32> = (0..400).map(|i| u32::from(i > 397)).collect();
    let data = classification(vec![("x", numbers(x))], codes, 2);
    let map =
        r#"{"n_trees":1,"learning_rate":1.0,"linear_tree":true,"max_step":0.5,"min_hessian":0.0}"#;
    let fitted = fit(map, &data);
    let base = fitted.model.artifact().f64s("base").unwrap()[0];
    for p in predict(&fitted, &data).chunks(2) {
        assert!(((p[1] / p[0]).ln() - base).abs() <= 0.5 + 1e-9);
    }
}

#[test]
fn what_linear_leaves_do_not_go_with_is_refused() {
    let (columns, y) = mixed(300);
    let data = regression(columns, y);
    let error = |more: &str| {
        let map = format!(r#"{{"linear_leaves":true,{more}}}"#);
        let rows = data.all_rows();
        let error = fit_rows(&GRADIENT_BOOSTING, &map, &data, &rows, None, 1).err();
        error.unwrap()
    };
    let quantile = error(r#""objective":"quantile""#);
    assert_eq!(quantile.code(), "param-conflict");
    assert_eq!(
        quantile.to_string(),
        "linear_leaves = true does not go with an objective whose leaves are quantiles: use squared or huber"
    );
    let monotone = error(r#""monotone_constraints":"x:1""#);
    assert_eq!(monotone.code(), "param-conflict");
    let fitted = fit(r#"{"linear_leaves":true,"n_trees":3}"#, &data);
    let (view, threads) = (data.table().view(), Threads::one());
    let explained = fitted.model.explain(&view, &threads).err().unwrap();
    assert_eq!(explained.code(), "explain-unsupported");
    assert!(fitted.model.interactions(&view, &threads).is_err());
    assert!(fitted.model.importance().is_some());
}

#[test]
fn altered_models_of_leaves_are_refused() {
    let (columns, y) = mixed(300);
    let data = regression(columns, y);
    let artifact = fit(
        r#"{"linear_leaves":true,"n_trees":20,"min_rows_per_category":10,"cat_smooth":1.0}"#,
        &data,
    )
    .model
    .artifact();
    let refused = |name: &str, change: &dyn Fn(&mut ArrayData)| {
        let mut changed = artifact.clone();
        let array = changed.arrays.get_mut(name).unwrap();
        change(&mut array.data);
        array.shape = match &array.data {
            ArrayData::F64(values) => vec![values.len()],
            ArrayData::U32(values) => vec![values.len()],
            _ => unreachable!("arrays of leaves are of these kinds"),
        };
        let loaded = (GRADIENT_BOOSTING.load)(&changed);
        assert!(loaded.is_err(), "{name}");
    };
    let first_u32 = |value: u32| {
        move |data: &mut ArrayData| {
            if let ArrayData::U32(values) = data {
                values[0] = value;
            }
        }
    };
    let first_f64 = |value: f64| {
        move |data: &mut ArrayData| {
            if let ArrayData::F64(values) = data {
                values[0] = value;
            }
        }
    };
    let shorter = |data: &mut ArrayData| match data {
        ArrayData::F64(values) => values.truncate(values.len() - 1),
        ArrayData::U32(values) => values.truncate(values.len() - 1),
        _ => unreachable!("arrays of leaves are of these kinds"),
    };
    for name in [
        "linear_constants",
        "linear_bounds",
        "linear_starts",
        "linear_slots",
        "linear_coefficients",
    ] {
        refused(name, &shorter);
    }
    refused("linear_starts", &first_u32(1));
    refused("linear_slots", &first_u32(99));
    // The first slot is the category's.
    assert_eq!(artifact.u32s("slots").unwrap(), [0, 1, 2]);
    refused("linear_slots", &first_u32(0));
    refused("linear_coefficients", &first_f64(f64::NAN));
    refused("linear_constants", &first_f64(f64::INFINITY));
    refused("linear_bounds", &first_f64(f64::MAX));
    refused("linear_bounds", &first_f64(f64::NAN));
}

#[test]
fn linear_leaves_keep_the_contract_of_a_learner() {
    let map = r#"{"n_trees":30,"linear_leaves":true,"linear_l2":0.01}"#;
    automl_testkit::check_learner_with(&GRADIENT_BOOSTING, &params(map));
}
