//! Binds, serves, stops.

use crate::access::{Access, Bounds, Gate, Hosts, Memory, guard, is_grpc};
use crate::batches::{Batching, Desk as BatchDesk};
use crate::endpoints::{
    self, Captor, Fleet, Keeper, Keeping, LoadModel, Loading, Numbers, Protocol, Refused,
    RootEndpoint, WriteStream,
};
use crate::error::ApiError;
use crate::events::EventFiles;
use crate::insight::Insights;
use crate::intake::Intake;
use crate::ledger::Ledger;
use crate::metrics::{Metrics, Process};
use crate::mlflow::SourcePattern;
use crate::observe::Observer;
use crate::oidc::{self, Oidc, OidcConfig};
use crate::openapi::OpenApi;
use crate::pulse::Pulse;
use crate::routes::Table;
use crate::state::{App, Inner};
use crate::tls::{Tls, acceptor};
use crate::tuning::Desk;
use crate::webhooks::{Manner, Webhooks};
use crate::{batches, connections, grpc, mlflow, own, pages, studies};
use automl_core::Coded;
use automl_store::StoreError;
use automl_store::access::users;
use automl_store::artifacts::{ArtifactStore, Signatures};
use automl_store::captures::{Captures, Retention, Seal};
use automl_store::db::Database;
use automl_store::endpoints::{EndpointError, list};
use automl_store::registry::webhooks;
use automl_store::sealed::Sealer;
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::workspace::{PROXY_ROOT, Record, Workspace, WorkspaceError};
use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::Status;

/// What to serve, and where.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Config {
    pub address: SocketAddr,
    /// What is served, with its artifacts.
    pub workspace: Workspace,
    /// The URI that new experiments put their artifacts below; this server's own if it is not said.
    pub artifact_root: Option<String>,
    /// Where relative locations start.
    pub work_dir: PathBuf,
    /// What must be found in the sources of versions that clients register; all are taken if it is not said.
    pub version_sources: Option<SourcePattern>,
    pub links: Links,
    pub models: Models,
    /// Tables that are predicted into folders.
    pub batching: Batching,
    /// After how long a running trial of which Optuna's client says nothing has failed; never if it is not said.
    pub optuna_trial_timeout: Option<Duration>,
    /// The endpoint that also answers at `/ping` and `/invocations`, if there is one.
    pub root_endpoint: Option<RootEndpoint>,
    /// Whether predictions, health and metrics are all that is served.
    pub only_endpoints: bool,
    /// Bytes that requests may take together while they are answered, estimated by their bodies.
    pub requests_n_bytes_max: u64,
    /// Who may do what; everyone may do everything if it is not said.
    pub access: Option<AccessConfig>,
    /// The names that the server answers to besides this machine's own; any if it is not said.
    pub hosts: Option<Vec<String>>,
    /// Plain HTTP if it is not said.
    pub tls: Option<Tls>,
    /// Reads what the process holds and used.
    pub process: fn() -> Process,
}

/// The models of endpoints.
#[derive(Debug, Clone)]
pub struct Models {
    /// Reads the model of a directory.
    pub load: LoadModel,
    /// A folder of models that are endpoints, followed while the server runs.
    pub repository: Option<PathBuf>,
    /// Bytes that all of them may take together, by their files; no bound if it is not said.
    pub n_bytes_max: Option<u64>,
    /// Makes files for good of what was kept of requests.
    pub seal: Seal,
    /// Makes Arrow streams of answers.
    pub stream: WriteStream,
    /// What predicting together requests that wait for a model may take.
    pub batch_latency: Duration,
    /// How much is kept of requests of each endpoint.
    pub captures: Retention,
}

/// Where the server goes by itself, beyond its record and its artifacts.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// The address of a server of language models that pages reach through this one.
    pub gateway: Option<String>,
    /// Whether webhooks may lead to plain HTTP and to addresses that are not public.
    pub webhooks_to_private: bool,
}

