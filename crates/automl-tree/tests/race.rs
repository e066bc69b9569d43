//! The race at toy size: each verb measures what it says, of tables that its own script could have written.

#[path = "../examples/race/verbs.rs"]
mod verbs;

use serde_json::{Value, json};
use std::fs::{create_dir_all, read, write};
use std::path::{Path, PathBuf};

const N_TRAIN: usize = 400;
const N_TEST: usize = 100;

/// Two numbers, one of them with holes, and a category; the target follows the first number and the category.
fn folder(name: &str, task: &str, n_classes: usize) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    create_dir_all(&folder).expect("a folder to write in");
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
        write(folder.join(format!("{part}.x.f32")), x).expect("a file to write");
        write(folder.join(format!("{part}.y.f32")), y).expect("a file to write");
    }
    let meta =
        json!({ "task": task, "n_classes": n_classes, "n_levels": [0, 0, 5], "n_valid": 80 });
    write(folder.join("meta.json"), meta.to_string()).expect("a file to write");
    let configs = json!([{ "max_leaves": 4 }, { "max_leaves": 8, "l2": 1.0 }]);
    write(folder.join("configs.json"), configs.to_string()).expect("a file to write");
    folder
}

fn answer(folder: &Path, verb: &str, others: &[&str]) -> Value {
    let folder = folder.to_str().expect("a path of text");
    let args = [
        &[folder, verb, "2", "n_trees=20", "learning_rate=0.2"],
        others,
    ]
    .concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    verbs::run(&args).expect("an answer")
}

fn number(answer: &Value, name: &str) -> f64 {
    answer[name]
        .as_f64()
        .unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[test]
fn fits_tell_their_time_and_their_loss_on_test_rows() {
    for (name, task, n_classes, loss_max) in [
        ("numbers", "regression", 0, 0.1),
        ("two", "binary", 2, 0.3),
        ("three", "multiclass", 3, 0.5),
    ] {
        let fit = answer(&folder(name, task, n_classes), "fit", &[]);
        assert!(number(&fit, "seconds") > 0.0 && fit["peak_mib"].is_number());
        let loss = number(&fit, "loss");
        assert!(loss < loss_max, "{task}: {loss}");
        assert_eq!(fit["auc"].is_number(), n_classes == 2, "{task}");
    }
}

#[test]
fn quantised_gradients_order_the_rows_as_well() {
    let folder = folder("quantised", "binary", 2);
    let plain = answer(&folder, "fit", &[]);
    let quantised = answer(&folder, "fit", &["quantized_gradients=true"]);
    let [plain, quantised] = [plain, quantised].map(|answer| number(&answer, "auc"));
    assert!(
        plain > 0.9 && (plain - quantised).abs() < 0.02,
        "{plain} and {quantised}"
    );
}

#[test]
fn models_are_scored_and_explained() {
    let folder = folder("scored", "binary", 2);
    for verb in ["score", "row", "shap"] {
        assert!(
            number(&answer(&folder, verb, &[]), "seconds") > 0.0,
            "{verb}"
        );
    }
    let loss = number(&answer(&folder, "score", &[]), "loss");
    assert!(loss < 0.3, "{loss}");
}

#[test]
fn watching_writes_predictions_of_the_test_rows() {
    let folder = folder("watched", "binary", 2);
    answer(&folder, "watch", &["early_stopping_rounds=5"]);
    let bytes = read(folder.join("predicted.f64")).unwrap();
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
    let folds = answer(&folder("folds", "binary", 2), "folds", &[]);
    let loss = number(&folds, "loss");
    // Fits of few rows and leaves, but better than a constant, whose loss is ln 2 where classes are balanced.
    assert!(loss < 0.6, "{loss}");
}

#[test]
fn what_it_cannot_do_it_says() {
    let said = |args: &[&str]| {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        verbs::run(&args).unwrap_err().to_string()
    };
    assert_eq!(said(&[]), "race FOLDER VERB THREADS [name=value ...]");
    let folder = folder("said", "binary", 2);
    let folder = folder.to_str().unwrap();
    assert_eq!(
        said(&[folder, "run", "1"]),
        "fit, score, row, shap, folds or watch"
    );
}
