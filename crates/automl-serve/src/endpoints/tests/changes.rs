//! What is deployed, swapped, followed, taken back, and unloaded.

use super::*;
use crate::endpoints::{Fleet, Loading, Numbers};
use automl_store::endpoints::{self, EndpointError};
use automl_store::workspace::Record;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test]
async fn a_deployed_version_answers_once_the_change_is_answered() {
    let desk = Desk::endpoint(&[0.25]).await;
    let shown = desk.api("GET", "/e", json!({})).await;
    let endpoint = &shown["endpoint"];
    assert_eq!(endpoint["state"], "serving");
    assert_eq!(endpoint["served_revision"], endpoint["revision"]);
    assert_eq!(endpoint["deployments"][0]["is_in_memory"], true);
    assert_eq!(shown["changes"].as_array().unwrap().len(), 2);
    assert_eq!(desk.version_met(&[]).await, 1);
}

#[tokio::test]
async fn requests_are_shared_out_by_their_key() {
    let desk = Desk::endpoint(&[0.1, 0.2]).await;
    assert_eq!(desk.version_met(&[("x-endpoint-key", "a")]).await, 1);
    desk.api(
        "POST",
        "/e/traffic",
        json!({ "shares": { "v1": 50, "v2": 50 } }),
    )
    .await;
    let mut n_second = 0;
    for number in 0..200 {
        let key = number.to_string();
        let met = desk.version_met(&[("x-endpoint-key", &key)]).await;
        assert_eq!(met, desk.version_met(&[("x-endpoint-key", &key)]).await);
        n_second += met - 1;
    }
    assert!((60..140).contains(&n_second), "{n_second}");
    assert_eq!(
        desk.version_met(&[("x-endpoint-deployment", "v2")]).await,
        2
    );
    assert_eq!(
        desk.version_met(&[("x-amzn-sagemaker-target-variant", "v1")])
            .await,
        1
    );
    let unknown = desk
        .ask(
            "/endpoints/e/predict",
            &[("x-endpoint-deployment", "v3")],
            "{}",
        )
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.json()["error_code"], "endpoint-deployment-missing");
}

#[tokio::test]
async fn a_version_that_cannot_be_read_changes_nothing_but_what_is_told() {
    let desk = Desk::endpoint(&[0.25]).await;
    let bad = desk.register(json!({ "no bias": 1 })).await;
    let body = json!({ "model": format!("sum/{bad}"), "share": 100 });
    let told = desk.misfit("/e/deploy", body).await;
    assert_eq!(
        told,
        "sum/2 cannot answer: sum/2: it has no bias [test-model]"
    );
    let answer = desk.api("GET", "/e", json!({})).await;
    assert_eq!(answer["endpoint"]["revision"], 2, "nothing is recorded");
    // Another program may have recorded it.
    desk.record(bad, &digest(&desk, bad).await).await;
    let answer = desk.api("GET", "/e", json!({})).await;
    let endpoint = &answer["endpoint"];
    assert_eq!(endpoint["state"], "failed");
    assert_eq!(endpoint["problem"], "sum/2: it has no bias [test-model]");
    assert_eq!(endpoint["served_revision"], 2);
    assert_eq!(desk.version_met(&[]).await, 1);
    let back = desk.api("POST", "/e/rollback", json!({})).await;
    assert_eq!(back["endpoint"]["state"], "serving");
    assert_eq!(desk.version_met(&[]).await, 1);
}

#[tokio::test]
async fn a_server_that_starts_again_serves_what_it_served() {
    let desk = Desk::endpoint(&[0.25]).await;
    let bad = desk.register(json!({})).await;
    desk.record(bad, &digest(&desk, bad).await).await;
    let record = Record {
        db: desk.app.db.clone(),
        artifacts: desk.app.artifacts.clone(),
    };
    let captor = desk.app.fleet.captor().clone();
    let loading = Loading {
        stream,
        repository: None,
        load,
        n_bytes_max: None,
        batch_latency: Duration::from_millis(20),
    };
    let fleet = Fleet::new(record, &loading, Numbers::default(), captor);
    assert!(!fleet.is_known());
    let started = fleet.clone();
    let looked = tokio::task::spawn_blocking(move || started.sync());
    looked.await.unwrap().unwrap();
    let live = fleet.find("e").unwrap();
    assert_eq!((live.revision, live.slots.len()), (Some(2), 1));
    assert!(live.problem.is_some());
}

