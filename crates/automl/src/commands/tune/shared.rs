//! What the workers of a process share.

use super::keeper::{Keeper, away};
use super::show::Show;
use super::train::Base;
use crate::progress::Notes as _;
use automl_core::{CancelToken, Clock};
use automl_serve::tuning::{Run, TuneError};
use automl_store::studies::Study;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;

/// How long, in seconds, is waited for a record or a server that is away.
const PATIENCE: f64 = 600.0;
/// Between the first two tries; each pause is twice as long as the one before, up to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// What the workers of a process share.
pub(super) struct Shared<'a> {
    pub(super) keeper: Keeper<'a>,
    pub(super) study: Study,
    pub(super) run: Run,
    /// What is trained, if that is what runs.
    pub(super) base: Option<Base>,
    /// Threads for each of several trainings that share this machine; none if one has all of it.
    pub(super) n_threads: Option<usize>,
    /// The parameters of the space.
    pub(super) names: Vec<String>,
    /// The workspace as programs may name it; none where a server keeps the study.
    pub(super) workspace: Option<String>,
    /// Where the folders of trials are.
    pub(super) folder: PathBuf,
    /// The study is to have no more trials than this.
    pub(super) limit: Option<i64>,
    /// Seconds of `clock` after which everything ends.
    pub(super) deadline: Option<f64>,
    /// Seconds between two signs of life.
    pub(super) beat_s: f64,
    pub(super) clock: Clock,
    pub(super) cancel: CancelToken,
    /// Whether this process was called to be one worker more, and the study is another's to finish.
    pub(super) is_worker: bool,
    /// Raised where it was said for which trials is waited.
    pub(super) has_told_waiting: AtomicBool,
    /// Raised where one worker fails, so that the others end.
    pub(super) has_failed: AtomicBool,
    /// Trials that failed one after another by now.
    pub(super) n_failures: AtomicUsize,
    pub(super) show: &'a Show,
}

impl Shared<'_> {
    pub(super) fn objectives(&self) -> Vec<String> {
        let objectives = self.study.objectives.iter();
        objectives.map(|own| own.name.clone()).collect()
    }

    /// Whether the time is up.
    pub(super) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|at| self.clock.seconds() >= at)
    }

    /// Whether all trials are to end now.
    pub(super) fn is_over(&self) -> bool {
        self.is_late()
            || self.cancel.is_cancelled()
            || self.has_failed.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Tells the user that whoever keeps the study is away.
    pub(super) fn note_away(&self, reason: &str) {
        let who = match self.keeper {
            Keeper::Record { .. } => "record",
            Keeper::Server(_) => "server",
        };
        self.show
            .note(&format!("the {who} is away, waiting for it: {reason}"));
    }

    /// Asks or tells something, again and again while whoever keeps the study is away, until all trials are to end.
    pub(super) fn patiently<T>(
        &self,
        mut work: impl FnMut() -> Result<T, TuneError>,
    ) -> Result<T, TuneError> {
        let since = Clock::start();
        let mut pause = PAUSE;
        loop {
            let done = work();
            let Some(reason) = done.as_ref().err().and_then(away) else {
                return done;
            };
            if since.seconds() >= PATIENCE || self.is_over() {
                return done;
            }
            if pause == PAUSE {
                self.note_away(reason);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}
