//! Models that runs log.

use super::artifacts::{list_answer, safe_path, send_of};
use super::experiments::max_results;
use super::wire;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::routes::{Routes, delete, get, patch, post};
use crate::state::App;
use automl_store::tracking::experiments::{DEFAULT_WORKSPACE, id_of};
use automl_store::tracking::logged_models::{
    self, LoggedModel, NewLoggedModel, Order, Search, Status,
};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

pub(super) fn router() -> Routes {
    Routes::new()
        .route("/logged-models", post(create).editor("Log a model"))
        .route(
            "/logged-models/search",
            post(search).viewer("Search logged models"),
        )
        .route(
            "/logged-models/{id}",
            get(read)
                .viewer("A logged model")
                .patch(finalize)
                .editor("Say that a logged model is done")
                .delete(remove)
                .editor("Delete a logged model"),
        )
        .route(
            "/logged-models/{id}/params",
            post(log_params).editor("Log params of a logged model"),
        )
        .route(
            "/logged-models/{id}/tags",
            patch(set_tags).editor("Set tags of a logged model"),
        )
        .route(
            "/logged-models/{id}/tags/{key}",
            delete(delete_tag).editor("Remove a tag of a logged model"),
        )
        .route(
            "/logged-models/{id}/artifacts/directories",
            get(artifacts).viewer("The files of a logged model"),
        )
        .route(
            "/logged-models/{id}/artifacts/files",
            get(artifact).viewer("A file of a logged model").streamed(),
        )
}

type Answer = Result<Json<Value>, ApiError>;

const MODELS_MAX: usize = 5000;

fn wire_model(model: &LoggedModel) -> Value {
    let metric = |(metric, run_id): &(automl_store::tracking::log::Metric, String)| {
        let mut value = wire::metric(metric);
        wire::put(&mut value, "run_id", Some(run_id.clone()));
        wire::put(&mut value, "model_id", Some(model.id.clone()));
        wire::put(&mut value, "dataset_name", metric.dataset_name.clone());
        wire::put(&mut value, "dataset_digest", metric.dataset_digest.clone());
        value
    };
    let mut info = json!({
        "model_id": model.id,
        "experiment_id": model.experiment_id.to_string(),
        "name": model.name,
        "creation_timestamp_ms": model.created_ms,
        "last_updated_timestamp_ms": model.updated_ms,
        "artifact_uri": model.artifact_uri,
        "status": model.status.wire_name(),
        "tags": wire::pairs(&model.tags),
    });
    wire::put(&mut info, "model_type", model.model_type.clone());
    wire::put(&mut info, "source_run_id", model.source_run_id.clone());
    json!({
        "info": info,
        "data": {
            "params": wire::pairs(&model.params),
            "metrics": model.metrics.iter().map(metric).collect::<Value>(),
        },
    })
}

fn one(model: &LoggedModel) -> Json<Value> {
    Json(json!({ "model": wire_model(model) }))
}

async fn create(State(app): State<App>, fields: Fields) -> Answer {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let new = NewLoggedModel {
        experiment_id: id_of(&fields.required("experiment_id")?)?,
        name: fields.text("name")?,
        model_type: some(fields.text("model_type")?),
        source_run_id: some(fields.text("source_run_id")?),
        params: fields.pairs("params")?,
        tags: fields.pairs("tags")?,
    };
    let found = app
        .db
        .write(move |sql| logged_models::create(sql, DEFAULT_WORKSPACE, &new))
        .await?;
    Ok(one(&found))
}

async fn read(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let found = app
        .db
        .read(move |sql| logged_models::get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    Ok(one(&found))
}

async fn finalize(State(app): State<App>, Path(id): Path<String>, fields: Fields) -> Answer {
    let text = match fields.text("status") {
        Ok(text) => text.unwrap_or_default(),
        Err(error) => fields.int("status")?.ok_or(error)?.to_string(),
    };
    let status = Status::of_wire(&text)
        .ok_or_else(|| ApiError::invalid(format!("Invalid model status: '{text}'")))?;
    let found = app
        .db
        .write(move |sql| logged_models::finalize(sql, DEFAULT_WORKSPACE, &id, status))
        .await?;
    Ok(one(&found))
}

async fn remove(State(app): State<App>, Path(id): Path<String>) -> Answer {
    app.db
        .write(move |sql| logged_models::delete(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    Ok(Json(json!({})))
}

async fn log_params(State(app): State<App>, Path(id): Path<String>, fields: Fields) -> Answer {
    let params = fields.pairs("params")?;
    app.db
        .write(move |sql| logged_models::log_params(sql, DEFAULT_WORKSPACE, &id, &params))
        .await?;
    Ok(Json(json!({})))
}

async fn set_tags(State(app): State<App>, Path(id): Path<String>, fields: Fields) -> Answer {
    let tags = fields.pairs("tags")?;
    let found = app
        .db
        .write(move |sql| logged_models::set_tags(sql, DEFAULT_WORKSPACE, &id, &tags))
        .await?;
    Ok(one(&found))
}

async fn delete_tag(State(app): State<App>, Path((id, key)): Path<(String, String)>) -> Answer {
    app.db
        .write(move |sql| logged_models::delete_tag(sql, DEFAULT_WORKSPACE, &id, &key))
        .await?;
    Ok(Json(json!({})))
}

fn dataset(fields: &Fields) -> Result<Option<(String, Option<String>)>, ApiError> {
    let name = fields.text("dataset_name")?.filter(|name| !name.is_empty());
    let digest = fields
        .text("dataset_digest")?
        .filter(|digest| !digest.is_empty());
    Ok(name.map(|name| (name, digest)))
}

async fn search(State(app): State<App>, fields: Fields) -> Answer {
    let ids = fields.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(crate::fields::absent("experiment_ids"));
    }
    let datasets = fields.objects("datasets", dataset)?;
    let order = |fields: &Fields| {
        Ok(Order {
            field: fields.required("field_name")?,
            is_ascending: fields.flag("ascending")?.unwrap_or(true),
            dataset: dataset(fields)?,
        })
    };
    let search = Search {
        experiment_ids: ids.iter().map(|id| id_of(id)).collect::<Result<_, _>>()?,
        filter: fields.text("filter")?.unwrap_or_default(),
        order_by: fields.objects("order_by", order)?,
        datasets: datasets.into_iter().flatten().collect(),
        n_max: max_results(&fields, 100, MODELS_MAX)?,
        page_token: fields.text("page_token")?,
    };
    let found = app
        .db
        .read(move |sql| logged_models::search(sql, DEFAULT_WORKSPACE, &search))
        .await?;
    let items = found.items.iter().map(wire_model).collect();
    Ok(Json(wire::page("models", items, found.next)))
}

async fn artifacts(State(app): State<App>, Path(id): Path<String>, fields: Fields) -> Answer {
    let path = safe_path(&fields.text("artifact_directory_path")?.unwrap_or_default())?;
    let model = app
        .db
        .read(move |sql| logged_models::get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    list_answer(&app, &model.artifact_uri, &path).await
}

async fn artifact(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    let path = safe_path(&fields.required("artifact_file_path")?)?;
    let model = app
        .db
        .read(move |sql| logged_models::get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    send_of(&app, &model.artifact_uri, &path, &headers).await
}
