//! Keeps a sample of requests with their answers, and what turned out to be true, as files of the workspace.
//!
//! A request that is sampled hands over its body and its answer, and waits for nothing: if what is waiting has no room it is
//! counted as dropped. A thread reads the body once more, with the words that came instead of the codes of the model, and adds
//! a line a row to files, which it brings to the disk every second; another makes Parquet of those that are full or old. So a
//! killed process loses the last second at most.

mod feedback;
mod files;
mod rows;
mod rule;
mod seen;
mod truth;

pub(super) use feedback::{feedback, read as read_feedback};
pub use files::keep_truths;
pub(crate) use rule::Rule;
pub use truth::{Truth, TruthError, check as check_truth, same_row};

use super::batch::{Batch, Predicted};
use super::cache::Warm;
use super::error::ScoreError;
use super::live::Slot;
use super::model::LoadedModel;
use super::numbers::Numbers;
use automl_store::captures::{Captures, Retention};
use seen::Seen;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Requests that may wait to be written, and their bytes.
const WAITING_MAX: usize = 1024;
const WAITING_BYTES_MAX: u64 = 64 << 20;

/// When lines become files, and how long those stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keeping {
    lines_bytes_max: u64,
    lines_age_us_max: i64,
    retention: Retention,
}

impl Keeping {
    /// Files of 5 minutes or 64 MiB of lines.
    pub(crate) fn files(retention: Retention) -> Self {
        Self {
            lines_bytes_max: 64 << 20,
            lines_age_us_max: 300_000_000,
            retention,
        }
    }
}

/// A request whose rows and answers are kept.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) rule: Arc<Rule>,
    pub(crate) request_id: Arc<str>,
    /// When it was answered, in microseconds since 1970.
    pub(crate) at_us: i64,
    /// Bytes of its body.
    pub(crate) n_bytes: usize,
}

/// Reads the rows of a request once more.
pub(crate) type ReadAgain = Box<dyn FnOnce(&LoadedModel) -> Result<Batch, ScoreError> + Send>;

/// What a deployment said to a request.
pub(crate) struct Kept {
    pub(crate) sample: Sample,
    pub(crate) endpoint: String,
    pub(crate) slot: Arc<Slot>,
    pub(crate) warm: Arc<Warm>,
    pub(crate) read: ReadAgain,
    pub(crate) predicted: Predicted,
    /// Of a deployment in the shadow, whether it says of each row what was answered.
    pub(crate) agrees: Option<Vec<bool>>,
}

enum Item {
    Kept(Box<Kept>),
    Truths {
        endpoint: String,
        at_us: i64,
        truths: Vec<Truth>,
    },
    /// Told once all before it is a file.
    #[cfg(test)]
    Mark(std::sync::mpsc::Sender<()>),
    /// Holds the thread up, once it has taken a first word, until it is told to go on.
    #[cfg(test)]
    Wait(Receiver<()>),
}

/// Takes what is to be kept. Clones are the same.
#[derive(Clone)]
pub(crate) struct Captor(Arc<Inner>);

