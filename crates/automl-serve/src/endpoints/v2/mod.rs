//! The Open Inference Protocol, version 2, as Triton and KServe speak it: over REST, with tensors as JSON or as bytes, and over
//! gRPC. An endpoint is a model of it; its deployments are the model's versions, by their names or numbers.
//!
//! Each column of the model is a tensor of one value a row; a model can also be given one tensor of rows by columns. The
//! outputs are `prediction` and, for classes, `probabilities`, rows by classes; of several targets `<target>` and
//! `probabilities_<target>` of each.
//!
//! Beside it stand Triton's extensions: the model repository, statistics and configurations.

mod config;
mod grpc;
mod messages;
mod metadata;
mod output;
mod parameters;
mod repository;
mod rest;
mod statistics;
mod tensor;
#[cfg(test)]
pub(super) mod testing;
mod wire;

pub(super) use grpc::read_message;
pub(super) use rest::refusal;
pub(super) use wire::read;

use super::fleet::Fleet;
use crate::routes::Routes;

/// What servers of this protocol are asked for first.
const SERVER: &str = "automl";
/// What models run on.
const PLATFORM: &str = "automl";
/// What this server knows beyond the protocol.
const EXTENSIONS: [&str; 4] = [
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "statistics",
];
/// The same where models are neither loaded nor unloaded.
const EXTENSIONS_OF_ANSWERS: [&str; 3] =
    ["binary_tensor_data", "model_configuration", "statistics"];

/// Everything, with what loads and unloads models.
pub(super) fn routes(fleet: &Fleet) -> Routes {
    answering(fleet, &EXTENSIONS).merge(repository::control(fleet))
}

/// What asks and looks alone.
pub(super) fn answers(fleet: &Fleet) -> Routes {
    answering(fleet, &EXTENSIONS_OF_ANSWERS)
}

fn answering(fleet: &Fleet, extensions: &'static [&'static str]) -> Routes {
    rest::routes(extensions)
        .merge(grpc::routes(fleet, extensions))
        .merge(repository::routes(fleet))
        .merge(statistics::routes(fleet))
        .merge(config::routes(fleet))
}
