//! Ranks that are threads of one process: a frame is put into the inbox of the other.

use crate::inbox::Inbox;
use crate::link::{Call, Frame, Link};
use crate::ranks::Ranks;
use automl_core::CollectiveError;
use std::sync::Arc;
use std::time::Duration;

/// So many ranks, one for each thread that shall be one, in their order. A rank that is dropped has ended; one that is
/// dropped while its thread panics has failed, and the others are told.
pub fn threads(size: usize, timeout: Duration) -> Vec<Ranks> {
    let inboxes: Arc<[Inbox]> = (0..size).map(|_| Inbox::new(size)).collect();
    (0..size)
        .map(|rank| {
            Ranks::new(Box::new(Local {
                rank,
                inboxes: inboxes.clone(),
                timeout,
            }))
        })
        .collect()
}

struct Local {
    rank: usize,
    inboxes: Arc<[Inbox]>,
    timeout: Duration,
}

impl Local {
    fn tell_all(&self, frame: impl Fn() -> Frame) {
        for (rank, inbox) in self.inboxes.iter().enumerate() {
            if rank != self.rank {
                inbox.put(self.rank, frame());
            }
        }
    }
}

impl Link for Local {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.inboxes.len()
    }

    fn name(&self) -> &'static str {
        "threads"
    }

    fn send(&mut self, to: usize, frame: Frame) -> Result<(), CollectiveError> {
        self.inboxes[to].put(self.rank, frame);
        Ok(())
    }

    fn receive(&mut self, from: usize) -> Result<Frame, CollectiveError> {
        self.inboxes[self.rank].take(from, self.timeout)
    }

    fn abort(&mut self, error: &CollectiveError) {
        self.tell_all(|| Frame::abort(self.rank, error));
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = CollectiveError::Gone {
                rank: self.rank,
                reason: "its thread panicked".to_owned(),
            };
            self.tell_all(|| Frame::abort(self.rank, &error));
        } else {
            self.tell_all(|| Frame {
                call: Call::Bye,
                number: 0,
                bytes: Vec::new(),
            });
        }
    }
}
