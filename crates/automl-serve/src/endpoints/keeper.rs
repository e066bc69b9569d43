//! Looks at the record while the server runs, so that endpoints serve what it says whoever changed it.

use super::fleet::Fleet;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two looks at the record.
const PAUSE: Duration = Duration::from_secs(1);

/// A thread that looks at the record until this is dropped.
pub(crate) struct Keeper {
    /// None once it is told to end.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn start(fleet: Fleet) -> std::io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("endpoints".into());
        let thread = thread.spawn(move || {
            let mut was_away = false;
            loop {
                match fleet.sync() {
                    Ok(()) => was_away = false,
                    Err(error) if !was_away => {
                        was_away = true;
                        tracing::warn!(%error, "endpoints stay as they are until the record answers");
                    }
                    Err(_same) => {}
                }
                if ended.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that keeps endpoints ended by a panic");
        }
    }
}
