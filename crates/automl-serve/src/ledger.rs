//! Writes what was done: the audit log, and the bytes that tokens moved.
//!
//! Requests hand over lines and go on; one thread gathers them and writes all of a tenth of a second in one transaction.

use crate::access::Usage;
use automl_core::Clock;
use automl_store::access::audit::{self, Entry};
use automl_store::access::tokens;
use automl_store::db::{Database, DbError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines that wait; with the database away for half a minute, more than it would take.
const WAITING_MAX: usize = 50_000;
/// Lines of a transaction.
const BATCH_MAX: usize = 2000;
/// Over which time lines are gathered.
const GATHER: Duration = Duration::from_millis(100);
/// Between tries when the database is away or full.
const PAUSE: Duration = Duration::from_secs(1);

enum Line {
    Done(Box<Entry>),
    Moved {
        prefix: String,
        day: i64,
        n_bytes: u64,
    },
    /// Answered once all before it is written.
    Mark(tokio::sync::oneshot::Sender<()>),
}

/// The way to the thread that writes. Clones share it; the last one waits until all is written.
#[derive(Clone)]
pub(crate) struct Ledger(Arc<Inner>);

struct Inner {
    lines: Mutex<Option<SyncSender<Line>>>,
    lost: AtomicU64,
    left_out: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub(crate) fn start(db: Database) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let builder = std::thread::Builder::new().name("ledger".into());
        let thread = builder.spawn(move || write_all(&db, &receiver))?;
        Ok(Self(Arc::new(Inner {
            lines: Mutex::new(Some(sender)),
            lost: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            thread: Mutex::new(Some(thread)),
        })))
    }

    fn send(&self, line: Line) {
        let lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = lines.as_ref() else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = lines.try_send(line)
            && self.0.lost.fetch_add(1, Ordering::Relaxed) == 0
        {
            tracing::error!(
                "the audit log cannot be written as fast as requests come; lines are lost"
            );
        }
    }

    /// Hands over a line of the audit log.
    pub(crate) fn write(&self, entry: Entry) {
        self.send(Line::Done(Box::new(entry)));
    }

    /// Counts a line that is not to be written.
    pub(crate) fn leave_out(&self) {
        self.0.left_out.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until all that was handed over is written.
    pub(crate) async fn flush(&self) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.send(Line::Mark(sender));
        // A mark that got lost is dropped, which ends the wait as well.
        drop(receiver.await);
    }

    /// Lines that were lost, and that were left out, since the start.
    pub(crate) fn missing(&self) -> (u64, u64) {
        let [lost, left_out] = [&self.0.lost, &self.0.left_out];
        (
            lost.load(Ordering::Relaxed),
            left_out.load(Ordering::Relaxed),
        )
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.lines
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A thread that panicked has said so already.
            drop(thread.join());
        }
    }
}

fn write_all(db: &Database, lines: &Receiver<Line>) {
    while let Ok(first) = lines.recv() {
        let clock = Clock::start();
        let mut batch = Batch::default();
        batch.add(first);
        let mut is_open = true;
        while batch.marks.is_empty() && batch.len() < BATCH_MAX {
            match lines.recv_timeout(GATHER.saturating_sub(clock.elapsed())) {
                Ok(line) => batch.add(line),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    is_open = false;
                    break;
                }
            }
        }
        batch.write(db, is_open);
    }
}

#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    moved: Vec<(String, i64, i64)>,
    marks: Vec<tokio::sync::oneshot::Sender<()>>,
}

impl Batch {
    fn add(&mut self, line: Line) {
        match line {
            Line::Done(entry) => self.entries.push(*entry),
            Line::Moved {
                prefix,
                day,
                n_bytes,
            } => self.moved.push((prefix, day, n_bytes as i64)),
            Line::Mark(mark) => self.marks.push(mark),
        }
    }

    fn len(&self) -> usize {
        self.entries.len() + self.moved.len()
    }

    /// Writes all; goes on trying while the server runs.
    fn write(self, db: &Database, is_open: bool) {
        let (entries, moved) = (Arc::new(self.entries), Arc::new(self.moved));
        while !(entries.is_empty() && moved.is_empty()) {
            let lines = (Arc::clone(&entries), Arc::clone(&moved));
            let (entries, moved) = (Arc::clone(&entries), Arc::clone(&moved));
            let outcome = db.write(move |sql| {
                audit::append(sql, &entries)?;
                for (prefix, day, n_bytes) in moved.iter() {
                    tokens::add_used(sql, prefix, *day, *n_bytes)?;
                }
                Ok::<_, DbError>(())
            });
            match outcome.wait() {
                Ok(()) => break,
                Err(error @ (DbError::Away { .. } | DbError::Full)) if is_open => {
                    tracing::error!(%error, "the audit log cannot be written; trying again");
                    std::thread::sleep(PAUSE);
                }
                Err(error) if is_open && !matches!(error, DbError::Closed) => {
                    tracing::error!(%error, "the audit log refuses some lines; writing them one by one");
                    one_by_one(db, &lines.0, &lines.1);
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, "the end of the audit log is lost");
                    break;
                }
            }
        }
        for mark in self.marks {
            // Whoever waited may have gone away.
            mark.send(()).ok();
        }
    }
}

/// Writes what can be written of lines among which the database refuses some.
fn one_by_one(db: &Database, entries: &[Entry], moved: &[(String, i64, i64)]) {
    for entry in entries.iter().cloned() {
        let request_id = entry.request_id.clone();
        let written = db.write(move |sql| audit::append(sql, &[entry]));
        if let Err(error) = written.wait() {
            tracing::error!(%error, request_id, "a line of the audit log is lost");
        }
    }
    for (prefix, day, n_bytes) in moved.iter().cloned() {
        let written = db.write(move |sql| tokens::add_used(sql, &prefix, day, n_bytes));
        if let Err(error) = written.wait() {
            tracing::error!(%error, "bytes that a token moved are not counted");
        }
    }
}

/// Counts what one body moves, and tells the ledger at its end.
pub(crate) struct Moved {
    usage: Arc<Usage>,
    ledger: Ledger,
    n_bytes: u64,
}

impl Moved {
    pub(crate) fn new(usage: Arc<Usage>, ledger: Ledger) -> Self {
        Self {
            usage,
            ledger,
            n_bytes: 0,
        }
    }

    /// Counts bytes, and says whether the quota holds.
    pub(crate) fn add(&mut self, n_bytes: u64) -> bool {
        self.n_bytes += n_bytes;
        self.usage.add(n_bytes, Clock::unix_micros())
    }
}

impl Drop for Moved {
    fn drop(&mut self) {
        if self.n_bytes > 0 {
            self.ledger.send(Line::Moved {
                prefix: self.usage.prefix().to_owned(),
                day: Usage::day_of(Clock::unix_micros()),
                n_bytes: self.n_bytes,
            });
        }
    }
}
