//! Takes spool files into the record.

use super::entry::{Begin, Child, Data, Entry, FORMAT, Point, Status, Texts};
use crate::args;
use crate::artifacts::ArtifactError;
use crate::db::{DbError, Sql};
use crate::registry::files::{self, FilesError};
use crate::tracking::experiments::{self, DEFAULT_WORKSPACE, NewExperiment};
use crate::tracking::inputs::{self, Dataset, DatasetInput, Direction, ModelLink};
use crate::tracking::log::{self, Batch, Metric};
use crate::tracking::runs::{self, NewRun};
use crate::tracking::{KeyValue, LIMITS, TrackingError, logged_models};
use crate::workspace::{PROXY_ROOT, Record, WorkspaceError};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The tag of a run that names the one above it.
const PARENT_TAG: &str = "mlflow.parentRunId";
/// Bytes read of a file at once.
const READ_BYTES: usize = 1 << 20;

/// How far each file was taken in.
#[derive(Debug, Default)]
pub struct Tails {
    taken: BTreeMap<PathBuf, u64>,
    /// Whether files that were set aside had their next chance.
    has_retried: bool,
}

/// What came of a replay.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Runs that were taken in to their end.
    pub n_ended: usize,
    /// Files that cannot be taken in, with the reason. They stand in the spool as `.bad`, and whoever begins to look there next
    /// tries again.
    pub bad: Vec<(PathBuf, String)>,
}

/// Why one file was not taken in.
#[derive(Debug)]
enum Failure {
    /// The record is away or full: the file waits.
    Wait(WorkspaceError),
    /// The file will never be taken in.
    Bad(String),
}

impl From<TrackingError> for Failure {
    fn from(error: TrackingError) -> Self {
        match error {
            TrackingError::Db(error @ (DbError::Away { .. } | DbError::Full | DbError::Closed)) => {
                Self::Wait(error.into())
            }
            other => Self::Bad(other.to_string()),
        }
    }
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Path => Self::Bad(error.to_string()),
            other => Self::Wait(other.into()),
        }
    }
}

impl From<FilesError> for Failure {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Artifacts(error) => error.into(),
            other => Self::Bad(other.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Wait(ArtifactError::Io { source: error }.into())
    }
}

/// Takes in what the spool holds, also of runs that go on; files of runs that ended are removed. Does nothing while
/// another process does it.
///
/// # Errors
/// If the record is away or full; all that was not taken in stays.
pub fn replay(
    record: &Record,
    spool: &Path,
    tails: &mut Tails,
) -> Result<Replayed, WorkspaceError> {
    let mut replayed = Replayed::default();
    let Ok(listed) = fs::read_dir(spool) else {
        return Ok(replayed);
    };
    let has_retried = std::mem::replace(&mut tails.has_retried, true);
    let is_of = |path: &PathBuf, kind: &str| path.extension().is_some_and(|found| found == kind);
    let is_spooled = |path: &PathBuf| is_of(path, "jsonl") || (!has_retried && is_of(path, "bad"));
    let paths = listed.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> = paths.filter(is_spooled).collect();
    if paths.is_empty() {
        return Ok(replayed);
    }
    paths.sort();
    let io_failed = |source| WorkspaceError::Artifacts(ArtifactError::Io { source });
    let lock = File::create(spool.join(".lock")).map_err(io_failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(replayed),
        Err(TryLockError::Error(error)) => return Err(io_failed(error)),
    }
    for mut path in paths {
        if is_of(&path, "bad") {
            let again = path.with_extension("jsonl");
            fs::rename(&path, &again).map_err(io_failed)?;
            path = again;
        }
        match take_in(record, &path, tails) {
            Ok(is_ended) => replayed.n_ended += usize::from(is_ended),
            Err(Failure::Wait(error)) => return Err(error),
            Err(Failure::Bad(reason)) => {
                let aside = path.with_extension("bad");
                fs::rename(&path, &aside).map_err(io_failed)?;
                tails.taken.remove(&path);
                replayed.bad.push((aside, reason));
            }
        }
    }
    tails.taken.retain(|path, _| path.exists());
    Ok(replayed)
}

