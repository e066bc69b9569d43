//! Signatures, addresses and tries again, against a server on a free port.

use super::guard::is_public;
use super::post::signature;
use super::{Happening, Manner, Poster, example};
use automl_store::registry::webhooks::{Event, Secret};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

/// A server that answers one request after the other, and gives what it was sent.
fn server(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut buffer = [0; 4096];
            // The body is one JSON object, so its last byte closes it.
            while !request.ends_with('}') {
                let n_bytes = stream.read(&mut buffer).unwrap();
                request.push_str(std::str::from_utf8(&buffer[..n_bytes]).unwrap());
            }
            stream
                .write_all(format!("HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n").as_bytes())
                .unwrap();
            requests.push(request);
        }
        requests
    });
    (url, served)
}

fn poster(allows_private: bool) -> Poster {
    Poster::new(&Manner {
        allows_private,
        first_wait: Duration::ZERO,
    })
}

fn happening() -> Happening {
    example(Event::new("MODEL_VERSION", "CREATED").unwrap())
}

fn header(request: &str, name: &str) -> Option<String> {
    let line = request
        .lines()
        .find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
    Some(line.split_once(": ")?.1.trim().to_owned())
}

#[test]
fn a_delivery_is_signed_over_its_id_time_and_body() {
    let (url, served) = server(&["200 OK\r\nContent-Length: 0"]);
    let secret = Secret::new("hush".into()).unwrap();
    let reply = poster(true)
        .deliver(&url, Some(&secret), &happening())
        .unwrap();
    assert_eq!(reply.status, 200);
    let request = served.join().unwrap().remove(0);
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let id = header(&request, "x-mlflow-delivery-id").unwrap();
    let now = header(&request, "x-mlflow-timestamp")
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(
        header(&request, "x-mlflow-signature").unwrap(),
        signature(&secret, &id, now, body)
    );
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["entity"], "model_version");
    assert_eq!(body["data"]["source"], "models:/123");
}

#[test]
fn a_signature_is_that_of_the_reference() {
    // hmac.new(b"secret", b"id.7.{}", hashlib.sha256) in Python.
    let secret = Secret::new("secret".into()).unwrap();
    assert_eq!(
        signature(&secret, "id", 7, "{}"),
        "v1,n+ezSqrogxffCdZ9pbL6XhzvbyzCkH0jgJLHItwcxlI="
    );
    assert_eq!(format!("{secret:?}"), "Secret(…)");
}

#[test]
fn a_server_that_is_busy_is_tried_again() {
    let (url, served) = server(&[
        "503 Busy\r\nContent-Length: 0",
        "429 Later\r\nRetry-After: 0\r\nContent-Length: 0",
        "200 OK\r\nContent-Length: 0",
    ]);
    let reply = poster(true).deliver(&url, None, &happening()).unwrap();
    assert_eq!(reply.status, 200);
    let ids: Vec<_> = (served.join().unwrap().iter())
        .map(|request| header(request, "x-mlflow-delivery-id"))
        .collect();
    assert!(
        ids[0].is_some() && ids.iter().all(|id| *id == ids[0]),
        "one delivery, one id"
    );
}

#[test]
fn a_refusal_is_final_and_a_redirect_is_not_followed() {
    for (answer, status) in [
        ("404 No\r\nContent-Length: 0", 404),
        (
            "307 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0",
            307,
        ),
    ] {
        let answers: &'static [&'static str] = vec![answer].leak();
        let (url, served) = server(answers);
        let reply = poster(true).deliver(&url, None, &happening()).unwrap();
        assert_eq!(reply.status, status);
        assert_eq!(served.join().unwrap().len(), 1);
    }
}

#[test]
fn an_address_that_is_not_public_is_never_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let error = poster(false).deliver(&url, None, &happening()).unwrap_err();
    assert!(
        error.contains("127.0.0.1 is not a public address"),
        "{error}"
    );
    assert!(listener.accept().is_err());
}

#[test]
fn public_is_what_anybody_on_the_internet_can_have() {
    for (text, expected) in [
        ("93.184.216.34", true),
        ("2606:2800:220:1:248:1893:25c8:1946", true),
        ("127.0.0.1", false),
        ("10.1.2.3", false),
        ("172.16.0.1", false),
        ("192.168.1.1", false),
        ("169.254.169.254", false),
        ("100.64.0.1", false),
        ("0.0.0.0", false),
        ("255.255.255.255", false),
        ("224.0.0.1", false),
        ("198.18.0.1", false),
        ("::1", false),
        ("::", false),
        ("::ffff:10.0.0.1", false),
        ("::ffff:93.184.216.34", true),
        ("64:ff9b::a9fe:a9fe", false),
        ("2002:0a00:0001::", false),
        ("fe80::1", false),
        ("fd00::1", false),
        ("2001:db8::1", false),
        ("ff02::1", false),
    ] {
        assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
    }
}

#[test]
fn examples_are_those_of_the_client() {
    for (entity, action, expected) in [
        (
            "registered_model",
            "created",
            r#"{"name":"example_model","tags":{"example_key":"example_value"},"description":"An example registered model"}"#,
        ),
        (
            "model_version_alias",
            "deleted",
            r#"{"name":"example_model","alias":"example_alias"}"#,
        ),
        (
            "model_version_alias",
            "created",
            r#"{"name":"example_model","version":"1","alias":"example_alias"}"#,
        ),
        (
            "model_version_tag",
            "set",
            r#"{"name":"example_model","version":"1","key":"example_key","value":"example_value"}"#,
        ),
        (
            "prompt_tag",
            "deleted",
            r#"{"name":"example_prompt","key":"example_key"}"#,
        ),
        (
            "prompt_alias",
            "created",
            r#"{"name":"example_prompt","version":"1","alias":"example_alias"}"#,
        ),
        (
            "prompt_version",
            "created",
            r#"{"name":"example_prompt","version":"1","template":"Hello {{name}}!","tags":{"example_key":"example_value"},"description":"An example prompt version"}"#,
        ),
    ] {
        let event = Event::new(entity, action).unwrap();
        assert_eq!(example(event).data.to_string(), expected);
    }
}
