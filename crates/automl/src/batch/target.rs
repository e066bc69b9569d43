//! Where predictions go: a folder of this machine, or what lies below an address in an object store.

use super::account::Part;
use crate::errors::{BatchError, CliError};
use crate::remote::{Buckets, tables_of};
use automl_store::buckets::{Address, Bucket, Object};
use automl_store::workspace::Workspace;
use automl_store::write_atomic;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The place of predictions.
#[derive(Debug)]
pub(super) enum Target {
    Folder(PathBuf),
    Bucket(Below),
}

/// All that lies below an address.
#[derive(Debug)]
pub(super) struct Below {
    bucket: Arc<Bucket>,
    /// What all names begin with: empty, or with `/` at its end.
    prefix: String,
    url: PathBuf,
    /// The name in the workspace that stands for it.
    local: PathBuf,
    /// What was there when it was begun, and what was done since, by names below.
    there: Mutex<BTreeMap<String, Object>>,
}

impl Target {
    /// The place that a user named.
    ///
    /// # Errors
    /// The address is none that can be used, or the store refuses or is away.
    pub(super) fn of(output: &Path, workspace: &Workspace) -> anyhow::Result<Self> {
        let url = output.display().to_string();
        let Some(address) = Address::parse(&url) else {
            return Ok(Self::Folder(output.to_owned()));
        };
        let bucket = Buckets::default().of(&address)?;
        let prefix = match address.key.trim_end_matches('/') {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let mut there = BTreeMap::new();
        for object in bucket.list(&prefix)? {
            let name = object.key[prefix.len()..].to_owned();
            there.insert(name, object);
        }
        // The same place with and without a slash at its end.
        let plain = bucket.url(&prefix);
        Ok(Self::Bucket(Below {
            bucket,
            prefix,
            url: output.to_owned(),
            local: tables_of(workspace, &plain)?,
            there: Mutex::new(there),
        }))
    }

    /// The place for messages.
    pub(super) fn shown(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::Bucket(below) => &below.url,
        }
    }

    /// The place beside which its journal is.
    pub(super) fn local(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::Bucket(below) => &below.local,
        }
    }

    /// Whether something else than predictions can be in its place.
    pub(super) fn is_no_folder(&self) -> bool {
        match self {
            Self::Folder(path) => path.exists() && !path.is_dir(),
            Self::Bucket(_) => false,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(path) => path.join(name).exists(),
            Self::Bucket(below) => below.there().contains_key(name),
        }
    }

    /// Whether nothing is there at all.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Folder(path) => {
                !fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
            }
            Self::Bucket(below) => below.there().is_empty(),
        }
    }

    /// The content of a small file, if it is there.
    pub(super) fn read(&self, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(path) => match fs::read(path.join(name)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if is_absent(&error) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Bucket(below) => Ok(below.bucket.read(&below.key(name))?),
        }
    }

    /// Writes a small file, whole or not at all.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Folder(path) => write_atomic(&path.join(name), bytes)?,
            Self::Bucket(below) => {
                below.bucket.write(&below.key(name), bytes)?;
            }
        }
        Ok(())
    }

    /// Removes a file; fine if it is not there.
    pub(super) fn remove(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Folder(path) => match fs::remove_file(path.join(name)) {
                Err(error) if !is_absent(&error) => Err(error.into()),
                _ => Ok(()),
            },
            Self::Bucket(below) => {
                if below.there().contains_key(name) {
                    below.bucket.remove(&below.key(name))?;
                    below.there().remove(name);
                }
                Ok(())
            }
        }
    }

    /// Refuses a file of a folder that is a link, or lies behind one: what is written or removed by it would be elsewhere.
    pub(super) fn check_no_links(&self, name: &str) -> Result<(), BatchError> {
        let Self::Folder(path) = self else {
            return Ok(());
        };
        let mut place = path.clone();
        for part in Path::new(name).components() {
            place.push(part);
            if place.is_symlink() {
                return Err(BatchError::Link { path: place });
            }
        }
        Ok(())
    }

    /// Where a part is written: in its place in a folder, else in `scratch`, to be sent.
    pub(super) fn file(&self, name: &str, scratch: &Path) -> PathBuf {
        match self {
            Self::Folder(path) => path.join(name),
            Self::Bucket(_) => scratch.join("predictions").join(name),
        }
    }

    /// Sends a part that is whole, if it is not in its place yet; gives what the store calls its content.
    pub(super) fn send(
        &self,
        name: &str,
        file: &Path,
        is_going: &dyn Fn() -> bool,
    ) -> anyhow::Result<Option<String>> {
        let Self::Bucket(below) = self else {
            return Ok(None);
        };
        let sent = (below.bucket).send(&below.key(name), file, &|_| is_going());
        // The folder of all of them goes at the end.
        fs::remove_file(file).ok();
        let sent = sent?;
        let etag = sent.etag.clone();
        below.there().insert(name.to_owned(), sent);
        Ok(etag)
    }

    /// Whether a file is what an account says that it was, of which `digest` is made where no store knows it.
    pub(super) fn is_as_told(
        &self,
        part: &Part,
        digest: impl FnOnce(&Path) -> Result<io::Result<String>, CliError>,
    ) -> Result<bool, CliError> {
        match self {
            Self::Folder(path) => {
                let file = path.join(&part.output);
                let n_bytes = fs::metadata(&file).map(|about| about.len());
                if n_bytes.ok() != Some(part.output_bytes) {
                    return Ok(false);
                }
                Ok(digest(&file)?.is_ok_and(|sha256| sha256 == part.output_sha256))
            }
            Self::Bucket(below) => {
                let there = below.there();
                let is_same = |object: &Object| {
                    object.n_bytes == part.output_bytes
                        && object.etag.is_some()
                        && object.etag == part.output_etag
                };
                Ok(there.get(&part.output).is_some_and(is_same))
            }
        }
    }
}

impl Below {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn there(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
