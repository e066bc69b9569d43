//! Answers on their way out: what they take is given back when it is sent, not when it is made, so that clients who ask for much
//! and read nothing find no more room.
//!
//! An answer goes in parts, each of which holds the room of the whole until it is written. One that is small and goes over HTTP/1
//! needs none of this: a connection has one such answer at a time. HTTP/2 has many at once, and a client may stop the one while it
//! reads others: [`Outgoing`] knows all of a connection, and ends it when one stands still.

use automl_core::Clock;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Bytes of an answer that are written at once.
const PART: usize = 64 << 10;
/// Answers of a connection that are looked through for those that are gone.
const ANSWERS_FIRST: usize = 512;

/// While a client waits for an answer, not the answer for the client.
const WAITS: u64 = u64::MAX;

/// An answer of which something is not written yet.
pub(crate) struct Underway {
    _room: Option<OwnedSemaphorePermit>,
    clock: Clock,
    /// When it was last asked for more, in milliseconds of the clock; [`WAITS`] while it is made.
    moved_ms: AtomicU64,
}

impl Underway {
    fn new(room: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            _room: room,
            clock: Clock::start(),
            moved_ms: AtomicU64::new(0),
        }
    }

    fn now_ms(&self) -> u64 {
        self.clock.elapsed().as_millis() as u64
    }

    fn moved(&self) {
        self.moved_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// More is asked for than is made.
    fn waits(&self) {
        self.moved_ms.store(WAITS, Ordering::Relaxed);
    }

    /// How long nothing was asked for.
    fn stood(&self) -> Duration {
        let moved_ms = self.moved_ms.load(Ordering::Relaxed);
        Duration::from_millis(self.now_ms().saturating_sub(moved_ms))
    }
}

/// The answers of a connection. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Outgoing(Arc<Mutex<Answers>>);

#[derive(Default)]
struct Answers {
    all: Vec<Weak<Underway>>,
    /// How many there are when those that are gone are let go.
    n_looked: usize,
}

impl Outgoing {
    fn add(&self, answer: &Arc<Underway>) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.all.len() >= answers.n_looked.max(ANSWERS_FIRST) {
            answers.all.retain(|one| one.strong_count() > 0);
            answers.n_looked = answers.all.len() * 2;
        }
        answers.all.push(Arc::downgrade(answer));
    }

    /// How long the answer stood still that did so longest.
    fn stood(&self) -> Duration {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = answers.all.iter().filter_map(Weak::upgrade);
        alive.map(|one| one.stood()).max().unwrap_or_default()
    }

    /// Ends when an answer stood still for so long.
    pub(crate) async fn stalled(&self, wait: Duration) {
        while self.stood() < wait {
            tokio::time::sleep(wait / 4).await;
        }
    }
}

/// Bytes with the answer that they are of, whose room they hold.
struct Part {
    bytes: Bytes,
    _answer: Arc<Underway>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body of an answer, in parts.
pub(super) struct Sending {
    body: Body,
    /// What it gave before this was asked.
    first: Option<Frame<Bytes>>,
    /// What is left of a frame.
    rest: Bytes,
    answer: Arc<Underway>,
}

impl Sending {
    pub(super) fn new(
        (first, body): (Option<Frame<Bytes>>, Body),
        room: Option<OwnedSemaphorePermit>,
        outgoing: Option<&Outgoing>,
    ) -> Self {
        let answer = Arc::new(Underway::new(room));
        if let Some(outgoing) = outgoing {
            outgoing.add(&answer);
        }
        Self {
            body,
            first,
            rest: Bytes::new(),
            answer,
        }
    }

    /// The next part of a frame.
    fn part(&mut self) -> Frame<Bytes> {
        let n_bytes = self.rest.len().min(PART);
        Frame::data(self.rest.split_to(n_bytes))
    }

