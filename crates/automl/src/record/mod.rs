//! Every verb writes its run down: what it was given, what it measured and what it made.
//!
//! Recording never fails the work and hardly costs it anything: facts are appended to a file of the run, which whoever
//! opens the workspace next takes in (see [`automl_store::spool`]). If that file cannot be written, the user hears of it
//! once and the work goes on.

mod ending;
mod environment;
pub(crate) mod git;
mod pump;
#[cfg(test)]
mod tests;

pub(crate) use ending::end_left;
pub(crate) use environment::{host, user};

use crate::cli::RecordArgs;
use crate::errors::Report;
use crate::progress::Notes;
use automl_core::{Event, Events};
use automl_store::buckets::Address;
use automl_store::spool::UNREAD_KEY;
use automl_store::spool::{Begin, Child, Data, Entry, Point, Spool, Status, Texts};
use automl_store::tracking::{new_id, now_ms};
use automl_store::workspace::Workspace;
use automl_store::{ModelId, db::Place, hex_sha256, sha256_of};
use ending::Open;
use pump::Pump;
use serde::Deserialize as _;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// Hexadecimal digits of a digest that the record keeps: MLflow allows 36.
const DIGEST_DIGITS: usize = 32;

/// Hexadecimal digits of the digest of data that was not read as a whole.
const UNREAD_DIGITS: usize = 24;

/// The tag of a run that its user ended with Ctrl-C or the like, rather than the system.
pub(crate) const STOPPED_TAG: &str = "automl.stopped_by_user";

/// The run of a verb that goes on.
pub(crate) struct Recorder<'a> {
    reporter: &'a dyn Notes,
    workspace: Workspace,
    /// The name of its experiment.
    experiment: String,
    /// Whether the run is of what a server does, not of a verb whose end ends the process.
    is_served: bool,
    run: Mutex<Run>,
}

struct Run {
    /// None if the run is not recorded, or cannot be any more.
    spool: Option<Spool>,
    /// Sends to a database server while the verb works.
    pump: Option<Pump>,
    /// The runs of trials by number.
    trials: BTreeMap<u64, Child>,
    /// What trials are scored by.
    metric: String,
    /// Trials that ended: the steps of what is best so far, for trials do not end in the order in which they began.
    n_ended: i64,
}

/// How much is looked at of where the verb runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What can be read in no time.
    Brief,
    /// The state of the repository too, with what differs from its commit.
    Whole,
}

impl<'a> Recorder<'a> {
    /// Begins a run of a verb, unless the user does not want it.
    pub(crate) fn begin(
        args: &RecordArgs,
        verb: &'static str,
        detail: Detail,
        reporter: &'a dyn Notes,
    ) -> Self {
        let workspace = crate::workspace::named(&args.workspace.workspace);
        let named = (!args.no_record).then(|| Named {
            experiment: args.experiment.clone(),
            name: args.run_name.clone(),
            user: user(),
        });
        let recorder = Self::begin_in(workspace, named, (verb, detail), reporter);
        if let Place::Server(_) = recorder.workspace.database() {
            let mut run = recorder.lock();
            if run.spool.is_some() {
                run.pump = Some(Pump::start(recorder.workspace.clone()));
            }
        }
        recorder
    }

    /// Begins a run of what a server does for a user; the server takes in what is written down.
    pub(crate) fn begin_for(
        workspace: &Workspace,
        asker: &str,
        verb: &'static str,
        reporter: &'a dyn Notes,
    ) -> Self {
        let named = Named {
            experiment: "Default".to_owned(),
            name: None,
            user: if asker.is_empty() {
                user()
            } else {
                asker.to_owned()
            },
        };
        let how = (verb, Detail::Brief);
        let mut recorder = Self::begin_in(workspace.clone(), Some(named), how, reporter);
        recorder.is_served = true;
        recorder
    }

