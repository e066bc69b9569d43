//! Artifacts in a folder of this machine.
//!
//! A file lies under its own path, so that people find it, and is the same file (a hard link) as a blob named by its
//! content: what is logged twice takes its room once. Files that other programs put into the folder are read like any
//! other. The digest of what was written is an extended attribute of the file, where the file system has such; it goes
//! with the file, and one that another program put in its place has none.
//!
//! Many processes may share a folder. Beginning a file and linking it to its blob hold a lock file shared; whoever removes
//! a blob or what a dead process left ([`Folder::sweep`]) holds it alone and looks again under it. So a blob with a single
//! link is removed only while nobody can be about to link to it, and a file that is being written is held by a lock of
//! its own, which the system gives back when its process dies.

use super::read::Source;
use super::{ArtifactError, Download, Entry, Sweep, Swept, Wanted, failed, parts_of};
use crate::hex::hex;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The folder of blobs, below the root.
pub(super) const BLOBS: &str = ".blobs";
/// Where unfinished files are, below the root.
pub(super) const UNFINISHED: &str = ".unfinished";
/// The lock file, among the blobs.
const LOCK: &str = "lock";

/// A folder with artifacts.
#[derive(Debug, Clone)]
pub struct Folder {
    pub(super) root: PathBuf,
    /// Whether files are kept by their content too.
    has_blobs: bool,
}

impl Folder {
    /// Opens a folder for reading and writing; what dead processes left unfinished goes.
    pub fn open(root: PathBuf) -> Result<Self, ArtifactError> {
        let unfinished = root.join(UNFINISHED);
        fs::create_dir_all(&unfinished)
            .and_then(|()| fs::create_dir_all(root.join(BLOBS)))
            .map_err(|error| failed(UNFINISHED, error))?;
        let folder = Self {
            root,
            has_blobs: true,
        };
        folder.sweep_dead(Sweep::Remove)?;
        Ok(folder)
    }

    /// A folder as [`Folder::open`] gives it, made when something is written to it.
    pub fn beside(root: PathBuf) -> Self {
        Self {
            root,
            has_blobs: true,
        }
    }

    /// A folder that others write too: files in it are only files.
    pub fn plain(root: PathBuf) -> Self {
        Self {
            root,
            has_blobs: false,
        }
    }

    /// A path inside, by its parts; nothing that leaves the folder, follows a link out of it, or is ours.
    fn inside(&self, path: &str) -> Result<PathBuf, ArtifactError> {
        let mut whole = self.root.clone();
        for part in parts_of(path)? {
            whole.push(part);
            if whole.is_symlink() {
                return Err(ArtifactError::Path);
            }
        }
        Ok(whole)
    }

    /// The path of a file inside.
    pub(super) fn file_inside(&self, path: &str) -> Result<PathBuf, ArtifactError> {
        let whole = self.inside(path)?;
        if whole == self.root {
            return Err(ArtifactError::Path);
        }
        Ok(whole)
    }

    /// The lock that links share and removals hold alone; it is given back when the file is closed.
    fn lock(&self) -> Result<File, ArtifactError> {
        let place = self.root.join(BLOBS).join(LOCK);
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        options.open(place).map_err(|error| failed(LOCK, error))
    }

    pub(super) fn lock_shared(&self) -> Result<File, ArtifactError> {
        let lock = self.lock()?;
        lock.lock_shared().map_err(|error| failed(LOCK, error))?;
        Ok(lock)
    }

    fn lock_alone(&self) -> Result<File, ArtifactError> {
        let lock = self.lock()?;
        lock.lock().map_err(|error| failed(LOCK, error))?;
        Ok(lock)
    }

