//! All endpoints as they answer now, kept as the record has them.
//!
//! Requests read a snapshot and never wait. [`Fleet::renew`] looks at one endpoint of the record, reads models that are not in
//! memory, and only then puts a new snapshot in the place of the old; requests that began with the old one end with it. A
//! revision whose models cannot all be had changes nothing but what is told of the endpoint, and is tried again after a
//! while. Endpoints are brought up to date apart from one another: a model that is slow to read holds up its own alone.

mod folders;
mod memory;

use super::cache::{Cache, Loading, Version, Warm};
use super::capture::{Captor, Rule};
use super::error::ScoreError;
use super::live::{Live, Slot};
use super::model::WriteStream;
use super::numbers::Numbers;
use automl_core::{Clock, nearest};
use automl_store::artifacts::ArtifactStore;
use automl_store::db::{Database, Sql};
use automl_store::endpoints::{
    self, Deployment, Endpoint, EndpointError, Signature, Target, Who, digest_of,
};
use automl_store::registry::{ModelVersion, models};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use automl_store::workspace::Record;
use folders::Folders;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Microseconds after which a revision that could not be served is tried again.
const AGAIN_US: i64 = 15_000_000;
/// Endpoints that are brought up to date at once, where nobody waits for one.
const THREADS_MAX: usize = 4;
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
    captor: Captor,
    stream: WriteStream,
    /// Endpoints that the record does not have.
    folders: Option<Folders>,
    snapshot: RwLock<Arc<Snapshot>>,
    /// One for each endpoint, held by whoever brings it up to date.
    turns: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    work: Mutex<Work>,
    /// Whether the record was looked at once.
    is_known: AtomicBool,
}

/// Endpoints that are to be brought up to date, and are.
#[derive(Default)]
struct Work {
    waiting: BTreeSet<String>,
    busy: BTreeSet<String>,
    n_threads: usize,
}

/// An endpoint of the record, with where the aliases of its deployments lead now if that is elsewhere.
struct Wanted {
    endpoint: Endpoint,
    /// What a server served last, if that is not the last revision.
    served: Option<(i64, Vec<Deployment>)>,
    moved: Vec<(String, ModelVersion)>,
    /// Of one that the record does not have, the directory of its model, or why there is none.
    folder: Option<Result<PathBuf, String>>,
}

impl Fleet {
    pub(crate) fn new(
        Record { db, artifacts }: Record,
        models: &Loading,
        numbers: Numbers,
        captor: Captor,
    ) -> Self {
        Self(Arc::new(Inner {
            cache: Cache::new((db.clone(), artifacts.clone()), models, numbers.clone()),
            db,
            artifacts,
            numbers,
            captor,
            stream: models.stream,
            folders: models.repository.clone().map(Folders::new),
            snapshot: RwLock::default(),
            turns: Mutex::default(),
            work: Mutex::default(),
            is_known: AtomicBool::new(false),
        }))
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.0.numbers
    }

    /// What makes Arrow streams of answers.
    pub(crate) fn stream(&self) -> WriteStream {
        self.0.stream
    }

    pub(crate) fn captor(&self) -> &Captor {
        &self.0.captor
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

    /// The columns that models of an endpoint take; none if it has no model.
    pub(crate) fn columns(&self, name: &str) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        let Ok(live) = self.find(name) else {
            return columns;
        };
        for slot in live.slots.iter().chain(&live.shadows) {
            let features = slot.facts.features.iter();
            columns.extend(features.map(|field| field.name.clone()));
        }
        columns
    }

    /// Reads a model that went from memory, on a thread that may wait.
    pub(crate) fn load(&self, version: &Version) -> Result<Arc<Warm>, String> {
        self.0.cache.load(version)
    }

