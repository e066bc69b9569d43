//! Triton's extensions of the inference protocol: the model repository, statistics and configurations.

use super::*;

const INFER: &str = "/v2/models/e/infer";

fn tensors() -> String {
    let inputs = json!([
        { "name": "x", "shape": [2], "datatype": "FP64", "data": [0.25, null] },
        { "name": "word", "shape": [2], "datatype": "BYTES", "data": ["a", "yes"] },
    ]);
    json!({ "inputs": inputs }).to_string()
}

impl Desk {
    async fn index(&self, body: &str) -> Value {
        let answer = self.ask("/v2/repository/index", &[], body.to_owned()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// Has an endpoint loaded or unloaded.
    async fn turn(&self, endpoint: &str, what: &str, body: &str) -> Answer {
        let path = format!("/v2/repository/models/{endpoint}/{what}");
        self.ask(&path, &[], body.to_owned()).await
    }

    async fn read(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        serde_json::from_slice(&body).unwrap()
    }
}

#[tokio::test]
async fn the_index_lists_deployments_and_endpoints_that_do_not_answer() {
    let desk = Desk::endpoint(&[0.25, 0.5]).await;
    desk.api("POST", "", json!({ "name": "f" })).await;
    let ready = json!([
        { "name": "e", "version": "v1", "state": "READY" },
        { "name": "e", "version": "v2", "state": "READY" },
    ]);
    let mut all = ready.as_array().unwrap().clone();
    all.push(json!({ "name": "f", "state": "UNAVAILABLE", "reason": "nothing is deployed that answers" }));
    assert_eq!(desk.index("").await, Value::from(all.clone()));
    assert_eq!(desk.index("{\"ready\": false}").await, Value::from(all));
    assert_eq!(desk.index("{\"ready\": true}").await, ready);
    let odd = desk
        .ask("/v2/repository/index", &[], "{\"ready\": 1}")
        .await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
    assert!(odd.json()["error"].is_string());
}

#[tokio::test]
async fn an_endpoint_that_is_unloaded_answers_nobody_until_it_is_loaded() {
    let desk = Desk::endpoint(&[0.25]).await;
    desk.api("POST", "", json!({ "name": "f" })).await;
    desk.api("POST", "/f/deploy", json!({ "model": "sum/1" }))
        .await;
    for _ in 0..2 {
        let done = desk
            .turn(
                "e",
                "unload",
                "{\"parameters\": {\"unload_dependents\": true}}",
            )
            .await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    }
    let refused = desk.ask(INFER, &[], tensors()).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.text().contains("it was unloaded"));
    assert_eq!(
        desk.get("/v2/models/e/ready").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let shown = desk.api("GET", "/e", json!({})).await;
    assert_eq!(shown["endpoint"]["state"], "unloaded");
    assert_eq!(shown["endpoint"]["deployments"][0]["is_in_memory"], false);
    // A look at the record changes nothing of that, and others have the same version.
    desk.sync().await;
    assert_eq!(
        desk.index("{\"ready\": true}").await,
        json!([{ "name": "f", "version": "v1", "state": "READY" }])
    );
    let done = desk.turn("e", "load", "").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    assert_eq!(desk.ask(INFER, &[], tensors()).await.status, StatusCode::OK);
    let shown = desk.api("GET", "/e", json!({})).await;
    assert_eq!(shown["endpoint"]["state"], "serving");
}

#[tokio::test]
async fn a_change_loads_what_was_unloaded() {
    let desk = Desk::endpoint(&[0.25, 0.5]).await;
    desk.turn("e", "unload", "").await;
    let promoted = json!({ "deployment": "v2" });
    desk.api("POST", "/e/promote", promoted).await;
    assert_eq!(desk.version_met(&[]).await, 2);
}

#[tokio::test]
async fn a_model_that_went_from_memory_is_loaded_on_demand() {
    let desk = Desk::crowded(150, &[0.1, 0.2]).await;
    desk.version_met(&[("x-endpoint-deployment", "v2")]).await;
    assert_eq!(desk.in_memory().await, [false, true]);
    let done = desk.turn("e", "load", "{}").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
}

#[tokio::test]
async fn what_cannot_be_loaded_is_told() {
    let desk = Desk::endpoint(&[0.25]).await;
    desk.api("POST", "", json!({ "name": "f" })).await;
    let parameters = "{\"parameters\": {\"config\": \"{}\"}}";
    for (endpoint, what, body, status, told) in [
        ("g", "load", "", 404, "there is no endpoint 'g'"),
        ("g", "unload", "", 404, "there is no endpoint 'g'"),
        ("f", "load", "", 503, "nothing is deployed that answers"),
        (
            "e",
            "load",
            parameters,
            400,
            "the parameter 'config' is not taken",
        ),
        (
            "e",
            "unload",
            parameters,
            400,
            "the parameter 'config' is not taken",
        ),
        ("e", "load", "[", 400, "the body is not JSON"),
    ] {
        let answer = desk.turn(endpoint, what, body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        assert!(answer.text().contains(told), "{}", answer.text());
    }
    assert_eq!(desk.version_met(&[]).await, 1);
}

#[tokio::test]
async fn statistics_count_what_deployments_answered() {
    let desk = Desk::endpoint(&[0.25, 0.5]).await;
    for body in [tensors(), tensors(), "{}".into()] {
        desk.ask(INFER, &[], body).await;
    }
    let told = desk.read("/v2/models/e/versions/v1/stats").await;
    let of_v1 = &told["model_stats"][0];
    assert_eq!(
        (&of_v1["name"], &of_v1["version"]),
        (&json!("e"), &json!("v1"))
    );
    assert_eq!(of_v1["inference_count"], 4);
    assert_eq!(of_v1["execution_count"], 2);
    assert!(of_v1["last_inference"].as_u64() > Some(1_700_000_000_000));
    let phases = &of_v1["inference_stats"];
    assert_eq!(phases["success"]["count"], 2);
    assert_eq!(phases["fail"]["count"], 1);
    assert!(phases["fail"]["ns"].as_u64() > Some(0));
    let names = ["queue", "compute_input", "compute_infer", "compute_output"];
    let parts = names.map(|name| phases[name]["ns"].as_u64().unwrap());
    assert_eq!(phases["success"]["ns"], parts.iter().sum::<u64>());
    let of_e = desk.read("/v2/models/e/stats").await;
    let all = desk.read("/v2/models/stats").await;
    assert_eq!(of_e["model_stats"].as_array().unwrap().len(), 2);
    assert_eq!(of_e, all);
    assert_eq!(of_e["model_stats"][0], *of_v1);
    assert_eq!(
        desk.get("/v2/models/e/versions/v3/stats").await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn configurations_have_the_tensors_of_the_model() {
    let desk = Desk::endpoint(&[0.25]).await;
    let told = desk.read("/v2/models/e/config").await;
    assert_eq!(
        told,
        json!({
            "name": "e",
            "platform": "automl",
            "max_batch_size": 0,
            "input": [
                { "name": "x", "data_type": "TYPE_FP64", "dims": [-1] },
                { "name": "word", "data_type": "TYPE_STRING", "dims": [-1] },
            ],
            "output": [
                { "name": "prediction", "data_type": "TYPE_STRING", "dims": [-1] },
                { "name": "probabilities", "data_type": "TYPE_FP64", "dims": [-1, 2] },
            ],
            "backend": "automl",
        })
    );
    assert_eq!(desk.read("/v2/models/e/versions/1/config").await, told);
}

#[tokio::test]
async fn extensions_are_told_that_there_are() {
    let desk = Desk::endpoint(&[0.25]).await;
    let told = desk.read("/v2").await;
    assert_eq!(
        told["extensions"],
        json!([
            "binary_tensor_data",
            "model_configuration",
            "model_repository",
            "statistics"
        ])
    );
    let alone = Desk::with(|config| config.only_endpoints = true);
    let (status, version) = alone.get("/version").await;
    assert_eq!(
        (status, version),
        (StatusCode::OK, crate::mlflow::VERSION.as_bytes().to_vec()),
        "as MLflow's scoring server has it"
    );
    let told = alone.read("/v2").await;
    assert_eq!(
        told["extensions"],
        json!(["binary_tensor_data", "model_configuration", "statistics"])
    );
    assert_eq!(
        alone.turn("e", "unload", "").await.status,
        StatusCode::NOT_FOUND
    );
}
