//! What a request may want beside predictions, and tables as Arrow streams.

use super::*;

/// An endpoint whose model adds up numbers and knows its errors.
pub(super) async fn numbers() -> Desk {
    let desk = Desk::new();
    desk.api("POST", "", json!({ "name": "e", "max_at_once": 4 }))
        .await;
    let version = desk
        .register(json!({ "bias": 2.0, "predicts": "numbers" }))
        .await;
    let said = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", said).await;
    desk
}

fn rows() -> Value {
    json!([{ "x": 1, "word": "a" }, { "x": 3, "word": "a" }])
}

#[tokio::test]
async fn intervals_are_told_where_they_are_asked_for() {
    let desk = numbers().await;
    let body = json!({ "rows": rows(), "interval": 0.5 }).to_string();
    let answer = desk.ask("/endpoints/e/predict", &[], body).await.json();
    assert_eq!(answer["prediction"], json!([3.0, 5.0]));
    assert_eq!(
        answer["intervals"],
        json!([{ "coverage": 0.5, "lower": [2.5, 4.5], "upper": [3.5, 5.5] }])
    );
    let body = json!({ "rows": rows(), "interval": [0.5, 0.25] }).to_string();
    let answer = desk.ask("/endpoints/e/predict", &[], body).await.json();
    assert_eq!(answer["intervals"][1]["lower"], json!([2.75, 4.75]));
    let body = json!({ "rows": rows() }).to_string();
    let answer = desk.ask("/endpoints/e/predict", &[], body).await.json();
    assert_eq!(answer["intervals"], Value::Null);
}

#[tokio::test]
async fn intervals_are_tensors_of_the_inference_protocol() {
    let desk = numbers().await;
    let inputs = json!([
        { "name": "x", "shape": [1], "datatype": "FP64", "data": [1.0] },
        { "name": "word", "shape": [1], "datatype": "BYTES", "data": ["a"] },
    ]);
    for interval in [json!("0.5,0.25"), json!(0.5)] {
        let body = json!({ "inputs": inputs, "parameters": { "interval": interval } });
        let answer = desk.ask("/v2/models/e/infer", &[], body.to_string()).await;
        let outputs = &answer.json()["outputs"];
        assert_eq!(outputs[0]["name"], "prediction");
        assert_eq!(
            outputs[1],
            json!({ "name": "lower_50", "datatype": "FP64", "shape": [1], "data": [2.5] })
        );
        assert_eq!(outputs[2]["name"], "upper_50");
    }
    let body = json!({ "inputs": inputs, "parameters": { "interval": 0.5 }, "outputs": [{ "name": "upper_50" }] });
    let answer = desk.ask("/v2/models/e/infer", &[], body.to_string()).await;
    assert_eq!(answer.json()["outputs"][0]["data"], json!([3.5]));
}

#[tokio::test]
async fn explanations_are_tensors_of_the_inference_protocol() {
    let desk = numbers().await;
    let inputs = json!([
        { "name": "x", "shape": [2], "datatype": "FP64", "data": [1.0, 3.0] },
        { "name": "word", "shape": [2], "datatype": "BYTES", "data": ["a", "a"] },
    ]);
    let body = json!({ "inputs": inputs, "parameters": { "explain": true } });
    let answer = desk.ask("/v2/models/e/infer", &[], body.to_string()).await;
    assert_eq!(
        answer.json()["outputs"],
        json!([
            { "name": "prediction", "datatype": "FP64", "shape": [2], "data": [3.0, 5.0] },
            { "name": "attributions", "datatype": "FP64", "shape": [2, 1], "data": [1.0, 3.0] },
            { "name": "attributions_expected", "datatype": "FP64", "shape": [2], "data": [2.0, 2.0] },
            { "name": "attributions_columns", "datatype": "BYTES", "shape": [1], "data": ["x"] },
            { "name": "attributions_scale", "datatype": "BYTES", "shape": [1], "data": ["prediction"] },
        ])
    );
    let body = json!({ "inputs": inputs, "parameters": { "explain": true }, "outputs": [{ "name": "attributions" }] });
    let answer = desk.ask("/v2/models/e/infer", &[], body.to_string()).await;
    assert_eq!(answer.json()["outputs"][0]["data"], json!([1.0, 3.0]));
    let body = json!({ "inputs": inputs, "parameters": { "explain": 1 } });
    let answer = desk.ask("/v2/models/e/infer", &[], body.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let classes = Desk::endpoint(&[0.25]).await;
    let body = json!({ "inputs": inputs, "parameters": { "explain": true } });
    let answer = classes
        .ask("/v2/models/e/infer", &[], body.to_string())
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().contains("the model cannot be explained"));
}

