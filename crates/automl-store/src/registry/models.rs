//! Registered models.

use super::versions::{self, ModelVersion};
use super::{check_name, check_tag, missing};
use crate::args;
use crate::db::{Row, Sql};
use crate::endpoints::check_unused;
use crate::tracking::{KeyValue, LIMITS, TrackingError, check_length, now_ms};

/// A name with versions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct RegisteredModel {
    pub name: String,
    pub description: Option<String>,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub tags: Vec<KeyValue>,
    /// Alias and version.
    pub aliases: Vec<(String, i64)>,
    /// The latest version of each stage.
    pub latest: Vec<ModelVersion>,
}

/// Registers a name.
pub fn create(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    description: Option<&str>,
    tags: &[KeyValue],
) -> Result<RegisteredModel, TrackingError> {
    check_name(name)?;
    for tag in tags {
        check_tag(tag)?;
    }
    let now = now_ms();
    let count = sql.execute(
        "INSERT INTO registered_models (workspace, name, description, created_ms, updated_ms, last_version) \
         VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT DO NOTHING",
        args![workspace, name, description, now, now],
    )?;
    if count == 0 {
        return Err(exists(name));
    }
    for tag in tags {
        put_tag(sql, workspace, name, tag)?;
    }
    get(sql, workspace, name)
}

fn exists(name: &str) -> TrackingError {
    TrackingError::Exists {
        kind: "Registered Model",
        name: name.to_owned(),
        note: ".",
    }
}

fn put_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    tag: &KeyValue,
) -> Result<(), TrackingError> {
    sql.execute(
        "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (workspace, name, key) DO UPDATE SET value = excluded.value",
        args![workspace, name, &tag.key, &tag.value],
    )?;
    Ok(())
}

pub(super) const COLUMNS: &str = "name, description, created_ms, updated_ms";

/// A registered model.
pub fn get(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
) -> Result<RegisteredModel, TrackingError> {
    let query =
        format!("SELECT {COLUMNS} FROM registered_models WHERE workspace = ?1 AND name = ?2");
    let row = sql.query_one(&query, args![workspace, name])?;
    whole(sql, workspace, &row.ok_or_else(|| missing(name))?)
}

/// The names of all registered models.
pub fn names(sql: &mut dyn Sql, workspace: &str) -> Result<Vec<String>, TrackingError> {
    let rows = sql.query(
        "SELECT name FROM registered_models WHERE workspace = ?1 ORDER BY name",
        args![workspace],
    )?;
    rows.iter().map(|row| Ok(row.text(0)?)).collect()
}

pub(super) fn whole(
    sql: &mut dyn Sql,
    workspace: &str,
    row: &Row,
) -> Result<RegisteredModel, TrackingError> {
    let name = row.text(0)?;
    let tags = sql.query(
        "SELECT key, value FROM registered_model_tags WHERE workspace = ?1 AND name = ?2 ORDER BY key",
        args![workspace, &name],
    )?;
    let aliases = sql.query(
        "SELECT alias, version FROM model_aliases WHERE workspace = ?1 AND name = ?2 ORDER BY alias",
        args![workspace, &name],
    )?;
    let tag = |row: &Row| {
        Ok(KeyValue {
            key: row.text(0)?,
            value: row.text(1)?,
        })
    };
    let alias = |row: &Row| Ok((row.text(0)?, row.int(1)?));
    Ok(RegisteredModel {
        description: row.maybe_text(1)?,
        created_ms: row.int(2)?,
        updated_ms: row.int(3)?,
        tags: tags.iter().map(tag).collect::<Result<_, TrackingError>>()?,
        aliases: aliases
            .iter()
            .map(alias)
            .collect::<Result<_, TrackingError>>()?,
        latest: versions::latest(sql, workspace, &name, &[])?,
        name,
    })
}

/// That a name is registered.
pub(super) fn check_there(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
) -> Result<(), TrackingError> {
    let found = sql.query_one(
        "SELECT 1 FROM registered_models WHERE workspace = ?1 AND name = ?2",
        args![workspace, name],
    )?;
    found.map(|_| ()).ok_or_else(|| missing(name))
}

/// Gives a model another name, with all that hangs on it.
pub fn rename(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    new_name: &str,
) -> Result<RegisteredModel, TrackingError> {
    check_there(sql, workspace, name)?;
    if new_name.trim().is_empty() {
        return Err(TrackingError::Invalid(
            "Missing value for required parameter 'new_name'.".into(),
        ));
    }
    check_name(new_name)?;
    if new_name != name && check_there(sql, workspace, new_name).is_ok() {
        return Err(exists(new_name));
    }
    let now = now_ms();
    sql.execute(
        "UPDATE registered_models SET name = ?1, updated_ms = ?2 WHERE workspace = ?3 AND name = ?4",
        args![new_name, now, workspace, name],
    )?;
    sql.execute(
        "UPDATE model_versions SET updated_ms = ?1 WHERE workspace = ?2 AND name = ?3",
        args![now, workspace, new_name],
    )?;
    get(sql, workspace, new_name)
}

