//! Where the files of a version to be registered are: only inside what its run or its logged model owns.

use crate::error::ApiError;
use automl_store::artifact_uri::percent_decoded;
use automl_store::db::Sql;
use automl_store::registry::versions::{self, ModelVersion, NewVersion};
use automl_store::registry::{is_prompt, models};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE;
use automl_store::tracking::{logged_models, runs};
use regex::Regex;
use std::str::FromStr;

/// What clients name as the source of a prompt.
const PROMPT_SOURCES: [&str; 2] = ["dummy-source", "prompt-template"];

/// What must be found in the source of each version that clients register.
#[derive(Debug, Clone)]
pub struct SourcePattern(Regex);

impl FromStr for SourcePattern {
    type Err = regex::Error;

    fn from_str(text: &str) -> Result<Self, regex::Error> {
        Ok(Self(Regex::new(text)?))
    }
}

impl SourcePattern {
    pub(super) fn check(&self, source: &str) -> Result<(), ApiError> {
        if self.0.is_match(source) {
            return Ok(());
        }
        Err(ApiError::invalid(format!(
            "Invalid model version source: '{source}'. This server takes sources in which '{}' is found.",
            self.0
        )))
    }
}

/// Checks the source of a version and finds out where its files are.
pub(super) fn resolve(sql: &mut dyn Sql, mut new: NewVersion) -> Result<NewVersion, ApiError> {
    new.storage_location.clone_from(&new.source);
    if is_prompt(&new.tags) {
        // A prompt has no files: what it says is in its tags.
        if !PROMPT_SOURCES.contains(&new.source.as_str()) {
            return Err(ApiError::invalid(format!(
                "Invalid prompt source: '{}'. Prompt sources must use an MLflow placeholder.",
                new.source
            )));
        }
        return Ok(new);
    }
    if let Some(rest) = new.source.strip_prefix("models:/") {
        check_plain(&new.source)?;
        let has_host = rest.starts_with('/') && !rest.starts_with("//");
        if has_host {
            return Err(ApiError::invalid(format!(
                "Invalid model version source: '{}'. Registered model sources must use the active model registry.",
                new.source
            )));
        }
        let rest = rest.trim_start_matches('/').to_owned();
        return of_model(sql, &rest, new);
    }
    let owner = owner(sql, &mut new)?;
    let source = &new.source;
    if let Some(path) = local_path(source)? {
        let is_inside = owner
            .as_deref()
            .is_some_and(|root| is_local_inside(&path, root));
        if !is_inside {
            return Err(ApiError::invalid(format!(
                "Invalid model version source: '{source}'. To use a local path as a model version source, the run_id request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id."
            )));
        }
        return Ok(new);
    }
    check_plain(source)?;
    if let Some(rest) = source.strip_prefix("runs:/") {
        let run_id = rest
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        if new.model_id.is_some() || new.run_id.as_deref() != Some(run_id) {
            return Err(not_owned(source, "run_id"));
        }
        return Ok(new);
    }
    if is_proxied(source) && !owner.is_some_and(|root| is_within(source, &root)) {
        return Err(not_owned(
            source,
            if new.model_id.is_some() {
                "model_id"
            } else {
                "run_id"
            },
        ));
    }
    Ok(new)
}

fn not_owned(source: &str, parameter: &str) -> ApiError {
    ApiError::invalid(format!(
        "Invalid model version source: '{source}'. The {parameter} request parameter must identify the resource that contains the source."
    ))
}

/// The root of what the logged model or the run of a version owns; a run is not needed where nothing is checked against it.
fn owner(sql: &mut dyn Sql, new: &mut NewVersion) -> Result<Option<String>, ApiError> {
    if let Some(id) = &new.model_id {
        let model = logged_models::get(sql, DEFAULT_WORKSPACE, id)?;
        new.run_id = new.run_id.take().or(model.source_run_id);
        return Ok(Some(model.artifact_uri));
    }
    match &new.run_id {
        Some(id) => Ok(runs::get(sql, DEFAULT_WORKSPACE, id)
            .ok()
            .map(|run| run.artifact_uri)),
        None => Ok(None),
    }
}