#[tokio::test]
async fn params_of_the_scoring_server_say_what_is_wanted() {
    let desk = numbers().await;
    let path = "/endpoints/e/invocations";
    // Also where cells come before the names of their columns.
    let split = json!({ "data": [[1, "a"]], "index": [0] }).to_string();
    let split = split.replace("\"index\"", "\"columns\": [\"x\", \"word\"], \"index\"");
    let params = json!({ "explain": true, "interval": 0.5 });
    for body in [
        json!({ "params": params, "dataframe_records": [{ "x": 1, "word": "a" }] }).to_string(),
        format!("{{\"params\": {params}, \"dataframe_split\": {split}}}"),
    ] {
        let answer = desk.ask(path, &[], body).await;
        assert_eq!(
            answer.json(),
            json!({
                "predictions": [3.0],
                "explanation": { "scale": "prediction", "expected": [2.0], "columns": { "x": [1.0] } },
                "intervals": [{ "coverage": 0.5, "lower": [2.5], "upper": [3.5] }],
            })
        );
    }
    for (params, told) in [
        (
            json!({ "temperature": 1 }),
            "'temperature' of params is not understood",
        ),
        (json!([1]), "params is no object"),
        (json!({ "threshold": 2 }), "a threshold is from 0 to 1"),
    ] {
        let body = json!({ "params": params, "inputs": rows() }).to_string();
        let answer = desk.ask(path, &[], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text().contains(told), "{}", answer.text());
    }
    let body = json!({ "params": null, "signature_name": "x", "inputs": rows() });
    let answer = desk.ask(path, &[], body.to_string()).await;
    assert_eq!(answer.json(), json!({ "predictions": [3.0, 5.0] }));
}

#[tokio::test]
async fn probabilities_are_told_where_they_are_asked_for() {
    let desk = Desk::endpoint(&[0.25]).await;
    let path = "/endpoints/e/invocations";
    let with = json!({ "predictions": ["no", "yes"], "probabilities": { "no": [0.5, 0.0], "yes": [0.5, 1.0] } });
    let without = json!({ "predictions": ["no", "yes"] });
    let instances = json!([[0.25, "a"], [0, "yes"]]);
    for (params, told) in [
        (json!({ "probabilities": true }), &with),
        (json!({ "probabilities": false }), &without),
        (json!({}), &without),
    ] {
        let body = json!({ "params": params, "instances": instances }).to_string();
        assert_eq!(desk.ask(path, &[], body).await.json(), *told);
    }
    // As a container of Vertex AI is asked, of whose answer clients see the list alone.
    let body = json!({ "instances": instances, "parameters": { "probabilities": true } });
    let answer = desk.ask(path, &[], body.to_string()).await;
    let row = |scores: [f64; 2]| json!({ "classes": ["no", "yes"], "scores": scores });
    assert_eq!(
        answer.json(),
        json!({ "predictions": [row([0.5, 0.5]), row([0.0, 1.0])] })
    );
    let body = json!({ "instances": instances, "parameters": { "threshold": 0.1 } });
    let answer = desk.ask(path, &[], body.to_string()).await;
    assert_eq!(answer.json(), json!({ "predictions": ["yes", "yes"] }));
    let csv = [("content-type", "text/csv")];
    let asked = format!("{path}?probabilities=true&threshold=0.1");
    let answer = desk.ask(&asked, &csv, "x,word\n0.25,a\n0,yes\n").await;
    assert_eq!(
        answer.json(),
        json!({ "predictions": ["yes", "yes"], "probabilities": { "no": [0.5, 0.0], "yes": [0.5, 1.0] } })
    );
    let rows = json!({ "rows": instances, "probabilities": false }).to_string();
    let answer = desk.ask("/endpoints/e/predict", &[], rows).await.json();
    assert_eq!(answer["prediction"], json!(["no", "yes"]));
    assert_eq!(answer.get("probabilities"), None);
}

