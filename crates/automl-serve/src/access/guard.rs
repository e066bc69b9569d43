//! Stands before every route.

use super::bucket::Bucket;
use super::hosts::{Hosts, check_origin};
use super::identify::Visitor;
use super::memory::{Held, Memory};
use super::usage::Usage;
use super::{Access, Peer};
use crate::error::ApiError;
use crate::fields::BODY_MAX;
use crate::ledger::{Ledger, Moved};
use crate::observe::{Call, Observer, RequestId};
use crate::routes::{Answers, Endpoint, Need, Table};
use automl_core::Clock;
use automl_store::access::Role;
use automl_store::access::audit::Entry;
use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt as _, StreamExt as _};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Requests that are answered at once.
const REQUESTS_AT_ONCE: usize = 1024;

/// Refusals of strangers in the audit log: a second, and at once.
const STRANGERS: (f64, f64) = (10.0, 1000.0);

fn now() -> f64 {
    Clock::unix_micros() as f64 / 1e6
}

/// What the guard goes by.
pub(crate) struct Gate {
    table: Table,
    hosts: Hosts,
    /// Nothing if everyone may do everything.
    access: Option<Arc<Access>>,
    ledger: Ledger,
    observer: Observer,
    room: Semaphore,
    memory: Memory,
    /// Refusals of strangers that may still be told, so that they cannot fill the disk.
    strangers: Mutex<Bucket>,
}

impl Gate {
    pub(crate) fn new(
        table: Table,
        hosts: Hosts,
        access: Option<Arc<Access>>,
        ledger: Ledger,
        observer: Observer,
        memory: Memory,
    ) -> Self {
        Self {
            table,
            hosts,
            access,
            ledger,
            observer,
            room: Semaphore::new(REQUESTS_AT_ONCE),
            memory,
            strangers: Mutex::new(Bucket::new(STRANGERS.1, now())),
        }
    }

    /// Hands an entry to the audit log.
    fn tell(&self, entry: Entry) {
        let is_stranger = entry.user.is_empty();
        let mut strangers = self
            .strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if is_stranger && strangers.take(STRANGERS.0, STRANGERS.1, now()).is_err() {
            return self.ledger.leave_out();
        }
        drop(strangers);
        self.ledger.write(entry);
    }

    /// What is said of the route of a request.
    fn endpoint(&self, request: &Request) -> Option<(&str, &Endpoint)> {
        let path = request.extensions().get::<MatchedPath>()?;
        let (template, endpoints) = self.table.get_key_value(path.as_str())?;
        let method = match request.method() {
            // Answered by GET.
            &Method::HEAD => &Method::GET,
            method => method,
        };
        let endpoint = endpoints.iter().find(|endpoint| endpoint.method == *method);
        endpoint.map(|endpoint| (template.as_str(), endpoint))
    }

    /// Finds out whether a request may go on.
    async fn admit(
        &self,
        request: &mut Request,
        endpoint: Option<&Endpoint>,
        call: &mut Call,
    ) -> Result<Option<Admitted<'_>>, ApiError> {
        // What is asked to see whether the server lives is answered under any name and load.
        let need = endpoint.map_or(Need::Role(Role::Viewer), |endpoint| endpoint.need);
        if need == Need::Nobody {
            return Ok(None);
        }
        self.hosts.check(request.headers())?;
        check_origin(request.method(), request.headers())?;
        let Ok(room) = self.room.try_acquire() else {
            return Err(ApiError::busy());
        };
        if let Some(access) = &self.access {
            let address = Peer::of(request).map(|address| address.ip());
            let visitor = access.visitor(request.headers(), address).await?;
            call.visitor = Some(Arc::clone(&visitor));
            may(&visitor, need)?;
            if let Some(usage) = &visitor.usage {
                usage.ask(Clock::unix_micros())?;
            }
            request.extensions_mut().insert(visitor);
        }
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if !endpoint.is_some_and(|endpoint| endpoint.is_streamed) {
            let is_checked = endpoint.is_none_or(|endpoint| !endpoint.bounds_body);
            if is_checked && length.is_some_and(|length| length > BODY_MAX as u64) {
                return Err(ApiError::too_long(BODY_MAX));
            }
        } else if let Some(usage) = call.usage() {
            usage.may_move(length.unwrap_or(0), Clock::unix_micros())?;
            let body = std::mem::take(request.body_mut());
            *request.body_mut() = counted(body, self.moved(usage), true);
        }
        let held = self.hold(request, endpoint, length)?;
        Ok(Some(Admitted {
            _room: room,
            _held: held,
        }))
    }

    /// Takes the memory that a body needs which is read whole.
    fn hold(
        &self,
        request: &mut Request,
        endpoint: Option<&Endpoint>,
        length: Option<u64>,
    ) -> Result<Option<Held>, ApiError> {
        let is_whole = endpoint
            .is_none_or(|endpoint| !endpoint.is_streamed || endpoint.answers == Answers::Grpc);
        if !is_whole || request.body().is_end_stream() {
            return Ok(None);
        }
        let most = self.memory.longest();
        if length.is_some_and(|n_bytes| n_bytes.min(BODY_MAX as u64) > most) {
            return Err(ApiError::too_long(
                usize::try_from(most).unwrap_or(usize::MAX),
            ));
        }
        // Bytes that are only announced take nothing.
        let body = std::mem::take(request.body_mut());
        let (body, held) = self.memory.hold_as_it_comes(body);
        *request.body_mut() = body;
        request.extensions_mut().insert(held.clone());
        Ok(Some(held))
    }

    fn moved(&self, usage: &Arc<Usage>) -> Moved {
        Moved::new(Arc::clone(usage), self.ledger.clone())
    }
}

