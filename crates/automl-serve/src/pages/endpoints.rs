//! The endpoints, and the page of one: what is to answer, what this server makes of it, and what was changed.

use super::layout::{Place, Shell, moment};
use super::query::encoded;
use super::{Answer, PageError, format, parts};
use crate::endpoints::{Fleet, Live, Slot};
use crate::state::App;
use automl_store::endpoints::{self, Change, Deployment, Endpoint, EndpointError, UNLOADED};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use axum::extract::{Path, State};
use maud::{Markup, html};

/// Changes that are shown.
const N_CHANGES: usize = 50;
/// Characters of a note.
const N_NOTE: usize = 200;

impl From<EndpointError> for PageError {
    fn from(error: EndpointError) -> Self {
        crate::error::ApiError::from(error).into()
    }
}

pub(super) async fn page(State(app): State<App>) -> Answer {
    let found = app.db.read(|sql| endpoints::list(sql, W)).await?;
    let found = app.fleet.beside_folders(found);
    let body = html! {
        div.head { h1 { "Endpoints" } }
        @if found.is_empty() {
            (parts::nothing("No endpoint was made yet: automl endpoint create NAME, then automl endpoint deploy NAME MODEL@champion."))
        } @else { (listed(&found)) }
    };
    Ok(Shell::new("Endpoints", Place::Endpoints).show(&body))
}

fn listed(all: &[Endpoint]) -> Markup {
    html! {
        div.card.scroll { table {
            thead { tr { th { "Name" } th { "State" } th { "Answering" } th { "In the shadow" } th { "Made" } th { "Description" } } }
            tbody { @for endpoint in all { tr {
                td.main { a href={ "/endpoints/" (encoded(&endpoint.name)) } { (endpoint.name) } }
                td { (state(endpoint.state(true))) }
                td { @for one in endpoint.deployments.iter().filter(|one| one.share > 0) { (version(endpoint, one)) " " span.soft { (one.share) " %" } " " } }
                td { @for one in endpoint.deployments.iter().filter(|one| one.is_shadow) { (version(endpoint, one)) " " } }
                td { (moment(Some(endpoint.created_ms))) }
                td { (format::clip(endpoint.description.as_deref().unwrap_or_default(), N_NOTE).0) }
            } } }
        } }
    }
}

/// A state as a badge.
fn state(state: &str) -> Markup {
    let class = match state {
        "serving" => "badge good",
        "failed" => "badge warn",
        _ => "badge",
    };
    html! { span class=(class) { (state) } }
}

/// A version as a link to its page, if it has one.
fn version(endpoint: &Endpoint, one: &Deployment) -> Markup {
    html! {
        @if endpoint.is_of_folder() { (one.model) "/" (one.version) }
        @else { a href=(format!("/models/{}/{}", encoded(&one.model), one.version)) { (one.model) "/" (one.version) } }
    }
}

pub(super) async fn one(State(app): State<App>, Path(name): Path<String>) -> Answer {
    let (endpoint, changes) = if let Some(endpoint) = app.fleet.of_folder(&name) {
        (endpoint, Vec::new())
    } else {
        let read = app.db.read(move |sql| {
            let endpoint = endpoints::by_name(sql, W, &name)?;
            let changes = endpoints::changes(sql, &endpoint, N_CHANGES)?;
            Ok::<_, EndpointError>((endpoint, changes))
        });
        read.await?
    };
    let folder = app.fleet.folder_of(&endpoint.name);
    let snapshot = app.fleet.snapshot();
    let live = snapshot.get(&endpoint.name).map(AsRef::as_ref);
    let problem = live.and_then(|live| live.problem.as_deref());
    let body = html! {
        div.head {
            h1 { (endpoint.name) " " (state(endpoint.state(true))) }
            p.soft {
                "revision " (endpoint.revision) " · at most " (endpoint.max_at_once) " requests at once · made "
                (moment(Some(endpoint.created_ms))) " · "
                @if let Some(capture) = &endpoint.capture { (format::number(capture.rate * 100.0)) " % of requests are kept · " }
                @if let Some(folder) = &folder { "what " (folder.display()) " holds" }
                @else { a href={ "/lineage?of=endpoint:" (encoded(&endpoint.name)) } { "lineage" } }
            }
        }
        @if let Some(problem) = problem { div.note { @if problem != UNLOADED { "The last change is not served: " } (problem) } }
        @if let Some(text) = endpoint.description.as_deref().filter(|text| !text.trim().is_empty()) { div.note { (format::clip(text, 20_000).0) } }
        section {
            h2 { "Deployments" }
            @if endpoint.deployments.is_empty() { (parts::nothing("Nothing is deployed.")) } @else { (deployments(&endpoint, live)) }
        }
        section { h2 { "Ask it" } (asked(&endpoint, &app.fleet)) }
        @if folder.is_none() { section { h2 { "Changes" } (history(&changes)) } }
    };
    Ok(Shell::new(&endpoint.name, Place::Endpoints)
        .below("Endpoints", "/endpoints")
        .show(&body))
}

