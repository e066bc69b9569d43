//! The same trees and predictions as LightGBM and XGBoost on the tables of `scripts/tree_reference.py`, and the same
//! attributions as LightGBM, of `scripts/explain_reference.py`.
//!
//! All engines keep gradients as f32 and add them up in double precision, but each in its own order; XGBoost also keeps
//! scores and leaf values as f32. Both are rounding of one part in 10⁷ a step, a few steps deep: 1e-5 allows for that in
//! predictions and leaves, which are of the order of 1. A gain is a small difference of squared sums, to which XGBoost gives
//! no more than f32 and LightGBM's dump six digits, so gains may differ by 1e-4 of themselves.
//!
//! Where the engines differ, we follow the definition:
//! - LightGBM's quantiles lie between the wrong neighbours (the median of 1, 2, 3 is 2.5 there) and XGBoost smooths the
//!   absolute and the quantile loss, so these are compared with LightGBM on targets whose neighbours are equal.
//! - XGBoost's softmax has Hessians `2 p (1 − p)`, LightGBM's and ours `k / (k − 1) · p (1 − p)` of `k` classes, so classes
//!   are compared with LightGBM.
//! - Rows of a leaf are counted by their share of the Hessian, which LightGBM rounds bin by bin: one more or less where rows
//!   differ in their Hessian. The Tweedie case therefore asks for a Hessian instead.

use super::{classification, fit, predict, regression};
use automl_core::{Artifact, Column, Dataset, Fitted, Levels, Threads};
use serde_json::Value;

const VALUE_TOLERANCE: f64 = 1e-5;
const GAIN_TOLERANCE: f64 = 1e-4;

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
    let numbers = |of: &dyn Fn(f64) -> f64| y.iter().map(|&y| of(y)).collect::<Vec<f64>>();
    match objective {
        "binary" => classification(columns, y.iter().map(|&y| u32::from(y > 2.0)).collect(), 2),
        "multiclass" | "one_vs_rest" => classification(
            columns,
            y.iter()
                .map(|&y| u32::from(y > 1.0) + u32::from(y > 2.5))
                .collect(),
            3,
        ),
        "poisson" => regression(columns, numbers(&|y| y.abs().floor())),
        "gamma" => regression(columns, numbers(&|y| y.abs() + 0.5)),
        "tweedie" => regression(columns, numbers(&|y| (y - 1.5).max(0.0))),
        "absolute" | "quantile" => regression(columns, numbers(&|y| y.floor())),
        _ => regression(columns, y),
    }
}

/// The model of a case with the parameters of its peer, and others beside them.
fn fit_case(case: &Value, data: &Dataset, others: &[(&str, Value)]) -> Fitted {
    let mut map = case["params"].clone();
    map["n_trees"] = case["rounds"].clone();
    map["learning_rate"] = 0.3.into();
    map["min_data_per_group"] = 10.into();
    map["cat_smooth"] = 2.0.into();
    map["cat_l2"] = 3.0.into();
    for (name, value) in others {
        map[*name] = value.clone();
    }
    fit(&map.to_string(), data)
}

/// A comparison with a peer on a table.
struct Case {
    of_peer: Value,
    name: String,
    data: Dataset,
}

impl Case {
    fn fit(&self, others: &[(&str, Value)]) -> Artifact {
        fit_case(&self.of_peer, &self.data, others).model.artifact()
    }

    /// Fails unless `ours` are the numbers of the peer to within `tolerance` of those beyond 1, and of 1 for others.
    fn compare(&self, what: &str, ours: &[f64], theirs: &Value, tolerance: f64) {
        let theirs = numbers(theirs);
        assert_eq!(ours.len(), theirs.len(), "{}, {what}", self.name);
        for (place, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            assert!(
                (ours - theirs).abs() < tolerance * theirs.abs().max(1.0),
                "{}, {what} {place}: {ours} where the peer has {theirs}",
                self.name
            );
        }
    }
}

