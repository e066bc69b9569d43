//! What the record says of a search whose trials end in another order than they began.

use super::*;
use automl_store::spool::{Tails, replay};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::{history, runs};

struct Quiet;

impl Notes for Quiet {
    fn note(&self, _message: &str) {}
}

#[test]
fn the_best_so_far_only_gets_better_along_its_steps() {
    let desk = tempfile::tempdir().unwrap();
    let place = desk.path().join("w");
    let workspace = Workspace::parse(place.to_str().unwrap());
    let recorder = Recorder::begin_for(&workspace, "ada", "fit", &Quiet);
    let id = recorder.id().unwrap();
    // Trial 0 took longest.
    for (trial, score, best_score) in [(1, 0.7, 0.7), (2, 0.6, 0.7), (0, 0.9, 0.9)] {
        recorder.emit(&Event::TrialFinished {
            trial,
            learner: "knn".into(),
            name: "neighbours".into(),
            score,
            best_score,
            fit_seconds: 0.1,
            at_seconds: 2.0,
        });
    }
    recorder.end(Status::Finished);
    let record = workspace.open().unwrap();
    replay(&record, workspace.spool(), &mut Tails::default()).unwrap();
    let points = record.db.read(move |sql| {
        let number = runs::get(sql, DEFAULT_WORKSPACE, &id)?.number;
        history::of_run(sql, number, "best_score", None, None)
    });
    let mut points = points.wait().unwrap().items;
    points.sort_by_key(|point| point.step);
    let curve: Vec<(i64, f64)> = points.iter().map(|one| (one.step, one.value)).collect();
    assert_eq!(curve, [(0, 0.7), (1, 0.7), (2, 0.9)]);
}

#[test]
fn settings_are_told_by_their_path_and_times_in_seconds() {
    let settings = serde_json::json!({
        "search": { "seed": 0, "time_limit": { "secs": 90, "nanos": 500_000_000 }, "folds": null },
        "columns": { "drop": ["a", "b"] },
    });
    let mut params = Texts::default();
    flatten(&settings, "", &mut params);
    let told: Vec<(&str, &str)> = params
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    assert_eq!(
        told,
        [
            ("columns.drop", r#"["a","b"]"#),
            ("search.seed", "0"),
            ("search.time_limit", "90.5s")
        ]
    );
}
