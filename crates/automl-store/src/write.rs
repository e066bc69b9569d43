//! Writes a model directory whole or not at all.

use crate::manifest::{Document, FORMAT_NAME, FORMAT_VERSION, FileEntry};
use crate::model_dir::{
    MANIFEST, MAX_MANIFEST_BYTES, ModelDir, WEIGHTS, check_file_name, hex_sha256, seal,
};
use crate::staging::{self, Shape, Staged};
use crate::{Manifest, StoreError, made, weights};
use automl_core::Artifact;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// All that a model directory is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelContents {
    /// What is known of the model.
    pub manifest: Manifest,
    /// The fitted model.
    pub artifact: Artifact,
    /// Further files by path below the directory, with forward slashes: `leaderboard.json`, `events.jsonl`,
    /// `report.html`, `tensorboard/events.out.tfevents.1`.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A model directory that becomes a part of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPart {
    /// Its path below the other one, with forward slashes.
    pub path: String,
    /// Where it is now; it stays there.
    pub from: PathBuf,
}

/// What to do with a model that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Keep it and fail.
    Refuse,
    /// Put the new one in its place.
    Replace,
}

/// Writes a model directory. Whenever the process is killed, `dir` holds either what it held before or all of the new
/// model; what the kill left beside it is swept by the next write. On an error nothing is left behind.
///
/// Only an empty directory or a model of ours without foreign files is ever replaced.
pub fn write_model(
    dir: &Path,
    contents: &ModelContents,
    overwrite: Overwrite,
) -> Result<(), StoreError> {
    write_watched(dir, (contents, &[]), overwrite, &|_| Ok(()))
}

/// As [`write_model`], with whole model directories below it, whose files are its own, too.
///
/// # Errors
/// As [`write_model`]; or a part is no model directory, or has a name that is taken.
pub fn write_model_of(
    dir: &Path,
    contents: &ModelContents,
    parts: &[ModelPart],
    overwrite: Overwrite,
) -> Result<(), StoreError> {
    write_watched(dir, (contents, parts), overwrite, &|_| Ok(()))
}

/// Says before a long search what [`write_model`] would say after it: whether `dir` may be written or replaced, and
/// whether the disk takes a new directory there. Nothing is left behind.
pub fn check_target(dir: &Path, overwrite: Overwrite) -> Result<(), StoreError> {
    let target = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    check_replaceable(dir, &target, overwrite)?;
    let (parent, _) = staging::split(&target)?;
    made::check_above(&parent)?;
    // Parents that are not there yet are made when the model is written; what is above them must take a directory.
    let first = made::missing(&parent).last().unwrap_or(&target);
    let probe = staging::claim(first, Shape::Directory)?;
    staging::remove(&probe.path).map_err(StoreError::io("write", dir))
}

/// As [`write_model`], telling `watch` the name of each step before it is taken; its error is the disk's.
pub(crate) fn write_watched(
    dir: &Path,
    (contents, parts): (&ModelContents, &[ModelPart]),
    overwrite: Overwrite,
    watch: &dyn Fn(&str) -> io::Result<()>,
) -> Result<(), StoreError> {
    let files = encode(contents, parts)?;
    let target = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    check_replaceable(dir, &target, overwrite)?;
    let (staged, made) = staging::claim_in_new(&target, Shape::Directory)?;
    let result = stage_and_swap(dir, &target, &staged, &files, watch);
    if result.is_ok() {
        made.keep();
    }
    result
}

fn stage_and_swap(
    dir: &Path,
    target: &Path,
    staged: &Staged,
    files: &[(String, Content)],
    watch: &dyn Fn(&str) -> io::Result<()>,
) -> Result<(), StoreError> {
    let (parent, _) = staging::split(target)?;
    let swapped = fill(dir, &staged.path, files, watch).and_then(|()| {
        let replace = |error| StoreError::io("replace", dir)(error);
        watch("swap").map_err(replace)?;
        swap(&staged.path, target).map_err(replace)
    });
    match swapped {
        Ok(old) => {
            watch("swapped").map_err(StoreError::io("replace", dir))?;
            staging::sync_directory(&parent).map_err(StoreError::io("write", &parent))?;
            if let Some(old) = old {
                // The new model is in place; what cannot be removed now is swept by the next write.
                staging::remove(&old).ok();
            }
            Ok(())
        }
        Err(error) => {
            staging::remove(&staged.path).ok();
            Err(error)
        }
    }
}

