//! Jobs that wait, run and have ended, and the threads that take them.

use super::{Batching, PartEnded, TablesAsked, TablesEnd, TablesWatch, in_state};
use crate::error::ApiError;
use automl_core::{CancelToken, Coded};
use automl_store::StoreError;
use automl_store::batches::{
    BatchBegin, BatchJob, BatchOrder, BatchProblem, BatchProgress, BatchState, Batches,
};
use automl_store::registry::{files, versions};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use automl_store::tracking::{new_id, now_ms};
use automl_store::workspace::{Record, Workspace};
use axum::http::StatusCode;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Jobs that may wait.
const WAITING_MAX: usize = 100;
/// Seconds after which to ask again when as many do.
const COME_AGAIN_S: f64 = 30.0;
/// Jobs that have ended and are remembered.
const ENDED_MAX: usize = 1000;
/// How often to look whether the server that has the jobs has ended.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The jobs of a server. Clones are the same.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Inner>);

struct Inner {
    batching: Batching,
    workspace: Workspace,
    record: Record,
    /// Jobs on the disk, once no other server has them.
    store: OnceLock<Batches>,
    state: Mutex<State>,
    /// Told when a job waits, or the server ends.
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<String, Held>,
    waiting: VecDeque<String>,
    is_ending: bool,
}

struct Held {
    job: BatchJob,
    cancel: CancelToken,
    /// Whether somebody asked it to stop, rather than that the server ends.
    is_unwanted: bool,
}

impl Desk {
    /// The jobs of a workspace, as soon as no other server has them: those that were not at their end are gone on with.
    ///
    /// # Errors
    /// The folder of the jobs cannot be read.
    pub(crate) fn open(
        batching: Batching,
        workspace: Workspace,
        record: Record,
    ) -> Result<Self, StoreError> {
        let desk = Self(Arc::new(Inner {
            batching,
            workspace,
            record,
            store: OnceLock::new(),
            state: Mutex::new(State::default()),
            wake: Condvar::new(),
        }));
        desk.look()?;
        Ok(desk)
    }

    /// Takes the jobs of the workspace if no other server has them; gives whether this one has.
    fn look(&self) -> Result<bool, StoreError> {
        let mut state = self.state();
        if self.0.store.get().is_some() {
            return Ok(true);
        }
        let Some(store) = Batches::open(self.0.workspace.batches())? else {
            return Ok(false);
        };
        let (jobs, odd) = store.all()?;
        for path in odd {
            tracing::warn!(path = %path.display(), "this is no job that can be understood");
        }
        for mut job in jobs {
            if job.state == BatchState::Running {
                job.state = BatchState::Waiting;
            }
            if job.state == BatchState::Waiting {
                state.waiting.push_back(job.id.clone());
            }
            state.jobs.insert(job.id.clone(), Held::new(job));
        }
        Ok(self.0.store.set(store).is_ok())
    }

    /// The jobs on the disk.
    ///
    /// # Errors
    /// Another server has them.
    fn store(&self) -> Result<&Batches, ApiError> {
        self.0.store.get().ok_or_else(|| {
            let told = "another server of this workspace predicts tables; ask that one";
            ApiError::new(StatusCode::CONFLICT, "batch-off", told)
        })
    }

