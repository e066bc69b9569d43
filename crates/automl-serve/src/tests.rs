//! The routes, without sockets.

use crate::contract::check::{Answered, checked};
use crate::metrics::Process;
use crate::routes::Table;
use crate::server::{Config, Limits, open, router};
use crate::state::App;
use automl_store::workspace::Workspace;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A server of its own, without sockets.
pub(crate) struct Desk {
    pub(crate) router: Router,
    pub(crate) app: App,
    pub(crate) table: Table,
    pub(crate) answered: Answered,
    pub(crate) directory: tempfile::TempDir,
}

impl Desk {
    /// Where everyone may do everything.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With settings, and a record, as `prepare` makes them.
    pub(crate) fn with(prepare: impl FnOnce(&mut Config) + Send) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config {
            address: ([127, 0, 0, 1], 0).into(),
            workspace: Workspace::parse(directory.path().to_str().unwrap()),
            artifact_root: None,
            work_dir: directory.path().to_owned(),
            version_sources: None,
            links: crate::Links::default(),
            models: crate::endpoints::tests::models(),
            batching: crate::batches::tests::batching(),
            optuna_trial_timeout: None,
            requests_n_bytes_max: 1 << 30,
            root_endpoint: None,
            only_endpoints: false,
            access: None,
            hosts: None,
            tls: None,
            process: Process::default,
        };
        // Opening waits for the database, which a thread that runs futures must not.
        let open = move || {
            prepare(&mut config);
            let limits = Limits {
                hosts: config.hosts.clone(),
                requests_n_bytes_max: config.requests_n_bytes_max,
            };
            let (app, parts) = open(config).unwrap();
            let table = parts.1.clone();
            // As the thread does that looks at the record while a server runs.
            app.fleet.sync().unwrap();
            let router = router(app.clone(), parts, limits).unwrap();
            (router, app, table)
        };
        let answered = Answered::default();
        let (router, app, table) = std::thread::scope(|scope| scope.spawn(open).join().unwrap());
        Self {
            router: checked(router, &answered),
            app,
            table,
            answered,
            directory,
        }
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, body.to_vec())
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, body) = self.send(request).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
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

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Vec<u8>) {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn run(&self) -> String {
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

#[tokio::test]
async fn slashes_too_many_lead_to_the_path_that_is_meant() {
    let desk = Desk::new();
    for (path, location) in [
        ("//get-artifact?path=a", Some("/get-artifact?path=a")),
        ("/a//b", Some("/a/b")),
        ("//evil.example", Some("/evil.example")),
        ("//\\evil.example", None),
        ("/nowhere", None),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = desk.router.clone().oneshot(request).await.unwrap();
        let found = answer.headers().get(header::LOCATION);
        assert_eq!(found.map(|text| text.to_str().unwrap()), location, "{path}");
        assert!(answer.status() == 308 || answer.status() == 404, "{path}");
    }
}

#[tokio::test]
async fn prompts_name_no_files() {
    let desk = Desk::new();
    let tags = json!([{ "key": "mlflow.prompt.is_prompt", "value": "true" }]);
    desk.post(
        "registered-models/create",
        json!({ "name": "p", "tags": tags }),
    )
    .await;
    let new = |source: &str| json!({ "name": "p", "source": source, "tags": tags });
    desk.post("model-versions/create", new("dummy-source"))
        .await;
    let (status, told) = desk.refused("model-versions/create", new("/etc")).await;
    assert_eq!(status, 400);
    assert!(told.contains("Invalid prompt source: '/etc'"), "{told}");
}

#[tokio::test]
async fn what_a_batch_lacks_is_named_by_its_place() {
    let desk = Desk::new();
    let run = desk.run().await;
    for (name, batch) in [
        (
            "metrics[1].timestamp",
            json!({ "metrics": [{ "key": "a", "value": 1, "timestamp": 1 }, { "key": "a", "value": 1 }] }),
        ),
        (
            "metrics[0].key",
            json!({ "metrics": [{ "value": 1, "timestamp": 1 }] }),
        ),
        ("params[0].key", json!({ "params": [{ "value": "1" }] })),
        ("tags[0].key", json!({ "tags": [{ "key": "" }] })),
    ] {
        let mut body = batch;
        body["run_id"] = run.clone().into();
        let (_, told) = desk.refused("runs/log-batch", body).await;
        let wanted =
            format!("INVALID_PARAMETER_VALUE: Missing value for required parameter '{name}'.");
        assert!(told.starts_with(&wanted), "{told}");
    }
}

#[tokio::test]
async fn secrets_of_webhooks_are_never_told() {
    let desk = Desk::new();
    let new = json!({
        "name": "w",
        "url": "https://93.184.216.34/x",
        "secret": "hush",
        "events": [{ "entity": "MODEL_VERSION", "action": "CREATED" }],
    });
    let made = desk.post("webhooks", new).await;
    let id = made["webhook"]["webhook_id"].as_str().unwrap();
    for path in ["webhooks".to_owned(), format!("webhooks/{id}")] {
        let (status, body) = desk.get(&format!("/api/2.0/mlflow/{path}")).await;
        assert_eq!(status, StatusCode::OK);
        let body = String::from_utf8(body).unwrap();
        assert!(
            body.contains("93.184.216.34") && !body.contains("hush"),
            "{body}"
        );
    }
    for (field, value, told) in [
        (
            "events",
            json!([{ "entity": "MODEL_VERSION", "action": "SET" }]),
            "Invalid webhook event 'model_version.set'",
        ),
        (
            "events",
            json!([]),
            "Missing value for required parameter 'events'",
        ),
        ("url", json!("https://10.0.0.1/"), "not a public address"),
        (
            "url",
            json!("gopher://example.com/"),
            "Invalid webhook URL scheme: 'gopher'",
        ),
        (
            "status",
            json!("ASLEEP"),
            "Invalid value \"ASLEEP\" for parameter 'status'",
        ),
    ] {
        let mut body = json!({ "name": "w", "url": "https://93.184.216.34/", "events": [{ "entity": "PROMPT", "action": "CREATED" }] });
        body[field] = value;
        let (status, found) = desk.refused("webhooks", body).await;
        assert!(status == 400 && found.contains(told), "{found}");
    }
}

/// An event file as TensorBoard's writer makes it.
const EVENTS: &[u8] = include_bytes!("../../automl-tensorboard/src/reference/pytorch.tfevents");

#[tokio::test]
async fn event_files_that_are_sent_become_metrics_once() {
    let desk = Desk::new();
    let run = desk.run().await;
    let name = "events.out.tfevents.1700000000.host.1.0";
    let send = async |path: &str| {
        let uri = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}/{name}");
        let request = Request::put(uri).body(Body::from(EVENTS)).unwrap();
        assert_eq!(desk.send(request).await.0, StatusCode::OK);
    };
    send("tb").await;
    send("tb").await;
    send("tb/eval").await;
    let count = async |key: &str| {
        let path = format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key={key}");
        let (_, body) = desk.get(&path).await;
        let found: Value = serde_json::from_slice(&body).unwrap();
        found["metrics"].as_array().map_or(0, Vec::len)
    };
    // They are read after the answers, on a thread of their own.
    for _ in 0..2000 {
        if count("eval/lr").await == 3 && count("lr").await == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!((count("loss/train").await, count("lr").await), (5, 3));
    assert_eq!(count("eval/loss/train").await, 5);
}
