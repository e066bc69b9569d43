//! What is turned away before its handler is told so in the form of its protocol, and before its body has come.

use super::super::v2::testing::{Contents, message};
use super::*;
use axum::body::HttpBody as _;
use futures_util::stream;
use http_body_util::BodyExt;
use std::future::Future;
use std::pin::Pin;
use tonic::{Code, Status};

const PREDICT: &str = "/endpoints/e/predict";
const INVOKE: &str = "/endpoints/e/invocations";
const TENSORS: &str = "/v2/models/e/infer";
const VERTEX: &str = "/v1/projects/p/locations/l/endpoints/e:predict";
const ARROW: &str = "application/vnd.apache.arrow.stream";
const GRPC: &str = "/inference.GRPCInferenceService/ModelInfer";

/// A body that begins and never goes on.
fn pending_body() -> Body {
    // A message of gRPC begins so; others are looked at when all is there.
    let begun = stream::iter([Ok::<_, std::io::Error>("\0\0\0")]);
    Body::from_stream(futures_util::StreamExt::chain(begun, stream::pending()))
}

fn grpc_request(path: &str, body: Body) -> Request<Body> {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers");
    request.body(body).unwrap()
}

fn framed() -> Body {
    let message = message(Contents::Raw);
    Body::from([&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat())
}

/// The status of a call that has no message.
async fn grpc_status(desk: &Desk, path: &str, body: Body) -> Status {
    let answer = desk.router().oneshot(grpc_request(path, body)).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    Status::from_header_map(answer.headers()).expect("it is told in the head")
}

/// What each form says, if all of it is there.
fn message_in(path: &str, answer: &Answer) -> String {
    let body = answer.json();
    let (told, beside) = match path {
        TENSORS => (&body["error"], &body["error"]),
        VERTEX => (&body["error"]["message"], &body["error"]["status"]),
        INVOKE => (&body["message"], &body["code"]),
        _ => (&body["message"], &body["error_code"]),
    };
    assert!(beside.is_string(), "{path}: {body}");
    told.as_str().expect("it says what is wrong").to_owned()
}

#[tokio::test]
async fn senders_that_are_slow_leave_room_for_others() {
    let desk = Desk::endpoint(&[0.25]).await;
    let router = desk.router();
    let mut waiting: Vec<Pin<Box<dyn Future<Output = _> + Send>>> = Vec::new();
    for place in 0..1500 {
        let request = match place % 3 {
            0 => grpc_request(GRPC, pending_body()),
            1 => Request::post(PREDICT).body(pending_body()).unwrap(),
            _ => Request::post("/api/2.0/mlflow/runs/create")
                .body(pending_body())
                .unwrap(),
        };
        waiting.push(Box::pin(router.clone().oneshot(request)));
    }
    for one in &mut waiting {
        assert!(futures_util::poll!(one).is_pending());
    }
    assert_eq!(desk.version_met(&[]).await, 1);
    let told = grpc_status(&desk, GRPC, Body::from(vec![0; 5])).await;
    assert_eq!(told.code(), Code::NotFound, "a message without a name");
    desk.run().await;
}

#[tokio::test]
async fn an_endpoint_that_is_full_or_not_there_says_so_before_the_body_comes() {
    let desk = Desk::endpoint(&[0.25]).await;
    let live = desk.app.fleet.find("e").unwrap();
    let places = Arc::clone(&live.room).acquire_many_owned(4).await.unwrap();
    for path in [PREDICT, INVOKE, TENSORS, VERTEX] {
        let answer = desk.ask(path, &[], pending_body()).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(answer.headers[header::RETRY_AFTER], "1");
        let told = message_in(path, &answer);
        assert_eq!(
            told,
            "endpoint 'e' answers 4 requests at once, and has as many"
        );
        let other = path.replace("/e/", "/f/").replace("/e:", "/f:");
        let nowhere = desk.ask(&other, &[], pending_body()).await;
        assert_eq!(nowhere.status, StatusCode::NOT_FOUND, "{path}");
        assert!(message_in(path, &nowhere).contains("no endpoint 'f'"));
    }
    drop(places);
    let silent = Desk::endpoint(&[]).await;
    let answer = silent.ask(TENSORS, &[], pending_body()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(message_in(TENSORS, &answer).contains("nothing is deployed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_at_once_are_told_to_come_again_in_each_form() {
    let desk = Arc::new(Desk::new());
    let gate = Gate::new(&desk);
    desk.api("POST", "", json!({ "name": "e", "max_at_once": 2000 }))
        .await;
    let version = desk.register(json!({ "bias": 0.25, "call_ms": 1 })).await;
    let model = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", model).await;
    let live = desk.app.fleet.find("e").unwrap();
    let body = json!({ "rows": [[0, format!("gate:{}", gate.text())]] }).to_string();
    let tasks: Vec<_> = (0..1024)
        .map(|_| {
            let (desk, body) = (Arc::clone(&desk), body.clone());
            let patience = [("x-request-timeout-ms", "60000")];
            tokio::spawn(async move { desk.ask(PREDICT, &patience, body).await.status })
        })
        .collect();
    while live.room.available_permits() > 2000 - 1024 {
        tokio::task::yield_now().await;
    }
    for path in [PREDICT, INVOKE, TENSORS, VERTEX] {
        let answer = desk.ask(path, &[], "{}").await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(answer.headers[header::RETRY_AFTER], "1", "{path}");
        assert_eq!(message_in(path, &answer), "too many requests at once");
    }
    for path in [GRPC, "/optuna.StorageService/GetAllStudies"] {
        let told = grpc_status(&desk, path, framed()).await;
        assert_eq!(told.code(), Code::ResourceExhausted, "{path}");
        assert_eq!(told.metadata().get("retry-after").unwrap(), "1");
    }
    let other = desk.ask("/api/2.0/mlflow/runs/create", &[], "{}").await;
    assert_eq!(other.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(desk.get("/health").await.0, StatusCode::OK);
    gate.open();
    for task in tasks {
        assert_eq!(task.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(desk.version_met(&[]).await, 1, "it recovers");
}

#[tokio::test]
async fn a_method_or_a_call_that_is_not_there_is_told_in_each_form() {
    let desk = Desk::endpoint(&[0.25]).await;
    for path in [PREDICT, INVOKE, TENSORS, VERTEX] {
        let request = Request::put(path).body(Body::empty()).unwrap();
        let answer = desk.router().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()["allow"], "POST");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let answer = Answer {
            status,
            headers,
            body: body.to_vec(),
        };
        let told = message_in(path, &answer);
        assert!(told.contains("does not answer to PUT"), "{told}");
    }
    let told = grpc_status(&desk, "/inference.GRPCInferenceService/Guess", framed()).await;
    assert_eq!(told.code(), Code::Unimplemented);
}

#[tokio::test]
async fn what_everyone_may_call_takes_short_messages_alone() {
    let desk = Desk::new();
    let message = |n_bytes: usize| {
        // A field that nobody knows, of so many bytes.
        let mut message = vec![0x7a];
        prost::encoding::encode_varint(n_bytes as u64, &mut message);
        message.resize(message.len() + n_bytes, 0);
        let head = [&[0][..], &(message.len() as u32).to_be_bytes()].concat();
        Body::from([head, message].concat())
    };
    let live = "/inference.GRPCInferenceService/ServerLive";
    let answer = desk.router().oneshot(grpc_request(live, message(100)));
    let answer = answer.await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap()["grpc-status"], "0");
    let refused = grpc_status(&desk, live, message(20 << 10)).await;
    assert_ne!(refused.code(), Code::Ok);
}

/// A server whose requests may take a MiB together, and an endpoint on it.
async fn small_memory() -> Desk {
    let desk = Desk::with(|config| config.requests_n_bytes_max = 1 << 20);
    desk.api("POST", "", json!({ "name": "e" })).await;
    let version = desk.register(json!({ "bias": 0.25 })).await;
    let model = json!({ "model": format!("sum/{version}") });
    desk.api("POST", "/e/deploy", model).await;
    desk
}

#[tokio::test]
async fn answers_that_nobody_reads_take_no_more_memory_than_they_may() {
    let desk = small_memory().await;
    let rows = "[0,\"\"],".repeat(2000);
    let body = format!("{{\"rows\":[{rows}[0,\"\"]]}}");
    assert!(body.len() < 16 << 10, "a body that is not counted");
    let mut unread = Vec::new();
    let refused = loop {
        // Tests read answers that are JSON before this does.
        let request = Request::post(PREDICT).header(header::ACCEPT, ARROW);
        let request = request.body(Body::from(body.clone())).unwrap();
        let answer = desk.router().oneshot(request).await.unwrap();
        if answer.status() != StatusCode::OK {
            break answer;
        }
        unread.push(answer);
        assert!(unread.len() < 64, "of 16 KiB each at least");
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    assert_eq!(desk.version_met(&[]).await, 1, "short answers go on");
    // Who reads at last gets all of it.
    let first = unread.pop().unwrap();
    let length = first.body().size_hint().exact();
    let read = first.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(Some(read.len() as u64), length);
    drop(read);
    let accepted = [("accept", ARROW)];
    let answer = desk.ask(PREDICT, &accepted, body).await;
    assert_eq!(answer.status, StatusCode::OK, "its room is given back");
}

#[tokio::test]
async fn answers_over_grpc_that_nobody_reads_are_bounded_however_short() {
    let desk = small_memory().await;
    let mut unread = Vec::new();
    let refused = loop {
        let answer = desk.router().oneshot(grpc_request(GRPC, framed())).await;
        let answer = answer.unwrap();
        if let Some(status) = Status::from_header_map(answer.headers()) {
            break status;
        }
        unread.push(answer);
        assert!(unread.len() <= 1024, "of a KiB each at least");
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.metadata().get("retry-after").unwrap(), "1");
    let one = unread.pop().unwrap().into_body().collect().await.unwrap();
    assert_eq!(one.trailers().unwrap()["grpc-status"], "0");
    drop((one, unread));
    let answer = desk.router().oneshot(grpc_request(GRPC, framed())).await;
    assert!(Status::from_header_map(answer.unwrap().headers()).is_none());
}
