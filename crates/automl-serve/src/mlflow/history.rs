//! Histories of metrics.

use super::wire;
use crate::error::ApiError;
use crate::fields::{Fields, absent};
use crate::routes::{Routes, get};
use crate::state::App;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::log::Metric;
use automl_store::tracking::{TrackingError, history, runs};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn router() -> Routes {
    Routes::new()
        .route(
            "/metrics/get-history",
            get(read).viewer("All values of a metric of a run"),
        )
        .route(
            "/metrics/get-history-bulk",
            get(bulk).viewer("All values of a metric of some runs"),
        )
        .route(
            "/metrics/get-history-bulk-interval",
            get(interval).viewer("Thinned values of a metric of some runs"),
        )
}

type Answer = Result<Json<Value>, ApiError>;

/// Runs asked for at once.
const RUNS_MAX: usize = 100;
/// Points of a bulk answer.
const POINTS_MAX: usize = 25_000;
/// Points of one metric in a thinned answer.
const SPREAD_MAX: i64 = 2500;
const SPREAD_DEFAULT: i64 = 320;

async fn read(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    let key = fields.required("metric_key")?;
    let n_max = match fields.int("max_results")? {
        Some(n_max) if n_max > 0 => Some(n_max as usize),
        Some(n_max) => {
            return Err(ApiError::invalid(format!(
                "Invalid value {n_max} for parameter 'max_results' supplied. It must be a positive integer."
            )));
        }
        None => None,
    };
    let token = fields.text("page_token")?;
    let found = app
        .db
        .read(move |sql| {
            let run = runs::get(sql, DEFAULT_WORKSPACE, &id)?;
            history::of_run(sql, run.number, &key, n_max, token.as_deref())
        })
        .await?;
    let items = found.items.iter().map(wire::metric).collect();
    Ok(Json(wire::page("metrics", items, found.next)))
}

fn point(run_id: &str, metric: &Metric) -> Value {
    let mut point = wire::metric(metric);
    wire::put(&mut point, "run_id", Some(run_id));
    point
}

async fn bulk(State(app): State<App>, fields: Fields) -> Answer {
    let mut ids = fields.texts("run_id")?;
    if ids.is_empty() {
        return Err(ApiError::invalid(
            "GetMetricHistoryBulk request must specify at least one run_id.",
        ));
    }
    if ids.len() > RUNS_MAX {
        return Err(ApiError::invalid(format!(
            "GetMetricHistoryBulk request cannot specify more than {RUNS_MAX} run_ids. Received {} run_ids.",
            ids.len()
        )));
    }
    let key = fields
        .text("metric_key")?
        .filter(|key| !key.is_empty())
        .ok_or_else(|| {
            ApiError::invalid("GetMetricHistoryBulk request must specify a metric_key.")
        })?;
    let wish = fields.int("max_results")?.unwrap_or(POINTS_MAX as i64);
    let n_max = wish.clamp(0, POINTS_MAX as i64) as usize;
    ids.sort();
    let points = app
        .db
        .read(move |sql| {
            let mut points = Vec::new();
            for id in &ids {
                let left = n_max - points.len();
                if left == 0 {
                    break;
                }
                let run = runs::get(sql, DEFAULT_WORKSPACE, id)?;
                let found = history::of_run(sql, run.number, &key, Some(left), None)?;
                points.extend(found.items.iter().map(|metric| point(id, metric)));
            }
            Ok::<_, TrackingError>(points)
        })
        .await?;
    Ok(Json(json!({ "metrics": points })))
}

pub(super) async fn interval(State(app): State<App>, fields: Fields) -> Answer {
    let ids = fields.texts("run_ids")?;
    if ids.is_empty() {
        return Err(absent("run_ids"));
    }
    if ids.len() > RUNS_MAX {
        return Err(ApiError::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most {RUNS_MAX} run_ids. Received {} run_ids.",
            ids.len()
        )));
    }
    let key = fields.required("metric_key")?;
    let n_max = fields.int("max_results")?.unwrap_or(SPREAD_DEFAULT);
    if !(1..=SPREAD_MAX).contains(&n_max) {
        return Err(ApiError::invalid(format!(
            "max_results must be between 1 and {SPREAD_MAX}."
        )));
    }
    let between = match (fields.int("start_step")?, fields.int("end_step")?) {
        (None, None) => None,
        (Some(start), Some(end)) if start > end => {
            return Err(ApiError::invalid(format!(
                "end_step must be greater than start_step. Found start_step={start} and end_step={end}."
            )));
        }
        (Some(start), Some(end)) => Some((start, end)),
        _ => {
            return Err(ApiError::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let points = app
        .db
        .read(move |sql| {
            let mut numbers = Vec::new();
            let (mut all, mut ends) = (BTreeSet::new(), BTreeSet::new());
            for id in &ids {
                let run = runs::get(sql, DEFAULT_WORKSPACE, id)?;
                let steps = history::steps(sql, run.number, &key, between)?;
                ends.extend(steps.first().into_iter().chain(steps.last()).copied());
                all.extend(steps);
                numbers.push(run.number);
            }
            let mut steps = history::spread(&all, n_max as usize);
            steps.extend(ends);
            let mut points = Vec::new();
            for (id, number) in ids.iter().zip(numbers) {
                let found = history::at_steps(sql, number, &key, &steps)?;
                points.extend(found.iter().map(|metric| point(id, metric)));
            }
            Ok::<_, TrackingError>(points)
        })
        .await?;
    Ok(Json(json!({ "metrics": points })))
}
