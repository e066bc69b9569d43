//! Tables in object stores: what an address that a user gave means, and copies of it in the workspace.
//!
//! Verbs that read one table bring its objects into `tables/` of the workspace first, several at a time. A copy is called by its
//! object's name, length and tag, so one of an object that has not changed is there already. Messages, accounts and the record
//! name addresses, never copies.

use crate::errors::CliError;
use crate::progress::Spinner;
use crate::text;
use automl_core::Clock;
use automl_data::{DataError, Source, folder_of, parts_among};
use automl_store::buckets::{Address, Bucket, BucketError, Object};
use automl_store::workspace::Workspace;
use automl_store::{hex_sha256, sha256_of};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The folder of a workspace for copies of tables, and of predictions until they are sent.
const TABLES: &str = "tables";
/// Objects that are on their way at once.
const N_AT_ONCE: usize = 4;
/// How long a copy is kept that another address than the one at hand was fetched for.
const AGE_MAX: Duration = Duration::from_hours(30 * 24);
/// Digits of the digests by which copies are called.
const N_DIGITS: usize = 16;

/// Buckets that are spoken to, each once.
#[derive(Debug, Default)]
pub(crate) struct Buckets(BTreeMap<String, Arc<Bucket>>);

impl Buckets {
    /// The bucket of an address.
    ///
    /// # Errors
    /// As [`Address::check`] and [`Bucket::open`].
    pub(crate) fn of(&mut self, address: &Address) -> Result<Arc<Bucket>, BucketError> {
        address.check()?;
        if let Some(bucket) = self.0.get(&address.bucket) {
            return Ok(Arc::clone(bucket));
        }
        let bucket = Arc::new(Bucket::open(address, &crate::workspace::environment())?);
        self.0.insert(address.bucket.clone(), Arc::clone(&bucket));
        Ok(bucket)
    }
}

/// A table in an object store.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) object: Object,
}

impl PartialEq for Remote {
    fn eq(&self, other: &Self) -> bool {
        self.url() == other.url() && self.object == other.object
    }
}

impl Eq for Remote {}

impl Remote {
    pub(crate) fn url(&self) -> String {
        self.bucket.url(&self.object.key)
    }

    /// What a copy of this version is called.
    pub(crate) fn copy_name(&self) -> String {
        let Object { key, n_bytes, etag } = &self.object;
        let known = format!(
            "{}\n{n_bytes}\n{}",
            self.url(),
            etag.as_deref().unwrap_or("")
        );
        let name = Path::new(key).file_name().unwrap_or_default();
        format!("{}-{}", short(&known), name.to_string_lossy())
    }
}

/// What an address means.
pub(crate) struct Found {
    /// The tables, each with its name below what was named; at least one.
    pub(crate) tables: Vec<(Remote, PathBuf)>,
    pub(crate) n_passed_over: usize,
}

/// Looks for what an address means.
///
/// # Errors
/// Nothing is there, or the store refuses or is away.
pub(crate) fn find(text: &str, address: &Address, buckets: &mut Buckets) -> anyhow::Result<Found> {
    let (bucket, key) = (buckets.of(address)?, address.key.as_str());
    let is_one = !address.is_folder() && !key.contains(['*', '?', '[']);
    let objects: Vec<Object> = if is_one {
        bucket.find(key)?.into_iter().collect()
    } else {
        bucket.list(folder_of(key))?
    };
    let mut by_name: BTreeMap<&str, &Object> = BTreeMap::new();
    for object in &objects {
        by_name.insert(&object.key, object);
    }
    let names: Vec<&str> = by_name.keys().copied().collect();
    let parts = parts_among(key, &names)?;
    if parts.parts.is_empty() {
        return Err(if address.is_folder() {
            let folder = text.to_owned();
            DataError::NoTables { folder }.into()
        } else if is_one {
            not_found(text, &bucket, key)?
        } else {
            let pattern = text.to_owned();
            DataError::NoMatch { pattern }.into()
        });
    }
    let table = |part: automl_data::Part| {
        let object = by_name.get(part.path.to_str()?)?;
        let remote = Remote {
            bucket: Arc::clone(&bucket),
            object: (*object).clone(),
        };
        Some((remote, part.name))
    };
    Ok(Found {
        tables: parts.parts.into_iter().filter_map(table).collect(),
        n_passed_over: parts.n_passed_over,
    })
}

