//! Uploads in parts: a client sends the parts of one file in any order, again if it must, and says when all are there.
//!
//! Into a folder, parts are files beside each other until the last word makes them one; they outlive the server, and
//! [`Folder::sweep`] removes those that nobody went on with. Into an object store, the client sends them past the server.

use super::folder::{Folder, UNFINISHED, entries};
use super::{ArtifactError, ArtifactStore, Sweep, failed};
use crate::hex::hex;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// Parts that one file may have.
const PARTS_MAX: usize = 10_000;
/// The file that says where the whole is to go.
const TARGET: &str = "target";

/// An upload in parts that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartsUpload {
    /// What the client calls it.
    pub id: String,
    /// Where to send each part past the server; empty if they come through it.
    pub urls: Vec<String>,
}

/// A part that is being received.
pub struct PartUpload {
    place: PathBuf,
    unfinished: Option<PathBuf>,
    file: File,
    hash: Sha256,
}

impl PartUpload {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        self.hash.update(bytes);
        let written = self.file.write_all(bytes);
        written.map_err(|error| failed("a part", error))
    }

    /// Keeps the part, in place of one that was there, and gives its tag.
    pub fn finish(mut self) -> Result<String, ArtifactError> {
        let io_failed = |error| failed("a part", error);
        self.file.sync_all().map_err(io_failed)?;
        if let Some(unfinished) = &self.unfinished {
            fs::rename(unfinished, &self.place).map_err(io_failed)?;
            self.unfinished = None;
        }
        Ok(hex(&self.hash.finalize_reset()))
    }
}

impl Drop for PartUpload {
    fn drop(&mut self) {
        if let Some(unfinished) = self.unfinished.take()
            && let Err(error) = fs::remove_file(&unfinished)
        {
            tracing::warn!(%error, "an unfinished part could not be removed");
        }
    }
}

impl ArtifactStore {
    /// Begins an upload in parts.
    ///
    /// # Errors
    /// [`ArtifactError::NoParts`] if the store takes none.
    pub fn begin_parts(&self, path: &str, n_parts: usize) -> Result<PartsUpload, ArtifactError> {
        if !(1..=PARTS_MAX).contains(&n_parts) {
            return Err(ArtifactError::Parts(format!(
                "a file has 1 to {PARTS_MAX} parts, not {n_parts}"
            )));
        }
        match self {
            Self::Folder(folder) => folder.begin_parts(path),
            Self::Objects(objects) => objects.begin_parts(path, n_parts),
        }
    }

    /// Begins to receive a part through the server.
    pub fn begin_part(&self, id: &str, number: usize) -> Result<PartUpload, ArtifactError> {
        match self {
            Self::Folder(folder) => folder.begin_part(id, number),
            Self::Objects(_) => Err(ArtifactError::NoParts),
        }
    }

    /// Makes one file of the parts, given by their numbers and tags.
    ///
    /// # Errors
    /// If a part is missing or is not the one that was sent; what was sent stays.
    pub fn complete_parts(
        &self,
        path: &str,
        id: &str,
        parts: &[(usize, String)],
    ) -> Result<(), ArtifactError> {
        match self {
            Self::Folder(folder) => folder.complete_parts(path, id, parts),
            Self::Objects(objects) => objects.complete_parts(path, id, parts),
        }
    }

    /// Gives up an upload in parts, and what was sent of it.
    pub fn abort_parts(&self, path: &str, id: &str) -> Result<(), ArtifactError> {
        match self {
            Self::Folder(folder) => folder.abort_parts(path, id),
            Self::Objects(objects) => objects.abort_parts(path, id),
        }
    }
}

/// That no upload has this id, or it is one to another path.
pub(super) fn no_upload(id: &str) -> ArtifactError {
    ArtifactError::Missing {
        path: format!("upload {id}"),
    }
}

/// The tags of parts 1 to n, in order, without the quotes that they travel in.
pub(super) fn in_order(parts: &[(usize, String)]) -> Result<Vec<&str>, ArtifactError> {
    let mut sorted: Vec<&(usize, String)> = parts.iter().collect();
    sorted.sort_by_key(|(number, _)| *number);
    let tags = sorted.iter().enumerate().map(|(place, (number, tag))| {
        let is_next = *number == place + 1;
        is_next.then(|| tag.trim_matches('"')).ok_or_else(|| {
            ArtifactError::Parts(format!("part {} is missing or given twice", place + 1))
        })
    });
    let tags: Vec<&str> = tags.collect::<Result<_, _>>()?;
    if tags.is_empty() {
        return Err(ArtifactError::Parts("no parts are given".into()));
    }
    Ok(tags)
}

impl Folder {
    fn parts_folder(&self, id: &str) -> Result<PathBuf, ArtifactError> {
        let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let folder = self.root.join(UNFINISHED).join(id);
        if !is_id || !folder.is_dir() {
            return Err(no_upload(id));
        }
        Ok(folder)
    }

