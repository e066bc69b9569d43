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

pub(super) use feedback::{feedback, read as read_feedback};
pub use files::keep_truths;
pub(crate) use rule::Rule;

use super::batch::{Batch, Predicted};
use super::cache::Warm;
use super::error::ScoreError;
use super::live::Slot;
use super::model::LoadedModel;
use super::numbers::Numbers;
use automl_store::captures::Captures;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Requests that may wait to be written, and their bytes.
const WAITING_MAX: usize = 1024;
const WAITING_BYTES_MAX: u64 = 64 << 20;

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
    /// Of a deployment in the shadow, what was answered instead.
    pub(crate) answered: Option<Predicted>,
}

/// What turned out to be true of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The id of the request that predicted it.
    pub request_id: String,
    /// Its place among the rows of that request, from 0.
    pub row: u32,
    /// What is true: a class, or a number as text.
    pub truth: String,
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
}

/// Takes what is to be kept. Clones are the same.
#[derive(Clone)]
pub(crate) struct Captor(Arc<Inner>);

struct Inner {
    /// None once the threads are told to end.
    items: Mutex<Option<SyncSender<(Item, u64)>>>,
    /// Bytes that wait.
    n_waiting: Arc<AtomicU64>,
    numbers: Numbers,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Captor {
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn start(captures: Captures, numbers: Numbers) -> std::io::Result<Self> {
        let (items, waiting) = sync_channel(WAITING_MAX);
        let n_waiting = Arc::new(AtomicU64::new(0));
        let (left, counted) = (Arc::clone(&n_waiting), numbers.clone());
        let thread = thread::Builder::new().name("capture".into());
        let thread = thread
            .spawn(move || files::write_all(captures, &Waiting { waiting, left }, &counted))?;
        Ok(Self(Arc::new(Inner {
            items: Mutex::new(Some(items)),
            n_waiting,
            numbers,
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Takes an answer, if there is room.
    pub(crate) fn keep(&self, kept: Kept) {
        let n_answer = size_of_val(kept.predicted.predictions.values());
        let n_bytes = (kept.sample.n_bytes + n_answer) as u64;
        let endpoint = kept.endpoint.clone();
        if !self.send(Item::Kept(Box::new(kept)), n_bytes) {
            self.0.numbers.captured(&endpoint, "dropped");
        }
    }

    /// Takes truths; says whether there was room.
    fn keep_truths(&self, endpoint: &str, at_us: i64, truths: Vec<Truth>) -> bool {
        let n_bytes = truths
            .iter()
            .map(|one| one.request_id.len() + one.truth.len());
        let n_bytes = n_bytes.sum::<usize>() as u64;
        let endpoint = endpoint.to_owned();
        let item = Item::Truths {
            endpoint,
            at_us,
            truths,
        };
        self.send(item, n_bytes)
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

    /// Waits until all that was taken is in files.
    #[cfg(test)]
    pub(crate) fn flush(&self) {
        let (told, done) = std::sync::mpsc::channel();
        assert!(self.send(Item::Mark(told), 0));
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
