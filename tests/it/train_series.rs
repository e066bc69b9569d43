//! Networks of time series: what follows a table is forecast, and the promises of other networks hold.

use crate::harness::{BINARY, Desk};
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;

/// A small network, a few dozen steps.
const SMALL: &str = "data: {path: datasets/demand.csv, time: at}
series: {lookback: 48, horizon: 12, test_share: 0.2}
model: {type: patchtst, patch: 12, stride: 6, blocks: 1, heads: 2, expansion: 2.0}
trainer: {epochs: 4, batch_size: 64, shard_rows: 20, ema_decay: 0.9}
";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("small.yaml", SMALL);
    desk
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("the result is JSON")
}

#[test]
fn forecasts_follow_the_last_row_and_beat_repetition() {
    let desk = desk();
    let told = desk.automl_ok(
        "train small.yaml --set model.type=dlinear --set model.kernel=25 --set trainer.epochs=30 \
         --set optimizer.learning_rate=0.005 --output model --format json",
    );
    let told = json(&told);
    for part in ["validation", "test"] {
        let scores = &told["forecasts"][part];
        let naive = scores["naive"].as_array().expect("there are naive ones");
        // The last value, and that of a day before, which the window does not hold twice.
        assert_eq!(naive[1]["season"], 24);
        for naive in naive {
            assert!(scores["mse"].as_f64() < naive["mse"].as_f64(), "{scores}");
        }
    }
    let forecast = desk.automl_ok("predict model datasets/demand.csv");
    let lines: Vec<&str> = forecast.lines().collect();
    assert_eq!(lines[0], "at,series,prediction");
    assert!(
        lines[1].starts_with("2025-02-17 00:00:00,north_mw,"),
        "{forecast}"
    );
    assert!(
        lines[24].starts_with("2025-02-17 11:00:00,south_mw,"),
        "{forecast}"
    );
    assert_eq!(lines.len(), 25);
}

#[test]
fn a_model_is_scored_on_other_rows_and_says_what_it_cannot_do() {
    let desk = desk();
    desk.automl_ok("train small.yaml --output model");
    let scores = json(&desk.automl_ok("evaluate model datasets/demand.csv --format json"));
    assert_eq!(scores["n_windows"], 1008 - 48 - 12 + 1);
    let series = scores["series"].as_array().expect("there are two");
    assert_eq!(
        (&series[0]["name"], &series[1]["name"]),
        (&"north_mw".into(), &"south_mw".into())
    );
    let table = desk.read("datasets/demand.csv");
    let table = String::from_utf8(table).expect("it is text");
    let short: Vec<&str> = table.lines().take(48).collect();
    desk.write("short.csv", short.join("\n"));
    for (command, code) in [
        ("predict model short.csv", "series-history"),
        ("evaluate model short.csv", "series-history"),
        ("predict model datasets/churn.csv", "series-column-missing"),
        (
            "predict model datasets/demand.csv --keep at",
            "usage-option",
        ),
        ("importance model datasets/demand.csv", "model-forecasts"),
    ] {
        let outcome = desk.automl(&format!("{command} --format json"));
        assert_eq!(outcome.exit_code, Some(2), "{command}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(code),
            "{command}: {}",
            outcome.stderr
        );
    }
    for format in ["onnx", "standalone"] {
        let outcome = desk.automl(&format!("export model --format {format} --output out"));
        assert_eq!(outcome.exit_code, Some(2), "{format}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("model-forecasts"), "{format}");
    }
    let board = desk.automl_ok("leaderboard model");
    assert!(board.contains("patchtst"), "{board}");
}

#[test]
fn a_series_without_values_does_not_keep_the_others_from_their_forecast() {
    let desk = desk();
    desk.automl_ok("train small.yaml --output model");
    let table = String::from_utf8(desk.read("datasets/demand.csv")).expect("it is text");
    let (header, rows) = table.split_once('\n').expect("it has a header");
    let with = |cells: &dyn Fn(&str) -> String| {
        let lines: Vec<String> = rows.lines().map(cells).collect();
        format!("{header}\n{}\n", lines.join("\n"))
    };
    let cut = |line: &str, n: usize| line.split(',').take(n).collect::<Vec<_>>().join(",");
    desk.write("one.csv", with(&|line| cut(line, 2) + ","));
    desk.write("none.csv", with(&|line| cut(line, 1) + ",,"));
    desk.write("odd.csv", with(&|line| cut(line, 2) + ",much"));
    let whole = desk.automl_ok("predict model datasets/demand.csv");
    let outcome = desk.automl("predict model one.csv");
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    let wanted: Vec<&str> = (whole.lines())
        .filter(|line| !line.contains("south_mw"))
        .collect();
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), wanted);
    assert!(
        outcome
            .stderr
            .contains("the series 'south_mw' has no values and is not forecast"),
        "{}",
        outcome.stderr
    );
    for (command, told) in [
        ("predict model none.csv", "none of the series has a value"),
        ("predict model odd.csv", "an empty cell counts as missing"),
        (
            "predict model datasets/churn.csv",
            "call the columns as the table did that the model learned from",
        ),
    ] {
        let outcome = desk.automl(command);
        assert_eq!(outcome.exit_code, Some(2), "{command}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(told),
            "{command}: {}",
            outcome.stderr
        );
        assert!(
            !outcome.stderr.contains("data.") && !outcome.stderr.contains("--schema"),
            "that is advice for who trains: {}",
            outcome.stderr
        );
    }
    let scores = desk.automl_ok("evaluate model one.csv --format json");
    assert!(json(&scores)["series"][1]["mse"].is_null(), "{scores}");
}

