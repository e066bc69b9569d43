//! `automl tune` loses nothing: not when it is killed, not when it is stopped, not with several processes at once.

use crate::harness::{BINARY, Desk};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A study whose trials note that they began and take a while.
const SLOW: &str = r"
objectives: [{name: loss}]
space: {parameters: [{name: x, type: float, low: 0, high: 1}]}
algorithm: {name: random}
budget: 6
run:
  command: 'echo $$ >> begun; sleep 0.3 | cat; echo loss={x}'
";

/// Starts a study and waits until a program of its has begun.
fn tune_until_begun(desk: &Desk) -> Child {
    let mut child = desk
        .command(BINARY)
        .args(["tune", "slow.yaml", "--format", "json"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let stderr = child.stderr.take().expect("stderr is piped");
    let mut lines = BufReader::new(stderr).lines();
    let ended = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("trial-ended")));
    assert!(ended.is_some(), "no trial ends");
    let begun = lines.find(|line| {
        line.as_ref()
            .is_ok_and(|line| line.contains("trial-started"))
    });
    assert!(begun.is_some(), "no second trial begins");
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn signal(mut child: Child, name: &str) -> ExitStatus {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(
        sent.is_ok_and(|status| status.success()),
        "the signal can be sent"
    );
    child.wait().expect("the child can be waited for")
}

fn trials(desk: &Desk, study: &str) -> Vec<Value> {
    let told = desk.automl_ok(&format!("study export {study}"));
    let study: Value = serde_json::from_str(&told).expect("JSON is printed");
    study["trials"]
        .as_array()
        .expect("a study has trials")
        .clone()
}

fn states(desk: &Desk, study: &str) -> Vec<String> {
    let state = |trial: &Value| {
        trial["state"]
            .as_str()
            .expect("a state is a text")
            .to_owned()
    };
    trials(desk, study).iter().map(state).collect()
}

#[test]
fn a_killed_study_is_gone_on_with_and_its_programs_are_gone() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let child = tune_until_begun(&desk);
    signal(child, "KILL");
    let before = trials(&desk, "slow");
    assert_eq!(before[0]["state"], "complete");
    let begun = String::from_utf8(desk.read("begun")).expect("numbers are text");
    let last = begun.lines().last().expect("a program has begun");
    // One that nobody has asked how it ended is gone, too.
    let is_gone = || {
        let about = std::fs::read_to_string(format!("/proc/{last}/stat"));
        about.map_or(true, |about| about.contains(") Z "))
    };
    let is_gone_soon = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        is_gone()
    });
    assert!(is_gone_soon, "the program {last} goes on");
    desk.automl_ok("tune slow.yaml");
    let after = trials(&desk, "slow");
    assert_eq!(states(&desk, "slow"), ["complete"; 6]);
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1]["params"], before[1]["params"]);
}

/// A notebook or a container without an `init` may never ask how its child ended, which then stays a zombie.
#[test]
fn a_killed_study_is_gone_on_with_though_nobody_has_asked_how_it_ended() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let mut child = tune_until_begun(&desk);
    child.kill().expect("it can be killed");
    let stat = format!("/proc/{}/stat", child.id());
    let is_zombie = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        std::fs::read_to_string(&stat).is_ok_and(|about| about.contains(") Z "))
    });
    assert!(is_zombie, "it is not a zombie");
    desk.automl_ok("tune slow.yaml");
    child.wait().expect("it can be waited for");
    assert_eq!(states(&desk, "slow"), ["complete"; 6]);
    // One whose time ran out would be counted as lost.
    let is_lost = |trial: &Value| trial["n_lost"] != 0;
    assert!(!trials(&desk, "slow").iter().any(is_lost));
}

#[test]
fn a_study_of_which_a_trial_runs_elsewhere_is_not_said_to_be_done() {
    let desk = Desk::new();
    let quick = SLOW.replace("sleep 0.3 | cat; ", "");
    desk.write("slow.yaml", quick.replace("budget: 6", "budget: 3"));
    desk.automl_ok("study create slow slow.yaml");
    desk.automl_ok("study suggest slow --client notebook");
    let output = desk.command(BINARY).args(["tune", "slow.yaml"]).output();
    let output = output.expect("the binary can be started");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let lack = "error[tune-unfinished]: the study is not at its end: 2 of 3 trials have ended, 1 still runs elsewhere";
    assert!(told.contains(lack), "{told}");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("trial 0 by 'notebook' since "), "{shown}");
    // By what the hint says, it is.
    desk.automl_ok("study tell slow 0 --state failed");
    desk.automl_ok("tune slow.yaml");
}

