//! What pages of studies say.

use super::{Desk, assert_in_order, words};
use axum::http::StatusCode;
use serde_json::{Value, json};

const HOSTILE: &str = "a/b \"<script>alert(1)</script>' & ü";

async fn made(desk: &Desk, name: &str, objectives: Value) {
    let spec = json!({ "name": name, "objectives": objectives, "seed": 1, "algorithm": { "name": "random" }, "space": { "parameters": [
        { "name": "rate", "type": "float", "low": 1e-4, "high": 1.0, "scale": "log" },
        { "name": HOSTILE, "type": "categorical", "values": [HOSTILE, "b"] },
        { "name": "depth", "type": "integer", "low": 1, "high": 9, "when": [{ "parameter": HOSTILE, "values": ["b"] }] },
    ]}});
    let (status, answer) = desk.call("POST", "/api/studies", &spec).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

/// Trials that are asked for and told, one failed and one that runs.
async fn searched(desk: &Desk, name: &str, n: usize, values: impl Fn(f64) -> Value) {
    let path = format!("/api/studies/{}", super::super::query::encoded(name));
    for number in 0..n {
        let ask = json!({ "client": HOSTILE });
        let (_, given) = desk.call("POST", &format!("{path}/suggest"), &ask).await;
        let rate = given["trials"][0]["params"]["rate"].as_f64().unwrap();
        let trial = format!("{path}/trials/{number}");
        for step in 0..3 {
            let told = json!({ "step": step, "values": values(rate) });
            desk.call("POST", &format!("{trial}/measure"), &told).await;
        }
        let told = match number {
            0 => json!({ "state": "failed", "note": HOSTILE }),
            1 => continue,
            _ => json!({ "values": values(rate) }),
        };
        let (status, answer) = desk.call("POST", &format!("{trial}/tell"), &told).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
}

fn address(name: &str) -> String {
    format!("/studies/{}", super::super::query::encoded(name))
}

#[tokio::test]
async fn a_study_tells_what_it_found() {
    let desk = Desk::new();
    made(&desk, "s", json!([{ "name": "loss" }])).await;
    searched(&desk, "s", 40, |rate| json!({ "loss": rate })).await;
    let page = desk.page("/studies/s").await;
    assert_in_order(
        &words(&page),
        &[
            "Objectives loss (less is better)",
            "38 complete",
            "1 failed",
            "1 running",
            "Best trial",
            "What matters",
            "rate",
            "Search for loss",
            "Parameters and loss",
            "loss along each parameter",
            "loss over two parameters",
            "What trials measured on the way",
            "When trials ran",
            "Trials",
            "1–40 of 40 trials",
        ],
    );
    assert!(page.contains("data-along=\"trial\""));
    assert!(page.contains("data-live"), "a trial runs");
    let page = desk.page("/studies/s?state=failed&order=latest").await;
    assert!(words(&page).contains("1–1 of 1 trial"), "{page}");
    let page = desk
        .page("/studies/s?x=depth&y=rate&scale=linear&page=7")
        .await;
    assert_in_order(&words(&page), &["depth and rate", "No trial is like this"]);
    let list = desk.page("/studies?name=S").await;
    assert_in_order(
        &list,
        &[
            "href=\"/studies\" aria-current=\"page\"",
            "href=\"/studies/s\"",
        ],
    );
    let (status, figures) = desk
        .call("GET", "/api/studies/s/report", &Value::Null)
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        figures["states"],
        json!({ "complete": 38, "failed": 1, "running": 1 })
    );
    assert_eq!(figures["importance"]["loss"][0]["parameter"], "rate");
}

#[tokio::test]
async fn names_and_values_are_text_in_pages_and_in_the_file() {
    let desk = Desk::new();
    made(
        &desk,
        HOSTILE,
        json!([{ "name": HOSTILE }, { "name": "b", "direction": "maximize" }]),
    )
    .await;
    searched(&desk, HOSTILE, 30, |rate| json!([rate, rate.sqrt()])).await;
    let file = {
        let insight = desk.app.insights.of(&desk.app.db, HOSTILE.to_owned());
        insight.await.unwrap().html()
    };
    assert_eq!(file.matches("<script").count(), 0);
    assert!(
        !file.contains("src=") && !file.contains("href=\"http"),
        "nothing is fetched"
    );
    let here = address(HOSTILE);
    for address in [
        "/studies".to_owned(),
        format!("/studies?name={}", &here[9..]),
        here.clone(),
        format!(
            "{here}?objective={}&x={}&y=rate&state={}&order=%22",
            &here[9..],
            &here[9..],
            &here[9..]
        ),
        "/studies/%3Cscript%3E".into(),
    ] {
        let (_, page) = desk.any_page(&address).await;
        assert_eq!(
            page.matches("<script").count(),
            1,
            "its own only: {address}"
        );
        assert!(!page.contains("style=\""), "{address}");
    }
    let page = desk.page(&here).await;
    assert_in_order(
        &words(&page),
        &["that no other beats in all objectives", "Pareto front"],
    );
}

#[tokio::test]
async fn studies_with_little_in_them_are_pages_too() {
    let desk = Desk::new();
    made(&desk, "empty", json!([{ "name": "loss" }])).await;
    assert!(
        desk.page("/studies/empty")
            .await
            .contains("No trial was asked for yet")
    );
    made(&desk, "constant", json!([{ "name": "loss" }])).await;
    searched(&desk, "constant", 12, |_| json!({ "loss": 1.0 })).await;
    assert!(words(&desk.page("/studies/constant").await).contains("Nothing differs yet"));
    made(&desk, "one", json!([{ "name": "loss" }])).await;
    searched(&desk, "one", 3, |rate| json!({ "loss": rate })).await;
    assert!(words(&desk.page("/studies/one").await).contains("need a second complete trial"));
    let (status, page) = desk.any_page("/studies/on").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(words(&page).contains("there is no study 'on'"), "{page}");
    let (status, list) = desk.any_page("/studies?state=completed").await;
    assert_eq!(status, StatusCode::OK);
    assert!(words(&list).contains("No study is like this"));
}
