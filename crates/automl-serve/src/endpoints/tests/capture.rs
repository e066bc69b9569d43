//! What is kept of requests: a sample, with its answers, without what is private, and what was true later.

use super::*;
use automl_store::captures::{CaptureFile, Captures};

/// The lines of all files of `e`: the names of the columns of each, and its rows.
struct Files(Vec<(Vec<String>, Vec<Value>)>);

impl Files {
    /// Once all that was taken is written.
    async fn of(desk: &Desk) -> Self {
        let captor = desk.app.fleet.captor().clone();
        tokio::task::spawn_blocking(move || captor.flush())
            .await
            .unwrap();
        let captures = Captures::new(&desk.directory.path().join("captures"), seal);
        let read = |file: CaptureFile| {
            let text = std::fs::read_to_string(file.path).unwrap();
            let mut lines = text.lines();
            // One that a deployment in the shadow has just begun has nothing yet.
            let head: Value = serde_json::from_str(lines.next()?).unwrap();
            let names = head["columns"].as_array().unwrap().iter();
            let names = names.map(|column| column["name"].as_str().unwrap().to_owned());
            let rows = lines.map(|line| serde_json::from_str(line).unwrap());
            Some((names.collect(), rows.collect()))
        };
        let files = captures.files("e").unwrap().into_iter();
        Self(files.filter_map(read).collect())
    }

    /// All rows as objects of the columns that are named.
    fn rows(&self, names: &[&str]) -> Vec<Value> {
        let mut rows = Vec::new();
        for (columns, lines) in &self.0 {
            for line in lines {
                let cell = |name: &&str| {
                    let place = columns.iter().position(|column| column == name);
                    let value = place.map_or(json!("no column"), |place| line[place].clone());
                    ((*name).to_owned(), value)
                };
                rows.push(Value::Object(names.iter().map(cell).collect()));
            }
        }
        rows
    }
}

