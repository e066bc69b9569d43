//! Binds, serves, stops.

use crate::mlflow;
use crate::state::{App, Inner};
use automl_core::Coded;
use automl_store::artifacts::{ArtifactError, ArtifactStore, Location, Signatures};
use automl_store::db::{Database, DbError, Place};
use automl_store::tracking::TrackingError;
use automl_store::tracking::experiments::{DEFAULT_WORKSPACE, ensure_default};
use axum::Router;
use axum::routing::get;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::sync::watch;

/// What to serve, and where.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Config {
    pub address: SocketAddr,
    pub database: Place,
    /// Where the artifacts are kept that clients send.
    pub artifacts: Location,
    /// The URI that new experiments put their artifacts below; this server's own if it is not said.
    pub artifact_root: Option<String>,
    /// Where relative locations start.
    pub work_dir: PathBuf,
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
    #[error("the server stopped")]
    Stopped { source: std::io::Error },
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Record(#[from] TrackingError),
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
}

impl Coded for ServeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Bind { .. } => "serve-bind",
            Self::Stopped { .. } => "serve-stopped",
            Self::Database(DbError::Newer { .. }) => "record-newer",
            Self::Database(DbError::Full) | Self::Artifacts(ArtifactError::Full) => "output-full",
            Self::Database(_) | Self::Record(_) => "record-open",
            Self::Artifacts(ArtifactError::Location { .. }) => "artifacts-location",
            Self::Artifacts(_) => "record-artifacts",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                Some("another program serves there; choose another --port".into())
            }
            Self::Database(DbError::Newer { .. }) => {
                Some("use a newer automl for this workspace".into())
            }
            Self::Database(DbError::Open { .. } | DbError::Away { .. }) => Some(
                "check that the place can be written to, or that the database server runs".into(),
            ),
            Self::Artifacts(ArtifactError::Location { .. }) => Some(
                "look at --artifacts and at the variables AWS_*, GOOGLE_* or AZURE_* of the environment".into(),
            ),
            Self::Artifacts(ArtifactError::Away { .. } | ArtifactError::Refused { .. }) => {
                Some("check that the store can be reached with the credentials of the environment".into())
            }
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

/// The root of artifacts that go through this server.
const PROXY_ROOT: &str = "mlflow-artifacts:";

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
    let app = open(config)?;
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
    let db = Database::open(&config.database)?;
    let artifact_root = config
        .artifact_root
        .unwrap_or_else(|| PROXY_ROOT.to_owned());
    let root = artifact_root.clone();
    db.write(move |sql| ensure_default(sql, DEFAULT_WORKSPACE, &root))
        .wait()?;
    Ok(App::new(Inner {
        artifacts: ArtifactStore::open(&config.artifacts, &db)?,
        signatures: Signatures::open(&db)?,
        db,
        artifact_root,
        work_dir: config.work_dir,
    }))
}

/// All routes.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .merge(mlflow::router())
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
