//! Versions of registered models.

use super::{STAGES, check_tag, models, moves};
use crate::args;
use crate::db::{Row, Sql};
use crate::endpoints::check_unused;
use crate::tracking::{KeyValue, Page, TrackingError, logged_models, now_ms, offset, page};

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct ModelVersion {
    pub name: String,
    pub version: i64,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub description: Option<String>,
    pub user_id: Option<String>,
    pub stage: String,
    /// What was registered, as the client named it.
    pub source: String,
    /// Where its files are.
    pub storage_location: String,
    pub run_id: Option<String>,
    pub run_link: Option<String>,
    pub model_id: Option<String>,
    pub tags: Vec<KeyValue>,
    pub aliases: Vec<String>,
}

/// A version to be.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct NewVersion {
    pub name: String,
    pub source: String,
    pub storage_location: String,
    pub run_id: Option<String>,
    pub run_link: Option<String>,
    pub model_id: Option<String>,
    pub description: Option<String>,
    pub user_id: Option<String>,
    pub tags: Vec<KeyValue>,
}

pub(super) const COLUMNS: &str = "name, version, created_ms, updated_ms, description, user_id, stage, source, storage_location, run_id, run_link, model_id";

/// The versions of a model, latest first.
pub fn of_model(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    n_max: usize,
    page_token: Option<&str>,
) -> Result<Page<ModelVersion>, TrackingError> {
    let offset = offset(page_token)?;
    let query = format!(
        "SELECT {COLUMNS} FROM model_versions WHERE workspace = ?1 AND name = ?2 ORDER BY version DESC LIMIT ?3 OFFSET ?4"
    );
    let rows = sql.query(
        &query,
        args![workspace, name, n_max as i64 + 1, offset as i64],
    )?;
    let found = rows.iter().map(|row| whole(sql, workspace, row));
    Ok(page(found.collect::<Result<_, _>>()?, n_max, offset))
}

/// The versions that a run made, latest first.
pub fn of_run(
    sql: &mut dyn Sql,
    workspace: &str,
    run_id: &str,
    n_max: usize,
) -> Result<Vec<ModelVersion>, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM model_versions WHERE workspace = ?1 AND run_id = ?2 \
         ORDER BY created_ms DESC, name, version DESC LIMIT ?3"
    );
    let rows = sql.query(&query, args![workspace, run_id, n_max as i64])?;
    rows.iter().map(|row| whole(sql, workspace, row)).collect()
}

/// Registers the next version of a model; a number is never given twice.
pub fn create(
    sql: &mut dyn Sql,
    workspace: &str,
    new: &NewVersion,
) -> Result<ModelVersion, TrackingError> {
    for tag in &new.tags {
        check_tag(tag)?;
    }
    if new.source.is_empty() {
        return Err(TrackingError::Invalid(
            "Missing value for required parameter 'source'.".into(),
        ));
    }
    let now = now_ms();
    let row = sql.query_one(
        "UPDATE registered_models SET last_version = last_version + 1, updated_ms = ?1 \
         WHERE workspace = ?2 AND name = ?3 RETURNING last_version",
        args![now, workspace, &new.name],
    )?;
    let version = row.ok_or_else(|| super::missing(&new.name))?.int(0)?;
    sql.execute(
        "INSERT INTO model_versions (workspace, name, version, created_ms, updated_ms, description, user_id, \
         stage, source, storage_location, run_id, run_link, model_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'None', ?8, ?9, ?10, ?11, ?12)",
        args![
            workspace, &new.name, version, now, now, new.description.as_deref(), new.user_id.as_deref(),
            &new.source, &new.storage_location, new.run_id.as_deref(), new.run_link.as_deref(),
            new.model_id.as_deref(),
        ],
    )?;
    for tag in &new.tags {
        put_tag(sql, workspace, &new.name, version, tag)?;
    }
    if let Some(model_id) = &new.model_id {
        logged_models::note_version(sql, model_id, &new.name, version)?;
    }
    get(sql, workspace, &new.name, version)
}

fn put_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    version: i64,
    tag: &KeyValue,
) -> Result<(), TrackingError> {
    sql.execute(
        "INSERT INTO model_version_tags (workspace, name, version, key, value) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (workspace, name, version, key) DO UPDATE SET value = excluded.value",
        args![workspace, name, version, &tag.key, &tag.value],
    )?;
    Ok(())
}

/// One version.
pub fn get(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    version: i64,
) -> Result<ModelVersion, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM model_versions WHERE workspace = ?1 AND name = ?2 AND version = ?3"
    );
    let row = sql.query_one(&query, args![workspace, name, version])?;
    let row = row.ok_or_else(|| {
        TrackingError::Absent(format!(
            "Model Version (name={name}, version={version}) not found"
        ))
    })?;
    whole(sql, workspace, &row)
}

