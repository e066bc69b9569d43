//! Jobs are taken, watched, stopped and gone on with, also by the next server.

use super::desk::Workers;
use super::*;
use crate::tests::Desk;
use std::time::Duration;

/// As most tests have it: no folder is allowed.
pub(crate) fn batching() -> Batching {
    Batching {
        predict,
        kinds: &["csv", "parquet"],
        places: super::Places::default(),
        n_at_once: 1,
        n_threads: 1,
    }
}

/// Predicts nothing: what `keep` holds says what comes of it.
fn predict(asked: &TablesAsked<'_>, watch: &dyn TablesWatch) -> TablesEnd {
    let problem = |message: &str| BatchProblem {
        code: Some("test".to_owned()),
        message: message.to_owned(),
    };
    let says = |word: &str| asked.order.keep.iter().any(|keep| keep == word);
    assert!(
        asked.model.join("manifest.json").is_file(),
        "the model is there"
    );
    watch.recorded("run");
    if says("early") {
        return TablesEnd::Broken {
            problem: problem("predictions are there"),
            is_stopped: false,
        };
    }
    watch.begun();
    watch.planned(2);
    watch.rows(10);
    watch.part(PartEnded {
        is_kept: false,
        is_failed: false,
        n_refused: 1,
    });
    // A job that goes on has what keeps it from its end no more.
    if says("waits") && asked.begin != BatchBegin::Resume {
        while !asked.cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        return TablesEnd::Broken {
            problem: problem("stopped"),
            is_stopped: true,
        };
    }
    if says("breaks") {
        return TablesEnd::Broken {
            problem: problem("no table"),
            is_stopped: false,
        };
    }
    assert!(!says("panics"), "it was asked to");
    TablesEnd::Done(TablesDone {
        progress: BatchProgress {
            n_parts: 2,
            n_ended: 2,
            n_kept: u64::from(asked.begin == BatchBegin::Resume),
            n_failed: 0,
            n_rows: 20,
            n_rows_refused: 1,
        },
        problem: says("fails").then(|| problem("one table")),
    })
}

const PATH: &str = "/api/batch-predictions";

/// A server with a model and a folder that jobs may use.
async fn server(data: &Path) -> Desk {
    let folder = data.to_owned();
    let desk = Desk::with(|config| config.batching.places.folders = vec![folder]);
    desk.register(json!({ "bias": 0.5 })).await;
    desk
}

fn asked(word: &str) -> Value {
    json!({ "model": "sum/1", "input": ["in/*.csv"], "output": format!("out-{word}"), "keep": [word] })
}

async fn ask(desk: &Desk, body: Value) -> (StatusCode, Value) {
    desk.call("POST", PATH, &body).await
}

