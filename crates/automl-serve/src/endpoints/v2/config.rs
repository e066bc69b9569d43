//! Triton's extension of model configurations: tensors under the names and numbers of its `ModelConfig`.
//!
//! Rows are the first dimension of each tensor and are not counted apart, so the greatest batch is told as 0, as Triton does of
//! models whose shapes are whole.

use super::super::error::ScoreError;
use super::super::fleet::Fleet;
use super::PLATFORM;
use super::grpc::status;
use super::messages::ModelRequest;
use super::metadata::metadata;
use super::rest::told;
use crate::routes::{Routes, get, grpc};
use crate::state::App;
use crate::unary::unary;
use axum::extract::{Path, State};
use axum::response::Response;
use prost::Message;
use serde::{Serialize, Serializer};

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConfigAnswer {
    #[prost(message, optional, tag = "1")]
    pub(super) config: Option<Config>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Config {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) platform: String,
    #[prost(int32, tag = "4")]
    pub(super) max_batch_size: i32,
    #[prost(message, repeated, tag = "5")]
    pub(super) input: Vec<Input>,
    #[prost(message, repeated, tag = "6")]
    pub(super) output: Vec<Output>,
    #[prost(string, tag = "17")]
    pub(super) backend: String,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Input {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "2")]
    #[serde(serialize_with = "named")]
    pub(super) data_type: i32,
    #[prost(int64, repeated, tag = "4")]
    pub(super) dims: Vec<i64>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Output {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "2")]
    #[serde(serialize_with = "named")]
    pub(super) data_type: i32,
    #[prost(int64, repeated, tag = "3")]
    pub(super) dims: Vec<i64>,
}

/// Datatypes of the protocol, with the number and the name that configurations have for them.
const DATATYPES: [(&str, i32, &str); 3] = [
    ("BOOL", 1, "TYPE_BOOL"),
    ("FP64", 12, "TYPE_FP64"),
    ("BYTES", 13, "TYPE_STRING"),
];

fn number(datatype: &str) -> i32 {
    let mut known = DATATYPES.iter();
    known
        .find(|(name, ..)| *name == datatype)
        .map_or(0, |(_, number, _)| *number)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is that of serde"
)]
fn named<S: Serializer>(number: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    let mut known = DATATYPES.iter();
    let name = known.find(|(_, own, _)| own == number);
    serializer.serialize_str(name.map_or("TYPE_INVALID", |(.., name)| name))
}

pub(super) fn routes(fleet: &Fleet) -> Routes {
    const ABOUT: &str = "The tensors of an endpoint, as Triton configures models";
    let fleet = fleet.clone();
    Routes::new()
        .route("/v2/models/{name}/config", get(of_model).viewer(ABOUT))
        .route(
            "/v2/models/{name}/versions/{version}/config",
            get(of_version).viewer(ABOUT),
        )
        .service(
            &super::grpc::path("ModelConfig"),
            unary(move |ask: ModelRequest| {
                let fleet = fleet.clone();
                async move {
                    match config(&fleet, &ask.name, &ask.version).await {
                        Ok(config) => Ok(ConfigAnswer {
                            config: Some(config),
                        }),
                        Err(error) => Err(status(&error)),
                    }
                }
            }),
            grpc().viewer(ABOUT),
        )
}

async fn config(fleet: &Fleet, name: &str, version: &str) -> Result<Config, ScoreError> {
    let found = metadata(fleet, name, version).await?;
    let inputs = found.inputs.into_iter();
    let outputs = found.outputs.into_iter();
    Ok(Config {
        name: found.name,
        platform: PLATFORM.into(),
        max_batch_size: 0,
        input: inputs
            .map(|(name, datatype, dims)| Input {
                name,
                data_type: number(datatype),
                dims,
            })
            .collect(),
        output: outputs
            .map(|(name, datatype, dims)| Output {
                name,
                data_type: number(datatype),
                dims,
            })
            .collect(),
        backend: PLATFORM.into(),
    })
}

async fn of_model(State(app): State<App>, Path(name): Path<String>) -> Response {
    told(config(&app.fleet, &name, "").await)
}

async fn of_version(
    State(app): State<App>,
    Path((name, version)): Path<(String, String)>,
) -> Response {
    told(config(&app.fleet, &name, &version).await)
}
