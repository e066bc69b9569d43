//! What an endpoint takes and gives, as this protocol tells it.

use super::super::cache::Warm;
use super::super::error::ScoreError;
use super::super::fleet::Fleet;
use super::super::live::{Live, Slot, Wish};
use super::output;
use automl_core::Kind;
use std::sync::Arc;

/// A model of this protocol.
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) versions: Vec<String>,
    pub(super) inputs: Vec<(String, &'static str, Vec<i64>)>,
    pub(super) outputs: Vec<(String, &'static str, Vec<i64>)>,
}

/// The datatype in which a column is best sent.
fn datatype(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "FP64",
        Kind::Boolean => "BOOL",
        Kind::Category | Kind::Text | Kind::Timestamp => "BYTES",
    }
}

/// Whether an endpoint, or a deployment of it, answers.
pub(super) fn is_ready(fleet: &Fleet, name: &str, version: &str) -> Result<bool, ScoreError> {
    let live = fleet.find(name)?;
    Ok(find(&live, version)?.is_some())
}

/// The deployment of a version, or the one with the greatest share if none is named.
pub(super) fn find(live: &Live, version: &str) -> Result<Option<Arc<Slot>>, ScoreError> {
    if version.is_empty() {
        let slots = live.slots.iter();
        return Ok(slots.max_by_key(|slot| slot.deployment.share).cloned());
    }
    let wish = Wish {
        deployment: Some(version),
        key: None,
    };
    live.choose(wish).map(|slot| Some(Arc::clone(slot)))
}

/// What an endpoint takes and gives; its model is read if it went from memory.
pub(super) async fn metadata(
    fleet: &Fleet,
    name: &str,
    version: &str,
) -> Result<Metadata, ScoreError> {
    let live = fleet.find(name)?;
    let slot = find(&live, version)?.ok_or_else(|| live.not_serving())?;
    let warm: Arc<Warm> = match slot.version.ready() {
        Some(warm) => warm,
        None => super::super::score::load(fleet, &slot, name).await?,
    };
    let facts = &warm.loaded.facts;
    let input = |field: &automl_core::Field| (field.name.clone(), datatype(field.kind), vec![-1]);
    let versions = live.slots.iter().map(|slot| slot.deployment.name.clone());
    Ok(Metadata {
        name: live.name.clone(),
        versions: versions.collect(),
        inputs: facts.features.iter().map(input).collect(),
        outputs: output::signature(&facts.task),
    })
}
