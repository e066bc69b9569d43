//! The registry: named models, their numbered versions, aliases and stages.

pub mod approvals;
pub mod files;
pub mod models;
pub mod moves;
pub mod search;
pub mod versions;

pub use models::RegisteredModel;
pub use versions::ModelVersion;

use crate::tracking::{KeyValue, LIMITS, TrackingError, check_key, check_length};

/// The stages of a version.
pub const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

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