/// Takes in what is new in a file, and says whether that was the last of it.
fn take_in(record: &Record, path: &Path, tails: &mut Tails) -> Result<bool, Failure> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let id = path.file_stem().unwrap_or_default().to_string_lossy();
    let staging = path.with_extension("files");
    // Asked before the rest is read: of a process that is gone, nothing more comes.
    let is_orphan = file.try_lock_shared().is_ok();
    let start = tails.taken.get(path).copied().unwrap_or(0);
    file.seek(SeekFrom::Start(start))?;
    let mut taken = start;
    let mut is_ended = false;
    let mut rest = Vec::new();
    loop {
        let n_read = (&mut file).take(READ_BYTES as u64).read_to_end(&mut rest)?;
        let n_whole = rest
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let entries = parse(&rest[..n_whole])?;
        is_ended |= matches!(entries.last(), Some(Entry::End { .. }));
        apply(record, &id, &staging, entries)?;
        taken += n_whole as u64;
        rest.drain(..n_whole);
        if n_read < READ_BYTES {
            break;
        }
    }
    if !is_ended && is_orphan {
        let end = Entry::End {
            status: Status::Killed,
            end_ms: modified_ms(&file)?,
        };
        apply(record, &id, &staging, vec![end])?;
        is_ended = true;
    }
    if !is_ended {
        tails.taken.insert(path.to_owned(), taken);
        return Ok(false);
    }
    if staging.exists() {
        fs::remove_dir_all(&staging)?;
    }
    fs::remove_file(path)?;
    Ok(true)
}

fn parse(lines: &[u8]) -> Result<Vec<Entry>, Failure> {
    let lines = lines.split(|&byte| byte == b'\n');
    let whole = lines.filter(|line| !line.is_empty());
    whole
        .map(|line| serde_json::from_slice(line).map_err(|error| Failure::Bad(error.to_string())))
        .collect()
}

fn modified_ms(file: &File) -> io::Result<i64> {
    let modified = file.metadata()?.modified()?;
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(since.as_millis() as i64)
}

/// Takes entries in: rows in as few transactions as files in between allow.
fn apply(record: &Record, id: &str, staging: &Path, entries: Vec<Entry>) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for entry in entries {
        if let Entry::Files { model, staged, to } = &entry {
            write(record, id, std::mem::take(&mut rows))?;
            put_files(record, id, &staging.join(staged), model.as_deref(), to)?;
        } else {
            rows.push(entry);
        }
    }
    write(record, id, rows)
}

fn write(record: &Record, id: &str, entries: Vec<Entry>) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    let id = id.to_owned();
    let work = move |sql: &mut dyn Sql| entries.iter().try_for_each(|entry| put(sql, &id, entry));
    Ok(record.db.write(work).wait()?)
}

/// One entry as rows.
fn put(sql: &mut dyn Sql, id: &str, entry: &Entry) -> Result<(), TrackingError> {
    let this = |sql: &mut dyn Sql| runs::get(sql, DEFAULT_WORKSPACE, id);
    match entry {
        Entry::Run { format, begin } => put_run(sql, id, *format, begin),
        Entry::Log {
            params,
            tags,
            metrics,
        } => put_log(sql, id, params, tags, metrics),
        Entry::Child(child) => put_child(sql, id, child),
        Entry::Data(data) => {
            let run = this(sql)?;
            let log = if data.is_written {
                inputs::log_outputs
            } else {
                inputs::log_datasets
            };
            same_data(sql, data)?;
            let mut data = data.clone();
            if let Some(known) = content_of(sql, &data.digest)? {
                data.digest = known;
            }
            log(sql, &run, &[dataset(&data)])
        }
        Entry::ModelRead { id: model } => {
            let run = this(sql)?;
            inputs::log_models(sql, &run, Direction::In, &[link(model)])
        }
        Entry::ModelMade { id: model, name } => {
            let run = this(sql)?;
            let new = logged_models::NewLoggedModel {
                experiment_id: run.experiment_id,
                name: Some(name.clone()),
                source_run_id: Some(id.to_owned()),
                ..Default::default()
            };
            logged_models::ensure(sql, DEFAULT_WORKSPACE, model, &new)?;
            inputs::log_models(sql, &run, Direction::Out, &[link(model)])
        }
        // Files are no rows.
        Entry::Files { .. } => Ok(()),
        Entry::End { status, end_ms } => end(sql, id, *status, *end_ms),
    }
}

