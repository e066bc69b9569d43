//! What is counted of a deployment: how its requests ended, and what their phases took.

use super::timing::{Seen, Timing};
use prometheus_client::metrics::counter::Counter;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// The phases of a request, in the order in which they come.
pub(crate) const PHASES: [&str; 5] = ["read", "queue", "predict", "explain", "write"];

/// Why requests were not answered, by the names of Triton: there was no time or room, whoever asked went away, the model failed,
/// all else.
pub(crate) const REASONS: [&str; 4] = ["REJECTED", "CANCELED", "BACKEND", "OTHER"];

/// A place of [`REASONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Rejected,
    Canceled,
    Backend,
    Other,
}

/// What the phases of a request took; writing its answer takes the rest.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) read: Duration,
    /// For the model: until it was in memory, and had time.
    pub(crate) queue: Duration,
    pub(crate) predict: Duration,
    /// None if it was not explained.
    pub(crate) explain: Option<Duration>,
}

impl Spent {
    pub(crate) fn sum(&self) -> Duration {
        self.read + self.queue + self.predict + self.explain.unwrap_or_default()
    }
}

/// What is counted of a deployment, without locks.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    rows: Counter,
    /// Of all requests that were taken, answered or not.
    whole: Timing,
    /// Of those that were answered.
    phases: [Timing; PHASES.len()],
    failures: [AtomicU64; REASONS.len()],
    executions: AtomicU64,
    pending: AtomicI64,
    /// When a request was last taken, in microseconds since 1970.
    last_us: AtomicI64,
}

impl Counts {
    pub(super) fn new(rows: Counter) -> Self {
        Self {
            rows,
            ..Self::default()
        }
    }

    /// That a request is taken now.
    pub(crate) fn taken(&self, now_us: i64) {
        self.last_us.store(now_us, Ordering::Relaxed);
    }

    /// That the model predicted so often.
    pub(crate) fn executed(&self, n_times: u64) {
        self.executions.fetch_add(n_times, Ordering::Relaxed);
    }

    /// That so many more requests wait for the model, or fewer.
    pub(crate) fn wait(&self, n_more: i64) {
        self.pending.fetch_add(n_more, Ordering::Relaxed);
    }

    /// That a request was answered.
    pub(crate) fn answered(&self, n_rows: usize, whole: Duration, spent: &Spent) {
        self.rows.inc_by(n_rows as u64);
        self.whole.observe(whole);
        let [read, queue, predict, explain, write] = &self.phases;
        read.observe(spent.read);
        queue.observe(spent.queue);
        predict.observe(spent.predict);
        if let Some(took) = spent.explain {
            explain.observe(took);
        }
        write.observe(whole.saturating_sub(spent.sum()));
    }

    /// That a request was not answered.
    pub(crate) fn failed(&self, reason: Reason) {
        self.failures[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The same of one that took so long.
    pub(crate) fn failed_after(&self, whole: Duration, reason: Reason) {
        self.whole.observe(whole);
        self.failed(reason);
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            rows: self.rows.get(),
            whole: self.whole.seen(),
            phases: std::array::from_fn(|place| self.phases[place].seen()),
            failures: std::array::from_fn(|place| self.failures[place].load(Ordering::Relaxed)),
            executions: self.executions.load(Ordering::Relaxed),
            pending: self.pending.load(Ordering::Relaxed),
            last_us: self.last_us.load(Ordering::Relaxed),
        }
    }
}

/// Counts a request whose asker went away, unless it is told that it ended.
pub(crate) struct Unended(Option<Arc<Counts>>);

impl Unended {
    pub(crate) fn of(counts: &Arc<Counts>) -> Self {
        Self(Some(Arc::clone(counts)))
    }

    pub(crate) fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Unended {
    fn drop(&mut self) {
        if let Some(counts) = self.0.take() {
            counts.failed(Reason::Canceled);
        }
    }
}

/// What was counted so far, to be added up and told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) whole: Seen,
    pub(crate) phases: [Seen; PHASES.len()],
    pub(crate) failures: [u64; REASONS.len()],
    pub(crate) executions: u64,
    pub(crate) pending: i64,
    /// None was taken if it is 0.
    pub(crate) last_us: i64,
}

impl Tally {
    /// Requests that were answered: writing is what all of them ended with.
    pub(crate) fn n_answered(&self) -> u64 {
        let [.., write] = &self.phases;
        write.count()
    }

    /// What answered requests took from their whole body to the answer.
    pub(crate) fn answered_ns(&self) -> u64 {
        self.phases.iter().map(|phase| phase.sum_ns).sum()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.whole += other.whole;
        for (own, others) in self.phases.iter_mut().zip(other.phases) {
            *own += others;
        }
        for (own, others) in self.failures.iter_mut().zip(other.failures) {
            *own += others;
        }
        self.executions += other.executions;
        self.pending += other.pending;
        self.last_us = self.last_us.max(other.last_us);
    }
}
