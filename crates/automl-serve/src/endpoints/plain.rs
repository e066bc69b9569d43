//! Our own protocol: rows as JSON objects, or columns; predictions and probabilities column by column.

use super::batch::{About, Batch};
use super::body::Ask;
use super::error::{COME_AGAIN_S, ScoreError};
use super::filler::Filler;
use super::json::{ColumnsSeed, Key, RowsSeed, keep, within};
use super::model::{LoadedModel, TableForm};
use super::score::{Scored, score};
use super::scoring::from_table;
use super::write;
use crate::state::App;
use automl_core::{Coded, Predictions};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use std::fmt;

/// Intervals of one request.
pub(super) const COVERAGES_MAX: usize = 16;
/// What an Arrow stream is called.
const ARROW: &str = "application/vnd.apache.arrow.stream";

/// `POST /endpoints/{name}/predict`.
pub(super) async fn predict(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match answered(&app, &name, request).await {
        Ok(text) => json_answer(text),
        Err(error) => refusal(&error),
    }
}

async fn answered(app: &App, name: &str, request: Request) -> Result<String, ScoreError> {
    let ask = Ask::whole(request).await?;
    let read_body = reader(&ask)?;
    let body = ask.body.clone();
    let read = move |model: &LoadedModel| read_body(&body, model);
    score(&app.fleet, ask.asked(name)?, read, |scored| {
        Ok(told(scored))
    })
    .await
}

type Reader = fn(&[u8], &LoadedModel) -> Result<Batch, ScoreError>;

/// What reads a body of the kind that it is said to be.
fn reader(ask: &Ask) -> Result<Reader, ScoreError> {
    match ask.kind().as_str() {
        "" | "application/json" => Ok(read),
        ARROW => Ok(|body, model| from_table(body, TableForm::Arrow, model)),
        other => Err(ScoreError::ContentKind {
            found: other.to_owned(),
            wanted: "application/json or application/vnd.apache.arrow.stream",
        }),
    }
}

/// Reads `{"rows": [{…}]}` or `{"columns": {…}}`, perhaps with a `threshold` and probabilities of an `interval`.
pub(crate) fn read(body: &[u8], model: &LoadedModel) -> Result<Batch, ScoreError> {
    let mut filler = Filler::new(&model.facts, &*model.reader);
    let wanted = within(body, &mut filler, |filler, json| {
        json.deserialize_map(Body(filler))
    })?;
    Ok(Batch {
        table: filler.finish(),
        threshold: wanted.threshold,
        coverages: wanted.coverages,
        about: About::default(),
    })
}

/// What is wanted beside predictions.
#[derive(Default)]
struct Wanted {
    threshold: Option<f64>,
    coverages: Vec<f64>,
}

/// One number or some.
fn probabilities(given: &Value) -> Option<Vec<f64>> {
    match given {
        Value::Array(list) => list.iter().map(Value::as_f64).collect(),
        one => Some(vec![one.as_f64()?]),
    }
}

/// The object that a body is; gives what is wanted.
struct Body<'f, 'm>(&'f mut Filler<'m>);

impl<'de> Visitor<'de> for Body<'_, '_> {
    type Value = Wanted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with rows or columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wanted, A::Error> {
        let filler = self.0;
        let (mut has_rows, mut wanted) = (false, Wanted::default());
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
                "threshold" => wanted.threshold = map.next_value()?,
                "interval" => {
                    let given: Value = map.next_value()?;
                    let Some(coverages) = probabilities(&given) else {
                        let told = "interval is a probability, or a list of some";
                        return Err(keep(filler, ScoreError::form(told)));
                    };
                    wanted.coverages = coverages;
                }
                other => {
                    let told = format!(
                        "'{other}' is not understood; a body has rows or columns, and perhaps threshold and interval"
                    );
                    return Err(keep(filler, ScoreError::form(told)));
                }
            }
            has_rows |= ["rows", "columns"].contains(&key);
        }
        if !has_rows {
            return Err(keep(
                filler,
                ScoreError::form("the body has neither rows nor columns"),
            ));
        }
        let is_probability = |value: f64| (0.0..=1.0).contains(&value);
        if wanted.threshold.is_some_and(|value| !is_probability(value)) {
            return Err(keep(filler, ScoreError::form("a threshold is from 0 to 1")));
        }
        if wanted.coverages.len() > COVERAGES_MAX {
            let told = format!("at most {COVERAGES_MAX} intervals are told");
            return Err(keep(filler, ScoreError::form(told)));
        }
        Ok(wanted)
    }
}

fn told(scored: &Scored) -> String {
    let task = &scored.warm.loaded.facts.task;
    let mut out = String::with_capacity(256);
    out.push_str(&scored.slot.head);
    out.push_str(",\"prediction\":");
    write::predictions(&mut out, &scored.predicted, task);
    if let Predictions::Probabilities { n_classes, values } = &scored.predicted.predictions {
        out.push_str(",\"probabilities\":{");
        for (code, class) in task.classes().iter().enumerate() {
            if code > 0 {
                out.push(',');
            }
            write::text(&mut out, class);
            out.push(':');
            let column = values.iter().skip(code).step_by(*n_classes);
            write::list(&mut out, column, |out, value| write::number(out, *value));
        }
        out.push('}');
    }
    if !scored.predicted.intervals.is_empty() {
        out.push_str(",\"intervals\":");
        write::list(&mut out, &scored.predicted.intervals, |out, interval| {
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
    out.push('}');
    out
}

/// A text that is JSON already, as an answer.
pub(super) fn json_answer(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
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
    if error.may_come_again() {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(COME_AGAIN_S));
    }
    response
}
