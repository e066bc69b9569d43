//! Experiments.

use super::wire;
use crate::access::{Asker, Visitor};
use crate::artifacts::{Place, place};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::routes::{Routes, get, post};
use crate::state::App;
use automl_store::access::Role;
use automl_store::artifact_uri::percent_decoded;
use automl_store::tracking::experiments::{self, DEFAULT_WORKSPACE, NewExperiment, Search, id_of};
use automl_store::tracking::{KeyValue, LIMITS, Stage, TrackingError, View};
use axum::extract::State;
use axum::{Extension, Json};
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn router() -> Routes {
    Routes::new()
        .route(
            "/experiments/create",
            post(create).editor("Make an experiment"),
        )
        .route("/experiments/get", get(read).viewer("An experiment by id"))
        .route(
            "/experiments/get-by-name",
            get(by_name).viewer("An experiment by name"),
        )
        .route(
            "/experiments/update",
            post(update).editor("Rename an experiment"),
        )
        .route(
            "/experiments/delete",
            post(delete).editor("Delete an experiment; it can be restored"),
        )
        .route(
            "/experiments/restore",
            post(restore).editor("Restore a deleted experiment"),
        )
        .route(
            "/experiments/set-experiment-tag",
            post(set_tag).editor("Set a tag of an experiment"),
        )
        .route(
            "/experiments/delete-experiment-tag",
            post(delete_tag).editor("Remove a tag of an experiment"),
        )
        .route(
            "/experiments/search",
            post(search)
                .viewer("Search experiments")
                .get(search)
                .viewer("Search experiments"),
        )
}

type Answer = Result<Json<Value>, ApiError>;

async fn create(State(app): State<App>, asker: Asker, fields: Fields) -> Answer {
    let location = fields.text("artifact_location")?;
    check_parts(location.as_deref().unwrap_or_default())?;
    if let Some(Extension(asker)) = asker {
        check_location(&asker, location.as_deref().unwrap_or_default())?;
    }
    let new = NewExperiment {
        name: fields.required("name")?,
        artifact_location: location.map(|location| absolute(&app.work_dir, &location)),
        tags: fields.pairs("tags")?,
    };
    let root = app.artifact_root.clone();
    let id = app
        .db
        .write(move |sql| experiments::create(sql, DEFAULT_WORKSPACE, &root, &new))
        .await?;
    Ok(Json(json!({ "experiment_id": id.to_string() })))
}

/// A folder of the server's machine may hold anything, its own record too: where it is asked who calls, admins name one.
fn check_location(asker: &Visitor, location: &str) -> Result<(), ApiError> {
    let is_folder = !location.is_empty() && matches!(place(location), Ok(Place::Folder(_)));
    if is_folder && asker.role != Some(Role::Admin) {
        return Err(ApiError::denied(
            "Permission denied: only admins may put artifacts into a folder of the server; leave artifact_location out.",
        ));
    }
    Ok(())
}

/// Schemes whose last segment may have parameters behind a `;`, besides none at all, as Python's `urlparse` reads it.
const WITH_PARAMS: [&str; 4] = ["http", "https", "ftp", "sftp"];
/// Schemes of what this server keeps itself, where a query would be part of a name.
const OURS: [&str; 4] = ["mlflow-artifacts", "file", "http", "https"];

/// Paths of artifacts are put behind a location: it may have a query, before which they are put, but nothing else.
fn check_parts(location: &str) -> Result<(), ApiError> {
    let scheme = location.split_once(":/").map(|(scheme, _)| scheme);
    let (path, query) = match location.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (location, None),
    };
    let last = path.rsplit('/').next().unwrap_or_default();
    let has_params =
        last.contains(';') && scheme.is_none_or(|scheme| WITH_PARAMS.contains(&scheme));
    let is_ours = scheme.is_some_and(|scheme| OURS.contains(&scheme));
    if location.contains('#') || has_params || (query.is_some() && is_ours) {
        return Err(ApiError::invalid(
            "'artifact_location' URL can't include fragments or params.",
        ));
    }
    if query.is_some_and(|query| percent_decoded(query).contains("..")) {
        return Err(ApiError::invalid("Invalid query string"));
    }
    Ok(())
}

/// A location without a scheme is a folder of the server.
fn absolute(work_dir: &Path, location: &str) -> String {
    if location.is_empty() || location.contains(":/") {
        return location.to_owned();
    }
    work_dir.join(location).display().to_string()
}

