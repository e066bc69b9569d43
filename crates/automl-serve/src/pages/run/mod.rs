//! The pages of a run.

mod artifacts;
mod head;
mod inputs;
mod metrics;

pub(super) use artifacts::{Wanted, browser, html_artifact, page as artifacts_page};
pub(super) use metrics::page as metrics_page;

use super::curves::{self, N_BINS_SMALL, Options};
use super::layout::{Page, Place, Shell};
use super::query::{Query, encoded};
use super::{Answer, files, parts, runs};
use crate::state::App;
use automl_store::db::Sql;
use automl_store::registry::{ModelVersion, versions};
use automl_store::tracking::experiments::{self, DEFAULT_WORKSPACE, Experiment};
use automl_store::tracking::logged_models::{self, LoggedModel};
use automl_store::tracking::runs::get;
use automl_store::tracking::search::{self, Run};
use automl_store::tracking::{TrackingError, curve, overview};
use axum::extract::{Path, State};
use maud::{Markup, html};

/// Charts on the first page of a run.
const N_CHARTS: usize = 6;
/// Rows of metrics, params and tags on the first page.
const N_ROWS: usize = 200;
const N_CHILDREN: usize = 50;

/// A run and what stands around it.
struct Found {
    run: Run,
    experiment: Experiment,
    /// The run that it is a part of, if that is there.
    parent: Option<(String, String)>,
    /// Metrics with a history, and the first of them.
    curve_keys: Vec<String>,
    charts: Vec<(String, curves::Read)>,
    models_in: Vec<Link>,
    models_out: Vec<Link>,
    versions: Vec<ModelVersion>,
    children: Vec<runs::Row>,
    next_children: Option<String>,
}

/// A model that a run read or made; nothing but its id if it was deleted.
struct Link {
    id: String,
    step: i64,
    model: Option<LoggedModel>,
}

pub(super) async fn page(State(app): State<App>, Path(id): Path<String>, query: Query) -> Answer {
    let wish = query.clone();
    let found = app.db.read(move |sql| read(sql, &id, &wish)).await?;
    let info = &found.run.info;
    // Files may lie where this server cannot look; the page is there all the same.
    let listed = files::list(&app, &info.artifact_uri, "").await;
    let body = html! {
        (top(&found.run, &found.experiment, found.parent.as_ref(), "overview"))
        (head::facts(&found.run))
        (head::error(&found.run))
        (head::note(&found.run))
        (metrics::section(&found))
        section.columns {
            div {
                h2 { "Metrics" }
                @if found.run.metrics.is_empty() { (parts::nothing("No metrics were logged.")) }
                @else { (metrics::latest(&found.run.metrics, &format!("/runs/{}/metrics", encoded(&info.id)), N_ROWS)) }
            }
            div {
                h2 { "Params" }
                @if found.run.params.is_empty() { (parts::nothing("No params were logged.")) } @else { (parts::pairs(&found.run.params, N_ROWS)) }
            }
        }
        (inputs::datasets(&found.run))
        (inputs::models(&found))
        section {
            h2 { "Artifacts" }
            @match &listed {
                Ok(entries) if entries.is_empty() && !found.models_out.is_empty() => (parts::nothing("None but the files of the models that it made, such as a report: they are on the models' pages, above.")),
                Ok(entries) => (artifacts::listed(&info.id, "", entries)),
                Err(error) => p.nothing { (error.told()) },
            }
        }
        (children(&found, &query))
        (head::tags(&found.run))
    };
    Ok(shell(&found.run, &found.experiment, &body))
}

fn shell(run: &Run, experiment: &Experiment, body: &Markup) -> Page {
    Shell::new(&run.info.name, Place::Experiments)
        .below("Experiments", "/")
        .below(&experiment.name, format!("/experiments/{}", experiment.id))
        .live(run.info.status == "RUNNING")
        .show(body)
}