#[tokio::test]
async fn files_that_changed_since_are_not_served() {
    let desk = Desk::endpoint(&[0.25]).await;
    let second = desk.register(json!({ "bias": 0.5 })).await;
    desk.record(second, "another").await;
    let shown = desk.api("GET", "/e", json!({})).await;
    let problem = shown["endpoint"]["problem"].as_str().unwrap();
    assert!(
        problem.contains("not those that were deployed"),
        "{problem}"
    );
    assert_eq!(desk.version_met(&[]).await, 1);
}

#[tokio::test]
async fn an_alias_is_followed_as_soon_as_its_version_can_be_read() {
    let desk = Desk::new();
    for manifest in [json!({ "bias": 0.1 }), json!({}), json!({ "bias": 0.3 })] {
        desk.register(manifest).await;
    }
    let point = async |version: i64| {
        let write = desk
            .app
            .db
            .write(move |sql| registered::set_alias(sql, W, "sum", "champion", version));
        write.await.unwrap();
        desk.sync().await;
    };
    point(1).await;
    desk.api("POST", "", json!({ "name": "e" })).await;
    desk.api("POST", "/e/deploy", json!({ "model": "sum@champion" }))
        .await;
    assert_eq!(desk.version_met(&[]).await, 1);
    point(2).await;
    assert_eq!(desk.version_met(&[]).await, 1);
    let shown = desk.api("GET", "/e", json!({})).await;
    assert_eq!(
        shown["endpoint"]["problem"],
        "sum/2: it has no bias [test-model]"
    );
    let missing = desk.app.db.write(|sql| {
        let found = endpoints::by_name(sql, W, "e")?;
        Ok::<_, EndpointError>(found.deployments[0].version)
    });
    assert_eq!(
        missing.await.unwrap(),
        1,
        "what cannot be read is not noted"
    );
    // It is tried again after a while; a deployment made anew is not a matter of waiting.
    let last = json!({ "deployment": "champion" });
    let (status, answer) = desk.any_api("POST", "/e/undeploy", last).await;
    assert_eq!(
        (status, &answer["error_code"]),
        (StatusCode::CONFLICT, &json!("endpoint-would-silence"))
    );
    let last = json!({ "deployment": "champion", "force": true });
    desk.api("POST", "/e/undeploy", last).await;
    point(3).await;
    desk.api("POST", "/e/deploy", json!({ "model": "sum@champion" }))
        .await;
    assert_eq!(desk.version_met(&[]).await, 3);
    point(1).await;
    assert_eq!(desk.version_met(&[]).await, 1);
    let back = desk.api("POST", "/e/rollback", json!({})).await;
    let deployment = &back["endpoint"]["deployments"][0];
    assert_eq!(
        (&deployment["version"], &deployment["alias"]),
        (&json!(3), &Value::Null)
    );
    desk.sync().await;
    assert_eq!(
        desk.version_met(&[]).await,
        3,
        "what was taken back stays so"
    );
}

