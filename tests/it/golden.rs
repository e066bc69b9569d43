//! Models written in older formats still load and predict the same: one of every learner, and of other kinds, by `make_golden_models.sh`.

use crate::harness::{Desk, repository};
use std::path::Path;

/// Predictions may differ by the rounding of another machine's mathematics library.
const TOLERANCE: f64 = 1e-9;
/// Those of networks also by the order of sums in its kernels, which compute in `f32`.
const NETWORK_TOLERANCE: f64 = 1e-5;
const NETWORKS: [&str; 2] = ["mlp", "tabm"];

/// The table and the learners that were fitted on it.
const MODELS: [(&str, &[&str]); 2] = [
    (
        "churn",
        &[
            "baseline",
            "naive_bayes",
            "logistic_regression",
            "nearest_neighbours",
            "svm",
            "gradient_boosting",
            "extra_trees",
            "random_forest",
            "mlp",
        ],
    ),
    ("rents", &["elastic_net", "tabm"]),
];

/// Models of other kinds, of which there is no leaderboard.
const OTHERS: [(&str, &str); 2] = [("churn", "several_targets"), ("numbers", "onnx_graph")];

fn cells(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

fn check_same(got: &str, expected: &str, name: &str) {
    let (got, expected) = (cells(got), cells(expected));
    let is_network = NETWORKS.contains(&name);
    let tolerance = if is_network {
        NETWORK_TOLERANCE
    } else {
        TOLERANCE
    };
    assert_eq!(got.len(), expected.len(), "{name}: rows");
    for (line, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert_eq!(got.len(), expected.len(), "{name}: columns");
        for (got, expected) in got.iter().zip(expected) {
            match (got.parse::<f64>(), expected.parse::<f64>()) {
                (Ok(a), Ok(b)) => assert!(
                    (a - b).abs() <= tolerance * b.abs().max(1.0),
                    "{name}, line {line}: {a} instead of {b}"
                ),
                _ => assert_eq!(got, expected, "{name}, line {line}"),
            }
        }
    }
}

#[test]
fn models_of_every_learner_and_every_format_predict_what_they_did() {
    let desk = Desk::new();
    let golden = repository().join("tests/golden");
    let formats: Vec<_> = std::fs::read_dir(&golden)
        .expect("there are golden models")
        .map(|entry| entry.expect("entries can be read").path())
        .collect();
    assert!(!formats.is_empty());
    for format in &formats {
        for (table, learners) in MODELS {
            for learner in learners {
                check_model(&desk, format, table, learner);
                let outcome = desk.shell(&format!(
                    "automl leaderboard {}/{learner}",
                    format.display()
                ));
                assert_eq!(outcome.exit_code, Some(0), "{learner}: {outcome:?}");
            }
        }
        for (table, model) in OTHERS {
            check_model(&desk, format, table, model);
        }
    }
}

fn check_model(desk: &Desk, format: &Path, table: &str, learner: &str) {
    let format = format.display();
    let outcome = desk.shell(&format!(
        "automl predict {format}/{learner} {format}/{table}.csv"
    ));
    assert_eq!(outcome.exit_code, Some(0), "{learner}: {outcome:?}");
    let expected = std::fs::read_to_string(format!("{format}/{learner}.csv"));
    check_same(
        &outcome.stdout,
        &expected.expect("the predictions are there"),
        learner,
    );
}

#[test]
fn every_learner_has_a_golden_model() {
    let desk = Desk::new();
    let help = desk.shell("automl fit --help").stdout;
    let (_, list) = help.split_once("Learners: ").expect("the help lists them");
    let list = list.split("\n\n").next().unwrap_or_default();
    let mut listed: Vec<&str> = list.split([',', '\n']).map(str::trim).collect();
    listed.retain(|name| !name.is_empty());
    let mut golden: Vec<&str> = MODELS
        .iter()
        .flat_map(|(_, learners)| *learners)
        .copied()
        .collect();
    listed.sort_unstable();
    golden.sort_unstable();
    assert_eq!(golden, listed);
}
