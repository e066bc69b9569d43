//! Training from a configuration: every example runs, a kill costs nothing but time, and bits do not depend on threads.

use crate::harness::{BINARY, Desk, repository};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A small network on the churn table, in a few dozen steps.
const SMALL: &str = "data: {path: datasets/churn.csv, target: churned}
model: {type: tabm, members: 4, width: 16}
features: {number_embedding: piecewise_linear, pieces: 6, embedding_size: 4}
trainer: {epochs: 6, batch_size: 64, shard_rows: 24, ema_decay: 0.9}
";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("small.yaml", SMALL);
    desk
}

/// The configurations in `configs/train`.
fn configs() -> Vec<String> {
    let listed = std::fs::read_dir(repository().join("configs/train")).expect("it is there");
    let mut paths: Vec<String> = listed
        .map(|entry| {
            entry
                .expect("entries can be read")
                .path()
                .display()
                .to_string()
        })
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_example_trains_and_its_model_predicts() {
    for config in configs() {
        if config.ends_with("command.yaml") {
            // Its output is no model.
            continue;
        }
        let desk = Desk::new();
        desk.automl_ok(&format!("train {config} --set trainer.epochs=1"));
        let data = std::fs::read_to_string(&config).expect("it can be read");
        let (table, n_rows) = if data.contains("rents.csv") {
            ("datasets/rents.csv", 901)
        } else if data.contains("tickets") {
            ("datasets/tickets.csv", 601)
        } else if data.contains("demand") {
            // A day of two series.
            ("datasets/demand.csv", 49)
        } else if data.contains("digits") {
            ("datasets/digits-test-images-idx3-ubyte.gz", 361)
        } else {
            ("datasets/churn_test.csv", 301)
        };
        let predictions = desk.automl_ok(&format!("predict automl-model {table}"));
        assert_eq!(predictions.lines().count(), n_rows, "{config}");
    }
}

#[test]
fn the_printed_configuration_with_all_defaults_trains() {
    let desk = desk();
    let printed = desk.automl_ok("train small.yaml --print-config");
    desk.write("printed.yaml", &printed);
    assert_eq!(desk.automl_ok("train printed.yaml --print-config"), printed);
    desk.automl_ok("train printed.yaml --set trainer.epochs=1");
}

#[test]
fn a_trained_model_is_taken_by_the_verbs_that_take_models() {
    let desk = desk();
    desk.automl_ok("train small.yaml --output model");
    let scores = desk.automl_ok("evaluate model datasets/churn.csv");
    assert!(scores.contains("roc_auc"), "{scores}");
    let board = desk.automl_ok("leaderboard model");
    assert!(board.contains("tabm"), "{board}");
    // Nothing was searched for.
    for word in ["recipe", "ensemble", "trial"] {
        assert!(!board.contains(word), "{board}");
    }
    let refused = desk.automl("importance model");
    assert!(
        refused.stderr.contains("importance MODEL DATA"),
        "{}",
        refused.stderr
    );
    let listed = std::fs::read_dir(desk.path("model/tensorboard")).expect("events are kept");
    assert_eq!(listed.count(), 1);
}

#[test]
fn a_training_that_has_ended_is_not_gone_on_with() {
    let desk = desk();
    desk.automl_ok("train small.yaml --output model");
    let weights = desk.read("model/weights.safetensors");
    let told = desk.automl_ok("train small.yaml --output model --resume");
    assert!(told.contains("has ended already"), "{told}");
    assert_eq!(desk.read("model/weights.safetensors"), weights);
}

#[test]
fn a_training_is_made_longer_to_the_bits_of_one_that_was_long_where_steps_do_not_depend_on_that() {
    let desk = desk();
    let longer = "--set trainer.epochs=9";
    desk.automl_ok(&format!("train small.yaml {longer} --output long"));
    desk.automl_ok("train small.yaml --output model");
    desk.automl_ok(&format!(
        "train small.yaml {longer} --output model --resume"
    ));
    let weights = |model: &str| desk.read(&format!("{model}/weights.safetensors"));
    assert!(weights("long") == weights("model"), "the weights differ");
    let again = desk.automl("train small.yaml --set trainer.epochs=8 --output model --resume");
    assert_eq!(again.exit_code, Some(2), "{}", again.stderr);
    assert!(
        again.stderr.contains("it has had 9 epochs"),
        "{}",
        again.stderr
    );
    let closed = "--set schedule.type=cosine --output closed";
    desk.automl_ok(&format!("train small.yaml {closed}"));
    let refused = desk.automl(&format!("train small.yaml {longer} {closed} --resume"));
    assert_eq!(refused.exit_code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("along schedule.type: cosine"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_is_refused_before_its_first_step_leaves_no_folder() {
    let desk = desk();
    for set in ["trainer.precision=bfloat16", "loss.type=mse"] {
        let refused = desk.automl(&format!("train small.yaml --set {set} --output model"));
        assert_eq!(refused.exit_code, Some(2), "{}", refused.stderr);
        assert!(!desk.path("model.run").exists(), "{set}");
    }
}

#[test]
fn what_is_of_classes_is_refused_for_numbers_but_for_what_a_network_says_by_itself() {
    let desk = Desk::new();
    desk.write(
        "rents.yaml",
        "data: {path: datasets/rents.csv, target: rent_eur}\ntrainer: {epochs: 1}\n",
    );
    for set in ["loss.label_smoothing=0.1", "loss.class_weights=balanced"] {
        let refused = desk.automl(&format!("train rents.yaml --set {set} --output model"));
        assert_eq!(refused.exit_code, Some(2), "{}", refused.stderr);
        let told = format!("{} is of classes", set.replace('=', " = "));
        assert!(refused.stderr.contains(&told), "{}", refused.stderr);
    }
    desk.automl_ok(
        "train rents.yaml --set model.type=realmlp --set trainer.epochs=1 --output model",
    );
}

#[test]
fn weights_are_the_same_bits_at_any_number_of_threads() {
    let desk = desk();
    let mut weights = Vec::new();
    for threads in [1, 2, 3] {
        desk.automl_ok(&format!(
            "train small.yaml --threads {threads} --output m{threads}"
        ));
        weights.push(desk.read(&format!("m{threads}/weights.safetensors")));
    }
    assert!(weights.windows(2).all(|pair| pair[0] == pair[1]));
}

/// The losses of all epochs, from the result as JSON.
fn losses(told: &str) -> Vec<f64> {
    let told: serde_json::Value = serde_json::from_str(told).expect("the result is JSON");
    let history = told["history"].as_array().expect("it has a history");
    let loss = |record: &serde_json::Value| record["loss"].as_f64().expect("it is a number");
    history.iter().map(loss).collect()
}

#[test]
fn any_number_of_ranks_has_the_same_losses() {
    let desk = desk();
    let train = |n: usize| {
        let told = desk.automl_ok(&format!(
            "train small.yaml --ranks {n} --output m{n} --format json"
        ));
        losses(&told)
    };
    let alone = train(1);
    for n in [2, 4] {
        let together = train(n);
        assert!(!alone.is_empty() && together.len() == alone.len());
        for (ours, theirs) in together.iter().zip(&alone) {
            assert!(
                (ours - theirs).abs() <= 1e-5 * theirs.abs(),
                "{n} ranks: {ours} {theirs}"
            );
        }
    }
}

/// Starts a training that writes a checkpoint every second step, and waits for the middle of an epoch.
fn begun(desk: &Desk, line: &str, output: &str) -> Child {
    let mut child = desk
        .command(BINARY)
        .arg("train")
        .args(line.split_whitespace())
        .args(["--output", output, "--set", "checkpoint.every_steps=2"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be started");
    let folder = desk.path(&format!("{output}.run/checkpoints"));
    // Steps of 15 an epoch: after 34 the third epoch has begun.
    let is_there = || {
        let listed = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = listed.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut steps = names.filter_map(|name| name.strip_prefix("step-")?.parse::<u64>().ok());
        steps.any(|step| step >= 34)
    };
    while !is_there() {
        let ended = child.try_wait().expect("the child can be asked");
        assert!(ended.is_none(), "it ended before it could be ended");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

/// Kills a training in the middle of an epoch.
fn killed(desk: &Desk, config: &str) {
    let mut child = begun(desk, config, "model");
    child.kill().expect("the child can be killed");
    child.wait().expect("the child can be waited for");
    assert!(!desk.path("model").exists(), "it was killed before its end");
}

/// Asks a training in the middle of an epoch to end, as schedulers do.
pub(crate) fn stopped(desk: &Desk, line: &str, output: &str) {
    let mut child = begun(desk, line, output);
    let sent = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(sent.expect("it can be sent").success());
    let ended = child.wait().expect("the child can be waited for");
    assert_eq!(ended.code(), Some(130), "{line}");
}

#[test]
fn a_training_that_sigterm_ends_goes_on_to_the_same_bits() {
    let desk = desk();
    desk.write("long.yaml", SMALL.replace("epochs: 6", "epochs: 40"));
    desk.automl_ok("train long.yaml --output whole");
    stopped(&desk, "long.yaml", "model");
    let weights = |model: &str| desk.read(&format!("{model}/weights.safetensors"));
    // What it has learned so far is a model.
    assert!(weights("whole") != weights("model"), "it came to its end");
    let resumed = desk.automl("train long.yaml --output model --resume");
    assert_eq!(resumed.exit_code, Some(0), "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("going on after step"),
        "{}",
        resumed.stderr
    );
    assert!(weights("whole") == weights("model"), "the weights differ");
}

#[test]
fn a_training_goes_on_with_another_number_of_ranks_to_the_same_losses() {
    let desk = desk();
    // Scores decide nothing, which could be as good as alike.
    let long = SMALL.replace("epochs: 6", "epochs: 20, patience: 0");
    desk.write("long.yaml", long);
    let alone = losses(&desk.automl_ok("train long.yaml --output whole --format json"));
    assert_eq!(alone.len(), 20);
    for (first, second) in [(1, 2), (2, 4), (4, 1)] {
        let output = format!("m{first}{second}");
        stopped(&desk, &format!("long.yaml --ranks {first}"), &output);
        let resumed = desk.automl(&format!(
            "train long.yaml --ranks {second} --output {output} --resume --format json"
        ));
        assert_eq!(resumed.exit_code, Some(0), "{}", resumed.stderr);
        assert!(
            resumed.stderr.contains("going on after step"),
            "{}",
            resumed.stderr
        );
        let changed = losses(&resumed.stdout);
        assert_eq!(changed.len(), alone.len());
        for (ours, theirs) in changed.iter().zip(&alone) {
            assert!(
                (ours - theirs).abs() <= 1e-5 * theirs.abs(),
                "{first} ranks, then {second}: {ours} {theirs}"
            );
        }
    }
}

#[test]
fn a_training_killed_in_mid_epoch_goes_on_to_the_same_bits() {
    let desk = desk();
    // Many epochs, so that the kill surely comes before the end.
    desk.write("long.yaml", SMALL.replace("epochs: 6", "epochs: 40"));
    desk.automl_ok("train long.yaml --output whole");
    killed(&desk, "long.yaml");
    let refused = desk.automl("train long.yaml --output model");
    assert_eq!(refused.exit_code, Some(2));
    assert!(
        refused.stderr.contains("--resume goes on"),
        "{}",
        refused.stderr
    );
    let resumed = desk.automl("train long.yaml --output model --resume --threads 1");
    assert_eq!(resumed.exit_code, Some(0), "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("going on after step"),
        "{}",
        resumed.stderr
    );
    let weights = |model: &str| desk.read(&format!("{model}/weights.safetensors"));
    assert!(weights("whole") == weights("model"), "the weights differ");
}

#[test]
fn a_checkpoint_cut_short_is_left_out_and_the_one_before_goes_on() {
    let desk = desk();
    desk.write("long.yaml", SMALL.replace("epochs: 6", "epochs: 40"));
    desk.automl_ok("train long.yaml --output whole");
    killed(&desk, "long.yaml");
    let listed = std::fs::read_dir(desk.path("model.run/checkpoints")).expect("they are kept");
    let mut folders: Vec<_> = listed
        .map(|entry| entry.expect("entries can be read").path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("step-"))
        })
        .collect();
    folders.sort();
    assert!(folders.len() >= 2, "{folders:?}");
    let latest = folders
        .last()
        .expect("there are two")
        .join("weights.safetensors");
    let bytes = std::fs::read(&latest).expect("it can be read");
    std::fs::write(&latest, &bytes[..bytes.len() / 2]).expect("it can be cut");
    let resumed = desk.automl("train long.yaml --output model --resume");
    assert_eq!(resumed.exit_code, Some(0), "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("a checkpoint is left out"),
        "{}",
        resumed.stderr
    );
    let weights = |model: &str| desk.read(&format!("{model}/weights.safetensors"));
    assert!(weights("whole") == weights("model"), "the weights differ");
}

#[test]
fn what_is_left_to_a_training_is_told_kept_and_printed() {
    let desk = desk();
    let open = "--set optimizer.learning_rate=auto --set trainer.batch_size=auto";
    let first = desk.automl(&format!("train small.yaml {open} --output model"));
    assert_eq!(first.exit_code, Some(0), "{}", first.stderr);
    for told in [
        "trainer.batch_size: 32, chosen by the number of rows",
        "chosen by a range test of",
    ] {
        assert!(first.stderr.contains(told), "{}", first.stderr);
    }
    let written = String::from_utf8(desk.read("model/train.yaml")).expect("it is a text");
    assert!(written.contains("batch_size: 32\n") && !written.contains("learning_rate: auto"));
    let printed = desk.automl_ok(&format!("train small.yaml {open} --print-config"));
    assert_eq!(printed, written);
    let told = desk.automl_ok(&format!("train small.yaml {open} --output model --resume"));
    assert!(told.contains("has ended already"), "{told}");
    desk.write("chosen.yaml", &written);
    desk.automl_ok("train chosen.yaml --output again");
    let weights = |model: &str| desk.read(&format!("{model}/weights.safetensors"));
    assert!(weights("model") == weights("again"), "the weights differ");
}

#[test]
fn a_training_that_is_gone_on_with_keeps_what_it_chose() {
    let desk = desk();
    let long = SMALL.replace("epochs: 6", "epochs: 40");
    desk.write("long.yaml", format!("{long}optimizer: {{lr: auto}}\n"));
    desk.automl_ok("train long.yaml --output whole");
    killed(&desk, "long.yaml");
    let resumed = desk.automl("train long.yaml --output model --resume --threads 1");
    assert_eq!(resumed.exit_code, Some(0), "{}", resumed.stderr);
    let weights = |model: &str| desk.read(&format!("{model}/weights.safetensors"));
    assert!(weights("whole") == weights("model"), "the weights differ");
}

#[test]
fn another_training_does_not_go_on_from_a_checkpoint() {
    let desk = desk();
    desk.write("long.yaml", SMALL.replace("epochs: 6", "epochs: 40"));
    killed(&desk, "long.yaml");
    let refused =
        desk.automl("train long.yaml --output model --resume --set trainer.batch_size=65");
    assert_eq!(refused.exit_code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("\"batch_size\": 64"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_is_wrong_with_a_configuration_is_said_with_its_line() {
    let desk = Desk::new();
    desk.write(
        "bad.yaml",
        "data:\n  path: datasets/churn.csv\n  traget: churned\n",
    );
    let outcome = desk.automl("train bad.yaml");
    assert_eq!(outcome.exit_code, Some(2));
    assert!(
        outcome
            .stderr
            .contains("no key is called 'data.traget': line 3 of bad.yaml"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("did you mean target?"),
        "{}",
        outcome.stderr
    );
    desk.write(
        "bad.yaml",
        "data: {path: datasets/churn.csv, target: churned, validation_share: 0}\nschedule:\n  type: plateau\n",
    );
    let outcome = desk.automl("train bad.yaml");
    assert_eq!(outcome.exit_code, Some(2));
    assert!(
        outcome
            .stderr
            .contains("'schedule.type' = plateau waits for a better score")
            && outcome.stderr.contains("line 3 of bad.yaml"),
        "{}",
        outcome.stderr
    );
    desk.write("bad.yaml", "data:\n  path: datasets/churn.csv\n");
    let outcome = desk.automl("train bad.yaml");
    assert!(outcome.stderr.contains("data.target"), "{}", outcome.stderr);
}

#[test]
fn a_loss_that_is_no_number_stops_with_the_step_its_rows_and_advice() {
    let desk = Desk::new();
    desk.write(
        "wild.yaml",
        "data: {path: datasets/rents.csv, target: rent_eur}\n",
    );
    let outcome = desk.automl(
        "train wild.yaml --set optimizer.type=sgd --set optimizer.learning_rate=10 --set trainer.clip_norm=0 --set data.validation_share=0",
    );
    assert_eq!(outcome.exit_code, Some(1), "{}", outcome.stderr);
    // Of a step in memory, rows are named for what each of them lost.
    assert!(
        outcome.stderr.contains("rows is no number: rows ")
            || outcome.stderr.contains("the greatest losses of its batch"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("optimizer.learning_rate"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_committed_schema_is_the_one_that_is_printed() {
    let desk = Desk::new();
    let printed = desk.automl_ok("train --print-schema");
    let path = repository().join("docs/reference/train.schema.json");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &printed).expect("it can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("it is committed");
    assert!(committed == printed, "UPDATE_EXPECT=1 writes it anew");
}
