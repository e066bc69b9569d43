//! Constraints are kept by every model, on any data.

use super::{classification, fit, fit_rows, params, regression, table};
use crate::GRADIENT_BOOSTING;
use crate::boost::constraints::{directions, groups};
use automl_core::*;
use proptest::prelude::*;

/// Numbers of few and of many values, a tenth of them missing.
fn numbers(seed: Seed, n: usize, n_values: u64) -> Vec<f64> {
    (0..n)
        .map(|row| {
            let drawn = seed.indexed(row as u64).0;
            if drawn.is_multiple_of(10) {
                f64::NAN
            } else {
                (drawn % n_values) as f64
            }
        })
        .collect()
}

fn columns(seed: Seed, n: usize) -> Vec<(&'static str, Column)> {
    let number = |name, n_values| Column::Number(numbers(seed.named(name), n, n_values));
    let codes = numbers(seed.named("kind"), n, 6)
        .iter()
        .map(|&x| x as u32)
        .collect();
    let levels = Levels::new((0..6).map(|level| level.to_string()));
    vec![
        ("up", number("up", 7)),
        ("down", number("down", 90)),
        ("free", number("free", 40)),
        ("kind", Column::category(codes, levels)),
    ]
}

/// What follows the constraints, what breaks them, and noise.
fn target(seed: Seed, columns: &[(&str, Column)], n: usize) -> Vec<f64> {
    let value = |place: usize, row: usize| match &columns[place].1 {
        Column::Number(values) if values[row].is_nan() => 3.0,
        Column::Number(values) => values[row],
        Column::Category { codes, .. } => f64::from(codes[row]),
        _ => 0.0,
    };
    (0..n)
        .map(|row| {
            let noise = (seed.named("noise").indexed(row as u64).0 % 1000) as f64 / 500.0;
            let wave = (value(0, row) * 1.7).sin() * 3.0 + (value(1, row) / 9.0).cos() * 2.0;
            20.0 + wave + value(0, row) * 0.3 - value(1, row) / 40.0
                + value(2, row) * (1.0 + value(3, row)) / 50.0
                + noise
        })
        .collect()
}

/// Raises one column step by step in every fourth row and says whether predictions follow `sign`.
fn follows(model: &dyn Model, columns: &[(&str, Column)], place: usize, sign: f64) -> bool {
    let Column::Number(values) = &columns[place].1 else {
        panic!("a number")
    };
    let mut before: Option<Vec<f64>> = None;
    for step in -1..46 {
        let mut moved = columns.to_vec();
        moved[place].1 = Column::Number(vec![f64::from(step) * 2.0; values.len()]);
        let predicted = model.predict(&table(moved).view()).unwrap();
        let last_of_row = if predicted.values().len() > values.len() {
            2
        } else {
            1
        };
        let now: Vec<f64> = predicted
            .values()
            .chunks(last_of_row)
            .map(|row| row[last_of_row - 1])
            .collect();
        if let Some(before) = &before
            && before.iter().zip(&now).any(|(a, b)| (b - a) * sign < 0.0)
        {
            return false;
        }
        before = Some(now);
    }
    true
}

const MAPS: [&str; 6] = [
    r#""growth":"symmetric""#,
    r#""growth":"leaf_wise""#,
    r#""growth":"depth_wise","l1":0.5"#,
    r#""extra_random":true,"row_fraction":0.6"#,
    r#""objective":"poisson","max_onehot_levels":10"#,
    r#""column_fraction_by_level":0.6,"l2":5.0"#,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn predictions_never_break_a_direction(seed in any::<u64>(), n in 30_usize..400, map in 0..MAPS.len(), rate in 0.05..1.0) {
        let columns = columns(Seed(seed), n);
        let y = target(Seed(seed), &columns, n);
        let map = format!(
            r#"{{{},"n_trees":15,"learning_rate":{rate},"min_rows_per_leaf":2,"min_rows_per_category":2,
            "monotone_constraints":"up:1, down:-1"}}"#,
            MAPS[map]
        );
        let middle = 20.0;
        let datasets = [
            regression(columns.clone(), y.clone()),
            classification(columns.clone(), y.iter().map(|&y| u32::from(y > middle)).collect(), 2),
        ];
        for data in datasets {
            let fitted = fit(&map, &data);
            prop_assert!(follows(&*fitted.model, &columns, 0, 1.0));
            prop_assert!(follows(&*fitted.model, &columns, 1, -1.0));
        }
    }
}