#[tokio::test]
async fn probabilities_that_cannot_be_told_are_refused() {
    let desk = numbers().await;
    let path = "/endpoints/e/invocations";
    for (query, params, told) in [
        (
            "",
            json!({ "probabilities": true }),
            "and the model predicts numbers",
        ),
        (
            "",
            json!({ "probabilities": 1 }),
            "probabilities is true or false: 1",
        ),
        (
            "?probabilities=yes",
            json!({}),
            "probabilities is true or false: yes",
        ),
        (
            "?probabilities=false",
            json!({ "probabilities": false }),
            "probabilities is said twice",
        ),
        (
            "?probability=true",
            json!({}),
            "'probability' is not understood in the address",
        ),
    ] {
        let body = json!({ "params": params, "inputs": rows() }).to_string();
        let answer = desk.ask(&format!("{path}{query}"), &[], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query} {params}");
        assert!(answer.text().contains(told), "{}", answer.text());
    }
}

#[tokio::test]
async fn intervals_that_are_not_known_are_refused() {
    let desk = numbers().await;
    for (interval, told) in [
        (
            json!(0.95),
            "an interval of the probability 0.95 is not known; it is above 0 and at most 0.9000",
        ),
        (json!(0), "is not known"),
        (json!(-3.0), "is not known"),
        (json!([0.5, 1.5]), "the probability 1.5 is not known"),
        (json!("0.5"), "interval is a probability"),
        (json!(vec![0.1; 17]), "at most 16 intervals"),
    ] {
        let body = json!({ "rows": rows(), "interval": interval }).to_string();
        let answer = desk.ask("/endpoints/e/predict", &[], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text().contains(told), "{}", answer.text());
    }
    let classes = Desk::endpoint(&[0.25]).await;
    let body = json!({ "rows": rows(), "interval": 0.5 }).to_string();
    let answer = classes.ask("/endpoints/e/predict", &[], body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error_code"], "score-no-intervals");
}

#[tokio::test]
async fn a_body_may_be_an_arrow_stream() {
    let desk = Desk::endpoint(&[0.25]).await;
    let kind = [("content-type", "application/vnd.apache.arrow.stream")];
    let body = "stream:x,word\n0.5,a\n0,yes\n";
    let answer = desk.ask("/endpoints/e/predict", &kind, body).await;
    assert_eq!(answer.json()["prediction"], json!(["yes", "yes"]));
    let answer = desk.ask("/endpoints/e/predict", &kind, "x,word\n").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error_code"], "score-table");
}

#[tokio::test]
async fn an_answer_may_be_an_arrow_stream() {
    let arrow = "application/vnd.apache.arrow.stream";
    let accepts = [(
        "accept",
        "text/csv, application/vnd.apache.arrow.stream;q=0.9",
    )];
    let classes = Desk::endpoint(&[0.25]).await;
    let path = "/endpoints/e/predict";
    let body = || json!({ "rows": rows() }).to_string();
    let answer = classes.ask(path, &accepts, body()).await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], arrow);
    assert_eq!(answer.headers["x-endpoint-deployment"], "v1");
    assert_eq!(
        answer.text(),
        "stream:prediction,probability_no,probability_yes\nyes,0,1\nyes,0,1\n"
    );
    let desk = numbers().await;
    let answer = desk.ask("/endpoints/e/predict?interval=0.5", &accepts, body());
    assert_eq!(
        answer.await.text(),
        "stream:prediction,lower_50,upper_50\n3,2.5,3.5\n5,4.5,5.5\n"
    );
    for query in ["explain=true", "interval=0.5,0.5"] {
        let answer = desk.ask(&format!("{path}?{query}"), &accepts, body()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert!(answer.json()["error_code"].is_string());
    }
    let path = "/endpoints/e/predict?probabilities=false";
    let answer = classes.ask(path, &accepts, body()).await;
    assert_eq!(answer.text(), "stream:prediction\nyes\nyes\n");
    let any = [("accept", "*/*")];
    let answer = desk.ask("/endpoints/e/predict", &any, body()).await;
    assert_eq!(answer.json()["prediction"], json!([3.0, 5.0]));
}

#[tokio::test]
async fn what_is_wanted_of_any_body_may_stand_in_the_address() {
    let desk = numbers().await;
    let kind = [("content-type", "application/vnd.apache.arrow.stream")];
    let path = "/endpoints/e/predict?interval=0.5,0.25";
    let answer = desk.ask(path, &kind, "stream:x,word\n1,a\n").await.json();
    assert_eq!(answer["intervals"][1]["lower"], json!([2.75]));
    let body = json!({ "rows": rows() }).to_string();
    let answer = desk.ask(path, &[], body).await.json();
    assert_eq!(answer["intervals"][0]["lower"], json!([2.5, 4.5]));
    let classes = Desk::endpoint(&[0.25]).await;
    let path = "/endpoints/e/predict?threshold=0.1";
    let answer = classes.ask(path, &kind, "stream:x,word\n0,a\n").await;
    assert_eq!(answer.json()["prediction"], json!(["yes"]));
}