fn deployments(endpoint: &Endpoint, live: Option<&Live>) -> Markup {
    let slot = |one: &Deployment| -> Option<&Slot> {
        let live = live?;
        let mut slots = live.slots.iter().chain(&live.shadows);
        slots
            .find(|slot| slot.deployment.name == one.name)
            .map(AsRef::as_ref)
    };
    html! {
        div.card.scroll { table {
            thead { tr { th { "Deployment" } th { "Model" } th { "Follows" } th { "Traffic" } th { "Here" } th { "A row takes" } th { "By" } th { "Since" } } }
            tbody { @for one in &endpoint.deployments {
                @let warm = slot(one).and_then(|slot| slot.version.ready());
                tr {
                    td.main { (one.name) }
                    td { (version(endpoint, one)) }
                    td { @if let Some(alias) = &one.alias { span.badge { "@" (alias) } } }
                    td { @if one.is_shadow { "shadow" } @else { (one.share) " %" } }
                    td { @if warm.is_some() { "in memory" } @else if slot(one).is_some() { "read when asked" } @else { "not served" } }
                    td { @if let Some(warm) = &warm { (format::number(warm.row_us.round())) " µs" } @else { span.none { "–" } } }
                    td { (one.user_id) }
                    td { (moment(Some(one.deployed_ms))) }
                }
            } }
        } }
    }
}

/// A request with the columns of the model, to be filled.
fn asked(endpoint: &Endpoint, fleet: &Fleet) -> Markup {
    let live = fleet.find(&endpoint.name).ok();
    let slot = live.as_ref().and_then(|live| live.slots.first());
    let warm = slot.and_then(|slot| slot.version.ready());
    html! {
        @if let Some(warm) = warm {
            @let features = &warm.loaded.facts.features;
            pre { "POST /endpoints/" (endpoint.name) "/predict\n\n{\"rows\": [{"
                @for (place, field) in features.iter().enumerate() { @if place > 0 { ", " } (serde_json::Value::from(field.name.as_str())) ": …" }
            "}]}" }
            div.card.scroll.low { table.pairs { tbody {
                @for field in features { tr { th scope="row" { (field.name) } td { (field.kind.name()) } } }
            } } }
        } @else { (parts::nothing("What it takes is known once its model is in memory.")) }
    }
}

fn history(changes: &[Change]) -> Markup {
    let then = |one: &Deployment| {
        if one.is_shadow {
            format!("{} shadow", one.name)
        } else {
            format!("{}={}", one.name, one.share)
        }
    };
    html! {
        div.card.scroll { table {
            thead { tr { th { "Revision" } th { "Change" } th { "Then" } th { "By" } th { "When" } th { "Note" } } }
            tbody { @for change in changes { tr {
                td.main { (change.revision) }
                td { (change.what) }
                td { (change.deployments.iter().map(then).collect::<Vec<_>>().join(", ")) }
                td { (change.user_id) }
                td { (moment(Some(change.at_ms))) }
                td { (format::clip(change.note.as_deref().unwrap_or_default(), N_NOTE).0) }
            } } }
        } }
    }
}
