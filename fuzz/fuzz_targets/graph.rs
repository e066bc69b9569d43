//! No bytes make the importer of ONNX graphs panic, or ask for memory that the file does not pay for. What it takes can be written,
//! read back, and says something of rows, or why not.

#![no_main]

use automl_core::{Column, Levels, MISSING_CODE, Model as _, Table, UNSEEN_CODE};
use automl_onnx::{GraphColumn, GraphNames, import_graph, load_graph};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(imported) = import_graph(bytes, &GraphNames::default()) else {
        return;
    };
    let artifact = imported.model.artifact();
    let loaded = load_graph(&artifact).expect("what was imported can be loaded");
    assert_eq!(artifact, loaded.artifact());
    for n_rows in [1, 30] {
        let columns = imported.columns.iter();
        let table = Table::new(columns.map(|one| column(one, n_rows)).collect());
        let table = table.expect("columns have distinct names");
        // Operators may refuse what rows hold.
        let _predicted = imported.model.predict(&table.view());
    }
});

/// Cells that have everything which can stand in a column.
fn column(about: &GraphColumn, n_rows: usize) -> (String, Column) {
    let column = match &about.levels {
        None => {
            let values = [f64::NAN, 0.0, -1.5, 1e300, f64::MIN, 0.1, f64::MAX];
            Column::Number(values.into_iter().cycle().take(n_rows).collect())
        }
        Some(levels) => {
            let codes = (0..levels.len() as u32).chain([MISSING_CODE, UNSEEN_CODE]);
            let codes = codes.cycle().take(n_rows).collect();
            Column::category(codes, Levels::new(levels.iter().map(String::as_str)))
        }
    };
    (about.name.clone(), column)
}
