//! Removing for good what was deleted, and files that nothing refers to.
//!
//! Runs, logged models and experiments that were deleted long enough ago go with their rows and their files, unless a
//! version of a registered model, or a run or logged model that is in use, still refers to them. Then content that no path
//! leads to goes, and uploads that nobody went on with.
//!
//! **Order.** A transaction takes the rows away and notes in their place where the files are; files are removed after it,
//! and the note after them. So a restored run is either there with its files or refused as unknown, and a process that is
//! killed leaves notes, with which the next [`collect`] begins. Rows go [`BATCH`] at a time, each batch chosen anew in the
//! transaction that takes it away, so what is restored or registered meanwhile stays, and the server's writes come between.
//!
//! **Beside a running server.** Files that are being written, and content that is about to be linked to, are safe: how is
//! told in [`crate::artifacts::folder`] and [`crate::artifacts::objects`].

mod select;
#[cfg(test)]
mod tests;

use crate::args;
use crate::artifact_uri::ArtifactPlace as Place;
use crate::artifacts::{ArtifactError, ArtifactStore, Folder, Sweep, Swept, place};
use crate::db::{Database, DbError, Row, Sql};
use crate::tracking::{TrackingError, now_ms};
use automl_core::Coded;
use select::Plan;
pub use select::{Gone, Kind};

/// Runs, models and experiments that one transaction takes away.
const BATCH: usize = 100;
/// Milliseconds after which an upload that nothing was added to is given up.
const UPLOAD_AGE_MS: i64 = 24 * 3600 * 1000;

/// What is to be collected.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What was deleted before this time goes, in milliseconds since 1970.
    pub deleted_before_ms: i64,
    /// Whether it goes, or is only listed.
    pub sweep: Sweep,
}

/// What went, or would go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Runs, models and experiments, with the bytes of their files.
    pub gone: Vec<Gone>,
    /// Those that stay because something in use refers to them.
    pub n_kept: u64,
    /// Artifact folders of rows that went whose files could not be removed: another program keeps them, or the system refused.
    pub not_ours: Vec<String>,
    /// Content and uploads that nothing refers to, once what is in `gone` went.
    pub swept: Swept,
}

/// Why a collection ended early; what is left is for the next.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum GcError {
    #[error(transparent)]
    Record(#[from] TrackingError),
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
}

impl Coded for GcError {
    fn code(&self) -> &'static str {
        match self {
            Self::Record(error) => Coded::code(error),
            Self::Database(error) => error.code(),
            Self::Artifacts(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Record(error) => error.hint(),
            Self::Database(error) => error.hint(),
            Self::Artifacts(error) => error.hint(),
        }
    }
}

/// Removes, or lists, what was deleted and what nothing refers to, of all workspaces in a database.
///
/// # Errors
/// If the record or the store cannot be used; what went until then is gone, and the next call goes on.
pub fn collect(
    db: &Database,
    store: &ArtifactStore,
    options: Options,
) -> Result<Collected, GcError> {
    let before = options.deleted_before_ms;
    let mut collected = Collected::default();
    let plan = db.read(move |sql| select::plan(sql, before)).wait()?;
    collected.n_kept = plan.n_kept;
    for mut gone in plan.gone {
        if let Some(root) = &gone.files {
            match n_bytes(store, root) {
                Ok(n_bytes) => gone.n_bytes = n_bytes,
                Err(ArtifactError::Foreign { uri }) => collected.not_ours.push(uri),
                Err(error) => return Err(error.into()),
            }
        }
        collected.gone.push(gone);
    }
    if options.sweep == Sweep::Remove {
        while take_batch(db, before)? {}
        collected.not_ours.extend(remove_files(db, store)?);
    }
    collected.swept = store.sweep(now_ms() - UPLOAD_AGE_MS, options.sweep)?;
    if options.sweep == Sweep::Count {
        let (n_blobs, n_bytes) = store.left_without(&going(db, &collected.gone)?)?;
        collected.swept.n_blobs += n_blobs;
        collected.swept.blob_bytes += n_bytes;
    }
    Ok(collected)
}

