//! An endpoint as it answers now: one revision of it, with its models, from the moment that all of them were ready.

use super::cache::{Cache, Version};
use super::capture::Rule;
use super::error::ScoreError;
use super::model::ModelFacts;
use super::numbers::{Numbers, Own};
use super::queue::Queue;
use super::split;
use super::write::Classes;
use automl_core::nearest;
use automl_store::endpoints::{Deployment, Endpoint, UNLOADED};
use prometheus_client::metrics::counter::Counter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// One revision of an endpoint.
pub(crate) struct Live {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// The revision that answers; none if nothing does.
    pub(crate) revision: Option<i64>,
    /// The last revision of the record that was looked at.
    pub(crate) seen_revision: i64,
    /// Why that does not answer.
    pub(crate) problem: Option<String>,
    /// When it is tried again, in microseconds since 1970.
    pub(crate) again_us: i64,
    /// Whether somebody let its models go.
    pub(crate) is_unloaded: bool,
    pub(crate) max_at_once: u32,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) slots: Vec<Arc<Slot>>,
    pub(crate) shadows: Vec<Arc<Slot>>,
    /// What is kept of its requests.
    pub(crate) capture: Option<Arc<Rule>>,
    /// Whether the record does not have it, but a folder.
    pub(crate) is_of_folder: bool,
    /// The directory of its model, if that is not one of the record's.
    folder: Option<PathBuf>,
    busy: Counter,
    /// Requests without a key so far, of all revisions.
    n_keyless: Arc<AtomicU64>,
}

/// One deployment that answers.
pub(crate) struct Slot {
    pub(crate) deployment: Deployment,
    pub(crate) version: Arc<Version>,
    /// What its model takes and gives, known while the model is out of memory, too.
    pub(crate) facts: Arc<ModelFacts>,
    /// Requests that wait for it.
    pub(crate) queue: Arc<Queue>,
    pub(crate) numbers: Own,
    /// `{"endpoint":…,"deployment":…,"model":…,"version":…`, as the answers of our own protocol begin.
    pub(crate) head: String,
    /// The classes that it predicts, as answers spell them.
    pub(crate) classes: Classes,
}

impl Slot {
    fn new(
        endpoint: &str,
        deployment: &Deployment,
        (version, facts): (Arc<Version>, Arc<ModelFacts>),
        queue: Arc<Queue>,
        numbers: Own,
    ) -> Self {
        let said = serde_json::json!({
            "endpoint": endpoint,
            "deployment": deployment.name,
            "model": deployment.model,
            "version": deployment.version,
        });
        let mut head = said.to_string();
        // What follows stands in the same object.
        head.pop();
        Self {
            numbers,
            deployment: deployment.clone(),
            version,
            classes: Classes::of(&facts.task),
            facts,
            queue,
            head,
        }
    }
}

/// What a request says of who shall answer it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// A deployment by its name, or a version by its number.
    pub(crate) deployment: Option<&'a str>,
    /// What decides between deployments.
    pub(crate) key: Option<&'a str>,
}

impl Live {
    /// An endpoint that answers nobody yet.
    pub(crate) fn silent(endpoint: &Endpoint, numbers: &Numbers) -> Self {
        Self {
            id: endpoint.id,
            name: endpoint.name.clone(),
            revision: None,
            seen_revision: endpoint.revision,
            problem: None,
            again_us: 0,
            is_unloaded: false,
            max_at_once: endpoint.max_at_once,
            room: Arc::new(Semaphore::new(endpoint.max_at_once as usize)),
            slots: Vec::new(),
            shadows: Vec::new(),
            capture: None,
            is_of_folder: endpoint.is_of_folder(),
            folder: None,
            busy: numbers.busy(&endpoint.name),
            n_keyless: Arc::default(),
        }
    }

    /// The same endpoint with the deployments of a revision, once all their models are in memory.
    ///
    /// # Errors
    /// Why a model cannot be had, in a sentence.
    pub(crate) fn with(
        &self,
        (revision, deployments): (i64, &[Deployment]),
        cache: &Cache,
        numbers: &Numbers,
    ) -> Result<Self, String> {
        let mut slots = Vec::new();
        let mut shadows = Vec::new();
        for deployment in deployments {
            let version = match &self.folder {
                Some(folder) => cache.version_in(folder, deployment),
                None => cache.version(deployment),
            };
            let warm = cache.load(&version)?;
            let (model, number) = (&deployment.model, deployment.version);
            let own = numbers.of(&self.name, &deployment.name, model, number);
            let queue = self.queue_of(deployment, &version).unwrap_or_else(|| {
                let replicas = deployment.replicas;
                Arc::new(cache.queue(&version, warm.row_us, replicas, &own.counts))
            });
            let model = (version, Arc::clone(&warm.loaded.facts));
            let slot = Slot::new(&self.name, deployment, model, queue, own);
            let slot = Arc::new(slot);
            let place = if deployment.is_shadow {
                &mut shadows
            } else {
                &mut slots
            };
            place.push(slot);
        }
        Ok(Self {
            revision: Some(revision),
            seen_revision: revision,
            problem: None,
            again_us: 0,
            is_unloaded: false,
            slots,
            shadows,
            ..self.again()
        })
    }

