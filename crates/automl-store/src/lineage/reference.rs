//! From what people type to what they mean.

use super::Node;
use crate::args;
use crate::datasets;
use crate::db::{Arg, Sql};
use crate::registry::{models, versions};
use crate::tracking::TrackingError;

/// The digits from which on a prefix is taken for an id before names are looked at.
const PREFIX_DIGITS: usize = 6;
/// Ids that an error names.
const IDS_TOLD: usize = 5;

/// What stands before the name of an endpoint.
const ENDPOINT: &str = "endpoint:";

/// What a reference means: `NAME/3`, `NAME@ALIAS` or `NAME` (its latest version), also with `models:/` before it;
/// `endpoint:NAME`; the id of a model; the id of a run, its first digits or its name; the digest, the name or the place of data.
///
/// # Errors
/// If it means nothing, or more than one run.
pub fn resolve(sql: &mut dyn Sql, workspace: &str, text: &str) -> Result<Node, TrackingError> {
    if let Some(name) = text.strip_prefix(ENDPOINT) {
        return endpoint(sql, workspace, name);
    }
    if let Some(found) = model_version(sql, workspace, text)? {
        return Ok(found);
    }
    let model = sql.query_one(
        "SELECT m.id FROM logged_models m JOIN experiments e ON e.id = m.experiment_id WHERE m.id = ?1 AND e.workspace = ?2",
        args![text, workspace],
    )?;
    if let Some(row) = model {
        return Ok(Node::Model { id: row.text(0)? });
    }
    if let Some(id) = run(sql, workspace, text)? {
        return Ok(Node::Run { id });
    }
    if let Some(named) = datasets::resolve(sql, workspace, text)? {
        let digest = named.digest;
        return Ok(Node::Data { digest });
    }
    if let Some(digest) = data(sql, workspace, text)? {
        return Ok(Node::Data { digest });
    }
    Err(TrackingError::Absent(format!(
        "No run, model, model version, endpoint or data is known as '{text}'"
    )))
}

fn endpoint(sql: &mut dyn Sql, workspace: &str, name: &str) -> Result<Node, TrackingError> {
    let row = sql.query_one(
        "SELECT name FROM endpoints WHERE workspace = ?1 AND name = ?2",
        args![workspace, name],
    )?;
    match row {
        Some(row) => Ok(Node::Endpoint { name: row.text(0)? }),
        None => Err(TrackingError::Absent(format!(
            "No run, model, model version, endpoint or data is known as '{ENDPOINT}{name}'"
        ))),
    }
}

/// The version that `NAME/3`, `NAME@ALIAS` or `NAME` (the newest) means, if there is one.
///
/// # Errors
/// If there is no such alias, no such version of a name that is there, or the record cannot be read.
pub fn model_version(
    sql: &mut dyn Sql,
    workspace: &str,
    text: &str,
) -> Result<Option<Node>, TrackingError> {
    let text = text.strip_prefix("models:/").unwrap_or(text);
    let numbered = text.rsplit_once('/');
    let numbered = numbered.and_then(|(name, version)| Some((name, version.parse().ok()?)));
    let found = if let Some((name, version)) = numbered {
        // A path has slashes, too: only where the name is one of ours, the version must be there.
        match versions::newest(sql, workspace, name)? {
            Some(_) => versions::get(sql, workspace, name, version).map(Some),
            None => return Ok(None),
        }
    } else if let Some((name, alias)) = text.rsplit_once('@') {
        models::by_alias(sql, workspace, name, alias).map(Some)
    } else {
        versions::newest(sql, workspace, text)
    };
    Ok(found?.map(|found| Node::ModelVersion {
        name: found.name,
        version: found.version,
    }))
}

/// The run of an id, of its first digits, or of a name. Six digits or more mean an id rather than a name, fewer the other way
/// round.
///
/// # Errors
/// If it means several runs, which the error names.
pub fn run(
    sql: &mut dyn Sql,
    workspace: &str,
    text: &str,
) -> Result<Option<String>, TrackingError> {
    let is_prefix = !text.is_empty() && text.chars().all(|digit| digit.is_ascii_hexdigit());
    let is_id = is_prefix && text.len() >= PREFIX_DIGITS;
    if is_id && let Some(id) = run_of_prefix(sql, workspace, text)? {
        return Ok(Some(id));
    }
    let ids = ids(
        sql,
        "r.name = ?1 AND r.stage = 'active' AND e.workspace = ?2",
        args![text, workspace],
    )?;
    match ids.as_slice() {
        [] if is_prefix && !is_id => run_of_prefix(sql, workspace, text),
        [] => Ok(None),
        [id] => Ok(Some(id.clone())),
        several => Err(TrackingError::Invalid(format!(
            "Several runs are called '{text}': {}; give the id of one",
            told(several)
        ))),
    }
}

/// The run whose id begins so.
fn run_of_prefix(
    sql: &mut dyn Sql,
    workspace: &str,
    text: &str,
) -> Result<Option<String>, TrackingError> {
    let ids = ids(
        sql,
        "r.id >= ?1 AND r.id < ?2 AND e.workspace = ?3",
        args![text, &format!("{text}g"), workspace],
    )?;
    match ids.as_slice() {
        [] => Ok(None),
        [id] => Ok(Some(id.clone())),
        several => Err(TrackingError::Invalid(format!(
            "Several runs have ids that begin with '{text}': {}; give more of it",
            told(several)
        ))),
    }
}

/// The ids of a few runs, one more than are told.
fn ids(sql: &mut dyn Sql, condition: &str, args: &[Arg<'_>]) -> Result<Vec<String>, TrackingError> {
    let query = format!(
        "SELECT r.id FROM runs r JOIN experiments e ON e.id = r.experiment_id WHERE {condition} ORDER BY r.id LIMIT {}",
        IDS_TOLD + 1
    );
    let rows = sql.query(&query, args)?;
    Ok(rows
        .iter()
        .map(|row| row.text(0))
        .collect::<Result<_, _>>()?)
}

fn told(ids: &[String]) -> String {
    let more = if ids.len() > IDS_TOLD {
        " and more"
    } else {
        ""
    };
    let first: Vec<&str> = ids.iter().take(IDS_TOLD).map(String::as_str).collect();
    format!("{}{more}", first.join(", "))
}

/// The digest of the latest data of a digest, name or place.
fn data(sql: &mut dyn Sql, workspace: &str, text: &str) -> Result<Option<String>, TrackingError> {
    // As we write it, and as MLflow's client does.
    let plain = serde_json::json!({ "uri": text }).to_string();
    let spaced = plain.replacen("\"uri\":", "\"uri\": ", 1);
    let row = sql.query_one(
        "SELECT d.digest FROM datasets d JOIN experiments e ON e.id = d.experiment_id \
         WHERE (d.digest = ?1 OR d.name = ?1 OR d.source IN (?2, ?3)) AND e.workspace = ?4 ORDER BY d.id DESC LIMIT 1",
        args![text, &plain, &spaced, workspace],
    )?;
    Ok(row.map(|row| row.text(0)).transpose()?)
}
