//! Bodies on their way in: they are counted as they come, must go on coming, and have a place among requests that are worked on
//! once they are there.
//!
//! Until then a request has one of many places for those whose bodies come, so that slow senders leave those of others free. A
//! body that came with its head, as small ones do, needs none.

use super::memory::{Held, NoRoom};
use crate::fields::BODY_MAX;
use automl_core::Clock;
use axum::body::{Body, Bytes, HttpBody};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Frame, SizeHint};
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tonic::Status;

/// Requests that are worked on at once.
const WORKING_AT_ONCE: usize = 1024;
/// Requests whose bodies come at once: what is not counted of them takes less than 70 MB.
const ARRIVING_AT_ONCE: usize = 4096;

/// How fast a body must come. Only the time counts in which it is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How long nothing may come.
    idle: Duration,
    /// How long all of it may take, whatever its length.
    least: Duration,
    /// Bytes that give it a second more.
    bytes_per_second: u64,
    /// How long it may take at most.
    most: Duration,
}

/// Of bodies that are read whole.
pub(super) const WHOLE: Pace = Pace {
    idle: Duration::from_secs(10),
    least: Duration::from_secs(10),
    bytes_per_second: 16 << 10,
    most: Duration::from_mins(1),
};

/// Of files, which are passed on as they come.
pub(super) const FILE: Pace = Pace {
    idle: Duration::from_secs(30),
    least: Duration::from_mins(1),
    bytes_per_second: 1 << 10,
    most: Duration::MAX,
};

impl Pace {
    /// How long more may be waited for, if so many bytes came in such a time.
    fn left(&self, waited: Duration, n_bytes: u64) -> Duration {
        let earned = Duration::from_secs(n_bytes / self.bytes_per_second);
        let whole = self.least.saturating_add(earned).min(self.most);
        whole.saturating_sub(waited).min(self.idle)
    }
}

/// Why a body is not read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Requests that are being answered take all the memory that they may.
    Full,
    /// It is there, but too many requests are worked on.
    Crowded,
    /// It did not come in time.
    Late,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "requests that are being answered take all the memory that they may",
            Self::Crowded => "too many requests at once",
            Self::Late => "the body did not come in time",
        })
    }
}

/// The same as an error of a body: gRPC finds the status in it, others the reason.
#[derive(Debug, thiserror::Error)]
#[error("{stop}")]
struct Stopped {
    stop: Stop,
    #[source]
    status: Status,
}

impl Stop {
    fn error(self) -> axum::Error {
        let told = self.to_string();
        let mut status = match self {
            Self::Full | Self::Crowded => Status::resource_exhausted(told),
            Self::Late => Status::deadline_exceeded(told),
        };
        if self != Self::Late {
            status.metadata_mut().insert("retry-after", 1.into());
        }
        axum::Error::new(Stopped { stop: self, status })
    }

    /// Why a body broke off, if that was done here.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(stopped) = error.downcast_ref::<Stopped>() {
                return Some(stopped.stop);
            }
            next = error.source();
        }
        None
    }
}

/// The places of requests.
pub(super) struct Places {
    working: Arc<Semaphore>,
    arriving: Arc<Semaphore>,
}

/// The place of a request, until it is answered.
pub(super) enum Place {
    Working {
        _place: OwnedSemaphorePermit,
    },
    /// Its body changes it for one among those that are worked on.
    Arriving {
        _place: Arc<Mutex<OwnedSemaphorePermit>>,
    },
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            working: Arc::new(Semaphore::new(WORKING_AT_ONCE)),
            arriving: Arc::new(Semaphore::new(ARRIVING_AT_ONCE)),
        }
    }

    /// A place among those that are worked on, if there is one.
    pub(super) fn working(&self) -> Option<Place> {
        let place = Arc::clone(&self.working).try_acquire_owned();
        place.ok().map(|place| Place::Working { _place: place })
    }

    /// A place among those whose bodies come, and what the body does in it.
    pub(super) fn arriving(&self, held: &Held) -> Option<(Place, Charge)> {
        let place = Arc::clone(&self.arriving).try_acquire_owned();
        let place = Arc::new(Mutex::new(place.ok()?));
        let charge = Charge {
            held: held.clone(),
            n_held: 0,
            place: Arc::clone(&place),
            working: Arc::clone(&self.working),
            is_there: false,
        };
        Some((Place::Arriving { _place: place }, charge))
    }
}

/// What a body takes while it comes.
pub(super) struct Charge {
    held: Held,
    /// Bytes that are counted.
    n_held: u64,
    place: Arc<Mutex<OwnedSemaphorePermit>>,
    working: Arc<Semaphore>,
    /// Whether all of the body is.
    is_there: bool,
}

