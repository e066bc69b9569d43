//! All endpoints as they answer now, kept as the record has them.
//!
//! Requests read a snapshot and never wait. [`Fleet::sync`] looks at the record, reads models that are not in memory, and
//! only then puts a new snapshot in the place of the old; requests that began with the old one end with it. A revision whose
//! models cannot all be had changes nothing but what is told of the endpoint, and is tried again after a while.

use super::cache::{Cache, Version, Warm};
use super::error::ScoreError;
use super::live::Live;
use super::numbers::Numbers;
use automl_core::{Clock, nearest};
use automl_store::artifacts::ArtifactStore;
use automl_store::db::{Database, Sql};
use automl_store::endpoints::{self, Deployment, Endpoint, EndpointError, Who, digest_of};
use automl_store::registry::{ModelVersion, models};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Microseconds after which a revision that could not be served is tried again.
const AGAIN_US: i64 = 15_000_000;
/// Who follows aliases.
const SERVER: &str = "server";

type Snapshot = BTreeMap<String, Arc<Live>>;

/// All endpoints. Clones are the same.
#[derive(Clone)]
pub(crate) struct Fleet(Arc<Inner>);

struct Inner {
    db: Database,
    artifacts: ArtifactStore,
    cache: Cache,
    numbers: Numbers,
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held by whoever looks at the record.
    syncing: Mutex<()>,
    /// Whether the record was looked at once.
    is_known: AtomicBool,
}

/// An endpoint of the record, with where the aliases of its deployments lead now if that is elsewhere.
struct Wanted {
    endpoint: Endpoint,
    /// What a server served last, if that is not the last revision.
    served: Option<(i64, Vec<Deployment>)>,
    moved: Vec<(String, ModelVersion)>,
}

impl Fleet {
    pub(crate) fn new(
        db: Database,
        artifacts: ArtifactStore,
        load: super::model::LoadModel,
        limit: Option<u64>,
    ) -> Self {
        Self(Arc::new(Inner {
            cache: Cache::new(db.clone(), artifacts.clone(), load, limit),
            db,
            artifacts,
            numbers: Numbers::default(),
            snapshot: RwLock::default(),
            syncing: Mutex::default(),
            is_known: AtomicBool::new(false),
        }))
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.0.numbers
    }

    /// All endpoints by name.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let snapshot = self.0.snapshot.read();
        Arc::clone(&snapshot.unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the endpoints of the record are known and what they serve was tried.
    pub(crate) fn is_known(&self) -> bool {
        self.0.is_known.load(Ordering::Acquire)
    }

    /// The endpoint of a name.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Live>, ScoreError> {
        let snapshot = self.snapshot();
        if let Some(live) = snapshot.get(name) {
            return Ok(Arc::clone(live));
        }
        if !self.is_known() {
            return Err(ScoreError::NotServing {
                endpoint: name.to_owned(),
                reason: "the server has just started".into(),
            });
        }
        Err(ScoreError::EndpointUnknown {
            name: name.to_owned(),
            near: nearest(name, snapshot.keys().map(String::as_str)),
        })
    }

    /// Reads a model that went from memory, on a thread that may wait.
    pub(crate) fn load(&self, version: &Version) -> Result<Arc<Warm>, String> {
        self.0.cache.load(version)
    }

    /// Serves what the record says. Waits for the database and for models, so it is not for threads that run futures.
    ///
    /// # Errors
    /// If the record cannot be read or written; all stays as it is.
    pub(crate) fn sync(&self) -> Result<(), EndpointError> {
        let inner = &*self.0;
        let _alone = inner.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = inner.db.read(wanted).wait()?;
        for name in self.snapshot().keys() {
            if !wanted.iter().any(|one| one.endpoint.name == *name) {
                self.publish(name, None);
            }
        }
        for one in wanted {
            let name = one.endpoint.name.clone();
            let known = self.snapshot().get(&name).cloned();
            match inner.renewed(&one, known.as_deref()) {
                Ok(Some(live)) => self.publish(&name, Some(Arc::new(live))),
                Ok(None) => {}
                // It may be gone since; the others have nothing to do with it.
                Err(error) => {
                    tracing::warn!(endpoint = name, %error, "an endpoint is served as before");
                }
            }
        }
        self.0.is_known.store(true, Ordering::Release);
        inner.cache.forget_unused();
        Ok(())
    }

    /// Puts an endpoint in the place of what it was.
    fn publish(&self, name: &str, live: Option<Arc<Live>>) {
        let mut snapshot = (self.0.snapshot.write()).unwrap_or_else(PoisonError::into_inner);
        let mut next = Snapshot::clone(&snapshot);
        match live {
            Some(live) => next.insert(name.to_owned(), live),
            None => next.remove(name),
        };
        *snapshot = Arc::new(next);
    }
}

