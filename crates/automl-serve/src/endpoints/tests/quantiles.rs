//! Models of quantiles: each level is told in every protocol by the column that `automl predict` writes.

use super::super::v2::testing::{Contents, Given, Saying, ask_grpc_saying};
use super::*;
use automl_store::captures::Captures;

/// An endpoint `e` whose model predicts three quantiles of a row.
async fn quantiles() -> Desk {
    let desk = Desk::new();
    desk.api("POST", "", json!({ "name": "e", "max_at_once": 4 }))
        .await;
    let said = model([0.1, 0.5, 0.9]);
    deploy(&desk, said, false).await;
    desk
}

fn model(levels: [f64; 3]) -> Value {
    json!({ "bias": 2.0, "predicts": "quantiles", "levels": levels })
}

async fn deploy(desk: &Desk, manifest: Value, is_shadow: bool) {
    let version = desk.register(manifest).await;
    let model = format!("sum/{version}");
    let said =
        json!({ "model": model, "is_shadow": is_shadow, "allow_signature_change": is_shadow });
    desk.api("POST", "/e/deploy", said).await;
}

fn rows() -> Value {
    json!([{ "x": 1, "word": "a" }, { "x": 3, "word": "a" }])
}

fn tensors() -> Value {
    json!([
        { "name": "x", "shape": [2], "datatype": "FP64", "data": [1.0, 3.0] },
        { "name": "word", "shape": [2], "datatype": "BYTES", "data": ["a", "a"] },
    ])
}

const ROWS: &str = "/endpoints/e/predict";
const SCORING: &str = "/endpoints/e/invocations";
const INFER: &str = "/v2/models/e/infer";
const VERTEX: &str = "/v1/projects/p/locations/l/endpoints/e:predict";

#[tokio::test]
async fn rows_are_answered_with_a_list_a_level() {
    let desk = quantiles().await;
    let body = json!({ "rows": rows() }).to_string();
    let answer = desk.ask(ROWS, &[], body).await.json();
    assert_eq!(
        answer["prediction"],
        json!({ "quantile_0.1": [4.0, 6.0], "quantile_0.5": [8.0, 10.0], "quantile_0.9": [12.0, 14.0] })
    );
    assert_eq!(answer["probabilities"], Value::Null);
}

#[tokio::test]
async fn an_arrow_stream_has_a_column_a_level() {
    let desk = quantiles().await;
    let accept = [("accept", "application/vnd.apache.arrow.stream")];
    let body = json!({ "rows": rows() }).to_string();
    let answer = desk.ask(ROWS, &accept, body).await;
    assert_eq!(
        answer.text(),
        "stream:quantile_0.1,quantile_0.5,quantile_0.9\n4,8,12\n6,10,14\n"
    );
}

#[tokio::test]
async fn the_scoring_server_answers_with_an_object_a_row_or_a_line_of_them() {
    let desk = quantiles().await;
    let body = json!({ "dataframe_records": rows() }).to_string();
    let answer = desk.ask(SCORING, &[], body).await.json();
    assert_eq!(
        answer,
        json!({ "predictions": [
            { "quantile_0.1": 4.0, "quantile_0.5": 8.0, "quantile_0.9": 12.0 },
            { "quantile_0.1": 6.0, "quantile_0.5": 10.0, "quantile_0.9": 14.0 },
        ] })
    );
    for (accept, told) in [
        ("text/csv", "4.0,8.0,12.0\n6.0,10.0,14.0\n"),
        (
            "application/jsonlines",
            "{\"quantile_0.1\":4.0,\"quantile_0.5\":8.0,\"quantile_0.9\":12.0}\n{\"quantile_0.1\":6.0,\"quantile_0.5\":10.0,\"quantile_0.9\":14.0}\n",
        ),
    ] {
        let headers = [("content-type", "text/csv"), ("accept", accept)];
        let answer = desk.ask(SCORING, &headers, "1,a\n3,a\n").await;
        assert_eq!(answer.text(), told);
    }
}

#[tokio::test]
async fn vertex_is_told_predictions_beside_their_levels() {
    let desk = quantiles().await;
    let body = json!({ "instances": rows() }).to_string();
    let answer = desk.ask(VERTEX, &[], body).await.json();
    assert_eq!(
        answer["predictions"],
        json!([
            { "quantileValues": [0.1, 0.5, 0.9], "quantilePredictions": [4.0, 8.0, 12.0] },
            { "quantileValues": [0.1, 0.5, 0.9], "quantilePredictions": [6.0, 10.0, 14.0] },
        ])
    );
}

