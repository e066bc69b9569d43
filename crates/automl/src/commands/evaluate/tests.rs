//! What an evaluation says of a few rows that can be checked by hand.

use super::scores::{Scored, Scores};
use automl_core::{Predictions, Task};

fn two_classes(target: &[f64], positive: &[f64]) -> Scores {
    let task = Task::Binary {
        classes: vec!["no".into(), "yes".into()],
    };
    let values = positive.iter().flat_map(|p| [1.0 - p, *p]).collect();
    let predictions = Predictions::Probabilities {
        n_classes: 2,
        values,
    };
    Scores::of(&Scored {
        task: &task,
        target,
        predictions: &predictions,
        weight: None,
    })
}

#[test]
fn classes_have_precision_recall_and_a_confusion_matrix() {
    let scores = two_classes(&[0.0, 0.0, 1.0, 1.0, 1.0], &[0.1, 0.8, 0.9, 0.7, 0.2]);
    assert_eq!(scores.confusion, [[1, 1], [1, 2]]);
    let yes = &scores.classes[1];
    assert_eq!(
        (yes.precision, yes.recall, yes.f1, yes.n_rows),
        (Some(2.0 / 3.0), Some(2.0 / 3.0), Some(2.0 / 3.0), 3)
    );
    assert_eq!(scores.metrics["accuracy"], 0.6);
}

#[test]
fn a_metric_without_a_value_is_null_and_says_why() {
    let scores = two_classes(&[1.0, 1.0], &[0.9, 0.4]);
    assert!(scores.metrics["roc_auc"].is_null());
    assert_eq!(scores.undefined["roc_auc"]["code"], "metric-undefined");
    assert_eq!(scores.classes[0].recall, None, "no row is of this class");
    assert_eq!(scores.metrics["accuracy"], 0.5);
}

#[test]
fn numbers_have_no_confusion_matrix() {
    let predictions = Predictions::Numbers(vec![1.0, 3.0]);
    let scored = Scored {
        task: &Task::Regression,
        target: &[1.0, 1.0],
        predictions: &predictions,
        weight: Some(&[3.0, 1.0]),
    };
    let scores = Scores::of(&scored);
    assert_eq!(scores.metrics["mae"], 0.5, "weighted: (3 × 0 + 1 × 2) / 4");
    assert!(scores.confusion.is_empty() && scores.classes.is_empty());
}
