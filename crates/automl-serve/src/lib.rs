//! The server: one port that speaks MLflow's tracking and registry protocol, so that its clients work here unchanged.
//!
//! [`run`] opens the record, binds and serves until it is told to stop. Handlers translate between the wire and
//! `automl-store`; what is kept and how is decided there.
//!
//! [`client`] is the other side: an MLflow server, read to move its record here.
//!
//! What this crate must not know: the command line.

mod artifacts;
pub mod client;
mod error;
mod events;
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