/// How it is known who asks, besides users and tokens of the record.
#[derive(Debug, Clone, Default)]
pub struct AccessConfig {
    /// An issuer whose tokens are taken.
    pub oidc: Option<OidcConfig>,
}

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum ServeError {
    #[error("cannot serve at {address}")]
    Bind {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("cannot start a thread")]
    Threads { source: std::io::Error },
    #[error("the server stopped")]
    Stopped { source: std::io::Error },
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Batches(#[from] StoreError),
    #[error(transparent)]
    Endpoints(#[from] EndpointError),
    #[error("there is no user yet, so nobody could ask")]
    NoUser,
    #[error("cannot serve with TLS: {reason}")]
    Tls { reason: String },
    #[error("the issuer '{issuer}' cannot be trusted: it is not https")]
    Issuer { issuer: String },
    #[error("no randomness")]
    Random(#[from] getrandom::Error),
}

impl Coded for ServeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Bind { .. } => "serve-bind",
            Self::Threads { .. } => "serve-threads",
            Self::Stopped { .. } | Self::Random(_) => "serve-stopped",
            Self::Workspace(error) => error.code(),
            Self::Batches(error) => error.code(),
            Self::Endpoints(error) => error.code(),
            Self::NoUser => "serve-no-user",
            Self::Tls { .. } => "serve-tls",
            Self::Issuer { .. } => "serve-issuer",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                Some("another program serves there; choose another --port".into())
            }
            Self::Workspace(error) => error.hint(),
            Self::Batches(error) => error.hint(),
            Self::Endpoints(error) => error.hint(),
            Self::NoUser => Some(
                "make one: automl users add NAME --role admin, with the same --workspace; then automl tokens create NAME"
                    .into(),
            ),
            Self::Tls { .. } => Some(
                "give --tls-cert the certificate and --tls-key its key, both as PEM".into(),
            ),
            Self::Issuer { .. } => Some("give --oidc-issuer an https:// URL".into()),
            _ => None,
        }
    }
}

/// Tells a server to stop; clones are the same switch.
#[derive(Debug, Clone)]
pub struct Switch(watch::Sender<bool>);

impl Default for Switch {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Switch {
    /// Lets the server finish what it has begun, and end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    async fn stopped(self) {
        let mut receiver = self.0.subscribe();
        // The sender is held here, so it cannot be gone.
        drop(receiver.wait_for(|is_stopped| *is_stopped).await);
    }
}

/// Serves until `stop` is told to, then finishes what was begun. `ready` is told the address once requests are taken.
///
/// # Errors
/// If the address is taken, or the record cannot be opened.
pub fn run(
    config: Config,
    stop: &Switch,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let address = config.address;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(
            std::thread::available_parallelism()
                .map_or(2, usize::from)
                .max(2),
        )
        .enable_all()
        .build()
        .map_err(|source| ServeError::Bind { address, source })?;
    let tls = config.tls.as_ref().map(acceptor).transpose();
    let tls = tls.map_err(|reason| ServeError::Tls { reason })?;
    let limits = Limits {
        hosts: config.hosts.clone(),
        requests_n_bytes_max: config.requests_n_bytes_max,
    };
    let spool = config.workspace.spool().to_owned();
    let trial_timeout = config.optuna_trial_timeout;
    let (app, routes) = open(config)?;
    if app.access.is_some() && tls.is_none() && !address.ip().is_loopback() {
        tracing::warn!(
            "passwords and tokens travel unencrypted; give --tls-cert and --tls-key, or let a proxy encrypt"
        );
    }
    warn_of_root(&app)?;
    let record = Record {
        db: app.db.clone(),
        artifacts: app.artifacts.clone(),
    };
    let _intake = Intake::start(record, spool);
    let keeper = Keeper::start(app.fleet.clone(), format!("{:016x}", getrandom::u64()?));
    let _keeper = keeper.map_err(|source| ServeError::Threads { source })?;
    let workers = app.batches.as_ref().ok().map(BatchDesk::start);
    let _workers = (workers.transpose()).map_err(|source| ServeError::Threads { source })?;
    let watch = trial_timeout.map(|timeout| studies::OptunaWatch::start(app.db.clone(), timeout));
    let _watch = (watch.transpose()).map_err(|source| ServeError::Threads { source })?;
    let metrics = app.metrics.clone();
    let router = router(app, routes, limits)?;
    let stop = stop.clone().stopped();
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Bind { address, source })?;
        let bound = listener
            .local_addr()
            .map_err(|source| ServeError::Bind { address, source })?;
        ready(bound);
        connections::serve(listener, tls, router, metrics, stop).await;
        Ok(())
    })
}

