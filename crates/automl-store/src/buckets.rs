//! Plain objects of a bucket, by their addresses: tables that are read, predictions that are written.
//!
//! [`Objects`](crate::artifacts::Objects) is a store of its own in a bucket, with a record of what is in it. This here is the
//! bucket as other programs see it. An object appears whole or not at all, as stores promise, and what is read is of one version:
//! one that is changed meanwhile is an error. Requests are repeated while the store is away, as long as those of artifacts are.
//! Everything blocks its thread.

mod told;

#[cfg(test)]
mod tests;

pub use told::BucketError;

use crate::artifacts::objects::Remote;
use crate::atomic::AtomicFile;
use crate::error::StoreError;
use crate::hex::hex;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, MultipartUpload, ObjectMeta, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// Schemes of addresses of object stores.
const SCHEMES: [&str; 8] = ["s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"];
/// Bytes of a part of a long object, at least.
const PART: u64 = 8 << 20;
/// Parts of an object, at most: stores take 10,000.
const N_PARTS_MAX: u64 = 9_000;
/// Bytes that are asked for at once. A request is repeated and given up as a whole, so that long objects are many of them.
const RANGE: u64 = 16 << 20;
/// Parts that are on their way at once; this bounds the memory of an upload.
const PARTS_AT_ONCE: usize = 2;
/// Objects that are looked at for names like one that is not there.
const N_NEAR_MAX: usize = 1_000;

/// An address in an object store: `s3://BUCKET/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The bucket: `s3://BUCKET`.
    pub bucket: String,
    /// The name of an object, a pattern of names, or what names begin with.
    pub key: String,
}

impl Address {
    /// What a text says, if it is an address of an object store.
    ///
    /// ```
    /// use automl_store::buckets::Address;
    /// let address = Address::parse("s3://bucket/days/*.csv").unwrap();
    /// assert_eq!((address.bucket.as_str(), address.key.as_str()), ("s3://bucket", "days/*.csv"));
    /// assert_eq!(Address::parse("days/*.csv"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if !SCHEMES.contains(&scheme) {
            return None;
        }
        let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Self {
            bucket: format!("{scheme}://{host}"),
            key: key.to_owned(),
        })
    }

    /// Whether it means all that is below it.
    pub fn is_folder(&self) -> bool {
        self.key.is_empty() || self.key.ends_with('/')
    }

    /// The same, meaning all that is below it.
    #[must_use]
    pub fn as_folder(&self) -> Self {
        let key = match self.key.trim_end_matches('/') {
            "" => String::new(),
            key => format!("{key}/"),
        };
        let bucket = self.bucket.clone();
        Self { bucket, key }
    }

    /// Whether it lies in the folder that another means, or is that folder: in the same bucket, and by whole names. Of a pattern, all
    /// that it matches does.
    ///
    /// ```
    /// use automl_store::buckets::Address;
    /// let is_below = |text, folder| Address::parse(text).unwrap().is_below(&Address::parse(folder).unwrap());
    /// assert!(is_below("s3://bucket/days/*.csv", "s3://bucket/days"));
    /// assert!(!is_below("s3://bucket/days*/x.csv", "s3://bucket/days/"));
    /// ```
    pub fn is_below(&self, folder: &Self) -> bool {
        self.bucket == folder.bucket && self.key.starts_with(&folder.as_folder().key)
    }

    /// Refuses names that stores and this program might take in different ways: an empty one before another, `.` and `..`.
    ///
    /// # Errors
    /// It has such a name.
    pub fn check(&self) -> Result<(), BucketError> {
        let key = self.key.strip_suffix('/').unwrap_or(&self.key);
        let is_odd = |name: &str| ["", ".", ".."].contains(&name);
        if key.split('/').any(is_odd) && !self.key.is_empty() {
            return Err(BucketError::Address {
                url: format!("{}/{}", self.bucket, self.key),
                reason: "a name in it is empty, '.' or '..'".into(),
            });
        }
        Ok(())
    }
}

/// An object of a bucket, as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name in the bucket.
    pub key: String,
    /// Its length.
    pub n_bytes: u64,
    /// What the store calls its content, without the quotation marks that it may have.
    pub etag: Option<String>,
}

/// A tag without quotation marks: Azure writes them in headers and leaves them out in listings.
fn plain(tag: String) -> String {
    let inner = tag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(inner) => inner.to_owned(),
        None => tag,
    }
}

/// A tag as conditions want it.
fn quoted(tag: &str) -> String {
    if tag.starts_with("W/") {
        tag.to_owned()
    } else {
        format!("\"{tag}\"")
    }
}

impl Object {
    fn of(meta: ObjectMeta) -> Self {
        Self {
            key: meta.location.to_string(),
            n_bytes: meta.size,
            etag: meta.e_tag.map(plain),
        }
    }
}

/// Hears how many more bytes came or went, and says whether to go on.
pub type Heard<'a> = &'a dyn Fn(u64) -> bool;

