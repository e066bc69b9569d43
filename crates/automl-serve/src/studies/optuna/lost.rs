//! Trials whose client is gone.
//!
//! Optuna's own storage fails trials whose heartbeat has stopped, when a client asks it to. To a server its clients send no
//! heartbeat, so whatever one asks or tells of a trial is taken as a sign of life, and a server that was told after how long
//! a silent one is lost looks for them by itself. The time is kept with the studies: whichever server is called, it knows.

use super::calls::PROTOCOL;
use automl_store::db::Database;
use automl_store::studies::{self, StudiesError};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use automl_store::tracking::now_ms;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two looks, a quarter of the time after which a trial is lost, within these.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Looks for lost trials.
pub(super) struct Search {
    db: Database,
    lease_ms: i64,
    /// Whether signs of life could be heard since the last look.
    hears: bool,
}

impl Search {
    pub(super) fn new(db: Database, timeout: Duration) -> Self {
        Self {
            db,
            lease_ms: i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX),
            hears: false,
        }
    }

    /// Fails trials of which nothing was heard for too long, and gives their ids. Nobody could be heard before the first look,
    /// nor while the record was away.
    ///
    /// # Errors
    /// If the record is away.
    pub(super) fn look(&mut self) -> Result<Vec<i64>, StudiesError> {
        let (lease_ms, hears) = (self.lease_ms, self.hears);
        let looked = self.db.write(move |sql| {
            if hears {
                studies::lease_new(sql, W, PROTOCOL, lease_ms)?;
            } else {
                studies::lease_all(sql, W, PROTOCOL, lease_ms)?;
            }
            studies::expire_all(sql, W, PROTOCOL, now_ms())
        });
        let looked = looked.wait();
        self.hears = looked.is_ok();
        looked
    }
}

/// A thread that looks for lost trials until this is dropped.
pub(crate) struct Watch {
    /// None once it is told to end.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(db: Database, timeout: Duration) -> std::io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let pause = (timeout / 4).clamp(PAUSE_MIN, PAUSE_MAX);
        let mut search = Search::new(db, timeout);
        let watch = move || {
            let mut was_away = false;
            loop {
                let looked = search.look();
                match &looked {
                    Ok(lost) if lost.is_empty() => {}
                    Ok(lost) => {
                        tracing::info!(trials = ?lost, "trials of Optuna's clients that were silent for too long have failed");
                    }
                    Err(_same) if was_away => {}
                    Err(error) => {
                        tracing::warn!(%error, "trials of Optuna's clients are not looked after until the record is back");
                    }
                }
                was_away = looked.is_err();
                if ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("optuna-lost".into())
            .spawn(watch)?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that looks for lost trials ended by a panic");
        }
    }
}
