//! The page of one version of a registered model.

use super::layout::{Place, Shell, moment};
use super::query::encoded;
use super::{Answer, PageError, format, logged_model, models, parts};
use crate::state::App;
use automl_store::registry::approvals::{self, Decision};
use automl_store::registry::{ModelVersion, versions};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::search::Run;
use automl_store::tracking::{TrackingError, runs, search};
use axum::extract::{Path, State};
use maud::{Markup, html};

const N_ROWS: usize = 200;
/// Metrics and params of the source run that are shown; its page has all.
const N_OF_RUN: usize = 12;

pub(super) async fn page(
    State(app): State<App>,
    Path((name, number)): Path<(String, String)>,
) -> Answer {
    let number: i64 = number.parse().map_err(|_not_a_number| {
        PageError::missing(format!(
            "No version '{number}' of a model: versions are numbers"
        ))
    })?;
    let read = move |sql: &mut dyn automl_store::db::Sql| {
        let version = versions::get(sql, DEFAULT_WORKSPACE, &name, number)?;
        let id = version.run_id.as_deref().filter(|id| !id.is_empty());
        let run = match id.map(|id| runs::get(sql, DEFAULT_WORKSPACE, id)) {
            None | Some(Err(TrackingError::RunMissing { .. })) => None,
            Some(info) => search::whole(sql, vec![info?])?.pop(),
        };
        let decisions = approvals::decisions(sql, DEFAULT_WORKSPACE, &name, number)?;
        Ok::<_, TrackingError>((version, run, decisions))
    };
    let (version, run, decisions) = app.db.read(read).await?;
    let title = format!("{} version {}", version.name, version.version);
    let body = html! {
        div.head {
            h1 { (version.name) " " span.soft { "version " (version.version) } (models::stage(&version)) }
            p { @for alias in &version.aliases { span.badge { "@" (alias) } " " } }
        }
        (facts(&version, run.as_ref()))
        @if let Some(text) = version.description.as_deref().filter(|text| !text.trim().is_empty()) {
            section { h2 { "Description" } div.note { (format::clip(text, 20_000).0) } }
        }
        @if !decisions.is_empty() { section { h2 { "Decisions" } (decided(&decisions)) } }
        section { h2 { "Signature" } (logged_model::described(&app, &version.storage_location).await) }
        @if let Some(run) = &run { (of_run(run)) }
        @if !version.tags.is_empty() { section { h2 { "Tags" } (parts::pairs(&version.tags, N_ROWS)) } }
    };
    let shell = Shell::new(title, Place::Models)
        .below("Models", "/models")
        .below(&version.name, format!("/models/{}", encoded(&version.name)));
    Ok(shell.show(&body))
}

/// What people decided of the version, the last first, which counts.
fn decided(decisions: &[Decision]) -> Markup {
    html! {
        div.card.scroll { table {
            thead { tr { th { "State" } th { "By" } th { "When" } th { "Note" } } }
            tbody { @for decision in decisions.iter().rev().take(N_ROWS) { tr {
                td.main { (decision.state.name()) }
                td { (decision.user_id) }
                td { (moment(Some(decision.at_ms))) }
                td { (format::clip(decision.note.as_deref().unwrap_or_default(), 200).0) }
            } } }
        } }
    }
}

fn facts(version: &ModelVersion, run: Option<&Run>) -> Markup {
    html! {
        dl.facts.card {
            @if let Some(run) = run {
                (parts::fact("Source run", &html! { a href={ "/runs/" (encoded(&run.info.id)) } { (run.info.name) } " " (parts::status(&run.info.status)) }))
            } @else if let Some(id) = version.run_id.as_deref().filter(|id| !id.is_empty()) {
                (parts::fact("Source run", &html! { code { (id) } " " span.soft { "not in this workspace" } }))
            }
            @if let Some(id) = version.model_id.as_deref().filter(|id| !id.is_empty()) {
                (parts::fact("Logged model", &html! { a href={ "/logged-models/" (encoded(id)) } { code { (id) } } }))
            }
            @if let Some(user) = version.user_id.as_deref().filter(|user| !user.is_empty()) { (parts::fact("By", &html! { (user) })) }
            (parts::fact("Lineage", &html! { a href=(format!("/lineage?of={}", encoded(&format!("{}/{}", version.name, version.version)))) { "where it came from, what became of it" } }))
            (parts::fact("Created", &moment(Some(version.created_ms))))
            (parts::fact("Updated", &moment(Some(version.updated_ms))))
            (parts::long_fact("Source", &version.source))
            @if version.storage_location != version.source { (parts::long_fact("Files in", &version.storage_location)) }
        }
    }
}

/// How the run that made the version scored, and with what.
fn of_run(run: &Run) -> Markup {
    html! {
        section {
            h2 { "From its run" }
            div.columns {
                @if !run.metrics.is_empty() { div {
                    h3 { "Metrics" }
                    div.card.scroll { table { tbody { @for metric in run.metrics.iter().take(N_OF_RUN) { tr { th scope="row" { (metric.key) } td.n { (format::number(metric.value)) } } } } } }
                } }
                @if !run.params.is_empty() { div { h3 { "Params" } (parts::pairs(&run.params, N_OF_RUN)) } }
            }
        }
    }
}
