//! Runs of prompts that were tried on MLflow's pages: what was asked and answered, kept as a run with a model.

use super::artifacts::write_of;
use super::{VERSION, wire};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::routes::{Routes, post};
use crate::state::App;
use automl_store::rfc3339;
use automl_store::tracking::experiments::{DEFAULT_WORKSPACE, id_of};
use automl_store::tracking::log::{self, Batch};
use automl_store::tracking::runs::{self, Change, NewRun, RunInfo};
use automl_store::tracking::{KeyValue, TrackingError, new_id, now_ms, search};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde_json::{Map, Value, json};

pub(super) fn router() -> Routes {
    Routes::new().route(
        "/runs/create-promptlab-run",
        post(create).editor("Keep a prompt that was tried as a run"),
    )
}

/// A prompt with what went into it and what came of it.
struct Prompt {
    template: String,
    parameters: Vec<KeyValue>,
    route: String,
    model_parameters: Vec<KeyValue>,
    input: String,
    output: Value,
    output_parameters: Vec<KeyValue>,
}

async fn create(State(app): State<App>, fields: Fields) -> Result<Json<Value>, ApiError> {
    let given = |name: &str| match fields.value(name) {
        Some(Value::String(text)) if text.is_empty() => Err(must(name)),
        Some(Value::Array(items)) if items.is_empty() => Err(must(name)),
        None => Err(must(name)),
        Some(_) => Ok(()),
    };
    for name in [
        "experiment_id",
        "prompt_template",
        "prompt_parameters",
        "model_route",
        "model_input",
        "mlflow_version",
    ] {
        given(name)?;
    }
    let new = NewRun {
        experiment_id: id_of(&fields.required("experiment_id")?)?,
        name: fields.text("run_name")?,
        user_id: fields.text("user_id")?.unwrap_or_else(|| "unknown".into()),
        start_ms: Some(fields.int("start_time")?.unwrap_or_else(now_ms)),
        tags: fields.pairs("tags")?,
    };
    let prompt = Prompt {
        template: fields.required("prompt_template")?,
        parameters: texts(&fields, "prompt_parameters")?,
        route: fields.required("model_route")?,
        model_parameters: texts(&fields, "model_parameters")?,
        input: fields.required("model_input")?,
        output: fields.value("model_output").cloned().unwrap_or_default(),
        output_parameters: texts(&fields, "model_output_parameters")?,
    };
    let batch = prompt.batch();
    log::check(&batch)?;
    let run = app
        .db
        .write(move |sql| {
            let run = runs::create(sql, DEFAULT_WORKSPACE, &new)?;
            log::log(sql, DEFAULT_WORKSPACE, &run.id, &batch)?;
            Ok::<_, TrackingError>(run)
        })
        .await?;
    let written = write(&app, &run, &prompt).await;
    let status = if written.is_ok() {
        "FINISHED"
    } else {
        "FAILED"
    };
    let found = app
        .db
        .write(move |sql| {
            let change = Change {
                status: Some(status.into()),
                end_ms: Some(now_ms()),
                name: None,
            };
            let run = runs::update(sql, DEFAULT_WORKSPACE, &run.id, &change)?;
            search::whole(sql, vec![run])
        })
        .await?;
    written?;
    Ok(Json(json!({ "run": found.first().map(wire::run) })))
}

fn must(name: &str) -> ApiError {
    ApiError::invalid(format!("CreatePromptlabRun request must specify {name}."))
}

/// Keys with values of any kind, as texts.
fn texts(fields: &Fields, name: &str) -> Result<Vec<KeyValue>, ApiError> {
    fields.objects(name, |pair| {
        Ok(KeyValue {
            key: pair.required("key")?,
            value: match pair.value("value") {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => String::new(),
            },
        })
    })
}

async fn write(app: &App, run: &RunInfo, prompt: &Prompt) -> Result<(), ApiError> {
    for (path, text) in prompt.files(&run.id)? {
        write_of(app, &run.artifact_uri, path, Body::from(text)).await?;
    }
    Ok(())
}

const TABLE: &str = "eval_results_table.json";

fn object(pairs: &[KeyValue]) -> Map<String, Value> {
    let pair = |pair: &KeyValue| (pair.key.clone(), pair.value.clone().into());
    pairs.iter().map(pair).collect()
}

impl Prompt {
    fn batch(&self) -> Batch {
        let pair = |key: &str, value: String| KeyValue {
            key: key.to_owned(),
            value,
        };
        let mut params = self.model_parameters.clone();
        params.push(pair("model_route", self.route.clone()));
        params.push(pair("prompt_template", self.template.clone()));
        Batch {
            params,
            tags: vec![
                pair(
                    "mlflow.loggedArtifacts",
                    format!(r#"[{{"path": "{TABLE}", "type": "table"}}]"#),
                ),
                pair("mlflow.runSourceType", "PROMPT_ENGINEERING".into()),
            ],
            ..Batch::default()
        }
    }

    /// The table of what was asked and answered, and a model that MLflow's client can load. YAML takes JSON as it is.
    fn files(&self, run_id: &str) -> Result<Vec<(&'static str, String)>, ApiError> {
        let requirement = format!("mlflow[gateway]=={VERSION}");
        let conda = json!({
            "channels": ["conda-forge"],
            "dependencies": ["pip", { "pip": [&requirement] }],
            "name": "mlflow-env",
        });
        let parameters = json!({
            "prompt_template": self.template,
            "prompt_parameters": object(&self.parameters),
            "model_parameters": object(&self.model_parameters),
            "model_route": self.route,
        });
        Ok(vec![
            (TABLE, self.table().to_string()),
            ("model/MLmodel", self.model(run_id)?.to_string()),
            ("model/parameters.yaml", parameters.to_string()),
            ("model/conda.yaml", conda.to_string()),
            (
                "model/python_env.yaml",
                json!({ "dependencies": ["-r requirements.txt"] }).to_string(),
            ),
            ("model/requirements.txt", requirement),
        ])
    }

    fn table(&self) -> Value {
        let names = |pairs: &[KeyValue]| -> Vec<Value> {
            pairs.iter().map(|pair| pair.key.clone().into()).collect()
        };
        let values = |pairs: &[KeyValue]| -> Vec<Value> {
            pairs.iter().map(|pair| pair.value.clone().into()).collect()
        };
        let mut columns = names(&self.parameters);
        columns.extend(["prompt".into(), "output".into()]);
        columns.extend(names(&self.output_parameters));
        let mut row = values(&self.parameters);
        row.extend([self.input.clone().into(), self.output.clone()]);
        row.extend(values(&self.output_parameters));
        json!({ "columns": columns, "data": [row] })
    }

    fn model(&self, run_id: &str) -> Result<Value, ApiError> {
        let column = |name: &str| json!({ "type": "string", "name": name, "required": true });
        let inputs: Value = (self.parameters.iter())
            .map(|pair| column(&pair.key))
            .collect();
        Ok(json!({
            "artifact_path": "model",
            "flavors": { "python_function": {
                "env": { "conda": "conda.yaml", "virtualenv": "python_env.yaml" },
                "loader_module": "mlflow.prompt.promptlab_model",
                "parameters_path": "parameters.yaml",
            } },
            "mlflow_version": VERSION,
            "model_uuid": new_id()?,
            "run_id": run_id,
            "signature": {
                "inputs": inputs.to_string(),
                "outputs": json!([column("output")]).to_string(),
                "params": null,
            },
            "utc_time_created": rfc3339(now_ms() * 1000).replace('T', " ").replace('Z', ""),
        }))
    }
}
