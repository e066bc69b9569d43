//! What the attributes of an operator hold.

use crate::import::error::GraphError;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

/// The attributes of an operator, by name.
#[derive(Clone, Copy)]
pub(in crate::import) struct Attributes<'n>(pub(in crate::import) &'n NodeProto);

/// The numbers that ONNX gives to types of elements.
pub(super) const FLOAT: i32 = 1;
const BYTE: i32 = 2;
const INT32: i32 = 6;
pub(super) const INT64: i32 = 7;
/// Texts.
pub(in crate::import) const TEXT: i32 = 8;
const BOOL: i32 = 9;
pub(super) const DOUBLE: i32 = 11;

impl<'n> Attributes<'n> {
    pub(in crate::import) fn find(self, name: &str) -> Option<&'n AttributeProto> {
        self.0.attribute.iter().find(|one| one.name == name)
    }

    pub(in crate::import) fn ints(self, name: &str) -> &'n [i64] {
        self.find(name).map_or(&[], |one| one.ints.as_slice())
    }

    pub(in crate::import) fn floats(self, name: &str) -> &'n [f32] {
        self.find(name).map_or(&[], |one| one.floats.as_slice())
    }

    pub(in crate::import) fn texts(self, name: &str) -> &'n [Vec<u8>] {
        self.find(name).map_or(&[], |one| one.strings.as_slice())
    }

    pub(in crate::import) fn int(self, name: &str) -> Option<i64> {
        self.find(name).map(|one| one.i)
    }

    pub(super) fn float(self, name: &str) -> Option<f32> {
        self.find(name).map(|one| one.f)
    }

    pub(super) fn text(self, name: &str, usual: &str) -> String {
        self.find(name).map_or_else(
            || usual.to_owned(),
            |one| String::from_utf8_lossy(&one.s).into_owned(),
        )
    }

    pub(in crate::import) fn tensor(self, name: &str) -> Option<&'n TensorProto> {
        self.find(name).and_then(|one| one.t.as_ref())
    }

    /// Numbers, in single precision as a list or in any as a tensor.
    pub(super) fn numbers(self, name: &str) -> Result<Vec<f64>, GraphError> {
        if let Some(tensor) = self
            .tensor(name)
            .or_else(|| self.tensor(&format!("{name}_as_tensor")))
        {
            return numbers(tensor);
        }
        Ok(self.floats(name).iter().copied().map(f64::from).collect())
    }

    /// That the operator is damaged, and why.
    pub(super) fn damaged(self, reason: &str) -> GraphError {
        GraphError::Damaged {
            reason: format!("operator '{}' {reason}", self.0.name),
        }
    }

    /// That the operator is one that is not run, for what it is told.
    pub(super) fn unsupported(self, what: &str) -> GraphError {
        GraphError::Unsupported {
            what: format!("{} {what}", self.0.op_type),
        }
    }
}

/// The numbers of a tensor, in their order.
pub(in crate::import) fn numbers(tensor: &TensorProto) -> Result<Vec<f64>, GraphError> {
    let raw = tensor.raw_data.as_slice();
    let values: Vec<f64> = match (tensor.data_type, raw.is_empty()) {
        (FLOAT, true) => tensor.float_data.iter().copied().map(f64::from).collect(),
        (DOUBLE, true) => tensor.double_data.clone(),
        (INT64, true) => tensor
            .int64_data
            .iter()
            .map(|value| *value as f64)
            .collect(),
        (INT32 | BYTE | BOOL, true) => tensor.int32_data.iter().copied().map(f64::from).collect(),
        (FLOAT, false) => (raw.as_chunks::<4>().0.iter())
            .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
            .collect(),
        (INT32, false) => (raw.as_chunks::<4>().0.iter())
            .map(|bytes| f64::from(i32::from_le_bytes(*bytes)))
            .collect(),
        (DOUBLE, false) => (raw.as_chunks::<8>().0.iter())
            .map(|bytes| f64::from_le_bytes(*bytes))
            .collect(),
        (INT64, false) => (raw.as_chunks::<8>().0.iter())
            .map(|bytes| i64::from_le_bytes(*bytes) as f64)
            .collect(),
        (BYTE | BOOL, false) => raw.iter().copied().map(f64::from).collect(),
        _ => {
            let what = format!("a list of numbers of type {}", tensor.data_type);
            return Err(GraphError::Unsupported { what });
        }
    };
    let wanted = tensor.dims.iter().try_fold(1_usize, |product, length| {
        product.checked_mul(usize::try_from(*length).ok()?)
    });
    if wanted != Some(values.len()) {
        return Err(GraphError::Damaged {
            reason: format!(
                "constant '{}' has not the elements of its shape",
                tensor.name
            ),
        });
    }
    Ok(values)
}
