//! A folder that appears when it is whole.

use crate::errors::CliError;
use anyhow::Context as _;
use automl_store::write_directory;
use std::fs::{self, File};
use std::path::Path;

/// Fills a folder beside its place, brings it to the disk and moves it there; tells the number of files.
///
/// # Errors
/// If something is there already, it is inside the model that it is made of, or it cannot be written.
pub(super) fn written(
    target: &Path,
    model: &Path,
    fill: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    if target.symlink_metadata().is_ok() {
        let path = target.to_owned();
        return Err(CliError::OutputTaken { path }.into());
    }
    let mut n_files = 0;
    write_directory(target, |staged| {
        check_outside(staged.parent().unwrap_or(staged), model)?;
        fill(staged)?;
        n_files = synced(staged).context("cannot bring it to the disk")?;
        anyhow::Ok(())
    })?;
    Ok(n_files)
}

/// A folder inside the model would be copied into itself.
fn check_outside(parent: &Path, model: &Path) -> anyhow::Result<()> {
    let whole = |path: &Path| {
        fs::canonicalize(path).with_context(|| format!("cannot tell where {} is", path.display()))
    };
    let (parent, model) = (whole(parent)?, whole(model)?);
    if parent.starts_with(&model) {
        return Err(CliError::OutputInModel { path: parent }.into());
    }
    Ok(())
}

/// Brings all that is below a folder to the disk, and counts its files.
fn synced(folder: &Path) -> std::io::Result<u64> {
    let mut n_files = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            n_files += synced(&path)?;
        } else {
            File::open(&path)?.sync_all()?;
            n_files += 1;
        }
    }
    File::open(folder)?.sync_all()?;
    Ok(n_files)
}

/// Copies the files of a model directory.
pub(super) fn copied(from: &Path, to: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot copy {} to {}", from.display(), to.display());
    fs::create_dir(to).with_context(failed)?;
    for entry in fs::read_dir(from).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let (path, name) = (entry.path(), entry.file_name());
        // A link may lead out of the model, or in a circle; a model has none.
        let kind = entry.file_type().with_context(failed)?;
        if kind.is_dir() {
            copied(&path, &to.join(name))?;
        } else if kind.is_file() {
            fs::copy(&path, to.join(name)).with_context(failed)?;
        }
    }
    Ok(())
}
