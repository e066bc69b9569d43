//! A model is its artifact: what is written and read back predicts the same, and damage is an error.

use crate::artifacts::{check_same, damaged, written_and_read};
use crate::case::{Case, check_equal};
use crate::{Check, caught};
use automl_core::Threads;

pub(super) const CHECKS: &[Check] = &[
    ("a model read back predicts the same", reads_back),
    (
        "a damaged artifact is an error, not a panic",
        withstands_damage,
    ),
];

fn reads_back(case: &Case) -> Result<(), String> {
    let data = case.data(150);
    let model = case.fit(&data)?;
    let artifact = model.artifact();
    if artifact.kind != case.spec.id {
        return Err(format!("its kind is '{}'", artifact.kind));
    }
    let loaded = case.load(&written_and_read(&artifact)?)?;
    check_same(&loaded.artifact(), &artifact)?;
    let expected = case.predict(model.as_ref(), data.table())?;
    check_equal(&case.predict(loaded.as_ref(), data.table())?, &expected)
}

fn withstands_damage(case: &Case) -> Result<(), String> {
    let data = case.data(60);
    let artifact = case.fit(&data)?.artifact();
    let rows: Vec<u32> = (0..10).collect();
    for (what, artifact) in damaged(&artifact) {
        let seen = caught(|| {
            if let Ok(model) = (case.spec.load)(&artifact) {
                // Any answer will do.
                let view = data.table().rows(&rows);
                drop(model.predict(&view));
                drop(model.explain(&view, &Threads::one()));
                if let Some(trees) = model.as_trees() {
                    drop(trees.leaves(&view));
                    drop(trees.staged(&view, &[1]));
                }
            }
            Ok(())
        });
        seen.map_err(|seen| format!("{what}: {seen}"))?;
    }
    Ok(())
}
