//! Artifacts give back what was put in, and say what is not there.

use super::{ArrayData, Artifact, ArtifactError};
use crate::Coded;
use serde_json::json;

fn artifact() -> Artifact {
    let mut artifact = Artifact::new(
        "tree",
        json!({"depth": 3, "names": ["a", "b"], "rate": 0.1}),
    );
    artifact.push_f64("leaves", vec![0.5, -1.5]);
    artifact.push_u32("features", vec![7]);
    artifact
}

#[test]
fn arrays_come_back_by_name_and_type() {
    let artifact = artifact();
    assert_eq!(artifact.f64s("leaves").unwrap(), [0.5, -1.5]);
    assert_eq!(artifact.u32s("features").unwrap(), [7]);
    let array = &artifact.arrays["leaves"];
    assert_eq!(
        (array.shape.as_slice(), array.len(), array.is_empty()),
        ([2].as_slice(), 2, false)
    );
    assert_eq!(array.data, ArrayData::F64(vec![0.5, -1.5]));
}

#[test]
fn every_element_type_has_its_access() {
    let mut artifact = Artifact::default();
    artifact.push_u8("u8", vec![1]);
    artifact.push_i32("i32", vec![-2]);
    artifact.push_i64("i64", vec![-3]);
    artifact.push_f32("f32", vec![]);
    assert_eq!(artifact.u8s("u8").unwrap(), [1]);
    assert_eq!(artifact.i32s("i32").unwrap(), [-2]);
    assert_eq!(artifact.i64s("i64").unwrap(), [-3]);
    assert!(artifact.f32s("f32").unwrap().is_empty());
}

#[test]
fn an_absent_array_and_one_of_another_type_are_told_apart() {
    let artifact = artifact();
    let absent = artifact.f64s("weights").unwrap_err();
    assert_eq!(absent.to_string(), "the tree artifact has no 'weights'");
    assert_eq!(absent.code(), "artifact-part-missing");
    let other = artifact.f32s("leaves").unwrap_err();
    assert_eq!(
        other.to_string(),
        "'leaves' of the tree artifact is invalid: its elements are not f32"
    );
    assert_eq!(other.code(), "artifact-part-invalid");
    assert!(other.hint().unwrap().contains("fit the model again"));
}

#[test]
fn meta_is_read_as_the_type_asked_for() {
    let artifact = artifact();
    assert_eq!(artifact.meta::<usize>("depth").unwrap(), 3);
    assert_eq!(artifact.meta::<Vec<String>>("names").unwrap(), ["a", "b"]);
    assert!(matches!(
        artifact.meta::<usize>("width"),
        Err(ArtifactError::Missing { .. })
    ));
    assert!(matches!(
        artifact.meta::<usize>("rate"),
        Err(ArtifactError::Invalid { .. })
    ));
    assert!(matches!(
        Artifact::default().meta::<usize>("depth"),
        Err(ArtifactError::Missing { .. })
    ));
}
