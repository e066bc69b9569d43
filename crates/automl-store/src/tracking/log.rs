//! What runs log: metrics, params and tags, one by one or in batches that are kept whole or not at all.

use super::runs::{self, NAME_TAG, RunInfo};
use super::{KeyValue, LIMITS, TrackingError, check_key, check_length, check_text, cut};
use crate::args;
use crate::db::Sql;

/// A measured value.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Metric {
    pub key: String,
    /// NaN and infinities too.
    pub value: f64,
    pub timestamp_ms: i64,
    pub step: i64,
    /// The logged model that was measured, if it was one.
    pub model_id: Option<String>,
    /// The data that it was measured on.
    pub dataset_name: Option<String>,
    pub dataset_digest: Option<String>,
}

/// What is logged together.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Batch {
    pub metrics: Vec<Metric>,
    pub params: Vec<KeyValue>,
    pub tags: Vec<KeyValue>,
}

/// Checks a batch before it is handed over, so that bad input never waits for the database.
///
/// # Errors
/// Names the place in the batch.
pub fn check(batch: &Batch) -> Result<(), TrackingError> {
    for (index, metric) in batch.metrics.iter().enumerate() {
        check_metric(metric, &format!("metrics[{index}]."))?;
    }
    for (index, param) in batch.params.iter().enumerate() {
        check_param(param, &format!("params[{index}]."))?;
    }
    for (index, tag) in batch.tags.iter().enumerate() {
        check_tag(tag, &format!("tags[{index}]."))?;
    }
    let sizes = [
        ("metrics", LIMITS.metrics_a_batch, batch.metrics.len()),
        ("params", LIMITS.params_a_batch, batch.params.len()),
        ("tags", LIMITS.tags_a_batch, batch.tags.len()),
        (
            "metrics, params, and tags",
            LIMITS.entities_a_batch,
            batch.metrics.len() + batch.params.len() + batch.tags.len(),
        ),
    ];
    for (what, limit, count) in sizes {
        if count > limit {
            return Err(TrackingError::Invalid(format!(
                "A batch logging request can contain at most {limit} {what}. Got {count} {what}. Please split up {what} across multiple requests and try again."
            )));
        }
    }
    let mut keys: Vec<&str> = batch
        .params
        .iter()
        .map(|param| param.key.as_str())
        .collect();
    keys.sort_unstable();
    let repeated = keys.windows(2).find(|pair| pair[0] == pair[1]);
    if let Some(&[key, _]) = repeated {
        return Err(TrackingError::Invalid(format!(
            "Duplicate parameter keys have been submitted: ['{key}']. Please ensure the request contains only one param value per param key."
        )));
    }
    Ok(())
}

/// Checks one metric; `path` stands before the names of its fields.
pub fn check_metric(metric: &Metric, path: &str) -> Result<(), TrackingError> {
    check_key("Metric name", &format!("{path}name"), &metric.key)?;
    if metric.timestamp_ms < 0 {
        return Err(TrackingError::Invalid(format!(
            "Invalid value {} for parameter '{path}timestamp' supplied: metric '{}' (value={}). Timestamp must be a nonnegative long (64-bit integer) ",
            metric.timestamp_ms, metric.key, metric.value
        )));
    }
    Ok(())
}

/// Checks one param.
pub fn check_param(param: &KeyValue, path: &str) -> Result<(), TrackingError> {
    check_key("Param key", &format!("{path}key"), &param.key)?;
    check_text("Param value", &param.value)
}

/// Checks one tag.
pub fn check_tag(tag: &KeyValue, path: &str) -> Result<(), TrackingError> {
    check_key("key", &format!("{path}key"), &tag.key)?;
    check_text("value", &tag.value)
}

/// Logs a checked batch to an active run.
pub fn log(
    sql: &mut dyn Sql,
    workspace: &str,
    run_id: &str,
    batch: &Batch,
) -> Result<(), TrackingError> {
    let run = runs::active(sql, workspace, run_id)?;
    put(sql, &run, batch)
}

/// Logs a checked batch to a run, whatever its stage.
pub(crate) fn put(sql: &mut dyn Sql, run: &RunInfo, batch: &Batch) -> Result<(), TrackingError> {
    for param in &batch.params {
        put_param(sql, run, param)?;
    }
    for metric in &batch.metrics {
        put_metric(sql, run.number, metric)?;
    }
    for tag in &batch.tags {
        put_tag(sql, run.number, tag)?;
        if tag.key == NAME_TAG {
            sql.execute(
                "UPDATE runs SET name = ?1 WHERE run = ?2",
                args![cut(LIMITS.tag_value, &tag.value), run.number],
            )?;
        }
    }
    Ok(())
}

/// A param keeps its first value: the same again is no error, another is.
fn put_param(sql: &mut dyn Sql, run: &RunInfo, param: &KeyValue) -> Result<(), TrackingError> {
    let value = cut(LIMITS.param_value, &param.value);
    let count = sql.execute(
        "INSERT INTO params (run, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (run, key) DO NOTHING",
        args![run.number, &param.key, value],
    )?;
    if count == 1 {
        return Ok(());
    }
    let row = sql.query_one(
        "SELECT value FROM params WHERE run = ?1 AND key = ?2",
        args![run.number, &param.key],
    )?;
    let old = row.map(|row| row.text(0)).transpose()?.unwrap_or_default();
    if old == value {
        return Ok(());
    }
    Err(TrackingError::ParamChanged {
        key: param.key.clone(),
        run: run.id.clone(),
        old,
        new: value.to_owned(),
    })
}

