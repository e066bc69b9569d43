//! The protocols over HTTP: what they take and give, and what they say of what they do not take.

use super::super::RootEndpoint;
use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");

async fn predict(desk: &Desk, body: Value) -> Answer {
    desk.ask("/endpoints/e/predict", &[JSON], body.to_string())
        .await
}

#[tokio::test]
async fn rows_and_columns_give_the_same() {
    let desk = Desk::endpoint(&[0.25]).await;
    let expected = json!({
        "endpoint": "e",
        "deployment": "v1",
        "model": "sum",
        "version": 1,
        "prediction": ["no", "yes", "yes"],
        "probabilities": { "no": [0.5, 0.0, 0.25], "yes": [0.5, 1.0, 0.75] },
    });
    for body in [
        json!({ "rows": [{ "x": 0.25, "word": "a" }, { "word": "yes", "x": 0 }, { "x": "0.5", "word": null, "y": [1] }] }),
        json!({ "rows": [[0.25, "a"], [0, "yes"], [0.5, null]] }),
        json!({ "columns": { "word": ["a", "yes", "b"], "x": [0.25, null, 0.5], "y": 3 } }),
    ] {
        let answer = predict(&desk, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json(), expected);
    }
    let moved = json!({ "threshold": 0.9, "rows": [[0.5, "a"]] });
    assert_eq!(
        predict(&desk, moved).await.json()["prediction"],
        json!(["no"])
    );
    let none = predict(&desk, json!({ "rows": [] })).await;
    assert_eq!(none.json()["prediction"], json!([]));
}

/// Bodies that are refused, with the code and the words.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        r#"{"rows": [{"x": 1, "word": "a"}, {"x": 1, "wrod": "a"}]}"#,
        "score-column-unknown",
        "the model has no column 'wrod'; did you mean word?",
    ),
    (
        r#"{"rows": [{"x": 1}]}"#,
        "score-column-missing",
        "a column is missing in row 1: word; send null",
    ),
    (
        r#"{"rows": [{"x": true, "word": "a"}]}"#,
        "score-cell",
        "row 1: Boolean(true) is of another kind",
    ),
    (
        r#"{"rows": [{"x": [[[[1]]]], "word": "a"}]}"#,
        "score-cell",
        "row 1: column 'x' holds a list where a value should be",
    ),
    (
        r#"{"rows": [{"x": {"a": 1}, "word": "a"}]}"#,
        "score-cell",
        "row 1: column 'x' holds an object",
    ),
    (
        r#"{"rows": [{"x": 1, "x": 2, "word": "a"}]}"#,
        "score-cell",
        "row 1: column 'x' stands there twice",
    ),
    (
        r#"{"rows": [[1]]}"#,
        "score-cell",
        "row 1: it has another number of values than there are columns, 2",
    ),
    (
        r#"{"rows": [[1, "a", 2]]}"#,
        "score-cell",
        "row 1: it has another number",
    ),
    (
        r#"{"rows": [3]}"#,
        "score-form",
        "a row: an object with a value for each column",
    ),
    (
        r#"{"rows": [{"x": NaN, "word": "a"}]}"#,
        "score-json",
        "NaN and Infinity are not JSON, send null",
    ),
    (
        r#"{"rows": [{"x": 1e999, "word": "a"}]}"#,
        "score-json",
        "number out of range",
    ),
    (
        r#"{"columns": {"x": [1]}}"#,
        "score-column-missing",
        "a column is missing: word",
    ),
    (
        r#"{"columns": {"x": [1], "word": []}}"#,
        "score-lengths",
        "column 'word' has 0 values where others have 1",
    ),
    (
        r#"{"columns": {"x": [1, 2], "word": ["a"]}}"#,
        "score-lengths",
        "column 'word' has 1 values where others have 2",
    ),
    (
        r#"{"columns": {"x": [1], "x": [2], "word": ["a"]}}"#,
        "score-form",
        "column 'x' stands there twice",
    ),
    (
        r#"{"rows": [], "columns": {}}"#,
        "score-form",
        "one of the two",
    ),
    (
        r#"{"rows": [], "treshold": 1}"#,
        "score-form",
        "'treshold' is not understood",
    ),
    (
        r#"{"rows": [], "threshold": 2}"#,
        "score-form",
        "a threshold is from 0 to 1",
    ),
    (
        r#"{"columns": {}}"#,
        "score-column-missing",
        "columns are missing: x, word",
    ),
    (r"{}", "score-form", "neither rows nor columns"),
    (r"[]", "score-form", "an object with rows or columns"),
    (
        r#"{"rows": [1]}"#,
        "score-form",
        "the body has another form: invalid type: integer `1`",
    ),
    (r#"{"rows": []} x"#, "score-json", "trailing characters"),
    ("", "score-json", "EOF"),
];

