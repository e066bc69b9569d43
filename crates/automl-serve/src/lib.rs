//! The server: one port that speaks MLflow's tracking and registry protocol, so that its clients work here unchanged.
//!
//! [`run`] opens the record, binds and serves until it is told to stop. Handlers translate between the wire and
//! `automl-store`; what is kept and how is decided there.
//!
//! What this crate must not know: the command line.

mod artifacts;
mod error;
mod fields;
mod intake;
mod mlflow;
mod pages;
mod server;
mod state;
mod webhooks;

pub use server::{Config, Links, ServeError, Switch, run};

#[cfg(test)]
mod tests;
