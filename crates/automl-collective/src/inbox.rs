//! Frames that have arrived at a rank, and which of the others are still there.

use crate::link::{Call, Frame};
use automl_core::{CollectiveError, Deadline};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where others leave their frames and a rank waits for them.
#[derive(Debug)]
pub(crate) struct Inbox {
    arrived: Mutex<Arrived>,
    bell: Condvar,
}

#[derive(Debug)]
struct Arrived {
    /// One a rank.
    queues: Vec<VecDeque<Frame>>,
    /// Ranks that have ended, as they should.
    has_ended: Vec<bool>,
    /// The first failure of any rank: it ends every wait.
    failure: Option<CollectiveError>,
}

impl Inbox {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            arrived: Mutex::new(Arrived {
                queues: (0..size).map(|_| VecDeque::new()).collect(),
                has_ended: vec![false; size],
                failure: None,
            }),
            bell: Condvar::new(),
        }
    }

    /// A rank that panicked within these few lines leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a frame in.
    pub(crate) fn put(&self, from: usize, frame: Frame) {
        let mut arrived = self.lock();
        match frame.call {
            Call::Bye => arrived.has_ended[from] = true,
            Call::Abort => {
                let told = frame.told(from);
                arrived.failure.get_or_insert(told);
            }
            _ => arrived.queues[from].push_back(frame),
        }
        self.bell.notify_all();
    }

    /// Ends every wait with this error. A rank that has said that it ends does not fail by being gone.
    pub(crate) fn fail(&self, from: usize, error: CollectiveError) {
        let mut arrived = self.lock();
        if !arrived.has_ended[from] {
            arrived.failure.get_or_insert(error);
        }
        self.bell.notify_all();
    }

    /// The first failure of any rank, waited for at most so long.
    pub(crate) fn failure(&self, timeout: Duration) -> Option<CollectiveError> {
        let is_well = |arrived: &mut Arrived| arrived.failure.is_none();
        let (arrived, _) = self
            .bell
            .wait_timeout_while(self.lock(), timeout, is_well)
            .unwrap_or_else(PoisonError::into_inner);
        arrived.failure.clone()
    }

    /// The next frame of a rank, waited for at most so long.
    pub(crate) fn take(&self, from: usize, timeout: Duration) -> Result<Frame, CollectiveError> {
        let deadline = Deadline::after(timeout);
        let mut arrived = self.lock();
        loop {
            if let Some(frame) = arrived.queues[from].pop_front() {
                return Ok(frame);
            }
            if let Some(failure) = &arrived.failure {
                return Err(failure.clone());
            }
            if arrived.has_ended[from] {
                return Err(CollectiveError::Gone {
                    rank: from,
                    reason: "it has ended its part".to_owned(),
                });
            }
            let left = deadline.remaining().unwrap_or(timeout);
            if left.is_zero() {
                return Err(CollectiveError::Timeout {
                    rank: from,
                    waited_s: timeout.as_secs(),
                });
            }
            arrived = self
                .bell
                .wait_timeout(arrived, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}