pub(super) fn put_tag(sql: &mut dyn Sql, run: i64, tag: &KeyValue) -> Result<(), TrackingError> {
    put_whole_tag(sql, run, &tag.key, cut(LIMITS.tag_value, &tag.value))
}

fn put_whole_tag(sql: &mut dyn Sql, run: i64, key: &str, value: &str) -> Result<(), TrackingError> {
    sql.execute(
        "INSERT INTO tags (run, key, value) VALUES (?1, ?2, ?3) \
         ON CONFLICT (run, key) DO UPDATE SET value = excluded.value",
        args![run, key, value],
    )?;
    Ok(())
}

/// The tag with what a run says of the models that it logged, as a JSON list.
const MODELS_TAG: &str = "mlflow.log-model.history";

/// Adds what is told of a model to what an active run says of those before it.
pub fn append_model(
    sql: &mut dyn Sql,
    workspace: &str,
    run_id: &str,
    model: serde_json::Value,
) -> Result<(), TrackingError> {
    let run = runs::active(sql, workspace, run_id)?;
    let row = sql.query_one(
        "SELECT value FROM tags WHERE run = ?1 AND key = ?2",
        args![run.number, MODELS_TAG],
    )?;
    let told = row.map(|row| row.text(0)).transpose()?;
    let told = serde_json::from_str(told.as_deref().unwrap_or("[]"));
    let mut models: Vec<serde_json::Value> = told.map_err(|_no_list| {
        TrackingError::Invalid(format!(
            "Tag '{MODELS_TAG}' of run {run_id} is no JSON list; delete the tag to log models again"
        ))
    })?;
    models.push(model);
    let told = serde_json::Value::from(models).to_string();
    check_length(MODELS_TAG, LIMITS.models_tag_value, &told)?;
    put_whole_tag(sql, run.number, MODELS_TAG, &told)
}

/// Adds points to a run, and says how many were not there yet.
pub(crate) fn put_metrics(
    sql: &mut dyn Sql,
    run: i64,
    metrics: &[Metric],
) -> Result<u64, TrackingError> {
    let mut n_new = 0;
    for metric in metrics {
        n_new += u64::from(put_metric(sql, run, metric)?);
    }
    Ok(n_new)
}

/// Adds a point to the history if it is not there, which is told, and to the latest values if it is not older than what is there.
fn put_metric(sql: &mut dyn Sql, run: i64, metric: &Metric) -> Result<bool, TrackingError> {
    let is_nan = metric.value.is_nan();
    let value = stored(metric.value);
    let (time, step) = (metric.timestamp_ms, metric.step);
    let n_new = sql.execute(
        "INSERT INTO metrics (run, key, timestamp_ms, step, value, is_nan) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO NOTHING",
        args![run, &metric.key, time, step, value, is_nan],
    )?;
    sql.execute(
        "INSERT INTO latest_metrics (run, key, timestamp_ms, step, value, is_nan) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (run, key) DO UPDATE SET timestamp_ms = excluded.timestamp_ms, step = excluded.step, \
         value = excluded.value, is_nan = excluded.is_nan \
         WHERE (excluded.step, excluded.timestamp_ms, excluded.value) >= \
         (latest_metrics.step, latest_metrics.timestamp_ms, latest_metrics.value)",
        args![run, &metric.key, time, step, value, is_nan],
    )?;
    let is_new = n_new > 0;
    if let Some(model_id) = &metric.model_id {
        put_model_metric(sql, run, model_id, metric)?;
    }
    Ok(is_new)
}

/// Adds a point to the metrics of a logged model.
pub(crate) fn put_model_metric(
    sql: &mut dyn Sql,
    run: i64,
    model_id: &str,
    metric: &Metric,
) -> Result<(), TrackingError> {
    let name = metric.dataset_name.as_deref().unwrap_or_default();
    let digest = metric.dataset_digest.as_deref().unwrap_or_default();
    sql.execute(
        "INSERT INTO model_metrics (model_id, run, key, dataset_name, dataset_digest, timestamp_ms, step, value, is_nan) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        args![
            model_id, run, &metric.key, name, digest, metric.timestamp_ms, metric.step,
            stored(metric.value), metric.value.is_nan(),
        ],
    )?;
    Ok(())
}

/// Infinities are the largest numbers, for JSON has none; NaN is 0 beside its mark.
pub(super) fn stored(value: f64) -> f64 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(f64::MIN, f64::MAX)
    }
}

/// Takes a tag away from an active run.
pub fn delete_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    run_id: &str,
    key: &str,
) -> Result<(), TrackingError> {
    let run = runs::active(sql, workspace, run_id)?;
    let count = sql.execute(
        "DELETE FROM tags WHERE run = ?1 AND key = ?2",
        args![run.number, key],
    )?;
    if count == 0 {
        return Err(TrackingError::Missing {
            kind: "tag",
            by: "name:",
            name: format!("{key} in run with id {run_id}"),
        });
    }
    Ok(())
}
