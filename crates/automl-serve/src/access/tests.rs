//! Who may do what, route by route, and what is told of it.

mod told;

use crate::access::Peer;
use crate::endpoints::Protocol;
use crate::routes::{Answers, Endpoint, Need};
use crate::server::AccessConfig;
use crate::tests::Desk;
use automl_store::access::{Role, password, tokens, users};
use automl_store::db::Database;
use automl_store::tracking::TrackingError;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const W: &str = "default";
const PASSWORD: &str = "correct horse";
const CREATE: &str = "/api/2.0/mlflow/runs/create";
const SEARCH: &str = "/api/2.0/mlflow/experiments/search";

/// A server that asks who calls, with ada (admin, with a password), eve (editor) and val (viewer), who have tokens.
struct Guarded {
    desk: Desk,
    ada: String,
    eve: String,
    val: String,
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What went wrong, in the form of a path; the inference protocol has words for people alone.
    fn code(&self, path: &str) -> String {
        let told = self.json();
        let code = match Protocol::of(path) {
            Protocol::Tensors => {
                let words = told["error"].as_str().unwrap();
                let is_denied = words.starts_with("Permission denied");
                return if is_denied {
                    "PERMISSION_DENIED".into()
                } else {
                    "UNAUTHENTICATED".into()
                };
            }
            Protocol::Vertex => &told["error"]["status"],
            _ => &told["error_code"],
        };
        code.as_str().unwrap().to_owned()
    }
}

impl Guarded {
    fn new() -> Self {
        Self::with_limits(tokens::Limits::default())
    }

    /// With limits on eve's token.
    fn with_limits(limits: tokens::Limits) -> Self {
        let mut secrets = Vec::new();
        let desk = Desk::with(|config| {
            config.access = Some(AccessConfig::default());
            let db = config.workspace.open().unwrap().db;
            let hash = password::hash(PASSWORD).unwrap();
            secrets = db
                .write(move |sql| {
                    let none = tokens::Limits::default();
                    users::create(sql, W, "ada", Some(&hash), Role::Admin)?;
                    users::create(sql, W, "eve", None, Role::Editor)?;
                    users::create(sql, W, "val", None, Role::Viewer)?;
                    Ok::<_, TrackingError>(vec![
                        tokens::create(sql, W, "ada", None, &none)?,
                        tokens::create(sql, W, "eve", None, &limits)?,
                        tokens::create(sql, W, "val", None, &none)?,
                    ])
                })
                .wait()
                .unwrap();
        });
        let [ada, eve, val] = secrets.try_into().unwrap();
        Self {
            desk,
            ada,
            eve,
            val,
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.desk.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            headers,
            body: body.to_vec(),
        }
    }