    fn begin_parts(&self, path: &str) -> Result<PartsUpload, ArtifactError> {
        self.file_inside(path)?;
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|error| ArtifactError::Io {
            source: io::Error::other(error.to_string()),
        })?;
        let id = hex(&bytes);
        let folder = self.root.join(UNFINISHED).join(&id);
        fs::create_dir(&folder)
            .and_then(|()| fs::write(folder.join(TARGET), path))
            .map_err(|error| failed(path, error))?;
        Ok(PartsUpload {
            id,
            urls: Vec::new(),
        })
    }

    /// The folder of an upload to a path.
    fn parts_to(&self, path: &str, id: &str) -> Result<PathBuf, ArtifactError> {
        let folder = self.parts_folder(id)?;
        let target = fs::read_to_string(folder.join(TARGET)).map_err(|_gone| no_upload(id))?;
        if target != path {
            return Err(no_upload(id));
        }
        Ok(folder)
    }

    fn begin_part(&self, id: &str, number: usize) -> Result<PartUpload, ArtifactError> {
        let folder = self.parts_folder(id)?;
        if !(1..=PARTS_MAX).contains(&number) {
            return Err(ArtifactError::Parts(format!("there is no part {number}")));
        }
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).map_err(|error| ArtifactError::Io {
            source: io::Error::other(error.to_string()),
        })?;
        let unfinished = folder.join(format!("{number}.{}", hex(&bytes)));
        let file = File::create_new(&unfinished).map_err(|error| failed("a part", error))?;
        Ok(PartUpload {
            place: folder.join(number.to_string()),
            unfinished: Some(unfinished),
            file,
            hash: Sha256::new(),
        })
    }

    fn complete_parts(
        &self,
        path: &str,
        id: &str,
        parts: &[(usize, String)],
    ) -> Result<(), ArtifactError> {
        let folder = self.parts_to(path, id)?;
        let mut upload = self.begin(path)?;
        let mut buffer = vec![0; 256 << 10];
        for (place, tag) in in_order(parts)?.into_iter().enumerate() {
            let number = place + 1;
            let mut file =
                File::open(folder.join(number.to_string())).map_err(|error| {
                    match error.kind() {
                        io::ErrorKind::NotFound => {
                            ArtifactError::Parts(format!("part {number} was not sent"))
                        }
                        _ => failed(path, error),
                    }
                })?;
            let mut hash = Sha256::new();
            loop {
                let n_bytes = file
                    .read(&mut buffer)
                    .map_err(|error| failed(path, error))?;
                if n_bytes == 0 {
                    break;
                }
                hash.update(&buffer[..n_bytes]);
                upload.write(&buffer[..n_bytes])?;
            }
            if hex(&hash.finalize()) != tag {
                return Err(ArtifactError::Parts(format!(
                    "part {number} is not the one with the tag {tag}: send it again"
                )));
            }
        }
        upload.finish()?;
        // The file is there; what is left of its parts would only be swept later.
        if let Err(error) = fs::remove_dir_all(&folder) {
            tracing::warn!(%error, "the parts of a finished upload could not be removed");
        }
        Ok(())
    }

    fn abort_parts(&self, path: &str, id: &str) -> Result<(), ArtifactError> {
        let folder = self.parts_to(path, id)?;
        fs::remove_dir_all(folder).map_err(|error| failed(path, error))
    }

    /// Removes uploads in parts that nothing was added to since a time, and says how many with how many bytes.
    pub(super) fn sweep_parts(
        &self,
        older_than: i64,
        sweep: Sweep,
    ) -> Result<(u64, u64), ArtifactError> {
        let (mut n_stale, mut stale_bytes) = (0, 0);
        for upload in entries(&self.root.join(UNFINISHED), UNFINISHED)? {
            let io_failed = |error| failed(UNFINISHED, error);
            let folder = upload.path();
            if !folder.is_dir() {
                continue;
            }
            let (mut newest, mut n_bytes) = (0, 0);
            let mut files = vec![fs::metadata(&folder).map_err(io_failed)?];
            for file in entries(&folder, UNFINISHED)? {
                // A part that was renamed since is newer anyway.
                files.extend(file.metadata().ok().filter(fs::Metadata::is_file));
            }
            for about in files {
                let changed = about.modified().map_err(io_failed)?;
                let age = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
                newest = newest.max(age.as_millis() as i64);
                n_bytes += if about.is_file() { about.len() } else { 0 };
            }
            if newest >= older_than {
                continue;
            }
            if sweep == Sweep::Remove {
                fs::remove_dir_all(&folder).map_err(io_failed)?;
            }
            n_stale += 1;
            stale_bytes += n_bytes;
        }
        Ok((n_stale, stale_bytes))
    }
}
