//! A walk over the routes of MLflow's protocol: each is asked once with success, so that each answer was held against what is said.

use crate::tests::Desk;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

const API: &str = "/api/2.0/mlflow";

/// Routes that no walk can be answered by, and why.
const NOT_WALKED: &[(&str, &str)] = &[
    ("GET /api/2.0/mlflow/traces", "always refused"),
    (
        "GET /api/2.0/mlflow/users/current",
        "nobody is known where nobody is asked",
    ),
    ("POST /api/2.0/mlflow/traces", "always refused"),
];

impl Desk {
    /// What a request that succeeds is answered with, as JSON if it is; clients say by which name they reach a server.
    async fn succeed(&self, method: &str, path: &str, body: impl Into<Body>) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into())
            .unwrap();
        let (status, body) = self.send(request).await;
        let told = String::from_utf8_lossy(&body);
        assert_eq!(status, StatusCode::OK, "{method} {path}: {told}");
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// Asks a route of the protocol with fields in a body.
    async fn tell(&self, method: &str, path: &str, fields: Value) -> Value {
        self.succeed(method, &format!("{API}/{path}"), fields.to_string())
            .await
    }

    /// Asks a route of the protocol with fields in the path.
    async fn look(&self, path: &str) -> Value {
        self.fetch(&format!("{API}/{path}")).await
    }

    async fn fetch(&self, path: &str) -> Value {
        self.succeed("GET", path, Body::empty()).await
    }

    async fn upload(&self, path: &str, bytes: &'static str) {
        self.succeed("PUT", path, bytes).await;
    }

    /// Sends a part of a file, and says by which tag it is known from then on.
    async fn upload_part(&self, path: &str) -> String {
        let request = Request::put(path)
            .header(header::HOST, "localhost")
            .body(Body::from("part"))
            .unwrap();
        let answer = self.router().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.headers()[header::ETAG].to_str().unwrap().to_owned()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn experiments(desk: &Desk) -> String {
    let new = json!({ "name": "e", "tags": [{ "key": "k", "value": "v" }] });
    let made = desk.tell("POST", "experiments/create", new).await;
    let id = text(&made["experiment_id"]);
    let of = |more: Value| {
        let mut body = json!({ "experiment_id": id });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    for (path, more) in [
        ("update", json!({ "new_name": "f" })),
        ("delete", json!({})),
        ("restore", json!({})),
        ("set-experiment-tag", json!({ "key": "t", "value": "1" })),
        ("delete-experiment-tag", json!({ "key": "t" })),
    ] {
        desk.tell("POST", &format!("experiments/{path}"), of(more))
            .await;
    }
    desk.look(&format!("experiments/get?experiment_id={id}"))
        .await;
    desk.look("experiments/get-by-name?experiment_name=f").await;
    desk.look("experiments/search?max_results=1&view_type=ALL")
        .await;
    desk.tell("POST", "experiments/search", json!({ "max_results": 1 }))
        .await;
    id
}

async fn runs(desk: &Desk, experiment: &str) -> String {
    let new = json!({ "experiment_id": experiment, "run_name": "r", "user_id": "u", "start_time": 1, "tags": [] });
    let made = desk.tell("POST", "runs/create", new).await;
    let run = text(&made["run"]["info"]["run_id"]);
    let point =
        json!({ "run_id": run, "key": "m", "value": "Infinity", "timestamp": 1, "step": 2 });
    let told = json!({ "artifact_path": "a", "flavors": {}, "run_id": run, "utc_time_created": "2026-01-01" });
    let dataset = json!({ "name": "d", "digest": "1", "source_type": "local", "source": "s", "schema": "{}" });
    let input = json!({ "dataset": dataset, "tags": [{ "key": "mlflow.data.context", "value": "training" }] });
    for (path, body) in [
        (
            "update",
            json!({ "run_id": run, "status": "FINISHED", "end_time": 2 }),
        ),
        ("delete", json!({ "run_id": run })),
        ("restore", json!({ "run_id": run })),
        ("log-metric", point),
        (
            "log-parameter",
            json!({ "run_id": run, "key": "p", "value": "1" }),
        ),
        (
            "set-tag",
            json!({ "run_id": run, "key": "t", "value": "1" }),
        ),
        ("delete-tag", json!({ "run_id": run, "key": "t" })),
        ("log-batch", json!({ "run_id": run, "tags": [] })),
        (
            "log-model",
            json!({ "run_id": run, "model_json": told.to_string() }),
        ),
        (
            "log-inputs",
            json!({ "run_id": run, "datasets": [input], "models": [] }),
        ),
        ("search", json!({ "experiment_ids": [experiment] })),
    ] {
        desk.tell("POST", &format!("runs/{path}"), body).await;
    }
    let prompt = json!({
        "experiment_id": experiment, "prompt_template": "t", "prompt_parameters": [{ "key": "k", "value": 1 }],
        "model_route": "r", "model_input": "i", "model_output": "o", "mlflow_version": "3.17.2",
    });
    desk.tell("POST", "runs/create-promptlab-run", prompt).await;
    for path in [
        format!("runs/get?run_id={run}"),
        format!("metrics/get-history?run_id={run}&metric_key=m"),
        format!("metrics/get-history-bulk?run_id={run}&metric_key=m"),
        format!("metrics/get-history-bulk-interval?run_ids={run}&metric_key=m"),
    ] {
        desk.look(&path).await;
    }
    let wanted = json!({ "experiment_ids": [experiment] });
    let found = desk
        .tell("POST", "experiments/search-datasets", wanted)
        .await;
    assert_eq!(found["dataset_summaries"][0]["context"], "training");
    run
}

async fn logged_models(desk: &Desk, experiment: &str, run: &str) {
    let new = json!({ "experiment_id": experiment, "name": "l", "source_run_id": run, "model_type": "agent" });
    let made = desk.tell("POST", "logged-models", new).await;
    let info = &made["model"]["info"];
    let id = text(&info["model_id"]);
    let own = format!("logged-models/{id}");
    let pair = json!([{ "key": "k", "value": "v" }]);
    let point = json!({ "run_id": run, "key": "m", "value": 1, "timestamp": 1, "model_id": id, "dataset_name": "d", "dataset_digest": "1" });
    desk.tell("POST", "runs/log-metric", point).await;
    let made_by = json!({ "run_id": run, "models": [{ "model_id": id, "step": 1 }] });
    desk.tell("POST", "runs/outputs", made_by).await;
    for (method, path, body) in [
        ("POST", "/params", json!({ "params": pair })),
        ("PATCH", "/tags", json!({ "tags": pair })),
        ("DELETE", "/tags/k", json!({})),
        ("PATCH", "", json!({ "status": "LOGGED_MODEL_READY" })),
    ] {
        desk.tell(method, &format!("{own}{path}"), body).await;
    }
    let found = desk.look(&own).await;
    assert_eq!(found["model"]["data"]["metrics"][0]["dataset_name"], "d");
    let wanted = json!({ "experiment_ids": [experiment], "order_by": [{ "field_name": "metrics.m", "dataset_name": "d" }] });
    desk.tell("POST", "logged-models/search", wanted).await;
    let uri = text(&info["artifact_uri"]);
    let place = uri.strip_prefix("mlflow-artifacts:/").unwrap();
    desk.upload(
        &format!("/api/2.0/mlflow-artifacts/artifacts/{place}/sub/f.txt"),
        "x",
    )
    .await;
    desk.look(&format!("{own}/artifacts/directories")).await;
    desk.look(&format!(
        "{own}/artifacts/files?artifact_file_path=sub/f.txt"
    ))
    .await;
    desk.tell("DELETE", &own, json!({})).await;
}

async fn registry(desk: &Desk, run: &str) {
    let new =
        json!({ "name": "m", "tags": [{ "key": "k", "value": "v" }], "description": "words" });
    desk.tell("POST", "registered-models/create", new).await;
    let source = format!("runs:/{run}/model");
    let version =
        json!({ "name": "m", "source": source, "run_id": run, "run_link": "l", "tags": [] });
    desk.tell("POST", "model-versions/create", version).await;
    let tag = json!({ "name": "m", "version": "1", "key": "t", "value": "1" });
    let of_model = json!({ "name": "m", "key": "t", "value": "1" });
    let alias = json!({ "name": "m", "alias": "best", "version": "1" });
    for (method, path, body) in [
        ("POST", "model-versions/set-tag", tag),
        ("POST", "registered-models/set-tag", of_model),
        ("POST", "registered-models/alias", alias),
        (
            "POST",
            "model-versions/transition-stage",
            json!({ "name": "m", "version": "1", "stage": "Staging" }),
        ),
        (
            "PATCH",
            "model-versions/update",
            json!({ "name": "m", "version": "1", "description": "d" }),
        ),
        (
            "PATCH",
            "registered-models/update",
            json!({ "name": "m", "description": "d" }),
        ),
        (
            "POST",
            "registered-models/get-latest-versions",
            json!({ "name": "m", "stages": [] }),
        ),
    ] {
        desk.tell(method, path, body).await;
    }
    for path in [
        "registered-models/get?name=m",
        "registered-models/search?max_results=1",
        "registered-models/get-latest-versions?name=m",
        "registered-models/alias?name=m&alias=best",
        "model-versions/get?name=m&version=1",
        "model-versions/search?filter=name%3D'm'",
        "model-versions/get-download-uri?name=m&version=1",
    ] {
        desk.look(path).await;
    }
    let query = json!({ "query": format!("{{ mlflowGetRun(input: {{runId: \"{run}\"}}) {{ run {{ modelVersions {{ name }} }} }} }}") });
    let found = desk.succeed("POST", "/graphql", query.to_string()).await;
    assert_eq!(
        found["data"]["mlflowGetRun"]["run"]["modelVersions"][0]["name"],
        "m"
    );
    desk.fetch("/graphql?query=%7Btest(inputString:%22a%22)%7Boutput%7D%7D")
        .await;
}

/// Takes away what [`registry`] made.
async fn no_registry(desk: &Desk) {
    for (path, body) in [
        (
            "registered-models/alias",
            json!({ "name": "m", "alias": "best" }),
        ),
        (
            "registered-models/delete-tag",
            json!({ "name": "m", "key": "t" }),
        ),
        (
            "model-versions/delete-tag",
            json!({ "name": "m", "version": "1", "key": "t" }),
        ),
        (
            "model-versions/delete",
            json!({ "name": "m", "version": "1" }),
        ),
    ] {
        desk.tell("DELETE", path, body).await;
    }
    let other = json!({ "name": "m", "new_name": "n" });
    desk.tell("POST", "registered-models/rename", other).await;
    desk.tell("DELETE", "registered-models/delete", json!({ "name": "n" }))
        .await;
}

async fn artifacts(desk: &Desk, run: &str) {
    let sent = format!("{API}/upload-artifact?run_uuid={run}&path=model/a.txt");
    desk.succeed("POST", &sent, "hello").await;
    desk.look(&format!("artifacts/list?run_id={run}&path=model"))
        .await;
    desk.fetch(&format!("/get-artifact?run_id={run}&path=model/a.txt"))
        .await;
    let found = desk.look(&format!("runs/get?run_id={run}")).await;
    let uri = text(&found["run"]["info"]["artifact_uri"]);
    let version = json!({ "name": "m", "source": format!("{uri}/model"), "run_id": run });
    let made = desk.tell("POST", "model-versions/create", version).await;
    let number = text(&made["model_version"]["version"]);
    desk.fetch(&format!(
        "/model-versions/get-artifact?name=m&version={number}&path=a.txt"
    ))
    .await;
    let proxy = "/api/2.0/mlflow-artifacts";
    desk.upload(&format!("{proxy}/artifacts/f/a.txt"), "1")
        .await;
    desk.fetch(&format!("{proxy}/artifacts?path=f")).await;
    desk.fetch(&format!("{proxy}/artifacts/f/a.txt")).await;
    let signed = desk.fetch(&format!("{proxy}/presigned/f/a.txt")).await;
    desk.fetch(&path_of(&signed["url"])).await;
    for end in ["complete", "abort"] {
        let new = json!({ "path": "big.bin", "num_parts": 1 }).to_string();
        let begun = desk
            .succeed("POST", &format!("{proxy}/mpu/create/f"), new)
            .await;
        let tag = desk
            .upload_part(&path_of(&begun["credentials"][0]["url"]))
            .await;
        let mut done = json!({ "path": "big.bin", "upload_id": begun["upload_id"] });
        if end == "complete" {
            done["parts"] = json!([{ "part_number": 1, "etag": tag }]);
        }
        let path = format!("{proxy}/mpu/{end}/f");
        desk.succeed("POST", &path, done.to_string()).await;
    }
    desk.succeed("DELETE", &format!("{proxy}/artifacts/f"), Body::empty())
        .await;
}

/// What follows the host in an address.
fn path_of(url: &Value) -> String {
    let url = text(url);
    let host = url.find("://").unwrap() + 3;
    url[host + url[host..].find('/').unwrap()..].to_owned()
}

async fn webhooks_and_users(desk: &Desk) {
    let event = json!({ "entity": "MODEL_VERSION", "action": "CREATED" });
    // Nothing answers at the port: that a webhook could not be reached is an answer.
    let new =
        json!({ "name": "w", "url": "http://127.0.0.1:1/", "events": [event], "description": "d" });
    let made = desk.tell("POST", "webhooks", new).await;
    let own = format!("webhooks/{}", text(&made["webhook"]["webhook_id"]));
    desk.look("webhooks?max_results=1").await;
    desk.look(&own).await;
    desk.tell("PATCH", &own, json!({ "status": "DISABLED" }))
        .await;
    let tried = desk.tell("POST", &format!("{own}/test"), json!({})).await;
    assert_eq!(tried["result"]["success"], false);
    desk.tell("DELETE", &own, json!({})).await;
    let user = json!({ "username": "ada", "password": "correct horse", "role": "viewer" });
    desk.tell("POST", "users/create", user).await;
    desk.look("users/get?username=ada").await;
    desk.look("users/list").await;
    for (method, path, more) in [
        (
            "PATCH",
            "update-password",
            json!({ "password": "battery staple" }),
        ),
        ("PATCH", "update-admin", json!({ "is_admin": false })),
        ("PATCH", "update-role", json!({ "role": "editor" })),
        ("DELETE", "delete", json!({})),
    ] {
        let mut body = more;
        body["username"] = "ada".into();
        desk.tell(method, &format!("users/{path}"), body).await;
    }
}

#[tokio::test]
async fn each_route_of_mlflow_answers_as_is_said() {
    let desk = Desk::with(|config| config.links.webhooks_to_private = true);
    let experiment = experiments(&desk).await;
    let run = runs(&desk, &experiment).await;
    logged_models(&desk, &experiment, &run).await;
    registry(&desk, &run).await;
    artifacts(&desk, &run).await;
    no_registry(&desk).await;
    webhooks_and_users(&desk).await;
    desk.tell("POST", "gateway-proxy", json!({})).await;
    desk.look("gateway-proxy").await;
    desk.fetch("/api/3.0/mlflow/server-info").await;
    desk.fetch("/version").await;
    let answered = desk.answered.lock().unwrap();
    let mut unasked = Vec::new();
    for (template, endpoints) in &desk.table {
        let is_of_mlflow = ["/api/2.0/mlflow", "/api/3.0/", "/graphql", "/version"]
            .iter()
            .any(|start| template.starts_with(start))
            || template.ends_with("/get-artifact")
            || template == "/get-artifact";
        let names = endpoints
            .iter()
            .map(|endpoint| format!("{} {template}", endpoint.method));
        unasked.extend(names.filter(|name| is_of_mlflow && !answered.contains(name)));
    }
    let known: Vec<&str> = NOT_WALKED.iter().map(|(name, _)| *name).collect();
    unasked.sort();
    assert_eq!(unasked, known);
}

#[tokio::test]
async fn what_workers_say_of_trials_is_answered_as_is_said() {
    let desk = Desk::new();
    let space =
        json!({ "parameters": [{ "name": "x", "type": "float", "low": 0.0, "high": 1.0 }] });
    let study = json!({ "name": "s", "space": space, "objectives": [{ "name": "loss" }], "algorithm": { "name": "random" } });
    desk.succeed("POST", "/api/studies", study.to_string())
        .await;
    let ask = json!({ "client": "w" }).to_string();
    let given = desk.succeed("POST", "/api/studies/s/suggest", ask).await;
    assert_eq!(given["trials"][0]["number"], 0);
    for (verb, said) in [
        ("heartbeat", json!({ "client": "w" })),
        ("attributes", json!({ "key": "host", "value": [1, 2] })),
        ("stop", json!({})),
    ] {
        let path = format!("/api/studies/s/trials/0/{verb}");
        desk.succeed("POST", &path, said.to_string()).await;
    }
}
