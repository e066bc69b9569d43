//! The folders of trials, each with one process in it at a time.

use crate::errors::TuneVerbError;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file that is locked while a trial runs in its folder.
const LOCK: &str = ".lock";

/// The folder that a trial runs in, which no other process takes before this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) path: PathBuf,
    _lock: File,
}

/// The first folder of a trial, or another one if it was given out more than once.
fn name_of(number: i64, turn: usize) -> String {
    match turn {
        0 => format!("{number:06}"),
        turn => format!("{number:06}-{}", turn + 1),
    }
}

/// Takes a folder for a trial, as programs elsewhere can open it: the one that it had before, unless a process that has lost
/// the trial without knowing it works there still.
///
/// # Errors
/// If it cannot be made.
pub(super) fn take(folder: &Path, number: i64) -> Result<Taken, TuneVerbError> {
    let mut turn = 0;
    loop {
        let named = folder.join(name_of(number, turn));
        let taken = try_take(&named).map_err(|source| TuneVerbError::Folder {
            folder: named.display().to_string(),
            source,
        })?;
        if let Some(taken) = taken {
            return Ok(taken);
        }
        turn += 1;
    }
}

fn try_take(named: &Path) -> io::Result<Option<Taken>> {
    let path = std::path::absolute(named)?;
    fs::create_dir_all(&path)?;
    let lock = File::create(path.join(LOCK))?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        // File systems without locks hold one process as well as several.
        Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => {
            return Err(error);
        }
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    Ok(Some(Taken { path, _lock: lock }))
}

/// All folders that a trial was run in.
pub(super) fn all_of(folder: &Path, number: i64) -> impl Iterator<Item = PathBuf> {
    let named = move |turn| folder.join(name_of(number, turn));
    (0..).map(named).take_while(|path| path.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_which_another_process_works_is_left_to_it() {
        let desk = tempfile::tempdir().expect("a folder can be made");
        let taken = |number| take(desk.path(), number).expect("the folder can be made");
        let name = |taken: &Taken| taken.path.file_name().map(std::ffi::OsStr::to_owned);
        let first = taken(7);
        assert_eq!(name(&first), Some("000007".into()));
        assert_eq!(name(&taken(7)), Some("000007-2".into()));
        assert_eq!(all_of(desk.path(), 7).count(), 2);
        drop(first);
        assert_eq!(name(&taken(7)), Some("000007".into()));
        assert_eq!(name(&taken(8)), Some("000008".into()));
    }
}
