//! Settings as resolved from what is typed, and the files made of events.

use super::files;
use super::settings::Settings;
use crate::cli::{self, Verb};
use automl_core::Event;
use automl_data::DEFAULT_MISSING;
use automl_store::Overwrite;

fn settings(args: &[&str]) -> anyhow::Result<Settings> {
    let typed: Vec<_> = ["automl", "fit", "data.csv", "--target", "y"]
        .iter()
        .chain(args)
        .map(Into::into)
        .collect();
    match cli::parse(&typed)
        .ok()
        .expect("arguments are well formed")
        .verb
    {
        Verb::Fit(args) => Settings::resolve(*args),
        other => panic!("{other:?}"),
    }
}

fn limits(args: &[&str]) -> (Option<f64>, Option<u64>) {
    let fit = settings(args).expect("settings are valid").fit;
    (
        fit.time_limit.map(|limit| limit.as_secs_f64()),
        fit.max_trials,
    )
}

#[test]
fn the_time_limit_defaults_to_five_minutes_unless_trials_are_limited() {
    assert_eq!(limits(&[]), (Some(300.0), None));
    assert_eq!(limits(&["--max-trials", "7"]), (None, Some(7)));
    assert_eq!(limits(&["--time-limit", "60"]), (Some(60.0), None));
    assert_eq!(
        limits(&["--time-limit", "2m", "--max-trials", "7"]),
        (Some(120.0), Some(7))
    );
}

#[test]
fn lists_may_repeat_and_columns_are_split_at_commas_once_their_names_are_known() {
    let settings = settings(&["--drop", "a, b", "--drop", "c", "--missing", "x,-99"])
        .expect("settings are valid");
    let names = |known: &[&str]| {
        let known: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
        automl_data::split_names(&settings.prepare.drop, &known)
    };
    assert_eq!(names(&["a", "b", "c"]), ["a", "b", "c"]);
    assert_eq!(names(&["a, b", "c"]), ["a, b", "c"]);
    assert_eq!(settings.read.missing, ["x", "-99"]);
}

#[test]
fn what_is_not_asked_for_is_left_to_the_data() {
    let settings = settings(&[]).expect("settings are valid");
    assert_eq!(settings.read.missing, DEFAULT_MISSING);
    assert_eq!(
        (
            settings.fit.metric,
            settings.fit.folds,
            settings.fit.holdout
        ),
        (None, None, None)
    );
    assert_eq!(
        (settings.overwrite, settings.output.to_str()),
        (Overwrite::Refuse, Some("automl-model"))
    );
}

#[test]
fn an_unknown_metric_is_named() {
    let error = settings(&["--metric", "rocauk"]).unwrap_err();
    assert_eq!(error.to_string(), "unknown metric 'rocauk'");
}

#[test]
fn events_are_one_json_object_a_line() {
    let events = [
        Event::Phase {
            name: "refit".into(),
            at_seconds: 1.0,
        },
        Event::TrialFailed {
            trial: 1,
            learner: "knn".into(),
            reason: "two\nlines".into(),
            at_seconds: 2.0,
        },
    ];
    let text = String::from_utf8(files::events_jsonl(&events)).expect("JSON is UTF-8");
    let read: Vec<Event> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is an event"))
        .collect();
    assert_eq!(read, events);
}

#[test]
fn trials_become_tensorboard_scalars() {
    let trial = |trial, score| Event::TrialFinished {
        trial,
        learner: "knn".into(),
        name: "neighbours".into(),
        score,
        best_score: 0.9,
        fit_seconds: 0.1,
        at_seconds: 2.0,
    };
    let (name, bytes) = files::tensorboard(&[trial(0, 0.9), trial(1, 0.8)], "roc_auc", 1000.0);
    assert_eq!(
        name,
        "tensorboard/events.out.tfevents.0000001000.automl.0.0"
    );
    let records = automl_tensorboard::read_events(&bytes)
        .expect("the file is whole")
        .records;
    let scores: Vec<_> = records
        .iter()
        .filter(|record| record.tag == "score/roc_auc")
        .map(|record| (record.step, record.wall_time))
        .collect();
    assert_eq!(scores, [(0, 1002.0), (1, 1002.0)]);
}

#[test]
fn the_lineage_holds_how_the_table_was_read_and_what_the_schema_file_said() {
    let desk = tempfile::tempdir().expect("a temporary directory can be made");
    let path = desk.path().join("schema.yaml");
    std::fs::write(&path, "columns: {zip: {kind: category}}\n").expect("it can be written");
    let path = path.display().to_string();
    let flags = "--missing x,-99 --encoding latin1 --delimiter semicolon --memory-limit 1GiB";
    let mut flags: Vec<&str> = flags.split(' ').collect();
    flags.extend(["--schema", &path]);
    let settings = settings(&flags).expect("settings are valid");
    assert_eq!(settings.read.max_bytes, Some(1 << 30));
    let config = settings.to_config();
    assert_eq!(
        config["read"].to_string(),
        r#"{"missing":["x","-99"],"encoding":"latin1","delimiter":";","rename_duplicates":false}"#
    );
    assert_eq!(config["schema"]["file"], *path);
    assert_eq!(
        config["schema"]["content"]["columns"]["zip"]["kind"],
        "category"
    );
}
