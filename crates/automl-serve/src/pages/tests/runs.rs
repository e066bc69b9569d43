//! The pages of a run, and pages that are not there.

use super::{Desk, tag, words};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use tower::ServiceExt;

#[tokio::test]
async fn a_run_tells_who_made_it_from_what() {
    let desk = Desk::new();
    let about = json!({
        "tags": [
            tag("mlflow.user", "mia"), tag("mlflow.source.name", "train.py"), tag("mlflow.note.content", "tried *again*"),
            tag("mlflow.source.git.commit", "0123456789abcdef"), tag("mlflow.source.git.branch", "main"),
            tag("automl.git.dirty", "true"), tag("automl.command", "automl fit x.csv"), tag("automl.cores", "2"), tag("team", "risk"),
        ],
        "params": { "depth": "4" },
        "metrics": { "loss": [1, 0.5, 0.25], "once": ["NaN"] },
    });
    let run = desk.logged("r", about).await;
    desk.post("runs/log-inputs", json!({ "run_id": run, "datasets": [{
        "dataset": {
            "name": "iris", "digest": "abc", "source_type": "local", "source": "{\"uri\": \"iris.csv\"}",
            "schema": "{\"mlflow_colspec\": [{\"type\": \"double\", \"name\": \"petal\"}]}", "profile": "{\"num_rows\": 1500}",
        },
        "tags": [tag("mlflow.data.context", "training")],
    }] })).await;
    let page = desk.page(&format!("/runs/{run}")).await;
    let text = words(&page);
    for part in [
        "r Running",
        "User mia",
        "Source train.py",
        "Commit 0123456789ab on main with changes",
        "Command automl fit x.csv",
        "What it ran on Cores 2",
        "Notes tried *again*",
        "depth 4",
        "loss 0.25 2",
        "once NaN 0",
        "iris training digest abc · local from iris.csv",
        "num_rows 1,500",
        "petal double",
        "team risk",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(page.contains("data-live"), "a run that goes on is followed");
    assert_eq!(
        page.matches("<svg class=\"plot\"").count(),
        1,
        "a single value is no curve"
    );
    desk.post(
        "runs/update",
        json!({ "run_id": run, "status": "FINISHED", "end_time": 5000 }),
    )
    .await;
    assert!(
        !desk
            .page(&format!("/runs/{run}"))
            .await
            .contains("data-live")
    );
}

#[tokio::test]
async fn metrics_are_drawn_as_the_address_says() {
    let desk = Desk::new();
    let values: Vec<f64> = (0..900).map(|step| 1.0 + f64::from(step)).collect();
    let run = desk
        .logged(
            "r",
            json!({ "metrics": { "val/loss": values, "val/acc": [0.1, 0.9], "other": [1, 0] } }),
        )
        .await;
    let address = format!("/runs/{run}/metrics");
    let page = desk.page(&address).await;
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 3);
    assert!(
        page.contains("900 points, drawn as means"),
        "{}",
        words(&page)
    );
    let page = desk.page(&format!("{address}?find=ACC")).await;
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 1);
    let page = desk
        .page(&format!(
            "{address}?key=val/loss&key=other&scale=log&smooth=0.5"
        ))
        .await;
    assert_eq!(
        (
            page.matches("data-name=").count(),
            page.matches("class=\"raw").count()
        ),
        (2, 1),
        "two values have nothing to smooth"
    );
    assert!(page.contains("1 point not above zero"), "{}", words(&page));
    let page = desk.page(&format!("{address}?key=val/acc&x=time")).await;
    assert!(
        page.contains("data-along=\"") && !page.contains("data-along=\"step\""),
        "{page}"
    );
    let page = desk
        .page(&format!("{address}?key=gone&smooth=NaN&page=-1"))
        .await;
    assert!(page.contains("No number to draw."), "{page}");
}

#[tokio::test]
async fn artifacts_are_a_tree_with_previews() {
    let desk = Desk::new();
    let run = desk.run().await;
    desk.put(&run, "model/MLmodel", b"flavors: {}").await;
    desk.put(&run, "model/data/table.csv", b"name,age\n\"x, y\",3\n")
        .await;
    desk.put(&run, "plot.png", b"\x89PNG\r\n").await;
    desk.put(&run, "raw.bin", b"\0\x01").await;
    desk.put(&run, "r.json", br#"{"a":[1]}"#).await;
    let page = desk.page(&format!("/runs/{run}")).await;
    assert!(
        words(&page).contains("model/ plot.png 6 B"),
        "{}",
        words(&page)
    );
    let address = format!("/runs/{run}/artifacts");
    let page = desk.page(&address).await;
    assert!(!page.contains("MLmodel"), "folders are closed at first");
    let page = desk
        .page(&format!("{address}?path=model/data/table.csv"))
        .await;
    assert!(words(&page).contains("name age x, y 3"), "{}", words(&page));
    assert!(
        page.contains("MLmodel") && page.contains(">table.csv<"),
        "the way there is open"
    );
    let page = desk.page(&format!("{address}?path=plot.png")).await;
    assert!(
        page.contains(&format!(
            "<img src=\"/get-artifact?run_uuid={run}&amp;path=plot.png\""
        )),
        "{page}"
    );
    let page = desk.page(&format!("{address}?path=raw.bin")).await;
    assert!(
        page.contains("not shown here") && page.contains("Download"),
        "{page}"
    );
    let page = desk.page(&format!("{address}?path=r.json")).await;
    assert!(
        page.contains("  &quot;a&quot;: [") || page.contains("  \"a\": ["),
        "{page}"
    );
    let (status, page) = desk
        .any_page(&format!("{address}?path=model/none.txt"))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("No artifact is at"), "{page}");
}

