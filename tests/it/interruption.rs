//! Ctrl-C keeps the best so far; a kill at any moment leaves nothing half done.

use crate::harness::{BINARY, Desk};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Starts a fit with events as JSON on stderr and waits for a line that contains `milestone`.
fn fit_until(desk: &Desk, settings: &str, milestone: &str) -> Child {
    let mut child = desk
        .command(BINARY)
        .args("fit datasets/churn.csv --target churned --output model --format json".split(' '))
        .args(settings.split(' '))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let stderr = child.stderr.take().expect("stderr is piped");
    let mut lines = BufReader::new(stderr).lines();
    let found = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(milestone)));
    assert!(found.is_some(), "no event has {milestone}");
    // Whatever else it says is read, so that it never waits for us.
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

#[test]
fn ctrl_c_saves_the_best_so_far_and_exits_with_130() {
    let desk = Desk::new();
    let child = fit_until(&desk, "--time-limit 120s", "\"trial-finished\"");
    let status = signal(child, "INT");
    assert_eq!(status.code(), Some(130));
    assert_eq!(desk.entries(), [".model.search", "model"]);
    let predictions = desk.automl_ok("predict model datasets/churn_test.csv");
    assert_eq!(predictions.lines().count(), 301);
}

#[test]
fn what_an_interrupted_fit_of_several_targets_without_a_journal_has_learned_is_removed() {
    let desk = Desk::new();
    let settings = "--target payment_method,usage_hours --holdout 0.3 --time-limit 9s --no-journal";
    let child = fit_until(&desk, settings, "target 2 of 3");
    assert_eq!(signal(child, "INT").code(), Some(130));
    assert_eq!(desk.entries(), [""; 0]);
}

#[test]
fn a_kill_at_any_moment_leaves_no_half_written_model_and_a_later_fit_works() {
    let desk = Desk::new();
    let milestones = [
        "\"started\"",
        "\"trial-finished\"",
        "\"ensemble\"",
        "\"refit\"",
        "\"write\"",
    ];
    for milestone in milestones {
        let child = fit_until(&desk, "--max-trials 3 --holdout 0.3 --overwrite", milestone);
        signal(child, "KILL");
        if desk.path("model").exists() {
            desk.automl_ok("leaderboard model");
        }
    }
    desk.automl_ok("fit datasets/churn.csv --target churned --max-trials 2 --holdout 0.3 --output model --overwrite");
    desk.automl_ok("leaderboard model");
    assert_eq!(
        desk.entries(),
        [".model.search", "model"],
        "what the kills left behind is swept"
    );
}
