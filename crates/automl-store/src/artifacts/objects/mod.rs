//! Artifacts in an object store: S3, Google Cloud Storage, Azure Blob Storage.
//!
//! Object stores have no links, so the record says which path leads to which object. Content is written once, as an object
//! `PREFIX/WORKSPACE/blobs/ab/KEY` that never changes and whose random key is never used again; what has the same digest is
//! led to the object that is there. Listing, sizes and removals are then matters of the record alone, without a request.
//! The price: other programs find no plain files in the bucket. Who wants those gives clients the bucket itself, with
//! `automl serve --default-artifact-root s3://…`; then it is MLflow's client that writes there, a plain object a file.
//!
//! **Removal.** A path is led to an object in one transaction that also makes sure that the object is not condemned. To
//! remove one, [`Objects::sweep`] condemns it in a transaction of its own if no path leads to it, deletes it from the
//! store, then from the record. So an upload of the same content comes either before, and the object stays, or after, and
//! it brings an object of its own under a new key. Killed in between, the next sweep finds what is condemned and goes on.
//! Objects that the record does not know are uploads that were not finished: they go once they are a day old.
//!
//! **Away.** Requests to the store are repeated for [`RETRY_SECONDS`] and then fail; nothing is seen of what was not
//! finished, and the next request tries anew.

mod remote;
mod sweep;
mod upload;

pub use remote::{RETRY_SECONDS, Remote};
pub use upload::ObjectUpload;

use super::read::Source;
use super::{ArtifactError, Download, Entry, PartsUpload, Wanted, parts, parts_of, sign};
use crate::args;
use crate::db::{Database, DbError, Sql};
use crate::tracking::{new_id, now_ms};
use futures_util::StreamExt;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use std::sync::Arc;

/// The setting that tells workspaces in one bucket apart.
const WORKSPACE: &str = "artifacts-id";

/// An object store with the part of the record that says what is in it. Clones share it.
#[derive(Clone)]
pub struct Objects {
    remote: Arc<Remote>,
    db: Database,
    /// What all keys of this workspace begin with.
    root: String,
}

/// Content that a path leads to.
struct Blob {
    key: String,
    sha256: Option<String>,
    n_bytes: u64,
}

impl Objects {
    pub(super) fn open(
        url: &str,
        options: &std::collections::BTreeMap<String, String>,
        db: &Database,
    ) -> Result<Self, ArtifactError> {
        Self::with(Remote::open(url, options)?, db)
    }

    pub(super) fn with(remote: Remote, db: &Database) -> Result<Self, ArtifactError> {
        let id = sign::setting(db, WORKSPACE)?;
        let root = match remote.prefix.as_ref() {
            "" => format!("{}/blobs", &id[..16]),
            prefix => format!("{prefix}/{}/blobs", &id[..16]),
        };
        Ok(Self {
            remote: Arc::new(remote),
            db: db.clone(),
            root,
        })
    }

    /// A key that no object ever had.
    fn new_key(&self) -> Result<String, ArtifactError> {
        let id = new_id().map_err(|error| ArtifactError::Refused {
            reason: error.to_string(),
        })?;
        Ok(format!("{}/{}/{id}", self.root, &id[..2]))
    }

    /// The path of a file, in the form in which the record knows it.
    fn plain(path: &str) -> Result<String, ArtifactError> {
        match parts_of(path)?.join("/") {
            empty if empty.is_empty() => Err(ArtifactError::Path),
            path => Ok(path),
        }
    }

    pub(super) fn begin(&self, path: &str) -> Result<ObjectUpload, ArtifactError> {
        Ok(ObjectUpload::new(self, Self::plain(path)?))
    }

    fn blob(&self, path: &str) -> Result<Blob, ArtifactError> {
        let missing = ArtifactError::Missing {
            path: path.to_owned(),
        };
        let path = Self::plain(path)?;
        let row = self.db.read(move |sql| {
            sql.query_one(
                "SELECT b.key, b.sha256, b.n_bytes FROM artifact_links l JOIN artifact_blobs b ON b.key = l.key WHERE l.path = ?1",
                args![&path],
            )
        });
        let row = row.wait()?.ok_or(missing)?;
        Ok(Blob {
            key: row.text(0)?,
            sha256: row.maybe_text(1)?,
            n_bytes: row.int(2)? as u64,
        })
    }

