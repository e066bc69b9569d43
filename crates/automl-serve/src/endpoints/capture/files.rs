//! The threads that write what is kept.

#[cfg(test)]
mod tests;

use super::super::error::ScoreError;
use super::super::numbers::Numbers;
use super::rows::{answer_head, answer_lines, truth_head, truth_line};
use super::{Item, Keeping, Kept, Truth, Waiting};
use automl_core::Clock;
use automl_store::captures::{CaptureError, Captures, Lines, Retention};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Between two times that all is brought to the disk; a killed process loses no more than this.
const SYNC: Duration = Duration::from_millis(500);
/// Between two times that old files are looked for, and lines that the disk would not take or give are tried again.
const TIDY: Duration = Duration::from_mins(1);
/// What files of truths are called.
const TRUTHS: &str = "truths";

/// Keeps what turned out to be true as a file of its own, without a server.
///
/// # Errors
/// If it cannot be written.
pub fn keep_truths(
    captures: &Captures,
    endpoint: &str,
    at_us: i64,
    truths: &[Truth],
) -> Result<(), CaptureError> {
    let mut lines = captures.begin(endpoint, TRUTHS, &truth_head())?;
    append_truths(&mut lines, at_us, truths)?;
    captures.end(lines)?;
    Ok(())
}

fn append_truths(lines: &mut Lines, at_us: i64, truths: &[Truth]) -> Result<(), CaptureError> {
    for truth in truths {
        lines.append(&truth_line(truth, at_us))?;
    }
    Ok(())
}

/// Why something is not kept.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Score(#[from] ScoreError),
    #[error(transparent)]
    Files(#[from] CaptureError),
}

/// Writes what comes until nobody can send any more.
pub(super) fn write_all(
    captures: Captures,
    waiting: &Waiting,
    numbers: &Numbers,
    keeping: Keeping,
) {
    let (ended, ending) = mpsc::channel();
    let ender = captures.clone();
    let thread = thread::Builder::new().name("capture-files".into());
    let thread = thread.spawn(move || end_all_of(&ender, &ending, keeping.retention));
    let thread = match thread {
        Ok(thread) => thread,
        Err(error) => {
            tracing::error!(%error, "a thread for files cannot be started, so requests are not kept");
            return;
        }
    };
    let mut desk = Desk::new(captures, numbers.clone(), ended, keeping);
    desk.take_all(waiting);
    desk.end_all();
    drop(desk);
    if thread.join().is_err() {
        tracing::warn!("the thread that makes files of what was kept ended by a panic");
    }
}

/// What the thread that makes files is told.
enum Ending {
    /// Lines that are done.
    Lines(Lines),
    /// Told once all lines before it are files.
    #[cfg(test)]
    Mark(Sender<()>),
}

