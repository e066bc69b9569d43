//! Registered models and their aliases.

use super::experiments::max_results;
use super::versions::number;
use super::wire;
use crate::access::Asker;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::routes::{Routes, delete, get, patch, post};
use crate::state::App;
use crate::webhooks::Happening;
use automl_store::registry::is_prompt;
use automl_store::registry::models;
use automl_store::registry::moves::{self, Mover};
use automl_store::registry::search::{self, Search};
use automl_store::registry::versions as registry_versions;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::{KeyValue, TrackingError};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub(super) fn router() -> Routes {
    Routes::new()
        .route(
            "/registered-models/create",
            post(create).editor("Register a model"),
        )
        .route(
            "/registered-models/get",
            get(read).viewer("A registered model"),
        )
        .route(
            "/registered-models/rename",
            post(rename).editor("Rename a registered model"),
        )
        .route(
            "/registered-models/update",
            patch(update).editor("Describe a registered model"),
        )
        .route(
            "/registered-models/delete",
            delete(remove).editor("Delete a registered model with its versions"),
        )
        .route(
            "/registered-models/search",
            get(find).viewer("Search registered models"),
        )
        .route(
            "/registered-models/get-latest-versions",
            get(latest)
                .viewer("The last version in each stage")
                .post(latest)
                .viewer("The last version in each stage"),
        )
        .route(
            "/registered-models/set-tag",
            post(set_tag).editor("Set a tag of a registered model"),
        )
        .route(
            "/registered-models/delete-tag",
            delete(delete_tag).editor("Remove a tag of a registered model"),
        )
        .route(
            "/registered-models/alias",
            post(set_alias)
                .editor("Point an alias at a version")
                .delete(delete_alias)
                .editor("Remove an alias")
                .get(by_alias)
                .viewer("The version of an alias"),
        )
}

type Answer = Result<Json<Value>, ApiError>;

const MODELS_MAX: usize = 1000;

fn one(found: &models::RegisteredModel) -> Json<Value> {
    Json(json!({ "registered_model": wire::model(found) }))
}

async fn create(State(app): State<App>, fields: Fields) -> Answer {
    let name = fields.required("name")?;
    let description = fields.text("description")?;
    let tags = fields.pairs("tags")?;
    let found = app
        .db
        .write(move |sql| {
            models::create(sql, DEFAULT_WORKSPACE, &name, description.as_deref(), &tags)
        })
        .await?;
    app.tell(Happening::model(
        is_prompt(&found.tags),
        &found.name,
        &found.tags,
        found.description.as_deref(),
    ))
    .await;
    Ok(one(&found))
}

async fn read(State(app): State<App>, fields: Fields) -> Answer {
    let name = fields.required("name")?;
    let found = app
        .db
        .read(move |sql| models::get(sql, DEFAULT_WORKSPACE, &name))
        .await?;
    Ok(one(&found))
}

async fn rename(State(app): State<App>, fields: Fields) -> Answer {
    let (name, new_name) = (fields.required("name")?, fields.required("new_name")?);
    let found = app
        .db
        .write(move |sql| models::rename(sql, DEFAULT_WORKSPACE, &name, &new_name))
        .await?;
    Ok(one(&found))
}

async fn update(State(app): State<App>, fields: Fields) -> Answer {
    let (name, description) = (fields.required("name")?, fields.text("description")?);
    let found = app
        .db
        .write(move |sql| models::describe(sql, DEFAULT_WORKSPACE, &name, description.as_deref()))
        .await?;
    Ok(one(&found))
}

async fn remove(State(app): State<App>, fields: Fields) -> Answer {
    let name = fields.required("name")?;
    app.db
        .write(move |sql| models::delete(sql, DEFAULT_WORKSPACE, &name))
        .await?;
    Ok(Json(json!({})))
}

pub(super) fn search_of(fields: &Fields, default: usize, limit: usize) -> Result<Search, ApiError> {
    Ok(Search {
        filter: fields.text("filter")?.unwrap_or_default(),
        order_by: fields.texts("order_by")?,
        n_max: max_results(fields, default, limit)?,
        page_token: fields.text("page_token")?,
    })
}

async fn find(State(app): State<App>, fields: Fields) -> Answer {
    let search = search_of(&fields, 100, MODELS_MAX)?;
    let found = app
        .db
        .read(move |sql| search::models(sql, DEFAULT_WORKSPACE, &search))
        .await?;
    let items = found.items.iter().map(wire::model).collect();
    Ok(Json(wire::page("registered_models", items, found.next)))
}

async fn latest(State(app): State<App>, fields: Fields) -> Answer {
    let (name, stages) = (fields.required("name")?, fields.texts("stages")?);
    let found = app
        .db
        .read(move |sql| {
            models::get(sql, DEFAULT_WORKSPACE, &name)?;
            registry_versions::latest(sql, DEFAULT_WORKSPACE, &name, &stages)
        })
        .await?;
    Ok(Json(
        json!({ "model_versions": found.iter().map(wire::version).collect::<Value>() }),
    ))
}

async fn set_tag(State(app): State<App>, fields: Fields) -> Answer {
    let name = fields.required("name")?;
    let tag = KeyValue {
        key: fields.required("key")?,
        value: fields.text("value")?.unwrap_or_default(),
    };
    let happening = Happening::prompt_tag(&name, &tag.key, Some(&tag.value));
    let is_prompt = app
        .db
        .write(move |sql| {
            models::set_tag(sql, DEFAULT_WORKSPACE, &name, &tag)?;
            models::is_prompt(sql, DEFAULT_WORKSPACE, &name)
        })
        .await?;
    if is_prompt {
        app.tell(happening).await;
    }
    Ok(Json(json!({})))
}

async fn delete_tag(State(app): State<App>, fields: Fields) -> Answer {
    let (name, key) = (fields.required("name")?, fields.required("key")?);
    let happening = Happening::prompt_tag(&name, &key, None);
    let is_prompt = app
        .db
        .write(move |sql| {
            models::delete_tag(sql, DEFAULT_WORKSPACE, &name, &key)?;
            models::is_prompt(sql, DEFAULT_WORKSPACE, &name)
        })
        .await?;
    if is_prompt {
        app.tell(happening).await;
    }
    Ok(Json(json!({})))
}

async fn set_alias(State(app): State<App>, asker: Asker, fields: Fields) -> Answer {
    let version = number(&fields)?;
    move_alias(&app, asker, &fields, Some(version)).await
}

async fn delete_alias(State(app): State<App>, asker: Asker, fields: Fields) -> Answer {
    move_alias(&app, asker, &fields, None).await
}

/// Points an alias to a version, or takes it away; its history tells who did.
async fn move_alias(app: &App, asker: Asker, fields: &Fields, version: Option<i64>) -> Answer {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    let happening = app
        .db
        .write(move |sql| {
            let mover = Mover {
                user: asker.as_ref().map_or("", |asker| &asker.name),
                note: None,
            };
            moves::put(sql, DEFAULT_WORKSPACE, &name, &alias, version, mover)?;
            let is_prompt = models::is_prompt(sql, DEFAULT_WORKSPACE, &name)?;
            Ok::<_, TrackingError>(Happening::alias(is_prompt, &name, &alias, version))
        })
        .await?;
    app.tell(happening).await;
    Ok(Json(json!({})))
}

async fn by_alias(State(app): State<App>, fields: Fields) -> Answer {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    let found = app
        .db
        .read(move |sql| models::by_alias(sql, DEFAULT_WORKSPACE, &name, &alias))
        .await?;
    Ok(Json(json!({ "model_version": wire::version(&found) })))
}
