//! Writes what comes from another store into the record: each function in the transaction of its caller, whole.

use super::{Experiment, ImportError, LoggedModel, RegisteredModel, Run};
use crate::args;
use crate::db::Sql;
use crate::tracking::inputs::{self, Direction};
use crate::tracking::runs::{self, NAME_TAG, RunInfo};
use crate::tracking::{KeyValue, Stage, experiments, log, logged_models, next_number};

/// Ids up to this one are given to experiments in order, so that none must be taken before its turn.
const COUNTED_MAX: i64 = 1 << 40;

fn stage(is_deleted: bool) -> &'static str {
    let stage = if is_deleted {
        Stage::Deleted
    } else {
        Stage::Active
    };
    stage.name()
}

/// The experiment of that name, made if it is not there; its id and where its artifacts go.
pub(super) fn experiment(
    sql: &mut dyn Sql,
    workspace: &str,
    root: &str,
    new: &Experiment,
) -> Result<(i64, String, bool), ImportError> {
    if let Some(old) = experiments::by_name(sql, workspace, &new.name)? {
        return Ok((old.id, old.artifact_location, false));
    }
    let id = free_id(sql, new.id.parse().ok())?;
    let location = experiments::below(root, id);
    sql.execute(
        "INSERT INTO experiments (id, workspace, name, artifact_location, stage, created_ms, updated_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        args![id, workspace, &new.name, &location, stage(new.is_deleted), new.created_ms, new.updated_ms],
    )?;
    for tag in &new.tags {
        experiments::put_tag(sql, id, tag)?;
    }
    Ok((id, location, true))
}

/// The wanted id if it is free, or the next that is.
fn free_id(sql: &mut dyn Sql, wanted: Option<i64>) -> Result<i64, ImportError> {
    let mut is_free = |id: i64| {
        let found = sql.query_one("SELECT id FROM experiments WHERE id = ?1", args![id])?;
        Ok::<_, ImportError>(found.is_none())
    };
    let Some(wanted) = wanted.filter(|id| *id > 0) else {
        return Ok(next_number(sql, "experiment")?);
    };
    if !is_free(wanted)? {
        return Ok(next_number(sql, "experiment")?);
    }
    if wanted <= COUNTED_MAX {
        sql.execute(
            "INSERT INTO counters (name, value) VALUES ('experiment', ?1) ON CONFLICT (name) DO UPDATE SET value = \
             CASE WHEN counters.value < excluded.value THEN excluded.value ELSE counters.value END",
            args![wanted],
        )?;
    }
    Ok(wanted)
}

/// A run whose files are at `artifact_uri`; one that is there already gets what it lacks.
pub(super) fn run(
    sql: &mut dyn Sql,
    experiment_id: i64,
    artifact_uri: &str,
    new: &Run,
) -> Result<(), ImportError> {
    let found = sql.query_one("SELECT run FROM runs WHERE id = ?1", args![&new.id])?;
    let old = found.map(|row| row.int(0)).transpose()?;
    let number = match old {
        Some(number) => number,
        None => next_number(sql, "run")?,
    };
    let info = RunInfo {
        number,
        id: new.id.clone(),
        experiment_id,
        name: new.name.clone(),
        user_id: new.user_id.clone(),
        status: new.status.clone(),
        start_ms: new.start_ms,
        end_ms: new.end_ms,
        stage: stage(new.is_deleted).to_owned(),
        artifact_uri: artifact_uri.to_owned(),
    };
    if old.is_some() {
        sql.execute(
            "UPDATE runs SET status = ?1, end_ms = ?2 WHERE run = ?3",
            args![&new.status, new.end_ms, number],
        )?;
    } else {
        runs::insert(sql, &info)?;
        sql.execute(
            "UPDATE runs SET deleted_ms = ?1 WHERE run = ?2",
            args![new.deleted_ms, number],
        )?;
    }
    if !new.tags.iter().any(|tag| tag.key == NAME_TAG) && !new.name.is_empty() {
        let (key, value) = (NAME_TAG.to_owned(), new.name.clone());
        keep(sql, "tags", number, &KeyValue { key, value })?;
    }
    for tag in &new.tags {
        keep(sql, "tags", number, tag)?;
    }
    for param in &new.params {
        keep(sql, "params", number, param)?;
    }
    log::put_metrics(sql, number, &new.metrics)?;
    inputs::log_datasets(sql, &info, &new.datasets)?;
    inputs::log_models(sql, &info, Direction::In, &new.models_in)?;
    inputs::log_models(sql, &info, Direction::Out, &new.models_out)?;
    Ok(())
}

