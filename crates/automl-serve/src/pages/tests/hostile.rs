//! Nothing that was logged can run, fetch or pretend, whatever it is.

use super::{Desk, tag};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use tower::ServiceExt;

const SCRIPT: &str = "<script>alert(1)</script>";
const PICTURE: &str = "\"><img src=x onerror=alert(1)>";

/// A record whose every text is hostile, and the addresses of its pages.
async fn hostile_desk() -> (Desk, Vec<String>) {
    let desk = Desk::new();
    desk.post("experiments/create", json!({ "name": SCRIPT, "tags": [tag("mlflow.note.content", PICTURE), tag("team", SCRIPT)] })).await;
    let mut runs = Vec::new();
    for value in [SCRIPT, PICTURE, "b", "a"] {
        let about = json!({
            "tags": [tag("mlflow.note.content", SCRIPT), tag("mlflow.source.name", PICTURE), tag("mlflow.source.git.commit", SCRIPT), tag("own", PICTURE)],
            "params": { "p": value },
            "metrics": { "loss": [3, 2, 1] },
        });
        runs.push(desk.logged(SCRIPT, about).await);
    }
    desk.post("runs/log-inputs", json!({ "run_id": runs[0], "datasets": [{
        "dataset": { "name": SCRIPT, "digest": "<i>1</i>", "source_type": SCRIPT, "source": PICTURE, "schema": PICTURE, "profile": SCRIPT },
        "tags": [tag("mlflow.data.context", SCRIPT)],
    }] })).await;
    desk.post(
        "registered-models/create",
        json!({ "name": PICTURE, "description": SCRIPT, "tags": [tag("t", SCRIPT)] }),
    )
    .await;
    desk.post("model-versions/create", json!({ "name": PICTURE, "source": format!("runs:/{}/m", runs[0]), "run_id": runs[0], "description": SCRIPT, "tags": [tag("t", SCRIPT)] })).await;
    desk.put(&runs[0], "x.html", SCRIPT.as_bytes()).await;
    desk.put(&runs[0], "x.md", SCRIPT.as_bytes()).await;
    desk.put(&runs[0], "x.csv", format!("a,b\n{SCRIPT},1\n").as_bytes())
        .await;
    desk.put(&runs[0], "x.svg", SCRIPT.as_bytes()).await;
    let model = "%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E";
    let run = &runs[0];
    let all = runs
        .iter()
        .map(|id| format!("run={id}"))
        .collect::<Vec<_>>()
        .join("&");
    let mut addresses = vec![
        "/".to_owned(),
        format!("/?filter={model}"),
        "/experiments/0".into(),
        "/experiments/1".into(),
        format!(
            "/experiments/0?filter={model}&order_by={model}&col=params.{model}&view={model}&open={model}"
        ),
        format!("/runs/{run}"),
        format!("/runs/{run}/metrics?key=loss&key={model}&scale=log&smooth=0.5"),
        format!("/runs/{run}/metrics?find={model}"),
        format!("/compare?{all}&find={model}&metric={model}"),
        "/models".into(),
        format!("/models/{model}"),
        format!("/models/{model}/1"),
        format!("/models/{model}/{model}"),
        format!("/nothing/{model}"),
        format!("/runs/{model}"),
    ];
    for file in ["html", "md", "csv", "svg"] {
        addresses.push(format!("/runs/{run}/artifacts?path=x.{file}"));
    }
    (desk, addresses)
}

#[tokio::test]
async fn what_was_logged_is_text() {
    let (desk, addresses) = hostile_desk().await;
    for address in addresses {
        let (_, page) = desk.any_page(&address).await;
        let lower = page.to_lowercase();
        assert!(!lower.contains("<script>"), "{address}: {page}");
        assert!(!lower.contains("<img src=x"), "{address}: {page}");
        assert!(!lower.contains("<i>1</i>"), "{address}: {page}");
        assert_eq!(
            page.matches("<script").count(),
            1,
            "its own only: {address}"
        );
    }
}

#[tokio::test]
async fn a_browser_is_told_to_run_and_fetch_only_what_is_ours() {
    let (desk, addresses) = hostile_desk().await;
    for address in addresses {
        let request = Request::get(&address).body(Body::empty()).unwrap();
        let answer = desk.router().oneshot(request).await.unwrap();
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            policy.starts_with("default-src 'none'")
                && !policy.contains("unsafe")
                && !policy.contains("http"),
            "{address}: {policy}"
        );
        assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let (_, page) = desk.any_page(&address).await;
        for foreign in [
            "src=\"http",
            "href=\"http",
            "src=\"//",
            "href=\"//",
            "javascript:",
            "style=\"",
            "onclick",
        ] {
            assert!(!page.contains(foreign), "{foreign} in {address}: {page}");
        }
    }
}

#[tokio::test]
async fn html_that_was_logged_stands_in_a_sandbox() {
    let (desk, addresses) = hostile_desk().await;
    let run = addresses[5].trim_start_matches("/runs/");
    let page = desk
        .page(&format!("/runs/{run}/artifacts?path=x.html"))
        .await;
    assert!(
        page.contains(&format!(
            "<iframe class=\"card\" sandbox=\"\" src=\"/runs/{run}/html?path=x.html\""
        )),
        "{page}"
    );
    let request = Request::get(format!("/runs/{run}/html?path=x.html"))
        .body(Body::empty())
        .unwrap();
    let answer = desk.router().oneshot(request).await.unwrap();
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(
        policy.starts_with("sandbox; default-src 'none'") && !policy.contains("script"),
        "{policy}"
    );
    let (status, _) = desk.any_page(&format!("/runs/{run}/html?path=x.svg")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "only HTML");
    let (status, _) = desk
        .any_page(&format!("/runs/{run}/artifacts?path=../../x"))
        .await;
    assert!(status.is_client_error());
}