    /// The next part of the answer.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.part())));
        }
        let frame = match self.first.take() {
            Some(frame) => frame,
            None => match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            },
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(bytes) => {
                self.rest = Bytes::from_owner(Part {
                    bytes,
                    _answer: Arc::clone(&self.answer),
                });
                self.part()
            }
            // Trailers.
            Err(frame) => frame,
        })))
    }

    fn n_waiting(&self) -> u64 {
        let first = self.first.as_ref().and_then(Frame::data_ref);
        (self.rest.len() + first.map_or(0, Bytes::len)) as u64
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        this.answer.waits();
        let polled = this.poll(cx);
        if polled.is_ready() {
            this.answer.moved();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let n_waiting = self.n_waiting();
        let within = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(within.lower() + n_waiting);
        if let Some(upper) = within.upper() {
            hint.set_upper(upper + n_waiting);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderMap, HeaderValue};
    use http_body_util::BodyExt;
    use tokio::sync::Semaphore;

    fn sending(n_bytes: usize, room: &Arc<Semaphore>, outgoing: &Outgoing) -> Sending {
        let taken = Arc::clone(room).try_acquire_many_owned(4).unwrap();
        let body = Body::from(vec![b'a'; n_bytes]);
        Sending::new((None, body), Some(taken), Some(outgoing))
    }

    #[tokio::test]
    async fn an_answer_holds_its_room_until_its_last_byte_is_written() {
        let room = Arc::new(Semaphore::new(4));
        let mut body = sending(PART * 2 + 1, &room, &Outgoing::default());
        assert_eq!(body.size_hint().exact(), Some(PART as u64 * 2 + 1));
        let mut parts = Vec::new();
        while let Some(frame) = body.frame().await {
            parts.push(frame.unwrap().into_data().unwrap());
        }
        let lengths: Vec<usize> = parts.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [PART, PART, 1]);
        assert!(body.is_end_stream());
        drop(body);
        let last = parts.pop();
        drop(parts);
        assert_eq!(room.available_permits(), 0, "one byte is not written yet");
        drop(last);
        assert_eq!(room.available_permits(), 4);
    }

    #[tokio::test]
    async fn what_came_first_and_trailers_go_as_they_are() {
        let room = Arc::new(Semaphore::new(4));
        let taken = room.try_acquire_many_owned(4).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let body = Body::new(Body::from("b").with_trailers(async { Some(Ok(trailers)) }));
        let first = Some(Frame::data(Bytes::from_static(b"a")));
        let body = Sending::new((first, body), Some(taken), None);
        let all = body.collect().await.unwrap();
        assert_eq!(all.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(all.to_bytes(), "ab");
    }

    #[tokio::test]
    async fn a_connection_is_stalled_while_an_answer_stands_still() {
        let room = Arc::new(Semaphore::new(4));
        let outgoing = Outgoing::default();
        let mut body = sending(PART * 2, &room, &outgoing);
        let part = body.frame().await.unwrap().unwrap();
        // It ends, for nobody asks for the rest.
        outgoing.stalled(Duration::from_millis(1)).await;
        drop(body);
        let stood = outgoing.stood();
        assert!(stood > Duration::ZERO, "a part is not written yet");
        drop(part);
        assert_eq!(outgoing.stood(), Duration::ZERO);
    }

    #[tokio::test]
    async fn an_answer_that_is_still_made_does_not_stand_still() {
        let pending = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let outgoing = Outgoing::default();
        let body = (None, Body::from_stream(pending));
        let mut body = Sending::new(body, None, Some(&outgoing));
        assert!(futures_util::poll!(body.frame()).is_pending());
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(outgoing.stood(), Duration::ZERO);
    }

    #[test]
    fn answers_that_are_gone_are_forgotten() {
        let room = Arc::new(Semaphore::new(4));
        let outgoing = Outgoing::default();
        for _ in 0..ANSWERS_FIRST * 4 {
            drop(sending(1, &room, &outgoing));
        }
        let n_known = outgoing.0.lock().unwrap().all.len();
        assert!(n_known <= ANSWERS_FIRST, "{n_known}");
    }
}
