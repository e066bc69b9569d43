//! Fitted recipes as data: they come back bit for bit, and damage is an error or harmless, never a panic.

use super::{bits, fit, mixed, recipe, same};
use crate::{FittedRecipe, Recipe};
use automl_core::{Array, ArrayData, Artifact, Transformer};
use serde_json::{Value, json};

fn every_step() -> Recipe {
    recipe(include_str!("../../../../configs/recipes/every_step.yaml"))
}

#[test]
fn a_recipe_comes_back_bit_for_bit() {
    let data = mixed(200);
    for recipe in [
        every_step(),
        Recipe::for_linear_codes(),
        Recipe::for_trees_target_encoded(),
    ] {
        let (fitted, _) = fit(&recipe, &data);
        let artifact = fitted.artifact();
        let back = FittedRecipe::load(&artifact).unwrap();
        assert_eq!(back.recipe(), &recipe);
        assert!(same(&back.artifact(), &artifact));
        let view = data.table().view();
        let (a, b) = (
            fitted.transform(&view).unwrap(),
            back.transform(&view).unwrap(),
        );
        assert_eq!(bits(&a), bits(&b));
    }
}

/// All artifacts that differ from `artifact` in one place.
fn damaged(artifact: &Artifact) -> Vec<Artifact> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Artifact)| {
        let mut copy = artifact.clone();
        change(&mut copy);
        all.push(copy);
    };
    with(&|copy| copy.kind = "other".into());
    with(&|copy| copy.meta = Value::Null);
    with(&|copy| drop(copy.children.pop()));
    with(&|copy| copy.children.reverse());
    with(&|copy| copy.children.push(Artifact::new("impute", Value::Null)));
    let keys: Vec<String> = artifact
        .meta
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.clone())
        .collect();
    for key in &keys {
        for value in [
            json!(null),
            json!(0),
            json!(u64::MAX),
            json!("x"),
            json!([]),
        ] {
            with(&|copy| copy.meta[key] = value.clone());
        }
    }
    for name in artifact.arrays.keys() {
        with(&|copy| drop(copy.arrays.remove(name)));
        with(&|copy| cut(copy.arrays.get_mut(name).unwrap()));
        with(&|copy| {
            let empty = ArrayData::F32(Vec::new());
            copy.arrays.insert(
                name.clone(),
                Array {
                    shape: vec![0],
                    data: empty,
                },
            );
        });
        for mode in 0..3 {
            with(&|copy| scramble(copy.arrays.get_mut(name).unwrap(), mode));
        }
    }
    for index in 0..artifact.children.len() {
        for child in damaged(&artifact.children[index]) {
            let mut copy = artifact.clone();
            copy.children[index] = child;
            all.push(copy);
        }
    }
    all
}

/// Cuts the last element off.
fn cut(array: &mut Array) {
    match &mut array.data {
        ArrayData::U8(values) => drop(values.pop()),
        ArrayData::U32(values) => drop(values.pop()),
        ArrayData::I32(values) => drop(values.pop()),
        ArrayData::I64(values) => drop(values.pop()),
        ArrayData::F32(values) => drop(values.pop()),
        ArrayData::F64(values) => drop(values.pop()),
    }
}

/// Puts a value in that may be out of range.
fn scramble(array: &mut Array, mode: usize) {
    match &mut array.data {
        ArrayData::U8(values) => values.iter_mut().take(3).for_each(|value| *value = 0xff),
        ArrayData::U32(values) => values
            .iter_mut()
            .take(1)
            .for_each(|v| *v = [7, u32::MAX, u32::MAX - 1][mode]),
        ArrayData::I32(values) => values.iter_mut().take(1).for_each(|v| *v = i32::MAX),
        ArrayData::I64(values) => values
            .iter_mut()
            .take(1)
            .for_each(|v| *v = [-5, i64::MAX, 1][mode]),
        ArrayData::F32(values) => values.iter_mut().take(1).for_each(|v| *v = f32::NAN),
        ArrayData::F64(values) => values
            .iter_mut()
            .take(1)
            .for_each(|v| *v = [f64::NAN, 0.0, f64::INFINITY][mode]),
    }
}

#[test]
fn damage_is_an_error_or_harmless() {
    let data = mixed(30);
    let (mut n_refused, mut n_read) = (0, 0);
    for recipe in [every_step(), Recipe::for_linear_codes()] {
        let (fitted, _) = fit(&recipe, &data);
        let rows = [0, 7, 9];
        for artifact in damaged(&fitted.artifact()) {
            match FittedRecipe::load(&artifact) {
                Ok(loaded) => {
                    n_read += 1;
                    drop(loaded.transform(&data.table().rows(&rows)));
                }
                Err(_) => n_refused += 1,
            }
        }
    }
    assert!(n_refused > n_read, "{n_refused} refused, {n_read} read");
}

#[test]
fn an_artifact_of_another_kind_is_refused() {
    let error = FittedRecipe::load(&Artifact::new("boosting", json!({}))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no reader for artifacts of kind 'boosting'"
    );
}
