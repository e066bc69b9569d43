//! The protocol of Vertex AI's prediction service: instances in, perhaps with parameters, predictions and the id of the deployed model
//! out. What is told beside predictions stands in their metadata, which its clients pass on.

use super::batch::Batch;
use super::body::Ask;
use super::error::ScoreError;
use super::filler::Filler;
use super::json::{Key, RowsSeed, keep, within};
use super::model::LoadedModel;
use super::plain::{further, json_answer, refused};
use super::score::{Scored, score};
use super::scoring::take_params;
use super::wanted::Wanted;
use super::write;
use crate::state::App;
use automl_core::{Predictions, Task};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use std::fmt;

/// The one method of an endpoint.
const METHOD: &str = ":predict";

/// `POST /v1/projects/{project}/locations/{location}/endpoints/{name}:predict`.
pub(super) async fn predict(
    State(app): State<App>,
    Path((_project, _location, call)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    match answered(&app, &call, request).await {
        Ok(text) => json_answer(text),
        Err(error) => refusal(&error),
    }
}

async fn answered(app: &App, call: &str, request: Request) -> Result<String, ScoreError> {
    let Some(name) = call.strip_suffix(METHOD) else {
        let (name, other) = call.split_once(':').unwrap_or((call, ""));
        let not_there = match other {
            "" => String::new(),
            other => format!("':{other}' is not there; "),
        };
        return Err(ScoreError::form(format!(
            "{not_there}an endpoint is asked by POST …/{name}{METHOD}, perhaps with \"parameters\": {{\"explain\": true}}"
        )));
    };
    let ask = Ask::whole(request).await?;
    ask.check_json()?;
    let body = ask.body.clone();
    let read = move |model: &LoadedModel| read(&body, model);
    score(&app.fleet, ask.asked(name)?, read, |scored| {
        Ok(told(scored))
    })
    .await
}

/// Reads `{"instances": […]}`, perhaps with what is wanted as `parameters`.
pub(crate) fn read(body: &[u8], model: &LoadedModel) -> Result<Batch, ScoreError> {
    let mut filler = Filler::new(&model.facts, &*model.reader);
    let wanted = within(body, &mut filler, |filler, json| {
        json.deserialize_map(Body(filler))
    })?;
    Ok(Batch::from(filler.finish()).wanting(wanted))
}

/// The object that a body is; gives what is wanted.
struct Body<'f, 'm>(&'f mut Filler<'m>);

impl<'de> Visitor<'de> for Body<'_, '_> {
    type Value = Wanted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with instances")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wanted, A::Error> {
        let filler = self.0;
        let mut wanted = Wanted::default();
        let mut is_done = false;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match &*key.0 {
                "instances" if !is_done => {
                    map.next_value_seed(RowsSeed {
                        filler: &mut *filler,
                        order: None,
                    })?;
                    is_done = true;
                }
                "parameters" => {
                    let given: Value = map.next_value()?;
                    let taken = take_params(&mut wanted, "parameters", &given);
                    taken.map_err(|problem| keep(filler, problem))?;
                }
                other => {
                    let told = format!("'{other}' is not understood; a body has instances, once");
                    return Err(keep(filler, ScoreError::form(told)));
                }
            }
        }
        if is_done {
            return Ok(wanted);
        }
        Err(keep(filler, ScoreError::form("the body has no instances")))
    }
}

/// What is said of each row, as tabular models there do: classes with scores, a value, or quantiles beside their levels.
fn rows(predictions: &Predictions, task: &Task) -> Vec<String> {
    let mut classes = String::new();
    write::list(&mut classes, task.classes(), |out, class| {
        write::text(out, class);
    });
    let told = |row: &[f64]| {
        let numbers =
            |out: &mut String| write::list(out, row, |out, value| write::number(out, *value));
        let mut out = String::new();
        match predictions {
            Predictions::Numbers(_) | Predictions::Several { .. } => {
                out.push_str("{\"value\":");
                write::number(&mut out, row[0]);
            }
            Predictions::Quantiles { levels, .. } => {
                out.push_str("{\"quantileValues\":");
                let shares = levels.iter().map(|level| level.share());
                write::list(&mut out, shares, write::number);
                out.push_str(",\"quantilePredictions\":");
                numbers(&mut out);
            }
            Predictions::Probabilities { .. } => {
                out.push_str("{\"classes\":");
                out.push_str(&classes);
                out.push_str(",\"scores\":");
                numbers(&mut out);
            }
        }
        out.push('}');
        out
    };
    let rows = predictions.values().chunks_exact(predictions.width());
    rows.map(told).collect()
}

/// Predictions row by row, as a list, with the class where the request says how it is decided for; of several targets an object with
/// what is said of each.
pub(super) fn predictions(out: &mut String, scored: &Scored) {
    let task = &scored.warm.loaded.facts.task;
    if task.targets().is_empty() {
        let mut told = rows(&scored.predicted.predictions, task);
        if scored.predicted.about.is_decided {
            for (row, code) in told.iter_mut().zip(&scored.predicted.codes) {
                row.pop();
                row.push_str(",\"prediction\":");
                row.push_str(scored.slot.classes.label(*code));
                row.push('}');
            }
        }
        write::list(out, told, |out, row| out.push_str(&row));
    } else {
        let targets = task.targets().iter().enumerate();
        let mut told: Vec<(&str, std::vec::IntoIter<String>)> = targets
            .map(|(place, one)| {
                let own = scored.predicted.predictions.of_target(place);
                (one.target.as_str(), rows(&own, &one.task).into_iter())
            })
            .collect();
        let n_rows = scored.predicted.predictions.n_rows();
        write::list(out, 0..n_rows, |out, _row| {
            for (place, (name, own)) in told.iter_mut().enumerate() {
                out.push(if place > 0 { ',' } else { '{' });
                write::text(out, name);
                out.push(':');
                out.push_str(&own.next().unwrap_or_default());
            }
            out.push('}');
        });
    }
}

fn told(scored: &Scored) -> String {
    let deployment = &scored.slot.deployment;
    let mut out = String::from("{\"predictions\":");
    if scored.predicted.about.probabilities == Some(false) {
        write::predictions(&mut out, &scored.predicted, &scored.slot.classes);
    } else {
        predictions(&mut out, scored);
    }
    out.push_str(",\"metadata\":{\"endpoint\":");
    write::text(&mut out, &scored.live.name);
    further(&mut out, scored);
    out.push('}');
    let rest = json!({
        "deployedModelId": deployment.name,
        "model": format!("{}/{}", deployment.model, deployment.version),
        "modelDisplayName": deployment.model,
        "modelVersionId": deployment.version.to_string(),
    });
    out.push(',');
    // The rest of the same object.
    out.push_str(rest.to_string().trim_start_matches('{'));
    out
}

/// As Google's services tell errors.
pub(super) fn refusal(error: &ScoreError) -> Response {
    let status = match error.status() {
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::TOO_MANY_REQUESTS => "RESOURCE_EXHAUSTED",
        StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
        StatusCode::GATEWAY_TIMEOUT => "DEADLINE_EXCEEDED",
        status if status.is_server_error() => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    let body = json!({ "error": {
        "code": error.status().as_u16(),
        "message": error.to_string(),
        "status": status,
    } });
    refused(error, &body.to_string())
}
