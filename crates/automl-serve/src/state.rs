//! What handlers share.

use automl_store::artifacts::{ArtifactStore, Signatures};
use automl_store::db::Database;
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
    /// Where relative locations start.
    pub(crate) work_dir: std::path::PathBuf,
}

impl App {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