/// A bucket that can be spoken to, from several threads.
pub struct Bucket {
    remote: Remote,
    url: String,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Bucket").field(&self.url).finish()
    }
}

impl Bucket {
    /// The bucket of an address, with what the environment says of object stores by names in lower case. Nothing is asked yet.
    ///
    /// # Errors
    /// The address names no bucket or has a password in it, or the options are not enough.
    pub fn open(
        address: &Address,
        options: &BTreeMap<String, String>,
    ) -> Result<Self, BucketError> {
        let (scheme, host) = address.bucket.split_once("://").unwrap_or_default();
        if let Some((who, host)) = host.split_once('@')
            && who.contains(':')
        {
            return Err(BucketError::Password {
                url: format!("{scheme}://…@{host}"),
            });
        }
        let odd = |reason: String| BucketError::Address {
            url: address.bucket.clone(),
            reason,
        };
        if host.is_empty() {
            return Err(odd("it names no bucket".into()));
        }
        let remote = Remote::open(&address.bucket, options);
        Ok(Self {
            remote: remote.map_err(|error| odd(told::of_options(&error)))?,
            url: address.bucket.clone(),
        })
    }

    /// The address of an object.
    pub fn url(&self, key: &str) -> String {
        format!("{}/{key}", self.url)
    }

    fn key(&self, key: &str) -> Result<Key, BucketError> {
        Key::parse(key).map_err(|error| BucketError::Address {
            url: self.url(key),
            reason: error.to_string(),
        })
    }

    /// All objects below a folder, which ends with `/` or is empty, in the order of their names.
    ///
    /// # Errors
    /// The store refuses or is away.
    pub fn list(&self, folder: &str) -> Result<Vec<Object>, BucketError> {
        self.listed(folder, usize::MAX)
    }

    fn listed(&self, folder: &str, n_max: usize) -> Result<Vec<Object>, BucketError> {
        let below = self.key(folder.trim_end_matches('/'))?;
        let below = (!below.as_ref().is_empty()).then_some(&below);
        let objects = self.remote.objects.list(below).take(n_max);
        let found: Result<Vec<ObjectMeta>, _> = self.remote.wait(objects.try_collect());
        let found = found.map_err(|error| self.told(folder, &error))?;
        let mut objects: Vec<Object> = found.into_iter().map(Object::of).collect();
        // The mark of the folder itself is called like it, without the slash.
        objects.retain(|object| object.key.starts_with(folder));
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        // What some programs make to show a folder.
        let is_mark = |object: &Object| {
            let below = format!("{}/", object.key);
            let next = objects.partition_point(|other| other.key < below);
            let next = objects.get(next);
            object.n_bytes == 0 && next.is_some_and(|next| next.key.starts_with(&below))
        };
        let marks: BTreeSet<String> = objects
            .iter()
            .filter(|object| is_mark(object))
            .map(|object| object.key.clone())
            .collect();
        objects.retain(|object| !marks.contains(&object.key));
        Ok(objects)
    }