impl Charge {
    /// Counts a body of which so many bytes came.
    fn count(&mut self, n_bytes: u64) -> Result<(), Stop> {
        if n_bytes > super::memory::SMALL {
            let added = self.held.add(n_bytes - self.n_held);
            added.map_err(|_no_room: NoRoom| Stop::Full)?;
            self.n_held = n_bytes;
        }
        Ok(())
    }

    /// Changes places, once all of the body is there.
    fn work(&mut self) -> Result<(), Stop> {
        if self.is_there {
            return Ok(());
        }
        let working = Arc::clone(&self.working).try_acquire_owned();
        let working = working.map_err(|_none| Stop::Crowded)?;
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = working;
        self.is_there = true;
        Ok(())
    }
}

/// What a body gave when it was asked once.
pub(super) type First = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// Asks a body once for what came already.
pub(super) async fn first_of(body: &mut Body) -> First {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await
}

/// Bodies of refused requests that are read on at once, and for how long each is.
static LINGERING: Semaphore = Semaphore::const_new(WORKING_AT_ONCE);
const LINGER: Duration = Duration::from_secs(5);

/// Reads on and forgets what comes of a request that was refused: a connection that is closed while its client still sends is
/// reset, and the client may never see why.
pub(super) fn linger(body: Body) {
    if body.is_end_stream() {
        return;
    }
    let Ok(place) = LINGERING.try_acquire() else {
        return;
    };
    tokio::spawn(async move {
        let _place = place;
        let mut rest = Limited::new(body, BODY_MAX);
        let read = async { while let Some(Ok(_)) = rest.frame().await {} };
        // What comes later is not waited for.
        tokio::time::timeout(LINGER, read).await.ok();
    });
}

/// A body that takes what it needs as it comes, and breaks off when there is no more, or when it comes too slowly.
pub(super) struct Arriving {
    body: Body,
    /// What came before this was asked.
    first: First,
    pace: Pace,
    clock: Clock,
    n_bytes: u64,
    /// How long was waited for it.
    waited: Duration,
    /// Since when is waited, by the clock, and until when.
    waits: Option<(Duration, Pin<Box<Sleep>>)>,
    /// Nothing of a file.
    charge: Option<Charge>,
    is_over: bool,
}

impl Arriving {
    pub(super) fn new(body: Body, first: First, pace: Pace, charge: Option<Charge>) -> Self {
        Self {
            body,
            first,
            pace,
            clock: Clock::start(),
            n_bytes: 0,
            waited: Duration::ZERO,
            waits: None,
            charge,
            is_over: false,
        }
    }

    /// Waits for more, as long as it may.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waits.is_none() {
            let left = self.pace.left(self.waited, self.n_bytes);
            self.waits = Some((self.clock.elapsed(), Box::pin(sleep(left))));
        }
        match &mut self.waits {
            Some((_, timer)) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Counts what came.
    fn took(&mut self, frame: &Frame<Bytes>) -> Result<(), Stop> {
        if let Some((since, _)) = self.waits.take() {
            self.waited += self.clock.elapsed().saturating_sub(since);
        }
        self.n_bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
        let is_end = self.body.is_end_stream();
        let Some(charge) = &mut self.charge else {
            return Ok(());
        };
        charge.count(self.n_bytes)?;
        if is_end { charge.work() } else { Ok(()) }
    }

    fn stop(&mut self, stop: Stop) -> First {
        self.is_over = true;
        Poll::Ready(Some(Err(stop.error())))
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> First {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        let came = match std::mem::replace(&mut this.first, Poll::Pending) {
            Poll::Pending => Pin::new(&mut this.body).poll_frame(cx),
            first @ Poll::Ready(_) => first,
        };
        match came {
            Poll::Pending => match this.wait(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => this.stop(Stop::Late),
            },
            Poll::Ready(Some(Ok(frame))) => match this.took(&frame) {
                Ok(()) => Poll::Ready(Some(Ok(frame))),
                Err(stop) => this.stop(stop),
            },
            Poll::Ready(Some(Err(error))) => {
                this.is_over = true;
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => match this.charge.as_mut().map_or(Ok(()), Charge::work) {
                Ok(()) => {
                    this.is_over = true;
                    Poll::Ready(None)
                }
                Err(stop) => this.stop(stop),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let Poll::Ready(Some(Ok(frame))) = &self.first {
            let n_first = frame.data_ref().map_or(0, Bytes::len) as u64;
            let upper = hint.upper().map(|upper| upper + n_first);
            hint.set_lower(hint.lower() + n_first);
            if let Some(upper) = upper {
                hint.set_upper(upper);
            }
        }
        hint
    }
}

#[cfg(test)]
mod tests;
