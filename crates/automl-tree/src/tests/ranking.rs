//! Orders learned by `LambdaRank`.

use super::{fit, fit_rows, predict, regression};
use crate::GRADIENT_BOOSTING;
use crate::objective::ranking::Ranking;
use automl_core::{Coded, Column, Dataset, Fitted, Seed, Threads};
use rand::Rng;
use serde_json::Value;

/// The table of `scripts/ranking_reference.py`.
fn reference_table(is_weighted: bool) -> Dataset {
    let n = 600_usize;
    let a: Vec<f64> = (0..n).map(|row| (row * 37 % 23) as f64).collect();
    let known_b = |row: usize| (row * 101 % 19) as f64;
    let b = (0..n).map(|row| if row % 7 == 3 { f64::NAN } else { known_b(row) });
    let grade = |row: usize| {
        let b = if row % 7 == 3 { 7.0 } else { known_b(row) };
        let signal = a[row].sin() + 0.1 * b + (row * 53 % 11) as f64 * 0.1;
        (signal * 1.5).floor().clamp(0.0, 4.0)
    };
    let grades = (0..n).map(grade).collect();
    let queries: Vec<u32> = (0..n)
        .map(|row| ((row * 211 % n) as f64).sqrt() as u32)
        .collect();
    let b = Column::Number(b.collect());
    let data = regression(vec![("a", Column::Number(a)), ("b", b)], grades);
    let data = data.with_groups(queries).unwrap();
    if is_weighted {
        let weights: Vec<f64> = (0..n).map(|row| (1 + row % 3) as f64).collect();
        return data.with_weight(weights).unwrap();
    }
    data
}

fn ndcg(data: &Dataset, scores: &[f64], rows: &[u32], truncation: usize) -> f64 {
    let view = data.view(rows);
    let pick =
        |values: &[f64]| -> Vec<f64> { rows.iter().map(|&row| values[row as usize]).collect() };
    let groups: Vec<u32> = rows
        .iter()
        .map(|&row| data.groups().unwrap()[row as usize])
        .collect();
    let weights = view.weights();
    Ranking::new(
        &groups,
        &view.target_numbers(),
        weights.as_deref(),
        truncation,
    )
    .ndcg(&pick(scores), &Threads::one())
}

/// LightGBM keeps lambdas as f32 and looks the logistic function up in a table, so scores agree to some 1e-5.
#[test]
fn scores_and_ndcg_are_those_of_lightgbm() {
    let reference: Value = serde_json::from_str(include_str!("../ranking_reference.json")).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let data = reference_table(case["weighted"].as_bool().unwrap());
        let mut map = case["params"].clone();
        map["objective"] = "lambda_rank".into();
        map["n_trees"] = case["rounds"].clone();
        map["learning_rate"] = 0.3.into();
        map["min_data_in_leaf"] = 5.into();
        map["lambda_l2"] = 0.1.into();
        let ours = predict(&fit(&map.to_string(), &data), &data);
        let name = &case["name"];
        for (row, theirs) in case["scores"].as_array().unwrap().iter().enumerate() {
            let theirs = theirs.as_f64().unwrap();
            assert!(
                (ours[row] - theirs).abs() < 1e-4,
                "{name}, row {row}: {} where LightGBM has {theirs}",
                ours[row]
            );
        }
        for truncation in [3, 30] {
            let ours = ndcg(&data, &ours, &data.all_rows(), truncation);
            let theirs = case["ndcg"][truncation.to_string()].as_f64().unwrap();
            assert!(
                (ours - theirs).abs() < 1e-6,
                "{name}: NDCG {ours} for {theirs}"
            );
        }
    }
}

/// Queries of 20 rows, dealt round, each with a level of its own: grades follow the order of `x` within a query, and `level`
/// moves all targets of a query alike.
fn queries(n_queries: usize) -> Dataset {
    let n = n_queries * 20;
    let mut rng = Seed(5).rng();
    let mut unit = || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let x: Vec<f64> = (0..n).map(|_| unit()).collect();
    let noise: Vec<f64> = (0..n).map(|_| unit()).collect();
    let groups: Vec<u32> = (0..n).map(|row| (row % n_queries) as u32).collect();
    let level: Vec<f64> = groups
        .iter()
        .map(|&query| f64::from(query * 7 % 10))
        .collect();
    let grades = x.iter().map(|x| (5.0 * x).floor()).collect();
    let columns = vec![
        ("x", Column::Number(x)),
        ("noise", Column::Number(noise)),
        ("level", Column::Number(level)),
    ];
    regression(columns, grades).with_groups(groups).unwrap()
}

