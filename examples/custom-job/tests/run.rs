//! The example learns, and goes on from where it was killed to the same bits.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn job(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_custom-job"));
    command.arg(folder).stdout(Stdio::piped());
    command
}

fn run(folder: &Path) -> String {
    let done = job(folder).output().expect("the example can be started");
    assert!(done.status.success());
    String::from_utf8(done.stdout).expect("it prints text")
}

#[test]
fn a_killed_job_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().expect("there is room");
    let place = |name: &str| folder.path().join(name);
    let whole = run(&place("whole"));
    let mut child = job(&place("killed"))
        .spawn()
        .expect("the example can be started");
    while !place("killed").exists() {
        assert!(
            child.try_wait().expect("it can be asked").is_none(),
            "it ended too early"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it can be waited for");
    let told = run(&place("killed"));
    let told = told.strip_prefix("goes on from step ");
    let (step, rest) = told
        .and_then(|told| told.split_once('\n'))
        .expect("it says where it goes on");
    let step: u64 = step.parse().expect("steps are counted");
    assert!(step > 0 && step < 2000 && step.is_multiple_of(10), "{step}");
    assert_eq!(rest, whole);
    let loss = whole
        .strip_prefix("2000 steps, loss ")
        .and_then(|rest| rest.split(',').next());
    let loss: f64 = loss
        .and_then(|loss| loss.parse().ok())
        .expect("a loss is told");
    assert!(loss < 0.1, "{whole}");
}