    pub(super) fn read(&self, path: &str, wanted: Wanted) -> Result<Download, ArtifactError> {
        let blob = self.blob(path)?;
        let range = wanted.of(blob.n_bytes)?;
        let options = match wanted {
            Wanted::Whole => GetOptions::default(),
            _ => GetOptions::default().with_range(Some(GetRange::Bounded(range.0..range.1))),
        };
        let key = Path::from(blob.key.as_str());
        let got = self
            .remote
            .wait(self.remote.objects.get_opts(&key, options));
        let mut stream = got.map_err(|error| told(path, error))?.into_stream();
        let (remote, name) = (Arc::clone(&self.remote), path.to_owned());
        let next = move || {
            let chunk = remote.wait(stream.next());
            chunk.transpose().map_err(|error| told(&name, error))
        };
        let source = Source::Store(Box::new(next));
        Ok(Download::new(
            path,
            blob.n_bytes,
            range,
            blob.sha256,
            source,
        ))
    }

    pub(super) fn list(&self, path: &str) -> Result<Vec<Entry>, ArtifactError> {
        let below = below(path)?;
        Ok(self.db.read(move |sql| list(sql, &below)).wait()?)
    }

    pub(super) fn n_bytes(&self, path: &str) -> Result<u64, ArtifactError> {
        let (whole, (from, to)) = (parts_of(path)?.join("/"), below(path)?);
        let sum = self.db.read(move |sql| {
            let row = sql.query_one(
                "SELECT CAST(COALESCE(SUM(b.n_bytes), 0) AS BIGINT) FROM artifact_links l JOIN artifact_blobs b ON b.key = l.key \
                 WHERE l.path = ?1 OR (l.path >= ?2 AND l.path < ?3)",
                args![&whole, &from, &to],
            )?;
            row.map_or(Ok(0), |row| row.int(0))
        });
        Ok(sum.wait()? as u64)
    }

    pub(super) fn remove(&self, path: &str) -> Result<(), ArtifactError> {
        let (whole, (from, to)) = (Self::plain(path)?, below(path)?);
        let count = self.db.write(move |sql| {
            sql.execute(
                "DELETE FROM artifact_links WHERE path = ?1 OR (path >= ?2 AND path < ?3)",
                args![&whole, &from, &to],
            )
        });
        if count.wait()? == 0 {
            return Err(ArtifactError::Missing {
                path: path.to_owned(),
            });
        }
        Ok(())
    }

    /// Whether the store lets clients write parts and read files by signed addresses.
    pub(super) fn signs(&self) -> bool {
        self.remote.signer.is_some()
    }

    pub(super) fn signed_url(&self, path: &str) -> Result<(String, u64), ArtifactError> {
        let blob = self.blob(path)?;
        let name: String = path.rsplit('/').next().unwrap_or_default().to_owned();
        let safe = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let name: String = name
            .chars()
            .map(|letter| if safe(letter) { letter } else { '_' })
            .collect();
        let query = [(
            "response-content-disposition".to_owned(),
            format!("attachment; filename={name}"),
        )];
        let url = self.remote.sign("GET", &blob.key, &query)?;
        Ok((url, blob.n_bytes))
    }

    pub(super) fn begin_parts(
        &self,
        path: &str,
        n_parts: usize,
    ) -> Result<PartsUpload, ArtifactError> {
        let path = Self::plain(path)?;
        if !self.signs() {
            return Err(ArtifactError::NoParts);
        }
        let (key, store_id) = self.begin_multipart(&path)?;
        let urls = (1..=n_parts).map(|number| {
            let query = [
                ("partNumber".to_owned(), number.to_string()),
                ("uploadId".to_owned(), store_id.clone()),
            ];
            self.remote.sign("PUT", &key, &query)
        });
        Ok(PartsUpload {
            urls: urls.collect::<Result<_, _>>()?,
            id: key.rsplit('/').next().unwrap_or_default().to_owned(),
        })
    }

