//! A search that was killed goes on where it was: nothing that it had reported is lost, and the model is the same.

use crate::harness::Desk;
use serde_json::Value;
use std::collections::BTreeMap;

const FIT: &str = "fit datasets/churn.csv --target churned --folds 3 --include baseline,logistic_regression,gradient_boosting,extra_trees --output model";

/// Trials by number, with the scores that were reported.
type Scores = BTreeMap<u64, f64>;

/// Begins or goes on with a fit and kills it once it has told `n_lines` events, if it has not ended by then; adds what it
/// reported to `reported`.
fn killed_after(desk: &Desk, n_lines: usize, settings: &str, reported: &mut Scores) {
    desk.killed_after(n_lines, &format!("{FIT} {settings}"), |line| {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        if event["event"] == "trial-finished" {
            let trial = event["trial"].as_u64().expect("trials have numbers");
            let score = event["score"].as_f64().expect("trials have scores");
            let known = reported.insert(trial, score);
            assert!(
                known.is_none_or(|known| known == score),
                "{trial} scores otherwise now"
            );
        }
    });
}

fn leaderboard(desk: &Desk) -> Scores {
    let text = desk.automl_ok("leaderboard model --format json");
    let board: Value = serde_json::from_str(&text).expect("it is JSON");
    let rows = board["rows"].as_array().expect("it has rows").iter();
    let trial = |row: &Value| Some((row["trial"].as_u64()?, row["score"].as_f64()?));
    rows.filter_map(trial).collect()
}

fn weights(desk: &Desk) -> Vec<u8> {
    desk.read("model/weights.safetensors")
}

/// The model of an undisturbed search.
fn undisturbed(settings: &str) -> (Vec<u8>, Scores) {
    let desk = Desk::new();
    desk.automl_ok(&format!("{FIT} {settings}"));
    (weights(&desk), leaderboard(&desk))
}

#[test]
fn a_search_that_is_killed_again_and_again_ends_with_all_that_it_reported_and_the_same_model() {
    let slow = std::env::var_os("AUTOML_SLOW_TESTS").is_some();
    let (n_trials, n_kills) = if slow { (30, 20) } else { (8, 4) };
    let settings = format!("--max-trials {n_trials}");
    let (expected, scores) = undisturbed(&settings);
    let desk = Desk::new();
    let mut reported = Scores::new();
    let mut draw = 7_usize;
    for _ in 0..n_kills {
        draw = (draw * 31 + 17) % 101;
        // A process that goes on tells what had ended once more, and then something new.
        let n_lines = 5 + reported.len() + draw % 6;
        killed_after(
            &desk,
            n_lines,
            &format!("{settings} --resume"),
            &mut reported,
        );
    }
    desk.automl_ok(&format!("{FIT} {settings} --resume"));
    let found = leaderboard(&desk);
    for (trial, score) in &reported {
        assert_eq!(found.get(trial), Some(score), "trial {trial}");
    }
    assert_eq!(found, scores);
    assert!(weights(&desk) == expected, "the kills changed the model");
}

#[test]
fn a_search_that_ended_goes_on_with_a_longer_limit() {
    let (expected, scores) = undisturbed("--max-trials 6");
    let desk = Desk::new();
    desk.automl_ok(&format!("{FIT} --max-trials 3"));
    assert_eq!(leaderboard(&desk).len(), 3);
    desk.automl_ok(&format!("{FIT} --max-trials 6 --resume"));
    assert_eq!(leaderboard(&desk), scores);
    assert!(weights(&desk) == expected, "the pause changed the model");
}

