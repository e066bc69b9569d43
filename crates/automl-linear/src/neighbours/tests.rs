//! Nearest neighbours: scikit-learn's predictions, agreement of the searches, and the edges.

use super::NEAREST_NEIGHBOURS;
use super::index::{Index, Metric, Near, distance};
use crate::testing::{classification, fit, noise, reference, regression, table};
use automl_core::{ParamMap, ParamValue};

fn params(k: i64, weights: &'static str, p: i64) -> ParamMap {
    ParamMap::from([
        ("k".to_owned(), ParamValue::Int(k)),
        ("weights".to_owned(), ParamValue::Text(weights.into())),
        ("p".to_owned(), ParamValue::Int(p)),
    ])
}

/// The points are kept in single precision, hence the tolerance.
#[test]
fn predictions_agree_with_scikit_learn() {
    let reference = reference();
    let new = table(&reference.new);
    let codes: Vec<u32> = serde_json::from_value(reference.json["classes"].clone()).unwrap();
    for case in reference.json["neighbours"].as_array().unwrap() {
        let weights = if case["weights"] == "uniform" {
            "uniform"
        } else {
            "distance"
        };
        let params = params(
            case["k"].as_i64().unwrap(),
            weights,
            case["p"].as_i64().unwrap(),
        );
        let numbers = fit(
            &NEAREST_NEIGHBOURS,
            &params,
            &regression(table(&reference.x), &reference.y),
        )
        .unwrap();
        let classes = fit(
            &NEAREST_NEIGHBOURS,
            &params,
            &classification(table(&reference.x), 3, &codes),
        )
        .unwrap();
        let predicted = numbers.model.predict(&new.view()).unwrap();
        for (ours, theirs) in predicted
            .values()
            .iter()
            .zip(case["numbers"].as_array().unwrap())
        {
            assert!(
                (ours - theirs.as_f64().unwrap()).abs() < 1e-5,
                "{ours} is not {theirs}"
            );
        }
        let predicted = classes.model.predict(&new.view()).unwrap();
        let theirs = case["probabilities"].as_array().unwrap().iter();
        for (ours, theirs) in predicted
            .values()
            .iter()
            .zip(theirs.flat_map(|row| row.as_array().unwrap()))
        {
            assert!(
                (ours - theirs.as_f64().unwrap()).abs() < 1e-5,
                "{ours} is not {theirs}"
            );
        }
    }
}

/// All distances, sorted.
fn by_hand(points: &[f32], n_features: usize, metric: Metric, query: &[f32], k: usize) -> Vec<u32> {
    let mut all: Vec<Near> = points
        .chunks(n_features)
        .enumerate()
        .map(|(row, point)| Near {
            distance: distance(metric, query, point),
            row: row as u32,
        })
        .collect();
    all.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
    all[..k].iter().map(|near| near.row).collect()
}

#[test]
fn every_search_finds_the_nearest_rows() {
    // One and two by a tree, up to thirteen (or any, when Manhattan) in tiles, the rest by a product.
    for n_features in [1, 2, 5, 13, 14, 17, 40] {
        for metric in [Metric::Manhattan, Metric::Euclidean] {
            // Rounded, so that many distances are equal.
            let cells = |n, salt| -> Vec<f32> {
                noise(n * n_features, salt)
                    .iter()
                    .map(|v| (v * 8.0).round() as f32)
                    .collect()
            };
            let (points, queries) = (cells(3000, 1), cells(150, 2));
            let index = Index::build(points.clone(), n_features, metric);
            let mut n_visits = 0;
            index.search(&queries, 20, |at, neighbours| {
                let query = &queries[at * n_features..(at + 1) * n_features];
                let rows: Vec<u32> = neighbours.iter().map(|near| near.row).collect();
                assert_eq!(
                    rows,
                    by_hand(&points, n_features, metric, query, 20),
                    "{n_features} features"
                );
                n_visits += 1;
            });
            assert_eq!(n_visits, 150);
        }
    }
}