/// That an object is not there, with what may have been meant.
fn not_found(text: &str, bucket: &Bucket, key: &str) -> Result<anyhow::Error, BucketError> {
    let beside = match bucket.beside(key) {
        // Who may read an object need not be let see others.
        Err(BucketError::Refused { .. }) => Vec::new(),
        beside => beside?,
    };
    let last = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = beside.iter().map(|key| last(key)).collect();
    let near = automl_core::nearest(&last(key), names.iter().map(String::as_str));
    let path = text.to_owned();
    Ok(DataError::NotFound { path, near }.into())
}

/// The table that a user named, with copies in the workspace of what is in an object store.
///
/// # Errors
/// As [`find`]; a folder is named; the disk refuses.
pub(crate) fn source(text: &str, workspace: &str, spinner: &Spinner) -> anyhow::Result<Source> {
    let Some(address) = Address::parse(text) else {
        return Ok(Source::parse(text));
    };
    if address.is_folder() {
        let path = text.to_owned();
        return Err(DataError::Directory { path }.into());
    }
    let found = find(text, &address, &mut Buckets::default())?;
    let tables: Vec<Remote> = found.tables.into_iter().map(|(table, _)| table).collect();
    let workspace = crate::workspace::named(workspace);
    let folder = tables_of(&workspace, text)?;
    bring(&tables, &folder, spinner)?;
    drop_others(&tables, &folder)?;
    // Used now, however long ago its copies were written.
    File::open(&folder)?.set_modified(now())?;
    drop_old(&workspace.directory().join(TABLES), &folder, now());
    let copy = |table: Remote| (folder.join(table.copy_name()), table.url());
    Ok(Source::Fetched {
        name: text.to_owned(),
        files: tables.into_iter().map(copy).collect(),
    })
}

/// The folder of the workspace for what belongs to an address.
///
/// # Errors
/// The workspace cannot be made.
pub(crate) fn tables_of(workspace: &Workspace, text: &str) -> anyhow::Result<PathBuf> {
    workspace.make()?;
    Ok(workspace.directory().join(TABLES).join(short(text)))
}

fn short(text: &str) -> String {
    hex_sha256(text.as_bytes())[..N_DIGITS].to_owned()
}

/// Brings what is not there yet, several at a time.
fn bring(tables: &[Remote], folder: &Path, spinner: &Spinner) -> anyhow::Result<()> {
    let wanted: Vec<&Remote> = tables
        .iter()
        .filter(|table| !is_there(table, &folder.join(table.copy_name())))
        .collect();
    let n_all: u64 = wanted.iter().map(|table| table.object.n_bytes).sum();
    let tables = text::counted(wanted.len() as u64, "table");
    let (next, n_come, failed) = (AtomicUsize::new(0), AtomicU64::new(0), Mutex::new(None));
    let is_failed = || {
        failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    };
    let heard = |n_bytes: u64| {
        let n_come = n_come.fetch_add(n_bytes, Relaxed) + n_bytes;
        let share = text::percent(n_come as f64 / n_all.max(1) as f64);
        spinner.say(format!("fetching {tables}, {share}"));
        !is_failed()
    };
    let work = || {
        while let Some(table) = wanted.get(next.fetch_add(1, Relaxed)) {
            let to = folder.join(table.copy_name());
            if let Err(error) = table.bucket.fetch(&table.object, &to, &heard) {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert(error);
            }
            if is_failed() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..N_AT_ONCE.min(wanted.len()) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Whether a copy is of this very version. A store that tells no tags says too little.
fn is_there(table: &Remote, copy: &Path) -> bool {
    let n_bytes = fs::metadata(copy).map(|about| about.len());
    table.object.etag.is_some() && n_bytes.is_ok_and(|n_bytes| n_bytes == table.object.n_bytes)
}

/// Drops copies of what is not there any more, or was another version.
fn drop_others(tables: &[Remote], folder: &Path) -> io::Result<()> {
    let kept: BTreeSet<String> = tables.iter().map(Remote::copy_name).collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // What another process is about to write is hidden.
        if !name.starts_with('.') && !kept.contains(&name) {
            // Another process may have been quicker.
            fs::remove_file(entry.path()).ok();
        }
    }
    Ok(())
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(Clock::unix_micros()).unwrap_or_default())
}

/// Drops what belongs to other addresses and was not used for long: it is fetched again when it is wanted.
fn drop_old(tables: &Path, but: &Path, now: SystemTime) {
    let Ok(folders) = fs::read_dir(tables) else {
        return;
    };
    for folder in folders.flatten().map(|entry| entry.path()) {
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut all = iter::once(folder.clone()).chain(files.map(|file| file.path()));
        let is_old = |path: PathBuf| {
            let written = fs::metadata(path).and_then(|about| about.modified());
            let age = written.ok().and_then(|time| now.duration_since(time).ok());
            age.is_some_and(|age| age > AGE_MAX)
        };
        if folder != but && all.all(is_old) {
            // Another process may have been quicker.
            fs::remove_dir_all(&folder).ok();
        }
    }
}

/// SHA-256 of the content of copies, one after the other: their place does not tell versions apart. Nothing for other tables.
pub(crate) fn digest(source: &Source) -> io::Result<Option<String>> {
    let Source::Fetched { files, .. } = source else {
        return Ok(None);
    };
    let mut all: Box<dyn Read> = Box::new(io::empty());
    for (path, _) in files {
        all = Box::new(all.chain(Lazy::Closed(path.clone())));
    }
    sha256_of(&mut all).map(Some)
}

/// A file that is opened when it is read.
enum Lazy {
    Closed(PathBuf),
    Open(File),
}

impl Read for Lazy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Self::Closed(path) = self {
            *self = Self::Open(File::open(path)?);
        }
        match self {
            Self::Open(file) => file.read(buffer),
            Self::Closed(_) => Ok(0),
        }
    }
}

