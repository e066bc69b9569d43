//! Stands before every route.

use super::arriving::{Arriving, FILE, First, Place, Places, WHOLE, first_of, linger};
use super::bucket::Bucket;
use super::hosts::{Hosts, check_origin};
use super::identify::Visitor;
use super::memory::{Held, Memory, SMALL};
use super::sending::{Outgoing, Sending};
use super::usage::Usage;
use super::{Access, Peer};
use crate::endpoints::{Fleet, Protocol, Refused, check_room};
use crate::error::ApiError;
use crate::fields::BODY_MAX;
use crate::ledger::{Ledger, Moved};
use crate::observe::{Call, Observer, RequestId};
use crate::routes::{Answers, Endpoint, Need, Table};
use automl_core::Clock;
use automl_store::access::Role;
use automl_store::access::audit::Entry;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt as _, StreamExt as _};
use http_body_util::Limited;
use hyper::body::Frame;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// Refusals of strangers in the audit log: a second, and at once.
const STRANGERS: (f64, f64) = (10.0, 1000.0);

fn now() -> f64 {
    Clock::unix_micros() as f64 / 1e6
}

/// What bounds requests, beside their number.
pub(crate) struct Bounds {
    /// What all of them may take together.
    pub(crate) memory: Memory,
    /// Endpoints, which have room of their own.
    pub(crate) fleet: Fleet,
    /// The endpoint that also answers at the root.
    pub(crate) root_endpoint: Option<String>,
}

/// What the guard goes by.
pub(crate) struct Gate {
    table: Table,
    hosts: Hosts,
    /// Nothing if everyone may do everything.
    access: Option<Arc<Access>>,
    ledger: Ledger,
    observer: Observer,
    places: Places,
    bounds: Bounds,
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
        bounds: Bounds,
    ) -> Self {
        Self {
            table,
            hosts,
            access,
            ledger,
            observer,
            places: Places::new(),
            bounds,
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
    ) -> Result<Option<Admitted>, Refused> {
        // What is asked to see whether the server lives is answered under any name and load.
        let need = endpoint.map_or(Need::Role(Role::Viewer), |endpoint| endpoint.need);
        if need == Need::Nobody {
            bound_open(request, endpoint);
            return Ok(None);
        }
        self.hosts.check(request.headers())?;
        check_origin(request.method(), request.headers())?;
        let place = self.places.working().ok_or(Refused::Crowded)?;
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
                return Err(ApiError::too_long(BODY_MAX).into());
            }
        } else if let Some(usage) = call.usage() {
            usage.may_move(length.unwrap_or(0), Clock::unix_micros())?;
            let body = std::mem::take(request.body_mut());
            *request.body_mut() = counted(body, self.moved(usage), true);
        }
        if request.body().is_end_stream() {
            return Ok(Some(Admitted { place, held: None }));
        }
        let is_whole = endpoint
            .is_none_or(|endpoint| !endpoint.is_streamed || endpoint.answers == Answers::Grpc);
        if is_whole {
            return self.take_whole(request, place, length).await.map(Some);
        }
        let body = std::mem::take(request.body_mut());
        let body = Arriving::new(body, First::Pending, FILE, None);
        *request.body_mut() = Body::new(body);
        Ok(Some(Admitted { place, held: None }))
    }

    /// Takes in a body that is read whole: at once if it is there and small, else with bounds on its memory and its time, and
    /// among those that are worked on only when it has come.
    async fn take_whole(
        &self,
        request: &mut Request,
        place: Place,
        length: Option<u64>,
    ) -> Result<Admitted, Refused> {
        let most = self.bounds.memory.longest();
        if length.is_some_and(|n_bytes| n_bytes.min(BODY_MAX as u64) > most) {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            return Err(ApiError::too_long(most).into());
        }
        let held = self.bounds.memory.held();
        let first = if waits_to_send(request) {
            First::Pending
        } else {
            first_of(request.body_mut()).await
        };
        let first = match small(first, request.body()) {
            Ok(bytes) => {
                *request.body_mut() = Body::from(bytes);
                request.extensions_mut().insert(held.clone());
                return Ok(Admitted {
                    place,
                    held: Some(held),
                });
            }
            Err(first) => first,
        };
        let root = self.bounds.root_endpoint.as_deref();
        check_room(
            (&self.bounds.fleet, root),
            request.uri(),
            (request.headers(), length),
        )?;
        let arriving = self.places.arriving(&held);
        let (place, charge) = arriving.ok_or(Refused::Crowded)?;
        let body = std::mem::take(request.body_mut());
        // Bytes that are only announced take nothing.
        *request.body_mut() = Body::new(Arriving::new(body, first, WHOLE, Some(charge)));
        request.extensions_mut().insert(held.clone());
        Ok(Admitted {
            place,
            held: Some(held),
        })
    }

    /// Lets an answer keep the memory that it takes until it is sent, if there is as much. The place of its request goes to others,
    /// however slowly it is read.
    async fn sent(
        &self,
        response: Response,
        held: Option<Held>,
        way: &Way,
    ) -> Result<Response, Refused> {
        let (head, mut body) = response.into_parts();
        let n_bytes = body.size_hint().exact();
        let mut first = None;
        if n_bytes.is_none() && way.protocol == Protocol::Grpc {
            // The message, which is there already.
            match first_of(&mut body).await {
                First::Ready(Some(Ok(frame))) => first = Some(frame),
                First::Ready(Some(Err(error))) => {
                    return Err(ApiError::internal(error.to_string()).into());
                }
                First::Ready(None) | First::Pending => {}
            }
        }
        let n_first = first.as_ref().and_then(Frame::data_ref).map(Bytes::len);
        let n_bytes = n_bytes.or(n_first.map(|n_bytes| n_bytes as u64));
        // Of what is made while it is sent, little is there at a time.
        let room = n_bytes.map(|n_bytes| self.bounds.memory.exchange(held.as_ref(), n_bytes));
        let room = match room.transpose() {
            Ok(room) => room,
            // It is done, so it must be told.
            Err(_no_room) if way.is_write => None,
            Err(_no_room) => return Err(Refused::Full),
        };
        let body = Sending::new((first, body), room, way.outgoing.as_ref());
        Ok(Response::from_parts(head, Body::new(body)))
    }

    fn moved(&self, usage: &Arc<Usage>) -> Moved {
        Moved::new(Arc::clone(usage), self.ledger.clone())
    }
}