#[tokio::test]
async fn what_is_wrong_is_named() {
    let desk = Desk::endpoint(&[0.25]).await;
    for &(body, code, told) in REFUSED {
        let answer = desk.ask("/endpoints/e/predict", &[JSON], body).await;
        let found = answer.json();
        assert_eq!(
            (answer.status, &found["error_code"]),
            (StatusCode::BAD_REQUEST, &json!(code)),
            "{body}: {found}"
        );
        let message = found["message"].as_str().unwrap();
        assert!(message.contains(told), "{body}: {message}");
    }
    let deep = format!("{{\"rows\": {}", "[".repeat(1_000_000));
    let answer = desk.ask("/endpoints/e/predict", &[JSON], deep).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
}

#[tokio::test]
async fn bodies_have_bounds() {
    let desk = Desk::endpoint(&[0.25]).await;
    let ask = async |headers: &[(&str, &str)], body: String| {
        let answer = desk.ask("/endpoints/e/predict", headers, body).await;
        (answer.status.as_u16(), answer.json()["error_code"].clone())
    };
    let zipped = ask(&[("content-encoding", "gzip")], "x".into()).await;
    assert_eq!(zipped, (415, json!("score-compressed")));
    let other = ask(&[("content-type", "text/plain")], "x".into()).await;
    assert_eq!(other, (415, json!("score-content-kind")));
    let told = [("content-length", "99999999999")];
    assert_eq!(
        ask(&told, String::new()).await,
        (413, json!("score-too-long"))
    );
    let tensors = desk.ask("/v2/models/e/infer", &told, "").await;
    assert_eq!(tensors.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(tensors.json()["error"].is_string());
    let long = format!("{{\"rows\": [{}]}}", " ".repeat(crate::fields::BODY_MAX));
    assert_eq!(ask(&[], long).await, (413, json!("score-too-long")));
    let rows = "[0,\"\"],".repeat(1_000_000);
    let many = format!("{{\"rows\": [{rows}[0,\"\"]]}}");
    assert_eq!(ask(&[], many).await, (413, json!("score-too-many-rows")));
}

#[tokio::test]
async fn a_model_that_panics_fails_its_own_request_alone() {
    let desk = Desk::endpoint(&[0.25]).await;
    let answer = predict(&desk, json!({ "rows": [[0, "panic"]] })).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.json()["error_code"], "score-failed");
    assert_eq!(desk.version_met(&[]).await, 1);
}

#[tokio::test]
async fn who_finds_no_room_is_told_when_to_come_again() {
    let desk = Desk::endpoint(&[0.25]).await;
    let live = desk.app.fleet.find("e").unwrap();
    let places = Arc::clone(&live.room).acquire_many_owned(4).await.unwrap();
    let answer = predict(&desk, json!({ "rows": [[0, "a"]] })).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    assert_eq!(answer.json()["error_code"], "endpoint-busy");
    drop(places);
    assert_eq!(desk.version_met(&[]).await, 1);
}

#[tokio::test]
async fn requests_together_take_no_more_memory_than_they_may() {
    let desk = Desk::with(|config| config.requests_n_bytes_max = 1 << 20);
    desk.api("POST", "", json!({ "name": "e" })).await;
    let version = desk.register(json!({ "bias": 0.25 })).await;
    let model = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", model).await;
    let row = "[0,\"a\"],".repeat(30_000);
    let body = || format!("{{\"rows\":[{row}[0,\"a\"]]}}");
    let length = body().len().to_string();
    let headers = [JSON, ("content-length", length.as_str())];
    let known = desk.ask("/endpoints/e/predict", &headers, body()).await;
    // There will never be room for what it announces.
    assert_eq!(known.status, StatusCode::PAYLOAD_TOO_LARGE);
    let chunk = Ok::<_, std::io::Error>(body());
    let chunks = Body::from_stream(futures_util::stream::iter([chunk]));
    let streamed = desk.ask("/endpoints/e/predict", &[JSON], chunks).await;
    assert_eq!(streamed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(streamed.json()["error_code"], "score-no-memory");
    let small = desk.ask("/endpoints/e/predict", &[JSON], "{}").await;
    assert_eq!(small.json()["error_code"], "score-form");
}

#[tokio::test]
async fn an_endpoint_without_deployments_says_so() {
    let desk = Desk::endpoint(&[]).await;
    let answer = predict(&desk, json!({ "rows": [] })).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.text().contains("nothing is deployed"),
        "{}",
        answer.text()
    );
    let (status, _) = desk.get("/endpoints/e/ping").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let answer = desk.ask("/endpoints/d/predict", &[], "{}").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["message"], "there is no endpoint 'd'");
}

