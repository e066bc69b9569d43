//! Endpoints as programs see them: what the record says, and what this server makes of it.

use super::fleet::Fleet;
use super::live::{Live, Slot};
use automl_store::endpoints::{Capture, Change, Deployment, Endpoint};
use serde_json::{Value, json};

/// An endpoint with its deployments.
pub(crate) fn endpoint_view(endpoint: &Endpoint, fleet: &Fleet) -> Value {
    let snapshot = fleet.snapshot();
    let live = snapshot.get(&endpoint.name);
    let deployments: Vec<Value> = (endpoint.deployments.iter())
        .map(|deployment| deployment_view(deployment, live.map(AsRef::as_ref)))
        .collect();
    json!({
        "name": endpoint.name,
        "description": endpoint.description,
        "max_at_once": endpoint.max_at_once,
        "created_ms": endpoint.created_ms,
        "user": endpoint.user_id,
        // A server runs: this one.
        "state": endpoint.state(true),
        "revision": endpoint.revision,
        "served_revision": live.and_then(|live| live.revision),
        "problem": live.and_then(|live| live.problem.clone()),
        "deployments": deployments,
        "folder": fleet.folder_of(&endpoint.name),
        "capture": endpoint.capture.as_ref().map(capture_view),
    })
}

/// What is kept of its requests.
fn capture_view(capture: &Capture) -> Value {
    json!({
        "rate": capture.rate,
        "fields": capture.fields,
        "redacted": capture.redacted,
        "user": capture.user_id,
        "since_ms": capture.since_ms,
    })
}

/// A deployment, and whether it answers.
fn deployment_view(deployment: &Deployment, live: Option<&Live>) -> Value {
    let slots = live
        .iter()
        .flat_map(|live| live.slots.iter().chain(&live.shadows));
    let mut slots = slots.filter(|slot| slot.deployment.name == deployment.name);
    let slot: Option<&Slot> = slots.next().map(AsRef::as_ref);
    let warm = slot.and_then(|slot| slot.version.ready());
    json!({
        "name": deployment.name,
        "model": deployment.model,
        "version": deployment.version,
        "alias": deployment.alias,
        "digest": deployment.digest,
        "share": deployment.share,
        "is_shadow": deployment.is_shadow,
        "replicas": deployment.replicas,
        "deployed_ms": deployment.deployed_ms,
        "user": deployment.user_id,
        "serving_version": slot.map(|slot| slot.deployment.version),
        "is_in_memory": warm.is_some(),
        "n_bytes": warm.as_ref().map(|warm| warm.loaded.facts.n_bytes),
        "row_us": warm.as_ref().map(|warm| warm.row_us),
        "explains": warm.as_ref().map(|warm| warm.explains),
    })
}

/// A change with what was deployed after it.
pub(super) fn change_view(change: &Change) -> Value {
    let deployment = |one: &Deployment| {
        json!({
            "name": one.name,
            "model": one.model,
            "version": one.version,
            "alias": one.alias,
            "share": one.share,
            "is_shadow": one.is_shadow,
        })
    };
    json!({
        "revision": change.revision,
        "what": change.what,
        "user": change.user_id,
        "at_ms": change.at_ms,
        "note": change.note,
        "deployments": change.deployments.iter().map(deployment).collect::<Vec<_>>(),
    })
}
