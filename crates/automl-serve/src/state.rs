//! What handlers share.

use crate::access::Access;
use crate::batches::Desk as BatchDesk;
use crate::endpoints::{Fleet, RootEndpoint};
use crate::events::EventFiles;
use crate::insight::Insights;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::mlflow::SourcePattern;
use crate::openapi::OpenApi;
use crate::pulse::Pulse;
use crate::tuning::Desk;
use crate::webhooks::{Happening, Webhooks};
use automl_store::artifacts::{ArtifactStore, Signatures};
use automl_store::db::Database;
use automl_store::sealed::Sealer;
use std::sync::Arc;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) db: Database,
    /// The URI that new experiments are put below.
    pub(crate) artifact_root: String,
    /// The files behind `mlflow-artifacts:` URIs.
    pub(crate) artifacts: ArtifactStore,
    /// Signs addresses of single parts and files.
    pub(crate) signatures: Signatures,
    pub(crate) pulse: Pulse,
    /// Event files among the artifacts, to be read into metrics.
    pub(crate) event_files: EventFiles,
    /// Where relative locations start.
    pub(crate) work_dir: std::path::PathBuf,
    /// Nothing if everyone may do everything.
    pub(crate) access: Option<Arc<Access>>,
    /// Endpoints as they answer.
    pub(crate) fleet: Fleet,
    /// Jobs that predict tables, or why there are none.
    pub(crate) batches: Result<BatchDesk, String>,
    pub(crate) ledger: Ledger,
    pub(crate) metrics: Metrics,
    pub(crate) openapi: OpenApi,
    /// Studies as samplers see them.
    pub(crate) tuning: Arc<Desk>,
    /// What studies found out.
    pub(crate) insights: Insights,
    /// What is told of changes in the registry.
    pub(crate) webhooks: Webhooks,
    /// Seals secrets in the record.
    pub(crate) sealer: Sealer,
    /// What must be found in the sources of versions that clients register.
    pub(crate) version_sources: Option<SourcePattern>,
    /// The server of language models that pages reach through this one.
    pub(crate) gateway: Option<String>,
    /// The endpoint that also answers at the root.
    pub(crate) root_endpoint: Option<RootEndpoint>,
}

impl App {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Tells webhooks what happened.
    pub(crate) async fn tell(&self, happening: Happening) {
        self.webhooks.tell(&self.db, happening).await;
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
