//! The inference protocol: tensors as JSON, as bytes, and over gRPC.

use super::super::v2::testing::{Contents, Given, Saying, ask_grpc, ask_grpc_saying};
use super::*;

const INFER: &str = "/v2/models/e/infer";

fn tensors() -> Value {
    json!([
        { "name": "x", "shape": [2], "datatype": "FP64", "data": [0.25, null] },
        { "name": "word", "shape": [2, 1], "datatype": "BYTES", "data": [["a"], ["yes"]] },
    ])
}

#[tokio::test]
async fn tensors_come_and_go_as_json() {
    let desk = Desk::endpoint(&[0.25]).await;
    let body = json!({ "id": "7\"", "inputs": tensors() });
    for path in [
        INFER,
        "/v2/models/e/versions/v1/infer",
        "/v2/models/e/versions/1/infer",
    ] {
        let answer = desk.ask(path, &[], body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(
            answer.json(),
            json!({
                "id": "7\"",
                "model_name": "e",
                "model_version": "v1",
                "outputs": [
                    { "name": "prediction", "datatype": "BYTES", "shape": [2], "data": ["no", "yes"] },
                    { "name": "probabilities", "datatype": "FP64", "shape": [2, 2], "data": [0.5, 0.5, 0.0, 1.0] },
                ],
            })
        );
    }
    let one = json!({ "inputs": tensors(), "outputs": [{ "name": "probabilities" }] });
    let answer = desk.ask(INFER, &[], one.to_string()).await;
    assert_eq!(answer.json()["outputs"].as_array().unwrap().len(), 1);
    let nulls = json!({ "id": null, "parameters": null, "inputs": tensors(), "outputs": null });
    let answer = desk.ask(INFER, &[], nulls.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let matrix = json!({ "inputs": [{ "name": "rows", "shape": [2, 2], "datatype": "BYTES", "data": ["0.25", "a", "0", "yes"] }] });
    let answer = desk.ask(INFER, &[], matrix.to_string()).await;
    assert_eq!(answer.json()["outputs"][0]["data"], json!(["no", "yes"]));
}

#[tokio::test]
async fn tensors_come_and_go_as_bytes() {
    let desk = Desk::endpoint(&[0.25]).await;
    let numbers: Vec<u8> = [0.25_f32, f32::NAN]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let words = [&[1, 0, 0, 0][..], b"a", &[3, 0, 0, 0], b"yes"].concat();
    let head = json!({
        "inputs": [
            { "name": "x", "shape": [2, 1], "datatype": "FP32", "parameters": { "binary_data_size": numbers.len() } },
            { "name": "word", "shape": [2], "datatype": "BYTES", "parameters": { "binary_data_size": words.len() } },
        ],
        "parameters": { "binary_data_output": true },
        "outputs": [{ "name": "prediction" }, { "name": "probabilities", "parameters": { "binary_data": false } }],
    })
    .to_string();
    let length = head.len().to_string();
    let body = [head.as_bytes(), &numbers, &words].concat();
    let headers = [("inference-header-content-length", length.as_str())];
    let answer = desk.ask(INFER, &headers, body.clone()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let n_json: usize = answer.headers["inference-header-content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let (head, bytes) = answer.body.split_at(n_json);
    let head: Value = serde_json::from_slice(head).unwrap();
    assert_eq!(
        head["outputs"][0]["parameters"],
        json!({ "binary_data_size": 13 })
    );
    assert_eq!(head["outputs"][1]["data"], json!([0.5, 0.5, 0.0, 1.0]));
    assert_eq!(
        bytes,
        [&[2, 0, 0, 0][..], b"no", &[3, 0, 0, 0], b"yes"].concat()
    );
    for (length, body) in [
        ("99999999", body.clone()),
        ("x", body.clone()),
        (length.as_str(), body[..body.len() - 1].to_vec()),
        (length.as_str(), [&body[..], b"more"].concat()),
    ] {
        let headers = [("inference-header-content-length", length)];
        let answer = desk.ask(INFER, &headers, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert!(answer.json()["error"].is_string());
    }
}

#[tokio::test]
async fn what_is_wrong_with_tensors_is_named() {
    let desk = Desk::endpoint(&[0.25]).await;
    let x = |shape: Value, datatype: &str, data: Value| {
        let word = json!({ "name": "word", "shape": [1], "datatype": "BYTES", "data": ["a"] });
        json!({ "inputs": [{ "name": "x", "shape": shape, "datatype": datatype, "data": data }, word] })
    };
    for (body, told) in [
        (
            x(json!([2]), "FP64", json!([1])),
            "has 1 values, its shape [2] has 2",
        ),
        (
            x(json!([1, 2]), "FP64", json!([1, 2])),
            "a column has [rows] or [rows, 1]",
        ),
        (x(json!([-1]), "FP64", json!([1])), "a column has [rows]"),
        (x(json!([1]), "FP16", json!([1])), "the datatype 'FP16'"),
        (
            x(json!([1]), "INT8", json!([128])),
            "value 1 of tensor 'x' is 128, which is no INT8",
        ),
        (
            x(json!([2]), "FP64", json!([1, "b"])),
            "value 2 of tensor 'x' is 'b', which is no FP64",
        ),
        (x(json!([1]), "BOOL", json!([true])), "row 1: Boolean(true)"),
        (
            x(json!([2]), "FP64", json!([1, 2])),
            "column 'word' has 1 values where others have 2",
        ),
        (
            json!({ "inputs": [{ "name": "z", "shape": [1], "datatype": "FP64", "data": [1] }] }),
            "no column 'z'",
        ),
        (
            json!({ "inputs": [{ "name": "x", "shape": [1], "datatype": "FP64", "data": [1] }] }),
            "a column is missing: word",
        ),
        (
            json!({ "inputs": [{ "name": "x", "shape": [1], "datatype": "FP64" }] }),
            "either data or binary_data_size",
        ),
        (
            json!({ "inputs": tensors(), "outputs": [{ "name": "p" }] }),
            "no output 'p'; it has prediction and probabilities",
        ),
        (
            json!({ "inputs": 3 }),
            "the body has another form: invalid type: integer `3`",
        ),
        (json!({}), "missing field `inputs`"),
    ] {
        let answer = desk.ask(INFER, &[], body.to_string()).await;
        let found = answer.json();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {found}");
        assert!(
            found["error"].as_str().unwrap().contains(told),
            "{body}: {found}"
        );
    }
    let deep = format!("{{\"inputs\": [{{\"data\": {}", "[".repeat(100_000));
    let answer = desk.ask(INFER, &[], deep).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let unknown = desk.ask("/v2/models/e/versions/9/infer", &[], "{}").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_model_tells_what_it_takes_and_gives() {
    let desk = Desk::endpoint(&[0.25, 0.5]).await;
    let (status, body) = desk.get("/v2/models/e").await;
    let found: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        found,
        json!({
            "name": "e",
            "versions": ["v1", "v2"],
            "platform": "automl",
            "inputs": [
                { "name": "x", "datatype": "FP64", "shape": [-1] },
                { "name": "word", "datatype": "BYTES", "shape": [-1] },
            ],
            "outputs": [
                { "name": "prediction", "datatype": "BYTES", "shape": [-1] },
                { "name": "probabilities", "datatype": "FP64", "shape": [-1, 2] },
            ],
        })
    );
    for (path, status) in [
        ("/v2", 200),
        ("/v2/health/live", 200),
        ("/v2/health/ready", 200),
        ("/v2/models/e/ready", 200),
        ("/v2/models/e/versions/v2", 200),
        ("/v2/models/e/versions/v2/ready", 200),
        ("/v2/models/e/versions/v3/ready", 404),
        ("/v2/models/f", 404),
    ] {
        assert_eq!(desk.get(path).await.0.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn grpc_takes_typed_and_raw_tensors() {
    let desk = Desk::endpoint(&[0.25]).await;
    for contents in [Contents::Typed, Contents::Raw] {
        let given = Given {
            model: "e",
            version: "",
            numbers: &[0.25, f64::NAN],
            words: &["a", "yes"],
            contents,
            deployment: None,
        };
        let answer = ask_grpc(&desk.router(), &given).await.unwrap();
        assert_eq!((answer.version.as_str(), answer.id.as_str()), ("v1", "7"));
        assert_eq!(answer.predictions, ["no", "yes"]);
        assert_eq!(answer.probabilities, [0.5, 0.5, 0.0, 1.0]);
    }
    let wrong =
        |model: &'static str, version: &'static str, words: &'static [&'static str]| Given {
            model,
            version,
            numbers: &[0.25],
            words,
            contents: Contents::Raw,
            deployment: None,
        };
    for (given, code) in [
        (wrong("f", "", &["a"]), tonic::Code::NotFound),
        (wrong("e", "3", &["a"]), tonic::Code::NotFound),
        (wrong("e", "", &["a", "b"]), tonic::Code::InvalidArgument),
        (wrong("e", "", &["panic"]), tonic::Code::Internal),
    ] {
        assert_eq!(ask_grpc(&desk.router(), &given).await.unwrap_err(), code);
    }
}

#[tokio::test]
async fn parameters_say_the_same_over_both_protocols() {
    let desk = Desk::endpoint(&[0.25]).await;
    let given = Given {
        model: "e",
        version: "",
        numbers: &[0.25, 0.0],
        words: &["a", "a"],
        contents: Contents::Raw,
        deployment: None,
    };
    let inputs = json!([
        { "name": "x", "shape": [2], "datatype": "FP64", "data": [0.25, 0.0], "parameters": { "content_type": "np" } },
        { "name": "word", "shape": [2], "datatype": "BYTES", "data": ["a", "a"] },
    ]);
    for (threshold, classes) in [
        ("0.4", ["yes", "no"]),
        ("0.6", ["no", "no"]),
        ("0.1", ["yes", "yes"]),
    ] {
        let saying = Saying {
            parameters: &[("threshold", threshold)],
            ..Saying::default()
        };
        let answer = ask_grpc_saying(&desk.router(), &given, saying)
            .await
            .unwrap();
        assert_eq!(answer.predictions, classes);
        for threshold in [json!(threshold), json!(threshold.parse::<f64>().unwrap())] {
            let said = json!({ "threshold": threshold, "binary_data_output": false });
            let body = json!({ "inputs": inputs, "parameters": said }).to_string();
            let answer = desk.ask(INFER, &[], body).await;
            assert_eq!(answer.json()["outputs"][0]["data"], json!(classes));
        }
    }
}

#[tokio::test]
async fn parameters_that_are_not_understood_are_refused_over_both_protocols() {
    let desk = Desk::endpoint(&[0.25]).await;
    let given = Given {
        model: "e",
        version: "",
        numbers: &[0.25],
        words: &["a"],
        contents: Contents::Raw,
        deployment: None,
    };
    for saying in [
        Saying {
            parameters: &[("treshold", "0.4")],
            ..Saying::default()
        },
        Saying {
            output: Some(("classification", 1)),
            ..Saying::default()
        },
        Saying {
            output: Some(("shared_memory_byte_size", 8)),
            ..Saying::default()
        },
    ] {
        let refused = ask_grpc_saying(&desk.router(), &given, saying).await;
        let code = refused.unwrap_err();
        assert_eq!(code, tonic::Code::InvalidArgument, "{saying:?}");
    }
    for (parameters, of_output, told) in [
        (
            json!({ "treshold": 0.4 }),
            json!({}),
            "the parameter 'treshold' is not understood",
        ),
        (
            json!({}),
            json!({ "classification": 1 }),
            "cannot be had as a classification",
        ),
        (
            json!({}),
            json!({ "shared_memory_byte_size": 8 }),
            "cannot be in shared memory",
        ),
    ] {
        let output = json!([{ "name": "prediction", "parameters": of_output }]);
        let body = json!({ "inputs": tensors(), "parameters": parameters, "outputs": output });
        let answer = desk.ask(INFER, &[], body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text().contains(told), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_timeout_in_the_body_bounds_that_of_the_head() {
    let desk = Desk::endpoint(&[0.25]).await;
    // Reading so many rows takes longer than the least that can be said.
    let n_rows = 400_000;
    let many = json!([
        { "name": "x", "shape": [n_rows], "datatype": "FP64", "data": vec![0.5; n_rows] },
        { "name": "word", "shape": [n_rows], "datatype": "BYTES", "data": vec!["a"; n_rows] },
    ]);
    let ask = async |inputs: &Value, us: u64, head_ms: &str| {
        let body = json!({ "inputs": inputs, "parameters": { "timeout": us } });
        let head = [("x-request-timeout-ms", head_ms)];
        desk.ask(INFER, &head, body.to_string()).await.status
    };
    let late = StatusCode::GATEWAY_TIMEOUT;
    assert_eq!(ask(&many, 1, "60000").await, late);
    assert_eq!(ask(&tensors(), 60_000_000, "0").await, late);
    assert_eq!(ask(&tensors(), 60_000_000, "60000").await, StatusCode::OK);
    assert_eq!(ask(&tensors(), 0, "60000").await, StatusCode::OK);
}

#[tokio::test]
async fn grpc_takes_the_headers_that_choose_a_deployment() {
    let desk = Desk::endpoint(&[0.1, 0.2]).await;
    for (deployment, version) in [(None, "v1"), (Some("v2"), "v2"), (Some("v1"), "v1")] {
        let given = Given {
            model: "e",
            version: "",
            numbers: &[0.0],
            words: &["a"],
            contents: Contents::Typed,
            deployment,
        };
        let answer = ask_grpc(&desk.router(), &given).await.unwrap();
        assert_eq!(answer.version, version);
    }
}

#[tokio::test]
async fn what_is_nowhere_is_told_in_the_form_of_its_protocol() {
    let desk = Desk::endpoint(&[0.1]).await;
    let body = |told: &str| json!({ "error": told });
    let answer = desk.ask("/v2/models", &[], "{}").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json(), body("there is nothing at POST /v2/models"));
    let answer = desk.ask("/v1/projects/p", &[], "{}").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["error"]["status"], "NOT_FOUND");
    let answer = desk.ask("/endpoints/e/guess", &[], "{}").await;
    assert_eq!(answer.json()["error_code"], "score-nowhere");
}