/// What a request holds while it is answered.
struct Admitted<'a> {
    _room: SemaphorePermit<'a>,
    _held: Option<Held>,
}

fn may(visitor: &Visitor, need: Need) -> Result<(), ApiError> {
    match (need, visitor.role) {
        (Need::Nobody, _) => Ok(()),
        (Need::Role(need), Some(role)) if role >= need => Ok(()),
        (Need::Role(need), role) => Err(ApiError::denied(format!(
            "Permission denied: this needs the role {}, '{}' has {}.",
            need.name(),
            visitor.name,
            role.map_or("none", Role::name)
        ))),
    }
}

/// A body whose bytes count for a token; an upload ends when the quota is used up.
fn counted(body: Body, mut moved: Moved, is_upload: bool) -> Body {
    let chunks = body.into_data_stream().map(move |chunk| {
        let chunk = chunk?;
        if !moved.add(chunk.len() as u64) && is_upload {
            return Err(axum::Error::new(std::io::Error::other(
                "the quota of the token is used up",
            )));
        }
        Ok(chunk)
    });
    Body::from_stream(chunks)
}

/// Asks a request for what its route needs, answers it, and tells of it.
pub(crate) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let is_write = gate
        .endpoint(&request)
        .is_none_or(|(_, endpoint)| endpoint.is_write);
    if !is_write {
        return answer(gate, request, next).await;
    }
    let answered = AssertUnwindSafe(answer(gate, request, next)).catch_unwind();
    let answered = answered.map(|answered| {
        answered.unwrap_or_else(|_| ApiError::internal("a bug was met").into_response())
    });
    Finished(Some(Box::pin(answered))).await
}

/// A write, which is finished and told of also when the client hangs up: then on a task of its own.
struct Finished(Option<Pin<Box<dyn Future<Output = Response> + Send>>>);

impl Future for Finished {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let answering = self.0.as_mut().expect("it is not polled once it is ready");
        let response = std::task::ready!(answering.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(response)
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        // Outside a runtime nothing can be finished: it has ended, and with it all that was begun.
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(rest);
        }
    }
}

async fn answer(gate: Arc<Gate>, mut request: Request, next: Next) -> Response {
    let found = gate.endpoint(&request);
    let endpoint = found.map(|(_, endpoint)| endpoint);
    let mut call = gate.observer.begin(&request, found, Peer::of(&request));
    request.extensions_mut().insert(call.noted());
    let id = RequestId(Arc::clone(&call.id));
    request.extensions_mut().insert(id);
    let mut response = match gate.admit(&mut request, endpoint, &mut call).await {
        Ok(_admitted) => next.run(request).await,
        Err(refused) => {
            call.is_refused = true;
            refused.into_response()
        }
    };
    // What gRPC answers ends with trailers, which must pass.
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let is_download =
        !is_grpc && endpoint.is_some_and(|endpoint| endpoint.is_streamed && !endpoint.is_write);
    if is_download
        && response.status().is_success()
        && let Some(usage) = call.usage()
    {
        let moved = gate.moved(usage);
        response = response.map(|body| counted(body, moved, false));
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&call.id) {
        headers.insert("x-request-id", id);
    }
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    headers.insert("x-frame-options", HeaderValue::from_static("SAMEORIGIN"));
    if let Some(entry) = gate.observer.end(&call, response.status())
        && gate.access.is_some()
    {
        gate.tell(entry);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn a_write_goes_on_when_nobody_waits_for_it_any_more() {
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        let mut write = Finished(Some(Box::pin(async move {
            tokio::task::yield_now().await;
            done.store(true, Ordering::Release);
            Response::default()
        })));
        let begun = futures_util::poll!(&mut write);
        assert!(begun.is_pending(), "it is under way");
        drop(write);
        while !is_done.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
    }
}
