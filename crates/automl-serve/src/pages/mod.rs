//! The studio: pages of experiments, runs, models, studies and endpoints for a browser, drawn here and whole without script.
//!
//! A page is a function from what the record says to HTML; its state is its address. Everything that was logged is shown
//! as text: it is escaped, and the headers of every page forbid what is not a file of this program.

mod assets;
mod chart;
mod compare;
mod curves;
mod endpoints;
mod error;
mod experiments;
mod files;
mod filter;
mod format;
mod layout;
mod lineage;
mod logged_model;
mod models;
mod parts;
mod preview;
mod query;
mod run;
mod runs;
mod signature;
pub(crate) mod study;
mod table;
#[cfg(test)]
mod tests;
mod version;

use crate::routes::{Routes, get};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use error::PageError;
use std::time::Duration;

/// How long a page may take.
const PAGE_TIME: Duration = Duration::from_secs(20);

/// All pages, and what is said of addresses that are none.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .route("/", get(experiments::page).page("All experiments"))
        .route(
            "/experiments/{id}",
            get(runs::page).page("The runs of an experiment"),
        )
        .route("/runs/{id}", get(run::page).page("A run"))
        .route(
            "/runs/{id}/metrics",
            get(run::metrics_page).page("The curves of a run"),
        )
        .route(
            "/runs/{id}/artifacts",
            get(run::artifacts_page).page("The files of a run"),
        )
        .route(
            "/runs/{id}/html",
            get(run::html_artifact)
                .page("A page among the files of a run, in a sandbox")
                .streamed(),
        )
        .route(
            "/logged-models/{id}",
            get(logged_model::page).page("A logged model"),
        )
        .route(
            "/logged-models/{id}/file",
            get(logged_model::file)
                .page("A file of a logged model")
                .streamed(),
        )
        .route(
            "/compare",
            get(compare::page).page("Runs beside each other"),
        )
        .route("/lineage", get(lineage::page).page("What came of what"))
        .route(
            "/api/automl/lineage",
            get(lineage::json).viewer("What came of what, as JSON"),
        )
        .route("/models", get(models::page).page("Registered models"))
        .route(
            "/models/{name}",
            get(models::one).page("A registered model"),
        )
        .route(
            "/models/{name}/{version}",
            get(version::page).page("A version of a registered model"),
        )
        .route("/studies", get(study::all).page("All studies"))
        .route("/studies/{name}", get(study::page).page("A study"))
        .route("/endpoints", get(endpoints::page).page("All endpoints"))
        .route("/endpoints/{name}", get(endpoints::one).page("An endpoint"))
        .wrapped(|router| router.layer(from_fn(in_time)))
        .route(
            "/assets/{hash}/{name}",
            get(assets::send).page("Styles and scripts of the pages"),
        )
}

/// Gives a page up that takes too long.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(PAGE_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_too_late) => PageError::slow().into_response(),
    }
}

/// A page that says that nothing is there.
pub(crate) fn nowhere(path: &str) -> Response {
    PageError::missing(format!("Nothing is at {path}")).into_response()
}

type Answer = Result<layout::Page, PageError>;
