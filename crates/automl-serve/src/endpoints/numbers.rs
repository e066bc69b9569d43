//! Numbers of endpoints for Prometheus: requests by outcome, rows, and latencies, of each deployment.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper ends of the buckets of latencies, in seconds.
const SECONDS: [f64; 14] = [
    0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
    10.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
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

/// The numbers of all endpoints. Clones share them.
#[derive(Clone)]
pub(crate) struct Numbers {
    requests: Family<OutcomeLabels, Counter>,
    rows: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    shadows: Family<OutcomeLabels, Counter>,
    busy: Family<EndpointLabels, Counter>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            rows: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            shadows: Family::default(),
            busy: Family::default(),
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
        registry.register_with_unit(
            "automl_endpoint_duration",
            "Time from the whole body to the predictions",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "automl_endpoint_shadow_requests",
            "Requests that a deployment saw in the shadow, by outcome: same, other, failed, skipped",
            self.shadows.clone(),
        );
        registry.register(
            "automl_endpoint_busy",
            "Requests that an endpoint had no room for",
            self.busy.clone(),
        );
    }

    /// Those of one deployment.
    pub(crate) fn of(&self, endpoint: &str, deployment: &str, model: &str, version: i64) -> Own {
        let labels = Labels {
            endpoint: endpoint.to_owned(),
            deployment: deployment.to_owned(),
            model: model.to_owned(),
            version,
        };
        let outcome = |outcome| OutcomeLabels {
            endpoint: labels.endpoint.clone(),
            deployment: labels.deployment.clone(),
            model: labels.model.clone(),
            version,
            outcome,
        };
        let request = |name| self.requests.get_or_create_owned(&outcome(name));
        let shadow = |name| self.shadows.get_or_create_owned(&outcome(name));
        Own {
            answered: request("answered"),
            refused: request("refused"),
            failed: request("failed"),
            same: shadow("same"),
            other: shadow("other"),
            shadow_failed: shadow("failed"),
            skipped: shadow("skipped"),
            rows: self.rows.get_or_create_owned(&labels),
            seconds: self.seconds.get_or_create_owned(&labels),
        }
    }

    /// How often an endpoint had no room.
    pub(crate) fn busy(&self, endpoint: &str) -> Counter {
        let endpoint = endpoint.to_owned();
        self.busy.get_or_create_owned(&EndpointLabels { endpoint })
    }
}

/// The numbers of one deployment, named by what is counted.
pub(crate) struct Own {
    pub(crate) answered: Counter,
    pub(crate) refused: Counter,
    pub(crate) failed: Counter,
    pub(crate) same: Counter,
    pub(crate) other: Counter,
    pub(crate) shadow_failed: Counter,
    pub(crate) skipped: Counter,
    pub(crate) rows: Counter,
    pub(crate) seconds: Histogram,
}
