//! How rows are split for what they are.

use super::*;

#[test]
fn a_rare_class_survives_the_comparison_of_many_rows() {
    // 3 positives among rows that are thinned: the sample must keep them, or nothing could be ranked.
    let n_rows = 40_000;
    let codes: Vec<u32> = (0..n_rows)
        .map(|row| u32::from(row % 13_000 == 6_500))
        .collect();
    let column = Column::Number((0..n_rows).map(f64::from).collect());
    let table = Table::new(vec![("x".into(), column)]).unwrap();
    let task = synthetic::task_of(TaskKind::Binary);
    let data = Dataset::new(table, task, Target::Classes(codes.into())).unwrap();
    let include = vec!["baseline".to_owned()];
    let outcome = run(
        &data,
        &FitOptions {
            include,
            ..options(1)
        },
    )
    .unwrap();
    assert_eq!(outcome.score, 0.5);
}

#[test]
fn few_groups_or_times_ask_for_fewer_folds_unless_folds_were_asked_for() {
    let n_rows = 240_u32;
    let groups: Vec<u32> = (0..n_rows).map(|row| row % 4).collect();
    let grouped = synthetic::binary(n_rows as usize, 12)
        .with_groups(groups)
        .unwrap();
    let free = FitOptions {
        folds: None,
        ..options(2)
    };
    assert_eq!(
        Plan::new(&grouped, &free).unwrap().validation.describe(),
        "3-fold cross-validation"
    );
    let asked = FitOptions {
        folds: Some(8),
        ..options(2)
    };
    assert_eq!(
        Plan::new(&grouped, &asked).err().map(|error| error.code()),
        Some("split-too-few-groups")
    );
}

#[test]
fn a_metric_that_a_right_prediction_leaves_without_a_value_asks_for_both_classes() {
    // Few are of the first class, which a constant predicts: kappa has no value where all are of the other, and are told to be.
    let n_rows = 60_u32;
    let codes: Vec<u32> = (0..n_rows).map(|row| u32::from(row % 12 != 0)).collect();
    let column = Column::Number((0..n_rows).map(f64::from).collect());
    let table = Table::new(vec![("x".into(), column)]).unwrap();
    let task = synthetic::task_of(TaskKind::Binary);
    let data = Dataset::new(table, task, Target::Classes(codes.into())).unwrap();
    let free = FitOptions {
        folds: None,
        metric: Some(Metric::CohenKappa),
        ..options(2)
    };
    let plan = Plan::new(&data, &free).unwrap();
    for split in &plan.splits {
        let valid = data.view(&split.valid).target_numbers();
        assert!(valid.contains(&0.0) && valid.contains(&1.0), "{valid:?}");
    }
}

#[test]
fn a_validation_without_both_classes_is_widened_or_refused() {
    // All positives come first in time, so that late rows hold one class.
    let n_rows = 200_u32;
    let codes: Vec<u32> = (0..n_rows).map(|row| u32::from(row < 130)).collect();
    let column = Column::Number((0..n_rows).map(f64::from).collect());
    let table = Table::new(vec![("x".into(), column)]).unwrap();
    let task = synthetic::task_of(TaskKind::Binary);
    let data = Dataset::new(table, task, Target::Classes(codes.into())).unwrap();
    let data = data
        .with_time((0..n_rows).map(f64::from).collect::<Vec<_>>())
        .unwrap();
    let free = FitOptions {
        folds: None,
        ..options(2)
    };
    assert_eq!(
        Plan::new(&data, &free).unwrap().validation.describe(),
        "holdout of 40 %"
    );
    let asked = FitOptions {
        folds: None,
        holdout: Some(0.2),
        ..options(2)
    };
    assert_eq!(
        Plan::new(&data, &asked).err().map(|error| error.code()),
        Some("fit-split")
    );
}

#[test]
fn groups_and_times_are_never_split_the_wrong_way() {
    let n_rows = 120_u32;
    let groups: Vec<u32> = (0..n_rows).map(|row| row / 10).collect();
    let grouped = synthetic::binary(n_rows as usize, 9)
        .with_groups(groups.clone())
        .unwrap();
    let plan = Plan::new(&grouped, &options(3)).unwrap();
    for split in &plan.splits {
        assert!(split.valid.iter().all(|&row| {
            !split
                .train
                .iter()
                .any(|&other| groups[other as usize] == groups[row as usize])
        }));
    }
    let times: Vec<f64> = (0..n_rows).map(f64::from).collect();
    let timed = synthetic::binary(n_rows as usize, 9)
        .with_time(times)
        .unwrap();
    let plan = Plan::new(
        &timed,
        &FitOptions {
            folds: None,
            ..options(3)
        },
    )
    .unwrap();
    assert!(
        plan.validation.refit,
        "models that never saw the latest rows are not what is wanted"
    );
    for split in &plan.splits {
        assert!(split.train.iter().max() < split.valid.iter().min());
    }
}

#[test]
fn more_rows_get_cheaper_validation() {
    let limited = |seconds| FitOptions {
        time_limit: Some(Duration::from_secs(seconds)),
        max_trials: None,
        folds: None,
        ..options(1)
    };
    let words = |n_rows, seconds| {
        let data = synthetic::dataset(TaskKind::Binary, synthetic::Columns::default(), n_rows, 1);
        Plan::new(&data, &limited(seconds))
            .unwrap()
            .validation
            .describe()
    };
    assert_eq!(words(300, 60), "3 × 8-fold cross-validation");
    assert_eq!(words(5_000, 60), "8-fold cross-validation");
    assert_eq!(words(60_000, 2), "holdout of 20 %");
}
