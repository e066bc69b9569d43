//! Looks at the record while the server runs, so that endpoints serve what it says whoever changed it, and tells the record that
//! a server runs.

use super::fleet::Fleet;
use automl_core::Clock;
use automl_store::endpoints::{BEAT_MS, EndpointError};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
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
    /// `server` is an id of this process, unlike all others.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn start(fleet: Fleet, server: String) -> std::io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("endpoints".into());
        let thread = thread.spawn(move || keep(&fleet, &server, &ended))?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

fn keep(fleet: &Fleet, server: &str, ended: &Receiver<()>) {
    let mut was_away = false;
    let mut told_us = None;
    loop {
        match look(fleet, server, &mut told_us) {
            Ok(()) => was_away = false,
            Err(error) if !was_away => {
                was_away = true;
                tracing::warn!(%error, "endpoints stay as they are until the record answers");
            }
            Err(_same) => {}
        }
        if ended.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
            if let Err(error) = fleet.tell_ended(server) {
                tracing::debug!(%error, "the record still counts this server for a while");
            }
            return;
        }
    }
}

fn look(fleet: &Fleet, server: &str, told_us: &mut Option<i64>) -> Result<(), EndpointError> {
    fleet.look()?;
    let now_us = Clock::unix_micros();
    if told_us.is_none_or(|told_us| now_us - told_us >= BEAT_MS * 1000) {
        fleet.tell_alive(server)?;
        *told_us = Some(now_us);
    }
    Ok(())
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
