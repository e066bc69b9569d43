//! What `/metrics` says of requests, also under the names of Triton and KServe.

use super::*;

const PREDICT: &str = "/endpoints/e/predict";

async fn told(desk: &Desk) -> String {
    String::from_utf8(desk.get("/metrics").await.1).unwrap()
}

/// The value of a line that is told.
fn value(text: &str, name: &str) -> f64 {
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("{name} is not told:\n{text}"));
    value.parse().unwrap()
}

#[tokio::test]
async fn requests_are_told_as_triton_and_kserve_tell_them() {
    let desk = Desk::endpoint(&[0.25]).await;
    for n_rows in [1, 2] {
        let rows = vec![json!({ "x": 0, "word": "a" }); n_rows];
        let answer = desk
            .ask(PREDICT, &[], json!({ "rows": rows }).to_string())
            .await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    desk.ask(PREDICT, &[], "{}").await;
    let panics = json!({ "rows": [{ "x": 0, "word": "panic" }] });
    desk.ask(PREDICT, &[], panics.to_string()).await;
    let late = json!({ "rows": [{ "x": 0, "word": "a" }] }).to_string();
    desk.ask(PREDICT, &[("x-request-timeout-ms", "0")], late)
        .await;
    let text = told(&desk).await;
    let of = |name: &str| value(&text, &format!("{name}{{model=\"e\",version=\"v1\"}}"));
    assert!(text.contains("# TYPE nv_inference_count unknown\n"));
    for (name, wanted) in [
        ("nv_inference_request_success", 2.0),
        ("nv_inference_count", 3.0),
        // The one that panicked among them.
        ("nv_inference_exec_count", 3.0),
        ("nv_inference_pending_request_count", 0.0),
    ] {
        assert_eq!(of(name), wanted, "{name}");
    }
    for (reason, wanted) in [
        ("REJECTED", 1.0),
        ("CANCELED", 0.0),
        ("BACKEND", 1.0),
        ("OTHER", 1.0),
    ] {
        let name = format!(
            "nv_inference_request_failure{{model=\"e\",version=\"v1\",reason=\"{reason}\"}}"
        );
        assert_eq!(value(&text, &name), wanted, "{reason}");
    }
    let parts = ["queue", "compute_input", "compute_infer", "compute_output"];
    let parts = parts.map(|part| of(&format!("nv_inference_{part}_duration_us")));
    let whole = of("nv_inference_request_duration_us");
    // Each is cut to whole microseconds.
    assert!((whole - parts.iter().sum::<f64>()).abs() <= 4.0, "{text}");
    for (phase, n) in [
        ("preprocess", 2.0),
        ("predict", 2.0),
        ("postprocess", 2.0),
        ("explain", 0.0),
    ] {
        let name = format!("request_{phase}_seconds_count{{model_name=\"e\"}}");
        assert_eq!(value(&text, &name), n, "{phase}");
    }
}

#[tokio::test]
async fn latencies_are_told_by_phase() {
    let desk = Desk::new();
    desk.api("POST", "", json!({ "name": "e" })).await;
    let version = desk
        .register(json!({ "bias": 0.5, "predicts": "numbers" }))
        .await;
    let said = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", said).await;
    let mut body = json!({ "rows": [{ "x": 0, "word": "a" }] });
    desk.ask(PREDICT, &[], body.to_string()).await;
    body["explain"] = json!(true);
    let answer = desk.ask(PREDICT, &[], body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let text = told(&desk).await;
    let labels = "endpoint=\"e\",deployment=\"v1\",model=\"sum\",version=\"1\"";
    for (phase, n) in [
        ("read", 2.0),
        ("queue", 2.0),
        ("predict", 2.0),
        ("explain", 1.0),
        ("write", 2.0),
    ] {
        let name = "automl_endpoint_phase_duration_seconds_count";
        let name = format!("{name}{{{labels},phase=\"{phase}\"}}");
        assert_eq!(value(&text, &name), n, "{phase}");
    }
    let name = format!("automl_endpoint_duration_seconds_count{{{labels}}}");
    assert_eq!(value(&text, &name), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_before_the_answer_is_counted() {
    let desk = Desk::new();
    desk.api("POST", "", json!({ "name": "e" })).await;
    let version = desk.register(json!({ "bias": 0.5, "call_ms": 500 })).await;
    let said = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", said).await;
    let body = json!({ "rows": [{ "x": 0, "word": "a" }] }).to_string();
    let asked = desk.ask(PREDICT, &[], body);
    let gone = tokio::time::timeout(Duration::from_millis(5), asked).await;
    assert!(gone.is_err());
    let name = "nv_inference_request_failure{model=\"e\",version=\"v1\",reason=\"CANCELED\"}";
    assert_eq!(value(&told(&desk).await, name), 1.0);
}