/// `models:/m-ID`, or a version that is registered already: then the new one is of the same run and the same logged model.
fn of_model(sql: &mut dyn Sql, rest: &str, mut new: NewVersion) -> Result<NewVersion, ApiError> {
    if rest.starts_with("m-") && !rest.contains(['/', '@']) {
        let model = logged_models::get(sql, DEFAULT_WORKSPACE, rest)?;
        if new.model_id.as_deref().is_some_and(|id| id != rest) {
            return Err(not_owned(&new.source, "model_id"));
        }
        new.model_id = Some(rest.to_owned());
        new.run_id = new.run_id.or(model.source_run_id);
        new.storage_location = model.artifact_uri;
        return Ok(new);
    }
    let of = registered(sql, rest, &new.source)?;
    if models::is_prompt(sql, DEFAULT_WORKSPACE, &of.name)? {
        return Err(ApiError::invalid(format!(
            "Invalid model version source: '{}'. Prompt versions cannot be used as model version sources.",
            new.source
        )));
    }
    let is_other = |given: &Option<String>, own: &Option<String>| given.is_some() && given != own;
    if is_other(&new.run_id, &of.run_id) || is_other(&new.model_id, &of.model_id) {
        return Err(ApiError::invalid(format!(
            "Invalid model version source: '{}'. The run_id and model_id request parameters must match the referenced model version.",
            new.source
        )));
    }
    // An alias or a stage moves on; the version that it led to stays.
    new.source = format!("models:/{}/{}", of.name, of.version);
    (new.run_id, new.model_id) = (of.run_id, of.model_id);
    new.storage_location = of.storage_location;
    Ok(new)
}

/// The version that `NAME/VERSION`, `NAME/latest`, `NAME/STAGE` or `NAME@ALIAS` leads to.
fn registered(sql: &mut dyn Sql, rest: &str, source: &str) -> Result<ModelVersion, ApiError> {
    if let Some((name, alias)) = rest.rsplit_once('@') {
        return Ok(models::by_alias(sql, DEFAULT_WORKSPACE, name, alias)?);
    }
    let Some((name, which)) = rest.rsplit_once('/') else {
        return Err(ApiError::invalid(format!(
            "Unable to fetch model from model URI source artifact location '{source}'."
        )));
    };
    if let Ok(version) = which.parse() {
        return Ok(versions::get(sql, DEFAULT_WORKSPACE, name, version)?);
    }
    models::get(sql, DEFAULT_WORKSPACE, name)?;
    let found = if which.eq_ignore_ascii_case("latest") {
        versions::newest(sql, DEFAULT_WORKSPACE, name)?
    } else {
        versions::latest(sql, DEFAULT_WORKSPACE, name, &[which.to_owned()])?.pop()
    };
    found.ok_or_else(|| {
        ApiError::missing(format!(
            "No versions of model with name '{name}' and stage '{which}' found"
        ))
    })
}

/// The path of a source that is a folder of this machine.
fn local_path(source: &str) -> Result<Option<String>, ApiError> {
    if let Some(rest) = source.strip_prefix("file:") {
        let path = match rest.strip_prefix("//") {
            Some(rest) if !rest.starts_with('/') && !rest.starts_with("localhost/") => {
                return Err(ApiError::internal(format!(
                    "{source} is not a valid remote uri"
                )));
            }
            Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
            None => rest,
        };
        return Ok(Some(percent_decoded(path)));
    }
    let is_path = !source.contains(":/") && !is_proxied(source);
    Ok(is_path.then(|| source.to_owned()))
}

/// The parts of an absolute path, with `.` and `..` followed; nothing if it leaves the root.
fn parts(path: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    for part in path.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts)
}

fn is_local_inside(path: &str, root: &str) -> bool {
    let Ok(Some(root)) = local_path(root) else {
        return false;
    };
    match (parts(path), parts(&root)) {
        (Some(path), Some(root)) => path.starts_with(&root),
        _ => false,
    }
}

/// Refuses a source that names something by way of something else.
fn check_plain(source: &str) -> Result<(), ApiError> {
    let mut decoded = source.to_owned();
    loop {
        let next = percent_decoded(&decoded);
        if next == decoded {
            break;
        }
        decoded = next;
    }
    let is_plain =
        !decoded.contains('\0') && decoded.split('/').all(|part| part != ".." && part != ".");
    if is_plain {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path."
    )))
}

/// Whether this kind of server serves what the source names.
fn is_proxied(source: &str) -> bool {
    source.starts_with("mlflow-artifacts:")
        || (source.starts_with("http") && source.contains("/api/2.0/mlflow-artifacts/artifacts"))
}

fn is_within(source: &str, root: &str) -> bool {
    let split = |uri: &str| {
        let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                (authority.to_lowercase(), path)
            }
            None => (String::new(), rest),
        };
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(percent_decoded)
            .collect();
        (scheme.to_lowercase(), authority, parts)
    };
    let (source, root) = (split(source), split(root));
    source.0 == root.0 && source.1 == root.1 && !root.2.is_empty() && source.2.starts_with(&root.2)
}
