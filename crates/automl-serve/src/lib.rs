//! The server: one port that speaks MLflow's tracking and registry protocol, so that its clients work here unchanged.
//!
//! [`run`] opens the record, binds and serves until it is told to stop. Handlers translate between the wire and
//! `automl-store`; what is kept and how is decided there.
//!
//! What this crate must not know: the command line.

mod access;
mod artifacts;
mod connections;
mod error;
mod fields;
mod ledger;
mod metrics;
mod mlflow;
mod observe;
mod oidc;
mod openapi;
mod own;
mod routes;
mod server;
mod state;
mod tls;

pub use metrics::Process;
pub use oidc::OidcConfig;
pub use server::{AccessConfig, Config, ServeError, Switch, run};
pub use tls::Tls;

#[cfg(test)]
mod tests;
