//! Networks of texts: a column is learned from, and the settings that it needs are asked for.

use crate::harness::Desk;

/// A small network, a few steps.
const SMALL: &str = "data: {path: datasets/tickets.csv, target: queue}
texts: {column: subject, vocabulary: 300, length: 12}
model: {type: text_transformer, blocks: 1, heads: 2, head_size: 8}
trainer: {epochs: 12, batch_size: 32, shard_rows: 16}
optimizer: {learning_rate: 0.01}
";

#[test]
fn a_column_of_texts_is_learned_from_at_any_number_of_threads() {
    let desk = Desk::new();
    desk.write("small.yaml", SMALL);
    for threads in [1, 2] {
        desk.automl_ok(&format!(
            "train small.yaml --threads {threads} --output m{threads}"
        ));
    }
    let weights = |n: u8| desk.read(&format!("m{n}/weights.safetensors"));
    assert!(weights(1) == weights(2));
    let scores = desk.automl_ok("evaluate m1 datasets/tickets.csv --format json");
    let scores: serde_json::Value = serde_json::from_str(&scores).expect("the result is JSON");
    // An eighth of the subjects belongs to another queue.
    assert!(
        scores["metrics"]["accuracy"].as_f64() > Some(0.75),
        "{scores}"
    );
}

#[test]
fn a_table_to_predict_for_needs_no_column_but_that_of_texts() {
    let desk = Desk::new();
    desk.write("small.yaml", SMALL);
    desk.automl_ok("train small.yaml --set trainer.epochs=1 --output model");
    desk.write("new.csv", "subject\nthe invoice is wrong\nno light\n");
    let predictions = desk.automl_ok("predict model new.csv");
    assert_eq!(predictions.lines().count(), 3, "{predictions}");
}

#[test]
fn a_column_that_is_not_said_or_not_there_is_told_of() {
    let desk = Desk::new();
    desk.write("small.yaml", SMALL);
    let told = |sets: &str| {
        let outcome = desk.automl(&format!("train small.yaml {sets}"));
        assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
        outcome.stderr
    };
    let error = told("--set texts.column=");
    assert!(error.contains("does not say texts.column"), "{error}");
    let error = told("--set texts.column=topic");
    assert!(error.contains("'topic'"), "{error}");
}
