//! The page of a model that a run logged.

use super::layout::{Place, Shell, moment};
use super::query::{Query, encoded, href};
use super::run::{Wanted, browser};
use super::{Answer, PageError, files, format, parts, signature};
use crate::state::App;
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::{self, DEFAULT_WORKSPACE, Experiment};
use automl_store::tracking::logged_models::{LoggedModel, Status, get};
use automl_store::tracking::runs;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

/// Bytes of the file that describes a model.
const MODEL_FILE_MAX: u64 = 1 << 20;
/// Bytes of the manifest of a model that was learned here.
const MANIFEST_MAX: u64 = 64 << 20;
const N_ROWS: usize = 500;

/// How far a model is, as a badge.
pub(super) fn state(model: &LoggedModel) -> Markup {
    html! {
        @match model.status {
            Status::Ready => span.badge.good { "ready" },
            Status::Pending => span.badge { "pending" },
            Status::Failed => span.badge.bad { "failed" },
        }
    }
}

pub(super) async fn page(State(app): State<App>, Path(id): Path<String>, query: Query) -> Answer {
    let read = move |sql: &mut dyn automl_store::db::Sql| {
        let model = get(sql, DEFAULT_WORKSPACE, &id)?;
        let experiment = experiments::get(sql, DEFAULT_WORKSPACE, model.experiment_id)?;
        let run = match &model.source_run_id {
            Some(run) => runs::get(sql, DEFAULT_WORKSPACE, run)
                .ok()
                .map(|run| (run.id, run.name)),
            None => None,
        };
        Ok::<_, TrackingError>((model, experiment, run))
    };
    let (model, experiment, run) = app.db.read(read).await?;
    let address = format!("/logged-models/{}", encoded(&model.id));
    let path = query.one("path");
    let wanted = Wanted {
        tree: address.clone(),
        raw: format!("{address}/file{}", href([("path", path)].into_iter())),
        frame: None,
        path: path.to_owned(),
    };
    let files = match browser(&app, &model.artifact_uri, &wanted).await {
        Err(error) if path.is_empty() => parts::nothing(error.told()),
        shown => shown?,
    };
    let body = html! {
        div.head { h1 { (model.name) " " (state(&model)) } }
        (facts(&model, run.as_ref()))
        section { h2 { "Signature" } (described(&app, &model.artifact_uri).await) }
        @if !model.params.is_empty() { section { h2 { "Params" } (parts::pairs(&model.params, N_ROWS)) } }
        (metrics(&model))
        section id="files" { h2 { "Files" } (files) }
        @if !model.tags.is_empty() { section { h2 { "Tags" } (parts::pairs(&model.tags, N_ROWS)) } }
    };
    Ok(shell(&model, &experiment).show(&body))
}

fn shell(model: &LoggedModel, experiment: &Experiment) -> Shell {
    Shell::new(&model.name, Place::Experiments)
        .below("Experiments", "/")
        .below(&experiment.name, format!("/experiments/{}", experiment.id))
}

fn facts(model: &LoggedModel, run: Option<&(String, String)>) -> Markup {
    html! {
        dl.facts.card {
            @if let Some((id, name)) = run { (parts::fact("Made by", &html! { a href={ "/runs/" (encoded(id)) } { (name) } })) }
            @if let Some(kind) = &model.model_type { (parts::fact("Kind", &html! { (kind) })) }
            (parts::fact("Created", &moment(Some(model.created_ms))))
            (parts::long_fact("Model id", &model.id))
            (parts::long_fact("Files in", &model.artifact_uri))
        }
    }
}

fn metrics(model: &LoggedModel) -> Markup {
    html! {
        @if !model.metrics.is_empty() {
            section {
                h2 { "Metrics" }
                div.card.scroll { table {
                    thead { tr { th { "Metric" } th.n { "Value" } th { "Data" } th { "Run" } } }
                    tbody { @for (metric, run) in model.metrics.iter().take(N_ROWS) { tr {
                        td { (metric.key) }
                        td.n { (format::number(metric.value)) }
                        td { (metric.dataset_name.as_deref().unwrap_or("–")) }
                        td { a href={ "/runs/" (encoded(run)) } { (format::clip(run, 8).0) } }
                    } } }
                } }
            }
        }
    }
}

/// What the files of a model below an artifact URI say that it takes and gives: `manifest.json` of a model that was learned here,
/// or the file `MLmodel` of MLflow's clients.
pub(super) async fn described(app: &App, uri: &str) -> Markup {
    match files::head(app, uri, "manifest.json", MANIFEST_MAX).await {
        Ok((bytes, _)) => {
            if let Some(manifest) = signature::ManifestFile::of(&bytes) {
                return manifest.show();
            }
        }
        Err(error) if error.is_missing() => {}
        Err(error) => return parts::nothing(error.told()),
    }
    match files::head(app, uri, "MLmodel", MODEL_FILE_MAX).await {
        Ok((bytes, _)) => match signature::ModelFile::of(&bytes) {
            Some(file) => file.show(),
            None => parts::nothing("The file MLmodel cannot be read."),
        },
        Err(error) if error.is_missing() => {
            parts::nothing("Its files do not say what it takes and gives.")
        }
        Err(error) => parts::nothing(error.told()),
    }
}

/// A file of the model, as a download.
pub(super) async fn file(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, PageError> {
    let model = app
        .db
        .read(move |sql| get(sql, DEFAULT_WORKSPACE, &id))
        .await?;
    files::download(&app, &model.artifact_uri, query.one("path"), &headers).await
}