    fn begin_in(
        workspace: Workspace,
        named: Option<Named>,
        (verb, detail): (&'static str, Detail),
        reporter: &'a dyn Notes,
    ) -> Self {
        let mut run = Run {
            spool: None,
            pump: None,
            trials: BTreeMap::new(),
            metric: "score".to_owned(),
            n_ended: 0,
        };
        let mut experiment = String::new();
        if let Some(named) = named.filter(|_| !environment::is_unwanted()) {
            experiment.clone_from(&named.experiment);
            match start(named, verb, detail, &workspace) {
                Ok(spool) => run.spool = Some(spool),
                Err(error) => not_recorded(reporter, &error),
            }
        }
        let recorder = Self {
            reporter,
            workspace,
            experiment,
            is_served: false,
            run: Mutex::new(run),
        };
        if detail == Detail::Whole
            && let Some(diff) = git::diff()
        {
            recorder.with(|spool| spool.stage_bytes("git.diff", diff.as_bytes()));
        }
        recorder
    }

    /// The run's id, if it is recorded.
    pub(crate) fn id(&self) -> Option<String> {
        let run = self.lock();
        run.spool.as_ref().map(|spool| spool.id().to_owned())
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down; if that fails, it is said once and nothing more is written.
    fn with(&self, work: impl FnOnce(&mut Spool) -> io::Result<()>) {
        let mut run = self.lock();
        let Some(spool) = &mut run.spool else { return };
        if let Err(error) = work(spool) {
            run.spool = None;
            drop(run);
            not_recorded(self.reporter, &error);
        }
    }

    /// Logs settings, each under the path of its names.
    pub(crate) fn settings(&self, settings: &Value) {
        let mut params = Texts::new();
        flatten(settings, "", &mut params);
        self.with(|spool| {
            spool.append(&Entry::Log {
                params,
                tags: Texts::new(),
                metrics: Vec::new(),
            })
        });
    }

    /// Logs values as they are now.
    pub(crate) fn metrics<'m>(&self, metrics: impl IntoIterator<Item = (&'m str, f64)>) {
        let at_ms = now_ms();
        let points = metrics.into_iter().map(|(key, value)| Point {
            key: key.to_owned(),
            value,
            step: 0,
            at_ms,
        });
        self.log(points.collect());
    }

    /// Logs values with their steps and times.
    pub(crate) fn log(&self, metrics: Vec<Point>) {
        self.with(|spool| {
            spool.append(&Entry::Log {
                params: Texts::new(),
                tags: Texts::new(),
                metrics,
            })
        });
    }

    /// Notes that the run read data.
    pub(crate) fn reads(&self, data: Seen<'_>) {
        let data = data.into_entry(false);
        self.with(|spool| spool.append(&Entry::Data(data)));
    }

    /// Notes that the run wrote data.
    pub(crate) fn writes(&self, data: Seen<'_>) {
        let data = data.into_entry(true);
        self.with(|spool| spool.append(&Entry::Data(data)));
    }

    /// Notes that the run used a model, if the record knows that.
    pub(crate) fn reads_model(&self, model: Option<&ModelId>) {
        if let Some(model) = model {
            let id = model.model_id.clone();
            self.with(|spool| spool.append(&Entry::ModelRead { id }));
        }
    }

    /// What a model that this run makes is known by, if the run is recorded.
    pub(crate) fn new_model(&self) -> Option<ModelId> {
        let run_id = self.id()?;
        let model_id = format!("m-{}", new_id().ok()?);
        Some(ModelId { run_id, model_id })
    }

    /// Notes that the run made a model, and keeps its directory as it is now.
    pub(crate) fn makes_model(&self, model: Option<&ModelId>, name: &str, directory: &Path) {
        let Some(ModelId { model_id: id, .. }) = model else {
            return;
        };
        self.with(|spool| {
            spool.append(&Entry::ModelMade {
                id: id.clone(),
                name: name.to_owned(),
            })?;
            spool.stage(directory, Some(id), "")
        });
    }

