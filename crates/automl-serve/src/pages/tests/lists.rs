//! Lists of experiments, runs and models; runs side by side.

use super::{Desk, assert_in_order, tag, words};
use axum::http::StatusCode;
use serde_json::json;

#[tokio::test]
async fn experiments_are_listed_with_what_goes_on_in_them() {
    let desk = Desk::new();
    desk.post("experiments/create", json!({ "name": "churn & co" }))
        .await;
    desk.logged("a", json!({ "metrics": { "val_loss": [0.5, 0.25] } }))
        .await;
    desk.logged("b", json!({ "metrics": { "val_loss": [0.75] } }))
        .await;
    let page = desk.page("/").await;
    assert!(page.contains("churn &amp; co"), "{page}");
    assert!(
        words(&page).contains("Default 2 just now 0.25 val_loss"),
        "{}",
        words(&page)
    );
    let page = desk.page("/?filter=churn").await;
    assert!(
        page.contains("churn &amp; co") && !page.contains(">Default<"),
        "a plain word is part of a name"
    );
    let page = desk.page("/?order_by=name%20DESC").await;
    assert_in_order(&page, &["aria-sort=\"descending\"", ">churn", ">Default<"]);
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_told_with_its_place() {
    let desk = Desk::new();
    let (status, page) = desk
        .any_page("/experiments/0?filter=metrics.loss%20~%201")
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        words(&page).contains("metrics.loss ~ 1 Character 14:"),
        "{}",
        words(&page)
    );
    assert!(
        page.contains("value=\"metrics.loss ~ 1\""),
        "the box keeps it: {page}"
    );
    let (status, _) = desk.any_page("/experiments/0?page=nonsense").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn columns_are_what_differs_or_what_is_chosen() {
    let desk = Desk::new();
    for depth in ["2", "4"] {
        let about = json!({ "params": { "depth": depth, "seed": "7" }, "metrics": { "acc": [depth.parse::<f64>().unwrap() / 10.0] } });
        desk.logged(&format!("r{depth}"), about).await;
    }
    let page = desk
        .page("/experiments/0?order_by=metrics.%60acc%60%20DESC")
        .await;
    assert!(
        page.contains("title=\"depth\"") && !page.contains("title=\"seed\""),
        "{page}"
    );
    assert_in_order(&page, &[">r4<", ">r2<"]);
    assert!(
        page.contains("<td class=\"value n best\">0.4</td>"),
        "{page}"
    );
    let page = desk.page("/experiments/0?col=params.seed").await;
    assert!(
        page.contains("title=\"seed\"") && !page.contains("title=\"depth\""),
        "{page}"
    );
}

#[tokio::test]
async fn children_stand_below_their_parent_when_it_is_opened() {
    let desk = Desk::new();
    let parent = desk.logged("study", json!({})).await;
    let about = json!({ "tags": [tag("mlflow.parentRunId", &parent)] });
    desk.logged("trial-1", about.clone()).await;
    desk.logged("trial-2", about).await;
    let page = desk.page("/experiments/0").await;
    assert!(!page.contains("trial-1"), "collapsed at first");
    assert!(
        page.contains("aria-label=\"Show 2 children of study\""),
        "{page}"
    );
    let page = desk.page(&format!("/experiments/0?open={parent}")).await;
    assert_in_order(&page, &[">study<", ">trial-1<", ">trial-2<"]);
    let page = desk.page("/experiments/0?filter=trial-2").await;
    assert!(
        page.contains(">trial-2<") && !page.contains(">study<"),
        "a search looks at children too"
    );
    let page = desk.page(&format!("/runs/{parent}")).await;
    assert_in_order(&page, &["id=\"children\"", ">trial-1<", ">trial-2<"]);
}

#[tokio::test]
async fn long_lists_go_on_on_the_next_page() {
    let desk = Desk::new();
    for number in 0..3 {
        desk.logged(&format!("r{number}"), json!({ "start": number }))
            .await;
    }
    let page = desk.page("/experiments/0?n=2").await;
    assert!(page.contains(">r2<") && page.contains(">r1<") && !page.contains(">r0<"));
    let next = page
        .split("rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    let page = desk.page(&format!("/experiments/0{next}")).await;
    assert!(page.contains(">r0<") && !page.contains(">r1<"), "{page}");
}

#[tokio::test]
async fn runs_are_compared_side_by_side() {
    let desk = Desk::new();
    let mut ids = Vec::new();
    for depth in [2, 4, 6, 8] {
        let about = json!({ "params": { "depth": depth.to_string(), "seed": "7" }, "metrics": { "loss": [1, depth] } });
        ids.push(format!(
            "run={}",
            desk.logged(&format!("r{depth}"), about).await
        ));
    }
    let page = desk.page(&format!("/compare?{}", ids.join("&"))).await;
    assert!(
        words(&page).contains("depth (differs) 2 4 6 8"),
        "{}",
        words(&page)
    );
    assert!(words(&page).contains("seed 7 7 7 7"), "{}", words(&page));
    assert!(
        page.contains("<svg class=\"parallel\"")
            && page.contains("aria-label=\"4 runs across depth, loss\""),
        "{page}"
    );
    assert_eq!(
        page.matches("data-name=").count(),
        4,
        "the histories of all in one chart"
    );
    let page = desk
        .page(&format!("/compare?{}&differences=only", ids[..2].join("&")))
        .await;
    assert!(
        !page.contains(">seed<") && !page.contains("class=\"parallel\""),
        "{page}"
    );
    let (status, page) = desk.any_page("/compare?run=gone").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("Run with id=gone not found"), "{page}");
}

#[tokio::test]
async fn models_have_versions_with_aliases_stages_and_sources() {
    let desk = Desk::new();
    let run = desk
        .logged(
            "maker",
            json!({ "metrics": { "auc": [0.875] }, "params": { "depth": "4" } }),
        )
        .await;
    let signature =
        r#"signature: {inputs: '[{"type": "double", "name": "age", "required": true}]'}"#;
    desk.put(&run, "model/MLmodel", signature.as_bytes()).await;
    desk.post("registered-models/create", json!({ "name": "churn model" }))
        .await;
    let source = format!("mlflow-artifacts:/0/{run}/artifacts/model");
    desk.post("model-versions/create", json!({ "name": "churn model", "source": source, "run_id": run, "description": "the first" })).await;
    desk.post(
        "registered-models/alias",
        json!({ "name": "churn model", "alias": "champion", "version": "1" }),
    )
    .await;
    desk.post("model-versions/transition-stage", json!({ "name": "churn model", "version": "1", "stage": "Production", "archive_existing_versions": false })).await;
    let page = desk.page("/models").await;
    assert!(page.contains("href=\"/models/churn%20model\""), "{page}");
    assert!(
        words(&page).contains("churn model 1 Production @champion → 1"),
        "{}",
        words(&page)
    );
    let page = desk.page("/models/churn%20model").await;
    assert!(
        words(&page).contains("Version 1 @champion Production"),
        "{}",
        words(&page)
    );
    let page = desk.page("/models/churn%20model/1").await;
    for text in ["the first", ">maker<", ">age<", ">double<", "0.875"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let page = desk.page(&format!("/runs/{run}")).await;
    assert!(page.contains("href=\"/models/churn%20model/1\""), "{page}");
}

#[tokio::test]
async fn a_version_that_was_learned_here_tells_what_it_takes_and_gives() {
    let desk = Desk::new();
    let run = desk.logged("maker", json!({})).await;
    let field =
        |name: &str, kind: &str, role: &str| json!({ "name": name, "kind": kind, "role": role });
    let manifest = json!({
        "task": { "kind": "regression" },
        "inputs": { "fields": [field("age", "number", "feature"), field("w", "number", "weight")] },
        "outputs": { "fields": [field("prediction", "number", "feature")] },
    });
    desk.put(&run, "model/manifest.json", manifest.to_string().as_bytes())
        .await;
    desk.put(&run, "other/notes.txt", b"nothing").await;
    desk.post("registered-models/create", json!({ "name": "age" }))
        .await;
    for folder in ["model", "other"] {
        let source = format!("mlflow-artifacts:/0/{run}/artifacts/{folder}");
        desk.post(
            "model-versions/create",
            json!({ "name": "age", "source": source, "run_id": run }),
        )
        .await;
    }
    let page = desk.page("/models/age/1").await;
    let told = words(&page);
    let wanted =
        "Signature task regression Takes Name Type age number Gives Name Type prediction number";
    assert!(told.contains(wanted), "{told}");
    let told = words(&desk.page("/models/age/2").await);
    assert!(
        told.contains("Signature Its files do not say what it takes and gives."),
        "{told}"
    );
}