#[test]
fn a_search_that_ended_goes_on_for_the_time_that_a_longer_limit_adds() {
    let desk = Desk::new();
    let seconds_and_trials = |limit: &str| {
        let told = desk.automl_ok(&format!(
            "{FIT} --time-limit {limit} --format json --resume"
        ));
        let told: Value = serde_json::from_str(&told).expect("it is JSON");
        let seconds = told["seconds"].as_f64().expect("it tells how long it took");
        (seconds, leaderboard(&desk))
    };
    let (_, before) = seconds_and_trials("3s");
    let (seconds, after) = seconds_and_trials("7s");
    assert!(
        after.len() > before.len(),
        "{} and {}",
        before.len(),
        after.len()
    );
    for (trial, score) in &before {
        assert_eq!(after.get(trial), Some(score), "trial {trial}");
    }
    assert!(
        (4.0..9.0).contains(&seconds),
        "the time before counts: {seconds}"
    );
}

#[test]
fn a_search_of_other_data_or_settings_is_not_gone_on_with() {
    let desk = Desk::new();
    std::fs::copy(desk.path("datasets/churn.csv"), desk.path("own.csv")).expect("it can be copied");
    let fit = "fit own.csv --target churned --max-trials 2 --holdout 0.3 --output model";
    desk.automl_ok(fit);
    let outcome = desk.automl(&format!("{fit} --resume --metric f1"));
    assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("error[fit-search-differs]: the search to go on with had search.metric null, now it is \"f1\": "),
        "{}",
        outcome.stderr
    );
    let mut data = desk.read("own.csv");
    data.extend(
        data.clone()
            .split(|&byte| byte == b'\n')
            .nth(1)
            .expect("there are rows"),
    );
    desk.write("own.csv", data);
    let outcome = desk.automl(&format!("{fit} --resume"));
    assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("error[fit-search-differs]: the search to go on with had data "),
        "{}",
        outcome.stderr
    );
    desk.automl_ok(&format!("{fit} --overwrite --metric f1"));
}

#[test]
fn a_search_that_was_killed_is_not_thrown_away_unasked() {
    let desk = Desk::new();
    let mut reported = Scores::new();
    killed_after(&desk, 6, "--max-trials 20", &mut reported);
    assert!(!desk.path("model").exists() && !reported.is_empty());
    let outcome = desk.automl(&format!("{FIT} --max-trials 2"));
    assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("error[fit-search-unfinished]: ")
            && outcome.stderr.contains("--resume"),
        "{}",
        outcome.stderr
    );
    desk.automl_ok(&format!("{FIT} --max-trials 2 --overwrite"));
    assert_eq!(leaderboard(&desk).len(), 2);
}

#[test]
fn a_kept_fit_that_rotted_is_told_of_and_costs_no_score() {
    let desk = Desk::new();
    desk.automl_ok(&format!("{FIT} --max-trials 4"));
    let before = leaderboard(&desk);
    let kept = desk.path(".model.search/fit-1-0");
    let mut bytes = std::fs::read(&kept).expect("the fit is kept");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&kept, bytes).expect("it can be altered");
    let outcome = desk.automl(&format!("{FIT} --max-trials 4 --resume"));
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("1 fit of the search that goes on cannot be read back"),
        "{}",
        outcome.stderr
    );
    assert_eq!(leaderboard(&desk), before);
}

#[test]
fn a_search_whose_fits_all_rotted_leaves_the_model_that_is_there() {
    let desk = Desk::new();
    let fit = FIT.replace("baseline,", "");
    desk.automl_ok(&format!("{fit} --max-trials 2"));
    let before = weights(&desk);
    for entry in std::fs::read_dir(desk.path(".model.search")).expect("the search is kept") {
        let path = entry.expect("it can be listed").path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        if name.is_some_and(|name| name.starts_with("fit-")) {
            std::fs::write(path, "rot").expect("it can be altered");
        }
    }
    let outcome = desk.automl(&format!("{fit} --max-trials 2 --resume"));
    assert_eq!(outcome.exit_code, Some(1), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("error[fit-all-failed]: ") && outcome.stderr.contains("read back"),
        "{}",
        outcome.stderr
    );
    assert_eq!(weights(&desk), before);
}

#[test]
fn without_a_journal_nothing_stands_beside_the_model() {
    let desk = Desk::new();
    desk.automl_ok(&format!("{FIT} --max-trials 2 --no-journal"));
    assert_eq!(desk.entries(), ["model"]);
}
