//! Temporary names beside a target: claimed under a lock, swapped into place, swept when their writer is gone.
//!
//! A name is `.target.tmp-<process>-<number>`. Its writer holds a lock on it as long as it lives, and a lock dies with
//! its process, so the next writer can tell what a killed one left behind from what another one is working on.

use crate::StoreError;
use crate::made::Made;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a place is made that others remove.
const TRIES: usize = 100;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// What to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    File,
    Directory,
}

/// A temporary file or directory beside its target, locked as long as this lives. Dropping it does not remove it.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

/// The directory of `target` and its name there.
pub(crate) fn split(target: &Path) -> Result<(PathBuf, OsString), StoreError> {
    let name = target.file_name().ok_or_else(|| StoreError::Exists {
        path: target.to_owned(),
        reason: "it has no name of its own to be replaced by".into(),
        is_replaceable: false,
    })?;
    let parent = match target.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok((parent, name.to_owned()))
}

/// Sweeps what killed writers of `target` left behind and claims a new temporary name beside it.
pub(crate) fn claim(target: &Path, shape: Shape) -> Result<Staged, StoreError> {
    let (parent, name) = split(target)?;
    let look = |error| StoreError::io("look into", &parent)(error);
    // Held until the claim is locked: nobody may take a name made a moment ago for a leftover. A file system without
    // locks is used without; then nothing is swept either.
    let gate = File::open(&parent).map_err(look)?;
    let has_locks = gate.lock().is_ok();
    if has_locks {
        sweep(&parent, &name, target).map_err(look)?;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = parent.join(temporary(&name, "tmp", number));
    let file = match shape {
        Shape::File => File::create_new(&path),
        Shape::Directory => fs::create_dir(&path).and_then(|()| File::open(&path)),
    };
    let file = file.map_err(StoreError::io("create", target))?;
    if has_locks {
        file.lock().map_err(StoreError::io("create", target))?;
    }
    Ok(Staged { path, file })
}

/// Makes the directories above `target` and claims a temporary name beside it.
///
/// A writer of another process that gives up removes the directories that it made, perhaps just when they are about to be
/// used here: then they are made again.
pub(crate) fn claim_in_new(target: &Path, shape: Shape) -> Result<(Staged, Made), StoreError> {
    let (parent, _) = split(target)?;
    let mut tries_left = TRIES;
    loop {
        tries_left -= 1;
        let error = match Made::directory(&parent) {
            Err(error) => error,
            Ok(made) => match claim(target, shape) {
                Ok(staged) => return Ok((staged, made)),
                Err(error) => error,
            },
        };
        if tries_left == 0 || !error.is_absence() {
            return Err(error);
        }
    }
}

fn temporary(name: &OsStr, what: &str, number: u64) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{what}-{}-{number}", std::process::id()));
    temporary
}

/// Whether `entry` is a temporary name of `name` of this sort: exactly what [`temporary`] makes.
fn is_temporary(entry: &OsStr, name: &OsStr, what: &str) -> bool {
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(format!(".{what}-"));
    let Some(rest) = entry
        .as_encoded_bytes()
        .strip_prefix(prefix.as_encoded_bytes())
    else {
        return false;
    };
    let mut parts = rest.split(|&byte| byte == b'-');
    let is_number = |part: Option<&[u8]>| {
        part.is_some_and(|p| !p.is_empty() && p.iter().all(u8::is_ascii_digit))
    };
    is_number(parts.next()) && is_number(parts.next()) && parts.next().is_none()
}

fn sweep(parent: &Path, name: &OsStr, target: &Path) -> io::Result<()> {
    let mut leftovers = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?.file_name();
        if is_temporary(&entry, name, "tmp") {
            leftovers.push((parent.join(&entry), false));
        } else if is_temporary(&entry, name, "old") {
            leftovers.push((parent.join(&entry), true));
        }
    }
    leftovers.sort();
    for (path, is_old) in leftovers {
        let Ok(file) = File::open(&path) else {
            continue;
        };
        if file.try_lock().is_err() {
            continue;
        }
        if is_old && !target.exists() {
            fs::rename(&path, target)?;
        } else {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Lets only its owner have a file or a directory, where a system knows owners.
pub(crate) fn restrict(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(mode))
    }
    #[cfg(not(unix))]
    {
        let _owners_are_unknown = (file, mode);
        Ok(())
    }
}

/// Removes a file or a directory with all that is in it; fine if it is not there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Puts the staged directory in the place of a directory at `target`; what was there ends up at the returned path.
///
/// On Linux both change places in one step. Elsewhere, and on file systems that cannot, the old one is moved aside
/// first; a kill between the two steps is mended by the next writer.
pub(crate) fn exchange(staged: &Path, target: &Path) -> io::Result<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, staged, CWD, target, RenameFlags::EXCHANGE) {
            Ok(()) => return Ok(staged.to_owned()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    move_aside(staged, target)
}

fn move_aside(staged: &Path, target: &Path) -> io::Result<PathBuf> {
    let parent = target.parent().unwrap_or(Path::new("."));
    let name = target.file_name().unwrap_or_default();
    let aside = parent.join(temporary(name, "old", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::rename(target, &aside)?;
    if let Err(error) = fs::rename(staged, target) {
        fs::rename(&aside, target)?;
        return Err(error);
    }
    Ok(aside)
}

/// Makes renames and new names in a directory last through a power cut.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
