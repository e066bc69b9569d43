//! What is told of requests, and what is asked besides who calls.

use super::*;

#[tokio::test]
async fn writes_and_refusals_are_in_the_audit_log() {
    let desk = Guarded::new();
    let (ada, val) = (bearer(&desk.ada), bearer(&desk.val));
    let made = desk.post(CREATE, &ada, json!({})).await.json();
    let run = made["run"]["info"]["run_id"].as_str().unwrap();
    desk.post(
        "/api/2.0/mlflow/runs/set-tag",
        &ada,
        json!({ "run_id": run, "key": "k", "value": "v" }),
    )
    .await;
    desk.post(SEARCH, &ada, json!({})).await;
    let denied = desk
        .post(
            "/api/2.0/mlflow/runs/delete",
            &val,
            json!({ "run_id": run }),
        )
        .await;
    desk.ask(&Method::GET, "/metrics", None, json!({})).await;

    let seen = desk
        .ask(&Method::GET, "/api/automl/audit", Some(&val), json!({}))
        .await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let log = desk
        .ask(&Method::GET, "/api/automl/audit", Some(&ada), json!({}))
        .await
        .json();
    let told: Vec<String> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap().rsplit('/').next().unwrap();
            format!(
                "{} {} {} {}",
                text("user"),
                text("route"),
                text("object"),
                entry["status"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "ada create  200".to_owned(),
            format!("ada set-tag {run} 200"),
            "val delete  403".to_owned(),
            " metrics  401".to_owned(),
            "val audit  403".to_owned(),
        ]
    );
    let entry = &log["entries"][2];
    assert_eq!(
        entry["request_id"],
        denied.headers["x-request-id"].to_str().unwrap()
    );
    assert_eq!(entry["address"], "10.0.0.7");
    assert_eq!(entry["means"], format!("token {}", &desk.val[..15]));
}

#[tokio::test]
async fn no_secret_is_in_the_audit_log() {
    let desk = Guarded::new();
    desk.post(SEARCH, &basic("ada", "a wrong secret"), json!({}))
        .await;
    desk.post(
        &format!("{CREATE}?token={}", desk.eve),
        "Bearer nothing",
        json!({}),
    )
    .await;
    let log = desk
        .ask(
            &Method::GET,
            "/api/automl/audit",
            Some(&bearer(&desk.ada)),
            json!({}),
        )
        .await;
    let text = String::from_utf8(log.body).unwrap();
    assert!(text.contains("401") && !text.contains("secret") && !text.contains(&desk.eve));
}