/// A tag or param that is not there yet.
fn keep(sql: &mut dyn Sql, table: &str, run: i64, pair: &KeyValue) -> Result<(), ImportError> {
    sql.execute(
        &format!("INSERT INTO {table} (run, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (run, key) DO NOTHING"),
        args![run, &pair.key, &pair.value],
    )?;
    Ok(())
}

/// A logged model that is not there yet, with what was measured of it.
pub(super) fn model(
    sql: &mut dyn Sql,
    experiment_id: i64,
    artifact_uri: &str,
    new: &LoggedModel,
) -> Result<(), ImportError> {
    sql.execute(
        "INSERT INTO logged_models (id, experiment_id, name, artifact_uri, created_ms, updated_ms, status, status_message, \
         model_type, source_run_id, stage) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'active')",
        args![
            &new.id, experiment_id, &new.name, artifact_uri, new.created_ms, new.updated_ms, new.status.name(),
            new.status_message.as_deref(), new.model_type.as_deref(), new.source_run_id.as_deref(),
        ],
    )?;
    logged_models::put_params(sql, &new.id, &new.params)?;
    logged_models::put_tags(sql, &new.id, &new.tags)?;
    for (metric, run) in &new.metrics {
        let found = sql.query_one("SELECT run FROM runs WHERE id = ?1", args![run])?;
        // A run that could not be imported is told of by itself.
        if let Some(row) = found {
            log::put_model_metric(sql, row.int(0)?, &new.id, metric)?;
        }
    }
    Ok(())
}

/// A registered model with the versions, tags and aliases that are not there yet; how many versions are new.
///
/// # Errors
/// If a version of the same number is another one.
pub(super) fn registered(
    sql: &mut dyn Sql,
    workspace: &str,
    new: &RegisteredModel,
) -> Result<u64, ImportError> {
    let last = new
        .versions
        .iter()
        .map(|version| version.version)
        .max()
        .unwrap_or(0);
    sql.execute(
        "INSERT INTO registered_models (workspace, name, description, created_ms, updated_ms, last_version) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (workspace, name) DO UPDATE SET last_version = \
         CASE WHEN registered_models.last_version < excluded.last_version THEN excluded.last_version \
         ELSE registered_models.last_version END",
        args![workspace, &new.name, new.description.as_deref(), new.created_ms, new.updated_ms, last],
    )?;
    for tag in &new.tags {
        sql.execute(
            "INSERT INTO registered_model_tags (workspace, name, key, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            args![workspace, &new.name, &tag.key, &tag.value],
        )?;
    }
    let mut n_new = 0;
    for version in &new.versions {
        let (name, number) = (&new.name, version.version);
        let found = sql.query_one(
            "SELECT created_ms FROM model_versions WHERE workspace = ?1 AND name = ?2 AND version = ?3",
            args![workspace, name, number],
        )?;
        if let Some(row) = found {
            if row.int(0)? != version.created_ms {
                return Err(ImportError::Another {
                    what: "the version",
                    name: format!("{name}/{number}"),
                });
            }
            continue;
        }
        sql.execute(
            "INSERT INTO model_versions (workspace, name, version, created_ms, updated_ms, description, user_id, \
             stage, source, storage_location, run_id, run_link, model_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            args![
                workspace, name, number, version.created_ms, version.updated_ms, version.description.as_deref(),
                version.user_id.as_deref(), &version.stage, &version.source, &version.storage_location,
                version.run_id.as_deref(), version.run_link.as_deref(), version.model_id.as_deref(),
            ],
        )?;
        for tag in &version.tags {
            sql.execute(
                "INSERT INTO model_version_tags (workspace, name, version, key, value) VALUES (?1, ?2, ?3, ?4, ?5)",
                args![workspace, name, number, &tag.key, &tag.value],
            )?;
        }
        n_new += 1;
    }
    for (alias, number) in &new.aliases {
        sql.execute(
            "INSERT INTO model_aliases (workspace, name, alias, version) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            args![workspace, &new.name, alias, *number],
        )?;
    }
    Ok(n_new)
}
