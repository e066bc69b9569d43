//! Latencies of endpoints for Prometheus, and the same numbers under the names that dashboards of Triton and of KServe ask for.
//!
//! Triton calls its counters by names that the text format has no counters of: those end in `_total`. They are told as of an
//! unknown type, under exactly its names; what is asked of Prometheus does not depend on the type.

use super::Labels;
use super::counts::{Counts, PHASES, REASONS, Tally};
use super::timing::Seen;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What is counted of all deployments.
pub(super) type Known = Arc<Mutex<BTreeMap<Labels, Arc<Counts>>>>;

#[derive(Debug, Clone, EncodeLabelSet)]
struct PhaseLabel {
    phase: &'static str,
}

/// A model and its version, as clients of Triton know them: an endpoint and a deployment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct Triton {
    model: String,
    version: String,
}

#[derive(Debug, Clone, EncodeLabelSet)]
struct Failure {
    reason: &'static str,
}

/// An endpoint, as KServe knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct KServe {
    model_name: String,
}

/// Tells all of it when it is asked.
pub(super) struct Told(pub(super) Known);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

impl Collector for Told {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<(Labels, Tally)> = known
            .iter()
            .map(|(labels, counts)| (labels.clone(), counts.tally()))
            .collect();
        drop(known);
        if all.is_empty() {
            return Ok(());
        }
        own(&mut encoder, &all)?;
        triton(&mut encoder, &all)?;
        kserve(&mut encoder, &all)
    }
}

fn own(encoder: &mut DescriptorEncoder<'_>, all: &[(Labels, Tally)]) -> fmt::Result {
    let whole = all.iter().map(|(labels, tally)| (labels, tally.whole));
    let about = "Time from the whole body to the answer";
    histogram(encoder, ("automl_endpoint_duration", about), whole)?;
    let phases: Vec<((Labels, PhaseLabel), Seen)> = all
        .iter()
        .flat_map(|(labels, tally)| {
            let phases = PHASES.iter().zip(tally.phases);
            phases.map(|(phase, seen)| ((labels.clone(), PhaseLabel { phase }), seen))
        })
        .collect();
    let about =
        "The same of requests that were answered, by phase: read, queue, predict, explain, write";
    let phases = phases.iter().map(|(labels, seen)| (labels, *seen));
    histogram(encoder, ("automl_endpoint_phase_duration", about), phases)
}

/// A counter of Triton's: its name, what it is, and its value.
type Family = (&'static str, &'static str, fn(&Tally) -> u64);

const FAMILIES: [Family; 8] = [
    (
        "nv_inference_request_success",
        "Requests that a deployment answered",
        Tally::n_answered,
    ),
    (
        "nv_inference_count",
        "Rows of requests that were answered",
        |tally| tally.rows,
    ),
    (
        "nv_inference_exec_count",
        "Times that the model predicted, rows of several requests together among them",
        |tally| tally.executions,
    ),
    (
        "nv_inference_request_duration_us",
        "Microseconds that answered requests took",
        |tally| tally.answered_ns() / 1000,
    ),
    (
        "nv_inference_queue_duration_us",
        "Microseconds of them in which they waited for the model",
        |tally| phases_us(tally, &[1]),
    ),
    (
        "nv_inference_compute_input_duration_us",
        "Microseconds of them in which bodies were read",
        |tally| phases_us(tally, &[0]),
    ),
    (
        "nv_inference_compute_infer_duration_us",
        "Microseconds of them in which the model predicted and explained",
        |tally| phases_us(tally, &[2, 3]),
    ),
    (
        "nv_inference_compute_output_duration_us",
        "Microseconds of them in which answers were written",
        |tally| phases_us(tally, &[4]),
    ),
];

/// What phases, by their places, took together.
fn phases_us(tally: &Tally, places: &[usize]) -> u64 {
    let ns: u64 = places.iter().map(|place| tally.phases[*place].sum_ns).sum();
    ns / 1000
}

fn triton(encoder: &mut DescriptorEncoder<'_>, all: &[(Labels, Tally)]) -> fmt::Result {
    let mut sums = BTreeMap::<Triton, Tally>::new();
    for (labels, tally) in all {
        let version = Triton {
            model: labels.endpoint.clone(),
            version: labels.deployment.clone(),
        };
        *sums.entry(version).or_default() += *tally;
    }
    for (name, about, value) in FAMILIES {
        let mut family = encoder.encode_descriptor(name, about, None, MetricType::Unknown)?;
        for (version, tally) in &sums {
            let mut one = family.encode_family(version)?;
            one.encode_gauge(&value(tally))?;
        }
    }
    let (name, about) = (
        "nv_inference_request_failure",
        "Requests that were not answered, by reason",
    );
    let mut family = encoder.encode_descriptor(name, about, None, MetricType::Unknown)?;
    for (version, tally) in &sums {
        for (reason, count) in REASONS.iter().zip(tally.failures) {
            let labels = (version.clone(), Failure { reason });
            family.encode_family(&labels)?.encode_gauge(&count)?;
        }
    }
    let (name, about) = (
        "nv_inference_pending_request_count",
        "Requests that wait for the model",
    );
    let mut family = encoder.encode_descriptor(name, about, None, MetricType::Gauge)?;
    for (version, tally) in &sums {
        let mut one = family.encode_family(version)?;
        one.encode_gauge(&tally.pending)?;
    }
    Ok(())
}

fn kserve(encoder: &mut DescriptorEncoder<'_>, all: &[(Labels, Tally)]) -> fmt::Result {
    let mut sums = BTreeMap::<KServe, Tally>::new();
    for (labels, tally) in all {
        let model_name = labels.endpoint.clone();
        *sums.entry(KServe { model_name }).or_default() += *tally;
    }
    for (name, about, place) in [
        ("request_preprocess", "Time in which bodies were read", 0),
        ("request_predict", "Time in which models predicted", 2),
        ("request_explain", "Time in which models explained", 3),
        (
            "request_postprocess",
            "Time in which answers were written",
            4,
        ),
    ] {
        let seen = sums.iter();
        let seen = seen.map(|(labels, tally)| (labels, tally.phases[place]));
        histogram(encoder, (name, about), seen)?;
    }
    Ok(())
}

/// A histogram of seconds for each set of labels.
fn histogram<'a, L: EncodeLabelSet + 'a>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, about): (&str, &str),
    all: impl Iterator<Item = (&'a L, Seen)>,
) -> fmt::Result {
    let unit = Some(&Unit::Seconds);
    let mut family = encoder.encode_descriptor(name, about, unit, MetricType::Histogram)?;
    for (labels, seen) in all {
        seen.encode(family.encode_family(labels)?)?;
    }
    Ok(())
}
