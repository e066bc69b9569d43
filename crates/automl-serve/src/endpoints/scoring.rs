//! The protocol of MLflow's scoring server, which is also what an endpoint of SageMaker is asked by: JSON in five forms, or
//! CSV, or lines of JSON.

use super::batch::Batch;
use super::body::Ask;
use super::error::ScoreError;
use super::filler::Filler;
use super::json::{EitherSeed, Key, RowsSeed, keep, not_json, with_null_for_nan, within};
use super::lines::{self, CSV, Form, from_json_lines, is_json_lines, with_names};
use super::model::LoadedModel;
use super::plain::{further, json_answer, refused};
use super::score::{Scored, score};
use super::wanted::{self, Wanted};
use super::{vertex, write};
use crate::access::{NoRoom, Room};
use crate::mlflow;
use crate::state::App;
use automl_core::{Coded, ROWS_MAX, TableForm};
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// Where SageMaker's clients find which deployment answered.
const ANSWERED_BY: &str = "x-amzn-invoked-production-variant";
/// Where they find which error it is.
const ERROR_NAME: &str = "x-amzn-errortype";
const MODEL_ERROR: &str = "ModelError";
const FORMS: &str = "dataframe_split, dataframe_records, instances or inputs";

/// `POST /endpoints/{name}/invocations`.
pub(super) async fn invocations(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match answered(&app, &name, request).await {
        Ok(response) => response,
        Err(error) => refusal(&error),
    }
}

/// `GET /endpoints/{name}/ping`: whether it would answer.
pub(super) async fn ping(State(app): State<App>, Path(name): Path<String>) -> Response {
    match app.fleet.find(&name) {
        Ok(live) if !live.slots.is_empty() => (StatusCode::OK, "\n").into_response(),
        Ok(live) => refusal(&live.not_serving()),
        Err(error) => refusal(&error),
    }
}

/// The endpoint that also answers at the root, as containers do.
fn root(app: &App, what: &str) -> Result<String, ScoreError> {
    let root = app.root_endpoint.as_ref();
    root.map(|root| root.name.clone())
        .ok_or_else(|| ScoreError::Nowhere {
            what: format!(
                "{what}; `automl serve --root-endpoint NAME` lets an endpoint answer there"
            ),
        })
}

/// `POST /invocations`.
pub(super) async fn root_invocations(State(app): State<App>, request: Request) -> Response {
    match root(&app, "POST /invocations") {
        Ok(name) => invocations(State(app), Path(name), request).await,
        Err(error) => refusal(&error),
    }
}

/// `GET /ping`.
pub(super) async fn root_ping(State(app): State<App>) -> Response {
    match root(&app, "GET /ping") {
        Ok(name) => ping(State(app), Path(name)).await,
        Err(error) => refusal(&error),
    }
}

/// `GET /endpoints/{name}/version`: of MLflow, as whose scoring server this answers.
pub(super) async fn version(State(app): State<App>, Path(name): Path<String>) -> Response {
    match app.fleet.find(&name) {
        Ok(_) => mlflow::VERSION.into_response(),
        Err(error) => refusal(&error),
    }
}

async fn answered(app: &App, name: &str, request: Request) -> Result<Response, ScoreError> {
    let ask = Ask::whole(request).await?;
    let (body, room) = (ask.body.clone(), ask.room());
    let read_body = reader(&ask)?;
    let wanted = Wanted::of_address(&ask.uri)?;
    let form = Form::accepted(&ask);
    let read = move |model: &LoadedModel| read_body(&body, &room, wanted.clone(), model);
    let tell = move |scored: &Scored| Ok((told(scored, form)?, Arc::clone(&scored.slot)));
    let (text, slot) = score(&app.fleet, ask.asked(name)?, read, tell).await?;
    let mut response = json_answer(text);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, form.media());
    // Names of deployments have no letters that a header could not.
    if let Ok(name) = HeaderValue::from_str(&slot.deployment.name) {
        headers.insert(ANSWERED_BY, name);
    }
    Ok(response)
}

type Reader = fn(&Bytes, &Room, Wanted, &LoadedModel) -> Result<Batch, ScoreError>;

/// What reads a body of the kind that it is said to be.
fn reader(ask: &Ask) -> Result<Reader, ScoreError> {
    if ask.is_json() {
        return Ok(|body, _, wanted, model| from_json(body, wanted, model));
    }
    let kind = ask.kind();
    if kind.eq_ignore_ascii_case(CSV) {
        return Ok(|body, room, wanted, model| Ok(from_csv(body, room, model)?.wanting(wanted)));
    }
    if is_json_lines(kind) {
        return Ok(|body, _, wanted, model| Ok(from_json_lines(body, model)?.wanting(wanted)));
    }
    Err(ScoreError::ContentKind {
        found: kind.to_owned(),
        wanted: "application/json, text/csv or application/jsonlines",
    })
}

