//! What is sent: the record's types as the protocol's JSON.

use automl_store::registry::{ModelVersion, RegisteredModel};
use automl_store::tracking::KeyValue;
use automl_store::tracking::experiments::Experiment;
use automl_store::tracking::inputs::{DatasetInput, ModelLink};
use automl_store::tracking::log::Metric;
use automl_store::tracking::runs::RunInfo;
use automl_store::tracking::search::Run;
use serde_json::{Map, Value, json};

pub(super) fn experiment(experiment: &Experiment) -> Value {
    json!({
        "experiment_id": experiment.id.to_string(),
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": experiment.stage,
        "creation_time": experiment.created_ms,
        "last_update_time": experiment.updated_ms,
        "tags": pairs(&experiment.tags),
    })
}

pub(super) fn pairs(pairs: &[KeyValue]) -> Value {
    let pair = |pair: &KeyValue| json!({ "key": pair.key, "value": pair.value });
    pairs.iter().map(pair).collect()
}

pub(super) fn info(run: &RunInfo) -> Value {
    let mut info = json!({
        "run_uuid": run.id,
        "run_id": run.id,
        "run_name": run.name,
        "experiment_id": run.experiment_id.to_string(),
        "user_id": run.user_id,
        "status": run.status,
        "artifact_uri": run.artifact_uri,
        "lifecycle_stage": run.stage,
    });
    put(&mut info, "start_time", run.start_ms);
    put(&mut info, "end_time", run.end_ms);
    info
}

/// Sets a field if there is something to set it to.
pub(super) fn put(object: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Some(map), Some(value)) = (object.as_object_mut(), value) {
        map.insert(name.to_owned(), value.into());
    }
}

/// JSON has neither NaN nor infinities: they are texts.
pub(super) fn number(value: f64) -> Value {
    if value.is_nan() {
        return "NaN".into();
    }
    serde_json::Number::from_f64(value).map_or_else(
        || Value::from(if value > 0.0 { "Infinity" } else { "-Infinity" }),
        Value::Number,
    )
}

pub(super) fn metric(metric: &Metric) -> Value {
    json!({
        "key": metric.key,
        "value": number(metric.value),
        "timestamp": metric.timestamp_ms,
        "step": metric.step,
    })
}

pub(super) fn run(run: &Run) -> Value {
    json!({
        "info": info(&run.info),
        "data": {
            "metrics": run.metrics.iter().map(metric).collect::<Value>(),
            "params": pairs(&run.params),
            "tags": pairs(&run.tags),
        },
        "inputs": {
            "dataset_inputs": run.datasets.iter().map(dataset_input).collect::<Value>(),
            "model_inputs": run.model_inputs.iter().map(link).collect::<Value>(),
        },
        "outputs": { "model_outputs": run.model_outputs.iter().map(link).collect::<Value>() },
    })
}

fn link(link: &ModelLink) -> Value {
    json!({ "model_id": link.model_id, "step": link.step })
}

fn dataset_input(input: &DatasetInput) -> Value {
    let mut dataset = json!({
        "name": input.dataset.name,
        "digest": input.dataset.digest,
        "source_type": input.dataset.source_type,
        "source": input.dataset.source,
    });
    put(&mut dataset, "schema", input.dataset.schema.clone());
    put(&mut dataset, "profile", input.dataset.profile.clone());
    json!({ "dataset": dataset, "tags": pairs(&input.tags) })
}

pub(super) fn version(version: &ModelVersion) -> Value {
    let mut value = json!({
        "name": version.name,
        "version": version.version.to_string(),
        "creation_timestamp": version.created_ms,
        "last_updated_timestamp": version.updated_ms,
        "current_stage": version.stage,
        "description": version.description.as_deref().unwrap_or_default(),
        "source": version.source,
        "run_id": version.run_id.as_deref().unwrap_or_default(),
        "run_link": version.run_link.as_deref().unwrap_or_default(),
        "status": "READY",
        "tags": pairs(&version.tags),
        "aliases": version.aliases,
    });
    put(&mut value, "user_id", version.user_id.clone());
    put(&mut value, "model_id", version.model_id.clone());
    value
}

pub(super) fn model(model: &RegisteredModel) -> Value {
    let alias = |(alias, version): &(String, i64)| json!({ "alias": alias, "version": version.to_string() });
    json!({
        "name": model.name,
        "creation_timestamp": model.created_ms,
        "last_updated_timestamp": model.updated_ms,
        "description": model.description.as_deref().unwrap_or_default(),
        "latest_versions": model.latest.iter().map(version).collect::<Value>(),
        "tags": pairs(&model.tags),
        "aliases": model.aliases.iter().map(alias).collect::<Value>(),
    })
}

/// A list under its name, with the token of the next page if there is one.
pub(super) fn page(name: &str, items: Value, next: Option<String>) -> Value {
    let mut map = Map::new();
    map.insert(name.to_owned(), items);
    if let Some(next) = next {
        map.insert("next_page_token".to_owned(), next.into());
    }
    Value::Object(map)
}