/// What a file is made of.
enum Content {
    Bytes(Vec<u8>),
    /// What a file of a part holds.
    Copy(PathBuf),
}

/// Every file of the directory, the manifest first.
fn encode(
    contents: &ModelContents,
    parts: &[ModelPart],
) -> Result<Vec<(String, Content)>, StoreError> {
    let (model, weights) = weights::encode(&contents.artifact)?;
    let entry = |path: &str, bytes: &[u8]| FileEntry {
        path: path.to_owned(),
        n_bytes: bytes.len() as u64,
        sha256: hex_sha256(bytes),
    };
    let mut files = vec![(entry(WEIGHTS, &weights), Content::Bytes(weights))];
    for (name, bytes) in &contents.files {
        files.push((entry(name, bytes), Content::Bytes(bytes.clone())));
    }
    for part in parts {
        let dir = ModelDir::open(&part.from)?;
        let path = part.from.join(MANIFEST);
        let manifest = fs::read(&path).map_err(StoreError::io("read", &path))?;
        let name = format!("{}/{MANIFEST}", part.path);
        files.push((entry(&name, &manifest), Content::Bytes(manifest)));
        for file in dir.files() {
            let path = format!("{}/{}", part.path, file.path);
            let from = part.from.join(&file.path);
            files.push((
                FileEntry {
                    path,
                    ..file.clone()
                },
                Content::Copy(from),
            ));
        }
    }
    let mut names = BTreeSet::from([MANIFEST.to_owned()]);
    for (entry, _) in &files {
        let name = &entry.path;
        if name != WEIGHTS {
            check_file_name(name).map_err(|reason| StoreError::contents(name, reason))?;
        }
        if !names.insert(name.clone()) {
            return Err(StoreError::contents(name, "the file's name is taken"));
        }
    }
    files.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    let document = Document {
        format: FORMAT_NAME.into(),
        format_version: FORMAT_VERSION,
        manifest: contents.manifest.clone(),
        model,
        files: files.iter().map(|(entry, _)| entry.clone()).collect(),
        sha256: String::new(),
    };
    let manifest = Content::Bytes(encode_manifest(&document)?);
    let files = files
        .into_iter()
        .map(|(entry, content)| (entry.path, content));
    let first = (MANIFEST.to_owned(), manifest);
    Ok(std::iter::once(first).chain(files).collect())
}

/// The manifest's bytes, proved to read back as what they were made of.
fn encode_manifest(document: &Document) -> Result<Vec<u8>, StoreError> {
    let failed = |reason: String| StoreError::contents(MANIFEST, reason);
    let bytes = seal(document).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > MAX_MANIFEST_BYTES {
        return Err(failed("it is larger than 64 MiB".into()));
    }
    let mut reread: Document =
        serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    reread.sha256 = String::new();
    if reread != *document {
        return Err(failed("a number in it is not finite".into()));
    }
    Ok(bytes)
}

