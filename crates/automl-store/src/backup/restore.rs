//! Puts a backup back.

use super::hashing;
use super::sink::sync;
use super::{
    ARTIFACTS, BLOBS, BackupError, DATABASE, FORMAT, KEY, Listed, MANIFEST, Manifest, Sealed,
    Summary, Workspace, blob,
};
use crate::args;
use crate::artifacts::{ArtifactError, ArtifactStore, CopyError, Folder};
use crate::db::{self, Database, DbError, Place, transfer};
use crate::sealed::{self, SealError, Sealer};
use crate::{Scratch, staging};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read as _, Seek as _};
use std::path::{Component, Path};

/// Makes a workspace of a backup. It appears whole or not at all, once every checksum was compared.
///
/// # Errors
/// If the workspace has something in it, or the backup is not what was written.
pub fn restore(source: &Path, workspace: Workspace<'_>) -> Result<Summary, BackupError> {
    if !source.try_exists().map_err(BackupError::io(source))? {
        let path = source.to_owned();
        return Err(BackupError::Missing { path });
    }
    check_empty(workspace.artifacts)?;
    let directory = match workspace.database {
        Place::File(file) => Some(file.parent().unwrap_or(Path::new(".")).to_owned()),
        Place::Server(_) => None,
    };
    if let Some(directory) = &directory {
        check_empty(directory)?;
    }
    let home = directory.as_deref().unwrap_or(workspace.artifacts);
    let staged = Scratch::beside(home)?;
    let unpacked = staged.path().join("unpacked");
    let backup = if source.is_file() {
        unpack(source, &unpacked)?;
        unpacked.as_path()
    } else {
        source
    };
    let manifest = verified(source, backup)?;
    let key = manifest.key.as_ref().map(|_| backup.join(KEY));
    match (workspace.database, &directory) {
        (Place::File(file), Some(directory)) => {
            let name = file.file_name().unwrap_or_default();
            let ready = staged.path().join("ready");
            fs::create_dir(&ready).map_err(BackupError::io(&ready))?;
            copy(&backup.join(DATABASE), &ready.join(name))?;
            // A backup of an older version is brought up to date, and a broken one is found.
            forget_store(&ready.join(name))?;
            if let Some(key) = &key {
                put_key(key, &ready.join(KEY))?;
            }
            if let Ok(inner) = workspace.artifacts.strip_prefix(directory) {
                put_artifacts(source, backup, &ready.join(inner))?;
                appear(&ready, directory)?;
            } else {
                // Perhaps on another disk.
                let aside = Scratch::beside(workspace.artifacts)?;
                let artifacts = aside.path().join("ready");
                put_artifacts(source, backup, &artifacts)?;
                appear(&artifacts, workspace.artifacts)?;
                take_back_unless(appear(&ready, directory), workspace.artifacts)?;
            }
        }
        (place, _) => {
            let artifacts = staged.path().join("ready");
            let file = staged.path().join(DATABASE);
            put_artifacts(source, backup, &artifacts)?;
            copy(&backup.join(DATABASE), &file)?;
            forget_store(&file)?;
            let db = Database::open(place)?;
            // Before the record, which is of no use without it.
            let is_new_key = match &key {
                Some(key) => put_key(key, workspace.key)?,
                None => false,
            };
            appear(&artifacts, workspace.artifacts)?;
            let filled = transfer::fill(&db, &file).map_err(BackupError::from);
            let filled = filled.and_then(|is_filled| {
                let place = "the database has rows".to_owned();
                is_filled
                    .then_some(())
                    .ok_or(BackupError::NotEmpty { place })
            });
            if filled.is_err() && is_new_key {
                staging::remove(workspace.key).map_err(BackupError::io(workspace.key))?;
            }
            take_back_unless(filled, workspace.artifacts)?;
        }
    }
    Ok(manifest.summary)
}

/// The artifacts are in a folder from now on, wherever they were.
fn forget_store(file: &Path) -> Result<(), BackupError> {
    let db = Database::open(&Place::File(file.to_owned()))?;
    db.write(|sql| {
        for forget in [
            "DELETE FROM artifact_links",
            "DELETE FROM artifact_blobs",
            "DELETE FROM artifact_uploads",
        ] {
            sql.execute(forget, &[])?;
        }
        // And a key and a root of its own: what is collected here must not be what another workspace has.
        let forget = "DELETE FROM settings WHERE name <> ?1";
        sql.execute(forget, args![db::UNSCRUBBED])?;
        Ok::<_, DbError>(())
    })
    .wait()?;
    Ok(())
}

/// Puts the key of secrets where it will be looked for; the same may be there already. Tells whether it was not.
pub(super) fn put_key(from: &Path, to: &Path) -> Result<bool, BackupError> {
    // What is no key is told before it is needed.
    Sealer::of_file(from)?;
    let text = fs::read_to_string(from).map_err(BackupError::io(from))?;
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(BackupError::io(parent))?;
    }
    let is_new = sealed::put_file(to, &text)?;
    let is_other = || fs::read_to_string(to).map(|found| found.trim() != text.trim());
    if !is_new && is_other().map_err(BackupError::io(to))? {
        let path = to.to_owned();
        return Err(SealError::Taken { path }.into());
    }
    Ok(is_new)
}

/// Removes artifacts again whose record did not come about.
fn take_back_unless(done: Result<(), BackupError>, artifacts: &Path) -> Result<(), BackupError> {
    if done.is_err() {
        staging::remove(artifacts).map_err(BackupError::io(artifacts))?;
    }
    done
}

fn check_empty(directory: &Path) -> Result<(), BackupError> {
    let is_empty = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if is_empty {
        return Ok(());
    }
    let place = directory.display().to_string();
    Err(BackupError::NotEmpty { place })
}