/// A file of predictions that goes to an object store when it is whole.
pub(crate) struct Upload {
    bucket: Arc<Bucket>,
    key: String,
    url: String,
    /// Where it is written first.
    pub(crate) file: PathBuf,
}

impl Upload {
    /// Prepares to write an object.
    ///
    /// # Errors
    /// It is there and not to be replaced, or the store refuses or is away.
    pub(crate) fn new(
        output: &Path,
        overwrites: bool,
        workspace: &str,
    ) -> anyhow::Result<Option<Self>> {
        let url = output.display().to_string();
        let Some(address) = Address::parse(&url) else {
            return Ok(None);
        };
        let bucket = Buckets::default().of(&address)?;
        if bucket.find(&address.key)?.is_some() && !overwrites {
            let path = output.to_owned();
            return Err(CliError::OutputExists { path }.into());
        }
        let name = Path::new(&address.key).file_name().unwrap_or_default();
        let folder = tables_of(&crate::workspace::named(workspace), &url)?;
        Ok(Some(Self {
            file: folder.join(name),
            key: address.key,
            bucket,
            url,
        }))
    }

    /// The address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Makes an object of the file.
    ///
    /// # Errors
    /// The store refuses or is away; the object is then as it was.
    pub(crate) fn send(&self, is_going: &dyn Fn() -> bool) -> Result<(), BucketError> {
        self.bucket
            .send(&self.key, &self.file, &|_| is_going())
            .map(drop)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // It may never have been written.
        fs::remove_file(&self.file).ok();
        if let Some(folder) = self.file.parent() {
            // Unless copies are in it.
            fs::remove_dir(folder).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_for_other_addresses_go_after_a_month() {
        let root = tempfile::tempdir().unwrap();
        for name in ["mine", "other"] {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::write(root.path().join(name).join("table.csv"), "a\n1\n").unwrap();
        }
        let (mine, other) = (root.path().join("mine"), root.path().join("other"));
        drop_old(root.path(), &mine, now());
        assert!(other.exists(), "it may be read again tomorrow");
        drop_old(root.path(), &mine, now() + 2 * AGE_MAX);
        assert!(mine.exists() && !other.exists());
        // Used again, an old copy stays for a month more.
        File::open(&mine)
            .unwrap()
            .set_modified(now() + 2 * AGE_MAX)
            .unwrap();
        drop_old(root.path(), &other, now() + 2 * AGE_MAX);
        assert!(mine.exists());
    }
}
