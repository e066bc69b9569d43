//! No bytes make the importers of LightGBM's and XGBoost's models panic, or ask for memory that the file does not pay for.
//! What they take can be written, read back and be the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(imported) = automl_tree::import::import(bytes) else {
        return;
    };
    let artifact = imported.model.artifact();
    let loaded = (automl_tree::GRADIENT_BOOSTING.load)(&artifact).or_else(|_| (automl_tree::RANDOM_FOREST.load)(&artifact));
    let again = loaded.expect("what was imported can be loaded").artifact();
    assert_eq!(artifact, again);
});
