//! Our own protocol: rows as JSON objects, or columns; predictions and probabilities column by column.

use super::batch::{Batch, Predicted};
use super::body::{Ask, DEPLOYMENT};
use super::columns::{Told, columns};
use super::error::ScoreError;
use super::filler::Filler;
use super::json::{ColumnsSeed, Key, RowsSeed, keep, within};
use super::model::{LoadedModel, WriteStream};
use super::score::{Asked, Read, Scored, score};
use super::scoring::from_table;
use super::wanted::{self, Wanted};
use super::write::{self, Classes};
use crate::access::Room;
use crate::state::App;
use automl_core::{Coded, Explanation, Predictions, Table, TableForm, Task};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// What an Arrow stream is called.
const ARROW: &str = "application/vnd.apache.arrow.stream";

/// `POST /endpoints/{name}/predict`.
pub(super) async fn predict(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match answered(&app, &name, request).await {
        Ok(response) => response,
        Err(error) => refusal(&error),
    }
}

async fn answered(app: &App, name: &str, request: Request) -> Result<Response, ScoreError> {
    let ask = Ask::whole(request).await?;
    let read_body = reader(&ask)?;
    let wanted = Wanted::of_address(&ask.uri)?;
    let (body, room) = (ask.body.clone(), ask.room());
    let read = move |model: &LoadedModel| read_body(&body, &room, wanted.clone(), model);
    let asked = ask.asked(name)?;
    if accepts_arrow(&ask) {
        return Box::pin(arrow_answer(app, asked, read)).await;
    }
    let text = score(&app.fleet, asked, read, |scored| Ok(told(scored))).await?;
    Ok(json_answer(text))
}

/// The answer as an Arrow stream.
async fn arrow_answer(
    app: &App,
    asked: Asked<'_>,
    read: impl Read,
) -> Result<Response, ScoreError> {
    let write = app.fleet.stream();
    let tell = move |scored: &Scored| Ok((streamed(scored, write)?, Arc::clone(&scored.slot)));
    let (bytes, slot) = score(&app.fleet, asked, read, tell).await?;
    let mut response = ([(header::CONTENT_TYPE, ARROW)], bytes).into_response();
    // Names of deployments have no letters that a header could not.
    if let Ok(name) = HeaderValue::from_str(&slot.deployment.name) {
        response.headers_mut().insert(&DEPLOYMENT, name);
    }
    Ok(response)
}

/// Whether the answer is wanted as an Arrow stream.
fn accepts_arrow(ask: &Ask) -> bool {
    let kinds = ask.header(&header::ACCEPT).unwrap_or_default();
    let mut kinds = kinds.split(',').filter_map(|kind| kind.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case(ARROW))
}

/// The answer as columns of an Arrow stream.
fn streamed(scored: &Scored, write: WriteStream) -> Result<Vec<u8>, ScoreError> {
    let tells_probabilities = scored.predicted.about.probabilities != Some(false);
    let told = columns(scored, tells_probabilities)?.into_iter();
    let table = Table::new(told.map(Told::into_column).collect());
    let table = table.map_err(|error| ScoreError::form(error.to_string()))?;
    write(&table).map_err(|reason| ScoreError::Internal { reason })
}

type Reader = fn(&[u8], &Room, Wanted, &LoadedModel) -> Result<Batch, ScoreError>;

/// What reads a body of the kind that it is said to be.
fn reader(ask: &Ask) -> Result<Reader, ScoreError> {
    if ask.is_json() {
        return Ok(|body, _, wanted, model| read(body, wanted, model));
    }
    let kind = ask.kind();
    if kind.eq_ignore_ascii_case(ARROW) {
        return Ok(|body, room, wanted, model| {
            let batch = from_table(body, (TableForm::Arrow, room), model)?;
            Ok(batch.wanting(wanted))
        });
    }
    Err(ScoreError::ContentKind {
        found: kind.to_owned(),
        wanted: "application/json or application/vnd.apache.arrow.stream",
    })
}

/// Reads `{"rows": [{…}]}` or `{"columns": {…}}`, perhaps with what is wanted beside what the address said.
pub(crate) fn read(body: &[u8], wanted: Wanted, model: &LoadedModel) -> Result<Batch, ScoreError> {
    let mut filler = Filler::new(&model.facts, &*model.reader);
    let wanted = within(body, &mut filler, |filler, json| {
        json.deserialize_map(Sent { filler, wanted })
    })?;
    Ok(Batch::from(filler.finish()).wanting(wanted))
}

/// The object that a body is; gives what is wanted.
struct Sent<'f, 'm> {
    filler: &'f mut Filler<'m>,
    wanted: Wanted,
}