/// Says if the endpoint that is to answer at the root is not there yet.
fn warn_of_root(app: &App) -> Result<(), ServeError> {
    let Some(RootEndpoint { name, .. }) = &app.root_endpoint else {
        return Ok(());
    };
    let record = app.db.read(|sql| list(sql, DEFAULT_WORKSPACE)).wait()?;
    let all = app.fleet.beside_folders(record);
    if !all.iter().any(|endpoint| endpoint.name == *name) {
        tracing::warn!(
            endpoint = name,
            "nothing answers at the root until there is an endpoint of this name"
        );
    }
    Ok(())
}

/// All routes, not yet with what they work on.
pub(crate) type Parts = (Router<App>, Table);

/// Opens the record and the artifacts.
pub(crate) fn open(config: Config) -> Result<(App, Parts), ServeError> {
    let artifact_root = config
        .artifact_root
        .unwrap_or_else(|| PROXY_ROOT.to_owned());
    let Record { db, artifacts } = config.workspace.open_to_serve(&artifact_root)?;
    let sealer = config.workspace.sealer(&db)?;
    seal_secrets(&config.workspace, &db, &sealer)?;
    let manner = Manner {
        allows_private: config.links.webhooks_to_private,
        first_wait: Duration::from_secs(1),
    };
    let threads = |source| ServeError::Threads { source };
    let webhooks = Webhooks::start(manner, sealer.clone()).map_err(threads)?;
    let event_files = EventFiles::start(db.clone(), artifacts.clone()).map_err(threads)?;
    let access = config.access.map(|access| open_access(&db, access));
    let ledger = Ledger::start(db.clone()).map_err(threads)?;
    let pulse = Pulse::new(db.clone());
    let tuning = Arc::new(Desk::default());
    let fleet = fleet(&config.models, &config.workspace, (&db, &artifacts)).map_err(threads)?;
    fleet.open_folders()?;
    let batches = batch_desk(config.batching, &config.workspace, (&db, &artifacts))?;
    let own = own::routes().merge(grpc::routes(&pulse));
    let routes = if config.only_endpoints {
        own.merge(endpoints::answers(&fleet))
    } else {
        own.merge(own::record())
            .merge(mlflow::routes())
            .merge(pages::routes())
            .merge(studies::routes(&db, &tuning))
            .merge(endpoints::routes(&fleet))
            .merge(batches::routes())
    };
    let parts = routes.into_parts();
    let signatures = Signatures::open(&db).map_err(WorkspaceError::from)?;
    let app = App::new(Inner {
        signatures,
        pulse,
        batches,
        metrics: Metrics::new(db.clone(), ledger.clone(), config.process, fleet.numbers()),
        fleet,
        openapi: OpenApi::of(parts.1.clone()),
        tuning,
        insights: Insights::default(),
        access: access.transpose()?.map(Arc::new),
        ledger,
        db,
        webhooks,
        sealer,
        gateway: config.links.gateway,
        version_sources: config.version_sources,
        root_endpoint: config.root_endpoint,
        artifact_root,
        artifacts,
        event_files,
        work_dir: config.work_dir,
    });
    Ok((app, parts))
}

/// Endpoints, and what keeps their requests.
fn fleet(
    models: &Models,
    workspace: &Workspace,
    (db, artifacts): (&Database, &ArtifactStore),
) -> std::io::Result<Fleet> {
    let numbers = Numbers::default();
    let captures = Captures::new(workspace.captures(), models.seal);
    let captor = Captor::start(captures, numbers.clone(), Keeping::files(models.captures))?;
    let record = Record {
        db: db.clone(),
        artifacts: artifacts.clone(),
    };
    let loading = Loading {
        load: models.load,
        repository: models.repository.clone(),
        stream: models.stream,
        n_bytes_max: models.n_bytes_max,
        batch_latency: models.batch_latency,
    };
    Ok(Fleet::new(record, &loading, numbers, captor))
}

