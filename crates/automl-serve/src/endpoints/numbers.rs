//! Numbers of endpoints for Prometheus: requests by outcome, rows, and latencies, of each deployment.

mod counts;
mod timing;
mod told;

use super::agree::Compared;
use super::error::ScoreError;
pub(crate) use counts::{Counts, Reason, Spent, Tally, Unended};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use told::{Known, Told};

/// Upper ends of the buckets of rows that are predicted together.
const BATCH_ROWS: [f64; 8] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 8192.0, 65_536.0];

/// Upper ends of the buckets of how far what a deployment in the shadow says is from what was answered.
const DIFFERENCES: [f64; 10] = [0.0, 1e-6, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/// What became of requests that a deployment took, and of those that it saw in the shadow.
const OUTCOMES: [&str; 3] = ["answered", "refused", "failed"];
const CAPTURE_OUTCOMES: [&str; 3] = ["stored", "dropped", "failed"];
const SHADOW_OUTCOMES: [&str; 4] = ["same", "other", "failed", "skipped"];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct Labels {
    endpoint: String,
    deployment: String,
    model: String,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    endpoint: String,
    deployment: String,
    model: String,
    version: i64,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CaptureLabels {
    endpoint: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoadLabels {
    model: String,
    version: i64,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabels {
    model: String,
    version: i64,
}

/// Rows of batches of a version.
#[derive(Clone)]
pub(crate) struct BatchNumbers(Histogram);

impl Default for BatchNumbers {
    fn default() -> Self {
        Self(Histogram::new(BATCH_ROWS))
    }
}

impl BatchNumbers {
    pub(crate) fn observe(&self, n_rows: usize) {
        self.0.observe(n_rows as f64);
    }
}

/// The numbers of all endpoints. Clones share them.
#[derive(Clone)]
pub(crate) struct Numbers {
    requests: Family<OutcomeLabels, Counter>,
    rows: Family<Labels, Counter>,
    shadows: Family<OutcomeLabels, Counter>,
    differences: Family<Labels, Histogram, fn() -> Histogram>,
    busy: Family<EndpointLabels, Counter>,
    loads: Family<LoadLabels, Counter>,
    batches: Family<VersionLabels, Histogram, fn() -> Histogram>,
    captured: Family<CaptureLabels, Counter>,
    /// Of all endpoints, also those that are deleted.
    n_dropped: Arc<AtomicU64>,
    /// All deployments that are counted, so that they can be forgotten.
    known: Known,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            rows: Family::default(),
            shadows: Family::default(),
            differences: Family::new_with_constructor(|| Histogram::new(DIFFERENCES)),
            busy: Family::default(),
            loads: Family::default(),
            batches: Family::new_with_constructor(|| Histogram::new(BATCH_ROWS)),
            captured: Family::default(),
            n_dropped: Arc::default(),
            known: Arc::default(),
        }
    }
}

impl Numbers {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "automl_endpoint_requests",
            "Requests for predictions that a deployment took, by outcome: answered, refused, failed",
            self.requests.clone(),
        );
        registry.register(
            "automl_endpoint_rows",
            "Rows that a deployment predicted",
            self.rows.clone(),
        );
        registry.register(
            "automl_endpoint_shadow_requests",
            "Requests that a deployment saw in the shadow, by outcome: same, other, failed, skipped",
            self.shadows.clone(),
        );
        registry.register(
            "automl_endpoint_shadow_difference",
            "Of each row that a deployment saw in the shadow, how far what it says is from what was answered: the greatest difference of a probability, or of numbers beside the greater",
            self.differences.clone(),
        );
        registry.register(
            "automl_endpoint_busy",
            "Requests that an endpoint had no room for",
            self.busy.clone(),
        );
        registry.register(
            "automl_endpoint_captured",
            "Answers that were sampled to be kept, by outcome: stored on the disk, dropped as there was no room, failed",
            self.captured.clone(),
        );
        registry.register(
            "automl_endpoint_batch_rows",
            "Rows of requests that waited for a model and were predicted together",
            self.batches.clone(),
        );
        registry.register(
            "automl_endpoint_model_loads",
            "Times that a version was to be brought into memory, by outcome: read, failed",
            self.loads.clone(),
        );
        registry.register_collector(Box::new(Told(Arc::clone(&self.known))));
    }

    /// Of batches of a version.
    pub(crate) fn batches(&self, model: &str, version: i64) -> BatchNumbers {
        let model = model.to_owned();
        let labels = VersionLabels { model, version };
        BatchNumbers(self.batches.get_or_create_owned(&labels))
    }

    /// Counts that a version was read, or could not be.
    pub(crate) fn load(&self, (model, version): (&str, i64), outcome: &'static str) {
        let labels = LoadLabels {
            model: model.to_owned(),
            version,
            outcome,
        };
        self.loads.get_or_create_owned(&labels).inc();
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Labels, Arc<Counts>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets an endpoint that is deleted.
    pub(crate) fn forget(&self, endpoint: &str) {
        let mut known = self.known();
        let mut gone = Vec::new();
        known.retain(|labels, _| {
            let is_gone = labels.endpoint == endpoint;
            gone.extend(is_gone.then(|| labels.clone()));
            !is_gone
        });
        drop(known);
        for labels in gone {
            for outcome in OUTCOMES {
                self.requests.remove(&labels.with(outcome));
            }
            for outcome in SHADOW_OUTCOMES {
                self.shadows.remove(&labels.with(outcome));
            }
            self.differences.remove(&labels);
            self.rows.remove(&labels);
        }
        for outcome in CAPTURE_OUTCOMES {
            let endpoint = endpoint.to_owned();
            self.captured.remove(&CaptureLabels { endpoint, outcome });
        }
        let endpoint = endpoint.to_owned();
        self.busy.remove(&EndpointLabels { endpoint });
    }

    /// Those of one deployment.
    pub(crate) fn of(&self, endpoint: &str, deployment: &str, model: &str, version: i64) -> Own {
        let labels = Labels {
            endpoint: endpoint.to_owned(),
            deployment: deployment.to_owned(),
            model: model.to_owned(),
            version,
        };
        let mut known = self.known();
        let counts = known.entry(labels.clone()).or_insert_with(|| {
            let rows = self.rows.get_or_create_owned(&labels);
            Arc::new(Counts::new(rows))
        });
        let counts = Arc::clone(counts);
        drop(known);
        let request = |place: usize| {
            self.requests
                .get_or_create_owned(&labels.with(OUTCOMES[place]))
        };
        let shadow = |place: usize| {
            self.shadows
                .get_or_create_owned(&labels.with(SHADOW_OUTCOMES[place]))
        };
        Own {
            answered: request(0),
            refused: request(1),
            failed: request(2),
            same: shadow(0),
            other: shadow(1),
            shadow_failed: shadow(2),
            skipped: shadow(3),
            differences: Differences(self.differences.clone(), labels.clone()),
            counts,
        }
    }

    /// What was counted of a deployment, whatever versions it had.
    pub(crate) fn tally(&self, endpoint: &str, deployment: &str) -> Tally {
        let mut sum = Tally::default();
        for (labels, counts) in &*self.known() {
            if labels.endpoint == endpoint && labels.deployment == deployment {
                sum += counts.tally();
            }
        }
        sum
    }

    /// Counts answers that were to be kept.
    pub(crate) fn captured(&self, endpoint: &str, outcome: &'static str, n_answers: u64) {
        if n_answers == 0 {
            return;
        }
        if outcome == "dropped" {
            self.n_dropped.fetch_add(n_answers, Ordering::Relaxed);
        }
        let endpoint = endpoint.to_owned();
        let labels = CaptureLabels { endpoint, outcome };
        self.captured.get_or_create_owned(&labels).inc_by(n_answers);
    }

    /// Answers that there was no room to keep, of all endpoints.
    pub(crate) fn n_dropped(&self) -> u64 {
        self.n_dropped.load(Ordering::Relaxed)
    }

    /// How often an endpoint had no room.
    pub(crate) fn busy(&self, endpoint: &str) -> Counter {
        let endpoint = endpoint.to_owned();
        self.busy.get_or_create_owned(&EndpointLabels { endpoint })
    }
}

impl Labels {
    fn with(&self, outcome: &'static str) -> OutcomeLabels {
        OutcomeLabels {
            endpoint: self.endpoint.clone(),
            deployment: self.deployment.clone(),
            model: self.model.clone(),
            version: self.version,
            outcome,
        }
    }
}

/// How far a deployment in the shadow is from what was answered. It is told of those alone that were compared.
struct Differences(Family<Labels, Histogram, fn() -> Histogram>, Labels);

/// The numbers of one deployment, named by what is counted.
pub(crate) struct Own {
    pub(crate) answered: Counter,
    pub(crate) refused: Counter,
    pub(crate) failed: Counter,
    pub(crate) same: Counter,
    pub(crate) other: Counter,
    pub(crate) shadow_failed: Counter,
    pub(crate) skipped: Counter,
    differences: Differences,
    pub(crate) counts: Arc<Counts>,
}

impl Own {
    /// Counts a request that a deployment in the shadow saw.
    pub(crate) fn compared(&self, found: &Compared) {
        if !found.differences.is_empty() {
            let Differences(family, labels) = &self.differences;
            let histogram = family.get_or_create_owned(labels);
            for difference in &found.differences {
                histogram.observe(*difference);
            }
        }
        // Last, so that whoever finds it counted finds all of it.
        if found.agrees.iter().all(|agrees| *agrees) {
            self.same.inc();
        } else {
            self.other.inc();
        }
    }

    /// Counts a request that is answered.
    pub(crate) fn answered(&self, n_rows: usize, whole: Duration, spent: &Spent) {
        self.answered.inc();
        self.counts.answered(n_rows, whole, spent);
    }

    /// Counts a request that ends with an error.
    pub(crate) fn ended(&self, whole: Duration, error: &ScoreError) {
        let is_failed = error.status().is_server_error();
        let reason = match error {
            ScoreError::TimeOver { .. } => Reason::Rejected,
            error if error.may_come_again() => Reason::Rejected,
            _ if is_failed => Reason::Backend,
            _ => Reason::Other,
        };
        self.counts.failed_after(whole, reason);
        if is_failed {
            self.failed.inc();
        } else {
            self.refused.inc();
        }
    }
}
