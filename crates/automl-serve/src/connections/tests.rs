//! Over real sockets: TLS, clients that dawdle, and the end.

use crate::server::{Config, Switch, run};
use crate::tls::Tls;
use automl_store::workspace::Workspace;
use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use tokio_rustls::rustls;

/// A server on a port of its own, until it is dropped.
struct Served {
    address: SocketAddr,
    switch: Switch,
    thread: Option<std::thread::JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

impl Served {
    fn new(tls: Option<Tls>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            address: ([127, 0, 0, 1], 0).into(),
            workspace: Workspace::parse(directory.path().to_str().unwrap()),
            artifact_root: None,
            work_dir: directory.path().to_owned(),
            models: crate::endpoints::tests::models(),
            batching: crate::batches::tests::batching(),
            optuna_trial_timeout: None,
            version_sources: None,
            links: crate::Links::default(),
            requests_n_bytes_max: 1 << 30,
            root_endpoint: None,
            only_endpoints: false,
            access: None,
            hosts: None,
            tls,
            process: crate::Process::default,
        };
        let switch = Switch::default();
        let (sender, receiver) = channel();
        let stop = switch.clone();
        let thread = std::thread::spawn(move || {
            run(config, &stop, |address| sender.send(address).unwrap()).unwrap();
        });
        Self {
            address: receiver.recv().unwrap(),
            switch,
            thread: Some(thread),
            _directory: directory,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.switch.stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

const ASK: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn answer(mut stream: impl Read + Write) -> String {
    stream.write_all(ASK).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok();
    text
}

#[test]
fn plain_requests_are_answered_and_the_server_ends() {
    let served = Served::new(None);
    let text = answer(TcpStream::connect(served.address).unwrap());
    assert!(
        text.starts_with("HTTP/1.1 200") && text.contains("x-request-id: "),
        "{text}"
    );
    // One that is open and idle does not hold up the end.
    let _idle = TcpStream::connect(served.address).unwrap();
    drop(served);
}

#[test]
fn with_a_certificate_requests_are_encrypted() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let served = Served::new(Some(Tls {
        certificates: made.cert.pem().into_bytes(),
        key: made.signing_key.serialize_pem().into_bytes(),
    }));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(served.address).unwrap();
    let text = answer(rustls::StreamOwned::new(client, stream));
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let plain = answer(TcpStream::connect(served.address).unwrap());
    assert!(!plain.contains("200"), "{plain}");
}

#[test]
fn who_is_refused_while_it_sends_is_told_why() {
    let served = Served::new(None);
    let mut stream = TcpStream::connect(served.address).unwrap();
    let n_bytes = 16 << 20;
    let head = format!(
        "POST /v2/models/e/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {n_bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // More than sockets keep.
    stream.write_all(&vec![b' '; n_bytes]).unwrap();
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).unwrap();
    let told = String::from_utf8_lossy(&begun);
    assert!(["HTTP/1.1 404", "HTTP/1.1 503"].contains(&&*told), "{told}");
}

/// Asks over HTTP/2, as clients of gRPC do; gives the status, the body and the trailers.
fn over_http2(address: SocketAddr, request: Request<Full<Bytes>>) -> (u16, Vec<u8>, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut asker, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let answer = asker.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap();
        let trailers = body
            .trailers()
            .map_or(String::new(), |trailers| format!("{trailers:?}"));
        (status, body.to_bytes().to_vec(), trailers)
    })
}

#[test]
fn grpc_and_http2_are_answered_on_the_same_port() {
    let served = Served::new(None);
    let check = Request::post(format!(
        "http://{}/grpc.health.v1.Health/Check",
        served.address
    ))
    .header("content-type", "application/grpc")
    .header("te", "trailers")
    .body(Full::from(Bytes::from_static(&[0; 5])))
    .unwrap();
    // A message of two bytes: field 1 is 1, which is SERVING.
    let (status, body, trailers) = over_http2(served.address, check);
    assert_eq!((status, body), (200, vec![0, 0, 0, 0, 2, 8, 1]));
    assert!(trailers.contains(r#""grpc-status": "0""#), "{trailers}");
    let of_one = Request::post(format!(
        "http://{}/grpc.health.v1.Health/Check",
        served.address
    ))
    .header("content-type", "application/grpc")
    .body(Full::from(Bytes::from_static(b"\0\0\0\0\x03\n\x01x")))
    .unwrap();
    assert_eq!(over_http2(served.address, of_one).0, 200);
    let page = Request::get(format!("http://{}/health", served.address));
    let page = page.body(Full::default()).unwrap();
    assert_eq!(over_http2(served.address, page).1, b"OK");
}

#[test]
fn what_is_no_certificate_is_named() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (good, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (certificates, key, told) in [
        ("", key.as_str(), "has none"),
        (&good, "", "the key cannot be read"),
        (
            &good,
            &other.signing_key.serialize_pem(),
            "do not go together",
        ),
    ] {
        let tls = Tls {
            certificates: certificates.as_bytes().to_vec(),
            key: key.as_bytes().to_vec(),
        };
        let error = crate::tls::acceptor(&tls).err().unwrap();
        assert!(error.contains(told), "{error}");
    }
}