fn halves(data: &Dataset) -> [Vec<u32>; 2] {
    let groups = data.groups().unwrap();
    let (train, valid) = data
        .all_rows()
        .into_iter()
        .partition(|&row| !groups[row as usize].is_multiple_of(3));
    [train, valid]
}

#[test]
fn boosting_improves_the_order_of_queries_that_it_has_not_seen() {
    let data = queries(60);
    let [train, valid] = halves(&data);
    let before = ndcg(&data, &vec![0.0; data.n_rows()], &valid, 30);
    let fit = |n_trees: usize| {
        let map = format!(r#"{{"objective":"lambda_rank","max_leaves":3,"n_trees":{n_trees}}}"#);
        let fitted = fit_rows(&GRADIENT_BOOSTING, &map, &data, &train, None, 1).unwrap();
        ndcg(&data, &predict(&fitted, &data), &valid, 30)
    };
    let (few, more) = (fit(1), fit(60));
    assert!(
        before + 0.1 < few && few + 0.005 < more,
        "{before}, {few}, {more}"
    );
}

#[test]
fn early_stopping_watches_ndcg_and_keeps_the_best_round() {
    let data = queries(30);
    let [train, valid] = halves(&data);
    let fit = |n_trees: usize, valid: Option<&[u32]>| -> Fitted {
        let map = format!(
            r#"{{"objective":"lambda_rank","eval_metric":"ndcg","n_trees":{n_trees},"early_stopping_rounds":5,"rank_truncation":3}}"#
        );
        fit_rows(&GRADIENT_BOOSTING, &map, &data, &train, valid, 1).unwrap()
    };
    let stopped = fit(200, Some(&valid));
    let best = stopped.learned["n_trees"].as_i64().unwrap() as usize;
    assert!(best < 195, "{best}");
    let of = |fitted: &Fitted| ndcg(&data, &predict(fitted, &data), &valid, 3);
    let at_best = of(&stopped);
    for rounds in (1..best + 5).filter(|&rounds| rounds != best) {
        let other = of(&fit(rounds, None));
        assert!(if rounds < best {
            other < at_best
        } else {
            other <= at_best
        });
    }
}

#[test]
fn threads_and_the_order_of_queries_do_not_change_the_model() {
    let data = queries(250);
    let map = r#"{"objective":"lambda_rank","n_trees":4}"#;
    let [one, two] = [1, 2].map(|threads| {
        let rows = data.all_rows();
        let fitted = fit_rows(&GRADIENT_BOOSTING, map, &data, &rows, None, threads).unwrap();
        fitted.model.artifact()
    });
    assert_eq!(one, two);
    let loaded = (GRADIENT_BOOSTING.load)(&one).unwrap();
    assert_eq!(loaded.artifact(), one);
}

#[test]
fn what_is_no_ranking_is_refused() {
    let x = || vec![("x", Column::Number(vec![1.0, 2.0, 3.0]))];
    let map = r#"{"objective":"lambda_rank"}"#;
    let error = |data: &Dataset, map: &str| {
        let error = fit_rows(&GRADIENT_BOOSTING, map, data, &[0, 1, 2], None, 1);
        let error = error.err().unwrap();
        assert_eq!(error.code(), "param-conflict");
        error.to_string()
    };
    assert_eq!(
        error(&regression(x(), vec![0.0, 1.0, 2.0]), map),
        "objective = lambda_rank needs to know the query of each row: give the dataset groups"
    );
    for (target, told) in [(1.5, "1.5"), (-1.0, "-1"), (31.0, "31")] {
        let data = regression(x(), vec![0.0, target, 2.0]);
        assert_eq!(
            error(&data.with_groups(vec![0; 3]).unwrap(), map),
            format!(
                "objective = lambda_rank needs whole grades from 0 to 30 as targets, and that of row 1 is {told}"
            )
        );
    }
    let data = regression(x(), vec![0.0, 1.0, 2.0])
        .with_groups(vec![0; 3])
        .unwrap();
    let said = error(&data, r#"{"objective":"lambda_rank","eval_metric":"rmse"}"#);
    assert!(said.ends_with("it watches ndcg"), "{said}");
}
