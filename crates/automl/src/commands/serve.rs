//! `automl serve`: the record of runs and models, for MLflow's clients.

use super::{Status, thread_count};
use crate::cli::{Access, AccessArgs, ServeArgs};
use crate::console::{Console, Format, print_json, print_line, print_text};
use crate::errors::CliError;
use crate::interrupt::Interrupt;
use crate::memory;
use crate::remote::Buckets;
use crate::scoring::PartKind;
use crate::serving;
use crate::workspace;
use anyhow::Context as _;
use automl_serve::batches::{Batching, Places};
use automl_serve::endpoints::RootEndpoint;
use automl_serve::{AccessConfig, Config, Links, Models, OidcConfig, Process, Switch, Tls};
use automl_store::buckets::{Address, BucketError};
use automl_store::captures::Retention;
use serde_json::json;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

/// Lines of the log that may wait to be written; those beyond are dropped.
const LOG_LINES_MAX: usize = 8192;

pub(super) fn run(args: ServeArgs, console: Console) -> anyhow::Result<Status> {
    let has_access = has_access(args.host, &args.access)?;
    let _flushed_at_the_end = log(console);
    let switch = Switch::default();
    let stop = switch.clone();
    let _listening = Interrupt::listen(console, move || stop.stop())?;
    let is_new = !workspace::of(&args.place).is_there();
    let config = config(args, has_access)?;
    if is_new {
        let place = config.workspace.directory().display();
        note(&format!("made a new workspace: {place}"), console);
    }
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let mut told = Ok(());
    automl_serve::run(config, &switch, |address| {
        told = tell(scheme, address, console);
    })?;
    told?;
    Ok(Status::Done)
}

/// Says something that is no result.
fn note(message: &str, console: Console) {
    match console.format() {
        Format::Json => print_line(&json!({ "event": "note", "message": message }).to_string()),
        Format::Text => print_line(message),
    }
}

/// Whether it is asked who calls.
fn has_access(host: IpAddr, args: &AccessArgs) -> Result<bool, CliError> {
    match args.access {
        Some(Access::On) => Ok(true),
        Some(Access::Off) if !host.is_loopback() => Err(CliError::ServeOpen { host }),
        Some(Access::Off) => Ok(false),
        None => {
            Ok(args.oidc_issuer.is_some() || !(host.is_loopback() || args.without_access_control))
        }
    }
}

/// What the server has to say while it runs goes to stderr, a line each, from a thread of its own: nobody who is slow to read
/// it holds up a request.
fn log(console: Console) -> WorkerGuard {
    let lines = NonBlockingBuilder::default().buffered_lines_limit(LOG_LINES_MAX);
    let (writer, guard) = lines.finish(std::io::stderr());
    let lines = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_target(false);
    match console.format() {
        Format::Json => lines.json().flatten_event(true).init(),
        Format::Text => lines.with_ansi(false).init(),
    }
    guard
}

fn tell(scheme: &str, address: SocketAddr, console: Console) -> anyhow::Result<()> {
    let url = format!("{scheme}://{address}");
    match console.format() {
        Format::Json => print_json(&json!({ "url": url }))?,
        Format::Text => print_text(&format!("serving at {url}\n"))?,
    }
    Ok(())
}

