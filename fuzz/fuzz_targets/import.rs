//! No bytes make the importers of LightGBM's and XGBoost's models panic, or ask for memory that the file does not pay for.
//! What they take can be written, read back and be the same; it predicts numbers and can be explained.

#![no_main]

use automl_core::{Column, Levels, MISSING_CODE, Table, Threads};
use automl_tree::import::{ImportedFeature, ImportedModel};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(imported) = automl_tree::import::import(bytes) else {
        return;
    };
    let artifact = imported.model.artifact();
    let loaded = (automl_tree::GRADIENT_BOOSTING.load)(&artifact)
        .or_else(|_| (automl_tree::RANDOM_FOREST.load)(&artifact));
    let again = loaded.expect("what was imported can be loaded").artifact();
    assert_eq!(artifact, again);
    // Single rows and blocks of rows walk the trees in ways of their own.
    for n_rows in [1, 300] {
        let table = table(&imported, n_rows);
        let predicted = imported
            .model
            .predict(&table.view())
            .expect("the table has the model's columns");
        assert!(predicted.values().iter().all(|value| value.is_finite()));
        // Linear leaves, and leaves without covers, have no attributions.
        let _explained = imported
            .model
            .explain(&table.rows(&[0, n_rows as u32 - 1]), &Threads::one());
    }
});

/// Rows that have everything which can stand in the model's columns.
fn table(imported: &ImportedModel, n_rows: usize) -> Table {
    let column = |feature: &ImportedFeature| {
        let column = match &feature.levels {
            None => {
                let values = [f64::NAN, 0.0, -1.5, 1e300, f64::MIN, 0.1, f64::MAX];
                Column::Number(values.into_iter().cycle().take(n_rows).collect())
            }
            Some(levels) => {
                let codes = (0..levels.len() as u32)
                    .chain([MISSING_CODE])
                    .cycle()
                    .take(n_rows)
                    .collect();
                Column::category(codes, Levels::new(levels.iter().map(String::as_str)))
            }
        };
        (feature.name.clone(), column)
    };
    Table::new(imported.features.iter().map(column).collect())
        .expect("features have distinct names")
}
