//! What turned out to be true of rows that were predicted.

use super::super::body::Ask;
use super::super::error::ScoreError;
use super::super::json::not_json;
use super::super::live::Live;
use super::super::plain::{json_answer, refusal};
use super::super::score::blocking;
use super::Truth;
use super::truth::{TRUTHS_MAX, check, same_row};
use crate::state::App;
use automl_core::{Clock, Task};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::{Value, json};
use std::fmt;

/// Ids that are told of, of those that are not known.
const UNSEEN_TOLD: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    #[serde(deserialize_with = "bounded")]
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

/// A list that is read no further than it may be long.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Given>, D::Error> {
    struct List;

    impl<'de> Visitor<'de> for List {
        type Value = Vec<Given>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of truths")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Given>, A::Error> {
            let mut all = Vec::new();
            while let Some(given) = list.next_element()? {
                if all.len() == TRUTHS_MAX {
                    let told = format!("a request has at most {TRUTHS_MAX} truths");
                    return Err(serde::de::Error::custom(told));
                }
                all.push(given);
            }
            Ok(all)
        }
    }

    deserializer.deserialize_seq(List)
}

/// `POST /endpoints/{name}/feedback`.
pub(in super::super) async fn feedback(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match taken(&app, &name, request).await {
        Ok(told) => json_answer(told.to_string()),
        Err(error) => refusal(&error),
    }
}

async fn taken(app: &App, name: &str, request: Request) -> Result<Value, ScoreError> {
    let ask = Ask::whole(request).await?;
    ask.check_json()?;
    let live = app.fleet.find(name)?;
    let fleet = app.fleet.clone();
    blocking(move || {
        let truths = read(&ask.body, &tasks(&live)?)?;
        let n_truths = truths.len();
        let captor = fleet.captor();
        let unseen = captor.unseen(&live.name, &truths);
        let unseen = unseen.map_err(|(place, odd)| wrong(place, &odd.to_string()))?;
        let taken = captor.keep_truths(&live.name, Clock::unix_micros(), truths);
        if !taken.map_err(|(place, odd)| wrong(place, &odd.to_string()))? {
            let endpoint = live.name.clone();
            return Err(ScoreError::NotKept { endpoint });
        }
        let told = &unseen[..unseen.len().min(UNSEEN_TOLD)];
        Ok(json!({ "accepted": n_truths, "n_unseen": unseen.len(), "unseen": told }))
    })
    .await
}

/// What the models of an endpoint predict, in memory or not.
///
/// # Errors
/// It has none by which truths could be checked.
fn tasks(live: &Live) -> Result<Vec<Task>, ScoreError> {
    let slots = live.slots.iter().chain(&live.shadows);
    let tasks: Vec<Task> = slots.map(|slot| slot.facts.task.clone()).collect();
    if tasks.is_empty() {
        return Err(live.not_serving());
    }
    Ok(tasks)
}

/// Reads `{"truths": [{"request_id": "…", "row": 0, "truth": "yes"}]}`, each of which must be what one of the tasks predicts.
pub(in super::super) fn read(body: &[u8], tasks: &[Task]) -> Result<Vec<Truth>, ScoreError> {
    let given: Feedback = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    let truth = |(place, given): (usize, Given)| {
        let truth = match given.truth {
            Value::String(text) => text,
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                let told = "truth is no text, number or truth value";
                return Err(wrong(place, told));
            }
        };
        let truth = Truth {
            request_id: given.request_id,
            row: given.row,
            truth,
        };
        check(truth, tasks).map_err(|odd| wrong(place, &odd.to_string()))
    };
    let truths = given.truths.into_iter().enumerate().map(truth);
    let truths: Vec<Truth> = truths.collect::<Result<_, _>>()?;
    if let Some((first, second)) = same_row(&truths) {
        let told = format!("truths[{second}] is of the same request and row as truths[{first}]");
        return Err(ScoreError::form(told));
    }
    Ok(truths)
}

/// What is wrong with the truth at a place of the list.
fn wrong(place: usize, told: &str) -> ScoreError {
    ScoreError::form(format!("truths[{place}].{told}"))
}
