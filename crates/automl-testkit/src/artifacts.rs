//! Comparing artifacts bit for bit, and damaging them in all the ways that a reader must withstand.

use automl_core::{Array, ArrayData, Artifact};
use serde_json::Value;

/// The first difference between two artifacts, to the bit: NaN equals NaN of the same bits.
pub(crate) fn check_same(found: &Artifact, expected: &Artifact) -> Result<(), String> {
    if found.kind != expected.kind {
        return Err(format!("kind '{}' is not '{}'", found.kind, expected.kind));
    }
    if found.meta != expected.meta {
        return Err(format!("meta {} is not {}", found.meta, expected.meta));
    }
    let names = |artifact: &Artifact| artifact.arrays.keys().cloned().collect::<Vec<_>>();
    if names(found) != names(expected) {
        return Err(format!(
            "arrays {:?} are not {:?}",
            names(found),
            names(expected)
        ));
    }
    for (name, array) in &found.arrays {
        let other = &expected.arrays[name];
        if array.shape != other.shape || bits(&array.data) != bits(&other.data) {
            return Err(format!("array '{name}' differs"));
        }
    }
    if found.children.len() != expected.children.len() {
        return Err("the number of children differs".into());
    }
    let pairs = found.children.iter().zip(&expected.children).enumerate();
    for (i, (child, other)) in pairs {
        check_same(child, other).map_err(|difference| format!("child {i}: {difference}"))?;
    }
    Ok(())
}

/// The artifact as it comes back from a file: JSON written and read; fails where a shape does not fit its elements.
pub(crate) fn written_and_read(artifact: &Artifact) -> Result<Artifact, String> {
    for (name, array) in &artifact.arrays {
        if array.shape.iter().product::<usize>() != array.len() {
            return Err(format!(
                "array '{name}' has {} elements in {:?}",
                array.len(),
                array.shape
            ));
        }
    }
    let meta: Value = serde_json::from_str(&artifact.meta.to_string())
        .map_err(|error| format!("its meta is not JSON: {error}"))?;
    if meta != artifact.meta {
        return Err(format!("meta {} comes back as {meta}", artifact.meta));
    }
    let children = artifact.children.iter().map(written_and_read);
    Ok(Artifact {
        kind: artifact.kind.clone(),
        meta,
        arrays: artifact.arrays.clone(),
        children: children.collect::<Result<_, _>>()?,
    })
}

/// Copies of the artifact with one thing wrong each, and what that is.
pub(crate) fn damaged(artifact: &Artifact) -> Vec<(String, Artifact)> {
    let mut all = Vec::new();
    for name in artifact.arrays.keys() {
        let mut without = artifact.clone();
        without.arrays.remove(name);
        all.push((format!("array '{name}' removed"), without));
        for (what, damage) in ARRAY_DAMAGES {
            let mut copy = artifact.clone();
            if copy.arrays.get_mut(name).is_some_and(damage) {
                all.push((format!("array '{name}' {what}"), copy));
            }
        }
    }
    if let Value::Object(fields) = &artifact.meta {
        for name in fields.keys() {
            let mut without = artifact.clone();
            if let Value::Object(fields) = &mut without.meta {
                fields.remove(name);
            }
            all.push((format!("meta '{name}' removed"), without));
            for value in [
                Value::Null,
                Value::from(-1),
                Value::from(0),
                Value::from("x"),
            ] {
                let mut copy = artifact.clone();
                let what = format!("meta '{name}' set to {value}");
                copy.meta[name] = value;
                all.push((what, copy));
            }
        }
    }
    for i in 0..artifact.children.len() {
        let mut without = artifact.clone();
        without.children.remove(i);
        all.push((format!("child {i} removed"), without));
        for (what, child) in damaged(&artifact.children[i]) {
            let mut copy = artifact.clone();
            copy.children[i] = child;
            all.push((format!("child {i}: {what}"), copy));
        }
    }
    all
}

/// One way to spoil an array, and whether it applied.
type ArrayDamage = (&'static str, fn(&mut Array) -> bool);

const ARRAY_DAMAGES: &[ArrayDamage] = &[
    ("cut by its last element", |array| {
        let len = array.len();
        len > 0 && resize(array, len - 1)
    }),
    ("emptied", |array| !array.is_empty() && resize(array, 0)),
    ("one element longer", |array| {
        let len = array.len();
        resize(array, len + 1)
    }),
    ("set to the greatest value", |array| fill(array, true)),
    ("set to the least value", |array| fill(array, false)),
    ("of another element type", |array| {
        array.data = match &array.data {
            ArrayData::U8(values) => ArrayData::F32(vec![0.0; values.len()]),
            _ => ArrayData::U8(vec![0; array.len()]),
        };
        true
    }),
];

fn resize(array: &mut Array, len: usize) -> bool {
    match &mut array.data {
        ArrayData::U8(values) => values.resize(len, 0),
        ArrayData::U32(values) => values.resize(len, 0),
        ArrayData::I32(values) => values.resize(len, 0),
        ArrayData::I64(values) => values.resize(len, 0),
        ArrayData::F32(values) => values.resize(len, 0.0),
        ArrayData::F64(values) => values.resize(len, 0.0),
    }
    array.shape = vec![len];
    true
}

/// Whole numbers become their type's greatest or least; floats NaN or infinite.
fn fill(array: &mut Array, greatest: bool) -> bool {
    let pick = |high: f64, low: f64| if greatest { high } else { low };
    match &mut array.data {
        ArrayData::U8(values) => values.fill(if greatest { u8::MAX } else { 0 }),
        ArrayData::U32(values) => values.fill(if greatest { u32::MAX } else { 0 }),
        ArrayData::I32(values) => values.fill(if greatest { i32::MAX } else { i32::MIN }),
        ArrayData::I64(values) => values.fill(if greatest { i64::MAX } else { i64::MIN }),
        ArrayData::F32(values) => values.fill(pick(f64::NAN, f64::NEG_INFINITY) as f32),
        ArrayData::F64(values) => values.fill(pick(f64::NAN, f64::NEG_INFINITY)),
    }
    !array.is_empty()
}

/// The element type and each element's bits.
fn bits(data: &ArrayData) -> (u8, Vec<u64>) {
    match data {
        ArrayData::U8(values) => (0, values.iter().map(|&v| u64::from(v)).collect()),
        ArrayData::U32(values) => (1, values.iter().map(|&v| u64::from(v)).collect()),
        ArrayData::I32(values) => (2, values.iter().map(|&v| v as u64).collect()),
        ArrayData::I64(values) => (3, values.iter().map(|&v| v as u64).collect()),
        ArrayData::F32(values) => (4, values.iter().map(|v| u64::from(v.to_bits())).collect()),
        ArrayData::F64(values) => (5, values.iter().map(|v| v.to_bits()).collect()),
    }
}