#[tokio::test]
async fn mlflows_forms_are_read() {
    let desk = Desk::endpoint(&[0.25]).await;
    for body in [
        json!({ "dataframe_split": { "columns": ["word", "y", "x"], "index": [0, 1], "data": [["a", [], 0.2], ["yes", 0, 0]] } }),
        json!({ "dataframe_split": { "data": [["a", 0.2], ["yes", 0]], "columns": ["word", "x"] } }),
        json!({ "dataframe_records": [{ "x": 0.2, "word": "a" }, { "x": 0, "word": "yes" }], "params": {} }),
        json!({ "instances": [{ "x": 0.2, "word": "a" }, { "x": 0, "word": "yes" }] }),
        json!({ "instances": [[0.2, "a"], [0, "yes"]] }),
        json!({ "inputs": { "x": [0.2, 0], "word": ["a", "yes"] }, "params": null }),
        json!({ "inputs": [{ "x": 0.2, "word": "a" }, { "x": 0, "word": "yes" }] }),
    ] {
        let answer = desk
            .ask("/endpoints/e/invocations", &[JSON], body.to_string())
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.text());
        assert_eq!(answer.json(), json!({ "predictions": ["no", "yes"] }));
        assert_eq!(answer.headers["x-amzn-invoked-production-variant"], "v1");
    }
    let unknown =
        r#"{"dataframe_split": {"columns": ["x", "word"], "data": [[NaN, "NaN"], [NaN, "yes"]]}}"#;
    let answer = desk.ask("/endpoints/e/invocations", &[JSON], unknown).await;
    assert_eq!(answer.json(), json!({ "predictions": ["no", "yes"] }));
    let csv = desk
        .ask(
            "/endpoints/e/invocations",
            &[("content-type", "text/csv; charset=utf-8")],
            "x,word\n0.2,a\n0,yes\n",
        )
        .await;
    assert_eq!(csv.json(), json!({ "predictions": ["no", "yes"] }));
    for (path, told) in [("ping", "\n"), ("version", crate::mlflow::VERSION)] {
        let (status, body) = desk.get(&format!("/endpoints/e/{path}")).await;
        assert_eq!((status, body), (StatusCode::OK, told.as_bytes().to_vec()));
    }
}

#[tokio::test]
async fn mlflows_errors_have_its_form() {
    let desk = Desk::endpoint(&[0.25]).await;
    for (body, code, told) in [
        (json!({}), "BAD_REQUEST", "none of dataframe_split"),
        (
            json!({ "dataframe_split": { "columns": ["x", "x"], "data": [] } }),
            "BAD_REQUEST",
            "column 'x' stands there twice",
        ),
        (
            json!({ "dataframe_split": { "data": [[1]] } }),
            "BAD_REQUEST",
            "has no columns",
        ),
        (
            json!({ "dataframe_split": { "columns": ["x"], "data": [[1]] } }),
            "BAD_REQUEST",
            "missing in row 1: word",
        ),
        (
            json!({ "dataframe_records": [{ "z": 1 }] }),
            "BAD_REQUEST",
            "no column 'z'",
        ),
        (
            json!({ "instances": [[0, "a"]], "params": { "k": 1 } }),
            "BAD_REQUEST",
            "'k' of params is not understood",
        ),
        (
            json!({ "instances": [], "inputs": [] }),
            "BAD_REQUEST",
            "once",
        ),
    ] {
        let answer = desk
            .ask("/endpoints/e/invocations", &[JSON], body.to_string())
            .await;
        let found = answer.json();
        assert_eq!(
            (answer.status, &found["error_code"]),
            (StatusCode::BAD_REQUEST, &json!(code)),
            "{body}: {found}"
        );
        assert!(
            found["message"].as_str().unwrap().contains(told),
            "{body}: {found}"
        );
    }
    let odd = desk
        .ask(
            "/endpoints/e/invocations",
            &[("content-type", "text/csv")],
            "x,word\nz\n",
        )
        .await;
    assert_eq!(odd.json()["code"], "score-table");
}

