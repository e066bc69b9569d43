//! What pages say, and what they never do, by calls of the routes.

mod hostile;
mod lineage;
mod lists;
mod runs;
mod studies;

use crate::tests::Desk;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

impl Desk {
    /// A page as text; it must be there.
    async fn page(&self, address: &str) -> String {
        let (status, text) = self.any_page(address).await;
        assert_eq!(status, StatusCode::OK, "{address}: {text}");
        text
    }

    async fn any_page(&self, address: &str) -> (StatusCode, String) {
        let (status, body) = self.get(address).await;
        (status, String::from_utf8(body).unwrap())
    }

    /// A run with a name, params, metrics by step, and tags.
    async fn logged(&self, name: &str, about: Value) -> String {
        let answer = self
            .post(
                "runs/create",
                json!({ "run_name": name, "start_time": about["start"], "tags": about["tags"] }),
            )
            .await;
        let id = answer["run"]["info"]["run_id"].as_str().unwrap().to_owned();
        let mut metrics = Vec::new();
        for (key, values) in about["metrics"].as_object().into_iter().flatten() {
            for (step, value) in values.as_array().unwrap().iter().enumerate() {
                metrics.push(
                    json!({ "key": key, "value": value, "step": step, "timestamp": 1000 * step }),
                );
            }
        }
        let params: Vec<Value> = (about["params"].as_object().into_iter().flatten())
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
        self.post(
            "runs/log-batch",
            json!({ "run_id": id, "metrics": metrics, "params": params }),
        )
        .await;
        id
    }

    /// Puts a file among the artifacts of a run.
    async fn put(&self, run: &str, path: &str, bytes: &[u8]) {
        let address = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}");
        let request = Request::put(address)
            .body(Body::from(bytes.to_vec()))
            .unwrap();
        assert_eq!(self.send(request).await.0, StatusCode::OK);
    }
}

fn tag(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": value })
}

/// The text between tags, with single blanks.
fn words(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The page has the texts, in this order.
fn assert_in_order(page: &str, texts: &[&str]) {
    let mut rest = page;
    for text in texts {
        let Some(place) = rest.find(text) else {
            panic!("{text} is not there, or not in its place: {page}");
        };
        rest = &rest[place + text.len()..];
    }
}
