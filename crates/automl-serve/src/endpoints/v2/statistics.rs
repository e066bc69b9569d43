//! Triton's extension of statistics: how many requests each deployment answered, and what their phases took.

use super::super::error::ScoreError;
use super::super::fleet::Fleet;
use super::super::live::{Live, Slot};
use super::super::numbers::Tally;
use super::grpc::status;
use super::messages::ModelRequest;
use super::metadata::find;
use super::rest::told;
use crate::routes::{Routes, get, grpc};
use crate::state::App;
use crate::unary::unary;
use axum::extract::{Path, State};
use axum::response::Response;
use prost::Message;
use serde::Serialize;
use std::sync::Arc;

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Statistics {
    #[prost(message, repeated, tag = "1")]
    pub(super) model_stats: Vec<OfModel>,
}

/// Of a deployment, with the names and numbers of the protocol. What it has of batches by their sizes, of memory and of parts of
/// answers is not kept here, and left empty.
#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct OfModel {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
    /// Milliseconds since 1970.
    #[prost(uint64, tag = "3")]
    pub(super) last_inference: u64,
    /// Rows.
    #[prost(uint64, tag = "4")]
    pub(super) inference_count: u64,
    #[prost(uint64, tag = "5")]
    pub(super) execution_count: u64,
    #[prost(message, optional, tag = "6")]
    pub(super) inference_stats: Option<OfPhases>,
    #[prost(message, repeated, tag = "7")]
    pub(super) batch_stats: Vec<Took>,
    #[prost(message, repeated, tag = "8")]
    pub(super) memory_usage: Vec<Took>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct OfPhases {
    #[prost(message, optional, tag = "1")]
    pub(super) success: Option<Took>,
    #[prost(message, optional, tag = "2")]
    pub(super) fail: Option<Took>,
    #[prost(message, optional, tag = "3")]
    pub(super) queue: Option<Took>,
    #[prost(message, optional, tag = "4")]
    pub(super) compute_input: Option<Took>,
    #[prost(message, optional, tag = "5")]
    pub(super) compute_infer: Option<Took>,
    #[prost(message, optional, tag = "6")]
    pub(super) compute_output: Option<Took>,
    #[prost(message, optional, tag = "7")]
    pub(super) cache_hit: Option<Took>,
    #[prost(message, optional, tag = "8")]
    pub(super) cache_miss: Option<Took>,
}

/// So many requests, and the nanoseconds of all of them.
#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Took {
    #[prost(uint64, tag = "1")]
    pub(super) count: u64,
    #[prost(uint64, tag = "2")]
    pub(super) ns: u64,
}

pub(super) fn routes(fleet: &Fleet) -> Routes {
    const ABOUT: &str =
        "How many requests deployments answered, and what phases took (Triton's statistics)";
    let fleet = fleet.clone();
    Routes::new()
        .route("/v2/models/stats", get(of_all).viewer(ABOUT))
        .route("/v2/models/{name}/stats", get(of_model).viewer(ABOUT))
        .route(
            "/v2/models/{name}/versions/{version}/stats",
            get(of_version).viewer(ABOUT),
        )
        .service(
            &super::grpc::path("ModelStatistics"),
            unary(move |ask: ModelRequest| {
                let found = statistics(&fleet, &ask.name, &ask.version);
                async move { found.map_err(|error| status(&error)) }
            }),
            grpc().viewer(ABOUT),
        )
}

/// Of all deployments that answer, of an endpoint's, or of one; what is not named is empty.
fn statistics(fleet: &Fleet, name: &str, version: &str) -> Result<Statistics, ScoreError> {
    let of = |live: &Live, slot: &Arc<Slot>| {
        let tally = fleet.numbers().tally(&live.name, &slot.deployment.name);
        of_deployment(live, slot, &tally)
    };
    let model_stats = if name.is_empty() {
        let snapshot = fleet.snapshot();
        let all = snapshot.values();
        all.flat_map(|live| live.slots.iter().map(|slot| of(live, slot)))
            .collect()
    } else {
        let live = fleet.find(name)?;
        if version.is_empty() {
            live.slots.iter().map(|slot| of(&live, slot)).collect()
        } else {
            let slot = find(&live, version)?;
            slot.iter().map(|slot| of(&live, slot)).collect()
        }
    };
    Ok(Statistics { model_stats })
}

fn of_deployment(live: &Live, slot: &Slot, tally: &Tally) -> OfModel {
    let [read, queue, predict, explain, write] = tally.phases;
    let count = tally.n_answered();
    let took = |ns: u64| Some(Took { count, ns });
    OfModel {
        name: live.name.clone(),
        version: slot.deployment.name.clone(),
        last_inference: u64::try_from(tally.last_us / 1000).unwrap_or(0),
        inference_count: tally.rows,
        execution_count: tally.executions,
        inference_stats: Some(OfPhases {
            success: took(tally.answered_ns()),
            fail: Some(Took {
                count: tally.failures.iter().sum(),
                ns: tally.whole.sum_ns.saturating_sub(tally.answered_ns()),
            }),
            queue: took(queue.sum_ns),
            compute_input: took(read.sum_ns),
            compute_infer: took(predict.sum_ns + explain.sum_ns),
            compute_output: took(write.sum_ns),
            cache_hit: Some(Took::default()),
            cache_miss: Some(Took::default()),
        }),
        batch_stats: Vec::new(),
        memory_usage: Vec::new(),
    }
}

async fn of_all(State(app): State<App>) -> Response {
    told(statistics(&app.fleet, "", ""))
}

async fn of_model(State(app): State<App>, Path(name): Path<String>) -> Response {
    told(statistics(&app.fleet, &name, ""))
}

async fn of_version(
    State(app): State<App>,
    Path((name, version)): Path<(String, String)>,
) -> Response {
    told(statistics(&app.fleet, &name, &version))
}