    /// Begins a file; nothing is seen of it until it is finished.
    pub fn begin(&self, path: &str) -> Result<FileUpload, ArtifactError> {
        let target = self.file_inside(path)?;
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|error| ArtifactError::Io {
            source: io::Error::other(error.to_string()),
        })?;
        let name = hex(&bytes);
        let (unfinished, _lock) = if self.has_blobs {
            for folder in [UNFINISHED, BLOBS] {
                fs::create_dir_all(self.root.join(folder)).map_err(|error| failed(path, error))?;
            }
            (
                self.root.join(UNFINISHED).join(name),
                Some(self.lock_shared()?),
            )
        } else {
            let parent = target.parent().unwrap_or(&self.root);
            fs::create_dir_all(parent).map_err(|error| failed(path, error))?;
            (parent.join(format!(".{name}.part")), None)
        };
        let file = File::create_new(&unfinished).map_err(|error| failed(path, error))?;
        file.lock().map_err(|error| failed(path, error))?;
        Ok(FileUpload {
            folder: self.clone(),
            path: path.to_owned(),
            target,
            unfinished: Some(unfinished),
            file,
            hash: Sha256::new(),
        })
    }

    /// Whether its root is there.
    pub fn is_there(&self) -> bool {
        self.root.is_dir()
    }

    /// Where a file or folder is on this machine.
    ///
    /// # Errors
    /// If it would be outside, or a link.
    pub fn path_of(&self, path: &str) -> Result<PathBuf, ArtifactError> {
        self.inside(path)
    }

    /// Opens a file, or a part of it.
    pub fn read(&self, path: &str, wanted: Wanted) -> Result<Download, ArtifactError> {
        let io_failed = |error| failed(path, error);
        let mut file = File::open(self.inside(path)?).map_err(io_failed)?;
        let about = file.metadata().map_err(io_failed)?;
        if !about.is_file() {
            return Err(ArtifactError::Missing {
                path: path.to_owned(),
            });
        }
        let range = wanted.of(about.len())?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(range.0)).map_err(io_failed)?;
        let digest = digest_of(&file);
        let source = Source::Disk(file);
        Ok(Download::new(path, about.len(), range, digest, source))
    }

    /// What lies in a folder, by name; nothing if it is not there or is a file.
    pub fn list(&self, path: &str) -> Result<Vec<Entry>, ArtifactError> {
        let whole = self.inside(path)?;
        let mut found = Vec::new();
        for entry in entries(&whole, path)? {
            let about = entry.metadata().map_err(|error| failed(path, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_ours = whole == self.root && (name == BLOBS || name == UNFINISHED);
            if is_ours || about.is_symlink() {
                continue;
            }
            found.push(Entry {
                name,
                n_bytes: about.is_file().then_some(about.len()),
            });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Bytes of a file or of all files in a folder; 0 if it is not there.
    pub fn n_bytes(&self, path: &str) -> Result<u64, ArtifactError> {
        let whole = self.inside(path)?;
        match fs::symlink_metadata(&whole) {
            Ok(about) if about.is_file() => return Ok(about.len()),
            _ => {}
        }
        let mut sum = 0;
        for entry in self.list(path)? {
            sum += match entry.n_bytes {
                Some(n_bytes) => n_bytes,
                None => self.n_bytes(&format!("{path}/{}", entry.name))?,
            };
        }
        Ok(sum)
    }

    /// Removes a file, or a folder with all that is in it. Blobs stay until they are swept.
    pub fn remove(&self, path: &str) -> Result<(), ArtifactError> {
        let whole = self.file_inside(path)?;
        let removed = if whole.is_dir() {
            fs::remove_dir_all(&whole)
        } else {
            fs::remove_file(&whole)
        };
        removed.map_err(|error| failed(path, error))
    }

    /// Removes the folders above a path that are empty.
    pub(crate) fn prune(&self, path: &str) -> Result<(), ArtifactError> {
        let whole = self.inside(path)?;
        let above = whole.ancestors().skip(1);
        for folder in above.take_while(|folder| **folder != self.root) {
            match fs::remove_dir(folder) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => break,
                Err(error) => return Err(failed(path, error)),
            }
        }
        Ok(())
    }

    /// Removes blobs that no path leads to, what dead processes left, and uploads in parts that nothing was added to
    /// since `older_than` (milliseconds since 1970), or only counts them.
    pub fn sweep(&self, older_than: i64, sweep: Sweep) -> Result<Swept, ArtifactError> {
        let mut swept = self.sweep_dead(sweep)?;
        let (n_stale, stale_bytes) = self.sweep_parts(older_than, sweep)?;
        swept.n_unfinished += n_stale;
        swept.unfinished_bytes += stale_bytes;
        for folder in entries(&self.root.join(BLOBS), BLOBS)? {
            for blob in entries(&folder.path(), BLOBS)? {
                let place = blob.path();
                if n_links(&place)? != Some(1) {
                    continue;
                }
                let _lock = self.lock_alone()?;
                // Seen again under the lock: someone may have linked to it since.
                let about = fs::symlink_metadata(&place);
                let (Some(1), Ok(about)) = (n_links(&place)?, about) else {
                    continue;
                };
                if sweep == Sweep::Remove {
                    fs::remove_file(&place).map_err(|error| failed(BLOBS, error))?;
                }
                swept.n_blobs += 1;
                swept.blob_bytes += about.len();
            }
        }
        Ok(swept)
    }

    /// Blobs, and their bytes, that only files below these paths lead to.
    pub(super) fn left_without(&self, paths: &[String]) -> Result<(u64, u64), ArtifactError> {
        let mut waiting = Vec::new();
        for path in paths {
            waiting.push(self.inside(path)?);
        }
        let mut seen = BTreeSet::new();
        // By inode: how many of the paths that go lead there, how many lead there in all, and the bytes.
        let mut files: BTreeMap<(u64, u64), (u64, u64, u64)> = BTreeMap::new();
        while let Some(place) = waiting.pop() {
            let about = match fs::symlink_metadata(&place) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                about => about.map_err(|error| failed(BLOBS, error))?,
            };
            if about.is_dir() {
                let inner = entries(&place, BLOBS)?;
                waiting.extend(inner.iter().map(fs::DirEntry::path));
            } else if about.is_file() && seen.insert(place) {
                let known = files.entry((about.dev(), about.ino())).or_insert((
                    0,
                    about.nlink(),
                    about.len(),
                ));
                known.0 += 1;
            }
        }
        // One more leads there: the blob itself.
        let left = files
            .values()
            .filter(|(n_gone, n_links, _)| n_gone + 1 == *n_links);
        Ok(left.fold((0, 0), |(count, sum), (_, _, n_bytes)| {
            (count + 1, sum + n_bytes)
        }))
    }

    /// Removes unfinished files that no process writes any more.
    fn sweep_dead(&self, sweep: Sweep) -> Result<Swept, ArtifactError> {
        let mut swept = Swept::default();
        let _lock = self.lock_alone()?;
        for entry in entries(&self.root.join(UNFINISHED), UNFINISHED)? {
            let about = entry
                .metadata()
                .map_err(|error| failed(UNFINISHED, error))?;
            if !about.is_file() {
                continue;
            }
            let file = match File::open(entry.path()) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(UNFINISHED, error)),
            };
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(failed(UNFINISHED, error)),
                Ok(()) => {}
            }
            if sweep == Sweep::Remove {
                fs::remove_file(entry.path()).map_err(|error| failed(UNFINISHED, error))?;
            }
            swept.n_unfinished += 1;
            swept.unfinished_bytes += about.len();
        }
        Ok(swept)
    }
}