/// Describes a model.
pub fn describe(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    description: Option<&str>,
) -> Result<RegisteredModel, TrackingError> {
    check_there(sql, workspace, name)?;
    sql.execute(
        "UPDATE registered_models SET description = ?1, updated_ms = ?2 WHERE workspace = ?3 AND name = ?4",
        args![description, now_ms(), workspace, name],
    )?;
    get(sql, workspace, name)
}

/// Notes that something about a model changed.
pub(super) fn touch(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    now: i64,
) -> Result<(), TrackingError> {
    sql.execute(
        "UPDATE registered_models SET updated_ms = ?1 WHERE workspace = ?2 AND name = ?3",
        args![now, workspace, name],
    )?;
    Ok(())
}

/// Deletes a model with its versions, tags and aliases, if none of them is deployed.
pub fn delete(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<(), TrackingError> {
    check_there(sql, workspace, name)?;
    check_unused(sql, workspace, name, None)?;
    sql.execute(
        "DELETE FROM registered_models WHERE workspace = ?1 AND name = ?2",
        args![workspace, name],
    )?;
    Ok(())
}

/// Whether a model that is there is a prompt.
pub fn is_prompt(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<bool, TrackingError> {
    let row = sql.query_one(
        "SELECT value FROM registered_model_tags WHERE workspace = ?1 AND name = ?2 AND key = ?3",
        args![workspace, name, super::PROMPT_TAG],
    )?;
    let value = row.map(|row| row.text(0)).transpose()?;
    Ok(value.is_some_and(|value| value.eq_ignore_ascii_case("true")))
}

/// Sets a tag.
pub fn set_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    tag: &KeyValue,
) -> Result<(), TrackingError> {
    check_tag(tag)?;
    check_there(sql, workspace, name)?;
    put_tag(sql, workspace, name, tag)
}

/// Takes a tag away; no error if it is not there.
pub fn delete_tag(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    key: &str,
) -> Result<(), TrackingError> {
    check_there(sql, workspace, name)?;
    sql.execute(
        "DELETE FROM registered_model_tags WHERE workspace = ?1 AND name = ?2 AND key = ?3",
        args![workspace, name, key],
    )?;
    Ok(())
}

/// Points an alias to a version.
pub fn set_alias(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    alias: &str,
    version: i64,
) -> Result<(), TrackingError> {
    check_alias(alias)?;
    versions::get(sql, workspace, name, version)?;
    sql.execute(
        "INSERT INTO model_aliases (workspace, name, alias, version) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version",
        args![workspace, name, alias, version],
    )?;
    Ok(())
}

pub(super) fn check_alias(alias: &str) -> Result<(), TrackingError> {
    let invalid = |reason: String| Err(TrackingError::Invalid(reason));
    if alias.is_empty() {
        return invalid("Registered model alias name cannot be empty.".into());
    }
    if !alias
        .chars()
        .all(|letter| letter.is_alphanumeric() || "_-".contains(letter))
    {
        return invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        ));
    }
    check_length("Registered model alias name", LIMITS.alias, alias)?;
    if alias.eq_ignore_ascii_case("latest") {
        return invalid("'latest' alias name (case insensitive) is reserved.".into());
    }
    let digits = alias.strip_prefix(['v', 'V']).unwrap_or_default();
    if !digits.is_empty() && digits.chars().all(|letter| letter.is_ascii_digit()) {
        return invalid(format!("Version alias name '{alias}' is reserved."));
    }
    Ok(())
}

/// Takes an alias away; no error if it is not there.
pub fn delete_alias(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    alias: &str,
) -> Result<(), TrackingError> {
    check_there(sql, workspace, name)?;
    sql.execute(
        "DELETE FROM model_aliases WHERE workspace = ?1 AND name = ?2 AND alias = ?3",
        args![workspace, name, alias],
    )?;
    Ok(())
}

/// The version that an alias points to.
pub fn by_alias(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    alias: &str,
) -> Result<ModelVersion, TrackingError> {
    check_there(sql, workspace, name)?;
    let row = sql.query_one(
        "SELECT version FROM model_aliases WHERE workspace = ?1 AND name = ?2 AND alias = ?3",
        args![workspace, name, alias],
    )?;
    match row {
        Some(row) => versions::get(sql, workspace, name, row.int(0)?),
        None => Err(TrackingError::Invalid(format!(
            "Registered model alias {alias} not found."
        ))),
    }
}
