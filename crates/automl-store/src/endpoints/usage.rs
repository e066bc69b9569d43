//! What versions are deployed, so that none is deleted that answers.

use crate::args;
use crate::db::Sql;
use crate::tracking::TrackingError;

/// The names of endpoints that have a version of a model deployed: of one version, or of any.
///
/// # Errors
/// If the database fails.
pub fn of_version(
    sql: &mut dyn Sql,
    workspace: &str,
    model: &str,
    version: Option<i64>,
) -> Result<Vec<String>, TrackingError> {
    let rows = sql.query(
        "SELECT DISTINCT e.name FROM deployments d JOIN endpoints e ON e.id = d.endpoint_id AND e.revision = d.revision \
         WHERE d.workspace = ?1 AND d.model = ?2 AND (?3 = 0 OR d.version = ?4) ORDER BY e.name",
        args![
            workspace,
            model,
            i64::from(version.is_some()),
            version.unwrap_or_default()
        ],
    )?;
    Ok(rows
        .iter()
        .map(|row| row.text(0))
        .collect::<Result<_, _>>()?)
}

/// Refuses to let go of versions that are deployed.
///
/// # Errors
/// If an endpoint has one.
pub fn check_unused(
    sql: &mut dyn Sql,
    workspace: &str,
    model: &str,
    version: Option<i64>,
) -> Result<(), TrackingError> {
    let endpoints = of_version(sql, workspace, model, version)?;
    if endpoints.is_empty() {
        return Ok(());
    }
    let what = match version {
        Some(version) => format!("Version {version} of '{model}'"),
        None => format!("Registered Model '{model}'"),
    };
    Err(TrackingError::Deployed { what, endpoints })
}