#[tokio::test]
async fn vertex_asks_by_its_own_path() {
    let desk = Desk::endpoint(&[0.25]).await;
    let path = "/v1/projects/p/locations/l/endpoints/e:predict";
    let body = json!({ "instances": [{ "x": 0.25, "word": "a" }], "parameters": {} });
    let answer = desk.ask(path, &[JSON], body.to_string()).await;
    let found = answer.json();
    assert_eq!(answer.status, StatusCode::OK, "{found}");
    assert_eq!(
        found["predictions"],
        json!([{ "classes": ["no", "yes"], "scores": [0.5, 0.5] }])
    );
    assert_eq!(
        (&found["deployedModelId"], &found["modelVersionId"]),
        (&json!("v1"), &json!("1"))
    );
    let body = json!({ "instances": [{ "x": 0.25 }] });
    let answer = desk.ask(path, &[JSON], body.to_string()).await;
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["code"], &error["status"]),
        (&json!(400), &json!("INVALID_ARGUMENT"))
    );
    let other = desk
        .ask(
            "/v1/projects/p/locations/l/endpoints/e:explain",
            &[JSON],
            "{}",
        )
        .await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_endpoint_may_answer_at_the_root() {
    let desk = Desk::endpoint(&[0.25]).await;
    let body = json!({ "instances": [[0, "yes"]] }).to_string();
    let nowhere = desk.ask("/invocations", &[JSON], body.clone()).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert!(
        nowhere.text().contains("--root-endpoint"),
        "{}",
        nowhere.text()
    );
    let desk = Desk::with(|config| config.root_endpoint = Some("e".into()));
    assert_eq!(desk.get("/ping").await.0, StatusCode::NOT_FOUND);
    desk.api("POST", "", json!({ "name": "e" })).await;
    assert_eq!(desk.get("/ping").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let version = desk.register(json!({ "bias": 0.25 })).await;
    let model = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", model).await;
    assert_eq!(desk.get("/ping").await.0, StatusCode::OK);
    let answer = desk.ask("/invocations", &[JSON], body).await;
    assert_eq!(answer.json(), json!({ "predictions": ["yes"] }));
}

#[tokio::test]
async fn the_root_may_be_reached_at_other_paths() {
    let predict = "/v1/endpoints/1/deployedModels/2:predict";
    let desk = Desk::with(|config| {
        config.root_endpoint = Some(RootEndpoint {
            // What answers elsewhere by this path is the server's own.
            health: Some("/health".parse().unwrap()),
            predict: Some(predict.parse().unwrap()),
            ..RootEndpoint::from("e")
        });
        config.only_endpoints = true;
    });
    assert_eq!(desk.get("/health").await.0, StatusCode::NOT_FOUND);
    let body = || json!({ "instances": [[0, "yes"]] }).to_string();
    let silent = desk.ask(predict, &[JSON], body()).await;
    assert_eq!(silent.json()["message"], "there is no endpoint 'e'");
    assert_eq!(desk.get(predict).await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.get("/ready").await.0, StatusCode::OK);
    let plain = Desk::with(|config| config.root_endpoint = Some("e".into()));
    assert_eq!(plain.get("/health").await.0, StatusCode::OK);
}

#[tokio::test]
async fn predictions_are_asked_for_at_the_paths_of_a_container() {
    let predict = "/predict";
    let desk = Desk::with(|config| {
        config.root_endpoint = Some(RootEndpoint {
            health: Some("/health".parse().unwrap()),
            predict: Some(predict.parse().unwrap()),
            ..RootEndpoint::from("e")
        });
    });
    desk.api("POST", "", json!({ "name": "e" })).await;
    assert_eq!(desk.get("/health").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let version = desk.register(json!({ "bias": 0.25 })).await;
    let model = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", model).await;
    assert_eq!(desk.get("/health").await.0, StatusCode::OK);
    let body = json!({ "instances": [[0, "yes"]] }).to_string();
    for path in [predict, "/invocations"] {
        let answer = desk.ask(path, &[JSON], body.clone()).await;
        assert_eq!(answer.json(), json!({ "predictions": ["yes"] }), "{path}");
    }
    let asked = format!("{predict}?probabilities=true");
    let answer = desk.ask(&asked, &[JSON], body).await;
    assert_eq!(answer.json()["probabilities"]["yes"], json!([1.0]));
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_told_in_json() {
    let desk = Desk::endpoint(&[0.25]).await;
    let request = Request::put("/endpoints/e/predict").body(Body::empty());
    let answer = desk.router().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers()["allow"], "POST");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["error_code"], "method-not-allowed");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_predicted() {
    let desk = Desk::endpoint(&[0.25]).await;
    let body = json!({ "rows": [[0, "panic"]] }).to_string();
    let headers = [JSON, ("x-request-timeout-ms", "0")];
    let late = desk
        .ask("/endpoints/e/predict", &headers, body.clone())
        .await;
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(late.json()["error_code"], "score-time-over");
    let headers = [JSON, ("x-request-timeout-ms", "60000")];
    let begun = desk.ask("/endpoints/e/predict", &headers, body).await;
    assert_eq!(begun.json()["error_code"], "score-failed", "it was tried");
}
