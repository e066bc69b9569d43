//! Versions of models in memory: each is read and warmed once, however many endpoints have it, and the least recently used
//! go when there are more than fit.

use super::batch::Batch;
use super::model::{LoadModel, LoadedModel, WriteStream};
use super::numbers::{Counts, Numbers};
use super::queue::Queue;
use automl_core::Clock;
use automl_store::artifacts::ArtifactStore;
use automl_store::db::Database;
use automl_store::endpoints::{Deployment, digest_of, digest_of_folder};
use automl_store::registry::{files, versions};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// Rows that are predicted, one by one, before a model is asked anything.
const WARM_ROWS: usize = 20;
/// Seconds in which requests do not try again what could not be read.
const FAILED_S: f64 = 1.0;

/// A version of a model, in memory or not.
pub(crate) struct Version {
    pub(crate) model: String,
    pub(crate) number: i64,
    digest: String,
    /// Its directory, if the registry does not have it.
    folder: Option<PathBuf>,
    state: RwLock<Option<Arc<Warm>>>,
    /// Held by whoever reads it.
    reading: Mutex<()>,
    /// Since when it cannot be read, and why; nothing once it could.
    failed: Mutex<Option<(Clock, String)>>,
    /// When it was used last, in microseconds since 1970.
    used_us: AtomicI64,
}

/// A model in memory that has predicted already.
pub(crate) struct Warm {
    pub(crate) loaded: LoadedModel,
    /// Microseconds that a row takes, alone.
    pub(crate) row_us: f64,
    /// Microseconds that reading it took.
    pub(crate) read_us: f64,
    /// Whether it can tell what each column did.
    pub(crate) explains: bool,
}

impl Version {
    /// The model, if it is in memory.
    pub(crate) fn ready(&self) -> Option<Arc<Warm>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }

    /// As [`Version::ready`], and notes that it is used, and when that was, in microseconds since 1970.
    pub(crate) fn take(&self) -> Option<(Arc<Warm>, i64)> {
        let warm = self.ready()?;
        let now_us = Clock::unix_micros();
        self.used_us.store(now_us, Ordering::Relaxed);
        Some((warm, now_us))
    }

    /// Why it could not be read a moment ago, if that is so: requests need not all try it again.
    pub(crate) fn failed_lately(&self) -> Option<String> {
        self.failed_within(FAILED_S)
    }

    fn failed_within(&self, seconds: f64) -> Option<String> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let (clock, reason) = failed.as_ref()?;
        (clock.seconds() < seconds).then(|| reason.clone())
    }

    fn note_read(&self, failed: Option<&String>) {
        let mut noted = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = failed.map(|reason| (Clock::start(), reason.clone()));
    }

    fn put(&self, warm: Option<Arc<Warm>>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = warm;
    }

    fn n_bytes(&self) -> u64 {
        self.ready().map_or(0, |warm| warm.loaded.facts.n_bytes)
    }
}

/// How models are read, and how much of them.
pub(crate) struct Loading {
    pub(crate) load: LoadModel,
    pub(crate) stream: WriteStream,
    /// A folder of models that are endpoints.
    pub(crate) repository: Option<PathBuf>,
    /// Bytes that all may take together.
    pub(crate) n_bytes_max: Option<u64>,
    /// What a batch of requests may take.
    pub(crate) batch_latency: Duration,
}

/// All versions that endpoints have.
pub(crate) struct Cache {
    db: Database,
    artifacts: ArtifactStore,
    load: LoadModel,
    /// Bytes that all may take together.
    limit: Option<u64>,
    /// What a batch of requests may take.
    batch_latency: Duration,
    versions: Mutex<Versions>,
    numbers: Numbers,
}

/// By directory if it is not one of the registry's, model, number and digest.
type Versions = BTreeMap<(Option<PathBuf>, String, i64, String), Arc<Version>>;

impl Cache {
    pub(crate) fn new(
        (db, artifacts): (Database, ArtifactStore),
        models: &Loading,
        numbers: Numbers,
    ) -> Self {
        Self {
            db,
            artifacts,
            load: models.load,
            limit: models.n_bytes_max,
            batch_latency: models.batch_latency,
            versions: Mutex::default(),
            numbers,
        }
    }

    /// The version of a deployment, which is perhaps not in memory.
    pub(crate) fn version(&self, deployment: &Deployment) -> Arc<Version> {
        self.version_of(&deployment.model, deployment.version, &deployment.digest)
    }

    /// The same of a model in a directory of its own.
    pub(crate) fn version_in(&self, folder: &Path, deployment: &Deployment) -> Arc<Version> {
        let key = (
            deployment.model.as_str(),
            deployment.version,
            deployment.digest.as_str(),
        );
        self.made(Some(folder), key)
    }

    /// A version of a model by its number, with the digest of its files.
    pub(crate) fn version_of(&self, model: &str, number: i64, digest: &str) -> Arc<Version> {
        self.made(None, (model, number, digest))
    }