    /// Keeps a folder as it is now, as files of the run.
    pub(crate) fn keeps(&self, folder: &Path, to: &str) {
        self.with(|spool| spool.stage(folder, None, to));
    }

    /// Notes what a trial was given, once that is known.
    pub(crate) fn trial(&self, trial: u64, given: &Value) {
        let known = self.lock().trials.remove(&trial);
        if let Some(mut child) = known {
            flatten(given, "", &mut child.params);
            self.child(child);
        }
    }

    /// Notes a run below this one.
    pub(crate) fn child(&self, child: Child) {
        self.with(|spool| spool.append(&Entry::Child(child)));
    }

    /// Notes that the user ended the run before its end.
    pub(crate) fn is_stopped(&self) {
        let tags = Texts::from([(STOPPED_TAG.to_owned(), "true".to_owned())]);
        self.with(|spool| {
            spool.append(&Entry::Log {
                params: Texts::new(),
                tags,
                metrics: Vec::new(),
            })
        });
    }

    /// Ends the run, and gives its id if it was recorded. One that failed is ended when the verb's error is known.
    pub(crate) fn end(self, status: Status) -> Option<String> {
        let open = self.take()?;
        if status == Status::Failed && !self.is_served {
            let id = open.spool.id().to_owned();
            open.leave();
            return Some(id);
        }
        let ended = open.end(status, self.reporter);
        ended
            .inspect_err(|error| not_recorded(self.reporter, error))
            .ok()
    }

    /// Ends the run with why it failed.
    pub(crate) fn fail(self, report: &Report) {
        if let Some(open) = self.take() {
            open.fail(report, self.reporter);
        }
    }

    /// The run, if it is recorded and has no end yet.
    fn take(&self) -> Option<Open> {
        let mut run = self.lock();
        Some(Open {
            spool: run.spool.take()?,
            pump: run.pump.take(),
            workspace: self.workspace.clone(),
            experiment: self.experiment.clone(),
        })
    }
}

impl Drop for Recorder<'_> {
    /// A verb that ends early failed.
    fn drop(&mut self) {
        if let Some(open) = self.take()
            && !self.is_served
        {
            open.leave();
        }
    }
}

fn not_recorded(reporter: &dyn Notes, error: &io::Error) {
    let why = error
        .source()
        .map_or_else(String::new, |source| format!(": {source}"));
    reporter.note(&format!("warning: this run is not recorded: {error}{why}"));
}

/// What a run is called, and whose it is.
struct Named {
    experiment: String,
    name: Option<String>,
    user: String,
}

fn start(
    named: Named,
    verb: &'static str,
    detail: Detail,
    workspace: &Workspace,
) -> io::Result<Spool> {
    workspace.make().map_err(io::Error::other)?;
    let mut tags = environment::tags(verb, detail);
    tags.insert("mlflow.user".to_owned(), named.user.clone());
    let begin = Begin {
        id: new_id().map_err(io::Error::other)?,
        experiment: named.experiment,
        name: named.name,
        user: named.user,
        start_ms: now_ms(),
        tags,
    };
    Spool::begin(workspace.spool(), begin)
}

/// `{"search": {"seed": 0}}` becomes `search.seed` with `0`, and a length of time is one value, in seconds; what is not set is left out.
pub(crate) fn flatten(value: &Value, path: &str, params: &mut Texts) {
    if value.is_object()
        && let Ok(time) = Duration::deserialize(value)
    {
        params.insert(path.to_owned(), format!("{}s", time.as_secs_f64()));
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(value, &path, params);
            }
        }
        Value::String(text) => {
            params.insert(path.to_owned(), text.clone());
        }
        other => {
            params.insert(path.to_owned(), other.to_string());
        }
    }
}

