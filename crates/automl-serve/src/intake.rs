//! Takes in what verbs of this workspace write down, while the server runs.

use automl_store::spool::{Tails, replay};
use automl_store::workspace::Record;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two looks at the spool.
const PAUSE: Duration = Duration::from_secs(1);

/// A thread that looks at the spool until this is dropped.
pub(crate) struct Intake {
    /// None once it is told to end.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Intake {
    pub(crate) fn start(record: Record, spool: PathBuf) -> Self {
        let (end, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut tails = Tails::default();
            let mut was_away = false;
            loop {
                match replay(&record, &spool, &mut tails) {
                    Ok(replayed) => {
                        was_away = false;
                        for (path, reason) in replayed.bad {
                            tracing::warn!(path = %path.display(), reason, "a run that was written down cannot be taken in and is kept");
                        }
                    }
                    Err(error) if !was_away => {
                        was_away = true;
                        tracing::warn!(%error, "runs that were written down wait for the record");
                    }
                    Err(_same) => {}
                }
                if ended.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Self {
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that takes in runs ended by a panic");
        }
    }
}