#[test]
fn a_direction_costs_little_where_the_data_follow_it_and_is_broken_without_the_constraint() {
    let columns = columns(Seed(1), 500);
    let data = regression(columns.clone(), target(Seed(1), &columns, 500));
    let free = fit(r#"{"n_trees":15}"#, &data);
    assert!(!follows(&*free.model, &columns, 0, 1.0));
    let Column::Number(up) = &columns[0].1 else {
        panic!("a number")
    };
    let rising = up.iter().map(|x| if x.is_nan() { 9.0 } else { x * x });
    let data = regression(columns.clone(), rising.collect());
    let bound = fit(r#"{"n_trees":100,"monotone_constraints":"up:1"}"#, &data);
    let free = fit(r#"{"n_trees":100}"#, &data);
    let [bound, free] = [bound, free].map(|fitted| super::predict(&fitted, &data));
    let worst = bound.iter().zip(&free).map(|(a, b)| (a - b).abs());
    assert!(worst.fold(0.0, f64::max) < 0.05);
}

#[test]
fn what_is_written_is_read() {
    let read = directions(r#" age:1, "a,b":-1,"x:y":+1 ,z:0 "#).unwrap();
    let names: Vec<(&str, i8)> = read
        .iter()
        .map(|(name, way)| (name.as_str(), *way))
        .collect();
    assert_eq!(names, [("age", 1), ("a,b", -1), ("x:y", 1), ("z", 0)]);
    assert_eq!(
        groups(r#"a, b; c,"d;e""#).unwrap(),
        [vec!["a", "b"], vec!["c", "d;e"]]
    );
    assert!(directions("  ").unwrap().is_empty() && groups("").unwrap().is_empty());
    for text in ["age", "age:2", ":1", "a:1,,b:1", "\"a:1", "a:1:1"] {
        assert_eq!(
            directions(text).unwrap_err().code(),
            "param-domain",
            "{text}"
        );
    }
    assert_eq!(groups("a,;b").unwrap_err().code(), "param-domain");
}

#[test]
fn constraints_that_cannot_be_kept_are_refused() {
    let columns = columns(Seed(2), 60);
    let codes = (0..60).map(|row| row % 3).collect();
    let numbers = regression(columns.clone(), (0..60).map(f64::from).collect());
    let classes = classification(columns, codes, 3);
    let error = |map: &str, data: &Dataset| {
        fit_rows(&GRADIENT_BOOSTING, map, data, &data.all_rows(), None, 1)
            .err()
            .unwrap()
    };
    let unknown = error(r#"{"monotone_constraints":"upp:1"}"#, &numbers);
    assert_eq!(
        unknown.to_string(),
        "monotone_constraints names 'upp', which is not a column"
    );
    assert_eq!(unknown.code(), "param-column-unknown");
    let FitError::Param(param) = &unknown else {
        panic!("an error of a parameter")
    };
    assert_eq!(param.hint().unwrap(), "did you mean up?");
    let unknown = error(r#"{"interaction_constraints":"up,fre;kind"}"#, &numbers);
    assert_eq!(unknown.code(), "param-column-unknown");
    for (map, data) in [
        (r#"{"monotone_constraints":"kind:1"}"#, &numbers),
        (
            r#"{"monotone_constraints":"up:1","objective":"absolute"}"#,
            &numbers,
        ),
        (r#"{"monotone_constraints":"up:1"}"#, &classes),
    ] {
        assert_eq!(error(map, data).code(), "param-conflict", "{map}");
    }
    let map = params(r#"{"monotone_constraints":"up is 1"}"#);
    assert_eq!(
        (GRADIENT_BOOSTING.build)(&map).err().unwrap().code(),
        "param-domain"
    );
}