/// What a request holds while it is answered.
struct Admitted {
    place: Place,
    held: Option<Held>,
}

/// How a request is answered.
struct Way {
    protocol: Protocol,
    is_write: bool,
    /// The answers of its connection, if there may be several at once.
    outgoing: Option<Outgoing>,
}

impl Way {
    fn of(request: &Request, endpoint: Option<&Endpoint>) -> Self {
        let is_grpc = match endpoint {
            Some(endpoint) => endpoint.answers == Answers::Grpc,
            None => is_grpc(request.headers()),
        };
        let outgoing = || request.extensions().get::<Outgoing>().cloned();
        Self {
            protocol: if is_grpc {
                Protocol::Grpc
            } else {
                Protocol::of(request.uri().path())
            },
            is_write: endpoint.is_none_or(|endpoint| endpoint.is_write),
            outgoing: (request.version() == Version::HTTP_2)
                .then(outgoing)
                .flatten(),
        }
    }

    /// Whether an answer is sent at once, or made while it is sent, and is the only one of its connection.
    fn is_at_once(&self, response: &Response) -> bool {
        let is_small = match response.body().size_hint().exact() {
            Some(n_bytes) => n_bytes <= SMALL,
            None => self.protocol != Protocol::Grpc,
        };
        is_small && self.outgoing.is_none()
    }
}

/// Whether a message is of gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Whether a client sends its body only when it is told to, which is when that is read.
fn waits_to_send(request: &Request) -> bool {
    request.headers().contains_key(header::EXPECT)
}

/// Bounds a body that is taken from everyone and under any load: of a file its pace, of a message its length, too.
fn bound_open(request: &mut Request, endpoint: Option<&Endpoint>) {
    if request.body().is_end_stream() {
        return;
    }
    let body = std::mem::take(request.body_mut());
    let is_grpc = endpoint.is_some_and(|endpoint| endpoint.answers == Answers::Grpc);
    *request.body_mut() = if is_grpc {
        let body = Arriving::new(body, First::Pending, WHOLE, None);
        Body::new(Limited::new(body, SMALL as usize))
    } else {
        Body::new(Arriving::new(body, First::Pending, FILE, None))
    };
}

/// All of a small body, if it came with its head; else what came.
fn small(first: First, body: &Body) -> Result<Bytes, First> {
    match first {
        First::Ready(Some(Ok(frame))) if body.is_end_stream() => match frame.into_data() {
            Ok(bytes) if bytes.len() as u64 <= SMALL => Ok(bytes),
            Ok(bytes) => Err(First::Ready(Some(Ok(Frame::data(bytes))))),
            Err(frame) => Err(First::Ready(Some(Ok(frame)))),
        },
        first => Err(first),
    }
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
    let way = Way::of(&request, endpoint);
    let mut call = gate.observer.begin(&request, found, Peer::of(&request));
    request.extensions_mut().insert(call.noted());
    let id = RequestId(Arc::clone(&call.id));
    request.extensions_mut().insert(id);
    let answered = match gate.admit(&mut request, endpoint, &mut call).await {
        Ok(None) => Ok(next.run(request).await),
        Ok(Some(Admitted { place, held })) => {
            let response = next.run(request).await;
            drop(place);
            if way.is_at_once(&response) {
                Ok(response)
            } else {
                Box::pin(gate.sent(response, held, &way)).await
            }
        }
        Err(refused) => {
            call.is_refused = true;
            if !waits_to_send(&request) {
                linger(std::mem::take(request.body_mut()));
            }
            Err(refused)
        }
    };
    // What gRPC is told has the status of HTTP that all is well.
    let (status, mut response) = match answered {
        Ok(response) => (response.status(), response),
        Err(refused) => way.protocol.tell(refused),
    };
    // What gRPC answers ends with trailers, which must pass.
    let is_download = !is_grpc(response.headers())
        && endpoint.is_some_and(|endpoint| endpoint.is_streamed && !endpoint.is_write);
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
    if let Some(entry) = gate.observer.end(&call, status)
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
