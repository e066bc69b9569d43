//! Limits and names, as MLflow has them.

use super::TrackingError;

/// The most that is taken of something.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Limits {
    pub key: usize,
    pub param_value: usize,
    pub tag_value: usize,
    /// Of the tag with all models that a run logged.
    pub models_tag_value: usize,
    pub experiment_name: usize,
    pub experiment_tag_value: usize,
    pub metrics_a_batch: usize,
    pub params_a_batch: usize,
    pub tags_a_batch: usize,
    pub entities_a_batch: usize,
    pub runs_a_page: usize,
    pub experiments_a_page: usize,
    pub dataset_name: usize,
    pub dataset_digest: usize,
    pub dataset_source: usize,
    pub dataset_schema: usize,
    pub dataset_profile: usize,
    pub input_tag_key: usize,
    pub input_tag_value: usize,
    pub registry_tag_value: usize,
    pub alias: usize,
}

/// Characters or pieces.
pub const LIMITS: Limits = Limits {
    key: 250,
    param_value: 6000,
    tag_value: 8000,
    models_tag_value: 1_000_000,
    experiment_name: 500,
    experiment_tag_value: 20_000,
    metrics_a_batch: 1000,
    params_a_batch: 100,
    tags_a_batch: 100,
    entities_a_batch: 1000,
    runs_a_page: 50_000,
    experiments_a_page: 50_000,
    dataset_name: 500,
    dataset_digest: 36,
    dataset_source: 65_535,
    dataset_schema: 1_048_575,
    dataset_profile: 16_777_215,
    input_tag_key: 255,
    input_tag_value: 500,
    registry_tag_value: 100_000,
    alias: 255,
};

/// Checks a key of a metric, a param or a tag: its letters, its length, and that it would name one file.
///
/// # Errors
/// Names the parameter, such as `metrics[3].name`.
pub fn check_key(kind: &str, parameter: &str, key: &str) -> Result<(), TrackingError> {
    let shown = serde_json::Value::from(key);
    let wrong = |reason: String| {
        TrackingError::Invalid(format!(
            "Invalid value {shown} for parameter '{parameter}' supplied: {reason}"
        ))
    };
    let is_of_key = |letter: char| letter.is_alphanumeric() || "/_.- :".contains(letter);
    if !key.chars().all(is_of_key) {
        return Err(wrong(
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
                .into(),
        ));
    }
    let is_one_file = !key.is_empty()
        && !key.starts_with('/')
        && key
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..");
    if !is_one_file {
        return Err(wrong(
            "Names may be treated as files in certain cases, and must not resolve to other names when treated as such."
                .into(),
        ));
    }
    check_length(kind, LIMITS.key, key)
}

/// Checks what databases cannot keep; no length.
pub(crate) fn check_text(what: &str, text: &str) -> Result<(), TrackingError> {
    if text.contains('\0') {
        return Err(TrackingError::Invalid(format!(
            "{what} holds a NUL character"
        )));
    }
    Ok(())
}

/// The first `limit` characters. MLflow's server keeps so much of params and of tags of runs and models, and refuses none for its
/// length, so clients send what they like.
pub(crate) fn cut(limit: usize, text: &str) -> &str {
    let end = text.char_indices().nth(limit);
    &text[..end.map_or(text.len(), |(place, _)| place)]
}

/// Checks the number of characters of a text.
///
/// # Errors
/// Names what is too long.
pub fn check_length(what: &str, limit: usize, text: &str) -> Result<(), TrackingError> {
    check_text(what, text)?;
    // Characters are never more than bytes.
    if text.len() > limit && text.chars().count() > limit {
        return Err(TrackingError::Invalid(format!(
            "{what} exceeds the maximum length of {limit} characters"
        )));
    }
    Ok(())
}
