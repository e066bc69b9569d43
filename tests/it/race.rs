//! The race of tree engines at toy size: what the hidden verb measures, of tables that its script could have written.

use crate::harness::Desk;
use serde_json::{Value, json};

const N_TRAIN: usize = 400;
const N_TEST: usize = 100;

/// Two numbers, one of them with holes, and a category; the target follows the first number and the category.
fn desk(task: &str, n_classes: usize) -> Desk {
    let desk = Desk::new();
    for (part, rows) in [("train", 0..N_TRAIN), ("test", N_TRAIN..N_TRAIN + N_TEST)] {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for row in rows {
            let first = (row * 37 % 101) as f32;
            let holed = if row % 7 == 3 {
                f32::NAN
            } else {
                (row * 53 % 19) as f32
            };
            let level = (row * 29 % 5) as f32;
            let score = first / 101.0 + level / 10.0;
            let target = match n_classes {
                0 => score,
                n => (score / 1.4 * n as f32).floor(),
            };
            x.extend([first, holed, level].map(f32::to_le_bytes).concat());
            y.extend(target.to_le_bytes());
        }
        desk.write(&format!("table/{part}.x.f32"), x);
        desk.write(&format!("table/{part}.y.f32"), y);
    }
    let meta =
        json!({ "task": task, "n_classes": n_classes, "n_levels": [0, 0, 5], "n_valid": 80 });
    desk.write("table/meta.json", meta.to_string());
    let configs = json!([{ "max_leaves": 4 }, { "max_leaves": 8, "l2": 1.0 }]);
    desk.write("table/configs.json", configs.to_string());
    desk
}

fn answer(desk: &Desk, measure: &str, others: &str) -> Value {
    let line = format!("race table {measure} --threads 2 n_trees=20 learning_rate=0.2 {others}");
    let answer: Value = serde_json::from_str(&desk.automl_ok(&line)).expect("one JSON object");
    assert!(number(&answer, "seconds") > 0.0 && answer["peak_mib"].is_number());
    answer
}

fn number(answer: &Value, name: &str) -> f64 {
    answer[name]
        .as_f64()
        .unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[test]
fn fits_tell_their_loss_on_test_rows() {
    for (task, n_classes, loss_max) in [
        ("regression", 0, 0.1),
        ("binary", 2, 0.3),
        ("multiclass", 3, 0.5),
    ] {
        let fit = answer(&desk(task, n_classes), "fit", "");
        let loss = number(&fit, "loss");
        assert!(loss < loss_max, "{task}: {loss}");
        assert_eq!(fit["auc"].is_number(), n_classes == 2, "{task}");
    }
}

#[test]
fn quantised_gradients_order_the_rows_as_well() {
    let desk = desk("binary", 2);
    let plain = answer(&desk, "fit", "");
    let quantised = answer(&desk, "fit", "quantized_gradients=true");
    let [plain, quantised] = [plain, quantised].map(|answer| number(&answer, "auc"));
    assert!(
        plain > 0.9 && (plain - quantised).abs() < 0.02,
        "{plain} and {quantised}"
    );
}

#[test]
fn models_are_scored_and_explained() {
    let desk = desk("binary", 2);
    for measure in ["row", "shap"] {
        answer(&desk, measure, "");
    }
    let loss = number(&answer(&desk, "score", ""), "loss");
    assert!(loss < 0.3, "{loss}");
}

#[test]
fn watching_writes_predictions_of_the_test_rows() {
    let desk = desk("binary", 2);
    answer(&desk, "watch", "early_stopping_rounds=5");
    let bytes = desk.read("table/predicted.f64");
    let values = bytes.as_chunks::<8>().0;
    let values: Vec<f64> = values
        .iter()
        .map(|&bytes| f64::from_le_bytes(bytes))
        .collect();
    assert_eq!(values.len(), 2 * N_TEST);
    assert!(values.chunks(2).all(|p| (p[0] + p[1] - 1.0).abs() < 1e-12));
}

#[test]
fn folds_tell_the_mean_loss_of_their_configurations() {
    let loss = number(&answer(&desk("binary", 2), "folds", ""), "loss");
    // Fits of few rows and leaves, but better than a constant, whose loss is ln 2 where classes are balanced.
    assert!(loss < 0.6, "{loss}");
}

#[test]
fn it_is_not_among_the_verbs_that_help_tells() {
    assert!(!Desk::new().automl_ok("--help").contains("race"));
}
