//! Where a workspace keeps its record and its artifacts, from what the user and the environment say.

use automl_serve::ServeError;
use automl_store::artifacts::Location;
use automl_store::db::Place;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The file of the record in a workspace.
const DATABASE: &str = "automl.db";
/// The directory of artifacts in a workspace.
const ARTIFACTS: &str = "artifacts";
/// Where a workspace in a database server keeps its artifacts, if nothing else is said.
const DEFAULT_DIRECTORY: &str = ".automl";

/// A workspace, as `--workspace` names it.
pub(crate) struct Workspace {
    pub(crate) directory: PathBuf,
    pub(crate) database: Place,
}

impl Workspace {
    pub(crate) fn of(text: &str) -> Self {
        let is_server = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        let directory = PathBuf::from(if is_server { DEFAULT_DIRECTORY } else { text });
        let database = if is_server {
            Place::Server(text.to_owned())
        } else {
            Place::File(directory.join(DATABASE))
        };
        Self {
            directory,
            database,
        }
    }

    /// Where its artifacts are, as `--artifacts` names it or in the workspace itself.
    pub(crate) fn artifacts(&self, asked: Option<&str>) -> anyhow::Result<Location> {
        let Some(asked) = asked else {
            return Ok(Location::Folder(self.directory.join(ARTIFACTS)));
        };
        Ok(Location::parse(asked, &environment()).map_err(ServeError::from)?)
    }
}

/// What the environment says of object stores, by names in lower case.
fn environment() -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.to_str()?.to_ascii_lowercase();
            let is_ours = ["aws_", "google_", "azure_"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            Some((name, value.into_string().ok()?)).filter(|_| is_ours)
        })
        .collect();
    // What MLflow's own client goes by.
    if let Some(endpoint) = std::env::var_os("MLFLOW_S3_ENDPOINT_URL")
        && let Ok(endpoint) = endpoint.into_string()
    {
        found.entry("aws_endpoint_url".into()).or_insert(endpoint);
    }
    found
}