impl Events for Recorder<'_> {
    /// A trial becomes a run below this one, and the best score so far a metric.
    fn emit(&self, event: &Event) {
        let end_ms = now_ms();
        let (trial, name, status, fit_seconds) = match event {
            Event::TrialFinished {
                trial,
                name,
                fit_seconds,
                ..
            } => (*trial, name, Status::Finished, *fit_seconds),
            Event::TrialFailed { trial, learner, .. } => (*trial, learner, Status::Failed, 0.0),
            Event::Started { metric, .. } => {
                self.lock().metric.clone_from(metric);
                return;
            }
            _ => return,
        };
        let Ok(id) = new_id() else { return };
        let ended = {
            let mut run = self.lock();
            run.n_ended += 1;
            run.n_ended - 1
        };
        let point = |key: &str, value: f64| Point {
            key: key.to_owned(),
            value,
            step: trial as i64,
            at_ms: end_ms,
        };
        let mut metrics = Vec::new();
        if let Event::TrialFinished {
            score, best_score, ..
        } = event
        {
            let metric = self.lock().metric.clone();
            metrics = vec![point(&metric, *score), point("fit_seconds", fit_seconds)];
            self.log(vec![
                point(&format!("trial_{metric}"), *score),
                Point {
                    step: ended,
                    ..point(&format!("best_{metric}"), *best_score)
                },
            ]);
        }
        let child = Child {
            id,
            name: name.clone(),
            status,
            start_ms: end_ms - (fit_seconds * 1000.0) as i64,
            end_ms,
            params: Texts::new(),
            metrics,
        };
        self.lock().trials.insert(trial, child.clone());
        self.child(child);
    }
}

/// Data that a run read or wrote.
pub(crate) struct Seen<'a> {
    /// What for: `training`, `evaluation`, `prediction`.
    pub(crate) context: &'static str,
    /// As the user named it: a path, a pattern, or `-`.
    pub(crate) place: &'a str,
    /// SHA-256 of its content, where that is known.
    pub(crate) sha256: Option<&'a str>,
    pub(crate) n_rows: Option<u64>,
    /// Columns with kinds and roles, as JSON.
    pub(crate) schema: Option<Value>,
}

impl Seen<'_> {
    fn into_entry(self, is_written: bool) -> Data {
        let path = std::path::absolute(self.place).unwrap_or_else(|_| PathBuf::from(self.place));
        let is_no_path = self.place == "-" || Address::parse(self.place).is_some();
        let uri = if is_no_path {
            self.place.to_owned()
        } else {
            path.display().to_string()
        };
        let unread = unread_digest(&path, &uri);
        let mut profile = serde_json::Map::new();
        if let Some(n_rows) = self.n_rows {
            profile.insert("num_rows".into(), n_rows.into());
        }
        let digest = match self.sha256 {
            Some(sha256) => {
                // By which a verb that does not hash the same file names it.
                profile.insert(UNREAD_KEY.into(), unread.into());
                sha256.chars().take(DIGEST_DIGITS).collect()
            }
            None => unread,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = if self.place == "-" { "stdin" } else { &name };
        Data {
            is_written,
            context: self.context.to_owned(),
            name: name.to_owned(),
            digest,
            uri,
            schema: self.schema.map(|schema| schema.to_string()),
            profile: (!profile.is_empty()).then(|| Value::Object(profile).to_string()),
        }
    }
}

/// SHA-256 of a file's content, as the record keeps it.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn digest_of(path: &Path) -> io::Result<String> {
    let mut digest = sha256_of(&mut File::open(path)?)?;
    digest.truncate(DIGEST_DIGITS);
    Ok(digest)
}

/// What tells data apart that was not hashed as a whole, which takes longer than scoring it: where it is, how large, and
/// when it was changed.
pub(crate) fn unread_digest(path: &Path, uri: &str) -> String {
    let mut known = uri.as_bytes().to_vec();
    if let Ok(about) = path.metadata() {
        known.extend(about.len().to_le_bytes());
        let changed = about.modified().ok();
        let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
        known.extend(since.unwrap_or_default().as_nanos().to_le_bytes());
    }
    format!("unread-{}", &hex_sha256(&known)[..UNREAD_DIGITS])
}