    /// What waits for the same version at the same deployment already, so that a change does not let more of it be predicted at
    /// once.
    fn queue_of(&self, deployment: &Deployment, version: &Arc<Version>) -> Option<Arc<Queue>> {
        let mut slots = self.slots.iter().chain(&self.shadows);
        let slot = slots.find(|slot| {
            Arc::ptr_eq(&slot.version, version)
                && slot.deployment.name == deployment.name
                && slot.deployment.replicas == deployment.replicas
        });
        slot.map(|slot| Arc::clone(&slot.queue))
    }

    /// The same, with what keeps it from a revision that was seen, until when.
    pub(crate) fn troubled(&self, seen_revision: i64, problem: String, again_us: i64) -> Self {
        Self {
            seen_revision,
            problem: Some(problem),
            again_us,
            is_unloaded: false,
            ..self.again()
        }
    }

    /// The same, whose next model is that of a directory.
    pub(crate) fn in_folder(self, folder: &Path) -> Self {
        Self {
            folder: Some(folder.to_owned()),
            ..self
        }
    }

    /// The same without models, until it is changed or loaded again.
    pub(crate) fn unloaded(&self) -> Self {
        Self {
            revision: None,
            problem: Some(UNLOADED.into()),
            again_us: i64::MAX,
            is_unloaded: true,
            slots: Vec::new(),
            shadows: Vec::new(),
            ..self.again()
        }
    }

    /// The same, as another value.
    pub(crate) fn again(&self) -> Self {
        Self {
            id: self.id,
            name: self.name.clone(),
            revision: self.revision,
            seen_revision: self.seen_revision,
            problem: self.problem.clone(),
            again_us: self.again_us,
            is_unloaded: self.is_unloaded,
            max_at_once: self.max_at_once,
            room: Arc::clone(&self.room),
            slots: self.slots.clone(),
            shadows: self.shadows.clone(),
            capture: self.capture.clone(),
            is_of_folder: self.is_of_folder,
            folder: self.folder.clone(),
            busy: self.busy.clone(),
            n_keyless: Arc::clone(&self.n_keyless),
        }
    }

    /// The same, which answers so many requests at once; those that it answers already end as they began, and are not counted.
    pub(crate) fn limited(&self, max_at_once: u32) -> Self {
        Self {
            max_at_once,
            room: Arc::new(Semaphore::new(max_at_once as usize)),
            ..self.again()
        }
    }

    /// Whether another part of its requests is to be kept by now.
    pub(crate) fn is_captured_otherwise(&self, endpoint: &Endpoint) -> bool {
        self.capture.as_ref().map(|rule| &rule.0) != endpoint.capture.as_ref()
    }

    /// Whether models that answer have other names in the record by now.
    pub(crate) fn is_renamed(&self, endpoint: &Endpoint) -> bool {
        let mut slots = self.slots.iter().chain(&self.shadows);
        slots.any(|slot| {
            let mut deployments = endpoint.deployments.iter();
            deployments
                .any(|one| one.name == slot.deployment.name && one.model != slot.deployment.model)
        })
    }

    /// The deployment that answers a request.
    pub(crate) fn choose(&self, wish: Wish<'_>) -> Result<&Arc<Slot>, ScoreError> {
        if let Some(name) = wish.deployment {
            return self.named(name);
        }
        if let [only] = self.slots.as_slice() {
            return Ok(only);
        }
        let number = match wish.key {
            Some(key) => split::hash(&[&self.name, key]),
            None => split::mixed(self.n_keyless.fetch_add(1, Ordering::Relaxed) + 1),
        };
        let shares = self.slots.iter().map(|slot| slot.deployment.share);
        match split::place(shares, number) {
            Some(place) => Ok(&self.slots[place]),
            None => Err(self.not_serving()),
        }
    }

    fn named(&self, name: &str) -> Result<&Arc<Slot>, ScoreError> {
        let by_name = self.slots.iter().find(|slot| slot.deployment.name == name);
        let by_number = || {
            let number: i64 = name.parse().ok()?;
            let mut slots = self.slots.iter();
            slots.find(|slot| slot.deployment.version == number)
        };
        if let Some(slot) = by_name.or_else(by_number) {
            return Ok(slot);
        }
        let known = self.slots.iter().map(|slot| slot.deployment.name.as_str());
        Err(ScoreError::DeploymentUnknown {
            endpoint: self.name.clone(),
            name: name.to_owned(),
            near: nearest(name, known),
        })
    }

    /// Why nobody is answered, for those who ask it.
    pub(crate) fn silence(&self) -> String {
        let reason = match (&self.problem, self.revision) {
            _ if self.is_unloaded => UNLOADED,
            // What keeps it, with paths and all, is for those who look after it.
            (Some(_), _) if self.is_of_folder => {
                "its model cannot be read; the server's log tells why"
            }
            (Some(_), _) => "a model cannot be read; `automl endpoint status` tells why",
            (None, Some(_)) => "nothing is deployed that answers",
            (None, None) => "its models are being read",
        };
        reason.to_owned()
    }

    /// The same as an error.
    pub(crate) fn not_serving(&self) -> ScoreError {
        ScoreError::NotServing {
            endpoint: self.name.clone(),
            reason: self.silence(),
        }
    }

    /// Counts a request that would have waited too long.
    pub(crate) fn note_overload(&self) {
        self.busy.inc();
    }

    /// That there is no room, which is counted.
    pub(crate) fn busy(&self) -> ScoreError {
        self.busy.inc();
        ScoreError::Busy {
            endpoint: self.name.clone(),
            max: self.max_at_once,
        }
    }
}
