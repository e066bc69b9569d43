//! Tables that the server predicts into folders and object stores, as jobs that are asked for, watched and stopped over JSON.
//!
//! A job is read and written only below folders and addresses that the operator named, and survives the server: what was not at
//! its end when it stopped is gone on with when it starts. How tables are predicted is said by whoever starts the server ([`PredictTables`]).

mod desk;
mod places;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use desk::Desk;
pub use places::Places;

use crate::access::Asker;
use crate::error::ApiError;
use crate::fields::{Fields, absent, wrong};
use crate::routes::{Routes, get, post};
use crate::state::App;
use automl_core::CancelToken;
use automl_store::batches::{
    BatchBegin, BatchJob, BatchOrder, BatchProblem, BatchProgress, BatchState,
};
use automl_store::db::Sql;
use automl_store::endpoints::{self, EndpointError};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use automl_store::workspace::Workspace;
use axum::Json;
use axum::extract::{Path as PathOf, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::path::Path;

/// How tables are predicted, and where.
#[derive(Debug, Clone)]
pub struct Batching {
    /// Predicts the tables of a job.
    pub predict: PredictTables,
    /// Kinds of files that can be written.
    pub kinds: &'static [&'static str],
    /// Where jobs may read and write.
    pub places: Places,
    /// Jobs that predict at once; others wait.
    pub n_at_once: usize,
    /// Threads of each.
    pub n_threads: usize,
}

/// Predicts the tables of a job.
pub type PredictTables = fn(&TablesAsked<'_>, &dyn TablesWatch) -> TablesEnd;

/// What is to be predicted, and how.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct TablesAsked<'a> {
    /// The directory of the model.
    pub model: &'a Path,
    pub order: &'a BatchOrder,
    pub begin: BatchBegin,
    /// Where tables must lie, and the output.
    pub within: &'a Places,
    pub n_threads: usize,
    pub cancel: CancelToken,
    /// Where the run is recorded.
    pub workspace: &'a Workspace,
    /// Who asked; nothing if nobody is asked who calls.
    pub user: &'a str,
}

/// Hears how far it came, from several threads.
pub trait TablesWatch: Sync {
    /// It is this run of the record.
    fn recorded(&self, run_id: &str);
    /// The folder is there, so that whoever comes later can go on with it.
    fn begun(&self);
    /// There are so many tables.
    fn planned(&self, n_parts: u64);
    /// So many rows more are predicted.
    fn rows(&self, n_more: u64);
    /// A table has ended.
    fn part(&self, ended: PartEnded);
}

/// How a table ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct PartEnded {
    /// Its predictions had been there.
    pub is_kept: bool,
    pub is_failed: bool,
    /// Rows that were left out.
    pub n_refused: u64,
}

/// What came of tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum TablesEnd {
    /// Each has ended.
    Done(TablesDone),
    /// They did not come to their end.
    Broken {
        problem: BatchProblem,
        /// Whether that was wanted.
        is_stopped: bool,
    },
}

/// What came of tables that have all ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablesDone {
    /// What there is now.
    pub progress: BatchProgress,
    /// Why some failed, if they did.
    pub problem: Option<BatchProblem>,
}

type Answer = Result<Json<Value>, ApiError>;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .route(
            "/api/batch-predictions",
            get(list)
                .viewer("Jobs that predict tables, the newest first")
                .post(create)
                .editor("Predicts tables into a folder, or below an address of an object store: model or endpoint, input, output, parts"),
        )
        .route(
            "/api/batch-predictions/{id}",
            get(show)
                .viewer("A job that predicts tables: what was asked, and how far it came")
                .delete(remove)
                .editor("Forgets a job that has ended; its predictions stay"),
        )
        .route(
            "/api/batch-predictions/{id}/stop",
            post(stop).editor("Stops a job; what is predicted can be gone on with"),
        )
        .route(
            "/api/batch-predictions/{id}/resume",
            post(resume).editor("Goes on with a job that has ended, with tables that are new too"),
        )
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ApiError::internal(error.to_string())),
    }
}

/// The jobs, if this server has any.
fn desk(app: &App) -> Result<Desk, ApiError> {
    app.batches.clone().map_err(|told| {
        let code = "batch-off";
        ApiError::new(StatusCode::CONFLICT, code, told)
    })
}

async fn list(State(app): State<App>) -> Answer {
    let desk = desk(&app)?;
    let mut jobs = blocking(move || desk.all()).await?;
    jobs.reverse();
    let views: Vec<Value> = jobs.iter().map(view).collect();
    Ok(Json(json!({ "jobs": views })))
}

async fn show(State(app): State<App>, PathOf(id): PathOf<String>) -> Answer {
    let desk = desk(&app)?;
    Ok(answer(&blocking(move || desk.find(&id)).await?))
}

async fn remove(State(app): State<App>, PathOf(id): PathOf<String>) -> Answer {
    let desk = desk(&app)?;
    blocking(move || desk.forget(&id)).await?;
    Ok(Json(json!({})))
}

async fn stop(State(app): State<App>, PathOf(id): PathOf<String>) -> Answer {
    let desk = desk(&app)?;
    Ok(answer(&blocking(move || desk.stop(&id)).await?))
}

async fn resume(State(app): State<App>, PathOf(id): PathOf<String>) -> Answer {
    let desk = desk(&app)?;
    Ok(answer(&blocking(move || desk.resume(&id)).await?))
}

