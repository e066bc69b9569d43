//! Quantiles: in order, covering what they say, the same at any number of threads and after they were written.

use super::*;
use automl_core::{Level, Predictions};

/// A target that spreads evenly over as much as `x` says.
fn fan(n_rows: usize) -> Dataset {
    let place = |row: usize, factor: usize| (row * factor % 1009) as f64 / 1009.0;
    let x: Vec<f64> = (0..n_rows).map(|row| 1.0 + place(row, 7919)).collect();
    let target = x.iter().enumerate();
    let target: Vec<f64> = target.map(|(row, x)| x * place(row, 617)).collect();
    let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
    let levels = [0.1, 0.5, 0.9].map(|level| Level::try_from(level).unwrap());
    let levels = levels.into();
    Dataset::new(
        table,
        Task::Quantile { levels },
        Target::Numbers(target.into()),
    )
    .unwrap()
}

#[test]
fn they_are_in_order_and_cover_what_they_say() {
    let outcome = run(&fan(600), &options(4)).unwrap();
    assert_eq!(outcome.metric, Metric::Pinball);
    assert!(outcome.intervals.is_none());
    let rows = &outcome.out_of_fold;
    let Predictions::Quantiles { levels, values } = &rows.predictions else {
        panic!("quantiles");
    };
    assert!(values.chunks_exact(3).all(<[f64]>::is_sorted));
    for (place, level) in levels.iter().enumerate() {
        let quantiles = values.iter().skip(place).step_by(3);
        let n_below = rows
            .target
            .iter()
            .zip(quantiles)
            .filter(|(y, q)| y <= q)
            .count();
        let share = n_below as f64 / rows.target.len() as f64;
        assert!((share - level.share()).abs() < 0.02, "{level}: {share}");
    }
    let baseline = outcome
        .leaderboard
        .rows
        .iter()
        .find(|row| row.learner == "baseline");
    assert!(outcome.score < baseline.unwrap().score);
}

#[test]
fn only_learners_of_quantiles_take_part() {
    let outcome = run(&fan(300), &options(20)).unwrap();
    let known = ["ensemble", "baseline", "gradient_boosting"];
    let rows = &outcome.leaderboard.rows;
    assert!(rows.iter().all(|row| known.contains(&row.learner.as_str())));
    let error = run(
        &fan(300),
        &FitOptions {
            metric: Some(Metric::Rmse),
            ..options(2)
        },
    );
    assert_eq!(error.err().unwrap().code(), "fit-metric-task");
}

#[test]
fn a_model_that_was_written_predicts_the_same_at_any_number_of_threads() {
    let data = fan(300);
    let by = |threads| {
        let outcome = run(
            &data,
            &FitOptions {
                threads,
                ..options(3)
            },
        );
        outcome.unwrap().model
    };
    let (one, two) = (by(1), by(2));
    assert_eq!(one.artifact(), two.artifact());
    let loaded = EnsembleModel::load(&one.artifact()).unwrap();
    let said = |model: &EnsembleModel| model.predict(&data.table().view()).unwrap();
    assert_eq!(said(&loaded), said(&one));
    let mut odd = one.artifact();
    odd.meta["shifts"] = serde_json::json!([1.0]);
    assert!(EnsembleModel::load(&odd).is_err());
}