#[tokio::test]
async fn one_in_the_shadow_sees_what_others_answer() {
    let desk = Desk::endpoint(&[0.25]).await;
    // The second decides as the first does, though its probabilities are others; the third does not.
    for bias in [0.375, 0.75] {
        let version = desk.register(json!({ "bias": bias })).await;
        let body = json!({ "model": format!("sum/{version}"), "is_shadow": true });
        desk.api("POST", "/e/deploy", body).await;
    }
    for _ in 0..3 {
        assert_eq!(desk.version_met(&[]).await, 1);
    }
    let told = async || {
        let (_, text) = desk.get("/metrics").await;
        String::from_utf8(text).unwrap()
    };
    let line = |outcome: &str, version: u8| {
        format!(
            "automl_endpoint_shadow_requests_total{{endpoint=\"e\",deployment=\"v{version}\",model=\"sum\",version=\"{version}\",outcome=\"{outcome}\"}} 3"
        )
    };
    while !told().await.contains(&line("same", 2)) || !told().await.contains(&line("other", 3)) {
        tokio::task::yield_now().await;
    }
    let text = told().await;
    let answered = "automl_endpoint_requests_total{endpoint=\"e\",deployment=\"v1\",model=\"sum\",version=\"1\",outcome=\"answered\"} 3";
    assert!(text.contains(answered), "{text}");
    assert!(text.contains("automl_endpoint_duration_seconds_bucket"));
    for (version, sum) in [(2, "0.375"), (3, "1.5")] {
        let labels = format!(
            "{{endpoint=\"e\",deployment=\"v{version}\",model=\"sum\",version=\"{version}\"}}"
        );
        let told = format!("automl_endpoint_shadow_difference_sum{labels} {sum}\n");
        assert!(text.contains(&told), "{told}{text}");
        let told = format!("automl_endpoint_shadow_difference_count{labels} 3\n");
        assert!(text.contains(&told), "{told}{text}");
    }
    let of_answering = "automl_endpoint_shadow_difference_sum{endpoint=\"e\",deployment=\"v1\"";
    assert!(!text.contains(of_answering), "{text}");
}

#[tokio::test]
async fn changes_under_load_fail_no_request_and_answers_are_of_versions_that_were_live() {
    const N_ROUNDS: i64 = 60;
    // Two of the versions fit, so that all changes bring one into memory and let another go.
    let desk = Desk::with(|config| config.models.n_bytes_max = Some(250));
    desk.api("POST", "", json!({ "name": "e", "max_at_once": 64 }))
        .await;
    for bias in [0.125, 0.25, 0.375] {
        let version = desk.register(json!({ "bias": bias, "n_bytes": 100 })).await;
        let model = json!({ "model": format!("sum/{version}") });
        if version < 3 {
            desk.api("POST", "/e/deploy", model).await;
        }
    }
    let desk = Arc::new(desk);
    let is_over = Arc::new(AtomicBool::new(false));
    let ask = |desk: Arc<Desk>, is_over: Arc<AtomicBool>| async move {
        let mut n_asked = 0_i64;
        while !is_over.load(Ordering::Relaxed) {
            let body = json!({ "rows": [{ "x": 0, "word": "a" }] }).to_string();
            let answer = desk.ask("/endpoints/e/predict", &[], body).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            let answer = answer.json();
            let version = answer["version"].as_i64().unwrap();
            // The probability tells which version's model answered.
            assert_eq!(answer["probabilities"]["yes"][0], 0.125 * version as f64);
            n_asked += 1;
            tokio::task::yield_now().await;
        }
        n_asked
    };
    let asking: Vec<_> = (0..4)
        .map(|_| tokio::spawn(ask(Arc::clone(&desk), Arc::clone(&is_over))))
        .collect();
    for round in 0..N_ROUNDS {
        let share = round;
        let shares = json!({ "shares": { "v1": share, "v2": 100 - share } });
        desk.api("POST", "/e/traffic", shares).await;
        let deployment = json!({ "deployment": format!("v{}", 1 + round % 2) });
        desk.api("POST", "/e/promote", deployment).await;
        desk.api(
            "POST",
            "/e/deploy",
            json!({ "model": "sum/3", "share": 50 }),
        )
        .await;
        desk.api("POST", "/e/rollback", json!({})).await;
    }
    is_over.store(true, Ordering::Relaxed);
    for asked in asking {
        assert!(asked.await.unwrap() > 0);
    }
    let (_, text) = desk.get("/metrics").await;
    let text = String::from_utf8(text).unwrap();
    let reads = "automl_endpoint_model_loads_total{model=\"sum\",version=\"3\",outcome=\"read\"} ";
    let n_reads = text
        .split(reads)
        .nth(1)
        .and_then(|rest| rest.lines().next());
    assert!(
        n_reads.unwrap().parse::<i64>().unwrap() > 10,
        "models went and came"
    );
}

