//! Reads a model directory, believing nothing that is not checked.

use crate::manifest::{Document, FORMAT_NAME, FORMAT_VERSION, FileEntry, Node, Preface};
use crate::{Manifest, StoreError, weights};
use automl_core::{Artifact, nearest};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub(crate) const MANIFEST: &str = "manifest.json";
/// What a model that MLflow's client logged has.
const MLMODEL: &str = "MLmodel";
pub(crate) const WEIGHTS: &str = "weights.safetensors";
/// A manifest larger than this is neither written nor read.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 64 << 20;

const N_HEX: usize = 64;
const SEAL_START: &[u8] = b"\"sha256\": \"";
const SEAL_END: &[u8] = b"\"\n}\n";

/// A model directory whose manifest was read and checked; its other files are checked as they are read.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelDir {
    path: PathBuf,
    manifest: Manifest,
    model: Node,
    files: Vec<FileEntry>,
}

/// A model read back.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadModel {
    /// The directory, to read further files from.
    pub dir: ModelDir,
    /// What is known of the model.
    pub manifest: Manifest,
    /// The fitted model.
    pub artifact: Artifact,
}

/// Reads the manifest and the weights of a model directory, checking both. The other files are read, and checked, by
/// [`ModelDir::file`] through [`ReadModel::dir`]: who reads none of them does without.
pub fn read_model(dir: &Path) -> Result<ReadModel, StoreError> {
    let dir = ModelDir::open(dir)?;
    let artifact = dir.artifact()?;
    Ok(ReadModel {
        manifest: dir.manifest.clone(),
        artifact,
        dir,
    })
}