    fn made(
        &self,
        folder: Option<&Path>,
        (model, number, digest): (&str, i64, &str),
    ) -> Arc<Version> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = folder.map(Path::to_owned);
        let key = (folder.clone(), model.to_owned(), number, digest.to_owned());
        if let Some(known) = versions.get(&key) {
            return Arc::clone(known);
        }
        // The same files under another name, as when a model was renamed, are in memory already.
        let mut same = versions.values().filter(|one| one.digest == key.3);
        let warm = same.find_map(|one| one.ready());
        let made = versions.entry(key).or_insert_with(|| {
            Arc::new(Version {
                model: model.to_owned(),
                number,
                digest: digest.to_owned(),
                folder,
                state: RwLock::new(warm),
                reading: Mutex::default(),
                failed: Mutex::default(),
                used_us: AtomicI64::new(0),
            })
        });
        Arc::clone(made)
    }

    /// What waits for a version at a deployment.
    pub(crate) fn queue(
        &self,
        version: &Version,
        row_us: f64,
        replicas: Option<u32>,
        counts: &Arc<Counts>,
    ) -> Queue {
        let batches = self.numbers.batches(&version.model, version.number);
        let numbers = (batches, Arc::clone(counts));
        Queue::new(row_us, self.batch_latency, replicas, numbers)
    }

    /// Lets go of what nobody else holds.
    pub(crate) fn forget_unused(&self) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.retain(|_, version| Arc::strong_count(version) > 1);
    }

    /// The model of a version, which is read and warmed if it is not in memory. Waits for files and the database. Who waits while
    /// another fails to read it shares that.
    ///
    /// # Errors
    /// Why it cannot be had, in a sentence.
    pub(crate) fn load(&self, version: &Version) -> Result<Arc<Warm>, String> {
        let clock = Clock::start();
        let _reader = version
            .reading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((warm, _)) = version.take() {
            return Ok(warm);
        }
        if let Some(reason) = version.failed_within(clock.seconds()) {
            return Err(reason);
        }
        let key = (version.model.as_str(), version.number);
        match self.read_within_limit(version) {
            Ok(warm) => {
                version.note_read(None);
                self.numbers.load(key, "read");
                tracing::info!(
                    model = version.model,
                    version = version.number,
                    ms = warm.read_us.round() / 1e3,
                    row_us = warm.row_us.round(),
                    "a model was read"
                );
                Ok(warm)
            }
            Err(reason) => {
                self.numbers.load(key, "failed");
                let reason = format!("{}/{}: {reason}", version.model, version.number);
                version.note_read(Some(&reason));
                Err(reason)
            }
        }
    }

    fn read_within_limit(&self, version: &Version) -> Result<Arc<Warm>, String> {
        let warm = Arc::new(self.read(version)?);
        let n_bytes = warm.loaded.facts.n_bytes;
        if let Some(limit) = self.limit.filter(|limit| n_bytes > *limit) {
            return Err(format!(
                "it takes {n_bytes} bytes, more than all models may ({limit})"
            ));
        }
        // Held until it is counted: two that are read at once do not take the same room.
        let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        self.make_room(&versions, n_bytes);
        version
            .used_us
            .store(Clock::unix_micros(), Ordering::Relaxed);
        version.put(Some(Arc::clone(&warm)));
        Ok(warm)
    }

    fn read(&self, version: &Version) -> Result<Warm, String> {
        let clock = Clock::start();
        let loaded = match &version.folder {
            Some(folder) => {
                check_digest(&digest_of_folder(folder)?, version)?;
                (self.load)(folder).map_err(|error| error.to_string())?
            }
            None => self.read_registered(version)?,
        };
        let read_us = clock.seconds() * 1e6;
        let row_us = warmed(&loaded)?;
        Ok(Warm {
            explains: loaded.can_explain(),
            loaded,
            row_us,
            read_us,
        })
    }

    /// Reads the files that the registry has of a version.
    fn read_registered(&self, version: &Version) -> Result<LoadedModel, String> {
        let key = (version.model.clone(), version.number);
        let found = self
            .db
            .read(move |sql| versions::get(sql, W, &key.0, key.1))
            .wait();
        let found = found.map_err(|error: TrackingError| error.to_string())?;
        let digest = digest_of(&self.artifacts, &found).map_err(|error| error.to_string())?;
        check_digest(&digest, version)?;
        let files = files::local(&self.artifacts, &found).map_err(|error| error.to_string())?;
        (self.load)(files.as_ref()).map_err(|error| error.to_string())
    }

    /// Lets the least recently used go until so many bytes fit.
    fn make_room(&self, versions: &Versions, n_bytes: u64) {
        let Some(limit) = self.limit else { return };
        let mut loaded: Vec<(i64, u64, &Arc<Version>)> = (versions.values())
            .map(|version| {
                let used_us = version.used_us.load(Ordering::Relaxed);
                (used_us, version.n_bytes(), version)
            })
            .filter(|(_, n_bytes, _)| *n_bytes > 0)
            .collect();
        loaded.sort_by_key(|(used_us, ..)| *used_us);
        let mut sum: u64 = loaded.iter().map(|(_, n_bytes, _)| n_bytes).sum();
        for (_, freed, version) in loaded {
            if sum.saturating_add(n_bytes) <= limit {
                return;
            }
            version.put(None);
            sum -= freed;
            tracing::info!(
                model = version.model,
                version = version.number,
                "a model that was not used lately went from memory"
            );
        }
    }
}

/// That the files of a version are those that it was deployed with.
fn check_digest(digest: &str, version: &Version) -> Result<(), String> {
    if digest == version.digest {
        Ok(())
    } else {
        Err("its files are not those that were deployed".into())
    }
}

/// Predicts plain rows, and tells the microseconds that one takes at best.
fn warmed(loaded: &LoadedModel) -> Result<f64, String> {
    let mut best = f64::INFINITY;
    for _ in 0..WARM_ROWS {
        let batch = Batch::from(loaded.plain_row()?);
        let clock = Clock::start();
        let predicted = batch.predict(loaded).map_err(|error| error.to_string())?;
        best = best.min(clock.seconds() * 1e6);
        if predicted.predictions.n_rows() != 1 {
            return Err("it gives another number of predictions than there are rows".into());
        }
    }
    Ok(best)
}
