//! Directories that are made for an output, and removed again if it does not come about.
//!
//! Writers of one process share what they make: a directory stays as long as one of them means to write into it, and the last
//! one that gives up removes it. What one of them has written into is kept by all.

use crate::StoreError;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many writers would remove a directory that was made here.
static SHARED: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

/// Directories that would be empty without what is about to be written. Dropping it removes those that nobody else needs.
#[derive(Debug, Default)]
pub(crate) struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a directory and those above it that are not there.
    ///
    /// # Errors
    /// If a file is in the way or the disk refuses, naming what is or could not be made; then nothing is left behind.
    pub(crate) fn directory(directory: &Path) -> Result<Self, StoreError> {
        check_above(directory)?;
        // However a writer spells it.
        let whole = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let whole: PathBuf = whole.components().collect();
        let mut shared = shared();
        let deepest_first: Vec<PathBuf> = whole
            .ancestors()
            .take_while(|path| *path != Path::new(""))
            .take_while(|path| shared.contains_key(*path) || !path.exists())
            .map(Path::to_owned)
            .collect();
        for path in &deepest_first {
            *shared.entry(path.clone()).or_default() += 1;
        }
        drop(shared);
        let made = Self(deepest_first);
        if let Err(error) = fs::create_dir_all(directory) {
            let refused = missing(directory).last().unwrap_or(directory);
            return Err(StoreError::io("create", refused)(error));
        }
        Ok(made)
    }

    /// Leaves the directories where they are, also for those who share them: the output has come about.
    pub(crate) fn keep(mut self) {
        let mut shared = shared();
        for path in std::mem::take(&mut self.0) {
            shared.remove(&path);
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let mut shared = shared();
        for path in &self.0 {
            let Some(n_writers) = shared.get_mut(path) else {
                continue;
            };
            *n_writers -= 1;
            if *n_writers == 0 {
                shared.remove(path);
                // One that something else was put into meanwhile stays.
                fs::remove_dir(path).ok();
            }
        }
    }
}

/// Refuses a place below a file.
pub(crate) fn check_above(directory: &Path) -> Result<(), StoreError> {
    // Asked once of each: another writer may remove what it made at any moment.
    let mut known =
        (directory.ancestors()).filter_map(|path| Some((path, fs::metadata(path).ok()?)));
    match known.next() {
        Some((path, found)) if !found.is_dir() => Err(StoreError::NotADirectory {
            path: path.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// A directory and those above it that are not there, the deepest first.
pub(crate) fn missing(directory: &Path) -> impl Iterator<Item = &Path> {
    let above = directory.ancestors();
    above.take_while(|path| *path != Path::new("") && !path.exists())
}

fn shared() -> MutexGuard<'static, BTreeMap<PathBuf, usize>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Made;
    use std::fs;
    use std::path::Path;

    #[test]
    fn the_last_writer_that_gives_up_removes_what_was_made_for_all() {
        let root = tempfile::tempdir().unwrap();
        let (above, below) = (root.path().join("out"), root.path().join("out/day=1"));
        let first = Made::directory(&below).unwrap();
        let second = Made::directory(&above).unwrap();
        drop(first);
        assert!(!below.exists() && above.exists());
        drop(second);
        assert!(!above.exists() && root.path().exists());
    }

    #[test]
    fn a_directory_is_shared_however_it_is_spelled() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        let first = Made::directory(&out).unwrap();
        let second = Made::directory(&root.path().join("./out/.")).unwrap();
        drop(first);
        assert!(out.exists());
        drop(second);
        assert!(!out.exists());
    }

    #[test]
    fn writers_of_many_threads_that_all_fail_leave_nothing() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out/deep");
        for _ in 0..200 {
            std::thread::scope(|scope| {
                for name in ["a", "b", "c"] {
                    let out = &out;
                    scope.spawn(move || {
                        let file = crate::AtomicFile::create(&out.join(name));
                        drop(file.unwrap());
                    });
                }
            });
            assert!(!root.path().join("out").exists());
        }
    }

    #[test]
    fn what_one_writer_keeps_no_other_removes() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        let first = Made::directory(&out).unwrap();
        let second = Made::directory(&out).unwrap();
        first.keep();
        drop(second);
        assert!(out.exists());
    }

    #[test]
    fn what_cannot_be_made_or_is_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let refusal = |path: &Path| Made::directory(path).unwrap_err().to_string();
        let refused = root.path().join("long".repeat(100));
        let told = format!("cannot create {}", refused.display());
        assert_eq!(refusal(&refused.join("b/c")), told);
        let file = root.path().join("table.csv");
        fs::write(&file, "").unwrap();
        let told = refusal(&file.join("b/c"));
        assert!(
            told.contains("a file") && told.ends_with("/table.csv"),
            "{told}"
        );
    }

    #[test]
    fn what_was_there_before_or_has_been_filled_since_stays() {
        let root = tempfile::tempdir().unwrap();
        drop(Made::directory(root.path()).unwrap());
        assert!(root.path().exists());
        let out = root.path().join("out");
        let made = Made::directory(&out).unwrap();
        fs::write(out.join("other"), "").unwrap();
        drop(made);
        assert!(out.join("other").exists());
    }
}
