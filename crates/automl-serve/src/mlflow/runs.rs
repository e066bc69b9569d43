//! Runs and what they log.

use super::experiments::{max_results, view};
use super::wire;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::routes::{Routes, get, post};
use crate::state::App;
use automl_store::db::Sql;
use automl_store::tracking::experiments::{DEFAULT_WORKSPACE, id_of};
use automl_store::tracking::log::{self, Batch, Metric};
use automl_store::tracking::runs::{self, Change, NewRun, USER_TAG};
use automl_store::tracking::search::{self, Search};
use automl_store::tracking::{KeyValue, LIMITS, Stage};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub(super) fn router() -> Routes {
    Routes::new()
        .route("/runs/create", post(create).editor("Start a run"))
        .route(
            "/runs/get",
            get(read).viewer("A run with its params, last metrics and tags"),
        )
        .route(
            "/runs/update",
            post(update).editor("Change name, status or end of a run"),
        )
        .route(
            "/runs/delete",
            post(delete).editor("Delete a run; it can be restored"),
        )
        .route(
            "/runs/restore",
            post(restore).editor("Restore a deleted run"),
        )
        .route("/runs/log-metric", post(log_metric).editor("Log a metric"))
        .route("/runs/log-parameter", post(log_param).editor("Log a param"))
        .route("/runs/set-tag", post(set_tag).editor("Set a tag of a run"))
        .route(
            "/runs/delete-tag",
            post(delete_tag).editor("Remove a tag of a run"),
        )
        .route(
            "/runs/log-batch",
            post(log_batch).editor("Log metrics, params and tags at once"),
        )
        .route("/runs/search", post(search_runs).viewer("Search runs"))
}

type Answer = Result<Json<Value>, ApiError>;

/// Bytes of a batch.
const BATCH_BYTES_MAX: usize = 1_000_000;

async fn create(State(app): State<App>, fields: Fields) -> Answer {
    let experiment_id = fields.text("experiment_id")?.filter(|id| !id.is_empty());
    let tags = fields.pairs("tags")?;
    let user = fields.text("user_id")?.filter(|user| !user.is_empty());
    let tagged = tags.iter().find(|tag| tag.key == USER_TAG);
    let new = NewRun {
        experiment_id: id_of(experiment_id.as_deref().unwrap_or("0"))?,
        name: fields.text("run_name")?,
        user_id: user
            .or_else(|| tagged.map(|tag| tag.value.clone()))
            .unwrap_or_default(),
        start_ms: fields.int("start_time")?,
        tags,
    };
    let found = app
        .db
        .write(move |sql| {
            let info = runs::create(sql, DEFAULT_WORKSPACE, &new)?;
            search::whole(sql, vec![info])
        })
        .await?;
    whole_run(&found)
}

fn whole_run(found: &[search::Run]) -> Answer {
    match found {
        [run] => Ok(Json(json!({ "run": wire::run(run) }))),
        _ => Err(ApiError::internal("one run was expected")),
    }
}

pub(super) async fn read(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    let found = app
        .db
        .read(move |sql| {
            let info = runs::get(sql, DEFAULT_WORKSPACE, &id)?;
            search::whole(sql, vec![info])
        })
        .await?;
    whole_run(&found)
}

async fn update(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    let change = Change {
        status: fields.text("status")?,
        end_ms: fields.int("end_time")?,
        name: fields.text("run_name")?,
    };
    let info = app
        .db
        .write(move |sql| runs::update(sql, DEFAULT_WORKSPACE, &id, &change))
        .await?;
    Ok(Json(json!({ "run_info": wire::info(&info) })))
}

async fn delete(State(app): State<App>, fields: Fields) -> Answer {
    set_stage(app, fields, Stage::Deleted).await
}

async fn restore(State(app): State<App>, fields: Fields) -> Answer {
    set_stage(app, fields, Stage::Active).await
}

