//! Graphs of scikit-learn and by hand say here what they say in onnxruntime.

use super::*;
use automl_core::{Coded, Column, Table};
use serde::Deserialize;
use std::fs;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    rows: Vec<Vec<Option<f64>>>,
    predictions: Vec<Vec<f64>>,
    labels: Option<Vec<String>>,
}

fn reference(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/import/reference");
    fs::read(folder.join(name)).unwrap()
}

fn table(columns: &[String], rows: &[Vec<Option<f64>>]) -> Table {
    let column = |(place, name): (usize, &String)| {
        let values = rows.iter().map(|row| row[place].unwrap_or(f64::NAN));
        (name.clone(), Column::Number(values.collect()))
    };
    Table::new(columns.iter().enumerate().map(column).collect()).unwrap()
}

#[test]
fn graphs_say_what_onnxruntime_says_and_are_read_back_the_same() {
    let cases: Cases = serde_json::from_slice(&reference("cases.json")).unwrap();
    assert!(cases.cases.len() > 8);
    for case in cases.cases {
        let bytes = reference(&case.file);
        assert!(is_onnx(&bytes));
        let imported = import_graph(&bytes, &GraphNames::default());
        let imported = imported.unwrap_or_else(|error| panic!("{}: {error}", case.file));
        let table = table(&imported.columns, &case.rows);
        let predicted = imported.model.predict(&table.view()).unwrap();
        for (said, wanted) in predicted
            .values()
            .chunks(predicted.width())
            .zip(&case.predictions)
        {
            // Of one probability we say both.
            let wanted = match wanted.as_slice() {
                [second] if said.len() == 2 => vec![1.0 - second, *second],
                other => other.to_vec(),
            };
            assert_eq!(said.len(), wanted.len(), "{}", case.file);
            for (a, b) in said.iter().zip(&wanted) {
                assert!(
                    (a - b).abs() <= 2e-6 * (1.0 + b.abs()),
                    "{}: {a} {b}",
                    case.file
                );
            }
        }
        if let (Some(labels), Some(classes)) = (&case.labels, &imported.classes) {
            let codes = predicted.class_codes();
            let said = codes.iter().map(|&code| &classes[code as usize]);
            assert!(said.eq(labels), "{}", case.file);
        }
        let again = load_graph(&imported.model.artifact()).unwrap();
        assert_eq!(
            again.predict(&table.view()).unwrap(),
            predicted,
            "{}",
            case.file
        );
        assert_eq!(again.artifact(), imported.model.artifact());
    }
}

#[test]
fn columns_and_classes_are_those_of_the_graph_or_those_that_are_given() {
    let imported = |file: &str, names: &GraphNames| import_graph(&reference(file), names);
    let none = GraphNames::default();
    let linear = imported("linear.onnx", &none).unwrap();
    assert_eq!(linear.columns, ["X_0", "X_1", "X_2"]);
    assert_eq!(
        (linear.n_classes, linear.producer.as_str()),
        (0, "skl2onnx")
    );
    let words = imported("logistic_words.onnx", &none).unwrap();
    assert_eq!(words.classes.unwrap(), ["no", "yes"]);
    let words = imported("perceptron.onnx", &none).unwrap();
    assert_eq!(words.classes.unwrap(), ["no", "yes"]);
    let numbers = imported("logistic_numbers.onnx", &none).unwrap();
    assert_eq!(numbers.classes.unwrap(), ["0", "1", "2"]);
    let several = imported("network.onnx", &none).unwrap();
    assert_eq!(several.columns, ["age", "visits", "pair_0", "pair_1"]);
    assert_eq!((several.n_classes, several.classes), (3, None));

    let columns = |names: &[&str]| GraphNames {
        columns: Some(names.iter().map(|&name| name.to_owned()).collect()),
        ..GraphNames::default()
    };
    let named = imported("linear.onnx", &columns(&["a", "b", "c"])).unwrap();
    assert_eq!(named.columns, ["a", "b", "c"]);
    let error = imported("linear.onnx", &columns(&["a", "b", "a"]))
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "2 distinct columns were given, the graph takes 3"
    );
    // The graph does not say how wide its input is, so the names do.
    let error = imported("refused_no_width.onnx", &none).err().unwrap();
    assert_eq!(error.code(), "import-columns");
    let two = GraphNames {
        n_classes: Some(2),
        ..GraphNames::default()
    };
    assert_eq!(
        imported("one_probability.onnx", &none).unwrap().n_classes,
        0
    );
    assert_eq!(imported("one_probability.onnx", &two).unwrap().n_classes, 2);
    assert_eq!(
        imported("network.onnx", &two).err().unwrap().code(),
        "import-classes"
    );
}