    /// Begins an upload in parts that the record knows of, so that it can be given up if nobody goes on with it.
    fn begin_multipart(&self, path: &str) -> Result<(String, String), ArtifactError> {
        let key = self.new_key()?;
        let place = Path::from(key.as_str());
        let begun = self.remote.wait(self.remote.parts.create_multipart(&place));
        let store_id = begun.map_err(|error| told(path, error))?;
        let (id, path, noted) = (key.clone(), path.to_owned(), store_id.clone());
        let written = self.db.write(move |sql| {
            sql.execute(
                "INSERT INTO artifact_uploads (id, path, store_id, created_ms) VALUES (?1, ?2, ?3, ?4)",
                args![&id, &path, &noted, now_ms()],
            )
        });
        written.wait()?;
        Ok((key, store_id))
    }

    /// The key of an upload to a path, and the id that the store gave it.
    fn upload(&self, path: &str, id: &str) -> Result<(String, String), ArtifactError> {
        let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id {
            return Err(parts::no_upload(id));
        }
        let key = format!("{}/{}/{id}", self.root, &id[..2]);
        let (wanted, path) = (key.clone(), Self::plain(path)?);
        let row = self.db.read(move |sql| {
            sql.query_one(
                "SELECT store_id FROM artifact_uploads WHERE id = ?1 AND path = ?2",
                args![&wanted, &path],
            )
        });
        let row = row.wait()?.ok_or_else(|| parts::no_upload(id))?;
        Ok((key, row.text(0)?))
    }

    pub(super) fn complete_parts(
        &self,
        path: &str,
        id: &str,
        parts: &[(usize, String)],
    ) -> Result<(), ArtifactError> {
        let (key, store_id) = self.upload(path, id)?;
        let tags = parts::in_order(parts)?.into_iter();
        let tags = tags.map(|tag| PartId {
            content_id: format!("\"{tag}\""),
        });
        let place = Path::from(key.as_str());
        let completed = self
            .remote
            .parts
            .complete_multipart(&place, &store_id, tags.collect());
        // Not found may mean that it was completed before, and the answer or the record's part of it was lost.
        let completed = self.remote.wait(completed);
        if let Err(error) = completed
            && !matches!(error, object_store::Error::NotFound { .. })
        {
            return Err(told(path, error));
        }
        let about = self.remote.wait(self.remote.objects.head(&place));
        let n_bytes = about.map_err(|error| told(path, error))?.size;
        let path = Self::plain(path)?;
        // The bytes went past this server: their digest is not known, so they share no room and only the store checks them.
        let linked = self.db.write(move |sql| {
            if !is_going_on(sql, &key)? {
                return Ok::<_, ArtifactError>(false);
            }
            insert_blob(sql, &key, None, n_bytes)?;
            insert_link(sql, &path, &key)?;
            Ok(true)
        });
        if linked.wait()? {
            return Ok(());
        }
        Err(parts::no_upload(id))
    }

    pub(super) fn abort_parts(&self, path: &str, id: &str) -> Result<(), ArtifactError> {
        let (key, store_id) = self.upload(path, id)?;
        self.abort(&key, &store_id)
    }

    /// Gives up an upload in parts. The store may have forgotten it.
    fn abort(&self, key: &str, store_id: &str) -> Result<(), ArtifactError> {
        let (place, store_id) = (Path::from(key), store_id.to_owned());
        match self
            .remote
            .wait(self.remote.parts.abort_multipart(&place, &store_id))
        {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(told("an upload", error)),
        }
        let key = key.to_owned();
        let forgotten = self.db.write(move |sql| {
            sql.execute("DELETE FROM artifact_uploads WHERE id = ?1", args![&key])
        });
        forgotten.wait()?;
        Ok(())
    }
}

/// What sorts at or behind all paths in a folder, and before all behind it.
fn below(path: &str) -> Result<(String, String), ArtifactError> {
    Ok(match parts_of(path)?.join("/") {
        root if root.is_empty() => (String::new(), "\u{10ffff}".to_owned()),
        // '0' is the character behind '/'.
        path => (format!("{path}/"), format!("{path}0")),
    })
}

