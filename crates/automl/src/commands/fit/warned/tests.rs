//! Which classes and scores are worth a warning.

use super::*;
use automl_core::{Column, Table};

/// Rows of each class, `a` and so on.
fn data(counts: &[usize]) -> Dataset {
    let codes: Vec<u32> = (0..counts.len())
        .flat_map(|class| vec![class as u32; counts[class]])
        .collect();
    let x = (0..codes.len()).map(|row| row as f64).collect();
    let table = Table::new(vec![("x".to_owned(), Column::Number(x))]).unwrap();
    let classes: Vec<String> = ('a'..).take(counts.len()).map(String::from).collect();
    let task = if counts.len() == 2 {
        Task::Binary { classes }
    } else {
        Task::Multiclass { classes }
    };
    Dataset::new(table, task, Target::Classes(codes.into())).unwrap()
}

fn message(warning: Option<Warning>) -> String {
    warning.map_or_else(String::new, |warning| warning.message)
}

#[test]
fn accuracy_is_said_to_be_blind_for_a_class_of_less_than_a_hundredth() {
    let told = |counts: &[usize]| message(Classes::of(&data(counts)).unwrap().beyond_accuracy("y"));
    assert_eq!(
        told(&[995, 5]),
        "class 'b' of 'y' has 5 of 1,000 rows: a model that never predicts it loses next to no accuracy; --metric average_precision heeds it"
    );
    assert!(told(&[5, 995]).contains("--metric balanced_accuracy"));
    assert!(told(&[500, 495, 5]).contains("class 'c'"));
    assert_eq!(told(&[990, 10]), "");
    // Each of 150 classes has less than a hundredth.
    assert_eq!(told(&[6; 150]), "");
    let mut one_rare = [60; 150];
    one_rare[3] = 5;
    assert!(told(&one_rare).contains("class 'd'"));
}

#[test]
fn classes_of_fewer_rows_than_the_folds_asked_for_are_named() {
    let data = data(&[100, 12, 15, 40]);
    let told = |folds| message(Classes::of(&data).unwrap().below_folds("y", folds));
    assert!(
        told(Some(20)).starts_with(
            "classes of 'y' with fewer rows than the 20 folds, 'b' (12), 'c' (15), are"
        ),
        "{}",
        told(Some(20))
    );
    assert_eq!((told(Some(12)), told(None)), (String::new(), String::new()));
}

#[test]
fn a_score_is_nearly_perfect_by_what_it_leaves_of_the_constants_loss() {
    let cases = [
        (Metric::RocAuc, 0.9991, 0.5, true),
        (Metric::RocAuc, 0.998, 0.5, false),
        (Metric::Accuracy, 0.9991, 0.5, true),
        // Of one row in a hundred, all of them wrong.
        (Metric::Accuracy, 0.999, 0.99, false),
        (Metric::LogLoss, 0.004, 0.6, true),
        (Metric::LogLoss, 0.02, 0.6, false),
        (Metric::Rmse, 3.0, 100.0, true),
        (Metric::Rmse, 4.0, 100.0, false),
        (Metric::R2, 0.9995, -0.001, true),
        (Metric::Ece, 0.0, 0.001, false),
        (Metric::Rmse, 0.0, 0.0, false),
    ];
    for (metric, score, baseline, expected) in cases {
        let found = is_nearly_perfect(metric, score, baseline);
        assert_eq!(found, expected, "{metric} {score} beside {baseline}");
    }
}

#[test]
fn columns_tell_the_target_alone_if_a_few_have_most_of_the_importance() {
    let columns = |shares: &[f64]| -> Vec<ImportantColumn> {
        let one = |(place, share): (usize, &f64)| ImportantColumn {
            column: format!("x{place}"),
            share: *share,
            features: Vec::new(),
        };
        shares.iter().enumerate().map(one).collect()
    };
    let n_main = |shares: &[f64]| main_columns(&columns(shares)).len();
    assert_eq!(n_main(&[0.9, 0.05, 0.05]), 1);
    assert_eq!(n_main(&[0.5, 0.35, 0.15]), 2);
    assert_eq!(n_main(&[0.3, 0.2, 0.2, 0.2, 0.1]), 0);
}
