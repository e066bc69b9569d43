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
fn processes_share_a_study_to_its_budget_and_run_each_trial_once() {
    let desk = Desk::new();
    let quick = SLOW
        .replace("sleep 0.3", "sleep 0.02")
        .replace("budget: 6", "budget: 40");
    desk.write("slow.yaml", &quick);
    // Made first, so that the others can join.
    desk.automl_ok("tune slow.yaml --trials 1");
    let workers: Vec<Child> = (0..4)
        .map(|_| {
            let mut command = desk.command(BINARY);
            command.args(["tune", "--study", "slow", "--worker"]);
            let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
            quiet.spawn().expect("the binary can be started")
        })
        .collect();
    for mut worker in workers {
        assert!(worker.wait().is_ok_and(|status| status.success()));
    }
    assert_eq!(states(&desk, "slow"), ["complete"; 40]);
    let begun = String::from_utf8(desk.read("begun")).expect("numbers are text");
    assert_eq!(begun.lines().count(), 40);
    let mut points: Vec<String> = (trials(&desk, "slow").iter())
        .map(|trial| trial["params"]["x"].to_string())
        .collect();
    points.sort();
    points.dedup();
    assert_eq!(points.len(), 40, "no point is proposed twice");
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
