//! The protocol of Vertex AI's prediction service: instances in, predictions and the id of the deployed model out.

use super::batch::Batch;
use super::body::Ask;
use super::error::ScoreError;
use super::filler::Filler;
use super::json::{Key, RowsSeed, keep, within};
use super::model::LoadedModel;
use super::plain::{json_answer, refused};
use super::score::{Scored, score};
use super::write;
use crate::state::App;
use automl_core::Predictions;
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
        return Err(ScoreError::form(format!(
            "an endpoint is asked by POST …/{call}{METHOD}"
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

/// Reads `{"instances": […]}`.
pub(crate) fn read(body: &[u8], model: &LoadedModel) -> Result<Batch, ScoreError> {
    let mut filler = Filler::new(&model.facts, &*model.reader);
    within(body, &mut filler, |filler, json| {
        json.deserialize_map(Body(filler))
    })?;
    Ok(filler.finish().into())
}

/// The object that a body is.
struct Body<'f, 'm>(&'f mut Filler<'m>);

impl<'de> Visitor<'de> for Body<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with instances")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let filler = self.0;
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
                    if !given.is_null() && given != json!({}) {
                        let told = "the model takes no parameters";
                        return Err(keep(filler, ScoreError::form(told)));
                    }
                }
                other => {
                    let told = format!("'{other}' is not understood; a body has instances, once");
                    return Err(keep(filler, ScoreError::form(told)));
                }
            }
        }
        if is_done {
            return Ok(());
        }
        Err(keep(filler, ScoreError::form("the body has no instances")))
    }
}

/// Predictions as those of tabular models there: classes with scores, or a value.
fn told(scored: &Scored) -> String {
    let deployment = &scored.slot.deployment;
    let mut out = String::from("{\"predictions\":");
    match &scored.predicted.predictions {
        Predictions::Numbers(values) => write::list(&mut out, values, |out, value| {
            out.push_str("{\"value\":");
            write::number(out, *value);
            out.push('}');
        }),
        Predictions::Quantiles { levels, values } => {
            let rows = values.chunks_exact(levels.len());
            write::list(&mut out, rows, |out, row| {
                out.push_str("{\"quantiles\":");
                write::list(out, row, |out, value| write::number(out, *value));
                out.push('}');
            });
        }
        Predictions::Probabilities { n_classes, values } => {
            let mut classes = String::new();
            let names = scored.warm.loaded.facts.task.classes();
            write::list(&mut classes, names, |out, class| write::text(out, class));
            let rows = values.chunks_exact(*n_classes);
            write::list(&mut out, rows, |out, row| {
                out.push_str("{\"classes\":");
                out.push_str(&classes);
                out.push_str(",\"scores\":");
                write::list(out, row, |out, value| write::number(out, *value));
                out.push('}');
            });
        }
    }
    let rest = json!({
        "deployedModelId": deployment.name,
        "model": format!("{}/{}", deployment.model, deployment.version),
        "modelDisplayName": deployment.model,
        "modelVersionId": deployment.version.to_string(),
        "metadata": { "endpoint": scored.live.name },
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
