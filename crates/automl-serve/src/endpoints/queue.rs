//! Requests that wait for a deployment that takes its time.
//!
//! A few workers a deployment predict at once, as many as it has replicas or the machine cores; what comes meanwhile waits, and whoever is free next takes as many requests together
//! as keep a batch within the latency that is aimed at. So nobody waits for a batch to fill, and batches grow with what comes. How
//! many rows that are is learned: twice as many after a batch that was full and quick, three quarters after a full one that was
//! slow. A model that takes long for one row alone may take three times that for a batch: there is nothing to win by smaller ones.
//! A request that would wait too long is told at once to come again. While that happens, the line is kept as short as a batch, so
//! that those that are taken keep their latency: half a second is for what comes in a burst, not for a line that stands.

#[cfg(test)]
mod tests;

use super::batch::{Batch, Predicted};
use super::error::ScoreError;
use super::model::LoadedModel;
use super::numbers::{BatchNumbers, Counts};
use automl_core::{Clock, Predictions, Table};
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Rows of a batch before anything is learned, and the most of requests that are taken together.
const ROWS_FIRST: usize = 16;
const ROWS_MOST: usize = 8_192;
/// Milliseconds that a request waits at most that says nothing of its time.
const WAIT_MS_MAX: u64 = 500;
/// Seconds without a refusal after which such a request may wait that long again.
const CALM_S: f64 = 1.0;
/// Milliseconds that any request waits at most.
const PATIENCE_MS_MAX: u64 = 60_000;
/// How many times as long as one row alone a batch may take, whatever is aimed at.
const TIMES_ALONE: f64 = 3.0;
/// How much the last batch says of what the next will take.
const NEWS: f64 = 0.2;

/// What waits for a deployment.
pub(crate) struct Queue {
    state: Mutex<State>,
    target_us: f64,
    n_workers: usize,
    /// Requests that came so far.
    n_asked: AtomicU64,
    numbers: BatchNumbers,
    counts: Arc<Counts>,
}

struct State {
    waiting: VecDeque<Job>,
    n_rows_waiting: usize,
    n_running: usize,
    /// Since when nobody was told to come again, if anybody was.
    refused: Option<Clock>,
    /// Rows of a batch, by what was learned.
    rows_max: usize,
    us_per_row: f64,
}

/// A request that waits.
struct Job {
    id: u64,
    batch: Batch,
    clock: Clock,
    patience_ms: Option<u64>,
    reply: oneshot::Sender<Reply>,
}

/// Predictions, and what they took with those that were predicted together with them.
type Reply = Result<(Predicted, Duration), ScoreError>;

/// How long a request has had, and may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) clock: Clock,
    pub(crate) ms: Option<u64>,
}

impl Patience {
    /// Work that waited longer than whoever asked is not begun.
    pub(crate) fn check(&self) -> Result<(), ScoreError> {
        match self.ms {
            Some(ms) if self.clock.seconds() * 1e3 >= ms as f64 => Err(ScoreError::TimeOver { ms }),
            _ => Ok(()),
        }
    }

    /// No more than that, if it is said.
    pub(crate) fn bound(&mut self, ms: Option<u64>) {
        self.ms = self.ms.into_iter().chain(ms).min();
    }

    /// Waits for work no longer than whoever asked does. Work that is to go on is not dropped with this future: it is a task, or
    /// on a thread of its own.
    ///
    /// # Errors
    /// If that is too short.
    pub(crate) async fn within<F: Future>(&self, work: F) -> Result<F::Output, ScoreError> {
        let Some(ms) = self.ms else {
            return Ok(work.await);
        };
        let left = Duration::from_millis(ms).saturating_sub(self.clock.elapsed());
        let done = tokio::time::timeout(left, work).await;
        done.map_err(|_late| ScoreError::TimeOver { ms })
    }

    /// Milliseconds that are left.
    fn left_ms(&self) -> f64 {
        let most_ms = self.ms.unwrap_or(WAIT_MS_MAX).min(PATIENCE_MS_MAX) as f64;
        (most_ms - self.clock.seconds() * 1e3).max(0.0)
    }
}