#[tokio::test]
async fn numbers_of_an_endpoint_go_with_it_and_failed_reads_are_counted() {
    let desk = Desk::endpoint(&[0.1]).await;
    desk.version_met(&[]).await;
    let bad = desk.register(json!({})).await;
    let body = json!({ "model": format!("sum/{bad}") });
    desk.misfit("/e/deploy", body).await;
    let told = async || String::from_utf8(desk.get("/metrics").await.1).unwrap();
    let text = told().await;
    assert!(text.contains("endpoint=\"e\""));
    let failed =
        "automl_endpoint_model_loads_total{model=\"sum\",version=\"2\",outcome=\"failed\"} 1";
    assert!(text.contains(failed), "{text}");
    desk.api("DELETE", "/e", json!({ "force": true })).await;
    let text = told().await;
    assert!(!text.contains("endpoint=\"e\""), "{text}");
}

#[tokio::test]
async fn refusals_have_codes_and_statuses() {
    let desk = Desk::endpoint(&[0.25]).await;
    for (method, path, body, status, code) in [
        ("POST", "", json!({ "name": "e" }), 409, "endpoint-exists"),
        (
            "POST",
            "",
            json!({ "name": "a b" }),
            400,
            "endpoint-invalid",
        ),
        ("GET", "/f", json!({}), 404, "endpoint-missing"),
        (
            "POST",
            "/e/deploy",
            json!({ "model": "sum/7" }),
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "POST",
            "/e/deploy",
            json!({ "model": "sum/1" }),
            409,
            "endpoint-deployment-exists",
        ),
        (
            "POST",
            "/e/deploy",
            json!({}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "/e/traffic",
            json!({ "shares": { "v1": 99 } }),
            400,
            "endpoint-shares",
        ),
        (
            "POST",
            "/e/traffic",
            json!({ "shares": [1] }),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "/e/promote",
            json!({ "deployment": "v2" }),
            404,
            "endpoint-deployment-missing",
        ),
        ("POST", "/e/rollback", json!({}), 409, "endpoint-no-earlier"),
        ("DELETE", "/e", json!({}), 409, "endpoint-would-lose"),
    ] {
        let (found, answer) = desk.any_api(method, path, body).await;
        assert_eq!(
            (found.as_u16(), &answer["error_code"]),
            (status, &json!(code)),
            "{answer}"
        );
    }
    desk.api("DELETE", "/e", json!({ "force": true })).await;
    let gone = desk.ask("/endpoints/e/predict", &[], "{}").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_show_what_answers_and_why_not() {
    let desk = Desk::new();
    let (_, empty) = desk.get("/endpoints").await;
    assert!(
        String::from_utf8(empty)
            .unwrap()
            .contains("No endpoint was made yet")
    );
    let said = json!({ "name": "e", "description": "<script>alert(1)</script>" });
    desk.api("POST", "", said).await;
    for manifest in [json!({ "bias": 0.25 }), json!({ "bias": "<b>" })] {
        let is_readable = manifest["bias"].is_number();
        let version = desk.register(manifest).await;
        let body = json!({ "model": format!("sum/{version}"), "note": "<i>why</i>" });
        if is_readable {
            desk.api("POST", "/e/deploy", body).await;
        } else {
            desk.record(version, &digest(&desk, version).await).await;
        }
    }
    for (path, texts) in [
        ("/endpoints", ["sum/2", "failed"]),
        (
            "/endpoints/e",
            [
                "The last change is not served: sum/2: it has no bias",
                "in memory",
            ],
        ),
    ] {
        let (status, body) = desk.get(path).await;
        let page = String::from_utf8(body).unwrap();
        assert_eq!(status, StatusCode::OK);
        // Texts between tags come without them.
        let plain = page.replace("sum</a>", "sum").replace("<!-- -->", "");
        for text in texts {
            assert!(plain.contains(text), "{path} has no {text}: {page}");
        }
        for tag in ["<script>alert", "<i>why", "<b>"] {
            assert!(!page.contains(tag), "{path} has {tag}");
        }
    }
    let (status, _) = desk.get("/endpoints/f").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

/// The digest of a version's files.
async fn digest(desk: &Desk, version: i64) -> String {
    let app = desk.app.clone();
    let read = tokio::task::spawn_blocking(move || {
        let found = app
            .db
            .read(move |sql| versions::get(sql, W, "sum", version))
            .wait()
            .unwrap();
        endpoints::digest_of(&app.artifacts, &found).unwrap()
    });
    read.await.unwrap()
}

impl Desk {
    /// A change that is refused as it fits not, with why.
    pub(super) async fn misfit(&self, path: &str, body: Value) -> String {
        let (status, answer) = self.any_api("POST", path, body).await;
        assert_eq!(status, StatusCode::CONFLICT, "{answer}");
        let code = answer["error_code"].as_str().unwrap();
        assert!(
            ["endpoint-model-unable", "endpoint-signature"].contains(&code),
            "{code}"
        );
        answer["message"].as_str().unwrap().to_owned()
    }

    /// Writes into the record that a version answers all requests of `e`, whatever it is, and lets the server look at that.
    async fn record(&self, version: i64, digest: &str) {
        let (app, digest) = (self.app.clone(), digest.to_owned());
        let deployed = tokio::task::spawn_blocking(move || {
            let written = app.db.write(move |sql| {
                let new = endpoints::NewDeployment {
                    target: endpoints::resolve(sql, W, &format!("sum/{version}"))?,
                    digest,
                    name: None,
                    share: Some(100),
                    is_shadow: false,
                    replicas: None,
                };
                let who = endpoints::Who {
                    user: "ada",
                    note: None,
                };
                endpoints::deploy(sql, W, "e", &new, who)
            });
            written.wait()
        });
        deployed.await.unwrap().unwrap();
        self.sync().await;
    }
}

/// A manifest of a model that also reads a column `z`.
fn of_three_columns() -> Value {
    json!({ "bias": 0.5, "task": { "kind": "binary", "classes": ["no", "yes"] }, "inputs": { "fields": [
        { "name": "x", "kind": "number", "role": "feature" },
        { "name": "word", "kind": "category", "role": "feature", "levels": ["a"] },
        { "name": "z", "kind": "number", "role": "feature" },
    ] } })
}

#[tokio::test]
async fn a_version_that_takes_or_gives_something_else_is_deployed_only_if_that_is_said() {
    let desk = Desk::endpoint(&[0.25]).await;
    let numbers = desk
        .register(json!({ "bias": 2.0, "predicts": "numbers" }))
        .await;
    let told = desk
        .misfit("/e/deploy", json!({ "model": format!("sum/{numbers}") }))
        .await;
    assert!(
        told.starts_with("sum/2 does not take and give what 'v1' of endpoint 'e' does: the task was binary, is regression"),
        "{told}"
    );
    let wider = desk.register(of_three_columns()).await;
    let body = json!({ "model": format!("sum/{wider}") });
    let told = desk.misfit("/e/deploy", body.clone()).await;
    assert!(told.contains("does: column 'z' is new;"), "{told}");
    let answer = desk.api("GET", "/e", json!({})).await;
    assert_eq!(answer["endpoint"]["revision"], 2, "nothing is recorded");
    let mut body = body;
    body["allow_signature_change"] = json!(true);
    desk.api("POST", "/e/deploy", body).await;
    // Those that answer count, not the others.
    let again = desk.register(json!({ "bias": 0.75 })).await;
    let body = json!({ "model": format!("sum/{again}") });
    desk.api("POST", "/e/deploy", body).await;
}

#[tokio::test]
async fn an_alias_is_not_followed_to_a_version_that_predicts_something_else() {
    let desk = Desk::with(|config| config.models.n_bytes_max = Some(150));
    desk.register(json!({ "bias": 0.1, "n_bytes": 100 })).await;
    desk.register(json!({ "bias": 2.0, "predicts": "numbers", "n_bytes": 100 }))
        .await;
    let point = async |version: i64| {
        let write = desk
            .app
            .db
            .write(move |sql| registered::set_alias(sql, W, "sum", "champion", version));
        write.await.unwrap();
        desk.sync().await;
    };
    point(1).await;
    desk.api("POST", "", json!({ "name": "e" })).await;
    desk.api("POST", "/e/deploy", json!({ "model": "sum@champion" }))
        .await;
    point(2).await;
    let shown = desk.api("GET", "/e", json!({})).await;
    assert_eq!(
        shown["endpoint"]["deployments"][0]["is_in_memory"], true,
        "what does not fit takes nobody's room"
    );
    assert_eq!(desk.version_met(&[]).await, 1);
    let problem = shown["endpoint"]["problem"].as_str().unwrap();
    assert!(
        problem.starts_with("sum/2 does not take and give what 1 did: the task was binary"),
        "{problem}"
    );
}

#[tokio::test]
async fn names_that_files_of_truths_have_are_not_for_deployments() {
    let desk = Desk::endpoint(&[0.25]).await;
    for (name, is_taken) in [("truths", false), ("truths-a", false), ("truthsayer", true)] {
        let body = json!({ "model": "sum/1", "name": name });
        let (status, answer) = desk.any_api("POST", "/e/deploy", body).await;
        assert_eq!(status == StatusCode::OK, is_taken, "{answer}");
    }
}

#[tokio::test]
async fn how_many_are_answered_at_once_is_changed_while_it_answers() {
    let desk = Desk::endpoint(&[0.25]).await;
    let live = desk.app.fleet.find("e").unwrap();
    let begun = Arc::clone(&live.room).acquire_many_owned(4).await.unwrap();
    let body = || json!({ "rows": [[0, "a"]] }).to_string();
    let path = "/endpoints/e/predict";
    let full = desk.ask(path, &[], body()).await;
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS);
    let told = desk.api(
        "POST",
        "/e/update",
        json!({ "max_at_once": 5, "note": "more" }),
    );
    let told = told.await;
    assert_eq!(told["endpoint"]["max_at_once"], 5);
    assert_eq!(told["endpoint"]["state"], "serving");
    assert_eq!(desk.ask(path, &[], body()).await.status, StatusCode::OK);
    let live = desk.app.fleet.find("e").unwrap();
    assert_eq!(live.room.available_permits(), 5);
    drop(begun);
    assert_eq!(
        live.room.available_permits(),
        5,
        "who began before counts before"
    );
    let shown = desk.api("GET", "/e", json!({})).await;
    assert_eq!(shown["changes"][0]["what"], "limited");
    assert_eq!(
        shown["changes"][0]["note"],
        "5 requests at once, not 4: more"
    );
    for (body, told) in [
        (
            json!({}),
            "Missing value for required parameter 'max_at_once'",
        ),
        (json!({ "max_at_once": 0 }), "it must be from 1 to 10000"),
        (json!({ "max_at_once": -1 }), "max_at_once"),
    ] {
        let (status, answer) = desk.any_api("POST", "/e/update", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert!(
            answer["message"].as_str().unwrap().contains(told),
            "{answer}"
        );
    }
    // Another process writes into the record, and the server follows.
    let app = desk.app.clone();
    let written = tokio::task::spawn_blocking(move || {
        let who = endpoints::Who {
            user: "ada",
            note: None,
        };
        let limited = app
            .db
            .write(move |sql| endpoints::set_at_once(sql, W, "e", 2, who));
        limited.wait().map(drop)
    });
    written.await.unwrap().unwrap();
    desk.sync().await;
    let live = desk.app.fleet.find("e").unwrap();
    assert_eq!((live.max_at_once, live.room.available_permits()), (2, 2));
}
