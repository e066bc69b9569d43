//! The threads that hold connections, and the jobs that they take.

use super::{DbError, Sql};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Jobs that one transaction takes at most.
const BATCH_MAX: usize = 256;

/// The answer to work that was handed over: wait for it on a thread, or await it.
pub struct Pending<T, E>(oneshot::Receiver<Result<T, E>>);

impl<T, E: From<DbError>> Pending<T, E> {
    /// Blocks this thread until the answer is there. Not for a thread that runs futures.
    pub fn wait(self) -> Result<T, E> {
        self.0
            .blocking_recv()
            .unwrap_or_else(|_closed| Err(DbError::Closed.into()))
    }
}

impl<T, E: From<DbError>> Future for Pending<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|answer| answer.unwrap_or_else(|_closed| Err(DbError::Closed.into())))
    }
}

/// Work with the place that its answer goes to.
pub(super) trait Job: Send {
    /// Does the work and says whether its changes are to stay.
    fn run(&mut self, sql: &mut dyn Sql) -> bool;

    /// Answers, now that the transaction ended; an error takes the place of what the work gave.
    fn answer(self: Box<Self>, transaction: Result<(), DbError>);
}

struct Task<T, E, F> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl dyn Job {
    pub(super) fn new<T, E, F>(work: F) -> (Box<dyn Job>, Pending<T, E>)
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut dyn Sql) -> Result<T, E> + Send + 'static,
    {
        let (reply, receiver) = oneshot::channel();
        let task = Task {
            work: Some(work),
            result: None,
            reply,
        };
        (Box::new(task), Pending(receiver))
    }
}

impl<T, E, F> Job for Task<T, E, F>
where
    T: Send,
    E: From<DbError> + Send,
    F: FnOnce(&mut dyn Sql) -> Result<T, E> + Send,
{
    fn run(&mut self, sql: &mut dyn Sql) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        let result = work(sql);
        let is_kept = result.is_ok();
        self.result = Some(result);
        is_kept
    }

    fn answer(self: Box<Self>, transaction: Result<(), DbError>) {
        let result = match (transaction, self.result) {
            // What the work itself says is more than that nothing was kept of it.
            (_, Some(Err(error))) => Err(error),
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(DbError::Closed.into()),
        };
        // Whoever asked may have gone away.
        drop(self.reply.send(result));
    }
}

/// A connection that can hold a transaction.
pub(super) trait Connection: Sql + Send {
    /// Makes sure that the connection lives, waiting for a server that is away for a while.
    fn ready(&mut self) -> Result<(), DbError>;
    fn begin(&mut self, is_write: bool) -> Result<(), DbError>;
    /// Begins to write if that can be had in a few milliseconds; says whether it did.
    fn begin_soon(&mut self) -> Result<bool, DbError>;
    fn commit(&mut self) -> Result<(), DbError>;
    /// Ends the transaction without its changes, whatever state it is in.
    fn roll_back(&mut self);
    /// A mark inside the transaction.
    fn mark(&mut self) -> Result<(), DbError>;
    /// Keeps, or undoes, what was done since the mark.
    fn release(&mut self, is_kept: bool) -> Result<(), DbError>;
}

/// How busy the thread that writes is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Work that waits.
    pub waiting: u64,
    /// Transactions so far.
    pub transactions: u64,
    /// Work that they took.
    pub jobs: u64,
    /// Work that the last of them took.
    pub last_batch: u64,
}

#[derive(Debug, Default)]
struct Counts {
    handed_over: AtomicU64,
    taken: AtomicU64,
    transactions: AtomicU64,
    last_batch: AtomicU64,
}

impl Counts {
    fn take(&self, n_jobs: usize) {
        self.taken.fetch_add(n_jobs as u64, Ordering::Relaxed);
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.last_batch.store(n_jobs as u64, Ordering::Relaxed);
    }
}

/// One thread that writes and a few that read.
pub(super) struct Workers {
    counts: Arc<Counts>,
    /// Locked by whoever writes.
    writer: Arc<Mutex<dyn Connection>>,
    write: Option<Sender<Box<dyn Job>>>,
    read: Option<Sender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(super) fn start<C, R>(writer: C, readers: Vec<R>) -> Result<Self, DbError>
    where
        C: Connection + 'static,
        R: Connection + 'static,
    {
        let (write, write_queue) = channel();
        let (read, read_queue) = channel();
        let counts = Arc::new(Counts::default());
        let seen = Arc::clone(&counts);
        let writer: Arc<Mutex<dyn Connection>> = Arc::new(Mutex::new(writer));
        let shared = Arc::clone(&writer);
        let mut threads = vec![spawn("store-write", move || {
            write_all(&shared, &write_queue, &seen);
        })?];
        let read_queue = Arc::new(Mutex::new(read_queue));
        for reader in readers {
            let queue = Arc::clone(&read_queue);
            threads.push(spawn("store-read", move || read_all(reader, &queue))?);
        }
        Ok(Self {
            counts,
            writer,
            write: Some(write),
            read: Some(read),
            threads,
        })
    }

