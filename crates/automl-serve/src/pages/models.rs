//! The registered models, and the page of one with its versions.

use super::layout::{Place, Shell, moment, pager};
use super::query::{Query, encoded};
use super::table::{Kind, heading};
use super::{Answer, PageError, filter, format, parts};
use crate::state::App;
use automl_store::registry::moves::{self, Move};
use automl_store::registry::search::{Search, models};
use automl_store::registry::{ModelVersion, RegisteredModel, versions};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

const N_MODELS: usize = 50;
const N_VERSIONS: usize = 50;
const N_ROWS: usize = 200;

pub(super) async fn page(State(app): State<App>, query: Query) -> Result<Response, PageError> {
    let wish = Search {
        filter: filter::meant(query.one("filter"), "name"),
        order_by: query.all("order_by").map(str::to_owned).collect(),
        n_max: N_MODELS,
        page_token: Some(query.one("page").to_owned()),
    };
    let found = app
        .db
        .read(move |sql| models(sql, DEFAULT_WORKSPACE, &wish))
        .await;
    let (rows, next, complaint) = match found {
        Ok(found) => (found.items, found.next, None),
        Err(error) => (Vec::new(), None, Some(filter::complaint(error)?)),
    };
    let body = html! {
        div.head { h1 { "Models" } }
        (filter::form(&query, "a name, or a filter: name LIKE 'churn%' AND tags.team = 'risk'", &html! {}))
        @if let Some(complaint) = &complaint { (complaint.show()) }
        @else if rows.is_empty() { (parts::nothing(if query.one("filter").is_empty() { "No models are registered yet." } else { "No model is like this." })) }
        @else { (listed(&rows, &query)) }
        (pager(&query, next.as_deref()))
    };
    let status = if complaint.is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    Ok((status, Shell::new("Models", Place::Models).show(&body)).into_response())
}

fn listed(rows: &[RegisteredModel], query: &Query) -> Markup {
    html! {
        div.card.scroll { table {
            thead { tr {
                (heading(query, "Name", "name", Kind::Text))
                th { "Latest versions" }
                th { "Aliases" }
                (heading(query, "Updated", "last_updated_timestamp", Kind::Time))
                th { "Tags" }
            } }
            tbody { @for model in rows { tr {
                td.main { a href={ "/models/" (encoded(&model.name)) } { (model.name) } }
                td { @for version in &model.latest { (link(version)) " " } @if model.latest.is_empty() { span.none { "–" } } }
                td { @for (alias, version) in &model.aliases { span.badge { "@" (alias) " → " (version) } " " } }
                td { (moment(Some(model.updated_ms))) }
                td { (parts::chips(model.tags.iter().filter(|tag| !tag.key.starts_with("mlflow.")))) }
            } } }
        } }
    }
}

/// A version with its stage, as a link to its page.
fn link(version: &ModelVersion) -> Markup {
    html! {
        a href=(address(version)) { (version.version) }
        (stage(version))
    }
}

/// The stage of a version, if it has one.
pub(super) fn stage(version: &ModelVersion) -> Markup {
    let class = match version.stage.as_str() {
        "Production" => "badge good",
        "Staging" => "badge warn",
        _ => "badge",
    };
    html! { @if version.stage != "None" { " " span class=(class) { (version.stage) } } }
}

pub(super) fn address(version: &ModelVersion) -> String {
    format!("/models/{}/{}", encoded(&version.name), version.version)
}

pub(super) async fn one(State(app): State<App>, Path(name): Path<String>, query: Query) -> Answer {
    let page = query.one("page").to_owned();
    let read = move |sql: &mut dyn automl_store::db::Sql| {
        let model = automl_store::registry::models::get(sql, DEFAULT_WORKSPACE, &name)?;
        let found = versions::of_model(sql, DEFAULT_WORKSPACE, &name, N_VERSIONS, Some(&page))?;
        let moves = moves::moves(sql, DEFAULT_WORKSPACE, &name)?;
        Ok::<_, TrackingError>((model, found, moves))
    };
    let (model, found, moves) = app.db.read(read).await?;
    let body = html! {
        div.head {
            h1 { (model.name) }
            p.soft { "created " (moment(Some(model.created_ms))) " · updated " (moment(Some(model.updated_ms))) }
            p { @for (alias, version) in &model.aliases {
                a.badge href=(format!("/models/{}/{version}", encoded(&model.name))) { "@" (alias) " → version " (version) } " "
            } }
        }
        @if let Some(text) = model.description.as_deref().filter(|text| !text.trim().is_empty()) { div.note { (format::clip(text, 20_000).0) } }
        section {
            h2 { "Versions" }
            @if found.items.is_empty() { (parts::nothing("No version was registered yet.")) } @else { (table(&found.items)) }
            (pager(&query, found.next.as_deref()))
        }
        @if !moves.is_empty() { section { h2 { "Moves of aliases" } (moved(&moves)) } }
        @if !model.tags.is_empty() { section { h2 { "Tags" } (parts::pairs(&model.tags, N_ROWS)) } }
    };
    Ok(Shell::new(&model.name, Place::Models)
        .below("Models", "/models")
        .show(&body))
}

/// Where aliases pointed to, the last move first.
fn moved(moves: &[Move]) -> Markup {
    let version = |number: Option<i64>| {
        number.map_or("nothing".to_owned(), |number| format!("version {number}"))
    };
    html! {
        div.card.scroll { table {
            thead { tr { th { "Alias" } th { "From" } th { "To" } th { "By" } th { "When" } th { "Note" } } }
            tbody { @for past in moves.iter().rev().take(N_ROWS) { tr {
                td.main { "@" (past.alias) @if past.is_rollback { " " span.soft { "rolled back" } } }
                td { (version(past.old_version)) }
                td { (version(past.new_version)) }
                td { (past.user_id) }
                td { (moment(Some(past.at_ms))) }
                td { (format::clip(past.note.as_deref().unwrap_or_default(), 200).0) }
            } } }
        } }
    }
}

fn table(rows: &[ModelVersion]) -> Markup {
    html! {
        div.card.scroll { table {
            thead { tr { th { "Version" } th { "Aliases" } th { "Stage" } th { "Created" } th { "By" } th { "Source run" } th { "Description" } th { "Tags" } } }
            tbody { @for version in rows { tr {
                td.main { a href=(address(version)) { "Version " (version.version) } }
                td { @for alias in &version.aliases { span.badge { "@" (alias) } " " } }
                td { (stage(version)) }
                td { (moment(Some(version.created_ms))) }
                td { (version.user_id.as_deref().unwrap_or_default()) }
                td { @if let Some(run) = version.run_id.as_deref().filter(|run| !run.is_empty()) { a href={ "/runs/" (encoded(run)) } { code { (format::clip(run, 8).0) } } } }
                td { (format::clip(version.description.as_deref().unwrap_or_default(), 80).0) }
                td { (parts::chips(version.tags.iter())) }
            } } }
        } }
    }
}