/// The children of a folder: steps from one to the next, over all that is below it.
fn list(sql: &mut dyn Sql, (from, to): &(String, String)) -> Result<Vec<Entry>, DbError> {
    let (mut found, mut next) = (Vec::new(), from.clone());
    while let Some(row) = sql.query_one(
        "SELECT l.path, b.n_bytes FROM artifact_links l JOIN artifact_blobs b ON b.key = l.key \
         WHERE l.path >= ?1 AND l.path < ?2 ORDER BY l.path LIMIT 1",
        args![&next, to],
    )? {
        let path = row.text(0)?;
        let name = path.strip_prefix(from.as_str()).unwrap_or(&path);
        let (name, n_bytes) = match name.split_once('/') {
            Some((folder, _)) => (folder, None),
            None => (name, Some(row.int(1)? as u64)),
        };
        next = match n_bytes {
            None => format!("{from}{name}0"),
            Some(_) => format!("{path}\u{1}"),
        };
        found.push(Entry {
            name: name.to_owned(),
            n_bytes,
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn insert_blob(
    sql: &mut dyn Sql,
    key: &str,
    sha256: Option<&str>,
    n_bytes: u64,
) -> Result<(), DbError> {
    sql.execute(
        "INSERT INTO artifact_blobs (key, sha256, n_bytes, is_condemned) VALUES (?1, ?2, ?3, 0)",
        args![key, sha256, n_bytes as i64],
    )?;
    Ok(())
}

/// Refuses a path that would be a file inside a file, or a file where a folder is.
fn check_free(sql: &mut dyn Sql, path: &str) -> Result<(), ArtifactError> {
    let both = || ArtifactError::Both {
        path: path.to_owned(),
    };
    for (end, _) in path.match_indices('/') {
        let above = &path[..end];
        let query = "SELECT 1 FROM artifact_links WHERE path = ?1";
        if sql.query_one(query, args![above])?.is_some() {
            return Err(both());
        }
    }
    let (from, to) = below(path)?;
    let query = "SELECT 1 FROM artifact_links WHERE path >= ?1 AND path < ?2 LIMIT 1";
    if sql.query_one(query, args![&from, &to])?.is_some() {
        return Err(both());
    }
    Ok(())
}

fn insert_link(sql: &mut dyn Sql, path: &str, key: &str) -> Result<(), ArtifactError> {
    check_free(sql, path)?;
    sql.execute(
        "INSERT INTO artifact_links (path, key) VALUES (?1, ?2) ON CONFLICT (path) DO UPDATE SET key = excluded.key",
        args![path, key],
    )?;
    Ok(())
}

/// Ends an upload in parts, unless it was given up meanwhile.
fn is_going_on(sql: &mut dyn Sql, key: &str) -> Result<bool, DbError> {
    let n_ended = sql.execute("DELETE FROM artifact_uploads WHERE id = ?1", args![key])?;
    Ok(n_ended == 1)
}

/// Leads a path to content that is there already, if it is and is not condemned; gives its key.
fn link_to_content(
    sql: &mut dyn Sql,
    path: &str,
    sha256: &str,
) -> Result<Option<String>, ArtifactError> {
    let row = sql.query_one(
        "SELECT key FROM artifact_blobs WHERE sha256 = ?1 AND is_condemned = 0 ORDER BY key LIMIT 1",
        args![sha256],
    )?;
    let Some(row) = row else {
        return Ok(None);
    };
    let key = row.text(0)?;
    insert_link(sql, path, &key)?;
    Ok(Some(key))
}

/// An error of the store, told of an artifact.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it so")]
fn told(path: &str, error: object_store::Error) -> ArtifactError {
    use object_store::Error;
    match error {
        Error::NotFound { .. } => ArtifactError::Missing {
            path: path.to_owned(),
        },
        Error::PermissionDenied { .. }
        | Error::Unauthenticated { .. }
        | Error::NotSupported { .. }
        | Error::NotImplemented { .. }
        | Error::UnknownConfigurationKey { .. } => ArtifactError::Refused {
            reason: error.to_string(),
        },
        // Whatever else was repeated until the time was up.
        _ => ArtifactError::Away {
            reason: error.to_string(),
        },
    }
}
