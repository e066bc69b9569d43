//! The data and models that runs read and made.

use crate::error::ApiError;
use crate::fields::{Fields, absent};
use crate::routes::{Routes, post};
use crate::state::App;
use automl_store::tracking::experiments::{DEFAULT_WORKSPACE, id_of};
use automl_store::tracking::inputs::{self, Dataset, DatasetInput, Direction, ModelLink};
use automl_store::tracking::{TrackingError, log, runs};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

pub(super) fn router() -> Routes {
    Routes::new()
        .route(
            "/runs/log-inputs",
            post(log_inputs).editor("Log the datasets and models that a run read"),
        )
        .route(
            "/runs/log-model",
            post(log_model).editor("Tell of a model in a tag of the run that logged it"),
        )
        .route(
            "/runs/outputs",
            post(log_outputs).editor("Log the models that a run made"),
        )
        .route(
            "/experiments/search-datasets",
            post(search_datasets).viewer("The datasets of some experiments"),
        )
}

type Answer = Result<Json<Value>, ApiError>;

/// Experiments asked for at once, and datasets of an answer.
const EXPERIMENTS_MAX: usize = 20;
const SUMMARIES_MAX: usize = 1000;

fn dataset_input(fields: &Fields) -> Result<DatasetInput, ApiError> {
    let dataset = fields.object("dataset")?.ok_or_else(|| absent("dataset"))?;
    Ok(DatasetInput {
        dataset: Dataset {
            name: dataset.required("name")?,
            digest: dataset.required("digest")?,
            source_type: dataset.required("source_type")?,
            source: dataset.required("source")?,
            schema: dataset.text("schema")?,
            profile: dataset.text("profile")?,
        },
        tags: fields.pairs("tags")?,
    })
}

fn link(fields: &Fields) -> Result<ModelLink, ApiError> {
    Ok(ModelLink {
        model_id: fields.required("model_id")?,
        step: fields.int("step")?.unwrap_or(0),
    })
}

async fn log_inputs(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    let datasets = fields.objects("datasets", dataset_input)?;
    let models = fields.objects("models", link)?;
    inputs::check(&datasets)?;
    app.db
        .write(move |sql| {
            let run = runs::active(sql, DEFAULT_WORKSPACE, &id)?;
            inputs::log_datasets(sql, &run, &datasets)?;
            inputs::log_models(sql, &run, Direction::In, &models)
        })
        .await?;
    Ok(Json(json!({})))
}

/// What must be told of a model.
const TOLD_OF_MODELS: [&str; 4] = ["artifact_path", "flavors", "run_id", "utc_time_created"];

/// Clients older than logged models, and the writers of some flavors still, keep what they log with the run.
async fn log_model(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    let text = fields.required("model_json")?;
    let model: Value = serde_json::from_str(&text).map_err(|_not_json| {
        ApiError::invalid(format!(
            "Malformed model info. \n {text} \n is not a valid JSON."
        ))
    })?;
    let missing: Vec<&str> = TOLD_OF_MODELS
        .into_iter()
        .filter(|name| model.get(name).is_none())
        .collect();
    if !missing.is_empty() {
        return Err(ApiError::invalid(format!(
            "Model json is missing mandatory fields: {}",
            missing.join(", ")
        )));
    }
    app.db
        .write(move |sql| log::append_model(sql, DEFAULT_WORKSPACE, &id, model))
        .await?;
    Ok(Json(json!({})))
}

async fn log_outputs(State(app): State<App>, fields: Fields) -> Answer {
    let id = fields.run_id()?;
    if fields.value("models").is_none() {
        return Err(absent("models"));
    }
    let models = fields.objects("models", link)?;
    app.db
        .write(move |sql| {
            let run = runs::active(sql, DEFAULT_WORKSPACE, &id)?;
            inputs::log_models(sql, &run, Direction::Out, &models)
        })
        .await?;
    Ok(Json(json!({})))
}

pub(super) async fn search_datasets(State(app): State<App>, fields: Fields) -> Answer {
    let ids = fields.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(ApiError::invalid(
            "SearchDatasets request must specify at least one experiment_id.",
        ));
    }
    if ids.len() > EXPERIMENTS_MAX {
        return Err(ApiError::invalid(format!(
            "SearchDatasets request cannot specify more than {EXPERIMENTS_MAX} experiment_ids. Received {} experiment_ids.",
            ids.len()
        )));
    }
    let ids: Vec<i64> = ids.iter().map(|id| id_of(id)).collect::<Result<_, _>>()?;
    let found = app
        .db
        .read(move |sql| {
            let mut found = Vec::new();
            for id in ids {
                found.extend(inputs::summaries(sql, id, SUMMARIES_MAX - found.len())?);
            }
            Ok::<_, TrackingError>(found)
        })
        .await?;
    let summaries = found.iter().map(|summary| {
        let mut value = json!({
            "experiment_id": summary.experiment_id.to_string(),
            "name": summary.name,
            "digest": summary.digest,
        });
        super::wire::put(&mut value, "context", summary.context.clone());
        value
    });
    Ok(Json(
        json!({ "dataset_summaries": summaries.collect::<Value>() }),
    ))
}