#[tokio::test]
async fn an_address_that_is_not_understood_is_refused() {
    let desk = numbers().await;
    let body = || json!({ "rows": rows(), "interval": 0.5 }).to_string();
    for (query, told) in [
        (
            "interval=a",
            "interval is a probability, or a list of some: a",
        ),
        ("interval=0.5", "interval is said twice"),
        ("threshold=0.5&threshold=0.5", "threshold is said twice"),
        ("threshold=2", "a threshold is from 0 to 1"),
        ("threshold=0.1,0.2", "threshold is no number: 0.1,0.2"),
        ("intervall=0.5", "'intervall' is not understood"),
    ] {
        let path = format!("/endpoints/e/predict?{query}");
        let answer = desk.ask(&path, &[], body()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text().contains(told), "{}", answer.text());
    }
}

#[tokio::test]
async fn columns_that_a_model_does_not_know_are_refused_in_tables_as_in_json() {
    let desk = Desk::endpoint(&[0.25]).await;
    let arrow = "application/vnd.apache.arrow.stream";
    for (path, kind, before) in [
        ("predict", arrow, "stream:"),
        ("invocations", "text/csv", ""),
    ] {
        let path = format!("/endpoints/e/{path}");
        let kind = [("content-type", kind)];
        let answer = desk
            .ask(&path, &kind, format!("{before}x,word,wrod\n"))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(
            answer
                .text()
                .contains("the model has no column 'wrod'; did you mean word?")
        );
        let answer = desk.ask(&path, &kind, format!("{before}x,word,y\n")).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "what it was fitted beside is passed over"
        );
    }
}

#[tokio::test]
async fn a_table_that_grows_beyond_all_memory_is_refused_before_it_is_read() {
    let desk = Desk::endpoint(&[0.25]).await;
    let kind = [("content-type", "application/vnd.apache.arrow.stream")];
    let ask = |n_bytes: u64| format!("stream:x,word\n0.5,a\n0,bytes:{n_bytes}");
    let answer = desk.ask("/endpoints/e/predict", &kind, ask(1 << 20)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answer = desk.ask("/endpoints/e/predict", &kind, ask(1 << 50)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["error_code"], "score-table-too-large");
}

#[tokio::test]
async fn what_columns_did_is_told_where_it_is_asked_for() {
    let desk = numbers().await;
    let wanted =
        json!({ "scale": "prediction", "expected": [2.0, 2.0], "columns": { "x": [1.0, 3.0] } });
    let body = json!({ "rows": rows(), "explain": true }).to_string();
    let answer = desk.ask("/endpoints/e/predict", &[], body).await.json();
    assert_eq!(answer["prediction"], json!([3.0, 5.0]));
    assert_eq!(answer["explanation"], wanted);
    let body = json!({ "rows": rows() }).to_string();
    let answer = desk.ask("/endpoints/e/predict?explain=true", &[], body.clone());
    assert_eq!(answer.await.json()["explanation"], wanted);
    let answer = desk.ask("/endpoints/e/predict", &[], body).await.json();
    assert_eq!(answer["explanation"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_explained_is_refused() {
    let classes = Desk::endpoint(&[0.25]).await;
    let body = json!({ "rows": rows(), "explain": true }).to_string();
    let answer = classes.ask("/endpoints/e/predict", &[], body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error_code"], "explain-unsupported");
    let told = "the model cannot be explained: this model has no attributions; models of trees";
    assert!(answer.text().contains(told), "{}", answer.text());
    let desk = numbers().await;
    let columns = json!({ "x": vec![1; 10_001], "word": vec!["a"; 10_001] });
    let body = json!({ "columns": columns, "explain": true }).to_string();
    let answer = desk.ask("/endpoints/e/predict", &[], body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        answer.text().contains("at most 10000 rows"),
        "{}",
        answer.text()
    );
    for odd in [json!(1), json!("true"), Value::Null] {
        let body = json!({ "rows": rows(), "explain": odd }).to_string();
        let answer = desk.ask("/endpoints/e/predict", &[], body).await;
        assert!(answer.text().contains("explain is true or false"));
    }
}