#[test]
fn weights_are_the_same_bits_at_any_number_of_threads_and_losses_at_any_number_of_ranks() {
    let desk = desk();
    let train = |how: &str, name: &str| {
        json(&desk.automl_ok(&format!(
            "train small.yaml {how} --output {name} --format json"
        )))
    };
    let alone = train("--threads 1", "m1");
    train("--threads 3", "m3");
    let weights = |name: &str| desk.read(&format!("{name}/weights.safetensors"));
    assert!(weights("m1") == weights("m3"));
    let together = train("--ranks 2", "r2");
    let losses = |told: &Value| -> Vec<f64> {
        let history = told["history"].as_array().expect("it has a history");
        history
            .iter()
            .filter_map(|epoch| epoch["loss"].as_f64())
            .collect()
    };
    let (alone, together) = (losses(&alone), losses(&together));
    assert!(alone.len() == 4 && together.len() == 4);
    for (ours, theirs) in together.iter().zip(&alone) {
        assert!(
            (ours - theirs).abs() <= 1e-5 * theirs.abs(),
            "{ours} {theirs}"
        );
    }
}

#[test]
fn a_training_killed_in_mid_epoch_goes_on_to_the_same_bits() {
    let desk = desk();
    desk.automl_ok("train small.yaml --output whole");
    let mut child = desk
        .command(BINARY)
        .args(["train", "small.yaml", "--output", "model"])
        .args(["--set", "checkpoint.every_steps=1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be started");
    let folder = desk.path("model.run/checkpoints");
    // Nine steps an epoch: the second has begun.
    let is_there = || {
        let listed = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = listed.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut steps = names.filter_map(|name| name.strip_prefix("step-")?.parse::<u64>().ok());
        steps.any(|step| step >= 13)
    };
    while !is_there() {
        let ended = child.try_wait().expect("the child can be asked");
        assert!(ended.is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("the child can be killed");
    child.wait().expect("the child can be waited for");
    let outcome = desk.automl("train small.yaml --output model --resume");
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("going on after step"),
        "{}",
        outcome.stderr
    );
    let weights = |name: &str| desk.read(&format!("{name}/weights.safetensors"));
    assert!(weights("model") == weights("whole"));
}

#[test]
fn what_does_not_fit_is_told_before_anything_is_trained() {
    let desk = desk();
    for (sets, code) in [
        ("--set data.time=when", "series-column-missing"),
        ("--set data.target=at", "series-kind"),
        ("--set series.lookback=900", "series-parts"),
        (
            "--set series.train_rows=900 --set series.test_rows=900",
            "series-parts",
        ),
        ("--set data.group=at", "train-config-series"),
        ("--set metrics=r2", "metric-task"),
        ("--set loss.type=bce", "param-conflict"),
        ("--set series.season=49", "series-season"),
        ("--set optimizer.learning_rate=1e30", "config-value"),
    ] {
        let outcome = desk.automl(&format!("train small.yaml {sets} --format json"));
        assert_eq!(outcome.exit_code, Some(2), "{sets}: {}", outcome.stderr);
        let error = json(outcome.stderr.lines().last().unwrap_or_default());
        assert_eq!(error["code"], code, "{sets}: {}", outcome.stderr);
    }
}

#[test]
fn identifiers_are_no_series_other_steps_are_told_and_times_look_like_those_of_the_data() {
    let desk = desk();
    let table = desk.read("datasets/demand.csv");
    let table = String::from_utf8(table).expect("it is text");
    let (heading, rows) = table.split_once('\n').expect("it has a heading");
    let numbered = |(place, row): (usize, &str)| format!("{},{row}\n", 7_000_000 + place * 3);
    let rows: String = rows.lines().enumerate().map(numbered).collect();
    desk.write("numbered.csv", format!("reading_id,{heading}\n{rows}"));
    let outcome = desk.automl("train small.yaml --set data.path=numbered.csv --output model");
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    for told in [
        "'reading_id' looks like an identifier and is not forecast",
        "series to forecast: north_mw, south_mw",
    ] {
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
    }
    // Every other row, up to a midnight that follows.
    let halved = |(place, row): (usize, &str)| (place % 2 == 0).then(|| format!("{row}\n"));
    let halved: String = table
        .lines()
        .skip(1)
        .enumerate()
        .filter_map(halved)
        .collect();
    desk.write("halved.csv", format!("{heading}\n{halved}"));
    let outcome = desk.automl("predict model halved.csv");
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    let told = "a step of 'at' is 2 hours, where the model learned from steps of 1 hour";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    // One value from a midnight: its time is written as those of the data are.
    desk.automl_ok("train small.yaml --set series.horizon=1 --output next");
    let next = desk.automl_ok("predict next datasets/demand.csv");
    assert!(next.contains("\n2025-02-17 00:00:00,north_mw,"), "{next}");
}
