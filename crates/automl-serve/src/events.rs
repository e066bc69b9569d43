//! Event files of TensorBoard that clients send, read into metrics of their runs: after they are whole, on one thread of its
//! own, so that no request waits for it.

use crate::artifacts::{place, store_of};
use automl_core::Coded;
use automl_store::artifacts::{ArtifactError, ArtifactStore, Wanted};
use automl_store::db::Database;
use automl_store::tracking::events::{self, EventsError, is_event_file};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::runs;
use std::collections::BTreeSet;
use std::io::BufReader;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Files that may wait. One that is sent again while it waits is read once.
const WAITING_MAX: usize = 4096;

/// A file of a run, by the run's id and its path among the run's artifacts.
type File = (String, String);

/// Reads event files, one after the other. Dropping it ends when all that wait are read.
pub(crate) struct EventFiles {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: BTreeSet<File>,
    is_closing: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next file; waits for one, unless no more come.
    fn next(&self) -> Option<File> {
        let mut state = self.state();
        loop {
            if let Some(file) = state.waiting.pop_first() {
                return Some(file);
            }
            if state.is_closing {
                return None;
            }
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl EventFiles {
    /// Starts the thread.
    pub(crate) fn start(db: Database, artifacts: ArtifactStore) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let files = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("events".into());
        let thread = thread.spawn(move || {
            while let Some((run, path)) = files.next() {
                match read(&db, &artifacts, &run, &path) {
                    Ok(done) => {
                        tracing::info!(run, path, n_new = done.n_new, "event file read");
                    }
                    Err(error) => {
                        let code = error.code();
                        tracing::warn!(run, path, code, %error, "event file not read");
                    }
                }
            }
        })?;
        let thread = Some(thread);
        Ok(Self { queue, thread })
    }

    /// Hears of a whole artifact of a run; event files will be read.
    pub(crate) fn of_run(&self, run: &str, path: &str) {
        let name = path.rsplit('/').next().unwrap_or_default();
        if !is_event_file(name) {
            return;
        }
        let mut state = self.queue.state();
        if state.waiting.len() >= WAITING_MAX {
            tracing::warn!(
                run,
                path,
                "too many event files wait; read it by `automl runs import-events`"
            );
            return;
        }
        state.waiting.insert((run.to_owned(), path.to_owned()));
        self.queue.changed.notify_one();
    }

    /// Hears of a whole artifact by its path below the root, where a run's artifacts are below `RUN/artifacts`.
    pub(crate) fn at(&self, path: &str) {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let is_id = |part: &str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
        let found = parts
            .windows(2)
            .position(|pair| is_id(pair[0]) && pair[1] == "artifacts");
        if let Some(place) = found {
            self.of_run(parts[place], &parts[place + 2..].join("/"));
        }
    }
}

impl Drop for EventFiles {
    fn drop(&mut self) {
        self.queue.state().is_closing = true;
        self.queue.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            drop(thread.join());
        }
    }
}

/// Why a file that was sent did not become metrics.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Events(#[from] EventsError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error("this server cannot read artifacts of '{uri}'")]
    Elsewhere { uri: String },
}

impl Coded for ReadError {
    fn code(&self) -> &'static str {
        match self {
            Self::Events(error) => error.code(),
            Self::Artifact(_) => "artifact-read",
            Self::Elsewhere { .. } => "artifact-elsewhere",
        }
    }
}

fn read(
    db: &Database,
    artifacts: &ArtifactStore,
    run_id: &str,
    path: &str,
) -> Result<events::EventsRead, ReadError> {
    let id = run_id.to_owned();
    let run = db
        .read(move |sql| runs::get(sql, DEFAULT_WORKSPACE, &id))
        .wait()
        .map_err(EventsError::from)?;
    let place = place(&run.artifact_uri).map_err(|_elsewhere| ReadError::Elsewhere {
        uri: run.artifact_uri.clone(),
    })?;
    let (folder, whole) = store_of(artifacts, place, path);
    let file = folder.read(&whole, Wanted::Whole)?;
    let input = BufReader::with_capacity(64 << 10, file);
    Ok(events::import(
        db,
        DEFAULT_WORKSPACE,
        run_id,
        below_first(path),
        input,
    )?)
}

/// The folders of a path behind the first, which is only where a client put its files: `tensorboard/train/FILE` is `train`.
fn below_first(path: &str) -> &str {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split_once('/').map_or("", |(_, rest)| rest)
}