impl<'de> Visitor<'de> for Sent<'_, '_> {
    type Value = Wanted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with rows or columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wanted, A::Error> {
        let Self { filler, mut wanted } = self;
        let mut has_rows = false;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let key = &*key.0;
            match key {
                "rows" | "columns" if has_rows => {
                    let told = "rows and columns stand there once, one of the two";
                    return Err(keep(filler, ScoreError::form(told)));
                }
                "rows" => map.next_value_seed(RowsSeed {
                    filler: &mut *filler,
                    order: None,
                })?,
                "columns" => map.next_value_seed(ColumnsSeed(&mut *filler))?,
                name if wanted::NAMES.contains(&name) => {
                    let given: Value = map.next_value()?;
                    let taken = wanted.take(name, &given);
                    taken.map_err(|problem| keep(filler, problem))?;
                }
                other => {
                    let told = format!(
                        "'{other}' is not understood; a body has rows or columns, and perhaps {}",
                        wanted::NAMES.join(", ")
                    );
                    return Err(keep(filler, ScoreError::form(told)));
                }
            }
            has_rows |= ["rows", "columns"].contains(&key);
        }
        if has_rows {
            Ok(wanted)
        } else {
            let told = "the body has neither rows nor columns";
            Err(keep(filler, ScoreError::form(told)))
        }
    }
}

fn told(scored: &Scored) -> String {
    let mut out = String::with_capacity(256);
    out.push_str(&scored.slot.head);
    out.push_str(",\"prediction\":");
    let classes = &scored.slot.classes;
    let predicted = &scored.predicted;
    if !classes.targets.is_empty() {
        targets_told(&mut out, predicted, classes);
    } else if !classes.levels.is_empty() {
        write::quantiles(&mut out, &predicted.predictions, classes);
    } else {
        write::predictions(&mut out, predicted, classes);
    }
    let are_there = matches!(
        predicted.predictions,
        Predictions::Probabilities { .. } | Predictions::Several { .. }
    );
    if are_there && predicted.about.probabilities != Some(false) {
        out.push_str(",\"probabilities\":");
        write::probabilities(&mut out, &predicted.predictions, classes);
    }
    further(&mut out, scored);
    out.push('}');
    out
}

/// The predictions of each of several targets by its name.
fn targets_told(out: &mut String, predicted: &Predicted, classes: &Classes) {
    for (place, (name, _)) in classes.targets.iter().enumerate() {
        out.push(if place > 0 { ',' } else { '{' });
        out.push_str(name);
        out.push(':');
        let told = write::of_target(predicted, place, classes);
        write::list(out, told, |out, value| out.push_str(&value));
    }
    out.push('}');
}

/// What was asked for beside predictions, as fields behind them.
pub(super) fn further(out: &mut String, scored: &Scored) {
    if let Some(explanation) = &scored.predicted.explanation {
        out.push_str(",\"explanation\":");
        explained(out, explanation, &scored.warm.loaded.facts.task);
    }
    if !scored.predicted.intervals.is_empty() {
        out.push_str(",\"intervals\":");
        write::list(out, &scored.predicted.intervals, |out, interval| {
            out.push_str("{\"coverage\":");
            write::number(out, interval.coverage);
            for (name, ends) in [
                (",\"lower\":", &interval.lower),
                (",\"upper\":", &interval.upper),
            ] {
                out.push_str(name);
                write::list(out, ends, |out, end| write::number(out, *end));
            }
            out.push('}');
        });
    }
}

/// What each column did: of one output, or of each class.
fn explained(out: &mut String, explanation: &Explanation, task: &Task) {
    out.push_str("{\"scale\":");
    write::text(out, explanation.scale.name());
    if explanation.n_outputs == 1 {
        if let [_, second] = task.classes() {
            out.push_str(",\"class\":");
            write::text(out, second);
        }
        out.push(',');
        attributed(out, explanation, 0);
    } else {
        out.push_str(",\"classes\":{");
        for (output, class) in task.classes().iter().enumerate() {
            if output > 0 {
                out.push(',');
            }
            write::text(out, class);
            out.push_str(":{");
            attributed(out, explanation, output);
            out.push('}');
        }
        out.push('}');
    }
    out.push('}');
}

/// `"expected":[…],"columns":{…}`, a value for each row.
fn attributed(out: &mut String, explanation: &Explanation, output: usize) {
    let n_columns = explanation.columns.len();
    let of = |column: usize| {
        let rows = 0..explanation.n_rows();
        rows.map(move |row| explanation.row(row, output)[column])
    };
    out.push_str("\"expected\":");
    write::list(out, of(n_columns), write::number);
    out.push_str(",\"columns\":{");
    for (column, name) in explanation.columns.iter().enumerate() {
        if column > 0 {
            out.push(',');
        }
        write::text(out, name);
        out.push(':');
        write::list(out, of(column), write::number);
    }
    out.push('}');
}

/// A text that is JSON already, as an answer.
pub(super) fn json_answer(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

pub(super) fn refusal(error: &ScoreError) -> Response {
    let body = json!({ "error_code": error.code(), "message": error.to_string() });
    refused(error, &body.to_string())
}

/// An error in the form of a protocol, under its status.
pub(super) fn refused(error: &ScoreError, body: &str) -> Response {
    let is_expected = error.may_come_again() || matches!(error, ScoreError::TimeOver { .. });
    if error.status().is_server_error() && !is_expected {
        tracing::error!(code = error.code(), message = %error, "a request for predictions failed");
    }
    let mut response = (error.status(), json_answer(body.to_owned())).into_response();
    if let Some(seconds) = error.come_again_s() {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
