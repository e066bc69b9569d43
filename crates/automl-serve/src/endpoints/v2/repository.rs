//! Triton's extension of a model repository: which models there are, and models that go from memory and come back.

use super::super::body::Ask;
use super::super::error::ScoreError;
use super::super::fleet::Fleet;
use super::super::json::not_json;
use super::super::plain::json_answer;
use super::super::score::blocking;
use super::grpc::status;
use super::messages::{Nothing, ParameterValue};
use super::rest::refusal;
use crate::routes::{Routes, grpc, post};
use crate::state::App;
use crate::unary::unary;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What callers may say of how a model is let go; models here are parts of no others.
const DEPENDENTS: &str = "unload_dependents";

#[derive(Clone, PartialEq, Message)]
pub(super) struct IndexAsk {
    #[prost(string, tag = "1")]
    pub(super) repository_name: String,
    #[prost(bool, tag = "2")]
    pub(super) ready: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Index {
    #[prost(message, repeated, tag = "1")]
    pub(super) models: Vec<Indexed>,
}

/// A deployment that answers, or an endpoint that does not.
#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Indexed {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) version: String,
    #[prost(string, tag = "3")]
    pub(super) state: String,
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
}

/// That a model is to be read, or to go.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ControlAsk {
    #[prost(string, tag = "1")]
    pub(super) repository_name: String,
    #[prost(string, tag = "2")]
    pub(super) model_name: String,
    #[prost(btree_map = "string, message", tag = "3")]
    pub(super) parameters: BTreeMap<String, ParameterValue>,
}

/// The same over REST; a body need not be there.
#[derive(Default, Deserialize)]
struct ControlBody {
    parameters: Option<BTreeMap<String, Value>>,
}

#[derive(Default, Deserialize)]
struct IndexBody {
    ready: Option<bool>,
}

/// What is there.
pub(super) fn routes(fleet: &Fleet) -> Routes {
    const INDEX: &str =
        "Endpoints and their deployments, and whether they answer (Triton's model repository)";
    let fleet = fleet.clone();
    Routes::new()
        .route("/v2/repository/index", post(index).viewer(INDEX).bounded())
        .service(
            &super::grpc::path("RepositoryIndex"),
            unary(move |ask: IndexAsk| {
                let found = check_repository(&ask.repository_name).map(|()| Index {
                    models: indexed(&fleet, ask.ready),
                });
                async move { found.map_err(|error| status(&error)) }
            }),
            grpc().viewer(INDEX),
        )
}

/// What changes whether endpoints answer.
pub(super) fn control(fleet: &Fleet) -> Routes {
    const LOAD: &str = "Reads the models of an endpoint, which answers then";
    const UNLOAD: &str =
        "Lets the models of an endpoint go; it answers nobody until it is loaded again, or changed";
    let (to_load, to_unload) = (fleet.clone(), fleet.clone());
    Routes::new()
        .route(
            "/v2/repository/models/{name}/load",
            post(load).editor(LOAD).bounded(),
        )
        .route(
            "/v2/repository/models/{name}/unload",
            post(unload).editor(UNLOAD).bounded(),
        )
        .service(
            &super::grpc::path("RepositoryModelLoad"),
            unary(move |ask: ControlAsk| called(to_load.clone(), Turn::Load, ask)),
            grpc().editor(LOAD),
        )
        .service(
            &super::grpc::path("RepositoryModelUnload"),
            unary(move |ask: ControlAsk| called(to_unload.clone(), Turn::Unload, ask)),
            grpc().editor(UNLOAD),
        )
}

fn indexed(fleet: &Fleet, only_ready: bool) -> Vec<Indexed> {
    let mut found = Vec::new();
    for live in fleet.snapshot().values() {
        let one = |version: &str, state: &str, reason: String| Indexed {
            name: live.name.clone(),
            version: version.to_owned(),
            state: state.to_owned(),
            reason,
        };
        let slots = live.slots.iter();
        found.extend(slots.map(|slot| one(&slot.deployment.name, "READY", String::new())));
        if live.slots.is_empty() && !only_ready {
            let is_coming = live.revision.is_none() && live.problem.is_none();
            let state = if is_coming { "LOADING" } else { "UNAVAILABLE" };
            found.push(one("", state, live.silence()));
        }
    }
    found
}

/// There is one repository, without a name.
fn check_repository(name: &str) -> Result<(), ScoreError> {
    if name.is_empty() {
        return Ok(());
    }
    let told = format!("there is one repository, which has no name; '{name}' is none");
    Err(ScoreError::form(told))
}

/// What becomes of a model.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Load,
    Unload,
}

impl Turn {
    /// What a load would be given is said by deployments here.
    fn check<'a>(self, mut names: impl Iterator<Item = &'a String>) -> Result<(), ScoreError> {
        let odd = names.find(|name| !(self == Self::Unload && *name == DEPENDENTS));
        match odd {
            None => Ok(()),
            Some(name) => Err(ScoreError::form(format!(
                "the parameter '{name}' is not taken; what an endpoint serves is what is deployed to it"
            ))),
        }
    }

    async fn done(self, fleet: Fleet, name: String) -> Result<(), ScoreError> {
        blocking(move || match self {
            Self::Load => fleet.load_again(&name),
            Self::Unload => fleet.unload(&name),
        })
        .await
    }
}

async fn called(fleet: Fleet, turn: Turn, ask: ControlAsk) -> Result<Nothing, tonic::Status> {
    let checked = check_repository(&ask.repository_name);
    let checked = checked.and_then(|()| turn.check(ask.parameters.keys()));
    let done = match checked {
        Ok(()) => turn.done(fleet, ask.model_name).await,
        Err(error) => Err(error),
    };
    done.map(|()| Nothing {}).map_err(|error| status(&error))
}

/// The object that a body is; nothing is said by one that is empty.
async fn body<T: Default + for<'a> Deserialize<'a>>(request: Request) -> Result<T, ScoreError> {
    let ask = Ask::whole(request).await?;
    if ask.body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&ask.body).map_err(|error| not_json(&ask.body, &error))
}

async fn index(State(app): State<App>, request: Request) -> Response {
    let told = body::<IndexBody>(request).await.and_then(|ask| {
        let found = indexed(&app.fleet, ask.ready.unwrap_or(false));
        serde_json::to_string(&found).map_err(|error| ScoreError::Internal {
            reason: error.to_string(),
        })
    });
    match told {
        Ok(text) => json_answer(text),
        Err(error) => refusal(&error),
    }
}

async fn load(State(app): State<App>, Path(name): Path<String>, request: Request) -> Response {
    turned(&app, Turn::Load, name, request).await
}

async fn unload(State(app): State<App>, Path(name): Path<String>, request: Request) -> Response {
    turned(&app, Turn::Unload, name, request).await
}

async fn turned(app: &App, turn: Turn, name: String, request: Request) -> Response {
    let done = async {
        let said: ControlBody = body(request).await?;
        turn.check(said.parameters.unwrap_or_default().keys())?;
        turn.done(app.fleet.clone(), name).await
    };
    match done.await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refusal(&error),
    }
}
