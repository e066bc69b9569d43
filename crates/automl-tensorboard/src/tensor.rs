//! The one number of a tensor, in each of the ways in which writers lay it down.
//!
//! Reference: `tensor.proto` and `types.proto`, as TensorBoard 2.21 ships them.

use crate::message::{DT_FLOAT, TensorProto};

const DT_DOUBLE: i32 = 2;
const DT_INT32: i32 = 3;
const DT_UINT8: i32 = 4;
const DT_INT16: i32 = 5;
const DT_INT8: i32 = 6;
const DT_INT64: i32 = 9;
const DT_BOOL: i32 = 10;
const DT_BFLOAT16: i32 = 14;
const DT_UINT16: i32 = 17;
const DT_HALF: i32 = 19;
const DT_UINT32: i32 = 22;
const DT_UINT64: i32 = 23;

impl TensorProto {
    /// The number that the tensor holds, if it holds numbers, and exactly one.
    pub(crate) fn scalar(&self) -> Option<f64> {
        let shape = self.tensor_shape.as_ref();
        let is_one = shape.is_none_or(|shape| shape.dim.iter().all(|dim| dim.size == 1));
        if !is_one {
            return None;
        }
        if self.tensor_content.is_empty() {
            self.in_lists()
        } else {
            self.in_content()
        }
    }

    fn in_lists(&self) -> Option<f64> {
        let half = || u16::try_from(*only(&self.half_val)?).ok();
        match self.dtype {
            DT_FLOAT => only(&self.float_val).map(|&value| f64::from(value)),
            DT_DOUBLE => only(&self.double_val).copied(),
            DT_INT32 | DT_UINT8 | DT_INT16 | DT_INT8 | DT_UINT16 => {
                only(&self.int_val).map(|&value| f64::from(value))
            }
            DT_INT64 => only(&self.int64_val).map(|&value| value as f64),
            DT_BOOL => only(&self.bool_val).map(|&value| f64::from(u8::from(value))),
            DT_BFLOAT16 => half().map(from_bfloat16),
            DT_HALF => half().map(from_half),
            DT_UINT32 => only(&self.uint32_val).map(|&value| f64::from(value)),
            DT_UINT64 => only(&self.uint64_val).map(|&value| value as f64),
            _ => None,
        }
    }

    /// Little-endian bytes.
    fn in_content(&self) -> Option<f64> {
        let bytes = self.tensor_content.as_slice();
        Some(match self.dtype {
            DT_FLOAT => f64::from(f32::from_le_bytes(bytes.try_into().ok()?)),
            DT_DOUBLE => f64::from_le_bytes(bytes.try_into().ok()?),
            DT_INT32 => f64::from(i32::from_le_bytes(bytes.try_into().ok()?)),
            DT_UINT8 | DT_BOOL => f64::from(u8::from_le_bytes(bytes.try_into().ok()?)),
            DT_INT16 => f64::from(i16::from_le_bytes(bytes.try_into().ok()?)),
            DT_INT8 => f64::from(i8::from_le_bytes(bytes.try_into().ok()?)),
            DT_INT64 => i64::from_le_bytes(bytes.try_into().ok()?) as f64,
            DT_BFLOAT16 => from_bfloat16(u16::from_le_bytes(bytes.try_into().ok()?)),
            DT_UINT16 => f64::from(u16::from_le_bytes(bytes.try_into().ok()?)),
            DT_HALF => from_half(u16::from_le_bytes(bytes.try_into().ok()?)),
            DT_UINT32 => f64::from(u32::from_le_bytes(bytes.try_into().ok()?)),
            DT_UINT64 => u64::from_le_bytes(bytes.try_into().ok()?) as f64,
            _ => return None,
        })
    }
}

fn only<T>(values: &[T]) -> Option<&T> {
    match values {
        [value] => Some(value),
        _ => None,
    }
}

/// The upper half of a 32-bit float.
fn from_bfloat16(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

/// IEEE 754 binary16: one sign, five exponent and ten fraction bits.
fn from_half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let size = match (bits >> 10) & 0x1f {
        0 => fraction * 2f64.powi(-14),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
    };
    sign * size
}

#[cfg(test)]
mod tests {
    use super::from_half;

    #[test]
    fn half_floats_have_their_values() {
        let known = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2f64.powi(-24)),
            (0x3555, 0.333_251_953_125),
            (0xfc00, f64::NEG_INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(from_half(bits), value, "{bits:#x}");
        }
        assert!(from_half(0x7e00).is_nan());
    }
}