fn cases() -> Vec<Case> {
    let reference: Value = serde_json::from_str(include_str!("../reference.json")).unwrap();
    let cases = reference["cases"].as_array().unwrap().iter();
    let case = |of_peer: &Value| {
        let text = |name: &str| of_peer[name].as_str().unwrap().to_owned();
        Case {
            name: format!("{} as in {}", text("name"), text("peer")),
            data: dataset(&text("table"), &text("objective")),
            of_peer: of_peer.clone(),
        }
    };
    cases.map(case).collect()
}

fn numbers(list: &Value) -> Vec<f64> {
    let numbers = list.as_array().unwrap().iter();
    numbers.map(|number| number.as_f64().unwrap()).collect()
}

/// The values of the leaves of each tree, sorted.
fn sorted_leaves(artifact: &Artifact) -> Vec<Vec<f64>> {
    let starts = artifact.u32s("tree_starts").unwrap();
    let n_nodes = artifact.u32s("node_slot").unwrap().len() as u32;
    let ends = starts.iter().skip(1).copied().chain([n_nodes]);
    let mut rest = artifact.f64s("leaf_values").unwrap();
    let of_tree = |(&start, end): (&u32, u32)| {
        // Every inner node has two children.
        let n_leaves = (end - start).div_ceil(2) as usize;
        let (values, later) = rest.split_at(n_leaves);
        rest = later;
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    starts.iter().zip(ends).map(of_tree).collect()
}

#[test]
fn attributions_are_those_of_lightgbm() {
    let reference: Value = serde_json::from_str(include_str!("../explain_reference.json")).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let objective = case["objective"].as_str().unwrap();
        let data = dataset(case["table"].as_str().unwrap(), objective);
        let of_poisson: &[(&str, Value)] = &[("objective", "poisson".into())];
        let others = if objective == "poisson" {
            of_poisson
        } else {
            &[]
        };
        let fitted = fit_case(case, &data, others);
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
fn predictions_are_those_of_peers() {
    for case in cases() {
        let mut ours = predict(&fit_case(&case.of_peer, &case.data, &[]), &case.data);
        if case.of_peer["objective"] == "binary" {
            ours = ours.chunks(2).map(|p| p[1]).collect();
        }
        let theirs = &case.of_peer["predicted"];
        ours.truncate(numbers(theirs).len());
        case.compare("prediction", &ours, theirs, VALUE_TOLERANCE);
    }
}

#[test]
fn leaves_hold_the_values_of_peers() {
    for case in cases() {
        let ours = sorted_leaves(&case.fit(&[]));
        let theirs = case.of_peer["leaves"].as_array().unwrap();
        assert_eq!(ours.len(), theirs.len(), "{}", case.name);
        for (tree, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let what = format!("tree {tree}, leaf");
            case.compare(&what, ours, theirs, VALUE_TOLERANCE);
        }
    }
}

#[test]
fn columns_gain_as_much_as_in_peers() {
    for case in cases() {
        let artifact = case.fit(&[]);
        let ours = artifact.f64s("gains").unwrap();
        case.compare(
            "gain of column",
            ours,
            &case.of_peer["gains"],
            GAIN_TOLERANCE,
        );
    }
}

/// Each leaf that a tree may have more is one split more, and its gain the growth of the total.
#[test]
fn splits_are_found_in_the_order_of_peers() {
    let with_splits = cases().into_iter();
    for case in with_splits.filter(|case| case.of_peer["splits"].is_array()) {
        let mut before = vec![0.0; case.data.table().n_columns()];
        let splits = case.of_peer["splits"].as_array().unwrap();
        for (place, split) in splits.iter().enumerate() {
            let artifact = case.fit(&[("n_trees", 1.into()), ("num_leaves", (place + 2).into())]);
            let gains = artifact.f64s("gains").unwrap();
            let (column, theirs) = (split[0].as_u64().unwrap() as usize, &split[1]);
            let what = format!("split {place} of column {column}, gain");
            let ours = gains[column] - before[column];
            case.compare(
                &what,
                &[ours],
                &Value::from(vec![theirs.clone()]),
                GAIN_TOLERANCE,
            );
            before[column] = gains[column];
            assert_eq!(
                gains, before,
                "{}, {what}: no other column gains",
                case.name
            );
        }
    }
}
