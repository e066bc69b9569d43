//! Versions of registered models.

use super::models::search_of;
use super::{source, wire};
use crate::access::Asker;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::routes::{Routes, delete, get, patch, post};
use crate::state::App;
use crate::webhooks::Happening;
use automl_store::registry::search;
use automl_store::registry::versions::{self, ModelVersion, NewVersion};
use automl_store::registry::{is_prompt, models};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::{KeyValue, TrackingError};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub(super) fn router() -> Routes {
    Routes::new()
        .route(
            "/model-versions/create",
            post(create).editor("Make a version of a registered model"),
        )
        .route(
            "/model-versions/get",
            get(read).viewer("A version of a registered model"),
        )
        .route(
            "/model-versions/update",
            patch(update).editor("Describe a version"),
        )
        .route(
            "/model-versions/delete",
            delete(remove).editor("Delete a version"),
        )
        .route(
            "/model-versions/search",
            get(find).viewer("Search versions of registered models"),
        )
        .route(
            "/model-versions/transition-stage",
            post(transition).editor("Move a version to a stage"),
        )
        .route(
            "/model-versions/get-download-uri",
            get(download_uri).viewer("Where the files of a version are"),
        )
        .route(
            "/model-versions/set-tag",
            post(set_tag).editor("Set a tag of a version"),
        )
        .route(
            "/model-versions/delete-tag",
            delete(delete_tag).editor("Remove a tag of a version"),
        )
}

type Answer = Result<Json<Value>, ApiError>;

const VERSIONS_MAX: usize = 200_000;

fn one(found: &ModelVersion) -> Json<Value> {
    Json(json!({ "model_version": wire::version(found) }))
}

/// The number of a version.
pub(super) fn number(fields: &Fields) -> Result<i64, ApiError> {
    let text = match fields.text("version") {
        Ok(Some(text)) if !text.is_empty() => text,
        Ok(_) => return Err(crate::fields::absent("version")),
        Err(error) => return fields.int("version")?.ok_or(error),
    };
    text.parse().map_err(|_not_a_number| {
        ApiError::invalid(format!(
            "Parameter 'version' must be an integer, got '{text}'."
        ))
    })
}

async fn create(State(app): State<App>, asker: Asker, fields: Fields) -> Answer {
    let new = NewVersion {
        name: fields.required("name")?,
        source: fields.required("source")?,
        run_id: fields.text("run_id")?.filter(|id| !id.is_empty()),
        run_link: fields.text("run_link")?,
        model_id: fields.text("model_id")?.filter(|id| !id.is_empty()),
        description: fields.text("description")?,
        tags: fields.pairs("tags")?,
        user_id: asker.map(|asker| asker.name.clone()),
        ..NewVersion::default()
    };
    if let Some(pattern) = &app.version_sources {
        pattern.check(&new.source)?;
    }
    let found = app
        .db
        .write(move |sql| {
            let new = source::resolve(sql, new)?;
            versions::create(sql, DEFAULT_WORKSPACE, &new).map_err(ApiError::from)
        })
        .await?;
    app.tell(Happening::version(is_prompt(&found.tags), &found))
        .await;
    Ok(one(&found))
}

async fn read(State(app): State<App>, fields: Fields) -> Answer {
    let (name, version) = (fields.required("name")?, number(&fields)?);
    let found = app
        .db
        .read(move |sql| versions::get(sql, DEFAULT_WORKSPACE, &name, version))
        .await?;
    Ok(one(&found))
}

async fn update(State(app): State<App>, fields: Fields) -> Answer {
    let (name, version) = (fields.required("name")?, number(&fields)?);
    let description = fields.text("description")?;
    let found = app
        .db
        .write(move |sql| {
            versions::describe(
                sql,
                DEFAULT_WORKSPACE,
                &name,
                version,
                description.as_deref(),
            )
        })
        .await?;
    Ok(one(&found))
}

async fn remove(State(app): State<App>, fields: Fields) -> Answer {
    let (name, version) = (fields.required("name")?, number(&fields)?);
    app.db
        .write(move |sql| versions::delete(sql, DEFAULT_WORKSPACE, &name, version))
        .await?;
    Ok(Json(json!({})))
}

pub(super) async fn find(State(app): State<App>, fields: Fields) -> Answer {
    let search = search_of(&fields, 10_000, VERSIONS_MAX)?;
    let found = app
        .db
        .read(move |sql| search::versions(sql, DEFAULT_WORKSPACE, &search))
        .await?;
    let items = found.items.iter().map(wire::version).collect();
    Ok(Json(wire::page("model_versions", items, found.next)))
}

async fn transition(State(app): State<App>, fields: Fields) -> Answer {
    let (name, version) = (fields.required("name")?, number(&fields)?);
    let stage = fields.required("stage")?;
    let archives_others = fields.flag("archive_existing_versions")?.unwrap_or(false);
    let found = app
        .db
        .write(move |sql| {
            versions::transition(
                sql,
                DEFAULT_WORKSPACE,
                (&name, version),
                &stage,
                archives_others,
            )
        })
        .await?;
    Ok(one(&found))
}

async fn download_uri(State(app): State<App>, fields: Fields) -> Answer {
    let (name, version) = (fields.required("name")?, number(&fields)?);
    let found = app
        .db
        .read(move |sql| versions::get(sql, DEFAULT_WORKSPACE, &name, version))
        .await?;
    Ok(Json(json!({ "artifact_uri": found.storage_location })))
}

async fn set_tag(State(app): State<App>, fields: Fields) -> Answer {
    let (name, version) = (fields.required("name")?, number(&fields)?);
    let tag = KeyValue {
        key: fields.required("key")?,
        value: fields.text("value")?.unwrap_or_default(),
    };
    let happening = app
        .db
        .write(move |sql| {
            versions::set_tag(sql, DEFAULT_WORKSPACE, &name, version, &tag)?;
            let is_prompt = models::is_prompt(sql, DEFAULT_WORKSPACE, &name)?;
            let happening =
                Happening::version_tag(is_prompt, (&name, version), &tag.key, Some(&tag.value));
            Ok::<_, TrackingError>(happening)
        })
        .await?;
    app.tell(happening).await;
    Ok(Json(json!({})))
}

async fn delete_tag(State(app): State<App>, fields: Fields) -> Answer {
    let (name, version) = (fields.required("name")?, number(&fields)?);
    let key = fields.required("key")?;
    let happening = app
        .db
        .write(move |sql| {
            versions::delete_tag(sql, DEFAULT_WORKSPACE, &name, version, &key)?;
            let is_prompt = models::is_prompt(sql, DEFAULT_WORKSPACE, &name)?;
            let happening = Happening::version_tag(is_prompt, (&name, version), &key, None);
            Ok::<_, TrackingError>(happening)
        })
        .await?;
    app.tell(happening).await;
    Ok(Json(json!({})))
}
