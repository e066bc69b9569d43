//! The registry: named models, their numbered versions, aliases and stages.

pub mod approvals;
pub mod files;
pub mod models;
pub mod moves;
pub mod search;
pub mod versions;
pub mod webhooks;

pub use models::RegisteredModel;
pub use versions::ModelVersion;

use crate::tracking::{KeyValue, LIMITS, TrackingError, check_key, check_length};

/// The stages of a version.
pub const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

/// The tag that marks a prompt among models and versions.
pub const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// Whether tags mark a prompt; of a tag given twice the last counts.
pub fn is_prompt(tags: &[KeyValue]) -> bool {
    let mark = tags.iter().rev().find(|tag| tag.key == PROMPT_TAG);
    mark.is_some_and(|tag| tag.value.eq_ignore_ascii_case("true"))
}

fn check_name(name: &str) -> Result<(), TrackingError> {
    if name.trim().is_empty() {
        return Err(TrackingError::Invalid(
            "Missing value for required parameter 'name'.".into(),
        ));
    }
    if name.contains(['/', ':']) || name == "." || name == ".." {
        return Err(TrackingError::Invalid(format!(
            "Invalid model name '{name}'. Names cannot contain '/' or ':'."
        )));
    }
    check_length("Registered model name", LIMITS.key, name)
}

fn check_tag(tag: &KeyValue) -> Result<(), TrackingError> {
    check_key("key", "key", &tag.key)?;
    check_length("value", LIMITS.registry_tag_value, &tag.value)
}

fn missing(name: &str) -> TrackingError {
    TrackingError::Absent(format!("Registered Model with name={name} not found"))
}

#[cfg(test)]
mod tests;