    pub(super) fn batching(&self) -> &Batching {
        &self.0.batching
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All jobs, the oldest first.
    ///
    /// # Errors
    /// Another server has them.
    pub(super) fn all(&self) -> Result<Vec<BatchJob>, ApiError> {
        self.store()?;
        let mut jobs: Vec<BatchJob> = self.state().all().cloned().collect();
        jobs.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        Ok(jobs)
    }

    /// A job.
    ///
    /// # Errors
    /// There is none of this id.
    pub(super) fn find(&self, id: &str) -> Result<BatchJob, ApiError> {
        self.store()?;
        self.state().held(id).map(|held| held.job.clone())
    }

    /// Takes a new job, which waits for its turn.
    ///
    /// # Errors
    /// Too many wait, another writes into the same folder, or it cannot be kept.
    pub(super) fn ask(
        &self,
        order: BatchOrder,
        begin: BatchBegin,
        user: String,
    ) -> Result<BatchJob, ApiError> {
        let store = self.store()?;
        let id = new_id().map_err(|error| ApiError::internal(error.to_string()))?;
        let job = BatchJob {
            id,
            order,
            begin,
            user,
            state: BatchState::Waiting,
            created_ms: now_ms(),
            started_ms: None,
            ended_ms: None,
            progress: BatchProgress::default(),
            error: None,
            run_id: None,
        };
        let mut state = self.state();
        state.check_room(&job)?;
        store.put(&job).map_err(|error| unkept(&error))?;
        state.waiting.push_back(job.id.clone());
        state.jobs.insert(job.id.clone(), Held::new(job.clone()));
        for old in state.too_old() {
            match store.remove(&old) {
                Ok(()) => drop(state.jobs.remove(&old)),
                Err(error) => tracing::warn!(%error, job = old, "an old job cannot be forgotten"),
            }
        }
        drop(state);
        self.0.wake.notify_one();
        Ok(job)
    }

    /// Lets a job that has ended go on.
    ///
    /// # Errors
    /// There is none, it has not ended, or too many wait.
    pub(super) fn resume(&self, id: &str) -> Result<BatchJob, ApiError> {
        let store = self.store()?;
        let mut state = self.state();
        let mut job = state.held(id)?.job.clone();
        if !job.state.is_ended() {
            return Err(in_state(&job, "what has ended can be gone on with"));
        }
        state.check_room(&job)?;
        job.state = BatchState::Waiting;
        (job.error, job.ended_ms, job.started_ms) = (None, None, None);
        job.progress = BatchProgress::default();
        store.put(&job).map_err(|error| unkept(&error))?;
        state.jobs.insert(id.to_owned(), Held::new(job.clone()));
        state.waiting.push_back(id.to_owned());
        drop(state);
        self.0.wake.notify_one();
        Ok(job)
    }

    /// Stops a job: one that waits at once, one that runs as soon as its tables let it.
    ///
    /// # Errors
    /// There is none, or it has ended.
    pub(super) fn stop(&self, id: &str) -> Result<BatchJob, ApiError> {
        let store = self.store()?;
        let mut state = self.state();
        let held = state.held(id)?;
        match held.job.state {
            BatchState::Waiting => {
                let mut job = held.job.clone();
                job.state = BatchState::Stopped;
                job.ended_ms = Some(now_ms());
                store.put(&job).map_err(|error| unkept(&error))?;
                held.job = job.clone();
                state.waiting.retain(|waiting| waiting != id);
                Ok(job)
            }
            BatchState::Running => {
                held.is_unwanted = true;
                held.cancel.cancel();
                Ok(held.job.clone())
            }
            _ => Err(in_state(&held.job, "there is nothing to stop")),
        }
    }

    /// Forgets a job that has ended.
    ///
    /// # Errors
    /// There is none, it has not ended, or its file cannot be removed.
    pub(super) fn forget(&self, id: &str) -> Result<(), ApiError> {
        let store = self.store()?;
        let mut state = self.state();
        let job = &state.held(id)?.job;
        if !job.state.is_ended() {
            return Err(in_state(job, "stop it first"));
        }
        store.remove(id).map_err(|error| unkept(&error))?;
        state.jobs.remove(id);
        Ok(())
    }

    /// Starts the threads that take jobs.
    ///
    /// # Errors
    /// The system refuses one.
    pub(crate) fn start(&self) -> std::io::Result<Workers> {
        let mut workers = Workers {
            desk: self.clone(),
            threads: Vec::new(),
        };
        for _ in 0..self.0.batching.n_at_once.max(1) {
            let desk = self.clone();
            let thread = thread::Builder::new().name("batches".into());
            workers.threads.push(thread.spawn(move || desk.work())?);
        }
        Ok(workers)
    }

    fn work(&self) {
        if !self.wait_for_jobs() {
            return;
        }
        while let Some((job, cancel)) = self.take() {
            let end = self.predict(&job, cancel);
            self.end(&job.id, end);
        }
    }

    /// Waits until this server has the jobs; gives whether it has, rather than that it ends.
    fn wait_for_jobs(&self) -> bool {
        let mut is_told = false;
        loop {
            match self.look() {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) if is_told => tracing::debug!(%error, "the jobs cannot be read"),
                Err(error) => {
                    is_told = true;
                    tracing::warn!(%error, "the jobs that predict tables cannot be read");
                }
            }
            let state = self.state();
            if state.is_ending {
                return false;
            }
            drop(self.0.wake.wait_timeout(state, LOOK_EVERY));
        }
    }