impl ModelDir {
    /// Reads and checks the manifest only.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let not_a_model = |reason| StoreError::NotAModel {
            path: dir.to_owned(),
            reason,
        };
        match fs::metadata(dir) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(not_a_model("it is a file")),
            Err(error) if is_absent(&error) => {
                return Err(StoreError::NotFound {
                    path: dir.to_owned(),
                    near: near_names(dir),
                });
            }
            Err(error) => return Err(StoreError::io("read", dir)(error)),
        }
        let path = dir.join(MANIFEST);
        let bytes = match read_bounded(&path, MAX_MANIFEST_BYTES) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(StoreError::damaged(&path, "it is larger than 64 MiB")),
            Err(error) if is_absent(&error) && dir.join(MLMODEL).is_file() => {
                return Err(StoreError::Foreign {
                    path: dir.to_owned(),
                });
            }
            Err(error) if is_absent(&error) => {
                return Err(not_a_model("it has no manifest.json"));
            }
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let document = parse_manifest(dir, &path, &bytes)?;
        Ok(Self {
            path: dir.to_owned(),
            manifest: document.manifest,
            model: document.model,
            files: document.files,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is known of the model.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Every file beside the manifest, sorted by path.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// The content of a file, which must be as long as it was written and have the same SHA-256.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file is missing or altered, [`StoreError::NotFound`] if the model never had one
    /// of this name.
    pub fn file(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let Some(entry) = self.files.iter().find(|entry| entry.path == name) else {
            return Err(StoreError::NotFound {
                path: self.path.join(name),
                near: nearest(name, self.files.iter().map(|entry| entry.path.as_str())),
            });
        };
        self.check_size(entry)?;
        let path = self.path.join(&entry.path);
        let bytes = read_bounded(&path, entry.n_bytes).map_err(StoreError::io("read", &path))?;
        match bytes {
            Some(bytes) if hex_sha256(&bytes) == entry.sha256 => Ok(bytes),
            _ => Err(StoreError::damaged(&path, "its content was altered")),
        }
    }

    /// Bytes of the weights, which are about what the model takes in memory.
    pub fn n_weight_bytes(&self) -> u64 {
        let weights = self.files.iter().find(|entry| entry.path == WEIGHTS);
        weights.map_or(0, |entry| entry.n_bytes)
    }

    /// The fitted model, from the weights.
    pub fn artifact(&self) -> Result<Artifact, StoreError> {
        let bytes = self.file(WEIGHTS)?;
        weights::decode(&self.model, &bytes, &self.path.join(WEIGHTS))
    }

    fn check_size(&self, entry: &FileEntry) -> Result<(), StoreError> {
        let path = self.path.join(&entry.path);
        match fs::metadata(&path) {
            Ok(found) if !found.is_file() => Err(StoreError::damaged(&path, "it is not a file")),
            Ok(found) if found.len() != entry.n_bytes => {
                let reason = format!(
                    "it has {} bytes where {} were written",
                    found.len(),
                    entry.n_bytes
                );
                Err(StoreError::damaged(&path, reason))
            }
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => {
                Err(StoreError::damaged(&path, "the file is missing"))
            }
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }
}

fn parse_manifest(dir: &Path, path: &Path, bytes: &[u8]) -> Result<Document, StoreError> {
    let unreadable = |error: serde_json::Error| StoreError::damaged(path, error.to_string());
    let preface: Preface = serde_json::from_slice(bytes).map_err(unreadable)?;
    if preface.format.as_deref() != Some(FORMAT_NAME) {
        return Err(StoreError::NotAModel {
            path: dir.to_owned(),
            reason: "its manifest.json is not one of a model",
        });
    }
    match preface.format_version {
        Some(found) if found > u64::from(FORMAT_VERSION) => {
            return Err(StoreError::NewerFormat {
                path: dir.to_owned(),
                found,
                supported: FORMAT_VERSION,
            });
        }
        Some(1..) => {}
        _ => return Err(StoreError::damaged(path, "it has no format version")),
    }
    if !is_sealed(bytes) {
        return Err(StoreError::damaged(path, "its content was altered"));
    }
    let document: Document = serde_json::from_slice(bytes).map_err(unreadable)?;
    let mut names = BTreeSet::from([MANIFEST]);
    for entry in &document.files {
        let is_weights = entry.path == WEIGHTS;
        let is_valid = is_weights || check_file_name(&entry.path).is_ok();
        if !is_valid || !names.insert(&entry.path) {
            let reason = format!("it lists a file '{}'", entry.path);
            return Err(StoreError::damaged(path, reason));
        }
    }
    if !names.contains(WEIGHTS) {
        return Err(StoreError::damaged(path, "it does not list the weights"));
    }
    Ok(document)
}

/// The document as JSON that ends in the SHA-256 of every byte before that digest.
pub(crate) fn seal(document: &Document) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(document)?;
    bytes.push(b'\n');
    let start = bytes.len() - SEAL_END.len();
    debug_assert!(document.sha256.is_empty() && bytes[..start].ends_with(SEAL_START));
    let digest = hex_sha256(&bytes[..start]);
    bytes.splice(start..start, digest.bytes());
    Ok(bytes)
}

fn is_sealed(bytes: &[u8]) -> bool {
    let Some((content, digest)) = bytes
        .strip_suffix(SEAL_END)
        .and_then(|bytes| bytes.split_last_chunk::<N_HEX>())
    else {
        return false;
    };
    content.ends_with(SEAL_START) && hex_sha256(content).as_bytes() == digest
}

/// Lower-case hexadecimal SHA-256.
pub fn hex_sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(N_HEX);
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("a string takes all writes");
    }
    hex
}

/// Whether a file of this name may stand in a model directory: plain relative path, nothing hidden, nothing of ours.
pub(crate) fn check_file_name(name: &str) -> Result<(), &'static str> {
    if name == MANIFEST || name == WEIGHTS {
        return Err("the file's name is taken");
    }
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if name.len() > 200 || !name.split('/').all(is_plain) {
        return Err("file names are letters, digits, '.', '_', '-' and '/'");
    }
    Ok(())
}

/// The whole file, or `None` if it is longer than that.
fn read_bounded(path: &Path, n_bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut bytes = Vec::new();
    file.take(n_bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= n_bytes_max).then_some(bytes))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Names in the same directory that look like the last part of `path`.
fn near_names(path: &Path) -> Vec<String> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let parent = if parent == Path::new("") {
        Path::new(".")
    } else {
        parent
    };
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut known: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join(MANIFEST).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    known.sort();
    nearest(&name.to_string_lossy(), known.iter().map(String::as_str))
}
