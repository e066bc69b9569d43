//! What an evaluation says of a few rows that can be checked by hand.

use super::scores::{Scored, Scores};
use super::truth::Truth;
use automl_core::{
    Column, Decision, Field, Kind, Levels, MISSING_CODE, Predictions, Role, Table, Task,
    UNSEEN_CODE,
};

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
        decision: &Decision::Likeliest,
        costs: None,
        weight: None,
        data_rows: &[],
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
fn a_threshold_decides_classes_and_leaves_probabilities_alone() {
    let task = Task::Binary {
        classes: vec!["no".into(), "yes".into()],
    };
    let predictions = Predictions::Probabilities {
        n_classes: 2,
        values: vec![0.9, 0.1, 0.7, 0.3, 0.2, 0.8],
    };
    let at = |threshold: Option<f64>| {
        Scores::of(&Scored {
            task: &task,
            target: &[0.0, 1.0, 1.0],
            predictions: &predictions,
            decision: &threshold.into(),
            costs: None,
            weight: None,
            data_rows: &[],
        })
    };
    let (even, low) = (at(None), at(Some(0.2)));
    assert_eq!(even.confusion, [[1, 0], [1, 1]]);
    assert_eq!(low.confusion, [[1, 0], [0, 2]]);
    assert_eq!(low.metrics["f1"], 1.0);
    assert_eq!(low.metrics["roc_auc"], even.metrics["roc_auc"]);
    assert_eq!(low.metrics["log_loss"], even.metrics["log_loss"]);
    assert_eq!(low.positive_class.as_deref(), Some("yes"));
    assert!(
        low.to_text()
            .contains("positive class 'yes' predicted above 0.2")
    );
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
        data_rows: &[],
        decision: &Decision::Likeliest,
        costs: None,
        weight: Some(&[3.0, 1.0]),
    };
    let scores = Scores::of(&scored);
    assert_eq!(scores.metrics["mae"], 0.5, "weighted: (3 × 0 + 1 × 2) / 4");
    assert!(scores.confusion.is_empty() && scores.classes.is_empty());
}

fn field(name: &str, kind: Kind) -> Field {
    Field {
        name: name.into(),
        kind,
        role: Role::Target,
        levels: Vec::new(),
        format: None,
    }
}

#[test]
fn labels_are_found_whatever_their_column_and_rows_without_one_are_left_out() {
    let task = Task::Binary {
        classes: vec!["0".into(), "1".into()],
    };
    let levels = Levels::new(["1", "0"]);
    let columns = [
        Column::Number(vec![1.0, f64::NAN, 0.0]),
        Column::category(vec![0, MISSING_CODE, 1], levels),
        Column::Text([Some("1"), None, Some("0")].into_iter().collect()),
    ];
    for column in columns {
        let target = field("y", Kind::Number);
        let mut truth = Truth::new(&target, &task, None);
        truth
            .take(&Table::new(vec![("y".into(), column)]).expect("one column"))
            .expect("labels are known");
        assert_eq!(
            (truth.values.as_slice(), truth.n_rows_without()),
            ([1.0, 0.0].as_slice(), 1)
        );
        let kept = truth.with_target_only(Predictions::Numbers(vec![7.0, 8.0, 9.0]));
        assert_eq!(kept, Predictions::Numbers(vec![7.0, 9.0]));
    }
}

#[test]
fn a_class_that_was_not_learned_is_refused_with_its_row() {
    let task = Task::Binary {
        classes: vec!["no".into(), "yes".into()],
    };
    let target = field("y", Kind::Category);
    let refused = |column| {
        let table = Table::new(vec![("y".into(), column)]).expect("one column");
        let error = Truth::new(&target, &task, None).take(&table);
        error.unwrap_err().to_string()
    };
    let texts = [Some("no"), Some("maybe")].into_iter().collect();
    assert_eq!(
        refused(Column::Text(texts)),
        "target 'y' is 'maybe' in data row 2, a class that the model has not learned"
    );
    let coded = Column::category(vec![0, UNSEEN_CODE], Levels::new(["no", "yes"]));
    assert_eq!(
        refused(coded),
        "target 'y' is something else in data row 2, a class that the model has not learned"
    );
}

#[test]
fn scores_of_classes_are_weighted_as_the_metrics_are() {
    let task = Task::Binary {
        classes: vec!["no".into(), "yes".into()],
    };
    let predictions = Predictions::Probabilities {
        n_classes: 2,
        values: vec![0.1, 0.9, 0.9, 0.1, 0.1, 0.9],
    };
    let scores = Scores::of(&Scored {
        task: &task,
        target: &[1.0, 1.0, 0.0],
        predictions: &predictions,
        decision: &Decision::Likeliest,
        costs: None,
        weight: Some(&[3.0, 1.0, 1.0]),
        data_rows: &[1, 2, 3],
    });
    let yes = &scores.classes[1];
    assert_eq!(
        (yes.precision, yes.recall, yes.n_rows),
        (Some(0.75), Some(0.75), 2)
    );
    assert_eq!(scores.metrics["f1"], yes.f1.unwrap());
    assert_eq!(scores.confusion, [[0, 1], [1, 1]]);
}

#[test]
fn a_metric_without_a_value_says_which_data_rows_are_why() {
    let predictions = Predictions::Numbers(vec![1.0, 1.0, 1.0]);
    let scores = Scores::of(&Scored {
        task: &Task::Regression,
        target: &[2.0, -2.0, -3.0],
        predictions: &predictions,
        decision: &Decision::Likeliest,
        costs: None,
        weight: None,
        data_rows: &[1, 4, 5],
    });
    assert_eq!(
        scores.undefined["rmsle"]["reason"],
        "target -2 in data row 4 is not above -1, the first of 2 such rows"
    );
}

#[test]
fn truth_values_are_compared_by_what_they_mean() {
    let pairs = [["0", "1"], ["false", "true"], ["no", "yes"]];
    for classes in pairs {
        let task = Task::Binary {
            classes: classes.map(str::to_owned).to_vec(),
        };
        let target = Field {
            name: "y".into(),
            kind: Kind::Boolean,
            role: Role::Target,
            levels: classes.map(str::to_owned).to_vec(),
            format: None,
        };
        let mut truth = Truth::new(&target, &task, None);
        let cells = ["0", "1", "0.0", "1.0", "False", "True", "no", "YES"];
        let texts = cells.iter().map(|cell| Some(*cell)).collect();
        let table = Table::new(vec![("y".into(), Column::Text(texts))]).unwrap();
        truth.take(&table).unwrap();
        assert_eq!(truth.values, [0.0, 1.0].repeat(4), "{classes:?}");
    }
}