    /// A version that may be deployed, read and warmed. Waits for files and the database.
    ///
    /// # Errors
    /// If it cannot be read, or predicts no rows.
    pub(crate) fn ready(
        &self,
        target: &Target,
        digest: &str,
    ) -> Result<Arc<Version>, EndpointError> {
        let (name, number) = (&target.version.name, target.version.version);
        let version = self.0.cache.version_of(name, number, digest);
        match self.load(&version) {
            Ok(_) => Ok(version),
            Err(reason) => Err(EndpointError::Unable {
                version: format!("{name}/{number}"),
                reason,
            }),
        }
    }

    /// Looks at all endpoints of the record, and has those brought up to date that are not, by threads that nobody waits for.
    ///
    /// # Errors
    /// If the record cannot be read; all stays as it is.
    pub(crate) fn look(&self) -> Result<(), EndpointError> {
        let due = self.due()?;
        let mut work = self.work();
        let new: Vec<String> = due
            .into_iter()
            .filter(|name| !work.busy.contains(name))
            .collect();
        work.waiting.extend(new);
        if work.waiting.is_empty() && work.busy.is_empty() {
            self.0.is_known.store(true, Ordering::Release);
        }
        while work.n_threads < THREADS_MAX.min(work.waiting.len() + work.busy.len()) {
            let fleet = self.clone();
            let thread = std::thread::Builder::new().name("endpoint".into());
            if let Err(error) = thread.spawn(move || fleet.renew_waiting()) {
                tracing::warn!(%error, "a thread for endpoints cannot be started");
                break;
            }
            work.n_threads += 1;
        }
        let is_alone = work.n_threads == 0 && !work.waiting.is_empty();
        work.n_threads += usize::from(is_alone);
        drop(work);
        if is_alone {
            self.renew_waiting();
        }
        Ok(())
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.0.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings endpoints up to date until none waits.
    fn renew_waiting(&self) {
        let mut work = self.work();
        while let Some(name) = work.waiting.pop_first() {
            work.busy.insert(name.clone());
            drop(work);
            let done = std::panic::catch_unwind(AssertUnwindSafe(|| self.renew(&name)));
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(endpoint = name, %error, "an endpoint is served as before");
                }
                Err(_panic) => {
                    tracing::error!(endpoint = name, "a bug was met; it is served as before");
                }
            }
            work = self.work();
            work.busy.remove(&name);
        }
        work.n_threads -= 1;
        if work.busy.is_empty() {
            self.0.is_known.store(true, Ordering::Release);
        }
    }

    /// The endpoints that are not as the record has them.
    fn due(&self) -> Result<Vec<String>, EndpointError> {
        let all = self.with_folders(self.0.db.read(all_wanted).wait()?);
        let snapshot = self.snapshot();
        let gone = snapshot
            .keys()
            .filter(|name| !all.iter().any(|one| one.endpoint.name == **name));
        let mut due: Vec<String> = gone.cloned().collect();
        let now_us = Clock::unix_micros();
        for one in &all {
            let known = snapshot.get(&one.endpoint.name).map(AsRef::as_ref);
            if one.is_due(known, now_us) {
                due.push(one.endpoint.name.clone());
            }
        }
        Ok(due)
    }

    /// Tells the record that this server runs.
    pub(crate) fn tell_alive(&self, server: &str) -> Result<(), EndpointError> {
        let server = server.to_owned();
        let told = self
            .0
            .db
            .write(move |sql| endpoints::note_alive(sql, &server));
        told.wait()
    }

    /// Tells the record that this server ends.
    pub(crate) fn tell_ended(&self, server: &str) -> Result<(), EndpointError> {
        let server = server.to_owned();
        let told = self
            .0
            .db
            .write(move |sql| endpoints::note_ended(sql, &server));
        told.wait()
    }

    /// Serves what the record says of all endpoints, before it returns.
    #[cfg(test)]
    pub(crate) fn sync(&self) -> Result<(), EndpointError> {
        for name in self.due()? {
            self.renew(&name)?;
        }
        self.0.is_known.store(true, Ordering::Release);
        Ok(())
    }

    /// Serves what the record says of one endpoint. Waits for the database and for models, so it is not for threads that run
    /// futures.
    ///
    /// # Errors
    /// If the record cannot be read or written; all stays as it is.
    pub(crate) fn renew(&self, name: &str) -> Result<(), EndpointError> {
        let inner = &*self.0;
        let turn = inner.turn(name);
        let alone = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let of_folder = (inner.folders.as_ref()).and_then(|folders| folders.wanted(name));
        let found = if of_folder.is_some() {
            of_folder
        } else {
            let name = name.to_owned();
            inner.db.read(move |sql| one_wanted(sql, &name)).wait()?
        };
        let known = self.snapshot().get(name).cloned();
        match found {
            None => {
                if known.is_some() {
                    self.publish(name, None);
                }
                inner.numbers.forget(name);
            }
            Some(wanted) => {
                if let Some(live) = inner.renewed(&wanted, known.as_deref())? {
                    self.publish(name, Some(Arc::new(live)));
                }
            }
        }
        drop(alone);
        drop(turn);
        inner.end_turn(name);
        drop(known);
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
fn all_wanted(sql: &mut dyn Sql) -> Result<Vec<Wanted>, EndpointError> {
    let all = endpoints::list(sql, W)?;
    Ok(all
        .into_iter()
        .map(|endpoint| wanted(sql, endpoint))
        .collect())
}

/// One endpoint of the record, if it is there.
fn one_wanted(sql: &mut dyn Sql, name: &str) -> Result<Option<Wanted>, EndpointError> {
    match endpoints::by_name(sql, W, name) {
        Ok(endpoint) => Ok(Some(wanted(sql, endpoint))),
        Err(EndpointError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn wanted(sql: &mut dyn Sql, endpoint: Endpoint) -> Wanted {
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
    Wanted {
        endpoint,
        served,
        moved,
        folder: None,
    }
}

impl Wanted {
    /// Whether what answers is not this, and it is time to change that.
    fn is_due(&self, known: Option<&Live>, now_us: i64) -> bool {
        let known = known.filter(|live| live.id == self.endpoint.id);
        let Some(live) = known.filter(|live| live.seen_revision == self.endpoint.revision) else {
            return true;
        };
        let is_done = live.problem.is_none()
            && self.moved.is_empty()
            && !live.is_renamed(&self.endpoint)
            && !live.is_captured_otherwise(&self.endpoint);
        !is_done && now_us >= live.again_us
    }
}

impl Inner {
    /// What whoever brings an endpoint up to date holds.
    fn turn(&self, name: &str) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(name.to_owned()).or_default())
    }

    /// Forgets it if nobody else waits for it.
    fn end_turn(&self, name: &str) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns
            .get(name)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            turns.remove(name);
        }
    }

    /// The endpoint as it is to answer from now on; none if that is as before.
    fn renewed(
        &self,
        wanted: &Wanted,
        known: Option<&Live>,
    ) -> Result<Option<Live>, EndpointError> {
        let endpoint = &wanted.endpoint;
        let known = known.filter(|live| live.id == endpoint.id);
        let now_us = Clock::unix_micros();
        if !wanted.is_due(known, now_us) {
            return Ok(None);
        }
        let silent = Live::silent(endpoint, &self.numbers);
        let before = known.unwrap_or(&silent);
        let is_as_wide = before.max_at_once == endpoint.max_at_once;
        let limited = (!is_as_wide).then(|| before.limited(endpoint.max_at_once));
        let before = limited.as_ref().unwrap_or(before);
        let is_new = before.revision != Some(endpoint.revision) || before.is_renamed(endpoint);
        let mut live = if is_new {
            let (live, is_last) = self.first_served(wanted, before);
            if !is_last {
                return self.told(live, endpoint).map(Some);
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
                Err(problem) => {
                    if before.problem.as_ref() != Some(&problem) {
                        tracing::warn!(endpoint = live.name, problem, "an alias is not followed");
                    }
                    live.troubled(endpoint.revision, problem, now_us + AGAIN_US)
                }
            };
        }
        self.told(live, endpoint).map(Some)
    }

    /// The last revision, if all its models can be had; else what answers already, or what a server served before. Tells
    /// whether it is the last.
    fn first_served(&self, wanted: &Wanted, before: &Live) -> (Live, bool) {
        let endpoint = &wanted.endpoint;
        let last = (endpoint.revision, endpoint.deployments.as_slice());
        let read = match &wanted.folder {
            Some(Err(problem)) => Err(problem.clone()),
            Some(Ok(folder)) => {
                (before.again())
                    .in_folder(folder)
                    .with(last, &self.cache, &self.numbers)
            }
            None => before.with(last, &self.cache, &self.numbers),
        };
        let problem = match read {
            Ok(live) => return (live, true),
            Err(problem) => problem,
        };
        // It is tried again and again, and told once.
        if before.problem.as_ref() != Some(&problem) {
            tracing::warn!(
                endpoint = endpoint.name,
                problem,
                "a change of an endpoint is not served"
            );
        }
        let mut kept = before.again();
        if before.revision.is_none() && wanted.folder.is_some() {
            if let Some(live) = self.other_version(wanted, before) {
                kept = live;
            }
        } else if before.revision.is_none() {
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

    /// Another version of an endpoint's folder that can be had, where what it is to have cannot.
    fn other_version(&self, wanted: &Wanted, before: &Live) -> Option<Live> {
        let endpoint = &wanted.endpoint;
        let mut others = self.folders.as_ref()?.others(wanted);
        others.find_map(|(folder, deployment)| {
            let earlier = (endpoint.revision - 1, std::slice::from_ref(&deployment));
            let live = before.again().in_folder(&folder);
            let live = live.with(earlier, &self.cache, &self.numbers).ok()?;
            tracing::warn!(
                endpoint = endpoint.name,
                version = deployment.version,
                "another version of the folder answers meanwhile"
            );
            Some(live)
        })
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
        let mut slots = live.slots.iter().chain(&live.shadows);
        let Some(slot) = slots.find(|slot| slot.deployment.name == deployment) else {
            return Ok(Ok(live.again()));
        };
        let seen = slot.deployment.clone();
        if let Err(problem) = self.fits(slot, version, &digest) {
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

    /// Whether the next version of a deployment takes and gives what the one that answers does, as its manifest says, and can
    /// be read. One that does not fit is not read: it would take the room of one that answers.
    fn fits(&self, old: &Slot, next: &ModelVersion, digest: &str) -> Result<(), String> {
        let model = &old.deployment.model;
        let told = |reason: &dyn Display| format!("{model}/{}: {reason}", next.version);
        let new = Signature::of_version(&self.artifacts, next).map_err(|error| told(&error))?;
        let new = new.ok_or_else(|| told(&"its manifest does not say what it takes and gives"))?;
        let differences = old.facts.signature().differences(&new);
        if !differences.is_empty() {
            return Err(format!(
                "{model}/{} does not take and give what {} did: {}; deploy it anew with a change of the signature allowed",
                next.version,
                old.deployment.version,
                differences.join("; ")
            ));
        }
        let version = self.cache.version_of(model, next.version, digest);
        self.cache.load(&version).map(drop)
    }

    /// Tells the record what is served, and keeps of its requests what the record says.
    fn told(&self, mut live: Live, endpoint: &Endpoint) -> Result<Live, EndpointError> {
        if live.is_of_folder {
            return Ok(live);
        }
        let (id, revision, problem) = (live.id, live.revision, live.problem.clone());
        let noted = self
            .db
            .write(move |sql| endpoints::note_served(sql, id, revision, problem.as_deref()));
        noted.wait()?;
        let capture = endpoint.capture.clone();
        live.capture = capture.map(|capture| Arc::new(Rule(capture)));
        Ok(live)
    }
}
