//! Reading and writing the parts of a fitted step: strings as arrays, sizes checked.

use automl_core::{Artifact, ArtifactError};
use serde_json::Value;

/// Adds strings as one array of bytes and one of ends.
pub(crate) fn push_strings<'a>(
    artifact: &mut Artifact,
    name: &str,
    strings: impl IntoIterator<Item = &'a str>,
) {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for string in strings {
        bytes.extend_from_slice(string.as_bytes());
        ends.push(bytes.len() as i64);
    }
    artifact.push_u8(&format!("{name}.bytes"), bytes);
    artifact.push_i64(&format!("{name}.ends"), ends);
}

/// The strings that [`push_strings`] wrote.
pub(crate) fn strings(artifact: &Artifact, name: &str) -> Result<Vec<Box<str>>, ArtifactError> {
    let bytes = artifact.u8s(&format!("{name}.bytes"))?;
    let ends = artifact.i64s(&format!("{name}.ends"))?;
    let mut all = Vec::with_capacity(ends.len());
    let mut start = 0_usize;
    for &end in ends {
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let text = bytes
            .get(start..end)
            .and_then(|part| std::str::from_utf8(part).ok())
            .ok_or_else(|| artifact.invalid(name, "a string has no bytes"))?;
        all.push(text.into());
        start = end;
    }
    if start != bytes.len() {
        return Err(artifact.invalid(name, "bytes are left over"));
    }
    Ok(all)
}

/// The array of numbers called `name`, which must have `len` elements.
pub(crate) fn f64s_of_len(
    artifact: &Artifact,
    name: &str,
    len: usize,
) -> Result<Vec<f64>, ArtifactError> {
    let values = artifact.f64s(name)?;
    check_len(artifact, name, values.len(), len)?;
    Ok(values.to_vec())
}

/// An error unless an array has the expected length.
pub(crate) fn check_len(
    artifact: &Artifact,
    name: &str,
    found: usize,
    expected: usize,
) -> Result<(), ArtifactError> {
    if found == expected {
        return Ok(());
    }
    let reason = format!("it has {found} elements where {expected} are expected");
    Err(artifact.invalid(name, &reason))
}

/// Sets one small value.
pub(crate) fn set_meta(artifact: &mut Artifact, name: &str, value: impl Into<Value>) {
    if let Value::Object(map) = &mut artifact.meta {
        map.insert(name.to_owned(), value.into());
    }
}

/// An artifact of `kind` without content.
pub(crate) fn empty(kind: &str) -> Artifact {
    Artifact::new(kind, Value::Object(serde_json::Map::new()))
}