#[tokio::test]
async fn the_inference_protocol_has_an_output_a_level_and_lists_them() {
    let desk = quantiles().await;
    let answer = desk
        .ask(INFER, &[], json!({ "inputs": tensors() }).to_string())
        .await;
    let output = |name: &str, values: [f64; 2]| json!({ "name": name, "datatype": "FP64", "shape": [2], "data": values });
    assert_eq!(
        answer.json()["outputs"],
        json!([
            output("quantile_0.1", [4.0, 6.0]),
            output("quantile_0.5", [8.0, 10.0]),
            output("quantile_0.9", [12.0, 14.0]),
        ])
    );
    let one = json!({ "inputs": tensors(), "outputs": [{ "name": "quantile_0.9" }] });
    let answer = desk.ask(INFER, &[], one.to_string()).await;
    assert_eq!(
        answer.json()["outputs"],
        json!([output("quantile_0.9", [12.0, 14.0])])
    );
    let other = json!({ "inputs": tensors(), "outputs": [{ "name": "prediction" }] });
    let answer = desk.ask(INFER, &[], other.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let told = "no output 'prediction'; it has quantile_0.1 and quantile_0.5 and quantile_0.9";
    assert!(answer.text().contains(told), "{}", answer.text());
    let (_, about) = desk.get("/v2/models/e").await;
    let about: Value = serde_json::from_slice(&about).unwrap();
    let listed = |name: &str| json!({ "name": name, "datatype": "FP64", "shape": [-1] });
    assert_eq!(
        about["outputs"],
        json!([
            listed("quantile_0.1"),
            listed("quantile_0.5"),
            listed("quantile_0.9"),
        ])
    );
}

#[tokio::test]
async fn an_interval_an_explanation_a_threshold_and_probabilities_are_refused_in_each_form() {
    let desk = quantiles().await;
    let of_quantiles = [
        (
            json!({ "interval": 0.8 }),
            "the model predicts quantiles, which are the ends of intervals themselves",
        ),
        (
            json!({ "explain": true }),
            "the model predicts quantiles, and what columns did is not told of them",
        ),
        (
            json!({ "threshold": 0.5 }),
            "a threshold is for two classes",
        ),
        (
            json!({ "probabilities": true }),
            "probabilities are of classes",
        ),
    ];
    for (wanted, told) in of_quantiles {
        let mut plain = wanted.clone();
        plain["rows"] = rows();
        let mut bodies = vec![
            (ROWS, plain, "/message"),
            (
                SCORING,
                json!({ "inputs": rows(), "params": wanted }),
                "/message",
            ),
            (
                VERTEX,
                json!({ "instances": rows(), "parameters": wanted }),
                "/error/message",
            ),
        ];
        // V2 tells probabilities as an output.
        if wanted["probabilities"].is_null() {
            let body = json!({ "inputs": tensors(), "parameters": wanted });
            bodies.push((INFER, body, "/error"));
        }
        for (path, body, place) in bodies {
            let answer = desk.ask(path, &[], body.to_string()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {wanted}");
            let answer = answer.json();
            let message = answer.pointer(place).and_then(Value::as_str).unwrap();
            assert!(message.starts_with(told), "{path}: {message}");
        }
    }
    let given = Given {
        model: "e",
        version: "",
        numbers: &[1.0],
        words: &["a"],
        contents: Contents::Raw,
        deployment: None,
    };
    for parameter in [("interval", "0.8"), ("threshold", "0.5")] {
        let saying = Saying {
            parameters: &[parameter],
            ..Saying::default()
        };
        let refused = ask_grpc_saying(&desk.router(), &given, saying).await;
        assert_eq!(refused.unwrap_err(), tonic::Code::InvalidArgument);
    }
}

#[tokio::test]
async fn a_level_is_kept_as_a_column_and_a_truth_is_a_number() {
    let desk = quantiles().await;
    desk.api("POST", "/e/capture", json!({ "rate": 1 })).await;
    let id = [("x-request-id", "first")];
    let body = json!({ "rows": rows() }).to_string();
    desk.ask(ROWS, &id, body).await;
    let captor = desk.app.fleet.captor().clone();
    tokio::task::spawn_blocking(move || captor.flush())
        .await
        .unwrap();
    let captures = Captures::new(&desk.directory.path().join("captures"), seal);
    let files = captures.files("e").unwrap();
    let text = std::fs::read_to_string(&files[0].path).unwrap();
    let lines: Vec<Value> = (text.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let columns = lines[0]["columns"].as_array().unwrap();
    let place = |name: &str| columns.iter().position(|column| column["name"] == name);
    let first = place("quantile_0.1").expect("there is a column a level");
    let known = ["quantile_0.1", "quantile_0.5", "quantile_0.9", "x", "word"];
    for (nth, name) in known.into_iter().enumerate() {
        assert_eq!(columns[first + nth]["name"], name);
    }
    assert_eq!(place("prediction"), None);
    assert_eq!(columns[first]["kind"], "number");
    let cells = |line: &Value| Value::from(line.as_array().unwrap()[first..].to_vec());
    assert_eq!(cells(&lines[1]), json!([4.0, 8.0, 12.0, 1.0, "a"]));
    assert_eq!(cells(&lines[2]), json!([6.0, 10.0, 14.0, 3.0, "a"]));
    for (truth, status) in [
        (json!(5.5), StatusCode::OK),
        (json!("yes"), StatusCode::BAD_REQUEST),
    ] {
        let body = json!({ "truths": [{ "request_id": "first", "truth": truth }] });
        let answer = desk.ask("/endpoints/e/feedback", &[], body.to_string());
        assert_eq!(answer.await.status, status, "{truth}");
    }
}

#[tokio::test]
async fn a_version_of_other_levels_does_not_fit() {
    let desk = quantiles().await;
    let version = desk.register(model([0.2, 0.5, 0.8])).await;
    let said = json!({ "model": format!("sum/{version}") });
    let told = desk.misfit("/e/deploy", said).await;
    assert!(
        told.contains("predicts quantile_0.2, quantile_0.5, quantile_0.8"),
        "{told}"
    );
    // In the shadow it says something else, not the same in other words.
    deploy(&desk, model([0.2, 0.5, 0.8]), true).await;
    desk.ask(ROWS, &[], json!({ "rows": rows() }).to_string())
        .await;
    let compared = "automl_endpoint_shadow_requests_total{";
    let found = loop {
        let (_, metrics) = desk.get("/metrics").await;
        let metrics = String::from_utf8(metrics).unwrap();
        let mut lines = metrics.lines().filter(|line| line.starts_with(compared));
        if let Some(line) = lines.find(|line| !line.ends_with(" 0")) {
            break line.to_owned();
        }
    };
    assert!(found.contains("outcome=\"other\""), "{found}");
}