/// Moves a directory to a place where nothing, or an empty directory, is.
fn appear(ready: &Path, place: &Path) -> Result<(), BackupError> {
    sync(ready)?;
    let (parent, _) = staging::split(place)?;
    fs::rename(ready, place).map_err(BackupError::io(place))?;
    staging::sync_directory(&parent).map_err(BackupError::io(&parent))
}

fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::copy(from, to).map_err(BackupError::io(to))?;
    let file = File::open(to).map_err(BackupError::io(to))?;
    file.sync_all().map_err(BackupError::io(to))
}

/// Whether a name is one that backups have.
fn is_ours(path: &Path) -> bool {
    let parts: Vec<&str> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => Some(".."),
        })
        .collect();
    match parts.as_slice() {
        [DATABASE | ARTIFACTS | KEY | MANIFEST] => true,
        [BLOBS, head, digest] => {
            digest.len() == 64
                && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
                && digest.starts_with(head)
        }
        _ => false,
    }
}

/// How a file of Zstandard begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

fn unpack(source: &Path, target: &Path) -> Result<(), BackupError> {
    // What begins as archives of this kind do is one, whatever follows.
    let broken = |error: std::io::Error| BackupError::Unreadable {
        path: source.to_owned(),
        reason: error.to_string(),
    };
    let mut file = File::open(source).map_err(BackupError::io(source))?;
    let mut begin = [0; ZSTD.len()];
    let is_begun = file.read_exact(&mut begin).is_ok() && begin == ZSTD;
    if !is_begun {
        let (path, reason) = (source.to_owned(), "it is no .tar.zst file".to_owned());
        return Err(BackupError::NotABackup { path, reason });
    }
    file.rewind().map_err(BackupError::io(source))?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(file).map_err(broken)?);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        if !entry.header().entry_type().is_file() || !is_ours(&path) {
            let reason = format!("it holds {}", path.display());
            let path = source.to_owned();
            return Err(BackupError::NotABackup { path, reason });
        }
        let place = target.join(path);
        let parent = place.parent().unwrap_or(target);
        fs::create_dir_all(parent).map_err(BackupError::io(parent))?;
        let mut file = File::create_new(&place).map_err(BackupError::io(&place))?;
        // Others must not read the key, or the record, while the rest is unpacked.
        staging::restrict(&file, 0o600).map_err(BackupError::io(&place))?;
        std::io::copy(&mut entry, &mut file).map_err(|error| {
            if automl_core::is_out_of_space(error.kind()) {
                BackupError::io(&place)(error)
            } else {
                broken(error)
            }
        })?;
    }
    Ok(())
}

/// Reads the manifest, and compares every file with what it must be.
fn verified(source: &Path, backup: &Path) -> Result<Manifest, BackupError> {
    let not_one = |reason: String| BackupError::NotABackup {
        path: source.to_owned(),
        reason,
    };
    let text = fs::read(backup.join(MANIFEST));
    let text = text.map_err(|error| not_one(format!("{MANIFEST} cannot be read: {error}")))?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| not_one(format!("{MANIFEST}: {error}")))?;
    let found = value
        .get("format")
        .and_then(serde_json::Value::as_u64)
        .unwrap_or(0) as u32;
    if found > FORMAT {
        return Err(BackupError::Newer {
            path: source.to_owned(),
            found,
            known: FORMAT,
        });
    }
    let manifest: Manifest =
        serde_json::from_value(value).map_err(|error| not_one(format!("{MANIFEST}: {error}")))?;
    check(source, backup, DATABASE, &manifest.database)?;
    check(source, backup, ARTIFACTS, &manifest.artifacts)?;
    if let Some(key) = &manifest.key {
        check(source, backup, KEY, key)?;
    }
    each_listed(source, backup, &mut |listed| {
        check(source, backup, &blob(&listed.sealed.sha256), &listed.sealed)
    })?;
    Ok(manifest)
}

fn check(source: &Path, backup: &Path, name: &str, wanted: &Sealed) -> Result<(), BackupError> {
    let sealed = File::open(backup.join(name)).and_then(|mut file| hashing::seal(&mut file));
    if sealed.is_ok_and(|sealed| sealed == *wanted) {
        return Ok(());
    }
    Err(BackupError::Damaged {
        path: source.to_owned(),
        name: name.to_owned(),
    })
}

fn each_listed(
    source: &Path,
    backup: &Path,
    take: &mut dyn FnMut(Listed) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let damaged = || BackupError::Damaged {
        path: source.to_owned(),
        name: ARTIFACTS.to_owned(),
    };
    let path = backup.join(ARTIFACTS);
    let file = File::open(&path).map_err(BackupError::io(&path))?;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|_unreadable| damaged())?;
        let listed: Listed = serde_json::from_str(&line).map_err(|_malformed| damaged())?;
        if !is_ours(Path::new(&blob(&listed.sealed.sha256))) {
            return Err(damaged());
        }
        take(listed)?;
    }
    Ok(())
}

fn put_artifacts(source: &Path, backup: &Path, root: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(root).map_err(BackupError::io(root))?;
    let folder = ArtifactStore::Folder(Folder::open(root.to_owned())?);
    each_listed(source, backup, &mut |listed| {
        let path = backup.join(blob(&listed.sealed.sha256));
        let mut file = File::open(&path).map_err(BackupError::io(&path))?;
        match folder.copy_from(&listed.path, &mut file) {
            Ok(_n_bytes) => Ok(()),
            Err(CopyError::Read(source)) => Err(ArtifactError::Io { source }.into()),
            Err(CopyError::Write(error)) => Err(error.into()),
        }
    })
}