fn config(args: ServeArgs, has_access: bool) -> anyhow::Result<Config> {
    let workspace = workspace::of(&args.place).with_moved_artifacts(args.artifacts_moved);
    workspace.make()?;
    let tls = tls(&args.access)?;
    let batching = batching(&args)?;
    let repository = args.model_repository.as_deref().map(repository);
    let repository = repository.transpose()?;
    // Without access control, whoever leads a browser of this machine here could ask anything.
    let is_exposed = !has_access && args.host.is_loopback();
    let names = [
        vec![host_name(args.host)],
        args.access.allowed_hosts.clone(),
    ]
    .concat();
    let hosts = (is_exposed || names.len() > 1).then_some(names);
    let root_endpoint = args.root_endpoint.map(|name| RootEndpoint {
        name,
        health: args.health_path,
        predict: args.predict_path,
    });
    let access = has_access.then(|| AccessConfig {
        oidc: oidc(args.access),
    });
    Ok(Config {
        address: SocketAddr::new(args.host, args.port),
        workspace,
        artifact_root: args.default_artifact_root,
        version_sources: args.version_sources,
        links: Links {
            gateway: args.deployments_target,
            webhooks_to_private: args.webhooks_to_private,
        },
        models: Models {
            load: serving::load,
            repository,
            n_bytes_max: args.models_memory,
            seal: serving::seal,
            stream: serving::stream,
            batch_latency: args.batch_latency,
            captures: Retention {
                age_us_max: (args.captures_age)
                    .map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX)),
                n_bytes_max: args.captures_size,
            },
        },
        batching,
        optuna_trial_timeout: args.optuna_trial_timeout,
        requests_n_bytes_max: args.requests_memory,
        root_endpoint,
        only_endpoints: args.only_endpoints,
        work_dir: std::env::current_dir().context("the current directory is gone")?,
        access,
        hosts,
        tls,
        process: || Process {
            resident_bytes: memory::in_use().unwrap_or(0),
            cpu_seconds: memory::cpu_seconds(),
        },
    })
}

/// The folder of models, wherever links lead by then.
fn repository(path: &Path) -> Result<PathBuf, CliError> {
    let failed = |source| CliError::ModelRepository {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Err(failed(io::ErrorKind::NotADirectory.into()));
    }
    if path.join("manifest.json").is_file() {
        let path = path.to_owned();
        return Err(CliError::ModelRepositoryIsModel { path });
    }
    std::path::absolute(path).map_err(failed)
}

/// Tables that are predicted for those who ask the server.
fn batching(args: &ServeArgs) -> anyhow::Result<Batching> {
    let folder = |path: &str| {
        let failed = |source| CliError::DataDir {
            path: path.into(),
            source,
        };
        let place = Path::new(path).canonicalize().map_err(failed)?;
        if place.is_dir() {
            Ok(place)
        } else {
            Err(failed(io::ErrorKind::NotADirectory.into()))
        }
    };
    let (mut places, mut buckets) = (Places::default(), Buckets::default());
    for text in &args.data_dir {
        if let Some(address) = Address::parse(text) {
            // An address that is no use is told now, not by each job.
            if address.key.contains(['*', '?', '[']) {
                let (url, reason) = (text.clone(), "a pattern allows no place".to_owned());
                return Err(BucketError::Address { url, reason }.into());
            }
            buckets.of(&address)?;
            places.addresses.push(address);
        } else {
            places.folders.push(folder(text)?);
        }
    }
    let n_threads = match args.batch_threads {
        Some(n) => usize::from(n),
        None => (thread_count(None) / 2).max(1),
    };
    Ok(Batching {
        predict: serving::predict_tables,
        kinds: &PartKind::NAMES,
        places,
        n_at_once: usize::from(args.batch_jobs),
        n_threads,
    })
}

/// An address as the header of a request has it.
fn host_name(host: IpAddr) -> String {
    match host {
        IpAddr::V4(host) => host.to_string(),
        IpAddr::V6(host) => format!("[{host}]"),
    }
}

fn tls(args: &AccessArgs) -> anyhow::Result<Option<Tls>> {
    let (Some(certificates), Some(key)) = (&args.tls_cert, &args.tls_key) else {
        return Ok(None);
    };
    Ok(Some(Tls {
        certificates: read(certificates)?,
        key: read(key)?,
    }))
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|source| CliError::TlsFile {
        path: path.to_owned(),
        source,
    })
}

fn oidc(args: AccessArgs) -> Option<OidcConfig> {
    Some(OidcConfig {
        issuer: args.oidc_issuer?,
        audience: args.oidc_audience?,
        role_claim: args.oidc_role_claim,
    })
}
