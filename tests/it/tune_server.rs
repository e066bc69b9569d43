//! Workers of `automl tune` that know a study only through a server: none of its trials is lost or counted twice, whoever is
//! killed.

use crate::harness::{BINARY, Desk};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A study of quick trials, which are held for a short time. Where a worker is, there is a list of those that began.
const STUDY: &str = r"
objectives: [{name: loss}]
space: {parameters: [{name: x, type: float, low: 0, high: 1}]}
algorithm: {name: random}
budget: 12
lease_s: 2
retries: 5
run:
  command: 'echo {trial} >> begun; sleep 0.2; echo step=1 loss=2; sleep 0.1; echo loss={x}'
";

/// A server on a desk's workspace; killed at the end.
struct Server {
    child: Child,
    port: String,
}

impl Server {
    fn start(desk: &Desk, port: &str, more: &[&str]) -> Self {
        let mut child = desk
            .command(BINARY)
            .args(["serve", "--port", port])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut told = String::new();
        BufReader::new(stdout)
            .read_line(&mut told)
            .expect("the server tells");
        let (_, port) = told.trim().rsplit_once(':').expect("an address");
        let port = port.to_owned();
        Self { child, port }
    }

    fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A desk elsewhere with a worker of the study `lr`.
fn worker(desk: &Desk, server: &Server) -> Command {
    let mut command = desk.command(BINARY);
    command
        .args([
            "tune",
            "--study",
            "lr",
            "--worker",
            "--server",
            &server.url(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn begun(desk: &Desk) -> Vec<String> {
    let text = std::fs::read_to_string(desk.path("begun")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let is_so_soon = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        is_so()
    });
    assert!(is_so_soon, "{what}");
}

fn trials(desk: &Desk) -> Vec<Value> {
    let told: Value = serde_json::from_str(&desk.automl_ok("study export lr")).expect("JSON");
    told["trials"].as_array().expect("trials").clone()
}

#[test]
fn a_killed_worker_and_a_killed_server_lose_no_trial_and_count_none_twice() {
    let (home, near, far) = (Desk::new(), Desk::new(), Desk::new());
    home.write("lr.yaml", STUDY);
    home.automl_ok("study create lr lr.yaml");
    let mut server = Server::start(&home, "0", &[]);
    let mut lost = worker(&near, &server).spawn().expect("a worker starts");
    let mut kept = worker(&far, &server).spawn().expect("a worker starts");
    wait_until("no trial of the first worker began", || {
        begun(&near).len() >= 2
    });
    lost.kill().expect("it can be killed");
    lost.wait().expect("it can be waited for");
    let in_hand = begun(&near).pop().expect("it has begun one");
    let n_done = begun(&far).len();
    wait_until("the other worker does nothing", || {
        begun(&far).len() > n_done
    });
    server.kill();
    // The other worker has something to tell meanwhile.
    std::thread::sleep(Duration::from_millis(600));
    let _again = Server::start(&home, &server.port, &[]);
    assert!(kept.wait().is_ok_and(|status| status.success()));

    let trials = trials(&home);
    let states: Vec<&Value> = trials.iter().map(|trial| &trial["state"]).collect();
    assert_eq!(states, vec!["complete"; 12]);
    assert!(
        begun(&far).contains(&in_hand),
        "the lost trial is done again"
    );
    let number: usize = in_hand.parse().expect("a number");
    assert!(trials[number]["n_lost"].as_i64() >= Some(1));
    for trial in &trials {
        assert_eq!(trial["measurements"].as_array().map(Vec::len), Some(1));
        assert_eq!(trial["values"]["loss"], trial["params"]["x"]);
    }
    // Nothing of the study is kept where a worker was.
    assert!(!far.path(".automl/automl.db").exists());
}

#[test]
fn a_server_that_knows_no_such_study_or_worker_says_so() {
    let desk = Desk::new();
    desk.write("lr.yaml", STUDY);
    desk.automl_ok("study create lr lr.yaml");
    desk.automl_ok("users add ada --role admin");
    let server = Server::start(&desk, "0", &["--access", "on"]);
    let refused = |arguments: &str| {
        let outcome = desk.automl(&format!("tune --server {} {arguments}", server.url()));
        (outcome.exit_code, outcome.stderr)
    };
    let (status, told) = refused("--study lr --token automl_wrong");
    assert!(
        status == Some(2) && told.starts_with("error[server-denied]"),
        "{told}"
    );
    let made = desk.automl_ok("tokens create ada");
    let token = made
        .split_whitespace()
        .find(|word| word.starts_with("automl_"));
    let token = token.expect("it is shown");
    let (status, told) = refused(&format!("--study lx --token {token}"));
    assert!(
        status == Some(2) && told.starts_with("error[study-missing]"),
        "{told}"
    );
    let (status, told) = refused(&format!("--study lr --trials 1 --token {token}"));
    assert_eq!(status, Some(0), "{told}");
}
