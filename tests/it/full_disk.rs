//! A disk that takes no more: a clear error, and nothing left behind.
//!
//! A limit on the size of a file stands for the full disk: it needs no rights, and a write past it fails like one past
//! the end of the disk. `/dev/full` is the kernel's own full disk.

use crate::harness::{BINARY, Desk};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Runs a line of shell whose files may hold at most `blocks` × 512 bytes.
fn with_small_files(blocks: u32, line: &str) -> String {
    format!("trap '' XFSZ; ulimit -f {blocks}; exec {line}")
}

#[test]
fn fit_leaves_nothing_behind() {
    let desk = Desk::new();
    let fit = "automl fit datasets/churn.csv --target churned --max-trials 2 --holdout 0.3 --output out/model";
    let outcome = desk.shell(&with_small_files(1, fit));
    assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("error[output-full]: ")
            && outcome.stderr.contains("hint: the disk is full"),
        "{}",
        outcome.stderr
    );
    assert_eq!(desk.entries(), [""; 0]);
}

#[test]
fn fit_keeps_the_model_that_it_was_to_replace() {
    let desk = Desk::new();
    desk.copy_churn_model();
    let before = desk.automl_ok("predict model datasets/churn_test.csv");
    let fit = "automl fit datasets/churn.csv --target churned --max-trials 2 --holdout 0.3 --output model --overwrite";
    let outcome = desk.shell(&with_small_files(1, fit));
    assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
    assert_eq!(desk.entries(), ["model"]);
    assert_eq!(
        desk.automl_ok("predict model datasets/churn_test.csv"),
        before
    );
}

#[test]
fn predict_leaves_nothing_behind() {
    let desk = Desk::new();
    desk.copy_churn_model();
    for output in ["predictions.csv", "predictions.parquet"] {
        let predict = format!("automl predict model datasets/churn.csv --output {output}");
        let outcome = desk.shell(&with_small_files(1, &predict));
        assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
        assert!(
            outcome
                .stderr
                .contains(&format!("error[output-full]: writing failed: {output}: ")),
            "{}",
            outcome.stderr
        );
        assert_eq!(desk.entries(), ["model"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_made_has_a_hint() {
    let desk = Desk::new();
    let fit =
        "fit datasets/churn.csv --target churned --max-trials 1 --holdout 0.3 --output /proc/model";
    let outcome = desk.automl(fit);
    assert_eq!(outcome.exit_code, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("error[store-io]: ") && outcome.stderr.contains("hint: "),
        "{}",
        outcome.stderr
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_stdout_is_an_error() {
    let desk = Desk::new();
    desk.copy_churn_model();
    for verb in [
        "predict model datasets/churn.csv",
        "leaderboard model",
        "profile datasets/churn.csv",
    ] {
        let outcome = desk.shell(&format!("automl {verb} > /dev/full"));
        assert_eq!(outcome.exit_code, Some(2), "{verb}: {outcome:?}");
        assert!(
            outcome
                .stderr
                .contains("error[output-full]: cannot write to stdout: No space left on device"),
            "{verb}: {}",
            outcome.stderr
        );
    }
}

/// A server on a workspace, whose files may hold at most `blocks` × 512 bytes, and its address.
fn server(desk: &Desk, blocks: &str) -> (Child, String) {
    let line = format!(
        "trap '' XFSZ; ulimit -f {blocks}; exec {BINARY} serve --port 0 --workspace workspace"
    );
    let mut child = Command::new("sh")
        .args(["-c", &line])
        .current_dir(desk.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts");
    let mut told = String::new();
    let stdout = child.stdout.take().expect("stdout is piped");
    BufReader::new(stdout)
        .read_line(&mut told)
        .expect("the server tells");
    let (_, address) = told.trim().rsplit_once('/').expect("an address");
    (child, address.to_owned())
}

/// The answer to a request, and its body.
fn call(address: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let method = if body.is_empty() { "GET" } else { "POST" };
    write!(
        stream,
        "{method} /api/2.0/mlflow/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("the server reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the server answers");
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.expect("a status"), body.to_owned())
}

#[test]
fn a_record_on_a_full_disk_says_so_and_keeps_what_it_acknowledged() {
    let desk = Desk::new();
    let (mut child, address) = server(&desk, "1200");
    let (status, answer) = call(&address, "runs/create", "{\"experiment_id\": \"0\"}");
    assert_eq!(status, 200, "{answer}");
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    let run = answer["run"]["info"]["run_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let value = "v".repeat(5000);
    let mut n_kept = 0;
    let refused = loop {
        let params: Vec<String> = (0..20)
            .map(|number| format!("{{\"key\": \"p{n_kept}.{number}\", \"value\": \"{value}\"}}"))
            .collect();
        let body = format!(
            "{{\"run_id\": \"{run}\", \"params\": [{}]}}",
            params.join(",")
        );
        let (status, answer) = call(&address, "runs/log-batch", &body);
        if status != 200 {
            break (status, answer);
        }
        n_kept += 1;
        assert!(n_kept < 1000, "no limit was met");
    };
    assert_eq!(refused.0, 507, "{}", refused.1);
    assert!(
        refused.1.contains("RESOURCE_EXHAUSTED") && refused.1.contains("takes no more"),
        "{}",
        refused.1
    );
    assert_eq!(
        call(&address, &format!("runs/get?run_id={run}"), "").0,
        200,
        "it reads on"
    );
    child.kill().expect("the server runs");
    child.wait().expect("the server ends");

    let (mut child, address) = server(&desk, "unlimited");
    let (status, answer) = call(&address, &format!("runs/get?run_id={run}"), "");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer.matches("\"key\":\"p").count(), n_kept * 20);
    child.kill().expect("the server runs");
    child.wait().expect("the server ends");
}
