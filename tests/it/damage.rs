//! A model that was cut or altered is a typed error that names the file, never a panic or a wrong prediction.

use crate::harness::Desk;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

/// Predicts with the damaged model; it must be refused with one line about `file`.
fn assert_refused(desk: &Desk, file: &str, what: &str) {
    let outcome = desk.automl("predict model datasets/churn_test.csv");
    let stderr = &outcome.stderr;
    assert_eq!(outcome.exit_code, Some(2), "{file} {what}: {stderr}");
    assert!(
        outcome.stdout.is_empty(),
        "{file} {what}: nothing is predicted"
    );
    assert!(
        stderr.starts_with("error[store-") && stderr.contains(file),
        "{file} {what}: {stderr}"
    );
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let desk = Desk::new();
    desk.copy_churn_model();
    for file in ["manifest.json", "weights.safetensors"] {
        let name = format!("model/{file}");
        let whole = desk.read(&name);
        for share in 0..8 {
            desk.write(&name, &whole[..whole.len() * share / 8]);
            assert_refused(&desk, file, "cut");
        }
        desk.write(&name, &whole[..whole.len() - 1]);
        assert_refused(&desk, file, "cut by a byte");
        desk.write(&name, &whole);
    }
    desk.automl_ok("predict model datasets/churn_test.csv");
}

#[test]
fn a_byte_changed_anywhere_is_refused() {
    let desk = Desk::new();
    desk.copy_churn_model();
    for file in ["manifest.json", "weights.safetensors"] {
        let name = format!("model/{file}");
        let whole = desk.read(&name);
        for part in 0..16 {
            let mut altered = whole.clone();
            let place = (altered.len() - 1) * part / 15;
            altered[place] ^= 0x04;
            desk.write(&name, &altered);
            let outcome = desk.automl("predict model datasets/churn_test.csv");
            assert_eq!(
                outcome.exit_code,
                Some(2),
                "{file}, byte {place}: {}",
                outcome.stderr
            );
            assert!(
                outcome.stderr.starts_with("error["),
                "{file}, byte {place}: {}",
                outcome.stderr
            );
        }
        desk.write(&name, &whole);
    }
}

#[test]
fn a_lost_file_is_refused() {
    for file in ["manifest.json", "weights.safetensors"] {
        let desk = Desk::new();
        desk.copy_churn_model();
        std::fs::remove_file(desk.path(&format!("model/{file}"))).expect("the copy can be changed");
        let outcome = desk.automl("predict model datasets/churn_test.csv");
        assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("model"), "{}", outcome.stderr);
    }
}

/// Verbs read no more files than they need: the leaderboard is checked where it is shown, the report and the events are
/// for others to read. A model that was deployed without them predicts as ever.
#[test]
fn damage_to_the_files_beside_the_weights_is_found_where_they_are_read() {
    let desk = Desk::new();
    desk.copy_churn_model();
    let predictions = desk.automl_ok("predict model datasets/churn_test.csv");
    let name = "model/leaderboard.json";
    let whole = desk.read(name);
    for place in (0..whole.len()).step_by(whole.len() / 8) {
        let mut altered = whole.clone();
        altered[place] ^= 0x04;
        for damaged in [&altered[..], &whole[..place]] {
            desk.write(name, damaged);
            let outcome = desk.automl("leaderboard model");
            assert_eq!(outcome.exit_code, Some(2), "byte {place}: {outcome:?}");
            assert!(outcome.stdout.is_empty(), "byte {place}: {outcome:?}");
            assert!(
                outcome.stderr.starts_with("error[store-damaged]")
                    && outcome.stderr.contains("leaderboard.json"),
                "byte {place}: {outcome:?}"
            );
        }
    }
    desk.write(name, &whole);
    for file in ["events.jsonl", "report.html", "leaderboard.json"] {
        let name = format!("model/{file}");
        let whole = desk.read(&name);
        desk.write(&name, &whole[..whole.len() / 2]);
        assert_eq!(
            desk.automl_ok("predict model datasets/churn_test.csv"),
            predictions
        );
        std::fs::remove_file(desk.path(&name)).expect("the copy can be changed");
        assert_eq!(
            desk.automl_ok("predict model datasets/churn_test.csv"),
            predictions
        );
    }
}

fn small_batch() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Float64Array::from_iter_values(
        (0..40).map(|row| f64::from(row % 7)),
    ));
    let words: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..40).map(|row| format!("word {}", row % 5)),
    ));
    RecordBatch::try_from_iter([("n", numbers), ("w", words)]).expect("two columns of 40 rows")
}

/// The decoders of these formats panic on some damage; of that the user sees nothing but an error about the file.
#[test]
fn a_damaged_columnar_table_is_read_or_refused_in_our_words() {
    let desk = Desk::new();
    let batch = small_batch();
    let mut arrow = FileWriter::try_new(Vec::new(), &batch.schema()).expect("memory takes all");
    arrow.write(&batch).expect("memory takes all");
    let arrow = arrow.into_inner().expect("memory takes all");
    let mut parquet =
        ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("memory takes all");
    parquet.write(&batch).expect("memory takes all");
    let parquet = parquet.into_inner().expect("memory takes all");
    for (name, whole) in [("t.arrow", arrow), ("t.parquet", parquet)] {
        for place in (0..whole.len()).step_by(whole.len() / 80) {
            let mut altered = whole.clone();
            altered[place] ^= 0x80;
            desk.write(name, &altered);
            let outcome = desk.automl(&format!("profile {name}"));
            let (stderr, at) = (&outcome.stderr, format!("{name}, byte {place}"));
            assert!(
                matches!(outcome.exit_code, Some(0 | 2)),
                "{at}: {outcome:?}"
            );
            assert!(
                stderr.lines().all(|line| {
                    ["error[data-", "hint: ", "warning: "]
                        .iter()
                        .any(|start| line.starts_with(start))
                }),
                "{at}: {stderr}"
            );
        }
    }
}