/// The paths of the store whose files would go: those of rows that would, and those that a killed collection noted.
fn going(db: &Database, gone: &[Gone]) -> Result<Vec<String>, GcError> {
    let mut uris: Vec<String> = gone.iter().filter_map(|one| one.files.clone()).collect();
    for row in db.read(noted).wait()? {
        let uri = row.text(0)?;
        let asked = uri.clone();
        if !db.read(move |sql| select::is_used(sql, &asked)).wait()? {
            uris.push(uri);
        }
    }
    let here = uris.iter().filter_map(|uri| match place(uri) {
        Ok(Place::Here(path)) => Some(path),
        _ => None,
    });
    Ok(here.collect())
}

fn noted(sql: &mut dyn Sql) -> Result<Vec<Row>, DbError> {
    sql.query("SELECT uri FROM artifact_removals ORDER BY uri", &[])
}

/// Takes some rows away and notes where their files are; says whether there may be more.
fn take_batch(db: &Database, before: i64) -> Result<bool, GcError> {
    let taken = db.write(move |sql| {
        let Plan { gone, .. } = select::plan(sql, before)?;
        let batch = &gone[..gone.len().min(BATCH)];
        for one in batch {
            if let Some(root) = one.files.as_ref().filter(|root| place(root).is_ok()) {
                sql.execute(
                    "INSERT INTO artifact_removals (uri) VALUES (?1) ON CONFLICT (uri) DO NOTHING",
                    args![root],
                )?;
            }
            select::delete(sql, one)?;
        }
        Ok::<_, TrackingError>(batch.len() == BATCH)
    });
    Ok(taken.wait()?)
}

/// Removes files that are noted, and the notes; gives the places whose files could not be removed, which stay noted.
fn remove_files(db: &Database, store: &ArtifactStore) -> Result<Vec<String>, GcError> {
    let mut stuck = Vec::new();
    for row in db.read(noted).wait()? {
        let uri = row.text(0)?;
        // Something may live there again, such as a run that was imported anew under its id.
        let asked = uri.clone();
        if !db.read(move |sql| select::is_used(sql, &asked)).wait()? {
            match remove(store, &uri) {
                Ok(()) | Err(ArtifactError::Missing { .. }) => {}
                Err(error @ ArtifactError::Away { .. }) => return Err(error.into()),
                Err(_error) => {
                    stuck.push(uri);
                    continue;
                }
            }
        }
        let forgotten = db.write(move |sql| {
            sql.execute("DELETE FROM artifact_removals WHERE uri = ?1", args![&uri])
        });
        forgotten.wait()?;
    }
    Ok(stuck)
}

/// A folder of this machine as the folder above it and its own name.
fn above(path: &std::path::Path) -> Result<(Folder, String), ArtifactError> {
    let name = path.file_name().and_then(std::ffi::OsStr::to_str);
    match (path.parent(), name) {
        (Some(parent), Some(name)) => Ok((Folder::plain(parent.to_owned()), name.to_owned())),
        _ => Err(ArtifactError::Path),
    }
}

fn n_bytes(store: &ArtifactStore, uri: &str) -> Result<u64, ArtifactError> {
    match place(uri)? {
        Place::Here(path) => store.n_bytes(&path),
        Place::Folder(path) => {
            let (folder, name) = above(&path)?;
            folder.n_bytes(&name)
        }
    }
}

fn remove(store: &ArtifactStore, uri: &str) -> Result<(), ArtifactError> {
    match place(uri)? {
        Place::Here(path) => {
            let removed = store.remove(&path);
            // A process that was killed may have removed the files and not the empty folders above them.
            if let (ArtifactStore::Folder(folder), Ok(()) | Err(ArtifactError::Missing { .. })) =
                (store, &removed)
            {
                folder.prune(&path)?;
            }
            removed
        }
        Place::Folder(path) => {
            let (folder, name) = above(&path)?;
            folder.remove(&name)
        }
    }
}
