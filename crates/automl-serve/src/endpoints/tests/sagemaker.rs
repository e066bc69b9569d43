//! What SageMaker's clients and its batch transform send and accept: CSV without names, lines of JSON, and errors by their names.

use super::*;

const PATH: &str = "/endpoints/e/invocations";

async fn sent(desk: &Desk, path: &str, kinds: [&str; 2], body: &str) -> Answer {
    let [content, accept] = kinds;
    let headers = [("content-type", content), ("accept", accept)];
    desk.ask(path, &headers, body.to_owned()).await
}

#[tokio::test]
async fn csv_needs_no_line_of_names() {
    let desk = Desk::endpoint(&[0.25]).await;
    let told = json!({ "predictions": ["no", "yes"] });
    for body in [
        "x,word\n0.2,a\n0,yes\n",
        "0.2,a\n0,yes\n",
        "\n0.2,\"a\"\n0,yes",
        "\u{feff}0.2,a\n0,yes\n",
    ] {
        let answer = sent(&desk, PATH, ["text/csv", "*/*"], body).await;
        assert_eq!(answer.json(), told, "{body:?}");
    }
    for (body, wrong) in [
        // A name, however it is spelled, is no value.
        ("X,word\n0.2,a\n", "no column 'X'"),
        ("0.2\n", "no column '0.2'"),
        ("0.2,a,3\n", "no column '0.2'"),
        // What marks the delimiter is no row.
        ("sep=,\nz,word\n0.2,a\n", "no column 'z'"),
    ] {
        let answer = sent(&desk, PATH, ["text/csv", "*/*"], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
        assert!(answer.text().contains(wrong), "{}", answer.text());
    }
    let odd = sent(&desk, PATH, ["text/csv", "*/*"], "0.2,a\nb,c\n").await;
    assert_eq!(odd.json()["code"], "score-table");
    assert!(
        odd.text()
            .contains("two lines that say them were put above it")
    );
}

#[tokio::test]
async fn a_row_may_be_a_line_of_json() {
    let desk = Desk::endpoint(&[0.25]).await;
    let body = "{\"x\":0.2,\"word\":\"a\"}\n\n[NaN,\"yes\"]\r\n";
    for kind in ["application/jsonlines", "application/x-jsonlines"] {
        let answer = sent(&desk, PATH, [kind, "*/*"], body).await;
        assert_eq!(answer.json(), json!({ "predictions": ["no", "yes"] }));
    }
    for (body, code, told) in [
        (
            "{\"x\":0.2,\"word\":\"a\"}\n{\"x\"",
            "score-json",
            "line 2: EOF",
        ),
        (
            "[1,\"a\"]\n3\n",
            "score-form",
            "line 2: the body has another form",
        ),
        (
            "[1,\"a\"]\n[1]\n",
            "score-cell",
            "row 2: it has another number of values",
        ),
        ("{\"z\":1}\n", "score-column-unknown", "no column 'z'"),
    ] {
        let answer = sent(&desk, PATH, ["application/jsonlines", "*/*"], body).await;
        assert_eq!(answer.json()["code"], code, "{body}");
        assert!(answer.text().contains(told), "{}", answer.text());
    }
}

#[tokio::test]
async fn answers_are_lines_for_who_accepts_them() {
    let desk = Desk::endpoint(&[0.25]).await;
    let body = "0.25,a\n0,yes\n";
    for (query, accept, kind, told) in [
        ("", "text/csv", "text/csv", "no\nyes\n"),
        (
            "?probabilities=true",
            "text/csv; q=0.9, application/json",
            "text/csv",
            "no,0.5,0.5\nyes,0.0,1.0\n",
        ),
        (
            "",
            "application/jsonlines",
            "application/jsonlines",
            "{\"prediction\":\"no\"}\n{\"prediction\":\"yes\"}\n",
        ),
        (
            "?probabilities=true&threshold=0.1",
            "application/x-jsonlines",
            "application/jsonlines",
            "{\"prediction\":\"yes\",\"probability_no\":0.5,\"probability_yes\":0.5}\n{\"prediction\":\"yes\",\"probability_no\":0.0,\"probability_yes\":1.0}\n",
        ),
        (
            "",
            "application/json, text/csv",
            "application/json",
            "{\"predictions\":[\"no\",\"yes\"]}",
        ),
    ] {
        let path = format!("{PATH}{query}");
        let answer = sent(&desk, &path, ["text/csv", accept], body).await;
        assert_eq!(answer.text(), told);
        assert_eq!(answer.headers[header::CONTENT_TYPE], kind);
        assert_eq!(answer.headers["x-amzn-invoked-production-variant"], "v1");
    }
    let numbers = super::wanted::numbers().await;
    let path = format!("{PATH}?interval=0.5");
    let answer = sent(&numbers, &path, ["text/csv", "text/csv"], "1,a\n3,a\n").await;
    assert_eq!(answer.text(), "3.0,2.5,3.5\n5.0,4.5,5.5\n");
    for (query, told) in [
        ("explain=true", "what columns did is told in JSON alone"),
        ("interval=0.5,0.5", "'lower_50' is asked for twice"),
    ] {
        let path = format!("{PATH}?{query}");
        let answer = sent(&numbers, &path, ["text/csv", "text/csv"], "1,a\n").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text().contains(told), "{}", answer.text());
    }
}

#[tokio::test]
async fn errors_have_the_names_by_which_clients_raise_them() {
    let desk = Desk::endpoint(&[0.25]).await;
    for (path, body, name) in [
        (PATH, "{", "ModelError"),
        (PATH, "{\"instances\":[[0,\"panic\"]]}", "ModelError"),
        ("/endpoints/f/invocations", "{}", "ValidationError"),
        ("/invocations", "{}", "ValidationError"),
    ] {
        let answer = desk.ask(path, &[], body).await;
        assert_eq!(answer.headers["x-amzn-errortype"], name, "{path} {body}");
        let found = answer.json();
        let is_of_model = name == "ModelError";
        assert_eq!(
            found["OriginalStatusCode"] == answer.status.as_u16(),
            is_of_model
        );
        assert_eq!(found["OriginalMessage"] == found["message"], is_of_model);
    }
    desk.api("POST", "", json!({ "name": "none" })).await;
    let silent = desk.ask("/endpoints/none/invocations", &[], "{}").await;
    assert_eq!(silent.headers["x-amzn-errortype"], "ServiceUnavailable");
    let live = desk.app.fleet.find("e").unwrap();
    let places = Arc::clone(&live.room).acquire_many_owned(4).await.unwrap();
    let busy = desk.ask(PATH, &[], "{}").await;
    assert_eq!(busy.headers["x-amzn-errortype"], "ThrottlingException");
    drop(places);
}
