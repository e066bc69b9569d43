//! What people are told of a model: on rows that it has not seen, the same at any number of threads, and in time.

use super::*;

/// y = 10 told, with a column of noise and one that is always the same.
fn lines() -> Dataset {
    let n_rows = 200;
    let told: Vec<f64> = (0..n_rows).map(|row| f64::from(row) / 200.0).collect();
    let noise: Vec<f64> = (0..n_rows).map(|row| f64::from(row * 77 % 200)).collect();
    let target = told.iter().map(|told| 10.0 * told).collect();
    let columns = [("told", told), ("noise", noise), ("same", vec![1.0; 200])];
    let columns = columns.map(|(name, values)| (name.to_owned(), Column::Number(values)));
    let table = Table::new(columns.into()).unwrap();
    Dataset::new(table, Task::Regression, Target::Numbers(target)).unwrap()
}

#[test]
fn the_learners_that_are_said_to_explain_do_and_no_others() {
    for learner in LEARNERS {
        let data = if learner.capabilities.tasks.contains(&TaskKind::Binary) {
            synthetic::binary(90, 5)
        } else {
            synthetic::regression(90, 5)
        };
        let only = FitOptions {
            include: vec![learner.id.to_owned()],
            ..options(1)
        };
        let model = run(&data, &only).unwrap().model;
        let explained = model.explain(&data.table().view(), &automl_core::Threads::one());
        let is_said = EXPLAINED.iter().any(|one| one.id == learner.id);
        assert_eq!(explained.is_ok(), is_said, "{}", learner.id);
    }
}

fn told(data: &Dataset, options: FitOptions) -> Explanations {
    let options = FitOptions {
        explains: true,
        ..options
    };
    run(data, &options).unwrap().explanations
}

#[test]
fn the_score_needs_what_the_target_is_made_of() {
    let found = told(&lines(), options(4)).permutation.unwrap();
    let [first, others @ ..] = &found.columns[..] else {
        panic!("three columns");
    };
    assert_eq!(
        (&first.column[..], found.n_rows, found.n_shuffles),
        ("told", 200, 3)
    );
    // Two draws from a uniform distribution differ by the root of a sixth.
    let expected = 10.0 * (1.0_f64 / 6.0).sqrt() - found.score;
    assert!((first.worse_by / expected - 1.0).abs() < 0.15, "{first:?}");
    let [low, high] = first.interval.unwrap();
    assert!(low < first.worse_by && first.worse_by < high);
    assert!(
        others.iter().all(|one| one.worse_by < 0.1 * expected),
        "{others:?}"
    );
}

#[test]
fn the_mean_prediction_goes_up_with_the_column_that_tells_and_with_no_other() {
    let found = told(&lines(), options(4)).dependence.unwrap();
    assert_eq!(found.n_rows, 100);
    let [told, noise] = &found.columns[..] else {
        panic!("a column of one value has nothing to tell: {found:?}");
    };
    assert_eq!((&told.column[..], &noise.column[..]), ("told", "noise"));
    let span =
        |of: &PartialDependence| of.points[of.points.len() - 1].mean[0] - of.points[0].mean[0];
    assert!((span(told) - 9.6).abs() < 0.6, "{told:?}");
    assert!(span(noise).abs() < 0.5, "{noise:?}");
}

#[test]
fn parts_of_predictions_are_those_of_a_line() {
    let found = told(&lines(), options(4)).shapley.unwrap();
    assert_eq!(
        (found.n_rows, found.n_backgrounds, found.n_others),
        (200, 10, 0)
    );
    let [first, others @ ..] = &found.columns[..] else {
        panic!("three columns");
    };
    assert_eq!(first.column.as_deref(), Some("told"));
    // Of a line the part of a column is its slope times how far the value lies from those of the backgrounds: one and the same
    // shift for all rows.
    let parts = first
        .points
        .iter()
        .map(|one| one.part - 10.0 * one.rank.unwrap());
    let parts: Vec<f64> = parts.collect();
    let mean = parts.iter().sum::<f64>() / parts.len() as f64;
    assert!(
        parts.iter().all(|part| (part - mean).abs() < 0.8),
        "{parts:?}"
    );
    assert!(
        others.iter().all(|one| one.mean_size[0] < 0.2),
        "{others:?}"
    );
}

#[test]
fn parts_of_one_row_sum_to_what_sets_its_prediction_apart() {
    let data = synthetic::binary(240, 4);
    let found = told(&data, options(5)).shapley.unwrap();
    let n_rows = found.n_rows;
    let sum = |row: usize| -> f64 {
        let columns = found.columns.iter();
        columns.map(|column| column.points[row].part).sum()
    };
    let sums: Vec<f64> = (0..n_rows).map(sum).collect();
    // Probabilities differ by one at most, and rows differ.
    assert!(sums.iter().all(|sum| sum.abs() <= 1.0));
    let mean = sums.iter().sum::<f64>() / n_rows as f64;
    assert!(sums.iter().any(|sum| (sum - mean).abs() > 0.2), "{sums:?}");
}

#[test]
fn it_is_the_same_at_any_number_of_threads() {
    let data = synthetic::multiclass(200, 3);
    let by = |threads| {
        told(
            &data,
            FitOptions {
                threads,
                ..options(4)
            },
        )
    };
    let found = by(1);
    assert_eq!(found, by(3));
    let shapley = found.shapley.unwrap();
    assert_eq!(shapley.columns[0].mean_size.len(), data.task().n_classes());
    assert!(
        shapley
            .columns
            .iter()
            .all(|column| column.points.is_empty())
    );
}

#[test]
fn nothing_is_told_that_nobody_asked_for_or_that_has_no_time() {
    let none = run(&lines(), &options(2)).unwrap().explanations;
    assert_eq!(none, Explanations::none(&LeftOut::NotAsked));
    let hurried = FitOptions {
        time_limit: Some(Duration::from_millis(1)),
        ..options(2)
    };
    assert_eq!(
        told(&lines(), hurried),
        Explanations::none(&LeftOut::NoTime)
    );
}