struct Inner {
    /// None once the threads are told to end.
    items: Mutex<Option<SyncSender<(Item, u64)>>>,
    /// Bytes that wait.
    n_waiting: Arc<AtomicU64>,
    /// Ids of requests that were taken.
    seen: Mutex<Seen>,
    /// Rows whose truths were taken.
    told: Mutex<Seen>,
    numbers: Numbers,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Captor {
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn start(
        captures: Captures,
        numbers: Numbers,
        keeping: Keeping,
    ) -> std::io::Result<Self> {
        let (items, waiting) = sync_channel(WAITING_MAX);
        let n_waiting = Arc::new(AtomicU64::new(0));
        let (left, counted) = (Arc::clone(&n_waiting), numbers.clone());
        let thread = thread::Builder::new().name("capture".into());
        let waiting = Waiting { waiting, left };
        let thread =
            thread.spawn(move || files::write_all(captures, &waiting, &counted, keeping))?;
        Ok(Self(Arc::new(Inner {
            items: Mutex::new(Some(items)),
            n_waiting,
            seen: Mutex::default(),
            told: Mutex::default(),
            numbers,
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Takes an answer, if there is room.
    pub(crate) fn keep(&self, kept: Kept) {
        let n_answer = size_of_val(kept.predicted.predictions.values());
        let n_bytes = (kept.sample.n_bytes + n_answer) as u64;
        let (endpoint, id) = (kept.endpoint.clone(), Arc::clone(&kept.sample.request_id));
        let n_rows = kept.predicted.predictions.n_rows() as u32;
        if self.send(Item::Kept(Box::new(kept)), n_bytes) {
            self.seen().note(&endpoint, &id, n_rows);
        } else {
            self.0.numbers.captured(&endpoint, "dropped", 1);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ids among those of truths of which no request was kept lately, once each.
    ///
    /// # Errors
    /// A truth, by its place, is of a row that its request did not have.
    fn unseen(&self, endpoint: &str, truths: &[Truth]) -> Result<Vec<String>, (usize, TruthError)> {
        let seen = self.seen();
        let mut unseen = BTreeSet::new();
        for (place, truth) in truths.iter().enumerate() {
            match seen.n_rows(endpoint, &truth.request_id) {
                None => {
                    unseen.insert(truth.request_id.as_str());
                }
                Some(n_rows) => truth.check_row(n_rows).map_err(|odd| (place, odd))?,
            }
        }
        Ok(unseen.into_iter().map(str::to_owned).collect())
    }

    /// Takes truths; says whether there was room.
    ///
    /// # Errors
    /// A truth, by its place, is of a row that has one already: one of the last that were taken.
    fn keep_truths(
        &self,
        endpoint: &str,
        at_us: i64,
        truths: Vec<Truth>,
    ) -> Result<bool, (usize, TruthError)> {
        let keys: Vec<String> = truths.iter().map(Truth::key).collect();
        // Held until they are taken: two calls with the same truths come at once, too.
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let twice = keys
            .iter()
            .position(|key| told.n_rows(endpoint, key).is_some());
        if let Some(place) = twice {
            return Err((place, truths[place].again()));
        }
        let n_bytes = truths
            .iter()
            .map(|one| size_of::<Truth>() + one.request_id.len() + one.truth.len());
        let n_bytes = n_bytes.sum::<usize>() as u64;
        let item = Item::Truths {
            endpoint: endpoint.to_owned(),
            at_us,
            truths,
        };
        let is_taken = self.send(item, n_bytes);
        if is_taken {
            for key in &keys {
                told.note(endpoint, key, 1);
            }
        }
        Ok(is_taken)
    }

    fn send(&self, item: Item, n_bytes: u64) -> bool {
        let waiting = &self.0.n_waiting;
        if waiting.fetch_add(n_bytes, Ordering::Relaxed) + n_bytes > WAITING_BYTES_MAX {
            waiting.fetch_sub(n_bytes, Ordering::Relaxed);
            return false;
        }
        let items = self.0.items.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = items.as_ref().map(|items| items.try_send((item, n_bytes)));
        drop(items);
        match sent {
            Some(Ok(())) => true,
            None | Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) => {
                waiting.fetch_sub(n_bytes, Ordering::Relaxed);
                false
            }
        }
    }

    /// Holds the thread up until what is given is used or dropped; nothing waits for the thread then but what comes after.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> SyncSender<()> {
        let (go, waits) = sync_channel(0);
        assert!(self.send(Item::Wait(waits), 0));
        // Without room of its own, the channel takes this when the thread does.
        go.send(()).unwrap();
        go
    }

    /// Waits until all that was taken is in files; first for room, which a mark needs as requests do.
    #[cfg(test)]
    pub(crate) fn flush(&self) {
        let (told, done) = std::sync::mpsc::channel();
        while !self.send(Item::Mark(told.clone()), 0) {
            thread::yield_now();
        }
        drop(told);
        done.recv().unwrap();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let items = self.items.get_mut();
        items.unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.get_mut();
        if let Some(thread) = thread.unwrap_or_else(PoisonError::into_inner).take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that keeps requests ended by a panic");
        }
    }
}

/// What the thread takes from.
struct Waiting {
    waiting: Receiver<(Item, u64)>,
    left: Arc<AtomicU64>,
}
