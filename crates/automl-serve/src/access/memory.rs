//! Bounds the memory that bodies of all requests take together, with what is made of them.
//!
//! A body that is read whole is charged several times its bytes: rows of it become cells, and cells an answer. What is
//! small is not counted, for the number of requests at once bounds it.

use axum::body::{Body, HttpBody as _};
use futures_util::StreamExt as _;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Code, Status};

/// Bytes that one of a body may become.
const FACTOR: u64 = 8;
/// Bytes of a body that is not counted: all requests at once with such bodies take less than 200 MB.
const SMALL: u64 = 16 << 10;
/// Bytes that are counted as one.
const UNIT: u64 = 1 << 10;

/// What requests may take together.
#[derive(Clone)]
pub(crate) struct Memory {
    room: Arc<Semaphore>,
    n_units: usize,
}

/// What one request takes, until the last clone goes.
#[derive(Clone)]
pub(crate) struct Held {
    memory: Memory,
    taken: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

/// Where a request takes more from, beyond what its body was counted for; without bounds where requests have none.
#[derive(Clone, Default)]
pub(crate) struct Room(Option<Memory>);

/// What was taken beyond that, until it goes.
#[derive(Default)]
pub(crate) struct Extra {
    _taken: Option<OwnedSemaphorePermit>,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// Others take too much.
    Now,
    /// It would take more than all may.
    Ever,
}

impl Held {
    pub(crate) fn room(&self) -> Room {
        Room(Some(self.memory.clone()))
    }
}

impl Room {
    /// Takes what a body of so many bytes becomes beyond what it was counted for.
    pub(crate) fn take_beyond(&self, n_body: usize, n_bytes: u64) -> Result<Extra, NoRoom> {
        let counted = (n_body as u64).max(SMALL).saturating_mul(FACTOR);
        let Some(memory) = self.0.as_ref().filter(|_| n_bytes > counted) else {
            return Ok(Extra::default());
        };
        let taken = memory.take(n_bytes - counted)?;
        Ok(Extra {
            _taken: Some(taken),
        })
    }
}

impl Memory {
    /// So many bytes for all requests together.
    pub(crate) fn new(n_bytes: u64) -> Self {
        let n_units = usize::try_from(n_bytes / UNIT).unwrap_or(usize::MAX);
        let n_units = n_units.min(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(n_units)),
            n_units,
        }
    }

    /// The longest body for which there is room if there is no other.
    pub(super) fn longest(&self) -> u64 {
        (self.n_units as u64).saturating_mul(UNIT) / FACTOR
    }

    fn take(&self, n_bytes: u64) -> Result<OwnedSemaphorePermit, NoRoom> {
        let n_units = u32::try_from(n_bytes.div_ceil(UNIT)).map_err(|_beyond| NoRoom::Ever)?;
        if n_units as usize > self.n_units {
            return Err(NoRoom::Ever);
        }
        let taken = Arc::clone(&self.room).try_acquire_many_owned(n_units);
        taken.map_err(|_none| NoRoom::Now)
    }

    fn add(&self, held: &Held, n_bytes: u64) -> Result<(), NoRoom> {
        let permit = self.take(n_bytes.saturating_mul(FACTOR))?;
        let mut all = held.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *all {
            Some(before) => before.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }

    /// A body that takes what it needs as it comes, and breaks off when there is no more.
    pub(super) fn hold_as_it_comes(&self, body: Body) -> (Body, Held) {
        let memory = self.clone();
        let held = Held {
            memory: self.clone(),
            taken: Arc::default(),
        };
        // Nothing is counted of what is known to be small.
        if body
            .size_hint()
            .exact()
            .is_some_and(|n_bytes| n_bytes <= SMALL)
        {
            return (body, held);
        }
        let own = held.clone();
        let (mut n_bytes, mut n_held) = (0_u64, 0_u64);
        let chunks = body.into_data_stream().map(move |chunk| {
            let chunk = chunk?;
            n_bytes += chunk.len() as u64;
            if n_bytes > SMALL {
                let added = memory.add(&own, n_bytes - n_held);
                added.map_err(|_no_room| axum::Error::new(full()))?;
                n_held = n_bytes;
            }
            Ok::<_, axum::Error>(chunk)
        });
        (Body::from_stream(chunks), held)
    }
}

/// The error of a body for which there is no room, which gRPC tells as it is.
fn full() -> Status {
    Status::resource_exhausted("requests that are being answered take all the memory that they may")
}

/// Whether a body broke off because there was no room for it.
pub(crate) fn is_full(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(status) = error.downcast_ref::<Status>() {
            return status.code() == Code::ResourceExhausted;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use futures_util::stream;
    use http_body_util::BodyExt;

    fn body(n_chunks: usize) -> Body {
        let chunk = || Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; 10 << 10]));
        Body::from_stream(stream::iter((0..n_chunks).map(move |_| chunk())))
    }

    #[tokio::test]
    async fn what_is_held_is_given_back_with_the_last_clone() {
        let memory = Memory::new(1 << 20);
        assert_eq!(memory.longest(), 128 << 10);
        let (small, _held) = memory.hold_as_it_comes(body(1));
        small.collect().await.unwrap();
        assert_eq!(
            memory.room.available_permits(),
            1024,
            "what is small is not counted"
        );
        let (whole, held) = memory.hold_as_it_comes(body(10));
        whole.collect().await.unwrap();
        let other = held.clone();
        drop(held);
        assert_eq!(memory.room.available_permits(), 1024 - 800);
        drop(other);
        assert_eq!(memory.room.available_permits(), 1024);
    }

    #[tokio::test]
    async fn what_a_body_becomes_beyond_its_count_is_taken_until_it_goes() {
        let memory = Memory::new(1 << 20);
        let (_body, held) = memory.hold_as_it_comes(body(1));
        let room = held.room();
        let take = |n_bytes| room.take_beyond(10 << 10, n_bytes);
        let counted = SMALL * FACTOR;
        drop(take(counted).unwrap());
        assert_eq!(memory.room.available_permits(), 1024);
        let extra = take(counted + (1000 << 10)).unwrap();
        assert_eq!(memory.room.available_permits(), 24);
        assert_eq!(take(counted + (25 << 10)).err(), Some(NoRoom::Now));
        drop(extra);
        assert_eq!(memory.room.available_permits(), 1024);
        for n_bytes in [counted + (1 << 20) + 1, u64::MAX] {
            assert_eq!(take(n_bytes).err(), Some(NoRoom::Ever));
        }
        assert!(Room::default().take_beyond(0, u64::MAX).is_ok());
    }

    #[tokio::test]
    async fn a_body_is_counted_as_it_comes() {
        let memory = Memory::new(1 << 20);
        let (whole, held) = memory.hold_as_it_comes(body(10));
        assert_eq!(whole.collect().await.unwrap().to_bytes().len(), 100 << 10);
        assert_eq!(memory.room.available_permits(), 1024 - 800);
        let (broken, _rest) = memory.hold_as_it_comes(body(10));
        let error = broken.collect().await.unwrap_err();
        assert!(is_full(&error), "{error}");
        drop(held);
    }
}