impl Queue {
    /// For a model of which one row alone takes so many microseconds, and that predicts as many batches at once as it has
    /// replicas.
    pub(crate) fn new(
        row_us: f64,
        target: Duration,
        replicas: Option<u32>,
        (numbers, counts): (BatchNumbers, Arc<Counts>),
    ) -> Self {
        let n_cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                n_rows_waiting: 0,
                n_running: 0,
                refused: None,
                rows_max: ROWS_FIRST,
                us_per_row: row_us,
            }),
            target_us: (target.as_secs_f64() * 1e6).max(TIMES_ALONE * row_us),
            n_workers: replicas.map_or_else(n_cores, |replicas| replicas as usize),
            n_asked: AtomicU64::new(0),
            numbers,
            counts,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a batch is predicted, with others if that is quicker. One whose turn has not come when whoever asked waits no
    /// longer leaves the line; one that is being predicted is waited for to the end.
    ///
    /// # Errors
    /// It would wait too long, did so, or cannot be predicted.
    pub(crate) async fn predicted(
        self: &Arc<Self>,
        loaded: &LoadedModel,
        batch: Batch,
        patience: Patience,
    ) -> Reply {
        let (reply, mut told) = oneshot::channel();
        let id = self.n_asked.fetch_add(1, Ordering::Relaxed);
        let job = Job {
            id,
            batch,
            clock: patience.clock,
            patience_ms: patience.ms,
            reply,
        };
        if self.take(job, patience)? {
            let (queue, loaded) = (Arc::clone(self), loaded.clone());
            tokio::task::spawn_blocking(move || queue.work(&loaded));
        }
        let told = match patience.within(&mut told).await {
            Ok(told) => told,
            Err(late) if self.withdraw(id) => return Err(late),
            Err(_late) => told.await,
        };
        let told = told.map_err(|_gone| ScoreError::Internal {
            reason: "a bug was met while it predicted".into(),
        });
        told?
    }

    /// Takes a job out of the line, if it still waits.
    fn withdraw(&self, id: u64) -> bool {
        let mut state = self.state();
        let place = state.waiting.iter().position(|job| job.id == id);
        let Some(job) = place.and_then(|place| state.waiting.remove(place)) else {
            return false;
        };
        state.n_rows_waiting -= job.batch.table.n_rows();
        // Large tables take their time to go.
        drop(state);
        self.counts.wait(-1);
        true
    }

    /// Refuses a request that would wait too long, before its body is read.
    ///
    /// # Errors
    /// It would.
    pub(crate) fn check(&self, patience: Patience) -> Result<(), ScoreError> {
        self.check_wait(&mut self.state(), patience)
    }

    fn check_wait(&self, state: &mut State, patience: Patience) -> Result<(), ScoreError> {
        patience.check()?;
        let wait_ms = state.us_per_row * state.n_rows_waiting as f64 / self.n_workers as f64 / 1e3;
        let most_ms = if patience.ms.is_none() && state.is_pressed() {
            patience.left_ms().min(self.target_us / 1e3)
        } else {
            patience.left_ms()
        };
        if wait_ms > most_ms {
            if patience.ms.is_none() {
                state.refused = Some(Clock::start());
            }
            return Err(ScoreError::Overloaded {
                seconds: (wait_ms / 1e3).ceil().max(1.0) as u64,
            });
        }
        Ok(())
    }

    /// Lets a job wait, unless that is too long; says whether another worker is to begin.
    fn take(&self, job: Job, patience: Patience) -> Result<bool, ScoreError> {
        let mut state = self.state();
        self.check_wait(&mut state, patience)?;
        state.n_rows_waiting += job.batch.table.n_rows();
        state.waiting.push_back(job);
        self.counts.wait(1);
        let begins = state.n_running < self.n_workers;
        state.n_running += usize::from(begins);
        Ok(begins)
    }

    /// Predicts until nothing waits. A fault of the program is one of the jobs that met it: their callers are told when it drops them.
    fn work(&self, loaded: &LoadedModel) {
        loop {
            let jobs = self.state().next_jobs_or_leave();
            self.counts.wait(-(jobs.len() as i64));
            if jobs.is_empty() {
                return;
            }
            let work = || self.predict(jobs, loaded);
            drop(std::panic::catch_unwind(AssertUnwindSafe(work)));
        }
    }

    /// Predicts what is still wanted of some jobs.
    fn predict(&self, jobs: Vec<Job>, loaded: &LoadedModel) {
        let mut wanted = Vec::new();
        for job in jobs {
            let patience = Patience {
                clock: job.clock,
                ms: job.patience_ms,
            };
            match patience.check() {
                _ if job.reply.is_closed() => {}
                Ok(()) => wanted.push(job),
                Err(late) => drop(job.reply.send(Err(late))),
            }
        }
        if wanted.is_empty() {
            return;
        }
        let n_rows: usize = wanted.iter().map(|job| job.batch.table.n_rows()).sum();
        // Counted before anybody is told, so that whoever was told finds it counted.
        self.numbers.observe(n_rows);
        let clock = Clock::start();
        predict_together(wanted, loaded, (clock, &self.counts));
        let us = clock.seconds() * 1e6;
        self.state().learn(n_rows, us, self.target_us);
    }
}