/// The jobs that predict tables, or why there are none.
fn batch_desk(
    batching: Batching,
    workspace: &Workspace,
    (db, artifacts): (&Database, &ArtifactStore),
) -> Result<Result<BatchDesk, String>, ServeError> {
    if batching.places.is_empty() {
        let told = "this server was started without --data-dir, so it reads and writes no tables";
        return Ok(Err(told.to_owned()));
    }
    let record = Record {
        db: db.clone(),
        artifacts: artifacts.clone(),
    };
    Ok(Ok(BatchDesk::open(batching, workspace.clone(), record)?))
}

/// Seals what an earlier version kept as it was, and says whose secrets cannot be had.
fn seal_secrets(
    workspace: &Workspace,
    db: &Database,
    sealer: &Sealer,
) -> Result<(), WorkspaceError> {
    let n_sealed = workspace.seal_secrets(db, sealer)?;
    if n_sealed > 0 {
        tracing::info!(n_sealed, "secrets of webhooks are sealed now");
    }
    if let Err(error) = workspace.scrub(db) {
        tracing::warn!(
            %error,
            "the database could not be written anew, so secrets that were kept in plain text before may still be read from it: \
             the next start tries again"
        );
    }
    let sealer = sealer.clone();
    let unopened = db
        .read(move |sql| webhooks::unopened(sql, Some(&sealer)))
        .wait()?;
    if !unopened.is_empty() {
        let webhooks = unopened.join(", ");
        tracing::warn!(
            webhooks,
            "their secrets were sealed by another key, so they are not told anything: bring back that key (secret.key of the \
             workspace, or AUTOML_SECRET_KEY), or set the secrets anew"
        );
    }
    Ok(())
}

pub(crate) fn open_access(db: &Database, config: AccessConfig) -> Result<Access, ServeError> {
    if let Some(oidc) = &config.oidc {
        if !oidc::is_safe(&oidc.issuer) {
            let issuer = oidc.issuer.clone();
            return Err(ServeError::Issuer { issuer });
        }
    } else if !db
        .read(users::is_any)
        .wait()
        .map_err(WorkspaceError::from)?
    {
        return Err(ServeError::NoUser);
    }
    Ok(Access::new(db.clone(), config.oidc.map(Oidc::new)))
}

/// What the guard bounds.
pub(crate) struct Limits {
    /// The names that the server answers to; any if it is not said.
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) requests_n_bytes_max: u64,
}

/// The routes behind the guard.
pub(crate) fn router(
    app: App,
    (router, table): Parts,
    limits: Limits,
) -> Result<Router, ServeError> {
    let hosts = limits.hosts;
    let hosts = hosts.map_or_else(Hosts::any, |names| Hosts::only(&names));
    let observer = Observer::new(app.metrics.clone())?;
    let gate = Gate::new(
        table,
        hosts,
        app.access.clone(),
        app.ledger.clone(),
        observer,
        Bounds {
            memory: Memory::new(limits.requests_n_bytes_max),
            fleet: app.fleet.clone(),
            root_endpoint: app.root_endpoint.as_ref().map(|root| root.name.clone()),
        },
    );
    let guarded = router
        .fallback(nowhere)
        .method_not_allowed_fallback(otherwise)
        .layer(from_fn_with_state(Arc::new(gate), guard));
    let root = app.root_endpoint.clone();
    Ok(endpoints::reached(guarded.with_state(app), root.as_ref()))
}

/// A path is asked in a way that it does not answer to; those that it does are in the header `Allow`.
async fn otherwise(method: Method, uri: Uri) -> Response {
    let message = format!(
        "{} does not answer to {method}; the header Allow says to what it does",
        uri.path()
    );
    let error = ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        message,
    );
    let (_status, told) = Protocol::of(uri.path()).tell(Refused::Plain(error));
    told
}

/// Programs are told as their protocol has it, people by a page.
async fn nowhere(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    if is_grpc(&headers) {
        return Status::unimplemented(format!("there is no call {path}")).into_http();
    }
    if let Some(told) = endpoints::nowhere(&method, path) {
        return told;
    }
    let is_of_programs = ["/api/", "/ajax-api/"]
        .iter()
        .any(|start| path.starts_with(start));
    if is_of_programs || path.contains("//") {
        mlflow::nowhere(&method, &uri)
    } else {
        pages::nowhere(path)
    }
}
