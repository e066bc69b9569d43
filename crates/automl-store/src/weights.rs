//! The artifact tree as a tree of JSON nodes and one safetensors file, and back.

use crate::StoreError;
use crate::manifest::Node;
use automl_core::{Array, ArrayData, Artifact};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

/// Deeper trees are neither written nor read: JSON readers stop at 128 levels, and each part takes two.
const MAX_DEPTH: usize = 32;

/// The tree and the bytes of `weights.safetensors`. One artifact gives one sequence of bytes: tensors are ordered by
/// element type, then name.
pub(crate) fn encode(artifact: &Artifact) -> Result<(Node, Vec<u8>), StoreError> {
    let mut tensors = BTreeMap::new();
    let node = encode_node(artifact, "", 0, &mut tensors)?;
    let views = tensors
        .iter()
        .map(|(name, array)| (name.as_str(), ArrayView(array)));
    let bytes = safetensors::serialize(views, None)
        .map_err(|error| StoreError::contents("weights.safetensors", error.to_string()))?;
    Ok((node, bytes))
}

fn encode_node<'a>(
    artifact: &'a Artifact,
    prefix: &str,
    depth: usize,
    tensors: &mut BTreeMap<String, &'a Array>,
) -> Result<Node, StoreError> {
    if depth > MAX_DEPTH {
        let reason = format!("models are nested more than {MAX_DEPTH} deep");
        return Err(StoreError::contents(&artifact.kind, reason));
    }
    let mut arrays = BTreeMap::new();
    for (name, array) in &artifact.arrays {
        let tensor = format!("{prefix}{name}");
        if !holds_its_shape(array) {
            return Err(StoreError::contents(&tensor, "its shape is not its size"));
        }
        if tensor == "__metadata__" || tensors.insert(tensor.clone(), array).is_some() {
            return Err(StoreError::contents(&tensor, "the array's name is taken"));
        }
        arrays.insert(name.clone(), tensor);
    }
    let mut children = Vec::with_capacity(artifact.children.len());
    for (index, child) in artifact.children.iter().enumerate() {
        let below = format!("{prefix}{index}.");
        children.push(encode_node(child, &below, depth + 1, tensors)?);
    }
    Ok(Node {
        kind: artifact.kind.clone(),
        meta: artifact.meta.clone(),
        arrays,
        children,
    })
}

fn holds_its_shape(array: &Array) -> bool {
    let n_elements = array
        .shape
        .iter()
        .try_fold(1_usize, |product, &length| product.checked_mul(length));
    n_elements == Some(array.len())
}

/// The artifact of a tree and the bytes of `weights.safetensors`. Every tensor must belong to exactly one array.
pub(crate) fn decode(node: &Node, bytes: &[u8], path: &Path) -> Result<Artifact, StoreError> {
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| StoreError::damaged(path, error.to_string()))?;
    let mut left: BTreeMap<&str, TensorView<'_>> = tensors.iter().collect();
    let artifact = decode_node(node, 0, &mut left, path)?;
    match left.first_key_value() {
        None => Ok(artifact),
        Some((name, _)) => Err(StoreError::damaged(
            path,
            format!("it holds '{name}', which the manifest does not know"),
        )),
    }
}

fn decode_node(
    node: &Node,
    depth: usize,
    left: &mut BTreeMap<&str, TensorView<'_>>,
    path: &Path,
) -> Result<Artifact, StoreError> {
    if depth > MAX_DEPTH {
        let reason = format!("models are nested more than {MAX_DEPTH} deep");
        return Err(StoreError::damaged(path, reason));
    }
    let mut arrays = BTreeMap::new();
    for (name, tensor) in &node.arrays {
        let view = left.remove(tensor.as_str()).ok_or_else(|| {
            StoreError::damaged(path, format!("it does not hold '{tensor}' or only once"))
        })?;
        let data = decode_elements(&view).ok_or_else(|| {
            let reason = format!("'{tensor}' has elements of type {:?}", view.dtype());
            StoreError::damaged(path, reason)
        })?;
        let array = Array {
            shape: view.shape().to_vec(),
            data,
        };
        arrays.insert(name.clone(), array);
    }
    let children = node
        .children
        .iter()
        .map(|child| decode_node(child, depth + 1, left, path))
        .collect::<Result<_, _>>()?;
    Ok(Artifact {
        kind: node.kind.clone(),
        meta: node.meta.clone(),
        arrays,
        children,
    })
}

macro_rules! from_bytes {
    ($view:expr, $element:ty) => {
        $view
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|bytes| <$element>::from_le_bytes(*bytes))
            .collect()
    };
}

fn decode_elements(view: &TensorView<'_>) -> Option<ArrayData> {
    Some(match view.dtype() {
        Dtype::U8 => ArrayData::U8(view.data().to_vec()),
        Dtype::U32 => ArrayData::U32(from_bytes!(view, u32)),
        Dtype::I32 => ArrayData::I32(from_bytes!(view, i32)),
        Dtype::I64 => ArrayData::I64(from_bytes!(view, i64)),
        Dtype::F32 => ArrayData::F32(from_bytes!(view, f32)),
        Dtype::F64 => ArrayData::F64(from_bytes!(view, f64)),
        _ => return None,
    })
}

/// An array as safetensors wants to see it.
struct ArrayView<'a>(&'a Array);

macro_rules! to_bytes {
    ($values:expr) => {
        $values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<u8>>()
            .into()
    };
}

impl View for ArrayView<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.data {
            ArrayData::U8(_) => Dtype::U8,
            ArrayData::U32(_) => Dtype::U32,
            ArrayData::I32(_) => Dtype::I32,
            ArrayData::I64(_) => Dtype::I64,
            ArrayData::F32(_) => Dtype::F32,
            ArrayData::F64(_) => Dtype::F64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.0.data {
            ArrayData::U8(values) => Cow::Borrowed(values),
            ArrayData::U32(values) => to_bytes!(values),
            ArrayData::I32(values) => to_bytes!(values),
            ArrayData::I64(values) => to_bytes!(values),
            ArrayData::F32(values) => to_bytes!(values),
            ArrayData::F64(values) => to_bytes!(values),
        }
    }

    fn data_len(&self) -> usize {
        let n_bytes = match self.0.data {
            ArrayData::U8(_) => 1,
            ArrayData::U32(_) | ArrayData::I32(_) | ArrayData::F32(_) => 4,
            ArrayData::I64(_) | ArrayData::F64(_) => 8,
        };
        self.0.len() * n_bytes
    }
}
