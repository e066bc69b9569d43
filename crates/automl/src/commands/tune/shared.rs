//! What the workers of a process share.

use super::show::Show;
use crate::progress::Notes as _;
use automl_core::{CancelToken, Clock};
use automl_serve::tuning::{Desk, Run, TuneError};
use automl_store::db::{Database, DbError};
use automl_store::studies::{StudiesError, Study};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;

/// How long is waited for a record that is away, and between two tries.
const PATIENCE: f64 = 600.0;
const PAUSE: Duration = Duration::from_millis(500);

/// What the workers of a process share.
pub(super) struct Shared<'a> {
    pub(super) db: &'a Database,
    pub(super) desk: Desk,
    pub(super) study: Study,
    pub(super) run: Run,
    /// Threads for each of several trainings that share this machine; none if one has all of it.
    pub(super) n_threads: Option<usize>,
    /// The parameters of the space.
    pub(super) names: Vec<String>,
    /// The workspace as programs may name it.
    pub(super) workspace: String,
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

    /// Whether all trials are to end now.
    pub(super) fn is_over(&self) -> bool {
        let is_late = self.deadline.is_some_and(|at| self.clock.seconds() >= at);
        is_late
            || self.cancel.is_cancelled()
            || self.has_failed.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Does something with the record, again and again while it is away.
    pub(super) fn patiently<T>(
        &self,
        mut work: impl FnMut() -> Result<T, TuneError>,
    ) -> Result<T, TuneError> {
        let since = Clock::start();
        let mut is_told = false;
        loop {
            match work() {
                Err(TuneError::Record(StudiesError::Db(DbError::Away { reason })))
                    if since.seconds() < PATIENCE && !self.cancel.is_cancelled() =>
                {
                    if !is_told {
                        self.show
                            .note(&format!("the record is away, waiting for it: {reason}"));
                    }
                    is_told = true;
                    thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }
}
