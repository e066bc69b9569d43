//! Makes a backup.

use super::hashing;
use super::sink::Sink;
use super::{
    ARTIFACTS, BackupError, DATABASE, FORMAT, KEY, Listed, MANIFEST, Manifest, Sealed, Summary,
    blob, is_archive,
};
use crate::artifact_uri::ArtifactPlace;
use crate::artifacts::{ArtifactError, ArtifactStore, Wanted};
use crate::db::{self, DbError, Place, Sql, transfer};
use crate::manifest::rfc3339;
use crate::registry::webhooks;
use crate::sealed::Sealer;
use automl_core::Clock;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Copies a workspace, while others may write to it, into a directory or, if the name ends in `.tar.zst`, one file. It
/// appears when it is whole. The file of the key of secrets, `key`, is in it if it is there.
///
/// # Errors
/// If something is there already, the disk is full, or the workspace cannot be read.
pub fn create(
    database: &Place,
    store: &ArtifactStore,
    key: Option<&Path>,
    target: &Path,
) -> Result<Summary, BackupError> {
    if is_named_like_a_file(target) {
        let path = target.to_owned();
        return Err(BackupError::Named { path });
    }
    let mut sink = Sink::create(target)?;
    let scratch = scratch(target)?;
    let file = scratch.path().join(DATABASE);
    transfer::snapshot(database, &file)?;
    let mut record = db::open_foreign(&file)?;
    let owners = Owners::of(record.as_mut())?;
    // The key was there before anything was sealed by it.
    let key = match key {
        Some(path) if path.try_exists().map_err(BackupError::io(path))? => Some(path),
        _ => None,
    };
    let sealer = key.map(Sealer::of_file).transpose()?;
    let unopened = webhooks::unopened(record.as_mut(), sealer.as_ref())?;
    drop(record);
    let database = put_file(&mut sink, DATABASE, &file)?;
    let list = scratch.path().join(ARTIFACTS);
    let mut summary = Summary {
        n_runs: owners.n_runs,
        n_files: 0,
        n_bytes: 0,
        n_elsewhere: owners.n_elsewhere,
        n_sealed_elsewhere: unopened.len() as u64,
    };
    artifacts(&mut sink, store, &owners, &list, &mut summary)?;
    let artifacts = put_file(&mut sink, ARTIFACTS, &list)?;
    let key = key.map(|path| put_file(&mut sink, KEY, path)).transpose()?;
    let manifest = Manifest {
        format: FORMAT,
        created: rfc3339(Clock::unix_micros()),
        database,
        artifacts,
        key,
        summary: summary.clone(),
    };
    let text = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| BackupError::io(target)(error.into()))?;
    sink.put(MANIFEST, text.len() as u64, &mut text.as_slice())?;
    sink.finish()?;
    Ok(summary)
}

/// Whether a name is that of a file of another kind, which nobody expects to be a directory.
fn is_named_like_a_file(target: &Path) -> bool {
    let kind = target.extension().and_then(|kind| kind.to_str());
    let kind = kind.map(str::to_ascii_lowercase);
    !is_archive(target) && kind.is_some_and(|kind| FILE_KINDS.contains(&kind.as_str()))
}

/// How names of archives, databases and the like end.
const FILE_KINDS: [&str; 18] = [
    "zip", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "zst", "tzst", "7z", "rar", "db",
    "sqlite", "sqlite3", "sql", "dump", "bak",
];

/// A directory for parts, on the disk that the backup goes to.
fn scratch(target: &Path) -> Result<tempfile::TempDir, BackupError> {
    let parent = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let scratch = tempfile::Builder::new()
        .prefix(".automl-backup-")
        .tempdir_in(parent);
    scratch.map_err(BackupError::io(parent))
}

fn put_file(sink: &mut Sink, name: &str, path: &Path) -> Result<Sealed, BackupError> {
    let mut file = File::open(path).map_err(BackupError::io(path))?;
    let n_bytes = file.metadata().map_err(BackupError::io(path))?.len();
    sink.put(name, n_bytes, &mut file)
}

/// The runs and models that a record knows.
struct Owners {
    ids: BTreeSet<String>,
    n_runs: u64,
    n_elsewhere: u64,
}

impl Owners {
    fn of(sql: &mut dyn Sql) -> Result<Self, DbError> {
        let mut texts = |query: &str| {
            let rows = sql.query(query, &[])?;
            rows.iter()
                .map(|row| row.text(0))
                .collect::<Result<Vec<_>, _>>()
        };
        let runs = texts("SELECT id FROM runs")?;
        let models = texts("SELECT id FROM logged_models")?;
        let locations = texts("SELECT artifact_location FROM experiments")?;
        let is_here = |uri: &String| matches!(ArtifactPlace::of(uri), Some(ArtifactPlace::Here(_)));
        Ok(Self {
            n_runs: runs.len() as u64,
            n_elsewhere: locations.iter().filter(|uri| !is_here(uri)).count() as u64,
            ids: runs.into_iter().chain(models).collect(),
        })
    }

    /// Whether the artifact at a path is of a run or model that the record does not know.
    fn is_orphan(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let is_hex =
            |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_id = |part: &str| is_hex(part.strip_prefix("m-").unwrap_or(part));
        let owner = parts
            .windows(2)
            .find(|pair| is_id(pair[0]) && pair[1] == "artifacts");
        owner.is_some_and(|pair| !self.ids.contains(pair[0]))
    }
}

/// Copies all artifacts, and writes the list of them.
fn artifacts(
    sink: &mut Sink,
    store: &ArtifactStore,
    owners: &Owners,
    list: &Path,
    summary: &mut Summary,
) -> Result<(), BackupError> {
    let failed = |error| BackupError::io(list)(error);
    let mut list = std::io::BufWriter::new(File::create_new(list).map_err(failed)?);
    let mut known = BTreeSet::new();
    let mut waiting = vec![String::new()];
    while let Some(place) = waiting.pop() {
        for entry in store.list(&place)? {
            let path = if place.is_empty() {
                entry.name
            } else {
                format!("{place}/{}", entry.name)
            };
            if entry.n_bytes.is_none() {
                waiting.push(path);
                continue;
            }
            if owners.is_orphan(&path) {
                continue;
            }
            let mut file = match store.read(&path, Wanted::Whole) {
                Ok(file) => file,
                // Removed meanwhile.
                Err(ArtifactError::Missing { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let n_bytes = file.n_bytes;
            let sealed = hashing::seal(&mut file).map_err(failed)?;
            if known.insert(sealed.sha256.clone()) {
                let mut file = store.read(&path, Wanted::Whole)?;
                if sink.put(&blob(&sealed.sha256), n_bytes, &mut file)? != sealed {
                    return Err(BackupError::Restless { path });
                }
                summary.n_bytes += sealed.n_bytes;
            }
            summary.n_files += 1;
            let line = Listed { path, sealed };
            serde_json::to_writer(&mut list, &line).map_err(|error| failed(error.into()))?;
            list.write_all(b"\n").map_err(failed)?;
        }
    }
    list.flush().map_err(failed)
}