fn put_run(sql: &mut dyn Sql, id: &str, format: u32, run: &Begin) -> Result<(), TrackingError> {
    if format > FORMAT || run.id != id {
        let reason = format!("a run of format {format} with id {}", run.id);
        return Err(TrackingError::Invalid(reason));
    }
    let new = NewRun {
        experiment_id: experiment_of(sql, &run.experiment)?,
        name: run.name.clone(),
        user_id: run.user.clone(),
        start_ms: Some(run.start_ms),
        tags: key_values(&run.tags, LIMITS.tag_value),
    };
    begin(sql, id, &new)
}

fn put_child(sql: &mut dyn Sql, id: &str, child: &Child) -> Result<(), TrackingError> {
    let parent = runs::get(sql, DEFAULT_WORKSPACE, id)?;
    let new = NewRun {
        experiment_id: parent.experiment_id,
        name: Some(child.name.clone()),
        user_id: parent.user_id,
        start_ms: Some(child.start_ms),
        tags: vec![key_value(PARENT_TAG, id, LIMITS.tag_value)],
    };
    begin(sql, &child.id, &new)?;
    put_log(sql, &child.id, &child.params, &Texts::new(), &child.metrics)?;
    end(sql, &child.id, child.status, child.end_ms)
}

/// Makes a run unless it is there. What was done is never lost: where its experiment is deleted, so is the run.
fn begin(sql: &mut dyn Sql, id: &str, new: &NewRun) -> Result<(), TrackingError> {
    match runs::get(sql, DEFAULT_WORKSPACE, id) {
        Ok(_) => Ok(()),
        Err(TrackingError::RunMissing { .. }) => {
            let experiment = experiments::get(sql, DEFAULT_WORKSPACE, new.experiment_id)?;
            runs::create_in(sql, &experiment, id, new).map(|_run| ())
        }
        Err(error) => Err(error),
    }
}

/// The experiment of a name, deleted or not; made if it is not there.
fn experiment_of(sql: &mut dyn Sql, name: &str) -> Result<i64, TrackingError> {
    if let Some(found) = experiments::by_name(sql, DEFAULT_WORKSPACE, name)? {
        return Ok(found.id);
    }
    let new = NewExperiment {
        name: name.to_owned(),
        artifact_location: None,
        tags: Vec::new(),
    };
    experiments::create(sql, DEFAULT_WORKSPACE, PROXY_ROOT, &new)
}

fn put_log(
    sql: &mut dyn Sql,
    id: &str,
    params: &Texts,
    tags: &Texts,
    metrics: &[Point],
) -> Result<(), TrackingError> {
    let metrics = metrics.iter().map(|point| Metric {
        key: point.key.clone(),
        value: point.value,
        timestamp_ms: point.at_ms,
        step: point.step,
        ..Metric::default()
    });
    let batch = Batch {
        metrics: metrics.collect(),
        params: key_values(params, LIMITS.param_value),
        tags: key_values(tags, LIMITS.tag_value),
    };
    let run = runs::get(sql, DEFAULT_WORKSPACE, id)?;
    log::put(sql, &run, &batch)
}

fn end(sql: &mut dyn Sql, id: &str, status: Status, end_ms: i64) -> Result<(), TrackingError> {
    let change = runs::Change {
        status: Some(status.name().to_owned()),
        end_ms: Some(end_ms),
        name: None,
    };
    let run = runs::get(sql, DEFAULT_WORKSPACE, id)?;
    runs::apply(sql, run, &change).map(|_run| ())
}

fn key_values(texts: &Texts, n_max: usize) -> Vec<KeyValue> {
    let texts = texts.iter();
    texts
        .map(|(key, value)| key_value(key, value, n_max))
        .collect()
}