#[test]
fn more_neighbours_than_rows_means_all_rows() {
    let data = regression(table(&[vec![0.0], vec![1.0]]), &[2.0, 4.0]);
    let model = fit(&NEAREST_NEIGHBOURS, &params(50, "uniform", 2), &data)
        .unwrap()
        .model;
    assert_eq!(
        model.predict(&data.table().view()).unwrap().values(),
        [3.0, 3.0]
    );
}

#[test]
fn rows_at_no_distance_decide_alone() {
    let data = regression(
        table(&[vec![0.0], vec![0.0], vec![1.0]]),
        &[2.0, 4.0, 100.0],
    );
    let model = fit(&NEAREST_NEIGHBOURS, &params(3, "distance", 2), &data)
        .unwrap()
        .model;
    assert_eq!(
        model.predict(&table(&[vec![0.0]]).view()).unwrap().values(),
        [3.0]
    );
}

#[test]
fn row_weights_weigh_the_votes_and_zero_leaves_a_row_out() {
    let data = regression(
        table(&[vec![0.0], vec![1.0], vec![2.0]]),
        &[1.0, 4.0, 100.0],
    )
    .with_weight(vec![2.0, 1.0, 0.0])
    .unwrap();
    let model = fit(&NEAREST_NEIGHBOURS, &params(3, "uniform", 2), &data)
        .unwrap()
        .model;
    assert_eq!(
        model.predict(&table(&[vec![5.0]]).view()).unwrap().values(),
        [2.0]
    );
}

#[test]
fn a_loaded_model_predicts_the_same() {
    let reference = reference();
    let data = regression(table(&reference.x), &reference.y)
        .with_weight(reference.weight.clone())
        .unwrap();
    let model = fit(&NEAREST_NEIGHBOURS, &params(7, "distance", 1), &data)
        .unwrap()
        .model;
    let artifact = model.artifact();
    let loaded = (NEAREST_NEIGHBOURS.load)(&artifact).unwrap();
    let new = table(&reference.new);
    assert_eq!(
        model.predict(&new.view()).unwrap(),
        loaded.predict(&new.view()).unwrap()
    );
    for name in ["points", "labels", "weights"] {
        let mut wrong = artifact.clone();
        wrong.push_f32(name, vec![1.0]);
        assert!(
            (NEAREST_NEIGHBOURS.load)(&wrong).is_err(),
            "with wrong {name}"
        );
    }
}

#[test]
fn cells_beyond_single_precision_are_far_not_fatal() {
    let data = regression(table(&[vec![0.0], vec![1.0]]), &[2.0, 4.0]);
    let model = fit(&NEAREST_NEIGHBOURS, &params(1, "distance", 2), &data)
        .unwrap()
        .model;
    let predicted = model
        .predict(&table(&[vec![1e300], vec![-1e300]]).view())
        .unwrap();
    assert!(predicted.values().iter().all(|value| value.is_finite()));
    let huge = regression(table(&[vec![0.0], vec![1e300]]), &[2.0, 4.0]);
    assert!(fit(&NEAREST_NEIGHBOURS, &ParamMap::new(), &huge).is_err());
}

#[test]
fn of_too_many_rows_some_are_kept_evenly() {
    let n = 1000;
    let rows: Vec<Vec<f64>> = (0..n).map(|i| vec![f64::from(i)]).collect();
    let target: Vec<f64> = (0..n).map(f64::from).collect();
    let data = regression(table(&rows), &target);
    let mut params = params(1, "uniform", 2);
    params.insert("max_rows".into(), ParamValue::Int(100));
    let model = fit(&NEAREST_NEIGHBOURS, &params, &data).unwrap().model;
    let predicted = model.predict(&data.table().view()).unwrap();
    let mut distinct: Vec<f64> = predicted.values().to_vec();
    distinct.dedup();
    assert_eq!(distinct.len(), 100);
    assert!(distinct.windows(2).all(|pair| pair[1] - pair[0] < 100.0));
}
