//! The server: one port that speaks MLflow's tracking and registry protocol, so that its clients work here unchanged.
//!
//! [`run`] opens the record, binds and serves until it is told to stop. Handlers translate between the wire and
//! `automl-store`; what is kept and how is decided there.
//!
//! [`endpoints`] are models that answer; how a model is read is passed in.
//!
//! [`batches`] are tables that are predicted into folders, as jobs.
//!
//! [`client`] is the other side: an MLflow server, read to move its record here, and studies of another server of ours.
//!
//! What this crate must not know: learners, the command line.

mod access;
mod artifacts;
pub mod batches;
pub mod client;
mod connections;
mod contract;
pub mod endpoints;
mod error;
mod events;
mod fields;
mod grpc;
pub mod insight;
mod intake;
mod ledger;
mod metrics;
mod mlflow;
mod observe;
mod oidc;
mod openapi;
mod own;
mod pages;
mod pulse;
mod routes;
mod server;
mod state;
mod studies;
mod tls;
pub mod tuning;
mod unary;
mod webhooks;

pub use metrics::Process;
pub use mlflow::SourcePattern;
pub use oidc::OidcConfig;
pub use server::{AccessConfig, Config, Links, Models, ServeError, Switch, run};
pub use studies::VizierStudies;
pub use tls::Tls;

#[cfg(test)]
mod tests;
