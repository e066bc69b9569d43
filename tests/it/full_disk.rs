//! A disk that takes no more: a clear error, and nothing left behind.
//!
//! A limit on the size of a file stands for the full disk: it needs no rights, and a write past it fails like one past
//! the end of the disk. `/dev/full` is the kernel's own full disk.

use crate::harness::Desk;

/// Runs a line of shell whose files may hold at most `blocks` × 512 bytes.
fn with_small_files(blocks: u32, line: &str) -> String {
    format!("trap '' XFSZ; ulimit -f {blocks}; exec {line}")
}

#[test]
fn fit_leaves_nothing_behind() {
    let desk = Desk::new();
    let fit = "automl fit datasets/churn.csv --target churned --max-trials 2 --holdout 0.3 --output out/model";
    let outcome = desk.shell(&with_small_files(1, fit));
    assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("error[output-full]: ")
            && outcome.stderr.contains("hint: the disk is full"),
        "{}",
        outcome.stderr
    );
    assert_eq!(desk.entries(), [""; 0]);
}

#[test]
fn fit_keeps_the_model_that_it_was_to_replace() {
    let desk = Desk::new();
    desk.copy_churn_model();
    let before = desk.automl_ok("predict model datasets/churn_test.csv");
    let fit = "automl fit datasets/churn.csv --target churned --max-trials 2 --holdout 0.3 --output model --overwrite";
    let outcome = desk.shell(&with_small_files(1, fit));
    assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
    assert_eq!(desk.entries(), ["model"]);
    assert_eq!(
        desk.automl_ok("predict model datasets/churn_test.csv"),
        before
    );
}

#[test]
fn predict_leaves_nothing_behind() {
    let desk = Desk::new();
    desk.copy_churn_model();
    for output in ["predictions.csv", "predictions.parquet"] {
        let predict = format!("automl predict model datasets/churn.csv --output {output}");
        let outcome = desk.shell(&with_small_files(1, &predict));
        assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
        assert!(
            outcome
                .stderr
                .contains(&format!("error[output-full]: writing failed: {output}: ")),
            "{}",
            outcome.stderr
        );
        assert_eq!(desk.entries(), ["model"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_made_has_a_hint() {
    let desk = Desk::new();
    let fit =
        "fit datasets/churn.csv --target churned --max-trials 1 --holdout 0.3 --output /proc/model";
    let outcome = desk.automl(fit);
    assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("error[store-io]: ") && outcome.stderr.contains("hint: "),
        "{}",
        outcome.stderr
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_stdout_is_an_error() {
    let desk = Desk::new();
    desk.copy_churn_model();
    for verb in [
        "predict model datasets/churn.csv",
        "leaderboard model",
        "profile datasets/churn.csv",
    ] {
        let outcome = desk.shell(&format!("automl {verb} > /dev/full"));
        assert_eq!(outcome.exit_code, Some(2), "{verb}: {outcome:?}");
        assert!(
            outcome
                .stderr
                .contains("error[output-full]: cannot write to stdout: No space left on device"),
            "{verb}: {}",
            outcome.stderr
        );
    }
}