impl State {
    /// Whether more comes than can be answered.
    fn is_pressed(&self) -> bool {
        self.refused.is_some_and(|since| since.seconds() < CALM_S)
    }

    /// [`State::next_jobs`] for a worker, which ends where there are none: in one step, so that what comes then begins another.
    fn next_jobs_or_leave(&mut self) -> Vec<Job> {
        let jobs = self.next_jobs();
        if jobs.is_empty() {
            self.n_running -= 1;
            // A line that ended does not stand.
            self.refused = None;
        }
        jobs
    }

    /// The jobs that are taken together next: the first, and those behind it that fit.
    fn next_jobs(&mut self) -> Vec<Job> {
        let mut jobs: Vec<Job> = Vec::new();
        let mut n_rows = 0;
        while let Some(job) = self.waiting.front() {
            let n_more = job.batch.table.n_rows();
            if !jobs.is_empty() && n_rows + n_more > self.rows_max {
                break;
            }
            n_rows += n_more;
            jobs.extend(self.waiting.pop_front());
        }
        self.n_rows_waiting -= n_rows;
        jobs
    }

    /// What a batch of so many rows says that took so long.
    fn learn(&mut self, n_rows: usize, us: f64, target_us: f64) {
        if n_rows == 0 {
            return;
        }
        self.us_per_row += NEWS * (us / n_rows as f64 - self.us_per_row);
        let was_full = n_rows * 2 > self.rows_max;
        if us > target_us && was_full && n_rows <= self.rows_max {
            self.rows_max = (self.rows_max * 3 / 4).max(1);
        } else if us < target_us / 2.0 && was_full {
            self.rows_max = (self.rows_max * 2).min(ROWS_MOST);
        }
    }
}

/// Predicts jobs as one table; each alone if that cannot be, so that one that fails fails alone.
fn predict_together(jobs: Vec<Job>, loaded: &LoadedModel, (clock, counts): (Clock, &Counts)) {
    let timed = |predicted: Result<Predicted, ScoreError>| -> Reply {
        predicted.map(|predicted| (predicted, clock.elapsed()))
    };
    if jobs.len() > 1 {
        let tables: Vec<&Table> = jobs.iter().map(|job| &job.batch.table).collect();
        let together = Table::stacked(&tables).map(Batch::from);
        if let Some(Ok(predicted)) = together.map(|batch| batch.predict(loaded)) {
            counts.executed(1);
            let mut first = 0;
            for job in jobs {
                let n_rows = job.batch.table.n_rows();
                let own = part(&predicted.predictions, first, n_rows);
                first += n_rows;
                drop(job.reply.send(timed(job.batch.settled(own, loaded))));
            }
            return;
        }
    }
    for job in jobs {
        let predicted = job.batch.predict(loaded);
        counts.executed(1);
        drop(job.reply.send(timed(predicted)));
    }
}

/// The predictions of some rows.
fn part(all: &Predictions, first: usize, n_rows: usize) -> Predictions {
    let width = all.width();
    let values = all.values()[first * width..(first + n_rows) * width].to_vec();
    all.with_values(values)
}