/// The name of the run and the way to its pages.
fn top(
    run: &Run,
    experiment: &Experiment,
    parent: Option<&(String, String)>,
    here: &str,
) -> Markup {
    let info = &run.info;
    let address = format!("/runs/{}", encoded(&info.id));
    let tab = |name: &str, title: &str, address: &str| {
        html! { a href=(address) aria-current=[(name == here).then_some("page")] { (title) } }
    };
    html! {
        div.head {
            h1 { (info.name) " " (parts::status(&info.status)) @if info.stage == "deleted" { span.badge { "deleted" } } }
            @if let Some((id, name)) = parent {
                p.soft { "part of " a href={ "/runs/" (encoded(id)) } { (name) } }
            }
            @if experiment.stage == "deleted" { p.soft { "Its experiment was deleted." } }
        }
        nav.tabs aria-label="Pages of the run" {
            (tab("overview", "Overview", &address))
            (tab("metrics", "Metrics", &format!("{address}/metrics")))
            (tab("artifacts", "Artifacts", &format!("{address}/artifacts")))
            a href=(format!("/compare?run={}", encoded(&info.id))) { "Compare" }
        }
    }
}

fn whole(sql: &mut dyn Sql, id: &str) -> Result<(Run, Experiment), TrackingError> {
    let info = get(sql, DEFAULT_WORKSPACE, id)?;
    let experiment = experiments::get(sql, DEFAULT_WORKSPACE, info.experiment_id)?;
    let run = search::whole(sql, vec![info])?.pop();
    let run = run.ok_or_else(|| TrackingError::RunMissing { id: id.to_owned() })?;
    Ok((run, experiment))
}

fn parent(sql: &mut dyn Sql, run: &Run) -> Result<Option<(String, String)>, TrackingError> {
    let Some(id) = parts::tag(&run.tags, overview::PARENT_TAG) else {
        return Ok(None);
    };
    match get(sql, DEFAULT_WORKSPACE, id) {
        Ok(parent) => Ok(Some((parent.id, parent.name))),
        Err(TrackingError::RunMissing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(sql: &mut dyn Sql, id: &str, query: &Query) -> Result<Found, TrackingError> {
    let (run, experiment) = whole(sql, id)?;
    let parent = parent(sql, &run)?;
    let mut curve_keys = curve::keys(sql, run.info.number)?;
    // What the machine did is told after what the run measured.
    curve_keys.sort_by_key(|key| key.starts_with("system/"));
    let options = Options::of(query);
    let mut charts = Vec::new();
    for key in curve_keys.iter().take(N_CHARTS) {
        let read = curves::read(sql, &run.info, key, (key, 0), (options, N_BINS_SMALL))?;
        charts.push((key.clone(), read));
    }
    let versions = versions::of_run(sql, DEFAULT_WORKSPACE, id, N_ROWS)?;
    let page = query.one("page");
    let children = overview::children(sql, DEFAULT_WORKSPACE, id, N_CHILDREN, Some(page))?;
    let next_children = children.next;
    let children = search::whole(sql, children.items)?;
    Ok(Found {
        models_in: links(sql, &run.model_inputs)?,
        models_out: links(sql, &run.model_outputs)?,
        children: runs::flat(sql, children)?,
        run,
        experiment,
        parent,
        curve_keys,
        charts,
        versions,
        next_children,
    })
}

fn links(
    sql: &mut dyn Sql,
    links: &[automl_store::tracking::inputs::ModelLink],
) -> Result<Vec<Link>, TrackingError> {
    let mut found = Vec::with_capacity(links.len());
    for link in links {
        let model = match logged_models::get(sql, DEFAULT_WORKSPACE, &link.model_id) {
            Ok(model) => Some(model),
            Err(TrackingError::Absent(_)) => None,
            Err(error) => return Err(error),
        };
        found.push(Link {
            id: link.model_id.clone(),
            step: link.step,
            model,
        });
    }
    Ok(found)
}

fn children(found: &Found, query: &Query) -> Markup {
    html! {
        @if !found.children.is_empty() {
            section id="children" {
                h2 { "Children" }
                (runs::listed(&found.children, query))
                (super::layout::pager(query, found.next_children.as_deref()))
            }
        }
    }
}