    /// An object by its name, if it is there.
    ///
    /// # Errors
    /// There is no such bucket, or the store refuses or is away.
    pub fn find(&self, key: &str) -> Result<Option<Object>, BucketError> {
        let place = self.key(key)?;
        match self.remote.wait(self.remote.objects.head(&place)) {
            Ok(meta) => Ok(Some(Object::of(meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.told(key, &error)),
        }
    }

    /// Names in the folder of an object that is not there, for what may have been meant.
    ///
    /// # Errors
    /// There is no such bucket, or the store refuses or is away.
    pub fn beside(&self, key: &str) -> Result<Vec<String>, BucketError> {
        let folder = key.rfind('/').map_or("", |end| &key[..=end]);
        let found = self.listed(folder, N_NEAR_MAX)?;
        let here = found
            .into_iter()
            .filter(|object| !object.key[folder.len()..].contains('/'));
        Ok(here.map(|object| object.key).collect())
    }

    /// The content of a small object, if it is there.
    ///
    /// # Errors
    /// The store refuses or is away.
    pub fn read(&self, key: &str) -> Result<Option<Vec<u8>>, BucketError> {
        let place = self.key(key)?;
        let got = self.remote.wait(async {
            let got = self.remote.objects.get(&place).await?;
            got.bytes().await
        });
        match got {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.told(key, &error)),
        }
    }

    /// Copies an object into a file, which appears whole, and gives the SHA-256 of its content.
    ///
    /// # Errors
    /// It is not there any more or another one, the store refuses or is away, the disk refuses, or `heard` said to stop.
    pub fn fetch(
        &self,
        object: &Object,
        to: &Path,
        heard: Heard<'_>,
    ) -> Result<String, BucketError> {
        let place = self.key(&object.key)?;
        let mut file = AtomicFile::create(to)?;
        let (mut hash, mut n_bytes) = (Sha256::new(), 0);
        while n_bytes < object.n_bytes {
            let end = object.n_bytes.min(n_bytes + RANGE);
            let wanted = GetOptions::new()
                .with_if_match(object.etag.as_deref().map(quoted))
                .with_range(Some(GetRange::Bounded(n_bytes..end)));
            let got = self
                .remote
                .wait(self.remote.objects.get_opts(&place, wanted));
            let got = got.map_err(|error| self.told(&object.key, &error))?;
            let mut stream = got.into_stream();
            while let Some(chunk) = self.remote.wait(stream.next()) {
                let chunk = chunk.map_err(|error| self.told(&object.key, &error))?;
                hash.update(&chunk);
                n_bytes += chunk.len() as u64;
                file.write_all(&chunk)
                    .map_err(StoreError::io("write", to))?;
                if !heard(chunk.len() as u64) {
                    return Err(BucketError::Stopped);
                }
            }
            if n_bytes != end {
                let url = self.url(&object.key);
                return Err(BucketError::Changed { url });
            }
        }
        file.commit()?;
        Ok(hex(&hash.finalize()))
    }

    /// Makes an object of a few bytes, in the place of one that is there.
    ///
    /// # Errors
    /// The store refuses or is away.
    pub fn write(&self, key: &str, bytes: &[u8]) -> Result<Object, BucketError> {
        let place = self.key(key)?;
        let payload = PutPayload::from(bytes.to_vec());
        let put = self.remote.wait(self.remote.objects.put(&place, payload));
        let put = put.map_err(|error| self.told(key, &error))?;
        Ok(Object {
            key: key.to_owned(),
            n_bytes: bytes.len() as u64,
            etag: put.e_tag.map(plain),
        })
    }

    /// Makes an object of a file, in the place of one that is there; in parts if it is long.
    ///
    /// # Errors
    /// The file cannot be read, the store refuses or is away, or `heard` said to stop; then nothing is seen of it.
    pub fn send(&self, key: &str, from: &Path, heard: Heard<'_>) -> Result<Object, BucketError> {
        let reading = |error: io::Error| StoreError::io("read", from)(error);
        let n_bytes = fs::metadata(from).map_err(reading)?.len();
        if n_bytes <= PART {
            let sent = self.write(key, &fs::read(from).map_err(reading)?)?;
            heard(sent.n_bytes);
            return Ok(sent);
        }
        let place = self.key(key)?;
        let file = File::open(from).map_err(reading)?;
        let sent = self.remote.wait(async {
            let begun = self.remote.objects.put_multipart(&place).await;
            let mut upload = begun.map_err(|error| self.told(key, &error))?;
            let sent = self
                .send_parts(key, (file, n_bytes), &mut *upload, heard)
                .await;
            if sent.is_err() {
                // What the store keeps of it then is nothing that anyone sees.
                upload.abort().await.ok();
            }
            sent
        });
        sent.map_err(|error| match error {
            Sent::Told(error) => error,
            Sent::Read(error) => reading(error).into(),
        })
    }

    async fn send_parts(
        &self,
        key: &str,
        (mut file, n_bytes): (File, u64),
        upload: &mut dyn MultipartUpload,
        heard: Heard<'_>,
    ) -> Result<Object, Sent> {
        let part = PART.max(n_bytes.div_ceil(N_PARTS_MAX));
        let told = |error| Sent::Told(self.told(key, &error));
        let mut on_the_way = FuturesUnordered::new();
        let mut n_sent = 0;
        loop {
            let mut bytes = Vec::new();
            let n_read = (&mut file).take(part).read_to_end(&mut bytes);
            let n_read = n_read.map_err(Sent::Read)? as u64;
            if n_read == 0 {
                break;
            }
            n_sent += n_read;
            on_the_way.push(upload.put_part(PutPayload::from(bytes)));
            if on_the_way.len() >= PARTS_AT_ONCE {
                on_the_way.try_next().await.map_err(told)?;
            }
            if !heard(n_read) {
                return Err(Sent::Told(BucketError::Stopped));
            }
        }
        while on_the_way.try_next().await.map_err(told)?.is_some() {}
        let put = upload.complete().await.map_err(told)?;
        Ok(Object {
            key: key.to_owned(),
            n_bytes: n_sent,
            etag: put.e_tag.map(plain),
        })
    }

    /// Removes an object; fine if it is not there.
    ///
    /// # Errors
    /// The store refuses or is away.
    pub fn remove(&self, key: &str) -> Result<(), BucketError> {
        let place = self.key(key)?;
        match self.remote.wait(self.remote.objects.delete(&place)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.told(key, &error)),
        }
    }

    fn told(&self, key: &str, error: &object_store::Error) -> BucketError {
        told::told(&self.url, &self.url(key), error)
    }
}

/// Why a file was not sent.
enum Sent {
    Told(BucketError),
    Read(io::Error),
}

impl From<BucketError> for Sent {
    fn from(error: BucketError) -> Self {
        Self::Told(error)
    }
}