pub(super) async fn read(State(app): State<App>, fields: Fields) -> Answer {
    let id = id_of(&fields.required("experiment_id")?)?;
    let found = app
        .db
        .read(move |sql| experiments::get(sql, DEFAULT_WORKSPACE, id))
        .await?;
    Ok(Json(json!({ "experiment": wire::experiment(&found) })))
}

async fn by_name(State(app): State<App>, fields: Fields) -> Answer {
    let name = fields.required("experiment_name")?;
    let found = app
        .db
        .read(move |sql| {
            experiments::by_name(sql, DEFAULT_WORKSPACE, &name)?.ok_or_else(|| {
                TrackingError::Absent(format!("Could not find experiment with name '{name}'"))
            })
        })
        .await?;
    Ok(Json(json!({ "experiment": wire::experiment(&found) })))
}

async fn update(State(app): State<App>, fields: Fields) -> Answer {
    let id = id_of(&fields.required("experiment_id")?)?;
    let name = fields.required("new_name")?;
    app.db
        .write(move |sql| experiments::rename(sql, DEFAULT_WORKSPACE, id, &name))
        .await?;
    Ok(Json(json!({})))
}

async fn delete(State(app): State<App>, fields: Fields) -> Answer {
    set_stage(app, fields, Stage::Deleted).await
}

async fn restore(State(app): State<App>, fields: Fields) -> Answer {
    set_stage(app, fields, Stage::Active).await
}

async fn set_stage(app: App, fields: Fields, stage: Stage) -> Answer {
    let id = id_of(&fields.required("experiment_id")?)?;
    app.db
        .write(move |sql| experiments::set_stage(sql, DEFAULT_WORKSPACE, id, stage))
        .await?;
    Ok(Json(json!({})))
}

async fn set_tag(State(app): State<App>, fields: Fields) -> Answer {
    let id = id_of(&fields.required("experiment_id")?)?;
    let tag = KeyValue {
        key: fields.required("key")?,
        value: fields.text("value")?.unwrap_or_default(),
    };
    app.db
        .write(move |sql| experiments::set_tag(sql, DEFAULT_WORKSPACE, id, &tag))
        .await?;
    Ok(Json(json!({})))
}

async fn delete_tag(State(app): State<App>, fields: Fields) -> Answer {
    let id = id_of(&fields.required("experiment_id")?)?;
    let key = fields.required("key")?;
    app.db
        .write(move |sql| experiments::delete_tag(sql, DEFAULT_WORKSPACE, id, &key))
        .await?;
    Ok(Json(json!({})))
}

async fn search(State(app): State<App>, fields: Fields) -> Answer {
    let n_max = max_results(&fields, 1000, LIMITS.experiments_a_page)?;
    let search = Search {
        view: view(&fields, "view_type")?,
        filter: fields.text("filter")?.unwrap_or_default(),
        order_by: fields.texts("order_by")?,
        n_max,
        page_token: fields.text("page_token")?,
    };
    let found = app
        .db
        .read(move |sql| experiments::search(sql, DEFAULT_WORKSPACE, &search))
        .await?;
    let items = found.items.iter().map(wire::experiment).collect();
    Ok(Json(wire::page("experiments", items, found.next)))
}

/// How much a page may hold, by the wish of the client.
pub(super) fn max_results(
    fields: &Fields,
    default: usize,
    limit: usize,
) -> Result<usize, ApiError> {
    let Some(wish) = fields.int("max_results")? else {
        return Ok(default);
    };
    if wish < 1 || wish > limit as i64 {
        return Err(ApiError::invalid(format!(
            "Invalid value {wish} for parameter 'max_results' supplied: It must be at least 1 and at most {limit}"
        )));
    }
    Ok(wish as usize)
}

/// Which stages to look at: only what is active if it is not said.
pub(super) fn view(fields: &Fields, name: &str) -> Result<View, ApiError> {
    match fields.text(name) {
        Ok(None) => Ok(View::ActiveOnly),
        Ok(Some(text)) => match text.as_str() {
            "" | "ACTIVE_ONLY" | "1" => Ok(View::ActiveOnly),
            "DELETED_ONLY" | "2" => Ok(View::DeletedOnly),
            "ALL" | "3" => Ok(View::All),
            _ => Err(ApiError::invalid(format!("Invalid view type '{text}'"))),
        },
        // A number is the place in the protocol's list.
        Err(error) => match fields.int(name)? {
            Some(1) => Ok(View::ActiveOnly),
            Some(2) => Ok(View::DeletedOnly),
            Some(3) => Ok(View::All),
            _ => Err(error),
        },
    }
}
