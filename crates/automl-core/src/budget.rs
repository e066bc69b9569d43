//! Limits on a piece of work: time, memory, and the wish to stop.

#[cfg(test)]
mod tests;

use crate::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A moment after which work should wind up.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    clock: Clock,
    limit: Option<Duration>,
}

impl Deadline {
    /// No limit.
    pub fn never() -> Self {
        Self {
            clock: Clock::start(),
            limit: None,
        }
    }

    /// A limit that far from now.
    pub fn after(limit: Duration) -> Self {
        Self {
            clock: Clock::start(),
            limit: Some(limit),
        }
    }

    /// The limit, counted on `clock` from its start.
    pub fn on(clock: Clock, limit: Duration) -> Self {
        Self {
            clock,
            limit: Some(limit),
        }
    }

    /// Time left: zero when it has passed, `None` when there is no limit.
    pub fn remaining(&self) -> Option<Duration> {
        self.limit
            .map(|limit| limit.saturating_sub(self.clock.elapsed()))
    }

    /// Whether it has passed.
    pub fn has_passed(&self) -> bool {
        self.remaining().is_some_and(|left| left.is_zero())
    }

    /// The earlier of this deadline and one that far from now.
    pub fn capped(&self, limit: Duration) -> Self {
        match self.remaining() {
            Some(left) if left <= limit => *self,
            _ => Self::after(limit),
        }
    }
}

/// A flag that anyone may raise to stop the work; clones share it.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Raises the flag.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the flag is up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many bytes the work may hold at once, beside the data it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimit(pub Option<u64>);

impl MemoryLimit {
    /// Whether so many bytes are within the limit.
    pub fn allows(self, n_bytes: u64) -> bool {
        self.0.is_none_or(|limit| n_bytes <= limit)
    }
}

/// All limits of one piece of work.
#[derive(Debug, Clone)]
pub struct Budget {
    /// When to wind up.
    pub deadline: Deadline,
    /// How much memory to use.
    pub memory: MemoryLimit,
    /// Raised by Ctrl-C and the like.
    pub cancel: CancelToken,
}

impl Budget {
    /// No limits.
    pub fn unlimited() -> Self {
        Self {
            deadline: Deadline::never(),
            memory: MemoryLimit(None),
            cancel: CancelToken::default(),
        }
    }

    /// Whether the work should wind up now: the deadline has passed or someone asked.
    pub fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.deadline.has_passed()
    }
}