    /// The next job, as soon as there is one; none when the server ends.
    fn take(&self) -> Option<(BatchJob, CancelToken)> {
        let mut state = self.state();
        while !state.is_ending {
            let Some(id) = state.waiting.pop_front() else {
                state = (self.0.wake.wait(state)).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let Some(held) = state.jobs.get_mut(&id) else {
                continue;
            };
            held.job.state = BatchState::Running;
            held.job.started_ms = Some(now_ms());
            let (job, cancel) = (held.job.clone(), held.cancel.clone());
            self.keep(&job);
            return Some((job, cancel));
        }
        None
    }

    fn predict(&self, job: &BatchJob, cancel: CancelToken) -> TablesEnd {
        let broken = |code: &str, message: String| TablesEnd::Broken {
            problem: BatchProblem {
                code: Some(code.to_owned()),
                message,
            },
            is_stopped: false,
        };
        let (model, number) = (job.order.model.clone(), job.order.version);
        let found = (self.0.record.db).read(move |sql| versions::get(sql, W, &model, number));
        let version = match found.wait() {
            Ok(version) => version,
            Err(error) => return broken(Coded::code(&error), error.to_string()),
        };
        let files = match files::local(&self.0.record.artifacts, &version) {
            Ok(files) => files,
            Err(error) => return broken(error.code(), error.to_string()),
        };
        let asked = TablesAsked {
            model: files.as_ref(),
            order: &job.order,
            begin: job.begin,
            within: &self.0.batching.places,
            n_threads: self.0.batching.n_threads,
            cancel,
            workspace: &self.0.workspace,
            user: &job.user,
        };
        let watched = Watched {
            desk: self,
            id: &job.id,
        };
        let predict = self.0.batching.predict;
        let done =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| predict(&asked, &watched)));
        done.unwrap_or_else(|_panic| broken("bug", "the program failed, which is a bug".into()))
    }

    fn end(&self, id: &str, end: TablesEnd) {
        let mut state = self.state();
        let is_ending = state.is_ending;
        let Some(held) = state.jobs.get_mut(id) else {
            return;
        };
        let job = &mut held.job;
        match end {
            TablesEnd::Done(done) => {
                job.state = match done.problem {
                    None => BatchState::Done,
                    Some(_) => BatchState::Failed,
                };
                (job.progress, job.error) = (done.progress, done.problem);
            }
            // The next server goes on with it.
            TablesEnd::Broken {
                is_stopped: true, ..
            } if is_ending && !held.is_unwanted => return,
            TablesEnd::Broken {
                is_stopped: true, ..
            } => job.state = BatchState::Stopped,
            TablesEnd::Broken { problem, .. } => {
                job.state = BatchState::Failed;
                job.error = Some(problem);
            }
        }
        job.ended_ms = Some(now_ms());
        // Whoever hears that it has ended may forget it at once, which is to last.
        self.keep(job);
    }

    /// Writes a job as it is now, before anybody else changes it; one that cannot be is told as it was when the server starts again.
    fn keep(&self, job: &BatchJob) {
        let kept = self.0.store.get().map_or(Ok(()), |store| store.put(job));
        if let Err(error) = kept {
            tracing::warn!(%error, job = job.id, "how far a job came cannot be written down");
        }
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut BatchJob)) {
        if let Some(held) = self.state().jobs.get_mut(id) {
            change(&mut held.job);
        }
    }
}