fn check_replaceable(dir: &Path, target: &Path, overwrite: Overwrite) -> Result<(), StoreError> {
    let exists = |reason: String, is_replaceable| {
        Err(StoreError::Exists {
            path: dir.to_owned(),
            reason,
            is_replaceable,
        })
    };
    let found = match fs::metadata(target) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return made::check_above(target);
        }
        Err(error) => return Err(StoreError::io("look into", dir)(error)),
    };
    if !found.is_dir() {
        return exists("it is a file".into(), false);
    }
    let present = list_files(target).map_err(StoreError::io("look into", dir))?;
    if present.is_empty() {
        return Ok(());
    }
    let model = match ModelDir::open(target) {
        Ok(model) => model,
        Err(StoreError::NotAModel { .. } | StoreError::Foreign { .. }) => {
            return exists(
                "the directory holds something else than a model".into(),
                false,
            );
        }
        Err(_) => return exists("the model in it is damaged or newer".into(), false),
    };
    let is_ours =
        |path: &String| path == MANIFEST || model.files().iter().any(|file| &file.path == path);
    if let Some(foreign) = present.iter().find(|path| !is_ours(path)) {
        let reason = format!("the model directory also holds '{foreign}', which is not part of it");
        return exists(reason, false);
    }
    match overwrite {
        Overwrite::Refuse => exists("it holds a model".into(), true),
        Overwrite::Replace => Ok(()),
    }
}

/// Paths of all files below a directory, with forward slashes, sorted.
fn list_files(directory: &Path) -> io::Result<Vec<String>> {
    let mut open = vec![(directory.to_owned(), String::new())];
    let mut paths = Vec::new();
    while let Some((path, prefix)) = open.pop() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else {
                paths.push(name);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

/// Writes all files, then makes them last through a power cut: the first sync has the disk write most of the others' too,
/// where syncing each as it is written would have it wait once a file.
fn fill(
    dir: &Path,
    staged: &Path,
    files: &[(String, Content)],
    watch: &dyn Fn(&str) -> io::Result<()>,
) -> Result<(), StoreError> {
    let mut directories = BTreeSet::from([staged.to_owned()]);
    let mut written = Vec::with_capacity(files.len());
    for (name, content) in files {
        let path = staged.join(name);
        let write = |error| StoreError::io("write", &dir.join(name))(error);
        watch(name).map_err(write)?;
        for directory in path.ancestors().skip(1).take_while(|path| *path != staged) {
            directories.insert(directory.to_owned());
        }
        let parent = path.parent().unwrap_or(staged);
        fs::create_dir_all(parent).map_err(write)?;
        let mut file = File::create_new(&path).map_err(write)?;
        match content {
            Content::Bytes(bytes) => file.write_all(bytes).map_err(write)?,
            Content::Copy(from) => {
                let mut from = File::open(from).map_err(StoreError::io("read", from))?;
                io::copy(&mut from, &mut file).map_err(write)?;
            }
        }
        written.push((name, file));
    }
    for (name, file) in written {
        let write = |error| StoreError::io("write", &dir.join(name))(error);
        file.sync_all().map_err(write)?;
    }
    for directory in directories.iter().rev() {
        staging::sync_directory(directory).map_err(StoreError::io("write", dir))?;
    }
    Ok(())
}

/// Puts the staged directory at `target`; returns where the old one went, if there was one.
fn swap(staged: &Path, target: &Path) -> io::Result<Option<PathBuf>> {
    if target.exists() {
        staging::exchange(staged, target).map(Some)
    } else {
        fs::rename(staged, target).map(|()| None)
    }
}

/// Makes a directory whole or not at all: `fill` writes into a hidden one beside it, which is then moved into place.
///
/// # Errors
/// If something is there already, or `fill` or the disk fails.
pub fn write_directory<E: From<StoreError>>(
    dir: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let is_empty = fs::read_dir(dir).map_or(!dir.exists(), |mut listed| listed.next().is_none());
    if !is_empty {
        return Err(StoreError::Exists {
            path: dir.to_owned(),
            reason: "it is not empty".into(),
            is_replaceable: false,
        }
        .into());
    }
    let target = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let (parent, _) = staging::split(&target)?;
    let (staged, made) = staging::claim_in_new(&target, Shape::Directory)?;
    let filled = fill(&staged.path).and_then(|()| {
        swap(&staged.path, &target).map_err(StoreError::io("replace", dir))?;
        Ok(staging::sync_directory(&parent).map_err(StoreError::io("write", &parent))?)
    });
    if filled.is_err() {
        // What cannot be removed now is swept by the next write.
        staging::remove(&staged.path).ok();
    } else {
        made.keep();
    }
    filled
}
