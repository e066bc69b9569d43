//! What turned out to be true of rows that were predicted.

use super::super::body::Ask;
use super::super::error::ScoreError;
use super::super::plain::{json_answer, refusal};
use super::Truth;
use crate::state::App;
use automl_core::Clock;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    truths: Vec<Given>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    request_id: String,
    #[serde(default)]
    row: u32,
    truth: Value,
}

/// `POST /endpoints/{name}/feedback`.
pub(in super::super) async fn feedback(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match taken(&app, &name, request).await {
        Ok(n_truths) => json_answer(json!({ "accepted": n_truths }).to_string()),
        Err(error) => refusal(&error),
    }
}

async fn taken(app: &App, name: &str, request: Request) -> Result<usize, ScoreError> {
    let ask = Ask::whole(request).await?;
    ask.check_json()?;
    let live = app.fleet.find(name)?;
    let truths = read(&ask.body)?;
    let n_truths = truths.len();
    let captor = app.fleet.captor();
    if !captor.keep_truths(&live.name, Clock::unix_micros(), truths) {
        let endpoint = live.name.clone();
        return Err(ScoreError::NotKept { endpoint });
    }
    Ok(n_truths)
}

/// Reads `{"truths": [{"request_id": "…", "row": 0, "truth": "yes"}]}`.
pub(in super::super) fn read(body: &[u8]) -> Result<Vec<Truth>, ScoreError> {
    let given: Feedback = serde_json::from_slice(body).map_err(|error| ScoreError::Json {
        reason: error.to_string(),
    })?;
    let truth = |(place, given): (usize, Given)| {
        let truth = match given.truth {
            Value::String(text) => text,
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                let told = format!("truths[{place}].truth is no text, number or truth value");
                return Err(ScoreError::form(told));
            }
        };
        if given.request_id.is_empty() {
            let told = format!(
                "truths[{place}].request_id is empty; it is in the head of each answer, as x-request-id"
            );
            return Err(ScoreError::form(told));
        }
        Ok(Truth {
            request_id: given.request_id,
            row: given.row,
            truth,
        })
    };
    given.truths.into_iter().enumerate().map(truth).collect()
}
