//! A fitted thing as plain data: JSON, arrays and children. `automl-store` owns bytes and versions.

#[cfg(test)]
mod tests;

use crate::error::Coded;
use serde_json::Value;
use std::collections::BTreeMap;

/// A fitted thing as plain data. Loading it runs nothing: the reader of its `kind` checks every size and index.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Artifact {
    /// Who can read it, such as `gradient_boosting` or `recipe`.
    pub kind: String,
    /// Parameters and other small values.
    pub meta: Value,
    /// Numbers, by name.
    pub arrays: BTreeMap<String, Array>,
    /// Fitted parts, in order.
    pub children: Vec<Artifact>,
}

/// A dense array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The elements; as many as the product of `shape`.
    pub data: ArrayData,
}

/// Elements of an array.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is named for its element type")]
pub enum ArrayData {
    U8(Vec<u8>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Why an artifact cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A part is not there.
    #[error("the {kind} artifact has no '{name}'")]
    Missing {
        /// The artifact's kind.
        kind: String,
        /// The part.
        name: String,
    },
    /// A part is there but cannot be what it should be.
    #[error("'{name}' of the {kind} artifact is invalid: {reason}")]
    Invalid {
        /// The artifact's kind.
        kind: String,
        /// The part.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// No reader is known for this kind.
    #[error("no reader for artifacts of kind '{kind}'")]
    UnknownKind {
        /// The kind.
        kind: String,
    },
}

impl Coded for ArtifactError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "artifact-part-missing",
            Self::Invalid { .. } => "artifact-part-invalid",
            Self::UnknownKind { .. } => "artifact-kind-unknown",
        }
    }

    fn hint(&self) -> Option<String> {
        Some("the artifact was altered or written by another version; fit the model again or restore the file".into())
    }
}

macro_rules! typed_access {
    ($($push:ident, $get:ident, $variant:ident, $element:ty;)*) => {$(
        #[doc = concat!("Adds a flat array of `", stringify!($element), "`.")]
        pub fn $push(&mut self, name: &str, values: Vec<$element>) {
            let array = Array { shape: vec![values.len()], data: ArrayData::$variant(values) };
            self.arrays.insert(name.to_owned(), array);
        }

        #[doc = concat!("The elements of an array of `", stringify!($element), "`.")]
        pub fn $get(&self, name: &str) -> Result<&[$element], ArtifactError> {
            match self.arrays.get(name).map(|array| &array.data) {
                Some(ArrayData::$variant(values)) => Ok(values),
                Some(_) => Err(self.invalid(name, concat!("its elements are not ", stringify!($element)))),
                None => Err(ArtifactError::Missing { kind: self.kind.clone(), name: name.to_owned() }),
            }
        }
    )*};
}

impl Artifact {
    /// An artifact of a kind with nothing but JSON in it.
    pub fn new(kind: &str, meta: Value) -> Self {
        Self {
            kind: kind.to_owned(),
            meta,
            ..Self::default()
        }
    }

    typed_access! {
        push_u8, u8s, U8, u8;
        push_u32, u32s, U32, u32;
        push_i32, i32s, I32, i32;
        push_i64, i64s, I64, i64;
        push_f32, f32s, F32, f32;
        push_f64, f64s, F64, f64;
    }

    /// The part of `meta` called `name`, read as `T`.
    pub fn meta<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, ArtifactError> {
        let value = self.meta.get(name).ok_or_else(|| ArtifactError::Missing {
            kind: self.kind.clone(),
            name: name.to_owned(),
        })?;
        serde_json::from_value(value.clone())
            .map_err(|error| self.invalid(name, &error.to_string()))
    }

    /// An error about the part called `name`.
    pub fn invalid(&self, name: &str, reason: &str) -> ArtifactError {
        ArtifactError::Invalid {
            kind: self.kind.clone(),
            name: name.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

impl Array {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.data {
            ArrayData::U8(values) => values.len(),
            ArrayData::U32(values) => values.len(),
            ArrayData::I32(values) => values.len(),
            ArrayData::I64(values) => values.len(),
            ArrayData::F32(values) => values.len(),
            ArrayData::F64(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