#[tokio::test]
async fn logged_models_have_a_page() {
    let desk = Desk::new();
    let run = desk.run().await;
    let answer = desk.post("logged-models", json!({ "experiment_id": "0", "name": "forest", "source_run_id": run, "params": [tag("trees", "9")] })).await;
    let id = answer["model"]["info"]["model_id"]
        .as_str()
        .unwrap()
        .to_owned();
    desk.post(
        "runs/outputs",
        json!({ "run_id": run, "models": [{ "model_id": id, "step": 0 }] }),
    )
    .await;
    let page = desk.page(&format!("/runs/{run}")).await;
    assert!(
        page.contains(&format!("href=\"/logged-models/{id}\"")),
        "{page}"
    );
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/models/{id}/artifacts/MLmodel");
    desk.send(
        Request::put(path)
            .body(Body::from("flavors: {sklearn: {}}"))
            .unwrap(),
    )
    .await;
    let page = desk.page(&format!("/logged-models/{id}")).await;
    for text in ["forest", "pending", "sklearn", "trees", "MLmodel", &run] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let (status, body) = desk
        .get(&format!("/logged-models/{id}/file?path=MLmodel"))
        .await;
    assert_eq!(
        (status, body),
        (StatusCode::OK, b"flavors: {sklearn: {}}".to_vec())
    );
}

#[tokio::test]
async fn what_is_not_there_is_told_by_a_page_and_to_programs_as_json() {
    let desk = Desk::new();
    for (address, status, told) in [
        ("/runs/none", 404, "Run with id=none not found"),
        ("/experiments/7", 404, "No Experiment with id 7 exists"),
        (
            "/experiments/x",
            400,
            "Experiment ID must be a valid integer",
        ),
        (
            "/models/none",
            404,
            "Registered Model with name=none not found",
        ),
        ("/models/none/x", 404, "versions are numbers"),
        ("/logged-models/none", 404, "not found"),
        ("/nowhere", 404, "Nothing is at /nowhere"),
    ] {
        let (found, page) = desk.any_page(address).await;
        assert_eq!(found.as_u16(), status, "{address}");
        assert!(
            page.contains("<!DOCTYPE html>") && page.contains(told),
            "{address}: {page}"
        );
    }
    let (status, body) = desk.get("/api/2.0/mlflow/runs/get?run_id=none").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.starts_with(b"{"), "{body:?}");
    let (status, body) = desk.get("/api/2.0/mlflow/none").await;
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (status, told["error_code"].as_str()),
        (StatusCode::NOT_FOUND, Some("ENDPOINT_NOT_FOUND"))
    );
}

#[tokio::test]
async fn the_files_of_pages_may_be_kept_for_ever() {
    let desk = Desk::new();
    let page = desk.page("/").await;
    for address in page.split('"').filter(|text| text.starts_with("/assets/")) {
        let answer = desk
            .router()
            .oneshot(Request::get(address).body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{address}");
        assert!(
            answer.headers()[header::CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
    }
    assert_eq!(
        desk.any_page("/assets/0/studio.css").await.0,
        StatusCode::NOT_FOUND,
        "of another version"
    );
}

#[tokio::test]
async fn a_failed_run_tells_why() {
    let desk = Desk::new();
    let message = "no column <b>'age'</b>";
    let tags = [
        tag("automl.error.code", "data-column-missing"),
        tag("automl.error.message", message),
    ];
    let run = desk.logged("broken", json!({ "tags": tags })).await;
    let page = desk.page(&format!("/runs/{run}")).await;
    assert!(!page.contains(message), "{page}");
    let told = words(&page);
    let wanted = "Error data-column-missing no column &lt;b&gt;'age'&lt;/b&gt;";
    assert!(told.contains(wanted), "{told}");
}

#[tokio::test]
async fn links_that_mlflows_clients_print_are_followed() {
    let desk = Desk::new();
    let page = desk.page("/").await;
    let script = page.split('"').find(|part| part.ends_with("studio.js"));
    let script = desk.page(script.unwrap()).await;
    for part in [
        "location.hash",
        "`/runs/${id}`",
        "`/experiments/${name}`",
        "`/models/${name}/${id}`",
    ] {
        assert!(script.contains(part), "{part}");
    }
}
