//! Writing a file into an object store: in one request if it is small, else in parts as they come.

use super::{Blob, Objects, insert_blob, insert_link, is_going_on, link_to_content, told};
use crate::artifacts::ArtifactError;

use crate::hex::hex;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Bytes of a part. A file has at most 10,000 parts, so this is the measure of the longest one too: 78 GiB.
const PART: usize = 8 << 20;
/// Parts that are on their way at once; with the one that fills up, this bounds the memory of an upload.
const PARTS_AT_ONCE: usize = 2;

/// A file that is being written into an object store.
pub struct ObjectUpload {
    objects: Objects,
    path: String,
    hash: Sha256,
    n_bytes: u64,
    /// What is not sent yet.
    buffer: Vec<u8>,
    parts: Option<Parts>,
}

/// An upload that is too long for one request.
struct Parts {
    key: String,
    store_id: String,
    n_sent: usize,
    on_the_way: JoinSet<(usize, object_store::Result<PartId>)>,
    there: BTreeMap<usize, PartId>,
}

/// What the path of a finished upload leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Linked {
    /// To what was uploaded.
    ToThis,
    /// To the same content, which was there.
    ToOther,
    /// To nothing new: a sweep took the upload for one that nobody went on with.
    GivenUp,
}

impl ObjectUpload {
    pub(super) fn new(objects: &Objects, path: String) -> Self {
        Self {
            objects: objects.clone(),
            path,
            hash: Sha256::new(),
            n_bytes: 0,
            buffer: Vec::new(),
            parts: None,
        }
    }

    /// Adds bytes; blocks while enough parts are on their way.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), ArtifactError> {
        self.hash.update(bytes);
        self.n_bytes += bytes.len() as u64;
        while self.buffer.len() + bytes.len() > PART {
            let (now, later) = bytes.split_at(PART - self.buffer.len());
            self.buffer.extend_from_slice(now);
            self.send()?;
            bytes = later;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends what is in the buffer as the next part.
    fn send(&mut self) -> Result<(), ArtifactError> {
        let remote = Arc::clone(&self.objects.remote);
        let mut parts = if let Some(parts) = self.parts.take() {
            parts
        } else {
            let (key, store_id) = self.objects.begin_multipart(&self.path)?;
            Parts {
                key,
                store_id,
                n_sent: 0,
                on_the_way: JoinSet::new(),
                there: BTreeMap::new(),
            }
        };
        let (store, place) = (Arc::clone(&remote.parts), Path::from(parts.key.as_str()));
        let (store_id, number) = (parts.store_id.clone(), parts.n_sent);
        let payload = PutPayload::from(std::mem::take(&mut self.buffer));
        parts.n_sent += 1;
        let sent = async move {
            let sent = store.put_part(&place, &store_id, number, payload).await;
            (number, sent)
        };
        parts.on_the_way.spawn_on(sent, remote.handle());
        self.parts = Some(parts);
        self.settle(PARTS_AT_ONCE)
    }

    /// Waits until no more than so many parts are on their way.
    fn settle(&mut self, n_max: usize) -> Result<(), ArtifactError> {
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        while parts.on_the_way.len() > n_max {
            let done = self.objects.remote.wait(parts.on_the_way.join_next());
            let (number, sent) = match done {
                None => break,
                Some(Ok(done)) => done,
                Some(Err(error)) => {
                    return Err(ArtifactError::Away {
                        reason: error.to_string(),
                    });
                }
            };
            let part = sent.map_err(|error| told(&self.path, error))?;
            parts.there.insert(number, part);
        }
        Ok(())
    }

    /// Makes the file appear, in place of one that was there.
    pub fn finish(mut self) -> Result<(), ArtifactError> {
        let digest = hex(&self.hash.finalize_reset());
        if self.parts.is_none() {
            return self.finish_small(&digest);
        }
        if !self.buffer.is_empty() {
            self.send()?;
        }
        self.settle(0)?;
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        let remote = &self.objects.remote;
        let tags = std::mem::take(&mut parts.there).into_values().collect();
        let place = Path::from(parts.key.as_str());
        let completed = remote
            .parts
            .complete_multipart(&place, &parts.store_id, tags);
        remote
            .wait(completed)
            .map_err(|error| told(&self.path, error))?;
        let key = parts.key.clone();
        self.parts = None;
        let blob = Blob {
            key: key.clone(),
            sha256: Some(digest),
            n_bytes: self.n_bytes,
        };
        let path = self.path.clone();
        let linked = self.objects.db.write(move |sql| {
            if !is_going_on(sql, &blob.key)? {
                return Ok::<_, ArtifactError>(Linked::GivenUp);
            }
            let there = link_to_content(sql, &path, blob.sha256.as_deref().unwrap_or_default())?;
            if there.is_some() {
                return Ok(Linked::ToOther);
            }
            insert_blob(sql, &blob.key, blob.sha256.as_deref(), blob.n_bytes)?;
            insert_link(sql, &path, &blob.key)?;
            Ok(Linked::ToThis)
        });
        let linked = linked.wait()?;
        if linked != Linked::ToThis {
            // The record does not know this object, so a later sweep would find it too.
            let remote = &self.objects.remote;
            if let Err(error) = remote.wait(remote.objects.delete(&place)) {
                tracing::warn!(%error, "an object that nothing refers to could not be removed yet");
            }
        }
        match linked {
            Linked::GivenUp => Err(super::super::parts::no_upload(&key)),
            _ => Ok(()),
        }
    }

    /// A file in one request, or in none if its content is there.
    fn finish_small(&mut self, digest: &str) -> Result<(), ArtifactError> {
        let (path, sha256) = (self.path.clone(), digest.to_owned());
        let linked = self
            .objects
            .db
            .write(move |sql| link_to_content(sql, &path, &sha256));
        if linked.wait()?.is_some() {
            return Ok(());
        }
        let key = self.objects.new_key()?;
        let place = Path::from(key.as_str());
        let payload = PutPayload::from(std::mem::take(&mut self.buffer));
        let remote = &self.objects.remote;
        remote
            .wait(remote.objects.put(&place, payload))
            .map_err(|error| told(&self.path, error))?;
        let (path, sha256, n_bytes) = (self.path.clone(), digest.to_owned(), self.n_bytes);
        let linked = self.objects.db.write(move |sql| {
            insert_blob(sql, &key, Some(&sha256), n_bytes)?;
            insert_link(sql, &path, &key)
        });
        linked.wait()
    }
}

impl Drop for ObjectUpload {
    fn drop(&mut self) {
        if let Some(mut parts) = self.parts.take() {
            parts.on_the_way.abort_all();
            if let Err(error) = self.objects.abort(&parts.key, &parts.store_id) {
                tracing::warn!(%error, "an unfinished upload could not be given up yet");
            }
        }
    }
}