/// Reads a line of names, and rows below it; or rows alone, in the order of the model's columns.
pub(crate) fn from_csv(body: &[u8], room: &Room, model: &LoadedModel) -> Result<Batch, ScoreError> {
    let form = (TableForm::Delimited, room);
    let Some(whole) = with_names(body, &model.facts) else {
        return from_table(body, form, model);
    };
    from_table(&whole, form, model).map_err(|error| match error {
        ScoreError::Table { reason } => ScoreError::Table {
            reason: format!(
                "{reason} (the body has no line of names; two lines that say them were put above it and are counted)"
            ),
        },
        other => other,
    })
}

/// Reads a body that is a table, if there is room for what it becomes.
pub(crate) fn from_table(
    body: &[u8],
    (form, room): (TableForm, &Room),
    model: &LoadedModel,
) -> Result<Batch, ScoreError> {
    let wrong = |reason| ScoreError::Table { reason };
    let n_bytes = model.reader.n_bytes(body, form).map_err(wrong)?;
    let extra = room.take_beyond(body.len(), n_bytes);
    let extra = extra.map_err(|no_room| match no_room {
        NoRoom::Now => ScoreError::Full,
        NoRoom::Ever => ScoreError::TableTooLarge { n_bytes },
    })?;
    let sent = model.reader.table(body.to_vec(), form).map_err(wrong)?;
    if sent.table.n_rows() > ROWS_MAX {
        return Err(ScoreError::TooManyRows);
    }
    if let Some(name) = sent.unknown.into_iter().next() {
        return Err(ScoreError::unknown_column(name, &model.facts));
    }
    Ok(Batch {
        extra,
        ..sent.table.into()
    })
}

/// Reads one of the forms, perhaps with what is wanted beside what the address said.
pub(crate) fn from_json(
    body: &[u8],
    said: Wanted,
    model: &LoadedModel,
) -> Result<Batch, ScoreError> {
    let body = &*with_null_for_nan(body);
    let mut filler = Filler::new(&model.facts, &*model.reader);
    let mut wanted = said.clone();
    let read = within(body, &mut filler, |filler, json| {
        json.deserialize_map(Body {
            filler,
            columns: None,
            wanted: &mut wanted,
        })
    })?;
    if read == Done::Whole {
        return Ok(Batch::from(filler.finish()).wanting(wanted));
    }
    // The cells came before the names of their columns: read those first.
    let head: Head = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    let Some(names) = head.dataframe_split.columns else {
        return Err(ScoreError::form("dataframe_split has no columns"));
    };
    let mut filler = Filler::new(&model.facts, &*model.reader);
    let mut wanted = said;
    let columns = filler.columns(&names)?;
    within(body, &mut filler, |filler, json| {
        json.deserialize_map(Body {
            filler,
            columns: Some(columns),
            wanted: &mut wanted,
        })
    })?;
    Ok(Batch::from(filler.finish()).wanting(wanted))
}

/// Whether a body was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Whole,
    /// Its rows have no names yet.
    Nameless,
}

#[derive(Deserialize)]
struct Head {
    dataframe_split: SplitHead,
}

#[derive(Deserialize)]
struct SplitHead {
    columns: Option<Vec<String>>,
}

/// The object that a body is.
struct Body<'f, 'm> {
    filler: &'f mut Filler<'m>,
    /// Those of a split frame, if they were read before.
    columns: Option<Vec<Option<usize>>>,
    wanted: &'f mut Wanted,
}

impl<'de> Visitor<'de> for Body<'_, '_> {
    type Value = Done;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {FORMS}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Done, A::Error> {
        let Self {
            filler,
            columns,
            wanted,
        } = self;
        let mut done = None;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let key = &*key.0;
            match key {
                "signature_name" => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                // MLflow calls it the one, Vertex AI the other.
                "params" | "parameters" => {
                    let given: Value = map.next_value()?;
                    wanted.is_of_vertex |= key == "parameters";
                    let taken = take_params(wanted, key, &given);
                    taken.map_err(|problem| keep(filler, problem))?;
                    continue;
                }
                _ if done.is_some() => {
                    let told = format!("a body has one of {FORMS}, once");
                    return Err(keep(filler, ScoreError::form(told)));
                }
                "dataframe_records" => map.next_value_seed(RowsSeed {
                    filler: &mut *filler,
                    order: None,
                })?,
                "instances" | "inputs" => map.next_value_seed(EitherSeed(&mut *filler))?,
                "dataframe_split" => {
                    let split = Split {
                        filler: &mut *filler,
                        columns: columns.clone(),
                    };
                    done = Some(map.next_value_seed(split)?);
                    continue;
                }
                other => {
                    let told = format!("'{other}' is not understood; a body has {FORMS}");
                    return Err(keep(filler, ScoreError::form(told)));
                }
            }
            done = Some(Done::Whole);
        }
        done.ok_or_else(|| {
            let told = format!("the body has none of {FORMS}");
            keep(filler, ScoreError::form(told))
        })
    }
}