async fn set_stage(app: App, fields: Fields, stage: Stage) -> Answer {
    let id = fields.run_id()?;
    app.db
        .write(move |sql| runs::set_stage(sql, DEFAULT_WORKSPACE, &id, stage))
        .await?;
    Ok(Json(json!({})))
}

fn metric(fields: &Fields) -> Result<Metric, ApiError> {
    Ok(Metric {
        key: fields.required("key")?,
        value: fields.number("value")?,
        timestamp_ms: (fields.int("timestamp")?)
            .ok_or_else(|| crate::fields::absent("timestamp"))?,
        step: fields.int("step")?.unwrap_or(0),
        model_id: fields.text("model_id")?.filter(|id| !id.is_empty()),
        dataset_name: fields.text("dataset_name")?,
        dataset_digest: fields.text("dataset_digest")?,
    })
}

async fn log_metric(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    let metric = metric(&fields)?;
    log::check_metric(&metric, "")?;
    write(
        app,
        id,
        Batch {
            metrics: vec![metric],
            ..Batch::default()
        },
    )
    .await
}

async fn log_param(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    let param = KeyValue {
        key: fields.required("key")?,
        value: fields.text("value")?.unwrap_or_default(),
    };
    log::check_param(&param, "")?;
    write(
        app,
        id,
        Batch {
            params: vec![param],
            ..Batch::default()
        },
    )
    .await
}

async fn set_tag(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    let tag = KeyValue {
        key: fields.required("key")?,
        value: fields.text("value")?.unwrap_or_default(),
    };
    log::check_tag(&tag, "")?;
    write(
        app,
        id,
        Batch {
            tags: vec![tag],
            ..Batch::default()
        },
    )
    .await
}

async fn log_batch(State(app): State<App>, fields: Fields) -> Answer {
    if fields.n_bytes > BATCH_BYTES_MAX {
        return Err(ApiError::invalid(format!(
            "Batched logging API requests must be at most {BATCH_BYTES_MAX} bytes, got a request of size {}.",
            fields.n_bytes
        )));
    }
    let id = fields.run_id()?;
    fields.require_each("metrics", &["key", "value", "timestamp"])?;
    fields.require_each("params", &["key"])?;
    fields.require_each("tags", &["key"])?;
    let batch = Batch {
        metrics: fields.objects("metrics", metric)?,
        params: fields.pairs("params")?,
        tags: fields.pairs("tags")?,
    };
    log::check(&batch)?;
    write(app, id, batch).await
}

async fn write(app: App, id: String, batch: Batch) -> Answer {
    /// Entries that are written in less time than another thread takes to wake.
    const FEW: usize = 8;
    let n_entries = batch.metrics.len() + batch.params.len() + batch.tags.len();
    let work = move |sql: &mut dyn Sql| log::log(sql, DEFAULT_WORKSPACE, &id, &batch);
    if n_entries <= FEW {
        app.db.write_here(work).await?;
    } else {
        app.db.write(work).await?;
    }
    Ok(Json(json!({})))
}

async fn delete_tag(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    let key = fields.required("key")?;
    app.db
        .write(move |sql| log::delete_tag(sql, DEFAULT_WORKSPACE, &id, &key))
        .await?;
    Ok(Json(json!({})))
}

pub(super) async fn search_runs(State(app): State<App>, fields: Fields) -> Answer {
    let ids = fields.texts("experiment_ids")?;
    let search = Search {
        experiment_ids: ids.iter().map(|id| id_of(id)).collect::<Result<_, _>>()?,
        view: view(&fields, "run_view_type")?,
        filter: fields.text("filter")?.unwrap_or_default(),
        order_by: fields.texts("order_by")?,
        n_max: max_results(&fields, 1000, LIMITS.runs_a_page)?,
        page_token: fields.text("page_token")?,
    };
    let found = app
        .db
        .read(move |sql| search::search(sql, DEFAULT_WORKSPACE, &search))
        .await?;
    let items = found.items.iter().map(wire::run).collect();
    Ok(Json(wire::page("runs", items, found.next)))
}
