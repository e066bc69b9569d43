//! Ranks that MPI has started: frames as messages between two of them.
//!
//! The library is opened when the program runs, so nothing of MPI is needed to build it. Only messages between two ranks
//! are asked of it: sums are taken here, in an order that is defined, and a rank that does not answer is noticed, where
//! MPI's own collective calls would wait for ever.

mod abi;
mod library;

pub(crate) use library::{Messages, MpiError, open};

use crate::link::{Call, Frame, HEAD_BYTES, Link};
use automl_core::{CollectiveError, Deadline};
use library::Request;
use std::time::Duration;

/// A message of MPI has at most so many bytes; longer frames are several.
const MESSAGE_BYTES: usize = 1 << 30;
/// Looks for what has arrived before a core is given to others, and pauses after that: a wait of many seconds shall not
/// take what another rank on the machine could use.
const BUSY_LOOKS: usize = 200;
const YIELDS: usize = 20_000;
const PAUSE: Duration = Duration::from_micros(50);

pub(crate) struct Mpi {
    messages: Box<dyn Messages>,
    name: String,
    timeout: Duration,
    /// What is on its way: MPI reads the bytes until the request is done.
    pending: Vec<(usize, Box<dyn Request>)>,
}

impl Mpi {
    pub(crate) fn new(messages: Box<dyn Messages>, timeout: Duration) -> Self {
        Self {
            name: format!("MPI ({})", messages.version()),
            messages,
            timeout,
            pending: Vec::new(),
        }
    }

    /// Waits for a request with `other`, while those that are on their way move on.
    fn wait(
        &mut self,
        other: usize,
        mut request: Box<dyn Request>,
    ) -> Result<Vec<u8>, CollectiveError> {
        let deadline = Deadline::after(self.timeout);
        for n_looks in 0_usize.. {
            if request.is_done().map_err(|error| failed(&error))? {
                break;
            }
            self.look()?;
            if n_looks > BUSY_LOOKS {
                if deadline.has_passed() {
                    return Err(CollectiveError::Timeout {
                        rank: other,
                        waited_s: self.timeout.as_secs(),
                    });
                }
                if n_looks > YIELDS {
                    std::thread::sleep(PAUSE);
                } else {
                    std::thread::yield_now();
                }
            }
        }
        Ok(request.into_bytes())
    }

    /// Drops what has been sent.
    fn look(&mut self) -> Result<(), CollectiveError> {
        let mut at = 0;
        while at < self.pending.len() {
            if self.pending[at]
                .1
                .is_done()
                .map_err(|error| failed(&error))?
            {
                self.pending.swap_remove(at);
            } else {
                at += 1;
            }
        }
        Ok(())
    }

    fn receive_bytes(&mut self, from: usize, n_bytes: usize) -> Result<Vec<u8>, CollectiveError> {
        let request = self
            .messages
            .receive(from, n_bytes)
            .map_err(|error| failed(&error))?;
        self.wait(from, request)
    }
}

fn failed(error: &MpiError) -> CollectiveError {
    CollectiveError::Transport {
        call: "MPI",
        reason: error.to_string(),
    }
}

impl Link for Mpi {
    fn rank(&self) -> usize {
        self.messages.rank()
    }

    fn size(&self) -> usize {
        self.messages.size()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn send(&mut self, to: usize, frame: Frame) -> Result<(), CollectiveError> {
        let head = frame.head().to_vec();
        let mut post = |bytes: Vec<u8>| {
            let request = self
                .messages
                .send(to, bytes)
                .map_err(|error| failed(&error))?;
            self.pending.push((to, request));
            Ok(())
        };
        post(head)?;
        if frame.bytes.len() <= MESSAGE_BYTES {
            return if frame.bytes.is_empty() {
                Ok(())
            } else {
                post(frame.bytes)
            };
        }
        for bytes in frame.bytes.chunks(MESSAGE_BYTES) {
            post(bytes.to_vec())?;
        }
        Ok(())
    }

    fn receive(&mut self, from: usize) -> Result<Frame, CollectiveError> {
        let head = self.receive_bytes(from, HEAD_BYTES)?;
        let head: [u8; HEAD_BYTES] = head.try_into().unwrap_or_default();
        let (mut frame, n_bytes) =
            Frame::from_head(&head).ok_or_else(|| CollectiveError::Call {
                rank: from,
                found: "a message of something else".to_owned(),
                expected: "a call".to_owned(),
            })?;
        let mut n_left = n_bytes as usize;
        while n_left > 0 {
            let n_now = n_left.min(MESSAGE_BYTES);
            let bytes = self.receive_bytes(from, n_now)?;
            if frame.bytes.is_empty() {
                frame.bytes = bytes;
            } else {
                frame.bytes.extend(bytes);
            }
            n_left -= n_now;
        }
        Ok(frame)
    }

    fn settle(&mut self) -> Result<(), CollectiveError> {
        while let Some((to, request)) = self.pending.pop() {
            self.wait(to, request)?;
        }
        Ok(())
    }

    fn abort(&mut self, error: &CollectiveError) {
        // First of all: with messages on their way, MPI must not be ended in good order any more.
        self.messages.set_failed();
        let frame = Frame::abort(self.rank(), error);
        let own = self.rank();
        for rank in (0..self.size()).filter(|&rank| rank != own) {
            let frame = Frame {
                call: Call::Abort,
                number: 0,
                bytes: frame.bytes.clone(),
            };
            // A rank that is gone need not be told; the others must.
            drop(self.send(rank, frame));
        }
        // Short messages leave at once; what does not is lost with this process, which ends.
        drop(self.look());
    }
}