/// Takes what is wanted beside predictions.
pub(super) fn take_params(wanted: &mut Wanted, key: &str, given: &Value) -> Result<(), ScoreError> {
    let names = || wanted::NAMES.join(", ");
    let given = match given {
        Value::Null => return Ok(()),
        Value::Object(given) => given,
        other => {
            let told = format!("{key} is no object, but {other}; there may be {}", names());
            return Err(ScoreError::form(told));
        }
    };
    for (name, value) in given {
        if !wanted::NAMES.contains(&name.as_str()) {
            let told = format!(
                "'{name}' of {key} is not understood; there may be {}",
                names()
            );
            return Err(ScoreError::form(told));
        }
        wanted.take(name, value)?;
    }
    Ok(())
}

/// A frame as pandas splits it: names of columns, and rows as lists.
struct Split<'f, 'm> {
    filler: &'f mut Filler<'m>,
    columns: Option<Vec<Option<usize>>>,
}

impl<'de> DeserializeSeed<'de> for Split<'_, '_> {
    type Value = Done;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Done, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Split<'_, '_> {
    type Value = Done;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with columns and data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Done, A::Error> {
        let Self {
            filler,
            mut columns,
        } = self;
        let mut done = None;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match &*key.0 {
                "columns" if columns.is_some() => {
                    map.next_value::<IgnoredAny>()?;
                }
                "columns" => {
                    let names: Vec<String> = map.next_value()?;
                    let found = filler.columns(&names);
                    columns = Some(found.map_err(|problem| keep(filler, problem))?);
                }
                "data" if done.is_some() => {
                    let told = "data stands there twice";
                    return Err(keep(filler, ScoreError::form(told)));
                }
                "data" => {
                    let Some(order) = columns.as_deref() else {
                        map.next_value::<IgnoredAny>()?;
                        done = Some(Done::Nameless);
                        continue;
                    };
                    map.next_value_seed(RowsSeed {
                        filler: &mut *filler,
                        order: Some(order),
                    })?;
                    done = Some(Done::Whole);
                }
                "index" => {
                    map.next_value::<IgnoredAny>()?;
                }
                other => {
                    let told = format!("'{other}' of dataframe_split is not understood");
                    return Err(keep(filler, ScoreError::form(told)));
                }
            }
        }
        done.ok_or_else(|| {
            let told = "dataframe_split has no data";
            keep(filler, ScoreError::form(told))
        })
    }
}

fn told(scored: &Scored, form: Form) -> Result<String, ScoreError> {
    match form {
        Form::Json => Ok(json_told(scored)),
        Form::Csv => lines::csv(scored),
        Form::JsonLines => lines::json_lines(scored),
    }
}

fn json_told(scored: &Scored) -> String {
    let mut out = String::from("{\"predictions\":");
    let (predicted, classes) = (&scored.predicted, &scored.slot.classes);
    let is_wanted = predicted.about.probabilities == Some(true);
    if is_wanted && predicted.about.is_of_vertex {
        // Its service passes nothing on beside this list.
        vertex::predictions(&mut out, scored);
    } else {
        write::predictions(&mut out, predicted, classes);
        if is_wanted {
            out.push_str(",\"probabilities\":");
            write::probabilities(&mut out, &predicted.predictions, classes);
        }
    }
    further(&mut out, scored);
    out.push('}');
    out
}

/// The name under which clients of SageMaker raise an error: what the model's container says is `ModelError`.
fn name_for_sagemaker(error: &ScoreError) -> &'static str {
    match error {
        ScoreError::Record(_) => "InternalFailure",
        error => match error.status() {
            StatusCode::NOT_FOUND => "ValidationError",
            StatusCode::TOO_MANY_REQUESTS => "ThrottlingException",
            StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
            _ => MODEL_ERROR,
        },
    }
}

/// As MLflow's scoring server tells errors, and under the header by which clients of SageMaker know them.
pub(super) fn refusal(error: &ScoreError) -> Response {
    let known = match error.status() {
        StatusCode::NOT_FOUND => "RESOURCE_DOES_NOT_EXIST",
        StatusCode::TOO_MANY_REQUESTS => "REQUEST_LIMIT_EXCEEDED",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => "TEMPORARILY_UNAVAILABLE",
        status if status.is_server_error() => "INTERNAL_ERROR",
        _ => "BAD_REQUEST",
    };
    let name = name_for_sagemaker(error);
    let mut body =
        json!({ "error_code": known, "code": error.code(), "message": error.to_string() });
    if name == MODEL_ERROR {
        body["OriginalStatusCode"] = json!(error.status().as_u16());
        body["OriginalMessage"] = json!(error.to_string());
    }
    let mut response = refused(error, &body.to_string());
    let headers = response.headers_mut();
    headers.insert(ERROR_NAME, HeaderValue::from_static(name));
    response
}