    pub(super) fn load(&self) -> Load {
        let taken = self.counts.taken.load(Ordering::Relaxed);
        let handed_over = self.counts.handed_over.load(Ordering::Relaxed);
        Load {
            waiting: handed_over.saturating_sub(taken),
            transactions: self.counts.transactions.load(Ordering::Relaxed),
            jobs: taken,
            last_batch: self.counts.last_batch.load(Ordering::Relaxed),
        }
    }

    pub(super) fn write(&self, job: Box<dyn Job>) {
        self.counts.handed_over.fetch_add(1, Ordering::Relaxed);
        hand_over(self.write.as_ref(), job);
    }

    /// Does the work at once on this thread if nothing waits and nothing writes, neither here nor in another process.
    pub(super) fn write_here(&self, job: Box<dyn Job>) {
        let before = self.counts.handed_over.fetch_add(1, Ordering::Relaxed);
        if before == self.counts.taken.load(Ordering::Relaxed)
            && let Ok(mut connection) = self.writer.try_lock()
        {
            match connection.begin_soon() {
                Ok(true) => {
                    write_some(connection, vec![job], &self.counts, Begun::Already);
                    return;
                }
                Ok(false) => {}
                // The thread that writes meets the same, and tells of it.
                Err(_) => connection.roll_back(),
            }
        }
        hand_over(self.write.as_ref(), job);
    }

    pub(super) fn read(&self, job: Box<dyn Job>) {
        hand_over(self.read.as_ref(), job);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.write = None;
        self.read = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            drop(thread.join());
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, DbError> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(work).map_err(|error| DbError::Away {
        reason: format!("no thread could be started: {error}"),
    })
}

/// A job that nobody takes is dropped, and whoever waits for it hears that the database was closed.
fn hand_over(queue: Option<&Sender<Box<dyn Job>>>, job: Box<dyn Job>) {
    if let Some(queue) = queue {
        drop(queue.send(job));
    }
}

/// Takes all jobs that wait into one transaction, so that many callers share the cost of a commit.
fn write_all(
    writer: &Mutex<dyn Connection + 'static>,
    queue: &Receiver<Box<dyn Job>>,
    counts: &Counts,
) {
    while let Ok(first) = queue.recv() {
        let connection = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(BATCH_MAX - 1));
        write_some(connection, batch, counts, Begun::NotYet);
    }
}

/// Whether a transaction was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    NotYet,
    Already,
}

/// Does these jobs in one transaction, and answers once others may write.
fn write_some(
    mut connection: MutexGuard<'_, dyn Connection + 'static>,
    mut batch: Vec<Box<dyn Job>>,
    counts: &Counts,
    begun: Begun,
) {
    counts.take(batch.len());
    let outcome = write_batch(&mut *connection, &mut batch, begun);
    if outcome.is_err() {
        connection.roll_back();
    }
    drop(connection);
    for job in batch {
        job.answer(outcome.clone());
    }
}

fn write_batch(
    connection: &mut dyn Connection,
    batch: &mut [Box<dyn Job>],
    begun: Begun,
) -> Result<(), DbError> {
    if begun == Begun::NotYet {
        connection.ready()?;
        connection.begin(true)?;
    }
    for job in batch {
        connection.mark()?;
        let is_kept = job.run(connection.as_sql());
        connection.release(is_kept)?;
    }
    connection.commit()
}

fn read_all(mut connection: impl Connection, queue: &Mutex<Receiver<Box<dyn Job>>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else {
            return;
        };
        let outcome = read_one(&mut connection, job.as_mut());
        if outcome.is_err() {
            connection.roll_back();
        }
        job.answer(outcome);
    }
}

fn read_one(connection: &mut dyn Connection, job: &mut dyn Job) -> Result<(), DbError> {
    connection.ready()?;
    connection.begin(false)?;
    job.run(connection.as_sql());
    connection.commit()
}

impl dyn Connection + '_ {
    fn as_sql(&mut self) -> &mut dyn Sql {
        self
    }
}