/// All endpoints of the record.
fn wanted(sql: &mut dyn Sql) -> Result<Vec<Wanted>, EndpointError> {
    let mut all = Vec::new();
    for endpoint in endpoints::list(sql, W)? {
        let mut moved = Vec::new();
        for deployment in &endpoint.deployments {
            let Some(alias) = &deployment.alias else {
                continue;
            };
            // An alias that was taken away leads nowhere, and its deployment stays as it is.
            if let Ok(found) = models::by_alias(sql, W, &deployment.model, alias)
                && found.version != deployment.version
            {
                moved.push((deployment.name.clone(), found));
            }
        }
        let earlier = endpoint
            .served_revision
            .filter(|served| *served != endpoint.revision);
        let served = match earlier {
            // What is gone cannot be served.
            Some(revision) => endpoints::at_revision(sql, &endpoint, revision)
                .ok()
                .map(|deployments| (revision, deployments)),
            None => None,
        };
        all.push(Wanted {
            endpoint,
            served,
            moved,
        });
    }
    Ok(all)
}

impl Inner {
    /// The endpoint as it is to answer from now on; none if that is as before.
    fn renewed(
        &self,
        wanted: &Wanted,
        known: Option<&Live>,
    ) -> Result<Option<Live>, EndpointError> {
        let endpoint = &wanted.endpoint;
        let known = known.filter(|live| live.id == endpoint.id);
        let now_us = Clock::unix_micros();
        if let Some(live) = known
            && live.seen_revision == endpoint.revision
            && (now_us < live.again_us || (live.problem.is_none() && wanted.moved.is_empty()))
        {
            return Ok(None);
        }
        let silent = Live::silent(endpoint, &self.numbers);
        let before = known.unwrap_or(&silent);
        let is_new = before.revision != Some(endpoint.revision);
        let mut live = if is_new {
            let (live, is_last) = self.first_served(wanted, before);
            if !is_last {
                return self.told(live).map(Some);
            }
            live
        } else {
            before.again()
        };
        live.problem = None;
        live.again_us = 0;
        for (deployment, version) in &wanted.moved {
            live = match self.followed(&live, endpoint, deployment, version)? {
                Ok(live) => live,
                Err(problem) => live.troubled(endpoint.revision, problem, now_us + AGAIN_US),
            };
        }
        self.told(live).map(Some)
    }

    /// The last revision, if all its models can be had; else what answers already, or what a server served before. Tells
    /// whether it is the last.
    fn first_served(&self, wanted: &Wanted, before: &Live) -> (Live, bool) {
        let endpoint = &wanted.endpoint;
        let last = (endpoint.revision, endpoint.deployments.as_slice());
        let problem = match before.with(last, &self.cache, &self.numbers) {
            Ok(live) => return (live, true),
            Err(problem) => problem,
        };
        tracing::warn!(
            endpoint = endpoint.name,
            problem,
            "a change of an endpoint is not served"
        );
        let mut kept = before.again();
        if before.revision.is_none() {
            let served = wanted.served.as_ref().and_then(|(revision, deployments)| {
                let served = (*revision, deployments.as_slice());
                before.with(served, &self.cache, &self.numbers).ok()
            });
            // Whoever answers nobody keeps nobody from answering.
            let answering: Vec<Deployment> = (endpoint.deployments.iter())
                .filter(|one| one.share > 0 && !one.is_shadow)
                .cloned()
                .collect();
            let last = (endpoint.revision, answering.as_slice());
            if let Some(live) =
                served.or_else(|| before.with(last, &self.cache, &self.numbers).ok())
            {
                kept = live;
            }
        }
        let again_us = Clock::unix_micros() + AGAIN_US;
        let troubled = kept.troubled(endpoint.revision, problem, again_us);
        (troubled, false)
    }

    /// Lets a deployment go to the version that its alias leads to, once that is in memory.
    fn followed(
        &self,
        live: &Live,
        endpoint: &Endpoint,
        deployment: &str,
        version: &ModelVersion,
    ) -> Result<Result<Live, String>, EndpointError> {
        let digest = match digest_of(&self.artifacts, version) {
            Ok(digest) => digest,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut next: Vec<Deployment> = (live.slots.iter().chain(&live.shadows))
            .map(|slot| slot.deployment.clone())
            .collect();
        let Some(changed) = next.iter_mut().find(|one| one.name == deployment) else {
            return Ok(Ok(live.again()));
        };
        let seen = changed.clone();
        changed.version = version.version;
        changed.digest.clone_from(&digest);
        if let Err(problem) = self.cache.load(&self.cache.version(changed)) {
            tracing::warn!(endpoint = live.name, problem, "an alias is not followed");
            return Ok(Err(problem));
        }
        let (name, number) = (endpoint.name.clone(), version.version);
        let noted = self.db.write(move |sql| {
            let who = Who {
                user: SERVER,
                note: None,
            };
            endpoints::follow(sql, W, &name, (&seen, number, &digest), who)
        });
        // Somebody else was quicker: the next look sees what they did.
        let Some(noted) = noted.wait()? else {
            return Ok(Ok(live.again()));
        };
        let last = (noted.revision, noted.deployments.as_slice());
        Ok(live.with(last, &self.cache, &self.numbers))
    }

    /// Tells the record what is served.
    fn told(&self, live: Live) -> Result<Live, EndpointError> {
        let (id, revision, problem) = (live.id, live.revision, live.problem.clone());
        let noted = self
            .db
            .write(move |sql| endpoints::note_served(sql, id, revision, problem.as_deref()));
        noted.wait()?;
        Ok(live)
    }
}
