//! Numbers for Prometheus.

use crate::endpoints::Numbers;
use crate::ledger::Ledger;
use automl_store::db::Database;
use axum::http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;

/// What the process holds and used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// Bytes of physical memory.
    pub resident_bytes: u64,
    /// Seconds of all its threads on processors.
    pub cpu_seconds: f64,
}

/// Upper ends of the buckets of latencies, in seconds.
const SECONDS: [f64; 11] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// The numbers. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    answers: Family<Answer, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    connections: Gauge,
}

impl Metrics {
    pub(crate) fn new(
        db: Database,
        ledger: Ledger,
        process: fn() -> Process,
        endpoints: &Numbers,
    ) -> Self {
        let mut registry = Registry::default();
        endpoints.register(&mut registry);
        let answers = Family::<Answer, Counter>::default();
        let seconds: Family<Route, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS));
        let connections = Gauge::default();
        registry.register("automl_requests", "Requests answered", answers.clone());
        registry.register_with_unit(
            "automl_request_duration",
            "Time until the answer began",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register(
            "automl_open_connections",
            "Connections that are open",
            connections.clone(),
        );
        let state = State {
            db,
            ledger,
            process,
        };
        registry.register_collector(Box::new(state));
        Self(Arc::new(Inner {
            registry,
            answers,
            seconds,
            connections,
        }))
    }

    pub(crate) fn count(
        &self,
        route: &str,
        method: &'static str,
        status: StatusCode,
        seconds: f64,
    ) {
        let answer = Answer {
            route: route.to_owned(),
            method,
            status: status.as_u16(),
        };
        self.0.answers.get_or_create(&answer).inc();
        let route = Route {
            route: answer.route,
        };
        self.0.seconds.get_or_create(&route).observe(seconds);
    }

    pub(crate) fn connections(&self) -> &Gauge {
        &self.0.connections
    }

    /// All numbers, in the text format that Prometheus reads.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

/// What is read when it is asked for.
struct State {
    db: Database,
    ledger: Ledger,
    process: fn() -> Process,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let load = self.db.load();
        let process = (self.process)();
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: i64| {
            let gauge = ConstGauge::new(value);
            let described = encoder.encode_descriptor(name, help, unit, gauge.metric_type())?;
            gauge.encode(described)
        };
        gauge(
            "automl_writer_waiting",
            "Work that waits for the one thread that writes",
            None,
            load.waiting as i64,
        )?;
        gauge(
            "automl_writer_last_batch",
            "Work that its last transaction took",
            None,
            load.last_batch as i64,
        )?;
        gauge(
            "process_resident_memory",
            "Physical memory",
            Some(&Unit::Bytes),
            process.resident_bytes as i64,
        )?;
        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            let described = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(described)
        };
        counter(
            "automl_writer_transactions",
            "Transactions of the one thread that writes",
            load.transactions,
        )?;
        counter(
            "automl_writer_jobs",
            "Work that it did; by transactions, the mean batch",
            load.jobs,
        )?;
        let (lost, left_out) = self.ledger.missing();
        counter(
            "automl_audit_lost",
            "Lines of the audit log that could not be kept",
            lost,
        )?;
        counter(
            "automl_audit_left_out",
            "Refusals of strangers beyond ten a second",
            left_out,
        )?;
        let cpu = ConstCounter::new(process.cpu_seconds);
        let described = encoder.encode_descriptor(
            "process_cpu",
            "Time on processors",
            Some(&Unit::Seconds),
            cpu.metric_type(),
        )?;
        cpu.encode(described)
    }
}
