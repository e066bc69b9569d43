//! One version of a model at an endpoint.

use super::EndpointError;
use super::error::EndpointError as Error;
use crate::args;
use crate::artifacts::ArtifactStore;
use crate::db::{Row, Sql};
use crate::hex_sha256;
use crate::lineage::{self, Node};
use crate::registry::files::{self, FilesError};
use crate::registry::{ModelVersion, moves, versions};
use crate::tracking::TrackingError;
use serde::Serialize;

/// A version of a model at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// What it is called at its endpoint, such as `v3` or `champion`.
    pub name: String,
    /// The registered model.
    pub model: String,
    /// Its version, which for an alias is the one that was found last.
    pub version: i64,
    /// The alias that it follows, if it does.
    pub alias: Option<String>,
    /// SHA-256 of the version's manifest, which has those of all other files.
    pub digest: String,
    /// The percents of requests that it answers.
    pub share: u32,
    /// Whether it sees all requests and answers none.
    pub is_shadow: bool,
    /// How many batches it predicts at once; as many as a server has cores if it is not said.
    pub replicas: Option<u32>,
    /// When it was deployed.
    pub deployed_ms: i64,
    /// Who deployed it.
    pub user_id: String,
}

/// A deployment to be.
#[derive(Debug, Clone)]
pub struct NewDeployment {
    /// What is deployed.
    pub target: Target,
    /// Its digest.
    pub digest: String,
    /// What it is called; made of the version or the alias if it is not said.
    pub name: Option<String>,
    /// Its share in percents; all requests for the first deployment and none for others if it is not said.
    pub share: Option<u32>,
    /// Whether it answers nobody.
    pub is_shadow: bool,
    /// How many batches it predicts at once; as many as a server has cores if it is not said.
    pub replicas: Option<u32>,
}

/// What a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The version.
    pub version: ModelVersion,
    /// The alias that it was named by.
    pub alias: Option<String>,
}

/// The version that `NAME/3`, `NAME@ALIAS` or `NAME` (the newest) means, if it may be put to use.
///
/// # Errors
/// If there is none, it was rejected, or it waits for an approval that its model wants.
pub fn resolve(
    sql: &mut dyn Sql,
    workspace: &str,
    reference: &str,
) -> Result<Target, EndpointError> {
    let Some(Node::ModelVersion { name, version }) =
        lineage::model_version(sql, workspace, reference)?
    else {
        let told = format!("There is no model version '{reference}'");
        return Err(TrackingError::Absent(told).into());
    };
    moves::check_allowed(sql, workspace, (&name, version))?;
    let version = versions::get(sql, workspace, &name, version)?;
    let alias = reference
        .rsplit_once('@')
        .map(|(_, alias)| alias.to_owned());
    Ok(Target { version, alias })
}

/// The SHA-256 of a version's manifest.
///
/// # Errors
/// If its files are elsewhere, cannot be read, or are no model of this program.
pub fn digest_of(artifacts: &ArtifactStore, version: &ModelVersion) -> Result<String, FilesError> {
    let path = files::of_version(version)?;
    match files::read(artifacts, &path, "manifest.json")? {
        Some(bytes) => Ok(hex_sha256(&bytes)),
        None => Err(FilesError::NotOurs {
            what: format!("{}/{}", version.name, version.version),
        }),
    }
}

/// What a deployment is called if nobody says: `champion` for an alias, `v3` for a version.
pub fn name_of(target: &Target) -> String {
    match &target.alias {
        Some(alias) => alias.clone(),
        None => format!("v{}", target.version.version),
    }
}

const COLUMNS: &str =
    "name, model, version, alias, digest, share, is_shadow, deployed_ms, user_id, replicas";

/// The deployments of a revision, in their order.
pub(super) fn of_revision(
    sql: &mut dyn Sql,
    endpoint: i64,
    revision: i64,
) -> Result<Vec<Deployment>, Error> {
    let query = format!(
        "SELECT {COLUMNS} FROM deployments WHERE endpoint_id = ?1 AND revision = ?2 ORDER BY place"
    );
    let rows = sql.query(&query, args![endpoint, revision])?;
    rows.iter().map(deployment).collect()
}

fn deployment(row: &Row) -> Result<Deployment, Error> {
    Ok(Deployment {
        name: row.text(0)?,
        model: row.text(1)?,
        version: row.int(2)?,
        alias: row.maybe_text(3)?,
        digest: row.text(4)?,
        share: row.int(5)? as u32,
        is_shadow: row.int(6)? != 0,
        deployed_ms: row.int(7)?,
        user_id: row.text(8)?,
        replicas: row.maybe_int(9)?.map(|replicas| replicas as u32),
    })
}

/// Writes the deployments of a new revision.
pub(super) fn put(
    sql: &mut dyn Sql,
    workspace: &str,
    (endpoint, revision): (i64, i64),
    deployments: &[Deployment],
) -> Result<(), Error> {
    for (place, one) in deployments.iter().enumerate() {
        sql.execute(
            "INSERT INTO deployments (endpoint_id, revision, place, workspace, name, model, version, alias, digest, \
             share, is_shadow, deployed_ms, user_id, replicas) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            args![
                endpoint,
                revision,
                place as i64,
                workspace,
                &one.name,
                &one.model,
                one.version,
                one.alias.as_deref(),
                &one.digest,
                i64::from(one.share),
                one.is_shadow,
                one.deployed_ms,
                &one.user_id,
                one.replicas.map(i64::from)
            ],
        )?;
    }
    Ok(())
}