/// Makes files of lines that are done, and tidies up now and then, until no more lines can come.
fn end_all_of(captures: &Captures, ending: &Receiver<Ending>, retention: Retention) {
    let tidy = || {
        end_left(captures);
        sweep(captures, retention);
    };
    tidy();
    let mut tidied = Clock::start();
    loop {
        match ending.recv_timeout(TIDY.saturating_sub(tidied.elapsed())) {
            Ok(Ending::Lines(lines)) => end(captures, lines),
            #[cfg(test)]
            Ok(Ending::Mark(told)) => drop(told.send(())),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if tidied.elapsed() >= TIDY {
            tidy();
            tidied = Clock::start();
        }
    }
}

/// Removes what is older, or more, than is kept.
fn sweep(captures: &Captures, retention: Retention) {
    if retention == Retention::default() {
        return;
    }
    match captures.sweep(retention, Clock::unix_micros()) {
        Ok(gone) if gone.is_empty() => {}
        Ok(gone) => tracing::info!(n_files = gone.len(), "old files of what was kept are gone"),
        Err(error) => tracing::warn!(%error, "old files of what was kept cannot be removed"),
    }
}

/// Files of which this process has no lines open.
fn end_left(captures: &Captures) {
    let done = match captures.end_left() {
        Ok(done) => done,
        Err(error) => return tracing::warn!(%error, "what was kept before cannot be looked at"),
    };
    for (path, sealed) in done {
        match sealed {
            Ok(sealed) => tracing::info!(
                path = %path.display(),
                n_rows = sealed.n_rows,
                is_cut = sealed.is_cut,
                "what an ended server had kept is a file now"
            ),
            Err(error) => tracing::warn!(%error, "what an ended server had kept is no file"),
        }
    }
}

fn end(captures: &Captures, lines: Lines) {
    match captures.end(lines) {
        Ok(sealed) if sealed.is_cut => {
            tracing::warn!("a line of what was kept was not whole; what came after it is lost");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "what was kept is no file yet"),
    }
}

/// Lines that grow, and what they hold.
struct Open {
    head: String,
    lines: Lines,
    /// Answers among them that are not surely on the disk yet.
    n_answers: u64,
}

struct Desk {
    captures: Captures,
    numbers: Numbers,
    keeping: Keeping,
    /// By endpoint and series.
    open: BTreeMap<(String, String), Open>,
    /// Takes lines that are done.
    ended: Sender<Ending>,
    /// Whether the last thing could not be kept, so that it is told once.
    is_troubled: bool,
    /// Answers that were told to have been dropped.
    n_dropped: u64,
}

impl Desk {
    fn new(captures: Captures, numbers: Numbers, ended: Sender<Ending>, keeping: Keeping) -> Self {
        Self {
            captures,
            numbers,
            keeping,
            open: BTreeMap::new(),
            ended,
            is_troubled: false,
            n_dropped: 0,
        }
    }

    fn take_all(&mut self, waiting: &Waiting) {
        let mut synced = Clock::start();
        loop {
            let pause = SYNC.saturating_sub(synced.elapsed());
            match waiting.waiting.recv_timeout(pause) {
                Ok((item, n_bytes)) => {
                    let taken = std::panic::catch_unwind(AssertUnwindSafe(|| self.take(item)));
                    if taken.is_err() {
                        tracing::error!("a bug was met: a request is not kept");
                    }
                    waiting.left.fetch_sub(n_bytes, Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if synced.elapsed() >= SYNC {
                self.sync();
                synced = Clock::start();
            }
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Kept(kept) => {
                let endpoint = kept.endpoint.clone();
                let done = self.keep(*kept);
                if done.is_err() {
                    self.numbers.captured(&endpoint, "failed", 1);
                }
                self.tell(&endpoint, done);
            }
            Item::Truths {
                endpoint,
                at_us,
                truths,
            } => {
                let done = self.keep_truths(&endpoint, at_us, &truths);
                self.tell(&endpoint, done);
            }
            #[cfg(test)]
            Item::Mark(told) => {
                self.end_all();
                // Behind lines that were handed over before: the other thread may be at them still.
                self.ended.send(Ending::Mark(told)).ok();
            }
            #[cfg(test)]
            Item::Wait(go) => {
                go.recv().ok();
                go.recv().ok();
            }
        }
    }

    fn tell(&mut self, endpoint: &str, done: Result<(), KeepError>) {
        match done {
            Ok(()) => self.is_troubled = false,
            Err(error) if !self.is_troubled => {
                self.is_troubled = true;
                tracing::warn!(endpoint, %error, "a request, or what was true of one, is not kept");
            }
            Err(_same) => {}
        }
    }

    fn keep(&mut self, kept: Kept) -> Result<(), KeepError> {
        let deployment = &kept.slot.deployment;
        let series = format!("{}-{}", deployment.name, deployment.version);
        let key = (kept.endpoint.clone(), series);
        let head = answer_head(&kept.sample.rule, &kept.warm.loaded.facts);
        self.with_lines(key, head, 1, |lines| {
            answer_lines(kept, |line| Ok(lines.append(line)?))
        })
    }

    fn keep_truths(
        &mut self,
        endpoint: &str,
        at_us: i64,
        truths: &[Truth],
    ) -> Result<(), KeepError> {
        let key = (endpoint.to_owned(), TRUTHS.to_owned());
        self.with_lines(key, truth_head(), 0, |lines| {
            Ok(append_truths(lines, at_us, truths)?)
        })
    }

    /// Lets `work` add to the lines of a series, which are begun anew where their columns change, or the disk failed.
    fn with_lines(
        &mut self,
        key: (String, String),
        head: String,
        n_answers: u64,
        work: impl FnOnce(&mut Lines) -> Result<(), KeepError>,
    ) -> Result<(), KeepError> {
        let open = match self.open.remove(&key) {
            Some(open) if open.head == head => Some(open),
            Some(other) => {
                self.hand_over(&key.0, other);
                None
            }
            None => None,
        };
        let mut open = match open {
            Some(open) => open,
            None => Open {
                lines: self.captures.begin(&key.0, &key.1, &head)?,
                head,
                n_answers: 0,
            },
        };
        let done = work(&mut open.lines);
        if matches!(done, Err(KeepError::Files(_))) {
            // What the disk has of them is made into a file later.
            self.numbers.captured(&key.0, "failed", open.n_answers);
            return done;
        }
        if done.is_ok() {
            open.n_answers += n_answers;
        }
        if open.lines.n_bytes() >= self.keeping.lines_bytes_max {
            self.hand_over(&key.0, open);
        } else {
            self.open.insert(key, open);
        }
        done
    }

    fn hand_over(&self, endpoint: &str, open: Open) {
        if let Some(open) = self.synced(endpoint, open) {
            // The other thread ends after this one.
            self.ended.send(Ending::Lines(open.lines)).ok();
        }
    }

    /// The same once it is on the disk, and what is there is counted.
    fn synced(&self, endpoint: &str, mut open: Open) -> Option<Open> {
        let synced = open.lines.sync();
        let outcome = if synced.is_ok() { "stored" } else { "failed" };
        self.numbers.captured(endpoint, outcome, open.n_answers);
        open.n_answers = 0;
        match synced {
            Ok(()) => Some(open),
            Err(error) => {
                tracing::warn!(endpoint, %error, "what was kept cannot be written");
                None
            }
        }
    }

    /// Brings all to the disk, ends what is old, and tells what was dropped.
    fn sync(&mut self) {
        let now_us = Clock::unix_micros();
        for (key, open) in std::mem::take(&mut self.open) {
            let Some(open) = self.synced(&key.0, open) else {
                continue;
            };
            if now_us - open.lines.began_us() >= self.keeping.lines_age_us_max {
                self.hand_over(&key.0, open);
            } else {
                self.open.insert(key, open);
            }
        }
        let n_dropped = self.numbers.n_dropped();
        if n_dropped > self.n_dropped {
            let n_more = n_dropped - self.n_dropped;
            tracing::warn!(
                n_more,
                "answers are not kept: they come faster than the disk takes them"
            );
            self.n_dropped = n_dropped;
        }
    }

    fn end_all(&mut self) {
        for (key, open) in std::mem::take(&mut self.open) {
            self.hand_over(&key.0, open);
        }
    }
}
