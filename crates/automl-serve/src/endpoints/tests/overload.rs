//! Requests that wait for a slow model: they are predicted together, and told at once where they would wait too long.

use super::*;

/// An endpoint whose model takes so many milliseconds a call, however many rows it has.
async fn slow(call_ms: u64) -> Desk {
    let desk = Desk::new();
    desk.api("POST", "", json!({ "name": "e", "max_at_once": 1000 }))
        .await;
    let version = desk
        .register(json!({ "bias": 0.25, "call_ms": call_ms }))
        .await;
    let said = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", said).await;
    desk
}

fn row(x: f64) -> String {
    json!({ "rows": [{ "x": x, "word": "a" }] }).to_string()
}

/// Asks many at once, each with its own row.
async fn ask_all(desk: &Desk, n: usize, headers: &[(&str, &str)]) -> Vec<Answer> {
    let asks = (0..n).map(|place| {
        let x = place as f64 / 1000.0;
        desk.ask("/endpoints/e/predict", headers, row(x))
    });
    futures_util::future::join_all(asks).await
}

async fn metric(desk: &Desk, start: &str) -> f64 {
    let (_, metrics) = desk.get("/metrics").await;
    let metrics = String::from_utf8(metrics).unwrap();
    let mut lines = metrics.lines();
    let line = lines.find(|line| line.starts_with(start));
    let value = line.and_then(|line| line.rsplit_once(' '));
    value.map_or(0.0, |(_, value)| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_predicted_together_and_each_gets_its_own() {
    let desk = slow(5).await;
    let answers = ask_all(&desk, 60, &[]).await;
    for (place, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let yes = answer.json()["probabilities"]["yes"][0].as_f64().unwrap();
        let wanted = 0.25 + place as f64 / 1000.0;
        assert!((yes - wanted).abs() < 1e-12, "{yes} {wanted}");
    }
    let n_rows = metric(&desk, "automl_endpoint_batch_rows_sum").await;
    let n_calls = metric(&desk, "automl_endpoint_batch_rows_count").await;
    assert_eq!(n_rows, 60.0);
    assert!(n_calls < 60.0, "{n_calls} calls");
    assert_eq!(metric(&desk, "nv_inference_exec_count{").await, n_calls);
    assert_eq!(metric(&desk, "nv_inference_count{").await, 60.0);
    let waits = "nv_inference_pending_request_count{";
    assert_eq!(metric(&desk, waits).await, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_batches_are_predicted_at_once_as_there_are_replicas() {
    for replicas in [1, 3] {
        let desk = Desk::new();
        desk.api("POST", "", json!({ "name": "e", "max_at_once": 1000 }))
            .await;
        let version = desk.register(json!({ "bias": 0, "busy_ms": 20 })).await;
        let said = json!({ "model": format!("sum/{version}"), "replicas": replicas });
        let deployed = desk.api("POST", "/e/deploy", said).await;
        assert_eq!(deployed["endpoint"]["deployments"][0]["replicas"], replicas);
        // A change of the endpoint goes on with the queue that is there.
        let patience = [("x-request-timeout-ms", "30000")];
        let asks = ask_all(&desk, 60, &patience);
        let change = desk.api("POST", "/e/traffic", json!({ "shares": { "v1": 100 } }));
        let (answers, _) = futures_util::future::join(asks, change).await;
        let most = answers.iter().map(|answer| {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            let yes = answer.json()["probabilities"]["yes"][0].as_f64();
            (yes.unwrap() * 100.0).round() as usize
        });
        assert_eq!(most.max(), Some(replicas), "batches at once");
    }
    let desk = Desk::new();
    desk.api("POST", "", json!({ "name": "e" })).await;
    let version = desk.register(json!({ "bias": 0.25 })).await;
    let said = json!({ "model": format!("sum/{version}"), "replicas": 0 });
    let (status, refused) = desk.any_api("POST", "/e/deploy", said).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(refused["error_code"], "endpoint-invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_among_others_fails_alone() {
    let desk = slow(5).await;
    let words = ["a", "b", "panic", "c", "yes"];
    let asks = words.map(|word| {
        let body = json!({ "rows": [{ "x": 0.1, "word": word }] }).to_string();
        desk.ask("/endpoints/e/predict", &[], body)
    });
    let answers = futures_util::future::join_all(asks).await;
    let statuses: Vec<u16> = answers.iter().map(|one| one.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 500, 200, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_wait_too_long_is_told_at_once_and_the_rest_is_answered() {
    let desk = slow(20).await;
    let patience = [("x-request-timeout-ms", "60")];
    let answers = ask_all(&desk, 400, &patience).await;
    let count = |status| answers.iter().filter(|one| one.status == status).count();
    let n_refused = count(StatusCode::TOO_MANY_REQUESTS);
    let n_answered = count(StatusCode::OK);
    let n_late = count(StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(n_refused + n_answered + n_late, 400);
    assert!(n_refused > 200, "{n_refused} refused");
    assert!(n_answered > 0, "{n_answered} answered");
    let mut refused = answers.iter();
    let refused = refused.find(|one| one.status == StatusCode::TOO_MANY_REQUESTS);
    let refused = refused.unwrap();
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    assert_eq!(refused.json()["error_code"], "endpoint-overloaded");
    let n_busy = metric(&desk, "automl_endpoint_busy_total").await;
    assert_eq!(n_busy, n_refused as f64);
    let after = desk.ask("/endpoints/e/predict", &[], row(0.0)).await;
    assert_eq!(
        after.status,
        StatusCode::OK,
        "it recovers: {}",
        after.text()
    );
}

fn word_row(word: &str) -> String {
    json!({ "rows": [{ "x": 0, "word": word }] }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_in_time_is_told_so_while_its_work_goes_on() {
    let desk = Desk::new();
    desk.api("POST", "", json!({ "name": "e", "max_at_once": 1000 }))
        .await;
    let version = desk.register(json!({ "bias": 0.25, "call_ms": 1 })).await;
    let said = json!({ "model": format!("sum/{version}"), "replicas": 1 });
    desk.api("POST", "/e/deploy", said).await;
    let live = desk.app.fleet.find("e").unwrap();
    // Who leaves the line does so while whoever asked is told.
    let n_free = async || {
        loop {
            match live.room.available_permits() {
                ..999 => tokio::task::yield_now().await,
                n_free => return n_free,
            }
        }
    };
    let gate = Gate::new(&desk);
    let ask = async |word: &str| {
        let patience = [("x-request-timeout-ms", "50")];
        let answer = desk.ask("/endpoints/e/predict", &patience, word_row(word));
        let answer = answer.await;
        assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(answer.json()["error_code"], "score-time-over");
    };
    let word = format!("gate:{}", gate.text());
    // On a machine that has no time it may not even have begun.
    while !gate.is_met() {
        ask(&word).await;
    }
    assert_eq!(n_free().await, 999, "it is still being predicted");
    // Behind it, by the only replica.
    ask("a").await;
    assert_eq!(n_free().await, 999, "what waited has left the line");
    gate.open();
    while n_free().await < 1000 {
        tokio::task::yield_now().await;
    }
    let after = desk.ask("/endpoints/e/predict", &[], word_row("a")).await;
    assert_eq!(after.status, StatusCode::OK, "{}", after.text());
    let answered = metric(&desk, "automl_endpoint_rows_total").await;
    assert_eq!(answered, 1.0, "what nobody waited for is not counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_they_said_for_a_model_that_is_read() {
    let desk = Desk::with(|config| config.models.n_bytes_max = Some(150));
    desk.api("POST", "", json!({ "name": "e", "max_at_once": 4 }))
        .await;
    let gate = Gate::new(&desk);
    gate.open();
    for manifest in [
        json!({ "bias": 0.1, "n_bytes": 100, "waits_for": gate.text() }),
        json!({ "bias": 0.2, "n_bytes": 100 }),
    ] {
        let version = desk.register(manifest).await;
        let body = json!({ "model": format!("sum/{version}") });
        desk.api("POST", "/e/deploy", body).await;
    }
    assert_eq!(desk.in_memory().await, [false, true]);
    gate.close();
    let headers = [
        ("x-endpoint-deployment", "v1"),
        ("x-request-timeout-ms", "50"),
    ];
    let late = desk.ask("/endpoints/e/predict", &headers, row(0.0)).await;
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT, "{}", late.text());
    let live = desk.app.fleet.find("e").unwrap();
    assert_eq!(live.room.available_permits(), 3, "it is still being read");
    gate.open();
    assert_eq!(desk.version_met(&headers[..1]).await, 1);
    while live.room.available_permits() < 4 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_could_not_be_read_is_not_tried_again_by_each_request() {
    let desk = Desk::crowded(150, &[0.1, 0.2]).await;
    let manifest = desk.directory.path().join("artifacts/sum/1/manifest.json");
    let text = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, "broken").unwrap();
    let headers = [("x-endpoint-deployment", "v1")];
    let asks = (0..32).map(|_| desk.ask("/endpoints/e/predict", &headers, row(0.0)));
    for answer in futures_util::future::join_all(asks).await {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers[header::RETRY_AFTER], "1");
        let told = answer.text();
        assert!(told.contains("does not serve: sum/1: "), "{told}");
    }
    let failed =
        "automl_endpoint_model_loads_total{model=\"sum\",version=\"1\",outcome=\"failed\"}";
    let n_failed = metric(&desk, failed).await;
    assert!((1.0..32.0).contains(&n_failed), "{n_failed} tried");
    std::fs::write(&manifest, text).unwrap();
    // After a second.
    while desk
        .ask("/endpoints/e/predict", &headers, row(0.0))
        .await
        .status
        != StatusCode::OK
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_be_at_once_are_refused_before_they_wait() {
    let desk = Desk::new();
    desk.api("POST", "", json!({ "name": "e", "max_at_once": 4 }))
        .await;
    let version = desk.register(json!({ "bias": 0.25, "call_ms": 20 })).await;
    let said = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", said).await;
    let answers = ask_all(&desk, 20, &[]).await;
    let count = |status| answers.iter().filter(|one| one.status == status).count();
    assert_eq!(
        count(StatusCode::OK) + count(StatusCode::TOO_MANY_REQUESTS),
        20
    );
    assert!(count(StatusCode::OK) >= 4);
    assert!(count(StatusCode::TOO_MANY_REQUESTS) > 0);
}