impl Held {
    fn new(job: BatchJob) -> Self {
        Self {
            job,
            cancel: CancelToken::default(),
            is_unwanted: false,
        }
    }
}

impl State {
    fn all(&self) -> impl Iterator<Item = &BatchJob> {
        self.jobs.values().map(|held| &held.job)
    }

    fn held(&mut self, id: &str) -> Result<&mut Held, ApiError> {
        let told = || ApiError::missing(format!("There is no job '{id}' that predicts tables"));
        self.jobs.get_mut(id).ok_or_else(told)
    }

    /// Whether one more may wait.
    fn check_room(&self, new: &BatchJob) -> Result<(), ApiError> {
        let is_beside = |job: &&BatchJob| {
            !job.state.is_ended() && job.order.output == new.order.output && job.id != new.id
        };
        if let Some(other) = self.all().find(is_beside) {
            return Err(in_state(other, "it writes into the same folder"));
        }
        if self.waiting.len() >= WAITING_MAX {
            let told = format!("{WAITING_MAX} jobs wait already");
            return Err(ApiError::too_many(told, COME_AGAIN_S));
        }
        Ok(())
    }

    /// Jobs that ended longest ago, beyond those that are remembered.
    fn too_old(&self) -> Vec<String> {
        let ended = self.all().filter(|job| job.state.is_ended());
        let mut ended: Vec<(i64, &String)> = ended.map(|job| (job.created_ms, &job.id)).collect();
        ended.sort();
        let n_old = ended.len().saturating_sub(ENDED_MAX);
        ended[..n_old].iter().map(|(_, id)| (*id).clone()).collect()
    }
}

/// A job that cannot be kept is not taken.
fn unkept(error: &StoreError) -> ApiError {
    tracing::warn!(%error, "a job that predicts tables cannot be written down");
    ApiError::away("the job cannot be written down")
}

/// Notes how far a job came.
struct Watched<'a> {
    desk: &'a Desk,
    id: &'a str,
}

impl TablesWatch for Watched<'_> {
    fn begun(&self) {
        // What was there before is replaced, or was found to be none: from here on it is gone on with.
        self.desk.change(self.id, |job| {
            job.begin = BatchBegin::Resume;
            self.desk.keep(job);
        });
    }

    fn recorded(&self, run_id: &str) {
        self.desk
            .change(self.id, |job| job.run_id = Some(run_id.to_owned()));
    }

    fn planned(&self, n_parts: u64) {
        self.desk
            .change(self.id, |job| job.progress.n_parts = n_parts);
    }

    fn rows(&self, n_more: u64) {
        self.desk
            .change(self.id, |job| job.progress.n_rows += n_more);
    }

    fn part(&self, ended: PartEnded) {
        self.desk.change(self.id, |job| {
            let progress = &mut job.progress;
            progress.n_ended += 1;
            progress.n_kept += u64::from(ended.is_kept);
            progress.n_failed += u64::from(ended.is_failed);
            progress.n_rows_refused += ended.n_refused;
        });
    }
}

/// The threads that take jobs, until this is dropped: what runs then is stopped, and gone on with by the next server.
pub(crate) struct Workers {
    desk: Desk,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut state = self.desk.state();
        state.is_ending = true;
        for held in state.jobs.values() {
            held.cancel.cancel();
        }
        drop(state);
        self.desk.0.wake.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::warn!("a thread that predicts tables ended by a panic");
            }
        }
    }
}
