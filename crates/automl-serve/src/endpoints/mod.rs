//! Endpoints: models that answer over HTTP and gRPC.
//!
//! What is deployed is in the record; [`Fleet`] holds what answers now, and [`Keeper`] brings the one after the other. A
//! request finds its endpoint in a snapshot, a deployment by its key, a model in memory; its body goes straight into the
//! columns of a table, and is scored on the thread that read it if that is a matter of microseconds. How models are read is
//! said by whoever starts the server ([`LoadModel`]).

mod admission;
mod agree;
mod batch;
mod bodies;
mod body;
mod cache;
mod capture;
mod columns;
mod error;
mod filler;
mod fleet;
mod json;
mod keeper;
mod lines;
mod live;
mod model;
mod numbers;
mod plain;
mod protocol;
mod queue;
mod rest;
mod root;
mod score;
mod scoring;
mod split;
#[cfg(test)]
pub(crate) mod tests;
mod v2;
mod vertex;
mod view;
mod wanted;
mod write;

pub(crate) use admission::check_room;
pub use bodies::read_body;
pub(crate) use cache::Loading;
pub(crate) use capture::{Captor, Keeping};
pub use capture::{Truth, TruthError, check_truth, keep_truths, same_row};
use error::ScoreError;
pub(crate) use fleet::Fleet;
pub(crate) use keeper::Keeper;
pub(crate) use live::{Live, Slot};
pub use model::{Bounds, LoadError, LoadModel, LoadedModel, ModelFacts, WriteStream};
pub(crate) use numbers::Numbers;
pub(crate) use protocol::{Protocol, Refused};
pub(crate) use root::reached;
pub use root::{RootEndpoint, ServedPath, ServedPathError};

use crate::mlflow;
use crate::routes::{Routes, get, post};
use axum::http::Method;
use axum::response::Response;

pub(crate) fn routes(fleet: &Fleet) -> Routes {
    rest::routes().merge(predictions()).merge(v2::routes(fleet))
}

/// Predictions alone, without what changes endpoints.
pub(crate) fn answers(fleet: &Fleet) -> Routes {
    predictions()
        .merge(v2::answers(fleet))
        // What the record is told with, where that is served too.
        .route(
            "/version",
            get(async || mlflow::VERSION)
                .open("The version of MLflow as whose scoring server this answers"),
        )
}

/// What no route answers below the paths of these protocols, told in the form of each.
pub(crate) fn nowhere(method: &Method, path: &str) -> Option<Response> {
    let is_below = |start: &str| {
        let rest = path.strip_prefix(start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let error = ScoreError::Nowhere {
        what: format!("{method} {path}"),
    };
    if is_below("/v2") {
        return Some(v2::refusal(&error));
    }
    if is_below("/v1") {
        return Some(vertex::refusal(&error));
    }
    // A browser looks at an endpoint by GET.
    (is_below("/endpoints") && method != Method::GET).then(|| plain::refusal(&error))
}

/// The protocols in which predictions are asked for.
fn predictions() -> Routes {
    Routes::new()
        .route(
            "/endpoints/{name}/predict",
            post(plain::predict)
                .viewer("Predicts rows, or columns: prediction and probabilities of each row; as an Arrow stream for who accepts one")
                .bounded(),
        )
        .route(
            "/endpoints/{name}/feedback",
            post(capture::feedback)
                .editor("Takes what turned out to be true of rows that were predicted")
                .bounded(),
        )
        .route(
            "/endpoints/{name}/invocations",
            post(scoring::invocations)
                .viewer("Predicts as MLflow's scoring server and SageMaker's endpoints do")
                .bounded(),
        )
        .route(
            root::INVOCATIONS,
            post(scoring::root_invocations)
                .viewer("Predicts by the endpoint of the root, as a container of SageMaker does")
                .bounded(),
        )
        .route(
            root::PING,
            get(scoring::root_ping).viewer("Whether the endpoint of the root would answer"),
        )
        .route(
            "/endpoints/{name}/ping",
            get(scoring::ping).viewer("Whether an endpoint would answer"),
        )
        .route(
            "/endpoints/{name}/version",
            get(scoring::version)
                .viewer("The version of MLflow as whose scoring server an endpoint answers"),
        )
        .route(
            "/v1/projects/{project}/locations/{location}/endpoints/{call}",
            post(vertex::predict)
                .viewer("Predicts as Vertex AI does: the endpoint's name with :predict behind it")
                .bounded(),
        )
}
