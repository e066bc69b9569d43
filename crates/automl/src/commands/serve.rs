//! `automl serve`: the record of runs and models, for MLflow's clients.

use super::Status;
use crate::cli::ServeArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::CliError;
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;
use anyhow::Context as _;
use automl_serve::{Config, Switch};
use serde_json::json;
use std::net::SocketAddr;

pub(super) fn run(args: ServeArgs, console: Console) -> anyhow::Result<Status> {
    if !args.host.is_loopback() && !args.without_access_control {
        return Err(CliError::ServeOpen { host: args.host }.into());
    }
    log(console);
    let switch = Switch::default();
    let stop = switch.clone();
    let _listening = Interrupt::listen(console, move || stop.stop())?;
    let config = config(args)?;
    let mut told = Ok(());
    automl_serve::run(config, &switch, |address| told = tell(address, console))?;
    told?;
    Ok(Status::Done)
}

/// What the server has to say while it runs goes to stderr, a line each.
fn log(console: Console) {
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false);
    match console.format() {
        Format::Json => lines.json().init(),
        Format::Text => lines.with_ansi(false).init(),
    }
}

fn tell(address: SocketAddr, console: Console) -> anyhow::Result<()> {
    let url = format!("http://{address}");
    match console.format() {
        Format::Json => print_json(&json!({ "url": url }))?,
        Format::Text => print_text(&format!("serving at {url}\n"))?,
    }
    Ok(())
}

fn config(args: ServeArgs) -> anyhow::Result<Config> {
    let workspace = Workspace::of(&args.workspace);
    if let Err(source) = std::fs::create_dir_all(&workspace.directory) {
        let path = workspace.directory;
        return Err(CliError::Workspace { path, source }.into());
    }
    Ok(Config {
        address: SocketAddr::new(args.host, args.port),
        artifacts: workspace.artifacts(args.artifacts.as_deref())?,
        database: workspace.database,
        artifact_root: args.default_artifact_root,
        work_dir: std::env::current_dir().context("the current directory is gone")?,
    })
}
