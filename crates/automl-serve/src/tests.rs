//! The routes, without sockets.

use crate::server::{Config, open, router};
use automl_store::artifacts::Location;
use automl_store::db::Place;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

struct Desk {
    router: Router,
    directory: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            address: ([127, 0, 0, 1], 0).into(),
            database: Place::File(directory.path().join("t.db")),
            artifacts: Location::Folder(directory.path().join("artifacts")),
            artifact_root: None,
            work_dir: directory.path().to_owned(),
        };
        // Opening waits for the database, which a thread that runs futures must not.
        let app = std::thread::spawn(|| open(config)).join().unwrap().unwrap();
        Self {
            router: router(app),
            directory,
        }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, body.to_vec())
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, body) = self.send(request).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self
            .call("POST", &format!("/api/2.0/mlflow/{path}"), &body)
            .await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn refused(&self, path: &str, body: Value) -> (u16, String) {
        let (status, answer) = self
            .call("POST", &format!("/api/2.0/mlflow/{path}"), &body)
            .await;
        let told = format!(
            "{}: {}",
            answer["error_code"].as_str().unwrap(),
            answer["message"].as_str().unwrap()
        );
        (status.as_u16(), told)
    }

    async fn get(&self, path: &str) -> (StatusCode, Vec<u8>) {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    async fn run(&self) -> String {
        let answer = self.post("runs/create", json!({})).await;
        answer["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_run_is_told_as_the_protocol_has_it() {
    let desk = Desk::new();
    let run = desk.run().await;
    desk.post(
        "runs/log-batch",
        json!({
            "run_id": run,
            "metrics": [{ "key": "m", "value": "NaN", "timestamp": "7", "step": 2 }],
            "params": [{ "key": "p", "value": "1" }],
            "unknown field": [1, 2],
        }),
    )
    .await;
    let (status, body) = desk
        .get(&format!("/api/2.0/mlflow/runs/get?run_id={run}"))
        .await;
    let found: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        found["run"]["data"]["metrics"],
        json!([{ "key": "m", "value": "NaN", "timestamp": 7, "step": 2 }])
    );
    assert_eq!(found["run"]["info"]["lifecycle_stage"], "active");
    assert_eq!(
        found["run"]["info"]["end_time"],
        Value::Null,
        "a run that goes on has no end"
    );
}

#[tokio::test]
async fn wrong_fields_are_named_with_their_value() {
    let desk = Desk::new();
    let run = desk.run().await;
    for (body, told) in [
        (
            json!({ "run_id": 31, "key": "k", "value": 1, "timestamp": 1 }),
            "Invalid value 31 for parameter 'run_id' supplied: Hint: Value was of type 'int'.",
        ),
        (
            json!({ "run_id": run, "key": "k", "value": "x", "timestamp": 1 }),
            "Invalid value \"x\" for parameter 'value' supplied",
        ),
        (
            json!({ "run_id": run, "key": "k", "timestamp": 1 }),
            "Missing value for required parameter 'value'",
        ),
        (
            json!({ "run_id": run, "key": "k", "value": 1, "timestamp": 1.5 }),
            "Invalid value 1.5 for parameter 'timestamp'",
        ),
    ] {
        let (status, found) = desk.refused("runs/log-metric", body).await;
        assert!(
            status == 400 && found.starts_with("INVALID_PARAMETER_VALUE: ") && found.contains(told),
            "{found}"
        );
    }
    let (status, found) = desk
        .refused(
            "runs/log-metric",
            json!({ "run_id": "nope", "key": "k", "value": 1, "timestamp": 1 }),
        )
        .await;
    assert_eq!(
        (status, found.as_str()),
        (404, "RESOURCE_DOES_NOT_EXIST: Run with id=nope not found")
    );
}

#[tokio::test]
async fn bodies_that_are_no_objects_are_refused() {
    let desk = Desk::new();
    for (kind, body) in [
        ("application/json", "{"),
        ("application/json", "[1]"),
        ("application/json", "\u{0}"),
        ("text/plain", "{}"),
    ] {
        let request = Request::post("/api/2.0/mlflow/runs/create")
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .unwrap();
        let (status, _) = desk.send(request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{kind} {body}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let desk = Desk::new();
    let request = Request::post("/api/2.0/mlflow/runs/create")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(vec![b' '; (32 << 20) + 1]))
        .unwrap();
    let (status, _) = desk.send(request).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn artifacts_are_files_that_others_can_find() {
    let desk = Desk::new();
    let path = "/api/2.0/mlflow-artifacts/artifacts/0/run/a%20b.txt";
    let request = Request::put(path).body(Body::from("hello")).unwrap();
    let (status, _) = desk.send(request).await;
    assert_eq!(status, StatusCode::OK);
    let there = desk.directory.path().join("artifacts/0/run/a b.txt");
    assert_eq!(std::fs::read(there).unwrap(), b"hello");
    assert_eq!(desk.get(path).await, (StatusCode::OK, b"hello".to_vec()));
    for bad in [
        "..%2f..%2fx",
        "%2e%2e/x",
        ".blobs/x",
        "a/..%5cb",
        ".unfinished/x",
    ] {
        let request = Request::put(format!("/api/2.0/mlflow-artifacts/artifacts/{bad}"))
            .body(Body::from("x"))
            .unwrap();
        let (status, body) = desk.send(request).await;
        assert_eq!(
            status,
            StatusCode::BAD_REQUEST,
            "{bad}: {}",
            String::from_utf8_lossy(&body)
        );
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let desk = Desk::new();
    let parts: Vec<Result<Vec<u8>, std::io::Error>> =
        vec![Ok(b"half".to_vec()), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(futures_util::stream::iter(parts));
    let path = "/api/2.0/mlflow-artifacts/artifacts/x";
    let (status, _) = desk.send(Request::put(path).body(body).unwrap()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(desk.get(path).await.0, StatusCode::NOT_FOUND);
    let unfinished = desk.directory.path().join("artifacts/.unfinished");
    assert_eq!(std::fs::read_dir(unfinished).unwrap().count(), 0);
}

#[tokio::test]
async fn the_server_tells_how_it_is() {
    let desk = Desk::new();
    assert_eq!(desk.get("/health").await, (StatusCode::OK, b"OK".to_vec()));
    assert_eq!(desk.get("/ready").await, (StatusCode::OK, b"OK".to_vec()));
    assert_eq!(desk.get("/version").await.1, b"3.17.2");
    assert_eq!(
        desk.get("/api/2.0/mlflow/nothing").await.0,
        StatusCode::NOT_FOUND
    );
}