#[test]
fn cells_that_the_graph_cannot_take_are_named() {
    let network = import_graph(&reference("network.onnx"), &GraphNames::default()).unwrap();
    let row = |visits: Option<f64>| vec![Some(0.5), visits, Some(0.0), Some(1.0)];
    let odd = |visits| {
        let table = table(&network.columns, &[row(Some(3.0)), row(visits)]);
        network
            .model
            .predict(&table.view())
            .unwrap_err()
            .to_string()
    };
    for visits in [None, Some(1.5), Some(1e300)] {
        assert_eq!(
            odd(visits),
            "row 2 of column 'visits' holds no whole number, which the graph takes"
        );
    }
    let linear = import_graph(&reference("linear.onnx"), &GraphNames::default()).unwrap();
    let table = table(
        &linear.columns,
        &[vec![Some(1.0); 3], vec![Some(1.0), None, None]],
    );
    let error = linear.model.predict(&table.view()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 2 of column 'X_0' and those beside it: the graph gives no finite number"
    );
}

#[test]
fn many_rows_are_predicted_in_parts_that_do_not_show() {
    let network = import_graph(&reference("network.onnx"), &GraphNames::default()).unwrap();
    let n_rows = 3 * network.model.plan.rows_at_once() + 1;
    let row = |row: usize| {
        let x = row as f64 / n_rows as f64;
        vec![Some(x), Some((row % 9) as f64), Some(1.0 - x), Some(x * x)]
    };
    let table = table(&network.columns, &(0..n_rows).map(row).collect::<Vec<_>>());
    let all = network.model.predict(&table.view()).unwrap();
    assert_eq!(all.n_rows(), n_rows);
    let last = n_rows as u32 - 1;
    let alone = network.model.predict(&table.rows(&[last])).unwrap();
    for (a, b) in all.values()[last as usize * 3..].iter().zip(alone.values()) {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn what_is_not_run_is_refused_by_name() {
    let refused = |name: &str| {
        let names = GraphNames::default();
        let error = import_graph(&reference(&format!("refused_{name}.onnx")), &names);
        error.err().expect("it is refused").to_string()
    };
    assert_eq!(
        refused("own_operator"),
        "operator Mine of my.own is not run here"
    );
    assert_eq!(
        refused("random"),
        "operator RandomNormalLike of ai.onnx is not run here"
    );
    assert_eq!(
        refused("text_input"),
        "ONNX graphs with an input that is not of numbers or truth values, as 'x' is cannot be imported"
    );
    assert_eq!(
        refused("rows_mixed"),
        "what the graph says of a row depends on the rows beside it"
    );
    assert_eq!(
        refused("grows"),
        "ONNX graphs with constants that grow beyond all bounds cannot be imported"
    );
    assert_eq!(
        refused("outer"),
        "ONNX graphs with MatMul of nothing but constants cannot be imported"
    );
    assert_eq!(refused("labels_alone"), "the graph gives no numbers");
    assert_eq!(
        refused("two_outputs"),
        "the graph gives several outputs of numbers: y, z"
    );
    assert_eq!(
        refused("outside"),
        "ONNX graphs with constants in other files cannot be imported"
    );
}

#[test]
fn files_that_are_cut_or_altered_are_refused_and_never_panic() {
    let whole = reference("forest.onnx");
    for n in (0..whole.len()).step_by(97) {
        let cut = import_graph(&whole[..n], &GraphNames::default());
        assert!(cut.is_err(), "{n} bytes");
    }
    for place in (0..whole.len()).step_by(53) {
        let mut altered = whole.clone();
        altered[place] ^= 0x55;
        // It may still be a graph: then it predicts something, or says why not.
        if let Ok(imported) = import_graph(&altered, &GraphNames::default()) {
            let rows = vec![vec![Some(0.5); imported.columns.len()]];
            let table = table(&imported.columns, &rows);
            drop(imported.model.predict(&table.view()));
        }
    }
}