/// A value that is too long is cut: what a verb says of itself is no reason to lose its run.
fn key_value(key: &str, value: &str, n_max: usize) -> KeyValue {
    let value = match value.char_indices().nth(n_max) {
        Some((end, _)) => &value[..end],
        None => value,
    };
    KeyValue {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

/// What data is called, in its profile, by verbs that do not hash it.
pub const UNREAD_KEY: &str = "unread";
/// What such a name begins with.
const UNREAD: &str = "unread-";

/// The digest of the content of data that was not hashed, where another verb hashed the same file as it was then.
fn content_of(sql: &mut dyn Sql, digest: &str) -> Result<Option<String>, TrackingError> {
    if !digest.starts_with(UNREAD) {
        return Ok(None);
    }
    let row = sql.query_one(
        "SELECT digest FROM datasets WHERE profile LIKE ?1 ORDER BY id DESC LIMIT 1",
        args![&format!("%\"{UNREAD_KEY}\":\"{digest}\"%")],
    )?;
    Ok(row.map(|row| row.text(0)).transpose()?)
}

/// Gives data that was used before without being hashed the digest of its content, now that it is known.
fn same_data(sql: &mut dyn Sql, data: &Data) -> Result<(), TrackingError> {
    let profile = data.profile.as_deref().unwrap_or_default();
    let profile: serde_json::Value = serde_json::from_str(profile).unwrap_or_default();
    let Some(unread) = profile.get(UNREAD_KEY).and_then(serde_json::Value::as_str) else {
        return Ok(());
    };
    sql.execute(
        "UPDATE datasets SET digest = ?1 WHERE digest = ?2 AND NOT EXISTS (SELECT 1 FROM datasets o \
         WHERE o.experiment_id = datasets.experiment_id AND o.name = datasets.name AND o.digest = ?1)",
        args![&data.digest, unread],
    )?;
    Ok(())
}

fn dataset(data: &Data) -> DatasetInput {
    let source_type = if data.uri.contains("://") {
        "http"
    } else {
        "local"
    };
    DatasetInput {
        dataset: Dataset {
            name: data.name.clone(),
            digest: data.digest.clone(),
            source_type: source_type.to_owned(),
            source: serde_json::json!({ "uri": data.uri }).to_string(),
            schema: data.schema.clone(),
            profile: data.profile.clone(),
        },
        tags: vec![key_value(
            inputs::CONTEXT_TAG,
            &data.context,
            LIMITS.input_tag_value,
        )],
    }
}

fn link(model: &str) -> ModelLink {
    ModelLink {
        model_id: model.to_owned(),
        step: 0,
    }
}

/// Puts staged files among the artifacts of a run, or of a model that it made, which then is ready.
fn put_files(
    record: &Record,
    id: &str,
    staged: &Path,
    model: Option<&str>,
    to: &str,
) -> Result<(), Failure> {
    let root = {
        let (id, model) = (id.to_owned(), model.map(str::to_owned));
        let ask = move |sql: &mut dyn Sql| root_of(sql, &id, model.as_deref());
        record.db.read(ask).wait()?
    };
    if let Some(root) = root.strip_prefix(PROXY_ROOT) {
        let path = format!("{}/{to}", root.trim_matches('/'));
        // What is gone was taken in before.
        if staged.exists() {
            files::import(&record.artifacts, staged, path.trim_matches('/'))?;
        }
    } else {
        // Only those who log there can write there.
        tracing::warn!(
            run = id,
            root,
            "files of a run were not kept: its artifacts are elsewhere"
        );
    }
    if let Some(model) = model {
        let model = model.to_owned();
        let ready = move |sql: &mut dyn Sql| {
            let status = logged_models::Status::Ready;
            logged_models::finalize(sql, DEFAULT_WORKSPACE, &model, status).map(|_model| ())
        };
        record.db.write(ready).wait()?;
    }
    Ok(())
}

fn root_of(sql: &mut dyn Sql, id: &str, model: Option<&str>) -> Result<String, TrackingError> {
    if let Some(model) = model {
        return Ok(logged_models::get(sql, DEFAULT_WORKSPACE, model)?.artifact_uri);
    }
    Ok(runs::get(sql, DEFAULT_WORKSPACE, id)?.artifact_uri)
}
