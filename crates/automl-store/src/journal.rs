//! A journal of work that takes long: what is done is noted as it happens, and a killed process loses nothing of it.
//!
//! It is a hidden directory beside the output, `.NAME.search`: `journal` holds one line a note, each with its checksum, and the
//! other files an artifact each. Lines are only ever added, so a kill can cut the last one at most; reading stops at the first
//! that is not whole. What is written outlives the process at once, though not a power cut a moment later: waiting for the
//! disk after each fit would cost more than many a fit does.

#[cfg(test)]
mod tests;

use crate::made::Made;
use crate::manifest::Node;
use crate::{StoreError, staging, weights};
use automl_core::Artifact;
use flate2::Crc;
use serde_json::Value;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The file of the notes.
const LOG: &str = "journal";
/// Bytes of a file before its artifact's tree: the checksum of what follows, and the length of the tree.
const HEAD_BYTES: usize = 12;

/// A journal that this process writes; no other may meanwhile.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    log: Mutex<File>,
    /// Directories that were made for it.
    made: Made,
}

/// What a journal says.
#[derive(Debug, Clone, PartialEq)]
pub struct Noted {
    /// What it is a journal of, as it was begun with.
    pub about: Value,
    /// The notes, in order.
    pub notes: Vec<Value>,
    /// Whether a line was cut or altered; what came after it is not told.
    pub is_cut: bool,
}

/// Where the journal of work on `output` is kept.
///
/// # Errors
/// `output` has no name of its own.
pub fn journal_dir(output: &Path) -> Result<PathBuf, StoreError> {
    let output = fs::canonicalize(output).unwrap_or_else(|_| output.to_owned());
    let (parent, name) = staging::split(&output)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".search");
    Ok(parent.join(hidden))
}

impl Journal {
    /// Begins the journal of work on `output`, in the place of one that is there.
    ///
    /// # Errors
    /// Another process writes it, or the disk refuses; then nothing is left behind.
    pub fn begin(output: &Path, about: &Value) -> Result<Self, StoreError> {
        let dir = journal_dir(output)?;
        let made = Made::directory(dir.parent().unwrap_or(&dir))?;
        let journal = Self {
            made,
            ..Self::locked(&dir)?
        };
        // Whoever has the lock has the directory: what is left in it is of one that has ended.
        let cleared = journal.clear();
        if let Err(error) = cleared.map_err(StoreError::io("clear", &dir)) {
            journal.discard();
            return Err(error);
        }
        match journal.note(about) {
            Ok(()) => Ok(journal),
            Err(error) => {
                journal.discard();
                Err(error)
            }
        }
    }