#[test]
fn a_process_that_joins_leaves_the_time_for_which_trials_are_held() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let mut child = tune_until_begun(&desk);
    desk.automl_ok("tune slow.yaml");
    let study: Value =
        serde_json::from_str(&desk.automl_ok("study export slow")).expect("JSON is printed");
    assert_eq!(study["spec"]["lease_s"], 60.0, "{study}");
    assert!(child.wait().is_ok_and(|status| status.success()));
    assert_eq!(states(&desk, "slow"), ["complete"; 6]);
}

#[test]
fn ctrl_c_gives_running_trials_up_and_the_same_command_goes_on() {
    let desk = Desk::new();
    desk.write("slow.yaml", SLOW);
    let status = signal(tune_until_begun(&desk), "INT");
    assert_eq!(status.code(), Some(130));
    let stopped = states(&desk, "slow");
    assert!(
        stopped.iter().any(|state| state == "waiting"),
        "{stopped:?}"
    );
    assert!(
        !stopped.iter().any(|state| state == "failed"),
        "{stopped:?}"
    );
    desk.automl_ok("tune slow.yaml");
    assert_eq!(states(&desk, "slow"), ["complete"; 6]);
}

#[test]
fn all_that_a_program_prints_at_once_is_heard_though_it_has_ended_by_then() {
    let desk = Desk::new();
    let quick = SLOW.replace("budget: 6", "budget: 1").replace(
        "echo $$ >> begun; sleep 0.3 | cat; echo loss={x}",
        "seq -f \"step=%g loss=1\" 1 1500; : {x}",
    );
    desk.write("quick.yaml", quick);
    desk.automl_ok("tune quick.yaml");
    let trial = trials(&desk, "quick").remove(0);
    assert_eq!(trial["state"], "complete");
    let measurements = trial["measurements"].as_array().expect("it was measured");
    assert_eq!(measurements.len(), 1500);
}

#[test]
fn many_processes_share_a_study_to_its_budget_and_run_and_tell_each_trial_once() {
    let desk = Desk::new();
    let quick = SLOW
        .replace("sleep 0.3", "sleep 0.02")
        .replace("budget: 6", "budget: 64");
    desk.write("slow.yaml", &quick);
    // Made first, so that the others can join.
    desk.automl_ok("tune slow.yaml --trials 1");
    let workers: Vec<Child> = (0..16)
        .map(|_| {
            let mut command = desk.command(BINARY);
            command.args(["tune", "--study", "slow", "--worker"]);
            let heard = command.stdout(Stdio::null()).stderr(Stdio::piped());
            heard.spawn().expect("the binary can be started")
        })
        .collect();
    for worker in workers {
        let output = worker.wait_with_output().expect("it can be waited for");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        // Neither as SQLite says it nor as we do.
        for locked in ["locked", "holds it", "the record is away"] {
            assert!(!told.contains(locked), "{told}");
        }
    }
    assert_eq!(states(&desk, "slow"), ["complete"; 64]);
    let begun = String::from_utf8(desk.read("begun")).expect("numbers are text");
    assert_eq!(begun.lines().count(), 64);
    let mut points: Vec<String> = (trials(&desk, "slow").iter())
        .map(|trial| trial["params"]["x"].to_string())
        .collect();
    points.sort();
    points.dedup();
    assert_eq!(points.len(), 64, "no point is proposed twice");
    let is_lost = |trial: &Value| trial["n_lost"] != 0;
    assert!(!trials(&desk, "slow").iter().any(is_lost));
}

#[test]
fn options_of_fit_are_tuned_and_the_best_model_is_kept() {
    let desk = Desk::new();
    let study = r"
objectives: [{name: roc_auc, direction: maximize}]
space:
  parameters:
    - {name: include, type: categorical, values: [logistic_regression, baseline]}
run:
  fit: {data: datasets/churn.csv, target: churned, max_trials: 2, holdout: 0.3}
algorithm: {name: grid}
";
    desk.write("options.yaml", study);
    let told = desk.automl_ok("tune options.yaml --format json");
    let told: Value = serde_json::from_str(&told).expect("JSON is printed");
    assert_eq!(told["n_complete"], 2);
    assert_eq!(told["best"][0]["params"]["include"], "logistic_regression");
    let number = told["best"][0]["number"].as_i64().expect("a number");
    desk.automl_ok(&format!(
        "leaderboard .automl/studies/options/{number:06}/model"
    ));
    let other = desk.path(&format!(".automl/studies/options/{:06}/model", 1 - number));
    assert!(!other.exists(), "the other model is kept");
}