/// What lies in a folder of the disk; nothing if it is not there or is a file.
pub(super) fn entries(folder: &Path, path: &str) -> Result<Vec<fs::DirEntry>, ArtifactError> {
    let found = match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    };
    found.map_err(|error| failed(path, error))
}

/// How many paths lead to a file; nothing if it is gone.
fn n_links(file: &Path) -> Result<Option<u64>, ArtifactError> {
    match fs::symlink_metadata(file) {
        Ok(about) => Ok(Some(std::os::unix::fs::MetadataExt::nlink(&about))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(BLOBS, error)),
    }
}

/// The attribute that holds the digest of a file.
#[cfg(target_os = "linux")]
const DIGEST: &str = "user.automl.sha256";

/// The digest of what was written into a file, if its file system keeps it.
#[cfg(target_os = "linux")]
fn digest_of(file: &File) -> Option<String> {
    let mut digits = [0_u8; 64];
    let n_bytes = rustix::fs::fgetxattr(file, DIGEST, &mut digits).ok()?;
    (n_bytes == digits.len()).then(|| String::from_utf8_lossy(&digits).into_owned())
}

#[cfg(target_os = "linux")]
fn keep_digest(file: &File, digest: &str) {
    let flags = rustix::fs::XattrFlags::empty();
    if let Err(error) = rustix::fs::fsetxattr(file, DIGEST, digest.as_bytes(), flags) {
        tracing::debug!(%error, "the digest of an artifact is not kept by its file system");
    }
}

