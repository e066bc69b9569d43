//! The graph around a run, a model or data.

use super::{Desk, tag, words};
use axum::http::StatusCode;
use serde_json::json;

async fn story(desk: &Desk) -> String {
    let run = desk.logged("train <1>", json!({ "metrics": {} })).await;
    desk.post("runs/log-inputs", json!({ "run_id": run, "datasets": [{
        "dataset": { "name": "churn", "digest": "d1", "source_type": "local", "source": "{\"uri\": \"churn.csv\"}" },
        "tags": [tag("mlflow.data.context", "training")],
    }] })).await;
    desk.post("registered-models/create", json!({ "name": "churn" }))
        .await;
    let version = json!({ "name": "churn", "source": format!("runs:/{run}/model"), "run_id": run });
    desk.post("model-versions/create", version).await;
    run
}

#[tokio::test]
async fn a_graph_runs_from_the_data_to_the_version() {
    let desk = Desk::new();
    let run = story(&desk).await;
    let page = desk.page("/lineage?of=churn/1").await;
    assert!(words(&page).contains("Lineage of churn/1"), "{page}");
    assert_eq!(page.matches("class=\"edge\"").count(), 2);
    assert!(
        page.contains(&format!("href=\"/runs/{run}\"")) && page.contains("href=\"/lineage?of=d1\"")
    );
    assert!(page.contains("train &lt;1&gt;") && !page.contains("train <1>"));
    for address in [format!("/runs/{run}"), "/models/churn/1".to_owned()] {
        assert!(
            desk.page(&address).await.contains("/lineage?of="),
            "{address}"
        );
    }

    let (status, body) = desk.get("/api/automl/lineage?of=churn.csv").await;
    assert_eq!(status, StatusCode::OK);
    let graph: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let distances: Vec<i64> = graph["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["distance"].as_i64().unwrap())
        .collect();
    assert_eq!(distances, [0, 1, 2]);
}

#[tokio::test]
async fn what_is_not_known_has_no_lineage() {
    let desk = Desk::new();
    for (address, status) in [
        ("/lineage?of=nothing", StatusCode::NOT_FOUND),
        ("/lineage", StatusCode::BAD_REQUEST),
        ("/api/automl/lineage?of=nothing", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(desk.any_page(address).await.0, status, "{address}");
    }
}