/// A study of keys of a configuration; a training at the lesser rate is stopped by the rule.
const KEYS: &str = r"
objectives: [{name: log_loss}]
space:
  parameters:
    - {name: optimizer.learning_rate, type: discrete, values: [1e-7, 0.003]}
algorithm: {name: grid}
stopping: {name: threshold, upper: 0.66}
run:
  train: {config: net.yaml}
";

const NET: &str = "data: {path: datasets/churn.csv, target: churned}
model: {type: mlp, layers: 1, width: 8}
optimizer: {type: adamw}
trainer: {epochs: 300, batch_size: 256, patience: 0}
";

#[test]
fn keys_of_a_configuration_are_tuned_and_a_training_that_is_stopped_leaves_a_checkpoint() {
    let desk = Desk::new();
    desk.write("keys.yaml", KEYS);
    desk.write("net.yaml", NET);
    let told = desk.automl_ok("tune keys.yaml --format json");
    let told: Value = serde_json::from_str(&told).expect("JSON is printed");
    assert_eq!(
        (&told["n_complete"], &told["n_pruned"]),
        (&1.into(), &1.into())
    );
    let best = &told["best"][0];
    assert_eq!(best["params"]["optimizer.learning_rate"], 0.003);
    let curve = best["measurements"].as_array().expect("it was measured");
    assert_eq!(curve.len(), 300, "each epoch is told");
    let values = |of: &Value| of["values"]["log_loss"].as_f64().expect("a number");
    let least = curve.iter().map(values).fold(f64::INFINITY, f64::min);
    assert!(
        (values(best) - least).abs() < 1e-12,
        "the epoch that is kept is the best"
    );
    let number = best["number"].as_i64().expect("a number");
    desk.automl_ok(&format!(
        "leaderboard .automl/studies/keys/{number:06}/model"
    ));
    let stopped = format!(".automl/studies/keys/{:06}", 1 - number);
    assert!(!desk.path(&format!("{stopped}/model")).exists());
    let checkpoints = std::fs::read_dir(desk.path(&format!("{stopped}/model.run/checkpoints")));
    assert_eq!(checkpoints.map(Iterator::count).unwrap_or_default(), 1);
    let gone_on = desk.automl(&format!(
        "train {stopped}/training.yaml --output {stopped}/model --resume"
    ));
    assert!(
        gone_on.stderr.contains("going on after step"),
        "{}",
        gone_on.stderr
    );
    assert_eq!(gone_on.exit_code, Some(0));
}

#[test]
fn a_training_that_was_given_up_goes_on_from_its_checkpoint_with_all_it_measured() {
    let desk = Desk::new();
    desk.write("keys.yaml", KEYS.replace("1e-7, 0.003", "0.003"));
    desk.write("net.yaml", NET);
    let child = desk
        .command(BINARY)
        .args(["tune", "keys.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be started");
    let log = ".automl/studies/keys/000000/stderr.log";
    let n_epochs = || {
        let log = std::fs::read_to_string(desk.path(log)).unwrap_or_default();
        log.matches("epoch-finished").count()
    };
    let begins = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        n_epochs() >= 3
    });
    assert!(begins, "no epoch ends");
    assert_eq!(signal(child, "INT").code(), Some(130));
    let n_before = n_epochs();
    assert!(n_before < 300, "it has ended before it was stopped");
    assert_eq!(states(&desk, "keys"), ["waiting"]);
    desk.automl_ok("tune keys.yaml");
    let log = String::from_utf8(desk.read(log)).expect("it is text");
    assert!(log.contains("going on after step"), "{log}");
    let trial = trials(&desk, "keys").remove(0);
    assert_eq!(trial["state"], "complete");
    let steps: Vec<i64> = (trial["measurements"]
        .as_array()
        .expect("it was measured")
        .iter())
    .filter_map(|one| one["step"].as_i64())
    .collect();
    assert_eq!(steps, (1..=300).collect::<Vec<_>>());
}