async fn create(State(app): State<App>, asker: Asker, fields: Fields) -> Answer {
    let desk = desk(&app)?;
    let mut order = order(&desk, &fields)?;
    let begin = begin(&fields)?;
    let reference = reference(&fields)?;
    let user = asker.map_or_else(String::new, |asker| asker.name.clone());
    let job = blocking(move || {
        let found = app.db.read(move |sql| version(sql, &reference));
        (order.model, order.version) = found.wait()?;
        desk.ask(order, begin, user)
    });
    Ok(answer(&job.await?))
}

/// What is asked, but for the version of the model.
fn order(desk: &Desk, fields: &Fields) -> Result<BatchOrder, ApiError> {
    let input = fields.texts("input")?;
    if input.is_empty() {
        return Err(absent("input"));
    }
    let parts = fields.text("parts")?.unwrap_or_else(|| "csv".to_owned());
    let kinds = desk.batching().kinds;
    if !kinds.contains(&parts.as_str()) {
        let told = format!("parts is '{parts}', and may be {}", kinds.join(", "));
        return Err(ApiError::invalid(told));
    }
    let mut interval = Vec::new();
    for value in fields.list("interval")? {
        let share = value.as_f64().filter(|share| *share > 0.0 && *share < 1.0);
        interval.push(share.ok_or_else(|| wrong("interval", &value))?);
    }
    let threshold = match fields.value("threshold") {
        None => None,
        Some(value) => {
            let known = value.as_f64().filter(|known| (0.0..=1.0).contains(known));
            Some(known.ok_or_else(|| wrong("threshold", value))?)
        }
    };
    let places = &desk.batching().places;
    let place = |text: &String| places::of(text, places);
    Ok(BatchOrder {
        model: String::new(),
        version: 0,
        input: input.iter().map(place).collect::<Result<_, _>>()?,
        output: places::of_folder(&fields.required("output")?, places)?,
        parts,
        keep: fields.texts("keep")?,
        threshold,
        interval,
        allow_missing_columns: fields.flag("allow_missing_columns")?.unwrap_or(false),
        skip_bad_rows: fields.flag("skip_bad_rows")?.unwrap_or(false),
    })
}

fn begin(fields: &Fields) -> Result<BatchBegin, ApiError> {
    let resumes = fields.flag("resume")?.unwrap_or(false);
    let overwrites = fields.flag("overwrite")?.unwrap_or(false);
    match (resumes, overwrites) {
        (true, true) => Err(ApiError::invalid("it is resume or overwrite, not both")),
        (true, false) => Ok(BatchBegin::Resume),
        (false, true) => Ok(BatchBegin::Overwrite),
        (false, false) => Ok(BatchBegin::New),
    }
}

/// Which model predicts.
enum Reference {
    /// `NAME`, `NAME/3` or `NAME@ALIAS`.
    Version(String),
    /// That which answers most requests of an endpoint now.
    Endpoint(String),
}

fn reference(fields: &Fields) -> Result<Reference, ApiError> {
    match (fields.text("model")?, fields.text("endpoint")?) {
        (Some(model), None) => Ok(Reference::Version(model)),
        (None, Some(endpoint)) => Ok(Reference::Endpoint(endpoint)),
        (Some(_), Some(_)) => Err(ApiError::invalid("it is a model or an endpoint, not both")),
        (None, None) => Err(absent("model")),
    }
}

fn version(sql: &mut dyn Sql, reference: &Reference) -> Result<(String, i64), EndpointError> {
    match reference {
        Reference::Version(reference) => {
            let version = endpoints::resolve(sql, W, reference)?.version;
            Ok((version.name, version.version))
        }
        Reference::Endpoint(name) => {
            let endpoint = endpoints::by_name(sql, W, name)?;
            let answering = endpoint.deployments.iter().filter(|one| !one.is_shadow);
            let most = answering.max_by_key(|one| one.share);
            let most = most.ok_or_else(|| EndpointError::Invalid {
                field: "the endpoint",
                reason: "nothing is deployed to it".to_owned(),
            })?;
            Ok((most.model.clone(), most.version))
        }
    }
}

fn answer(job: &BatchJob) -> Json<Value> {
    Json(json!({ "job": view(job) }))
}

fn view(job: &BatchJob) -> Value {
    let order = &job.order;
    json!({
        "id": job.id,
        "state": job.state,
        "model": order.model,
        "version": order.version,
        "input": order.input,
        "output": order.output,
        "parts": order.parts,
        "keep": order.keep,
        "threshold": order.threshold,
        "interval": order.interval,
        "allow_missing_columns": order.allow_missing_columns,
        "skip_bad_rows": order.skip_bad_rows,
        "begin": job.begin,
        "user": job.user,
        "created_ms": job.created_ms,
        "started_ms": job.started_ms,
        "ended_ms": job.ended_ms,
        "progress": job.progress,
        "error": job.error,
        "run_id": job.run_id,
    })
}

/// What is refused because of how far a job came.
fn in_state(job: &BatchJob, told: &str) -> ApiError {
    let state = match job.state {
        BatchState::Waiting => "waiting",
        BatchState::Running => "running",
        BatchState::Done => "done",
        BatchState::Failed => "failed",
        BatchState::Stopped => "stopped",
    };
    let told = format!("job '{}' is {state}; {told}", job.id);
    ApiError::new(StatusCode::CONFLICT, "batch-state", told)
}