#[cfg(not(target_os = "linux"))]
fn digest_of(_: &File) -> Option<String> {
    None
}

#[cfg(not(target_os = "linux"))]
fn keep_digest(_: &File, _: &str) {}

/// A file that is being written.
pub struct FileUpload {
    folder: Folder,
    path: String,
    target: PathBuf,
    /// Where it is until it is finished.
    unfinished: Option<PathBuf>,
    file: File,
    hash: Sha256,
}

impl FileUpload {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        self.hash.update(bytes);
        self.file
            .write_all(bytes)
            .map_err(|error| failed(&self.path, error))
    }

    /// Makes the file appear, in place of one that was there.
    pub fn finish(mut self) -> Result<(), ArtifactError> {
        let path = self.path.clone();
        let io_failed = |error| failed(&path, error);
        let digest = hex(&self.hash.finalize_reset());
        if self.folder.has_blobs {
            keep_digest(&self.file, &digest);
        }
        self.file.sync_all().map_err(io_failed)?;
        let Some(unfinished) = self.unfinished.clone() else {
            return Err(ArtifactError::Path);
        };
        if self.folder.has_blobs {
            let root = &self.folder.root;
            let blob = root.join(BLOBS).join(&digest[..2]).join(&digest);
            for parent in [blob.parent(), self.target.parent()].into_iter().flatten() {
                fs::create_dir_all(parent).map_err(io_failed)?;
            }
            let _lock = self.folder.lock_shared()?;
            link(&unfinished, &blob).map_err(io_failed)?;
            fs::rename(&unfinished, &self.target).map_err(io_failed)?;
            if unfinished.exists() {
                // A rename between two links of one file does nothing.
                fs::remove_file(&unfinished).map_err(io_failed)?;
            }
        } else {
            fs::rename(&unfinished, &self.target).map_err(io_failed)?;
        }
        self.unfinished = None;
        sync(self.target.parent()).map_err(io_failed)
    }
}

/// Makes a new file and its blob the same file: what is there already is linked, not kept twice.
fn link(unfinished: &Path, blob: &Path) -> io::Result<()> {
    match fs::hard_link(unfinished, blob) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    let again = unfinished.with_extension("link");
    if fs::metadata(blob)?.len() != fs::metadata(unfinished)?.len() {
        // The blob was cut or added to: the new file, whose content is known, takes its place.
        fs::hard_link(unfinished, &again)?;
        return fs::rename(&again, blob);
    }
    match fs::hard_link(blob, &again) {
        // So many paths lead to the blob that the file system allows no more: this copy takes its place.
        Err(error) if error.kind() == io::ErrorKind::TooManyLinks => {
            fs::hard_link(unfinished, &again)?;
            fs::rename(&again, blob)
        }
        Err(error) => Err(error),
        Ok(()) => fs::rename(&again, unfinished),
    }
}

impl Drop for FileUpload {
    fn drop(&mut self) {
        if let Some(unfinished) = self.unfinished.take()
            && let Err(error) = fs::remove_file(&unfinished)
        {
            tracing::warn!(%error, "an unfinished artifact could not be removed");
        }
    }
}

fn sync(folder: Option<&Path>) -> io::Result<()> {
    match folder {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
