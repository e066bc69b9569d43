//! Which models are in memory.

use super::*;

#[tokio::test]
async fn models_that_were_not_used_lately_go_and_come_back() {
    let desk = Desk::crowded(250, &[0.1, 0.2, 0.3]).await;
    let before = desk.in_memory().await;
    assert_eq!(before.iter().filter(|is_there| **is_there).count(), 2);
    for version in [1, 2, 3, 1] {
        let name = format!("v{version}");
        let met = desk.version_met(&[("x-endpoint-deployment", &name)]).await;
        assert_eq!(met, version);
    }
    assert_eq!(desk.in_memory().await, [true, false, true]);
    let large = desk.register(json!({ "bias": 0.1, "n_bytes": 300 })).await;
    let body = json!({ "model": format!("sum/{large}") });
    let problem = desk.misfit("/e/deploy", body).await;
    assert!(
        problem.contains("300 bytes, more than all models may (250)"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_slow_to_read_holds_up_its_own_endpoint_alone() {
    let desk = Arc::new(Desk::endpoint(&[0.1]).await);
    let gate = desk.directory.path().join("gate");
    let slow = desk
        .register(json!({ "bias": 0.2, "waits_for": gate.to_str() }))
        .await;
    desk.api("POST", "", json!({ "name": "f" })).await;
    let deploying = {
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let body = json!({ "model": format!("sum/{slow}"), "share": 100 });
            desk.api("POST", "/f/deploy", body).await
        })
    };
    while !gate.with_extension("begun").exists() {
        tokio::task::yield_now().await;
    }
    // All that goes on while the other is read.
    desk.api("POST", "/e/promote", json!({ "deployment": "v1" }))
        .await;
    desk.api("POST", "", json!({ "name": "g" })).await;
    desk.api("POST", "/g/deploy", json!({ "model": "sum/1" }))
        .await;
    desk.api("DELETE", "/g", json!({ "force": true })).await;
    assert_eq!(desk.version_met(&[]).await, 1);
    assert!(!deploying.is_finished());
    std::fs::write(&gate, "").unwrap();
    assert_eq!(deploying.await.unwrap()["endpoint"]["state"], "serving");
}

#[tokio::test]
async fn a_model_that_is_renamed_comes_back_into_memory() {
    let desk = Desk::crowded(150, &[0.1, 0.2]).await;
    let renamed = desk
        .app
        .db
        .write(|sql| registered::rename(sql, W, "sum", "total"));
    renamed.await.unwrap();
    desk.sync().await;
    for version in [1, 2, 1] {
        let name = format!("v{version}");
        let met = desk.version_met(&[("x-endpoint-deployment", &name)]).await;
        assert_eq!(met, version);
    }
}