async fn ask(desk: &Desk, id: &str, body: Value) {
    let headers = [("x-request-id", id)];
    let answer = desk
        .ask("/endpoints/e/predict", &headers, body.to_string())
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn rows_and_answers_are_kept_under_the_id_of_their_request() {
    let desk = Desk::endpoint(&[0.25]).await;
    let told = desk.api("POST", "/e/capture", json!({ "rate": 1 })).await;
    assert_eq!(told["endpoint"]["capture"]["rate"], 1.0);
    let rows = json!([{ "x": 0.5, "word": "a" }, { "x": null, "word": "yes" }]);
    ask(&desk, "first", json!({ "rows": rows })).await;
    let csv = [("x-request-id", "second"), ("content-type", "text/csv")];
    desk.ask("/endpoints/e/invocations", &csv, "x,word\n1,b\n")
        .await;
    let files = Files::of(&desk).await;
    let names = [
        "request_id",
        "row",
        "deployment",
        "version",
        "is_shadow",
        "prediction",
        "probability_yes",
        "x",
        "word",
    ];
    let row = |id: &str, row, prediction: &str, yes: f64, x: Value, word: &str| {
        json!({ "request_id": id, "row": row, "deployment": "v1", "version": 1, "is_shadow": false,
            "prediction": prediction, "probability_yes": yes, "x": x, "word": word })
    };
    assert_eq!(
        files.rows(&names),
        [
            row("first", 0, "yes", 0.75, json!(0.5), "a"),
            row("first", 1, "yes", 1.0, Value::Null, "yes"),
            row("second", 0, "yes", 1.0, json!(1.0), "b"),
        ]
    );
    let times = files.rows(&["time"]);
    assert!(times[0]["time"].as_i64().unwrap() > 1_700_000_000_000_000);
}

#[tokio::test]
async fn nothing_is_kept_where_nobody_said_so_or_no_more() {
    let desk = Desk::endpoint(&[0.25]).await;
    let body = || json!({ "rows": [{ "x": 0, "word": "a" }] });
    ask(&desk, "before", body()).await;
    desk.api("POST", "/e/capture", json!({ "rate": 1.0 })).await;
    ask(&desk, "while", body()).await;
    let told = desk.api("POST", "/e/capture", json!({ "rate": 0 })).await;
    assert_eq!(told["endpoint"]["capture"], Value::Null);
    ask(&desk, "after", body()).await;
    let files = Files::of(&desk).await;
    assert_eq!(
        files.rows(&["request_id"]),
        [json!({ "request_id": "while" })]
    );
}

#[tokio::test]
async fn a_rate_keeps_its_part_and_the_same_ids_again() {
    let desk = Desk::endpoint(&[0.25]).await;
    desk.api("POST", "/e/capture", json!({ "rate": 0.3 })).await;
    let body = || json!({ "rows": [{ "x": 0, "word": "a" }] });
    for _ in 0..2 {
        for id in 0..200 {
            ask(&desk, &format!("r{id}"), body()).await;
        }
    }
    let files = Files::of(&desk).await;
    let mut ids: Vec<String> = (files.rows(&["request_id"]).iter())
        .map(|row| row["request_id"].as_str().unwrap().to_owned())
        .collect();
    let n_rows = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(n_rows, 2 * ids.len(), "each was kept both times");
    assert!((35..=85).contains(&ids.len()), "{}", ids.len());
    let (_, metrics) = desk.get("/metrics").await;
    let metrics = String::from_utf8(metrics).unwrap();
    let told =
        format!("automl_endpoint_captured_total{{endpoint=\"e\",outcome=\"stored\"}} {n_rows}");
    assert!(metrics.contains(&told), "{metrics}");
}

#[tokio::test]
async fn what_is_private_is_not_written() {
    let desk = Desk::endpoint(&[0.25]).await;
    let said = json!({ "rate": 1, "fields": ["x"], "redact": ["word"] });
    desk.api("POST", "/e/capture", said).await;
    let rows = json!([{ "x": 1, "word": "secret" }, { "x": 1, "word": null }]);
    ask(&desk, "a", json!({ "rows": rows })).await;
    desk.api(
        "POST",
        "/e/capture",
        json!({ "rate": 1, "fields": ["word"] }),
    )
    .await;
    ask(
        &desk,
        "b",
        json!({ "columns": { "x": [1], "word": ["open"] } }),
    )
    .await;
    let files = Files::of(&desk).await;
    assert_eq!(
        files.rows(&["x", "word"]),
        [
            json!({ "x": 1.0, "word": "***" }),
            json!({ "x": 1.0, "word": null }),
            json!({ "x": "no column", "word": "open" }),
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_a_reason() {
    let desk = Desk::endpoint(&[0.25]).await;
    for (body, told) in [
        (json!({ "rate": 1.5 }), "the rate of requests is not usable"),
        (
            json!({ "rate": -0.1 }),
            "the rate of requests is not usable",
        ),
        (
            json!({ "rate": 1, "redact": ["wrod"] }),
            "takes a column 'wrod'; did you mean word?",
        ),
        (json!({ "rate": 1, "fields": ["z"] }), "takes a column 'z'"),
        (json!({}), "Missing value for required parameter 'rate'"),
    ] {
        let (status, answer) = desk.any_api("POST", "/e/capture", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(told), "{message}");
    }
    let (status, _) = desk
        .any_api("POST", "/f/capture", json!({ "rate": 1 }))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_shadow_is_kept_beside_what_was_answered() {
    let desk = Desk::endpoint(&[0.25]).await;
    let version = desk.register(json!({ "bias": 0.375 })).await;
    let said = json!({ "model": format!("sum/{version}"), "is_shadow": true });
    desk.api("POST", "/e/deploy", said).await;
    desk.api("POST", "/e/capture", json!({ "rate": 1 })).await;
    let rows = json!([{ "x": 0.1875, "word": "a" }, { "x": 0, "word": "b" }]);
    ask(&desk, "a", json!({ "rows": rows })).await;
    // The shadow comes when it has time.
    let mut kept = Vec::new();
    while kept.len() < 4 {
        let files = Files::of(&desk).await;
        // Other probabilities are the same answer where they decide for the same class.
        kept = files.rows(&["deployment", "is_shadow", "agrees", "probability_yes"]);
    }
    let row = |name: &str, agrees: Value, yes: f64| json!({ "deployment": name, "is_shadow": name == "v2", "agrees": agrees, "probability_yes": yes });
    assert_eq!(
        kept,
        [
            row("v1", Value::Null, 0.4375),
            row("v1", Value::Null, 0.25),
            row("v2", json!(false), 0.5625),
            row("v2", json!(true), 0.375),
        ]
    );
}

#[tokio::test]
async fn truths_are_kept_as_they_come() {
    let desk = Desk::endpoint(&[0.25]).await;
    let given = json!({ "truths": [
        { "request_id": "a", "truth": "yes" },
        { "request_id": "a", "row": 1, "truth": "yes" },
        { "request_id": "b", "truth": "no" },
    ] });
    let path = "/endpoints/e/feedback";
    desk.api("POST", "/e/capture", json!({ "rate": 1 })).await;
    ask(&desk, "b", json!({ "rows": [{ "x": 0, "word": "a" }] })).await;
    desk.api("POST", "/e/capture", json!({ "rate": 0 })).await;
    let answer = desk.ask(path, &[], given.to_string()).await;
    assert_eq!(
        answer.json(),
        json!({ "accepted": 3, "n_unseen": 1, "unseen": ["a"] })
    );
    let files = Files::of(&desk).await;
    let row = |id: &str, row, truth: &str| json!({ "request_id": id, "row": row, "truth": truth });
    let kept = files.rows(&["request_id", "row", "truth"]);
    let truths: Vec<Value> = (kept.into_iter())
        .filter(|row| row["truth"] != "no column")
        .collect();
    assert_eq!(
        truths,
        [row("a", 0, "yes"), row("a", 1, "yes"), row("b", 0, "no")]
    );
    let again = json!({ "truths": [
        { "request_id": "c", "truth": "yes" },
        { "request_id": "a", "row": 1, "truth": "no" },
    ] });
    let answer = desk.ask(path, &[], again.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let told = "truths[1].row is 1, and row 1 of request 'a' has a truth already";
    assert!(answer.text().contains(told), "{}", answer.text());
    let other = json!({ "truths": [{ "request_id": "c", "truth": "yes" }] });
    let answer = desk.ask(path, &[], other.to_string()).await;
    assert_eq!(
        answer.json()["accepted"],
        1,
        "nothing of what was refused was kept"
    );
    let nowhere = desk
        .ask("/endpoints/f/feedback", &[], given.to_string())
        .await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn truths_that_cannot_be_are_refused_with_their_place() {
    let desk = Desk::endpoint(&[0.25]).await;
    let path = "/endpoints/e/feedback";
    desk.api("POST", "/e/capture", json!({ "rate": 1 })).await;
    ask(&desk, "b", json!({ "rows": [{ "x": 0, "word": "a" }] })).await;
    for (body, told) in [
        (
            json!({ "truths": [{ "request_id": "a", "truth": [1] }] }),
            "truths[0].truth is no text",
        ),
        (
            json!({ "truths": [{ "request_id": "", "truth": 1 }] }),
            "truths[0].request_id is none that an answer has",
        ),
        (
            json!({ "truths": [
                { "request_id": "a", "truth": "yes" },
                { "request_id": "a", "row": 1, "truth": "yess" },
            ] }),
            "truths[1].truth is no class of the model: 'yess'; did you mean yes?",
        ),
        (
            json!({ "truths": [{ "request_id": "a", "truth": 2.5 }] }),
            "truths[0].truth is no class of the model: '2.5'",
        ),
        (
            json!({ "truths": vec![json!({ "request_id": "a", "truth": "no" }); 100_001] }),
            "a request has at most 100000 truths",
        ),
        (
            json!({ "truths": [{ "truth": 1 }] }),
            "missing field `request_id`",
        ),
        (
            json!({ "truths": [
                { "request_id": "a", "truth": "yes" },
                { "request_id": "b", "truth": "yes" },
                { "request_id": "a", "row": 0, "truth": "no" },
            ] }),
            "truths[2] is of the same request and row as truths[0]",
        ),
        (
            json!({ "truths": [{ "request_id": "b", "row": 1, "truth": "yes" }] }),
            "truths[0].row is 1, and request 'b' had 1 row, row 0",
        ),
        (json!({ "truth": 1 }), "unknown field `truth`"),
    ] {
        let answer = desk.ask(path, &[], body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text().contains(told), "{}", answer.text());
    }
}

#[tokio::test]
async fn truths_are_checked_while_no_model_can_be_read_and_not_taken_without_one() {
    let desk = Desk::crowded(150, &[0.1, 0.2]).await;
    let before = desk.in_memory().await;
    assert_eq!(before.iter().filter(|is_there| **is_there).count(), 1);
    let given = json!({ "truths": [{ "request_id": "a", "truth": "yess" }] });
    let path = "/endpoints/e/feedback";
    let answer = desk.ask(path, &[], given.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    assert_eq!(desk.in_memory().await, before, "nothing is read for that");
    desk.api("POST", "", json!({ "name": "none" })).await;
    let answer = (desk.ask("/endpoints/none/feedback", &[], given.to_string())).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn answers_wait_for_no_disk_and_those_beyond_its_room_are_dropped() {
    let desk = Desk::endpoint(&[0.25]).await;
    desk.api("POST", "/e/capture", json!({ "rate": 1 })).await;
    let captor = desk.app.fleet.captor().clone();
    let held = captor.hold();
    let body = json!({ "rows": [{ "x": 0, "word": "a" }] });
    // The thread is held, so 1024 wait.
    for id in 0..1030 {
        ask(&desk, &format!("r{id}"), body.clone()).await;
    }
    drop(held);
    let files = Files::of(&desk).await;
    let n_kept = files.rows(&["request_id"]).len();
    assert_eq!(n_kept, 1024);
    let (_, metrics) = desk.get("/metrics").await;
    let metrics = String::from_utf8(metrics).unwrap();
    for (outcome, n) in [("stored", n_kept), ("dropped", 1030 - n_kept)] {
        let told =
            format!("automl_endpoint_captured_total{{endpoint=\"e\",outcome=\"{outcome}\"}} {n}\n");
        assert!(metrics.contains(&told), "{told}{metrics}");
    }
}