    /// The journal in a directory, which is made if it is not there, with its lock.
    fn locked(dir: &Path) -> Result<Self, StoreError> {
        const N_TRIES: usize = 100;
        let path = dir.join(LOG);
        let is_other = |path: &Path, is_right: fn(&fs::Metadata) -> bool| {
            fs::symlink_metadata(path).is_ok_and(|about| !is_right(&about))
        };
        for _ in 0..N_TRIES {
            // What a link leads to is never cleared.
            for (path, is_right) in [
                (dir, fs::Metadata::is_dir as fn(&fs::Metadata) -> bool),
                (&path, fs::Metadata::is_file),
            ] {
                if is_other(path, is_right) {
                    staging::remove(path).map_err(StoreError::io("clear", path))?;
                }
            }
            let log = fs::create_dir_all(dir).and_then(|()| {
                File::options()
                    .create(true)
                    .append(true)
                    .read(true)
                    .open(&path)
            });
            let log = match log {
                Ok(log) => log,
                // Another process has just removed the directory.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    // One that something is in stays.
                    fs::remove_dir(dir).ok();
                    return Err(StoreError::io("create", dir)(error));
                }
            };
            let journal = Self {
                dir: dir.to_owned(),
                log: Mutex::new(log),
                made: Made::default(),
            };
            journal.lock()?;
            if journal.is_at(&path) {
                return Ok(journal);
            }
        }
        Err(StoreError::InUse {
            path: dir.to_owned(),
        })
    }

    /// Removes all notes, and all that is kept.
    fn clear(&self) -> io::Result<()> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.set_len(0)?;
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name() != LOG {
                staging::remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// The journal of work on `output` and what it says, to go on with; `None` if there is none that tells what it is of.
    /// A last line that is not whole is cut off.
    ///
    /// # Errors
    /// Another process writes it, or it cannot be read.
    pub fn open(output: &Path) -> Result<Option<(Self, Noted)>, StoreError> {
        let dir = journal_dir(output)?;
        let path = dir.join(LOG);
        let journal = loop {
            let log = match File::options().append(true).read(true).open(&path) {
                Ok(log) => log,
                Err(error) if is_absence(error.kind()) => return Ok(None),
                Err(error) => return Err(StoreError::io("read", &path)(error)),
            };
            let journal = Self {
                dir: dir.clone(),
                log: Mutex::new(log),
                made: Made::default(),
            };
            journal.lock()?;
            if journal.is_at(&path) {
                break journal;
            }
            // While this waited, another process put a new journal in its place.
        };
        let noted = journal.read().map_err(StoreError::io("read", &path))?;
        Ok(noted.map(|noted| (journal, noted)))
    }

    /// Waits a little for who has it: a process that was killed holds its lock until the system has taken it apart.
    fn lock(&self) -> Result<(), StoreError> {
        const PAUSE: Duration = Duration::from_millis(20);
        const N_TRIES: usize = 100;
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..N_TRIES {
            match log.try_lock() {
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                // A file system without locks is used without.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
            }
        }
        Err(StoreError::InUse {
            path: self.dir.clone(),
        })
    }

    /// Whether its file is still the one at this path.
    fn is_at(&self, path: &Path) -> bool {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |about: fs::Metadata| (about.dev(), about.ino());
        let here = log.metadata().map(place).ok();
        here.is_some() && here == fs::metadata(path).map(place).ok()
    }

    fn read(&self) -> io::Result<Option<Noted>> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        log.seek(SeekFrom::Start(0))?;
        log.read_to_end(&mut bytes)?;
        let mut values = Vec::new();
        let mut n_read = 0;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let Some(value) = parse(line) else { break };
            n_read += line.len();
            values.push(value);
        }
        let is_cut = n_read < bytes.len();
        if is_cut {
            log.set_len(n_read as u64)?;
        }
        if values.is_empty() {
            return Ok(None);
        }
        let notes = values.split_off(1);
        let about = values.swap_remove(0);
        Ok(Some(Noted {
            about,
            notes,
            is_cut,
        }))
    }

    /// Adds a note.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn note(&self, note: &Value) -> Result<(), StoreError> {
        let text = note.to_string();
        let line = format!("{:08x} {text}\n", checksum(&[text.as_bytes()]));
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.write_all(line.as_bytes())
            .map_err(StoreError::io("write", &self.dir))
    }

    /// Keeps an artifact under a name, which must be one of a file; in the place of one that has it.
    ///
    /// # Errors
    /// The artifact cannot be written as data, or the disk refuses.
    pub fn keep(&self, name: &str, artifact: &Artifact) -> Result<(), StoreError> {
        let (node, weights) = weights::encode(artifact)?;
        let tree = serde_json::to_vec(&node)
            .map_err(|error| StoreError::contents(name, error.to_string()))?;
        let length = (tree.len() as u64).to_le_bytes();
        let sum = checksum(&[&length, &tree, &weights]).to_le_bytes();
        let path = self.dir.join(name);
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&[&sum[..], &length, &tree].concat())?;
            file.write_all(&weights)
        });
        written.map_err(StoreError::io("write", &path))
    }

    /// The artifact that was kept under a name.
    ///
    /// # Errors
    /// There is none, or it is not what was written.
    pub fn restore(&self, name: &str) -> Result<Artifact, StoreError> {
        let path = self.dir.join(name);
        let bytes = fs::read(&path).map_err(StoreError::io("read", &path))?;
        let cut = || StoreError::damaged(&path, "its checksum is not that of its content");
        let (head, content) = bytes.split_at_checked(HEAD_BYTES).ok_or_else(cut)?;
        let (sum, length) = head.split_at(4);
        if sum != checksum(&[length, content]).to_le_bytes() {
            return Err(cut());
        }
        let length = u64::from_le_bytes(length.try_into().ok().ok_or_else(cut)?);
        let (tree, arrays) = content.split_at_checked(length as usize).ok_or_else(cut)?;
        let node: Node = serde_json::from_slice(tree)
            .map_err(|error| StoreError::damaged(&path, error.to_string()))?;
        weights::decode(&node, arrays, &path)
    }

    /// Lets an artifact go; fine if there is none.
    pub fn forget(&self, name: &str) {
        // What cannot be removed is in nobody's way.
        staging::remove(&self.dir.join(name)).ok();
    }

    /// Removes the journal and the directories that were made for it.
    pub fn discard(self) {
        // What cannot be removed now is replaced by the next journal.
        staging::remove(&self.dir).ok();
        drop(self.made);
    }
}

/// Whether there is nothing: no such file, or not even a directory that it could be in.
fn is_absence(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The note of a whole line, or `None` if it is cut or altered.
fn parse(line: &[u8]) -> Option<Value> {
    let text = line.strip_suffix(b"\n")?;
    let (sum, rest) = text.split_at_checked(8)?;
    let note = rest.strip_prefix(b" ")?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (sum == checksum(&[note])).then(|| serde_json::from_slice(note).ok())?
}

/// CRC-32 of the parts one after the other: it finds what was cut or rotted, at a fraction of a signature's cost.
fn checksum(parts: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    for part in parts {
        crc.update(part);
    }
    crc.sum()
}