pub(super) fn whole(
    sql: &mut dyn Sql,
    workspace: &str,
    row: &Row,
) -> Result<ModelVersion, TrackingError> {
    let (name, version) = (row.text(0)?, row.int(1)?);
    let tags = sql.query(
        "SELECT key, value FROM model_version_tags WHERE workspace = ?1 AND name = ?2 AND version = ?3 ORDER BY key",
        args![workspace, &name, version],
    )?;
    let aliases = sql.query(
        "SELECT alias FROM model_aliases WHERE workspace = ?1 AND name = ?2 AND version = ?3 ORDER BY alias",
        args![workspace, &name, version],
    )?;
    let tag = |row: &Row| {
        Ok(KeyValue {
            key: row.text(0)?,
            value: row.text(1)?,
        })
    };
    Ok(ModelVersion {
        name,
        version,
        created_ms: row.int(2)?,
        updated_ms: row.int(3)?,
        description: row.maybe_text(4)?,
        user_id: row.maybe_text(5)?,
        stage: row.text(6)?,
        source: row.text(7)?,
        storage_location: row.text(8)?,
        run_id: row.maybe_text(9)?,
        run_link: row.maybe_text(10)?,
        model_id: row.maybe_text(11)?,
        tags: tags.iter().map(tag).collect::<Result<_, TrackingError>>()?,
        aliases: (aliases.iter().map(|row| row.text(0))).collect::<Result<_, _>>()?,
    })
}

/// The newest version of a name, if it has one.
pub fn newest(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
) -> Result<Option<ModelVersion>, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM model_versions WHERE workspace = ?1 AND name = ?2 ORDER BY version DESC LIMIT 1"
    );
    let row = sql.query_one(&query, args![workspace, name])?;
    row.map(|row| whole(sql, workspace, &row)).transpose()
}

/// Describes a version.
pub fn describe(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    version: i64,
    description: Option<&str>,
) -> Result<ModelVersion, TrackingError> {
    get(sql, workspace, name, version)?;
    sql.execute(
        "UPDATE model_versions SET description = ?1, updated_ms = ?2 WHERE workspace = ?3 AND name = ?4 AND version = ?5",
        args![description, now_ms(), workspace, name, version],
    )?;
    get(sql, workspace, name, version)
}

/// Deletes a version with its tags and aliases, if it is not deployed.
pub fn delete(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    version: i64,
) -> Result<(), TrackingError> {
    get(sql, workspace, name, version)?;
    check_unused(sql, workspace, name, Some(version))?;
    models::touch(sql, workspace, name, now_ms())?;
    sql.execute(
        "DELETE FROM model_versions WHERE workspace = ?1 AND name = ?2 AND version = ?3",
        args![workspace, name, version],
    )?;
    Ok(())
}

/// Moves a version to a stage, perhaps archiving the others there.
pub fn transition(
    sql: &mut dyn Sql,
    workspace: &str,
    (name, version): (&str, i64),
    stage: &str,
    archives_others: bool,
) -> Result<ModelVersion, TrackingError> {
    let stage = stage_of(stage)?;
    if archives_others && !["Staging", "Production"].contains(&stage) {
        return Err(TrackingError::Invalid(format!(
            "Model version transition cannot archive existing model versions because '{stage}' is not an Active stage. Valid stages are ['Staging', 'Production']"
        )));
    }
    get(sql, workspace, name, version)?;
    if ["Staging", "Production"].contains(&stage) {
        moves::check_allowed(sql, workspace, (name, version))?;
    }
    let now = now_ms();
    if archives_others {
        sql.execute(
            "UPDATE model_versions SET stage = 'Archived', updated_ms = ?1 \
             WHERE workspace = ?2 AND name = ?3 AND stage = ?4 AND version <> ?5",
            args![now, workspace, name, stage, version],
        )?;
    }
    sql.execute(
        "UPDATE model_versions SET stage = ?1, updated_ms = ?2 WHERE workspace = ?3 AND name = ?4 AND version = ?5",
        args![stage, now, workspace, name, version],
    )?;
    models::touch(sql, workspace, name, now)?;
    get(sql, workspace, name, version)
}

/// The stage that a text names, in any case.
fn stage_of(text: &str) -> Result<&'static str, TrackingError> {
    let found = STAGES
        .into_iter()
        .find(|stage| stage.eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        TrackingError::Invalid(format!(
            "Invalid Model Version stage: {text}. Value must be one of {}.",
            STAGES.join(", ")
        ))
    })
}

/// The latest version of each of some stages, or of all if none is named.
pub fn latest(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    stages: &[String],
) -> Result<Vec<ModelVersion>, TrackingError> {
    let wanted: Vec<&str> = stages
        .iter()
        .map(|stage| stage_of(stage))
        .collect::<Result<_, _>>()?;
    let query = format!(
        "SELECT {COLUMNS} FROM model_versions v WHERE workspace = ?1 AND name = ?2 AND version = \
         (SELECT MAX(version) FROM model_versions w WHERE w.workspace = ?1 AND w.name = ?2 AND w.stage = v.stage) \
         ORDER BY version"
    );
    let rows = sql.query(&query, args![workspace, name])?;
    let mut found = Vec::new();
    for row in rows {
        if wanted.is_empty() || wanted.contains(&row.text(6)?.as_str()) {
            found.push(whole(sql, workspace, &row)?);
        }
    }
    Ok(found)
}

/// Sets a tag.
pub fn set_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    version: i64,
    tag: &KeyValue,
) -> Result<(), TrackingError> {
    check_tag(tag)?;
    get(sql, workspace, name, version)?;
    put_tag(sql, workspace, name, version, tag)
}

/// Takes a tag away; no error if it is not there.
pub fn delete_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    version: i64,
    key: &str,
) -> Result<(), TrackingError> {
    get(sql, workspace, name, version)?;
    sql.execute(
        "DELETE FROM model_version_tags WHERE workspace = ?1 AND name = ?2 AND version = ?3 AND key = ?4",
        args![workspace, name, version, key],
    )?;
    Ok(())
}
