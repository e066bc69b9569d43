//! Tables that a server predicts: what `automl predict` gives, also after the server was killed, and nothing from elsewhere.

use crate::batch::{contents, desk_of_tables, manifest};
use crate::endpoints::Server;
use crate::harness::Desk;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/api/batch-predictions";

/// The job, once `is_so` of it.
fn until(server: &Server, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..2000 {
        let job = server.json(&format!("{PATH}/{id}"), &Value::Null)["job"].clone();
        if is_so(&job) {
            return job;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the job does not come to that");
}

fn asked() -> Value {
    json!({ "model": "churn/1", "input": ["tables"], "output": "out", "skip_bad_rows": true })
}

/// A desk of tables, with a model that is recorded and registered.
fn desk(n_tables: usize, n_repeats: usize) -> Desk {
    let desk = desk_of_tables(n_tables, n_repeats);
    let fit = "automl fit datasets/churn.csv --target churned --max-trials 2 --holdout 0.3 --output known";
    let fitted = desk.shell(&format!(
        "AUTOML_NO_RECORD= {fit} && automl models register churn known"
    ));
    assert_eq!(fitted.exit_code, Some(0), "{}", fitted.stderr);
    desk
}

#[test]
fn a_job_goes_on_after_the_server_was_killed_and_gives_what_the_verb_gives() {
    let desk = desk(12, 20);
    desk.automl_ok("predict known tables --output whole/ --skip-bad-rows");
    let args = ["--data-dir", "."];
    let mut server = Server::start_with(&desk, &args);
    let told = server.json(PATH, &asked());
    let id = told["job"]["id"].as_str().expect("it has an id").to_owned();
    until(&server, &id, |job| {
        job["progress"]["n_ended"].as_u64() > Some(0)
    });
    server.kill();
    let server = Server::start_with(&desk, &args);
    let job = until(&server, &id, |job| {
        job["state"] == "done" || job["state"] == "failed"
    });
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(job["progress"]["n_parts"], 12);
    assert_eq!(job["progress"]["n_ended"], 12);
    let [mut ours, mut theirs] = ["out", "whole"].map(|folder| contents(&desk, folder));
    let [one, other] = ["out", "whole"].map(|folder| manifest(&desk, folder));
    assert_eq!(one["totals"], other["totals"]);
    assert_eq!(job["progress"]["n_rows"], one["totals"]["rows_predicted"]);
    // Tables are named otherwise there.
    for all in [&mut ours, &mut theirs] {
        all.remove("_manifest.json");
    }
    assert!(ours == theirs, "the server predicts something else");
    let run = job["run_id"].as_str().expect("it is a run");
    let shown = desk.automl_ok(&format!("runs show {run}"));
    assert!(shown.contains("status  finished"), "{shown}");
    let lineage = desk.automl_ok("lineage out");
    assert!(
        lineage.contains("churn/1") && lineage.contains("part-0.csv"),
        "{lineage}"
    );
}

#[test]
fn a_job_predicts_quantiles_and_refuses_an_interval_of_them() {
    let desk = desk_of_tables(2, 1);
    let fit = "automl fit datasets/churn.csv --target monthly_fee --quantiles 0.1,0.9 --max-trials 2 --holdout 0.3 --output fees";
    let fitted = desk.shell(&format!("{fit} && automl models register fees fees"));
    assert_eq!(fitted.exit_code, Some(0), "{}", fitted.stderr);
    desk.automl_ok("predict fees tables --output whole/ --skip-bad-rows");
    let server = Server::start_with(&desk, &["--data-dir", "."]);
    let ended = |asked: &Value| {
        let told = server.json(PATH, asked);
        let id = told["job"]["id"].as_str().expect("it has an id").to_owned();
        until(&server, &id, |job| {
            job["state"] == "done" || job["state"] == "failed"
        })
    };
    let mut asked = asked();
    asked["model"] = json!("fees/1");
    let job = ended(&asked);
    assert_eq!(job["state"], "done", "{job}");
    let [mut ours, mut theirs] = ["out", "whole"].map(|folder| contents(&desk, folder));
    for all in [&mut ours, &mut theirs] {
        all.remove("_manifest.json");
    }
    assert!(ours == theirs, "the server predicts something else");
    asked["interval"] = json!([0.8]);
    asked["output"] = json!("intervals");
    let job = ended(&asked);
    assert_eq!(job["error"]["code"], "predict-no-intervals", "{job}");
}

#[test]
fn a_job_reads_and_writes_nothing_elsewhere() {
    let desk = desk(1, 0);
    desk.write("secret/x.csv", "seats\n1\n");
    std::fs::create_dir(desk.path("data")).expect("the desk can be written");
    for (name, to) in [("in", "../tables"), ("link", "../secret")] {
        std::os::unix::fs::symlink(to, desk.path("data").join(name)).expect("links can be made");
    }
    let server = Server::start_with(&desk, &["--data-dir", "data"]);
    let secret = desk.path("secret/x.csv").display().to_string();
    for (input, output) in [
        (secret.as_str(), "out"),
        ("x.csv", "../out"),
        ("x.csv", "/tmp/out"),
    ] {
        let mut body = asked();
        (body["input"], body["output"]) = (json!([input]), json!(output));
        let (status, told) = server.call(PATH, "application/json", &body.to_string());
        assert_eq!(status, 403, "{told}");
    }
    for (input, output) in [("link/x.csv", "out"), ("link/*.csv", "out"), ("in", "out")] {
        let mut body = asked();
        (body["input"], body["output"]) = (json!([input]), json!(output));
        let told = server.json(PATH, &body);
        let id = told["job"]["id"].as_str().expect("it has an id").to_owned();
        let job = until(&server, &id, |job| job["state"] == "failed");
        assert_eq!(job["error"]["code"], "batch-outside", "{job}");
    }
    assert!(!desk.path("data/out").exists());
}
