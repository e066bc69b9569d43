//! What is told of a request: its id, a line in the log, the numbers of `/metrics`, an entry of the audit log.
//!
//! Never told are values of queries, bodies and credentials.

use crate::access::{Usage, Visitor};
use crate::metrics::Metrics;
use crate::routes::Endpoint;
use automl_core::Clock;
use automl_store::access::audit::Entry;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The route of what no route answers.
const NO_ROUTE: &str = "none";
/// Characters of an id that a client gives.
const ID_MAX: usize = 128;
/// Characters of what the audit log says a request was about.
const OBJECT_MAX: usize = 500;

/// The id of a request, for handlers.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// A place for handlers to note what a request is about: the id or name in its fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted(Arc<OnceLock<String>>);

impl Noted {
    /// Notes it, if nothing was noted.
    pub(crate) fn note(&self, object: &str) {
        if self.0.get().is_none() {
            let object = object.chars().take(OBJECT_MAX).collect();
            // Two that note at once note the same.
            self.0.set(object).ok();
        }
    }
}

/// What is known of a request while it is answered.
pub(crate) struct Call {
    pub(crate) id: Arc<str>,
    pub(crate) visitor: Option<Arc<Visitor>>,
    /// Whether it was turned away before its route was asked.
    pub(crate) is_refused: bool,
    clock: Clock,
    method: Method,
    route: String,
    is_write: bool,
    /// The path, where it names what the request is about.
    path: Option<String>,
    address: Option<SocketAddr>,
    noted: Noted,
}

impl Call {
    pub(crate) fn noted(&self) -> Noted {
        self.noted.clone()
    }

    /// Of the token that asks.
    pub(crate) fn usage(&self) -> Option<&Arc<Usage>> {
        self.visitor.as_ref()?.usage.as_ref()
    }

    fn user(&self) -> &str {
        self.visitor.as_ref().map_or("", |visitor| &visitor.name)
    }

    /// The method, if it is one of the usual: what is counted by it must have few values.
    fn method(&self) -> &'static str {
        match self.method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        }
    }
}

/// Tells of requests.
pub(crate) struct Observer {
    metrics: Metrics,
    /// What the ids of this process start with, and how many it made.
    start: String,
    n_made: AtomicU64,
}

/// Whether a request may be told under an id.
pub(crate) fn is_request_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=ID_MAX).contains(&id.len()) && id.bytes().all(is_plain)
}

impl Observer {
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn new(metrics: Metrics) -> Result<Self, getrandom::Error> {
        Ok(Self {
            metrics,
            start: format!("{:016x}", getrandom::u64()?),
            n_made: AtomicU64::new(0),
        })
    }

    pub(crate) fn begin(
        &self,
        request: &Request,
        found: Option<(&str, &Endpoint)>,
        address: Option<SocketAddr>,
    ) -> Call {
        let route = found.map_or(NO_ROUTE, |(template, _)| template);
        let is_write = found.is_none_or(|(_, endpoint)| endpoint.is_write);
        Call {
            id: self.id(request.headers()).into(),
            visitor: None,
            is_refused: false,
            clock: Clock::start(),
            method: request.method().clone(),
            route: route.to_owned(),
            is_write,
            path: (route.contains('{') || found.is_none()).then(|| request.uri().path().to_owned()),
            address,
            noted: Noted::default(),
        }
    }

    /// The id that the client gave, if it is plain, or a new one.
    fn id(&self, headers: &HeaderMap) -> String {
        let given = headers.get("x-request-id").and_then(|id| id.to_str().ok());
        given.filter(|id| is_request_id(id)).map_or_else(
            || {
                format!(
                    "{}-{:x}",
                    self.start,
                    self.n_made.fetch_add(1, Ordering::Relaxed)
                )
            },
            str::to_owned,
        )
    }

    /// Tells of a request that is answered, and gives what the audit log has to say of it, if anything.
    pub(crate) fn end(&self, call: &Call, status: StatusCode) -> Option<Entry> {
        let seconds = call.clock.seconds();
        self.metrics
            .count(&call.route, call.method(), status, seconds);
        tracing::info!(
            method = call.method(),
            route = call.route,
            status = status.as_u16(),
            ms = (seconds * 1e6).round() / 1e3,
            request_id = &*call.id,
            user = call.user(),
            "request"
        );
        let is_refused = [
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::TOO_MANY_REQUESTS,
        ]
        .contains(&status);
        let is_told =
            call.is_refused || is_refused || (call.is_write && status != StatusCode::NOT_FOUND);
        is_told.then(|| entry(call, status))
    }
}

/// What the audit log says of a request.
fn entry(call: &Call, status: StatusCode) -> Entry {
    let noted = call.noted.0.get().cloned();
    Entry {
        at_ms: Clock::unix_micros() / 1000,
        user: call.user().to_owned(),
        means: call
            .visitor
            .as_ref()
            .map_or_else(String::new, |visitor| visitor.means.clone()),
        address: call
            .address
            .map_or_else(String::new, |address| address.ip().to_string()),
        method: call.method().to_owned(),
        route: call.route.clone(),
        object: noted
            .or_else(|| plain(call.path.as_deref()?))
            .unwrap_or_default(),
        outcome: i64::from(status.as_u16()),
        request_id: call.id.to_string(),
    }
}

/// A path as it can be stored.
fn plain(path: &str) -> Option<String> {
    let path: String = path.chars().take(OBJECT_MAX).collect();
    (!path.contains('\0')).then_some(path)
}
