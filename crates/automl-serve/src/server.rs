//! Binds, serves, stops.

use crate::events::EventFiles;
use crate::intake::Intake;
use crate::mlflow;
use crate::pages;
use crate::state::{App, Inner};
use crate::webhooks::{Manner, Webhooks};
use automl_core::Coded;
use automl_store::artifacts::Folder;
use automl_store::tracking::TrackingError;
use automl_store::workspace::{PROXY_ROOT, Record, Workspace, WorkspaceError};
use axum::Router;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::get;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// What to serve, and where.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Config {
    pub address: SocketAddr,
    pub workspace: Workspace,
    /// The folder of the artifacts that clients send.
    pub artifacts: PathBuf,
    /// The URI that new experiments put their artifacts below; this server's own if it is not said.
    pub artifact_root: Option<String>,
    /// Where relative locations start.
    pub work_dir: PathBuf,
    pub links: Links,
}

/// Where the server goes by itself, beyond its record and its artifacts.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// The address of a server of language models that pages reach through this one.
    pub gateway: Option<String>,
    /// Whether webhooks may lead to plain HTTP and to addresses that are not public.
    pub webhooks_to_private: bool,
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
}

impl Coded for ServeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Bind { .. } => "serve-bind",
            Self::Threads { .. } => "serve-threads",
            Self::Stopped { .. } => "serve-stopped",
            Self::Workspace(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                Some("another program serves there; choose another --port".into())
            }
            Self::Workspace(error) => error.hint(),
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
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| ServeError::Bind { address, source })?;
    let spool = config.workspace.spool().to_owned();
    let app = open(config)?;
    let record = Record {
        db: app.db.clone(),
        artifacts: app.artifacts.clone(),
    };
    let _intake = Intake::start(record, spool);
    let stop = stop.clone().stopped();
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Bind { address, source })?;
        let bound = listener
            .local_addr()
            .map_err(|source| ServeError::Bind { address, source })?;
        ready(bound);
        axum::serve(listener, router(app))
            .with_graceful_shutdown(stop)
            .await
            .map_err(|source| ServeError::Stopped { source })
    })
}

/// Opens the record and the artifacts.
pub(crate) fn open(config: Config) -> Result<App, ServeError> {
    let artifact_root = config
        .artifact_root
        .unwrap_or_else(|| PROXY_ROOT.to_owned());
    let artifacts = Folder::open(config.artifacts).map_err(WorkspaceError::from)?;
    let Record { db, artifacts } = config.workspace.open_with(artifacts, &artifact_root)?;
    let manner = Manner {
        allows_private: config.links.webhooks_to_private,
        first_wait: Duration::from_secs(1),
    };
    let webhooks = Webhooks::start(manner).map_err(|source| ServeError::Threads { source })?;
    let event_files = EventFiles::start(db.clone(), artifacts.clone())
        .map_err(|source| ServeError::Stopped { source })?;
    Ok(App::new(Inner {
        db,
        webhooks,
        gateway: config.links.gateway,
        artifact_root,
        artifacts,
        event_files,
        work_dir: config.work_dir,
    }))
}

/// All routes.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .merge(mlflow::router())
        .merge(pages::router())
        .fallback(nowhere)
        .route("/health", get(async || "OK"))
        .route("/ready", get(ready))
        .with_state(app)
}

/// Whether the record answers.
async fn ready(
    axum::extract::State(app): axum::extract::State<App>,
) -> Result<&'static str, crate::error::ApiError> {
    app.db
        .read(|sql| {
            sql.query_one("SELECT 1", &[])?;
            Ok::<_, TrackingError>(())
        })
        .await?;
    Ok("OK")
}

/// Programs are told as MLflow's clients expect, people by a page.
async fn nowhere(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let is_of_programs = ["/api/", "/ajax-api/"]
        .iter()
        .any(|start| path.starts_with(start));
    if is_of_programs || path.contains("//") {
        mlflow::nowhere(&method, &uri)
    } else {
        pages::nowhere(path)
    }
}