#[tokio::test]
async fn requests_have_ids() {
    let desk = Guarded::new();
    let with = |id: &str| {
        let request = Request::get("/health").header("x-request-id", id);
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(
        desk.send(with("job-7.a_B")).await.headers["x-request-id"],
        "job-7.a_B"
    );
    for odd in ["", "a b", &"x".repeat(129)] {
        let made = desk.send(with(odd)).await.headers["x-request-id"].clone();
        assert_ne!(made, odd);
        assert_ne!(made, desk.send(with(odd)).await.headers["x-request-id"]);
    }
}

#[tokio::test]
async fn numbers_are_counted_by_the_template_of_a_route() {
    let desk = Guarded::new();
    let ada = bearer(&desk.ada);
    desk.post(CREATE, &ada, json!({})).await;
    desk.ask(
        &Method::GET,
        "/api/2.0/mlflow/logged-models/m-1",
        Some(&ada),
        json!({}),
    )
    .await;
    desk.ask(
        &Method::from_bytes(b"BREW").unwrap(),
        "/pot",
        None,
        json!({}),
    )
    .await;
    let answer = desk
        .ask(&Method::GET, "/metrics", Some(&ada), json!({}))
        .await;
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        format!("automl_requests_total{{route=\"{CREATE}\",method=\"POST\",status=\"200\"}} 1"),
        "automl_requests_total{route=\"/api/2.0/mlflow/logged-models/{id}\",method=\"GET\",status=\"404\"} 1".into(),
        "automl_requests_total{route=\"none\",method=\"other\",status=\"401\"} 1".into(),
        format!("automl_request_duration_seconds_count{{route=\"{CREATE}\"}} 1"),
        "automl_writer_waiting 0".into(),
        "automl_open_connections 0".into(),
        "process_resident_memory_bytes 0".into(),
        "process_cpu_seconds_total 0.0".into(),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_document_has_every_route() {
    let desk = Guarded::new();
    let answer = desk
        .ask(
            &Method::GET,
            "/openapi.json",
            Some(&bearer(&desk.val)),
            json!({}),
        )
        .await;
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = std::collections::BTreeSet::new();
    for (template, endpoints) in &desk.desk.table {
        let item = &document["paths"][template.replace("{*", "{")];
        if endpoints.iter().all(|one| one.answers == Answers::Grpc) {
            assert!(item.is_null(), "{template}");
            continue;
        }
        for endpoint in endpoints {
            let operation = &item[endpoint.method.as_str().to_lowercase()];
            assert!(
                operation["summary"].is_string(),
                "{} {template}",
                endpoint.method
            );
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let of_path = parameters.filter(|parameter| parameter["in"] == "path");
            let n_parts = template.matches('{').count();
            assert_eq!(of_path.count(), n_parts, "{template}");
        }
    }
}

#[tokio::test]
async fn other_names_and_other_sites_are_refused_where_nobody_is_asked() {
    let desk = Desk::with(|config| config.hosts = Some(vec!["box.example".into()]));
    let status = async |path: &str, name: &'static str, value: &str| {
        let request = Request::post(path).header(name, value);
        let request = request.body(Body::from("{}")).unwrap();
        desk.router.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(
        status(SEARCH, "host", "localhost:8080").await,
        StatusCode::OK
    );
    assert_eq!(status(SEARCH, "host", "box.example").await, StatusCode::OK);
    assert_eq!(
        status(SEARCH, "host", "evil.example:8080").await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        status(SEARCH, "origin", "https://evil.example").await,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_not_read() {
    let desk = Guarded::new();
    let request = Request::post(CREATE)
        .header(header::AUTHORIZATION, bearer(&desk.ada))
        .header(header::CONTENT_LENGTH, 33 << 20)
        .body(Body::from_stream(futures_util::stream::pending::<
            Result<Vec<u8>, std::io::Error>,
        >()))
        .unwrap();
    assert_eq!(
        desk.send(request).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn without_a_user_there_is_nothing_to_guard() {
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(&automl_store::db::Place::File(
        directory.path().join("t.db"),
    ));
    let refused = std::thread::spawn(move || {
        let db = db.unwrap();
        crate::server::open_access(&db, AccessConfig::default())
            .err()
            .unwrap()
    });
    let refused = refused.join().unwrap();
    assert!(
        automl_core::Coded::hint(&refused)
            .unwrap()
            .contains("automl users add")
    );
}

#[tokio::test]
async fn what_grpc_answers_ends_with_its_trailers_whoever_asks() {
    let desk = Guarded::new();
    for path in [
        "/inference.GRPCInferenceService/ServerLive",
        "/optuna.StorageService/GetAllStudies",
    ] {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, bearer(&desk.val))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header("te", "trailers")
            .body(Body::from(vec![0; 5]))
            .unwrap();
        let answer = desk.desk.router().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let told = answer.into_body().collect().await.unwrap();
        let trailers = told.trailers().expect("a status follows the message");
        assert_eq!(trailers["grpc-status"], "0", "{path}");
    }
}

#[tokio::test]
async fn strangers_are_told_so_in_the_form_of_the_protocol() {
    let desk = Guarded::new();
    let told = async |path: &str| {
        let answer = desk.ask(&Method::POST, path, None, json!({})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
        answer
    };
    let tensors = told("/v2/models/e/infer").await.json();
    assert!(tensors["error"].is_string(), "{tensors}");
    let vertex = told("/v1/projects/p/locations/l/endpoints/e:predict").await;
    let vertex = vertex.json();
    assert_eq!(vertex["error"]["code"], 401);
    assert_eq!(vertex["error"]["status"], "UNAUTHENTICATED");
    let invoked = told("/endpoints/e/invocations").await;
    assert_eq!(invoked.headers["x-amzn-errortype"], "AccessDeniedException");
    assert_eq!(invoked.json()["code"], "UNAUTHENTICATED");
    for (shown, code, outcome) in [(None, "16", 401), (Some(&desk.val), "7", 403)] {
        let mut request = Request::post("/optuna.StorageService/CreateNewStudy")
            .header(header::CONTENT_TYPE, "application/grpc");
        if let Some(secret) = shown {
            request = request.header(header::AUTHORIZATION, bearer(secret));
        }
        let answer = desk.send(request.body(Body::from(vec![0; 5])).unwrap());
        let answer = answer.await;
        assert_eq!(answer.status, StatusCode::OK, "of HTTP");
        assert_eq!(answer.headers["grpc-status"], code);
        let log = desk
            .ask(
                &Method::GET,
                "/api/automl/audit",
                Some(&bearer(&desk.ada)),
                json!({}),
            )
            .await
            .json();
        assert_eq!(log["entries"][0]["status"], outcome);
    }
}