async fn job(desk: &Desk, id: &str) -> Value {
    let (status, told) = desk.call("GET", &format!("{PATH}/{id}"), &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    told["job"].clone()
}

/// The job, once it is in a state.
async fn until(desk: &Desk, id: &str, state: &str) -> Value {
    loop {
        let job = job(desk, id).await;
        if job["state"] == state {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn workers(desk: &Desk) -> Workers {
    desk.app.batches.as_ref().unwrap().start().unwrap()
}

#[tokio::test]
async fn without_a_folder_there_are_no_jobs() {
    let desk = Desk::with(|_| {});
    desk.register(json!({ "bias": 0.5 })).await;
    let (status, told) = ask(&desk, asked("done")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("without --data-dir"), "{message}");
}

#[tokio::test]
async fn a_job_is_taken_and_told_of_until_its_end() {
    let data = tempfile::tempdir().unwrap();
    let desk = server(data.path()).await;
    let (status, told) = ask(&desk, asked("done")).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!(told["job"]["state"], "waiting");
    assert_eq!(told["job"]["model"], "sum");
    let wanted = data.path().join("in/*.csv").display().to_string();
    assert_eq!(told["job"]["input"], json!([wanted]));
    let id = told["job"]["id"].as_str().unwrap().to_owned();
    let _workers = workers(&desk);
    let done = until(&desk, &id, "done").await;
    assert_eq!(done["progress"]["n_rows"], 20);
    assert_eq!(done["run_id"], "run");
    assert!(done["ended_ms"].is_i64() && done["error"].is_null());
    let (_, told) = desk.call("GET", PATH, &json!({})).await;
    assert_eq!(told["jobs"].as_array().unwrap().len(), 1);
    let path = format!("{PATH}/{id}");
    let (status, _) = desk.call("DELETE", &path, &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = desk.call("GET", &path, &json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_job_that_fails_says_why_and_can_go_on() {
    let data = tempfile::tempdir().unwrap();
    let desk = server(data.path()).await;
    let _workers = workers(&desk);
    for (word, told) in [
        ("fails", "one table"),
        ("breaks", "no table"),
        ("panics", "the program failed, which is a bug"),
    ] {
        let (_, answer) = ask(&desk, asked(word)).await;
        let id = answer["job"]["id"].as_str().unwrap().to_owned();
        let failed = until(&desk, &id, "failed").await;
        assert_eq!(failed["error"]["message"], told);
        let (status, resumed) =
            (desk.call("POST", &format!("{PATH}/{id}/resume"), &json!({}))).await;
        assert_eq!(status, StatusCode::OK, "{resumed}");
        assert_eq!(resumed["job"]["begin"], "resume");
        until(&desk, &id, "failed").await;
    }
}

#[tokio::test]
async fn jobs_wait_for_one_another_and_are_stopped() {
    let data = tempfile::tempdir().unwrap();
    let desk = server(data.path()).await;
    let _workers = workers(&desk);
    let (_, first) = ask(&desk, asked("waits")).await;
    let first = first["job"]["id"].as_str().unwrap().to_owned();
    let running = until(&desk, &first, "running").await;
    assert!(running["started_ms"].is_i64());
    let (status, told) = ask(&desk, asked("waits")).await;
    assert_eq!(
        status,
        StatusCode::CONFLICT,
        "two write into one folder: {told}"
    );
    let (_, second) = ask(&desk, asked("done")).await;
    let second = second["job"]["id"].as_str().unwrap().to_owned();
    assert_eq!(job(&desk, &second).await["state"], "waiting");
    let path = format!("{PATH}/{first}");
    let (status, _) = desk.call("DELETE", &path, &json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "it runs");
    let (status, _) = desk.call("POST", &format!("{path}/stop"), &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    until(&desk, &first, "stopped").await;
    until(&desk, &second, "done").await;
    let (status, _) = desk.call("POST", &format!("{path}/stop"), &json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "it has ended");
    desk.call("POST", &format!("{path}/resume"), &json!({}))
        .await;
    let done = until(&desk, &first, "done").await;
    assert_eq!(done["progress"]["n_kept"], 1);
}

#[tokio::test]
async fn the_next_server_goes_on_with_what_was_not_at_its_end() {
    let data = tempfile::tempdir().unwrap();
    let first = server(data.path()).await;
    let running = workers(&first);
    let (_, told) = ask(&first, asked("waits")).await;
    let id = told["job"]["id"].as_str().unwrap().to_owned();
    until(&first, &id, "running").await;
    tokio::task::spawn_blocking(move || drop(running))
        .await
        .unwrap();
    assert_eq!(
        job(&first, &id).await["state"],
        "running",
        "nobody stopped it"
    );
    let file = format!("batches/{id}.json");
    let kept = std::fs::read(first.directory.path().join(&file)).unwrap();
    let other = automl_store::batches::Batches::open(&first.directory.path().join("batches"));
    assert!(
        other.unwrap().is_none(),
        "one server at a time has the jobs"
    );
    let folder = data.path().to_owned();
    let next = Desk::with(move |config| {
        config.batching.places.folders = vec![folder];
        std::fs::create_dir_all(config.workspace.batches()).unwrap();
        std::fs::write(config.workspace.directory().join(file), kept).unwrap();
    });
    next.register(json!({ "bias": 0.5 })).await;
    assert_eq!(job(&next, &id).await["state"], "waiting");
    let _workers = workers(&next);
    let done = until(&next, &id, "done").await;
    assert_eq!(
        (&done["begin"], &done["progress"]["n_kept"]),
        (&json!("resume"), &json!(1))
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_a_reason() {
    let data = tempfile::tempdir().unwrap();
    let desk = server(data.path()).await;
    for (change, status, told) in [
        (json!({ "model": "sum/7" }), 404, "sum"),
        (json!({ "model": null }), 400, "'model'"),
        (json!({ "endpoint": "e" }), 400, "not both"),
        (json!({ "input": [] }), 400, "'input'"),
        (json!({ "input": ["/etc/passwd"] }), 403, "below no folder"),
        (json!({ "input": ["../x.csv"] }), 403, "leads out"),
        (
            json!({ "input": ["s3://b/x.csv"] }),
            403,
            "below no address",
        ),
        (json!({ "input": ["ftp://b/x.csv"] }), 403, "no address"),
        (json!({ "output": "/tmp" }), 403, "below no folder"),
        (json!({ "parts": "xlsx" }), 400, "may be csv, parquet"),
        (json!({ "interval": [1.5] }), 400, "'interval'"),
        (json!({ "threshold": 2 }), 400, "'threshold'"),
        (
            json!({ "resume": true, "overwrite": true }),
            400,
            "not both",
        ),
    ] {
        let mut body = asked("done");
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (found, answer) = ask(&desk, body).await;
        assert_eq!(found.as_u16(), status, "{change}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(told), "{change}: {message}");
    }
    let body = json!({ "endpoint": "e", "input": ["x.csv"], "output": "out" });
    let (status, _) = ask(&desk, body.clone()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let jobs = desk.call("GET", PATH, &json!({})).await.1;
    assert_eq!(jobs["jobs"], json!([]), "nothing was taken");
}

#[tokio::test]
async fn a_job_that_never_began_does_not_take_what_it_found_for_its_own() {
    let data = tempfile::tempdir().unwrap();
    let desk = server(data.path()).await;
    let _workers = workers(&desk);
    let mut body = asked("early");
    body["overwrite"] = json!(true);
    let (_, told) = ask(&desk, body).await;
    let id = told["job"]["id"].as_str().unwrap().to_owned();
    let failed = until(&desk, &id, "failed").await;
    assert_eq!(failed["begin"], "overwrite");
    let path = format!("{PATH}/{id}/resume");
    let (_, resumed) = desk.call("POST", &path, &json!({})).await;
    assert_eq!(resumed["job"]["begin"], "overwrite");
}

#[tokio::test]
async fn a_server_takes_over_when_the_one_before_it_has_ended() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_owned();
    let held = std::sync::Arc::new(std::sync::Mutex::new(None));
    let holds = std::sync::Arc::clone(&held);
    let desk = Desk::with(move |config| {
        config.batching.places.folders = vec![folder];
        let before = automl_store::batches::Batches::open(config.workspace.batches());
        *holds.lock().unwrap() = before.unwrap();
    });
    desk.register(json!({ "bias": 0.5 })).await;
    let _workers = workers(&desk);
    let (status, told) = ask(&desk, asked("done")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("another server"), "{message}");
    drop(held.lock().unwrap().take());
    let taken = loop {
        let (status, told) = ask(&desk, asked("done")).await;
        if status == StatusCode::OK {
            break told;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    until(&desk, taken["job"]["id"].as_str().unwrap(), "done").await;
}
