//! Bounds the memory that bodies of all requests take together, with what is made of them.
//!
//! A body that is read whole is charged several times its bytes: rows of it become cells, and cells an answer. What is
//! small is not counted, for the number of requests at once bounds it. What an answer takes is given back when it is sent
//! ([`super::sending`]), not when it is made.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one of a body may become.
const FACTOR: u64 = 8;
/// Bytes of a body that is not counted: all requests at once with such bodies take less than 200 MB.
pub(super) const SMALL: u64 = 16 << 10;
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

    /// Takes what so many more bytes of a body need.
    pub(super) fn add(&self, n_bytes: u64) -> Result<(), NoRoom> {
        let permit = self.memory.take(n_bytes.saturating_mul(FACTOR))?;
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *all {
            Some(before) => before.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }

    /// All that was taken, if nobody else has it.
    fn leave(&self) -> Option<OwnedSemaphorePermit> {
        if Arc::strong_count(&self.taken) > 1 {
            return None;
        }
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        all.take()
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

    /// What a request holds that has taken nothing yet.
    pub(super) fn held(&self) -> Held {
        Held {
            memory: self.clone(),
            taken: Arc::default(),
        }
    }

    /// What an answer of so many bytes takes until it is sent, of what its request held first, unless work goes on with that; the
    /// rest is given back. One that is larger than all that there is takes all.
    pub(super) fn exchange(
        &self,
        held: Option<&Held>,
        n_bytes: u64,
    ) -> Result<OwnedSemaphorePermit, NoRoom> {
        let n_units = usize::try_from(n_bytes.div_ceil(UNIT)).unwrap_or(usize::MAX);
        let n_units = n_units.min(self.n_units).min(u32::MAX as usize);
        let more = |n_units: usize| {
            let taken = Arc::clone(&self.room).try_acquire_many_owned(n_units as u32);
            taken.map_err(|_none| NoRoom::Now)
        };
        let Some(mut before) = held.and_then(Held::leave) else {
            return more(n_units);
        };
        let n_before = before.num_permits();
        if n_before < n_units {
            before.merge(more(n_units - n_before)?);
        } else {
            drop(before.split(n_before - n_units));
        }
        Ok(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back_with_the_last_clone() {
        let memory = Memory::new(1 << 20);
        assert_eq!(memory.longest(), 128 << 10);
        let held = memory.held();
        held.add(60 << 10).unwrap();
        held.add(40 << 10).unwrap();
        let other = held.clone();
        drop(held);
        assert_eq!(memory.room.available_permits(), 1024 - 800);
        assert_eq!(other.add(100 << 10), Err(NoRoom::Now));
        drop(other);
        assert_eq!(memory.room.available_permits(), 1024);
    }

    #[test]
    fn what_a_body_becomes_beyond_its_count_is_taken_until_it_goes() {
        let memory = Memory::new(1 << 20);
        let room = memory.held().room();
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

    #[test]
    fn an_answer_takes_its_bytes_and_what_its_request_held_goes() {
        let memory = Memory::new(1 << 20);
        let held = memory.held();
        held.add(100 << 10).unwrap();
        let smaller = memory.exchange(Some(&held), 50 << 10).unwrap();
        assert_eq!(memory.room.available_permits(), 1024 - 50);
        held.add(10 << 10).unwrap();
        let larger = memory.exchange(Some(&held), 100 << 10).unwrap();
        assert_eq!(memory.room.available_permits(), 1024 - 150);
        assert_eq!(
            memory.exchange(None, 900 << 10).err(),
            Some(NoRoom::Now),
            "others take it"
        );
        held.add(10 << 10).unwrap();
        let working = held.clone();
        let late = memory.exchange(Some(&held), 1 << 10).unwrap();
        assert_eq!(
            memory.room.available_permits(),
            1024 - 150 - 80 - 1,
            "work that nobody waits for goes on"
        );
        drop((smaller, larger, working, held, late));
        let all = memory.exchange(None, 10 << 20).unwrap();
        assert_eq!(memory.room.available_permits(), 0, "it takes all");
        drop(all);
        assert_eq!(memory.room.available_permits(), 1024);
    }
}
