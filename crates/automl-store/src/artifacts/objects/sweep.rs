//! Removing what no path leads to; the page of [`super`] says why nothing that is wanted can go.

use super::{Objects, below, told};
use crate::args;
use crate::artifacts::{ArtifactError, Sweep, Swept};
use crate::db::DbError;
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::{BTreeMap, BTreeSet};

/// Of content that no path leads to.
const UNLINKED: &str =
    "NOT EXISTS (SELECT 1 FROM artifact_links l WHERE l.key = artifact_blobs.key)";

impl Objects {
    pub(in super::super) fn sweep(
        &self,
        older_than: i64,
        sweep: Sweep,
    ) -> Result<Swept, ArtifactError> {
        let mut swept = Swept::default();
        let rows = match sweep {
            Sweep::Count => {
                let query = format!("SELECT key, n_bytes FROM artifact_blobs WHERE {UNLINKED}");
                self.db.read(move |sql| sql.query(&query, &[]))
            }
            Sweep::Remove => self.db.write(|sql| {
                let condemn =
                    format!("UPDATE artifact_blobs SET is_condemned = 1 WHERE {UNLINKED}");
                sql.execute(&condemn, &[])?;
                let condemned = "SELECT key, n_bytes FROM artifact_blobs WHERE is_condemned = 1";
                sql.query(condemned, &[])
            }),
        };
        for row in rows.wait()? {
            let key = row.text(0)?;
            swept.n_blobs += 1;
            swept.blob_bytes += row.int(1)? as u64;
            if sweep == Sweep::Remove {
                self.delete(&key)?;
                let forgotten = self.db.write(move |sql| {
                    sql.execute("DELETE FROM artifact_blobs WHERE key = ?1", args![&key])
                });
                forgotten.wait()?;
            }
        }
        self.sweep_uploads(older_than, sweep, &mut swept)?;
        self.sweep_unknown(older_than, sweep, &mut swept)?;
        Ok(swept)
    }

    /// Content, and its bytes, that only these paths and those below them lead to.
    pub(in super::super) fn left_without(
        &self,
        paths: &[String],
    ) -> Result<(u64, u64), ArtifactError> {
        let mut going: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for path in paths {
            let (whole, (from, to)) = (Self::plain(path)?, below(path)?);
            let found = self.db.read(move |sql| {
                sql.query(
                    "SELECT key, path FROM artifact_links WHERE path = ?1 OR (path >= ?2 AND path < ?3)",
                    args![&whole, &from, &to],
                )
            });
            for row in found.wait()? {
                going.entry(row.text(0)?).or_default().insert(row.text(1)?);
            }
        }
        let mut left = (0, 0);
        for (key, paths) in going {
            let row = self.db.read(move |sql| {
                sql.query_one(
                    "SELECT COUNT(*), MAX(b.n_bytes) FROM artifact_links l JOIN artifact_blobs b ON b.key = l.key WHERE l.key = ?1",
                    args![&key],
                )
            });
            if let Some(row) = row.wait()?
                && row.int(0)? == paths.len() as i64
            {
                left.0 += 1;
                left.1 += row.int(1)? as u64;
            }
        }
        Ok(left)
    }

    fn delete(&self, key: &str) -> Result<(), ArtifactError> {
        let place = Path::from(key);
        match self.remote.wait(self.remote.objects.delete(&place)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(told(key, error)),
        }
    }

    /// Uploads in parts that were begun too long ago.
    fn sweep_uploads(
        &self,
        older_than: i64,
        sweep: Sweep,
        swept: &mut Swept,
    ) -> Result<(), ArtifactError> {
        let rows = self.db.read(move |sql| {
            sql.query(
                "SELECT id, store_id FROM artifact_uploads WHERE created_ms < ?1",
                args![older_than],
            )
        });
        for row in rows.wait()? {
            if sweep == Sweep::Remove {
                self.abort(&row.text(0)?, &row.text(1)?)?;
            }
            swept.n_unfinished += 1;
        }
        Ok(())
    }

    /// Objects that the record does not know: their uploads ended before they were told of.
    fn sweep_unknown(
        &self,
        older_than: i64,
        sweep: Sweep,
        swept: &mut Swept,
    ) -> Result<(), ArtifactError> {
        let root = Path::from(self.root.as_str());
        let mut listed = self.remote.objects.list(Some(&root));
        while let Some(object) = self.remote.wait(listed.next()) {
            let object = object.map_err(|error| told("a folder", error))?;
            if object.last_modified.timestamp_millis() >= older_than {
                continue;
            }
            let key = object.location.to_string();
            let wanted = key.clone();
            let known = self.db.read(move |sql| {
                sql.query_one(
                    "SELECT 1 FROM artifact_blobs WHERE key = ?1 UNION ALL SELECT 1 FROM artifact_uploads WHERE id = ?1",
                    args![&wanted],
                )
            });
            if known.wait().map_err(|error: DbError| error)?.is_some() {
                continue;
            }
            if sweep == Sweep::Remove {
                self.delete(&key)?;
            }
            swept.n_unfinished += 1;
            swept.unfinished_bytes += object.size;
        }
        Ok(())
    }
}
