//! A workspace as one directory or file that can be kept elsewhere, and put back.
//!
//! ```text
//! automl.db           the record at one moment, as a file of SQLite, whatever database it is in
//! blobs/ab/abcd…      the artifacts, by the SHA-256 of their content, each content once
//! artifacts.jsonl     a line an artifact: its path, its size, its SHA-256
//! secret.key          the key of sealed secrets, if the workspace has it in a file
//! manifest.json       the format, and sizes and SHA-256 of the files above but for the artifacts
//! ```
//!
//! The record is taken first: an artifact that it knows was there by then. Artifacts of runs and models that it does not
//! know, because they began later or are gone for good, are left out. It is for its owner alone, as is the key.

mod create;
mod error;
mod hashing;
mod restore;
mod sink;

pub use create::create;
pub use error::BackupError;
pub use restore::restore;

use crate::db::Place;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::path::Path;

/// The format that is written.
const FORMAT: u32 = 2;
const DATABASE: &str = "automl.db";
const ARTIFACTS: &str = "artifacts.jsonl";
const KEY: &str = "secret.key";
const MANIFEST: &str = "manifest.json";
const BLOBS: &str = "blobs";

/// SHA-256 of all that can be read, in lower-case hexadecimal.
///
/// # Errors
/// If it cannot be read.
pub fn sha256_of(input: &mut dyn Read) -> io::Result<String> {
    Ok(hashing::seal(input)?.sha256)
}

/// The workspace that is copied, or to be made.
#[derive(Debug, Clone, Copy)]
pub struct Workspace<'a> {
    /// Its record.
    pub database: &'a Place,
    /// The folder of its artifacts.
    pub artifacts: &'a Path,
    /// The file of its key of secrets.
    pub key: &'a Path,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Runs, deleted ones too.
    pub n_runs: u64,
    /// Artifacts.
    pub n_files: u64,
    /// Their bytes, each content once.
    pub n_bytes: u64,
    /// Experiments whose artifacts are elsewhere and not in the backup.
    pub n_elsewhere: u64,
    /// Webhooks whose secret is sealed by a key that is not in the backup.
    #[serde(default)]
    pub n_sealed_elsewhere: u64,
}

/// The manifest.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    created: String,
    database: Sealed,
    artifacts: Sealed,
    /// Not in the first format, nor where the key is elsewhere.
    #[serde(default)]
    key: Option<Sealed>,
    summary: Summary,
}

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    n_bytes: u64,
    sha256: String,
}

/// A line of the list of artifacts.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    path: String,
    #[serde(flatten)]
    sealed: Sealed,
}

/// Where a content is in a backup.
fn blob(sha256: &str) -> String {
    format!("{BLOBS}/{}/{sha256}", sha256.get(..2).unwrap_or_default())
}

/// Whether a backup of this name is one file.
fn is_archive(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with(".tar.zst"))
}

#[cfg(test)]
mod tests;
