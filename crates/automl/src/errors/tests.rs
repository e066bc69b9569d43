//! What users see of errors, and what the shell gets.

use super::{BAD_INPUT, CliError, EXIT_CODES, FAILED, INTERRUPTED, Report};
use anyhow::Context as _;
use automl_engine::EngineError;

fn report(error: impl Into<anyhow::Error>) -> Report {
    Report::of(&error.into())
}

#[test]
fn bad_input_is_told_from_failure_and_from_interruption() {
    let unknown = EngineError::ColumnUnknown {
        name: "incme".into(),
        role: "target",
        near: vec!["income".into()],
    };
    let failed = EngineError::AllFailed {
        n_trials: 3,
        first: "diverged".into(),
    };
    assert_eq!(report(unknown).exit_code(), BAD_INPUT);
    for limit_or_role in [
        EngineError::TimeLimit,
        EngineError::RoleTwice {
            name: "id".into(),
            first: "group".into(),
            second: "weight".into(),
        },
        EngineError::NoSplit {
            metric: "roc_auc",
            reason: "a fold has one class".into(),
        },
    ] {
        assert_eq!(report(limit_or_role).exit_code(), BAD_INPUT);
    }
    assert_eq!(report(failed).exit_code(), FAILED);
    assert_eq!(report(EngineError::Cancelled).exit_code(), INTERRUPTED);
    assert_eq!(
        report(anyhow::anyhow!("something without a code")).exit_code(),
        FAILED
    );
}

#[test]
fn code_and_hint_come_from_the_cause_and_the_chain_says_each_thing_once() {
    let cause = EngineError::ColumnUnknown {
        name: "incme".into(),
        role: "target",
        near: vec!["income".into()],
    };
    let error = Err::<(), _>(cause)
        .context("cannot fit adult.csv")
        .unwrap_err();
    let report = Report::of(&error);
    assert_eq!(
        report.message,
        "cannot fit adult.csv: no column 'incme' for the target"
    );
    assert_eq!(report.code, Some("fit-column-unknown"));
    assert_eq!(report.hint.as_deref(), Some("did you mean 'income'?"));
}

#[test]
fn an_error_is_one_json_object_for_programs() {
    let json = report(CliError::StdinTwice).to_json();
    assert_eq!(
        (json["event"].as_str(), json["code"].as_str()),
        (Some("error"), Some("usage-stdin-twice"))
    );
    assert_eq!(json["exit_code"], BAD_INPUT);
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    let gone = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    assert_eq!(
        report(anyhow::Error::from(gone).context("writing predictions failed")).exit_code(),
        0
    );
}

#[test]
fn the_table_of_codes_is_sorted_and_has_no_double() {
    assert!(EXIT_CODES.is_sorted_by(|a, b| a.0 < b.0));
}
