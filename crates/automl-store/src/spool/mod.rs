//! What verbs write down of their runs, until the record takes it in.
//!
//! A verb never waits for the record, and never fails for it: it appends lines to a file of its own in the spool, which
//! costs microseconds. Whoever opens the record next takes the files in ([`replay`]), as does a server every second: so
//! runs are seen while they go on. While a verb lives it holds a lock on its file; a file without a lock and without an
//! end is that of a verb that was killed.
//!
//! Files that a run made are staged in a folder beside its file, by links where that is safe.

mod entry;
mod replay;
#[cfg(test)]
mod tests;

pub use entry::{
    Begin, Child, Data, ERROR_CODE_TAG, ERROR_MESSAGE_TAG, Entry, FORMAT, Point, Status, Texts,
};
pub use replay::{Replayed, Tails, UNREAD_KEY, replay};

use crate::tracking::{now_ms, runs::NAME_TAG};
use automl_core::Clock;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, UNIX_EPOCH};

/// Files below this size are copied, for they may be edited in place; larger ones are linked.
const LINKED_BYTES: u64 = 1 << 20;

/// The spool file of one run that is going on.
#[derive(Debug)]
pub struct Spool {
    file: File,
    staging: PathBuf,
    id: String,
    is_ended: bool,
    /// Lives as long as the run.
    pulse: Option<Pulse>,
}

impl Spool {
    /// Begins a run. The directory is made if it is not there.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn begin(directory: &Path, begin: Begin) -> io::Result<Self> {
        Self::begin_with(directory, begin, PULSE)
    }

    fn begin_with(directory: &Path, mut begin: Begin, pause: Duration) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let id = begin.id.clone();
        let path = directory.join(format!("{id}.jsonl"));
        let unseen = directory.join(format!(".{id}.new"));
        let file = File::create_new(&unseen)?;
        // It is locked before it is seen, so that nobody takes it for that of a dead process.
        file.lock()?;
        if let Some(name) = &begin.name {
            begin.tags.insert(NAME_TAG.into(), name.clone());
        }
        let mut spool = Self {
            file,
            staging: directory.join(format!("{id}.files")),
            id,
            is_ended: false,
            pulse: None,
        };
        spool.append(&Entry::Run {
            format: FORMAT,
            begin,
        })?;
        fs::rename(unseen, path)?;
        spool.pulse = Pulse::start(&spool.file, pause);
        Ok(spool)
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Writes one fact down.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }

    /// Keeps a file or a folder as it is now, to be taken in as files of the run or of a model that it made.
    ///
    /// # Errors
    /// If something cannot be read or kept.
    pub fn stage(&mut self, source: &Path, model: Option<&str>, to: &str) -> io::Result<()> {
        let name = fs::read_dir(&self.staging).map_or(0, Iterator::count);
        let name = name.to_string();
        let place = self.staging.join(&name);
        if source.is_dir() {
            keep_folder(source, &place)?;
        } else {
            fs::create_dir_all(&place)?;
            let file = source.file_name().unwrap_or_default();
            keep(source, &place.join(file))?;
        }
        self.append(&Entry::Files {
            model: model.map(str::to_owned),
            staged: name,
            to: to.to_owned(),
        })
    }

    /// Keeps bytes as a file of the run.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn stage_bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let count = fs::read_dir(&self.staging).map_or(0, Iterator::count);
        let staged = count.to_string();
        let place = self.staging.join(&staged);
        fs::create_dir_all(&place)?;
        fs::write(place.join(name), bytes)?;
        self.append(&Entry::Files {
            model: None,
            staged,
            to: String::new(),
        })
    }

    /// Ends the run.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn end(mut self, status: Status) -> io::Result<()> {
        self.is_ended = true;
        drop(self.pulse.take());
        self.append(&Entry::End {
            status,
            end_ms: now_ms(),
        })
    }
}

/// Between two signs of life.
const PULSE: Duration = Duration::from_secs(1);

/// A thread that gives its file the time that it is, so that it is known until when a process lived that was killed.
#[derive(Debug)]
struct Pulse {
    /// None once it is told to end.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Pulse {
    /// None if there are no more threads or files to be had: that is no reason not to record the run.
    fn start(file: &File, pause: Duration) -> Option<Self> {
        let file = file.try_clone().ok()?;
        let (end, ended) = mpsc::channel();
        let beat = move || {
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let since = Duration::from_micros(Clock::unix_micros().unsigned_abs());
                if file.set_modified(UNIX_EPOCH + since).is_err() {
                    return;
                }
            }
        };
        Some(Self {
            thread: Some(thread::Builder::new().spawn(beat).ok()?),
            end: Some(end),
        })
    }
}

impl Drop for Pulse {
    /// Waits for the thread, which holds the file and with it the lock.
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that gives signs of life ended by a panic");
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.is_ended {
            return;
        }
        // Whoever let go of it did not come to its end.
        let end = Entry::End {
            status: Status::Failed,
            end_ms: now_ms(),
        };
        if let Err(error) = self.append(&end) {
            tracing::warn!(%error, "the end of a run could not be written down");
        }
    }
}

fn keep_folder(source: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            keep_folder(&from, &to)?;
        } else {
            keep(&from, &to)?;
        }
    }
    Ok(())
}

fn keep(source: &Path, target: &Path) -> io::Result<()> {
    if fs::metadata(source)?.len() >= LINKED_BYTES && fs::hard_link(source, target).is_ok() {
        return Ok(());
    }
    fs::copy(source, target).map(|_n_bytes| ())
}