    async fn ask(&self, method: &Method, path: &str, shown: Option<&str>, body: Value) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .extension(Peer {
                address: ([10, 0, 0, 7], 1234).into(),
                has_tls: false,
            });
        if let Some(shown) = shown {
            request = request.header(header::AUTHORIZATION, shown);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    async fn post(&self, path: &str, shown: &str, body: Value) -> Answer {
        self.ask(&Method::POST, path, Some(shown), body).await
    }

    /// Every method of every route with what it needs.
    /// All that is not gRPC.
    fn endpoints(&self) -> Vec<(Method, String, Need)> {
        let table = self.desk.table.iter();
        let all = table.flat_map(|(template, endpoints)| {
            let path = template.replace(['{', '}', '*'], "");
            let one =
                move |endpoint: &Endpoint| (endpoint.method.clone(), path.clone(), endpoint.need);
            let http = (endpoints.iter()).filter(|one| one.answers != Answers::Grpc);
            http.map(one).collect::<Vec<_>>()
        });
        all.collect()
    }
}

#[tokio::test]
async fn every_route_says_who_may_ask() {
    let desk = Guarded::new().desk;
    let silent: Vec<String> = desk
        .table
        .iter()
        .flat_map(|(path, endpoints)| endpoints.iter().map(move |endpoint| (path, endpoint)))
        .filter(|(_, endpoint)| endpoint.summary.is_none())
        .map(|(path, endpoint)| format!("{} {path}", endpoint.method))
        .collect();
    assert!(
        silent.is_empty(),
        "say .viewer(…), .editor(…) or .admin(…) behind the handler of {silent:?}"
    );
}

/// Whether an address is good by a signature in it, whoever asks.
fn is_signed(path: &str) -> bool {
    path.contains("/mlflow-artifacts/signed/")
}

/// What everyone may ask.
const OPEN: [&str; 5] = [
    "/health",
    "/ready",
    "/version",
    "/v2/health/live",
    "/v2/health/ready",
];

#[tokio::test]
async fn strangers_see_how_the_server_is_and_nothing_else() {
    let desk = Guarded::new();
    for (method, path, need) in desk.endpoints() {
        let answer = desk.ask(&method, &path, None, json!({})).await;
        let is_open = OPEN.contains(&path.as_str());
        assert_eq!(need == Need::Nobody, is_open || is_signed(&path), "{path}");
        if is_signed(&path) {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
            continue;
        }
        if is_open {
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            continue;
        }
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(answer.code(&path), "UNAUTHENTICATED");
        assert_eq!(answer.headers["www-authenticate"], "Basic realm=\"mlflow\"");
    }
    let nowhere = desk.ask(&Method::GET, "/nowhere", None, json!({})).await;
    assert_eq!(nowhere.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_role_does_what_it_may_and_no_more() {
    let desk = Guarded::new();
    for (role, secret) in [
        (Role::Viewer, &desk.val),
        (Role::Editor, &desk.eve),
        (Role::Admin, &desk.ada),
    ] {
        for (method, path, need) in desk.endpoints() {
            if is_signed(&path) {
                continue;
            }
            let answer = desk
                .ask(&method, &path, Some(&bearer(secret)), json!({}))
                .await;
            let is_denied = matches!(need, Need::Role(need) if need > role);
            let told = format!("{} {method} {path}: {}", role.name(), answer.status);
            assert_eq!(answer.status == StatusCode::FORBIDDEN, is_denied, "{told}");
            if is_denied {
                assert_eq!(answer.code(&path), "PERMISSION_DENIED");
            }
        }
        let nowhere = desk
            .ask(&Method::GET, "/nowhere", Some(&bearer(secret)), json!({}))
            .await;
        assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn only_the_health_is_asked_by_grpc_without_a_name() {
    for (path, endpoints) in &Guarded::new().desk.table {
        let is_open = |one: &Endpoint| one.answers == Answers::Grpc && one.need == Need::Nobody;
        // The inference protocol has questions of its own about health.
        let is_of_health = path.starts_with("/grpc.health.")
            || path.ends_with("/ServerLive")
            || path.ends_with("/ServerReady");
        assert!(is_of_health || !endpoints.iter().any(is_open), "{path}");
    }
}

#[tokio::test]
async fn what_writes_is_for_editors() {
    let desk = Guarded::new();
    let may_read_by_post = [
        "search",
        "get-latest-versions",
        "search-datasets",
        "traces",
        "graphql",
        // Predictions.
        "/predict",
        "/invocations",
        "/infer",
        "/endpoints/call",
        "/repository/index",
    ];
    for (method, path, need) in desk.endpoints() {
        let is_read = [Method::GET, Method::HEAD].contains(&method)
            || may_read_by_post.iter().any(|end| path.ends_with(end))
            || path.ends_with("users/update-password")
            || is_signed(&path);
        let needs_more = matches!(need, Need::Role(need) if need > Role::Viewer);
        assert!(
            is_read || needs_more,
            "{method} {path} must not be for viewers"
        );
    }
}

#[tokio::test]
async fn all_ways_to_say_who_one_is_are_taken() {
    let desk = Guarded::new();
    for shown in [
        bearer(&desk.ada),
        basic("ada", &desk.ada),
        basic("ada", PASSWORD),
    ] {
        let answer = desk.ask(
            &Method::GET,
            "/api/2.0/mlflow/users/current",
            Some(&shown),
            json!({}),
        );
        assert_eq!(
            answer.await.json()["user"],
            json!({ "username": "ada", "is_admin": true, "role": "admin" }),
        );
    }
    for shown in [
        basic("eve", &desk.ada),
        basic("eve", ""),
        basic("nobody", PASSWORD),
        bearer(&desk.ada.replace(char::is_numeric, "0")),
        bearer("x.y.z"),
        "Digest x".to_owned(),
        String::new(),
    ] {
        let answer = desk.post(SEARCH, &shown, json!({})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{shown}");
    }
}

#[tokio::test]
async fn an_editor_cannot_reach_files_of_the_server_through_an_experiment() {
    let desk = Guarded::new();
    let path = "/api/2.0/mlflow/experiments/create";
    for (location, secret, status) in [
        ("/etc", &desk.eve, StatusCode::FORBIDDEN),
        ("folder", &desk.eve, StatusCode::FORBIDDEN),
        ("file:///etc", &desk.eve, StatusCode::FORBIDDEN),
        ("", &desk.eve, StatusCode::OK),
        ("mlflow-artifacts:/mine", &desk.eve, StatusCode::OK),
        ("s3://bucket/x", &desk.eve, StatusCode::OK),
        ("/srv/shared", &desk.ada, StatusCode::OK),
    ] {
        let body = json!({ "name": format!("at {location}"), "artifact_location": location });
        let answer = desk.post(path, &bearer(secret), body).await;
        assert_eq!(answer.status, status, "{location}");
    }
}

#[tokio::test]
async fn strangers_cannot_fill_the_disk_with_refusals() {
    let desk = Guarded::new();
    for _ in 0..1200 {
        desk.post(SEARCH, "", json!({})).await;
    }
    desk.post(CREATE, &bearer(&desk.val), json!({})).await;
    let path = "/api/automl/audit?max_results=2000";
    let log = desk
        .ask(&Method::GET, path, Some(&bearer(&desk.ada)), json!({}))
        .await
        .json();
    let entries = log["entries"].as_array().unwrap();
    assert!((1001..1200).contains(&entries.len()), "{}", entries.len());
    assert_eq!(entries[0]["user"], "val", "those of users are all there");
}

#[tokio::test]
async fn a_revoked_token_and_a_changed_role_count_at_once() {
    let desk = Guarded::new();
    let (ada, eve) = (bearer(&desk.ada), bearer(&desk.eve));
    assert_eq!(
        desk.post(CREATE, &eve, json!({})).await.status,
        StatusCode::OK
    );
    let path = "/api/2.0/mlflow/users/update-role";
    let body = json!({ "username": "eve", "role": "viewer" });
    let changed = desk.ask(&Method::PATCH, path, Some(&ada), body).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(
        desk.post(CREATE, &eve, json!({})).await.status,
        StatusCode::FORBIDDEN
    );

    let prefix = desk.eve[..15].to_owned();
    let revoked = desk
        .desk
        .app
        .db
        .write(move |sql| tokens::revoke(sql, &prefix));
    revoked.await.unwrap();
    // Another program did it: it is noticed within a second, here at once.
    desk.desk.app.access.as_ref().unwrap().changed();
    assert_eq!(
        desk.post(SEARCH, &eve, json!({})).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn wrong_passwords_run_out() {
    let desk = Guarded::new();
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(
            desk.post(SEARCH, &basic("ada", "wrong"), json!({}))
                .await
                .status,
        );
    }
    assert_eq!(statuses[..10], [StatusCode::UNAUTHORIZED; 10]);
    let answer = desk.post(SEARCH, &basic("ada", PASSWORD), json!({})).await;
    assert_eq!(
        answer.status,
        StatusCode::TOO_MANY_REQUESTS,
        "even with the right one"
    );
    assert_eq!(answer.code(SEARCH), "REQUEST_LIMIT_EXCEEDED");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    let with_token = desk.post(SEARCH, &basic("ada", &desk.ada), json!({})).await;
    assert_eq!(
        with_token.status,
        StatusCode::OK,
        "tokens cannot be guessed"
    );
}

#[tokio::test]
async fn users_are_managed_as_mlflow_does() {
    let desk = Guarded::new();
    let (ada, val) = (bearer(&desk.ada), bearer(&desk.val));
    let new = json!({ "username": "bob", "password": "long enough" });
    let made = desk
        .post("/api/2.0/mlflow/users/create", &ada, new.clone())
        .await;
    assert_eq!(made.json()["user"]["username"], "bob");
    assert_eq!(made.json()["user"]["is_admin"], false);
    let again = desk.post("/api/2.0/mlflow/users/create", &ada, new).await;
    assert_eq!(again.code(SEARCH), "RESOURCE_ALREADY_EXISTS");
    let bob = basic("bob", "long enough");
    assert_eq!(
        desk.post(SEARCH, &bob, json!({})).await.status,
        StatusCode::OK
    );

    let path = "/api/2.0/mlflow/users/update-password";
    let new = json!({ "username": "bob", "password": "even longer" });
    let denied = desk
        .ask(&Method::PATCH, path, Some(&val), new.clone())
        .await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN, "of another");
    assert_eq!(
        desk.ask(&Method::PATCH, path, Some(&bob), new).await.status,
        StatusCode::OK
    );
    assert_eq!(
        desk.post(SEARCH, &bob, json!({})).await.status,
        StatusCode::UNAUTHORIZED
    );

    let get = |name: &str| format!("/api/2.0/mlflow/users/get?username={name}");
    assert_eq!(
        desk.ask(&Method::GET, &get("val"), Some(&val), json!({}))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        desk.ask(&Method::GET, &get("bob"), Some(&val), json!({}))
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    let path = "/api/2.0/mlflow/users/delete";
    let gone = desk
        .ask(
            &Method::DELETE,
            path,
            Some(&ada),
            json!({ "username": "bob" }),
        )
        .await;
    assert_eq!(gone.status, StatusCode::OK);
    let missing = desk
        .ask(&Method::GET, &get("bob"), Some(&ada), json!({}))
        .await;
    assert_eq!(missing.code(SEARCH), "RESOURCE_DOES_NOT_EXIST");
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_back() {
    let desk = Guarded::with_limits(tokens::Limits {
        requests_per_second: Some(0.01),
        burst: Some(2.0),
        artifact_bytes_per_day: None,
    });
    let eve = bearer(&desk.eve);
    for _ in 0..2 {
        assert_eq!(
            desk.post(SEARCH, &eve, json!({})).await.status,
            StatusCode::OK
        );
    }
    let refused = desk.post(SEARCH, &eve, json!({})).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers[header::RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=100).contains(&wait));
    let other = desk.post(SEARCH, &bearer(&desk.val), json!({})).await;
    assert_eq!(other.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_moves_so_many_bytes_a_day() {
    let desk = Guarded::with_limits(tokens::Limits {
        artifact_bytes_per_day: Some(100),
        ..tokens::Limits::default()
    });
    let file = |n_bytes: usize, method: &str| {
        Request::builder()
            .method(method)
            .uri("/api/2.0/mlflow-artifacts/artifacts/x")
            .header(header::AUTHORIZATION, bearer(&desk.eve))
            .header(header::CONTENT_LENGTH, n_bytes)
            .body(Body::from(vec![7; n_bytes]))
            .unwrap()
    };
    assert_eq!(
        desk.send(file(101, "PUT")).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(desk.send(file(60, "PUT")).await.status, StatusCode::OK);
    assert_eq!(
        desk.send(file(60, "PUT")).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        desk.send(file(0, "GET")).await.body.len(),
        60,
        "120 bytes by now"
    );
    assert_eq!(
        desk.send(file(0, "GET")).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    desk.desk.app.ledger.flush().await;
    let prefix = desk.eve[..15].to_owned();
    let day = crate::access::Usage::day_of(automl_core::Clock::unix_micros());
    let used = desk
        .desk
        .app
        .db
        .read(move |sql| tokens::used(sql, &prefix, day));
    assert_eq!(used.await.unwrap(), 120, "a restart does not forget it");
}
