//! Graphs of scikit-learn and by hand say here what they say in onnxruntime.

use super::*;
use automl_core::{Coded, Levels, Table, UNSEEN_CODE};
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Length};
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as Kind};
use tract_onnx::pb::{GraphProto, TensorShapeProto, TypeProto, ValueInfoProto};

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    rows: Vec<Vec<Value>>,
    predictions: Vec<Vec<f64>>,
    labels: Option<Vec<String>>,
}

fn reference(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/import/reference");
    fs::read(folder.join(name)).unwrap()
}

/// A table of cells: numbers, texts, and null for what is missing.
fn table(columns: &[GraphColumn], rows: &[Vec<Value>]) -> Table {
    let column = |(place, column): (usize, &GraphColumn)| {
        let cells = rows.iter().map(|row| &row[place]);
        let Some(levels) = &column.levels else {
            let values = cells.map(|cell| cell.as_f64().unwrap_or(f64::NAN));
            return (column.name.clone(), Column::Number(values.collect()));
        };
        let code = |cell: &Value| match cell.as_str() {
            None | Some("") => MISSING_CODE,
            Some(text) => {
                let found = levels.iter().position(|level| level == text);
                found.map_or(UNSEEN_CODE, |code| code as u32)
            }
        };
        let levels = Levels::new(levels.iter().map(String::as_str));
        (
            column.name.clone(),
            Column::category(cells.map(code).collect(), levels),
        )
    };
    Table::new(columns.iter().enumerate().map(column).collect()).unwrap()
}

fn numbers(rows: &[Vec<Option<f64>>]) -> Vec<Vec<Value>> {
    let row = |row: &Vec<Option<f64>>| row.iter().map(|cell| Value::from(*cell)).collect();
    rows.iter().map(row).collect()
}

#[test]
fn graphs_say_what_onnxruntime_says_and_are_read_back_the_same() {
    let cases: Cases = serde_json::from_slice(&reference("cases.json")).unwrap();
    assert!(cases.cases.len() > 30);
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
        if let Some(labels) = &case.labels {
            let classes = imported.classes.as_ref().expect("the graph names them");
            let codes = predicted.class_codes_by(&imported.decision);
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
    let names = |graph: &ImportedGraph| -> Vec<String> {
        graph
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    };
    assert_eq!(names(&linear), ["X_0", "X_1", "X_2"]);
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
    assert_eq!(names(&several), ["age", "visits", "pair_0", "pair_1"]);
    assert_eq!((several.n_classes, several.classes), (3, None));

    let columns = |names: &[&str]| GraphNames {
        columns: Some(names.iter().map(|&name| name.to_owned()).collect()),
        ..GraphNames::default()
    };
    let named = imported("linear.onnx", &columns(&["a", "b", "c"])).unwrap();
    assert_eq!(names(&named), ["a", "b", "c"]);
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
        let table = table(&network.columns, &numbers(&[row(Some(3.0)), row(visits)]));
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
        &numbers(&[vec![Some(1.0); 3], vec![Some(1.0), None, None]]),
    );
    let error = linear.model.predict(&table.view()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 2 of column 'X_0' and those beside it: the graph gives no finite number"
    );
}

#[test]
fn columns_of_texts_have_the_texts_that_the_graph_knows() {
    let graph = |file: &str| import_graph(&reference(file), &GraphNames::default()).unwrap();
    for file in [
        "indicators.onnx",
        "codes.onnx",
        "strict.onnx",
        "filled.onnx",
    ] {
        let columns = graph(file).columns;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["colour", "x", "size", "z"], "{file}");
        let levels = |place: usize| columns[place].levels.clone();
        let colours = ["dark grey", "green", "red"].map(str::to_owned);
        assert_eq!(levels(0).unwrap(), colours, "{file}");
        assert_eq!(levels(1), None);
        assert_eq!(
            levels(2).unwrap(),
            ["L", "M", "S"].map(str::to_owned),
            "{file}"
        );
    }
}

#[test]
fn the_text_of_what_is_missing_is_no_level() {
    let names = GraphNames::default();
    let plain = import_graph(&reference("indicators.onnx"), &names).unwrap();
    let bytes = changed("indicators.onnx", |graph| {
        let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
        for text in attributes.flat_map(|attribute| &mut attribute.strings) {
            if text == b"red" {
                *text = b"nan".to_vec();
            }
        }
    });
    let renamed = import_graph(&bytes, &names).unwrap();
    let levels = ["dark grey", "green"].map(str::to_owned);
    assert_eq!(renamed.columns[0].levels.as_ref().unwrap(), &levels);
    let row = |colour: Value| vec![colour, Value::from(0.5), Value::from("S"), Value::Null];
    let red = table(&plain.columns, &[row(Value::from("red"))]);
    let missing = table(&renamed.columns, &[row(Value::Null)]);
    assert_eq!(
        renamed.model.predict(&missing.view()).unwrap(),
        plain.model.predict(&red.view()).unwrap()
    );
}

#[test]
fn a_text_that_is_not_known_has_no_indicator_or_is_refused_as_the_graph_says() {
    let row = |colour: &str| {
        let cells = [
            Value::from(colour),
            Value::from(0.5),
            Value::from("S"),
            Value::Null,
        ];
        cells.to_vec()
    };
    let rows = [row("red"), row("mauve")];
    let predicted = |file: &str| {
        let graph = import_graph(&reference(file), &GraphNames::default()).unwrap();
        graph.model.predict(&table(&graph.columns, &rows).view())
    };
    assert_eq!(predicted("indicators.onnx").unwrap().n_rows(), 2);
    assert_eq!(
        predicted("strict.onnx").unwrap_err().to_string(),
        "row 2 of column 'colour' holds a category that the graph does not know"
    );
}

/// A graph after a change.
fn changed(name: &str, change: impl FnOnce(&mut GraphProto)) -> Vec<u8> {
    let mut model = ModelProto::decode(reference(name).as_slice()).unwrap();
    change(model.graph.as_mut().unwrap());
    model.encode_to_vec()
}

#[test]
fn cells_beyond_the_type_of_an_input_are_refused() {
    let typed = |element: Element| {
        let bytes = changed("network.onnx", |graph| {
            let visits = graph.input.iter_mut().find(|input| input.name == "visits");
            let kind = visits.unwrap().r#type.as_mut().unwrap();
            let Some(Kind::TensorType(tensor)) = kind.value.as_mut() else {
                panic!("visits is a tensor");
            };
            tensor.elem_type = element as i32;
        });
        import_graph(&bytes, &GraphNames::default()).unwrap()
    };
    let said = |graph: &ImportedGraph, visits: f64| {
        let rows = [vec![Some(0.5), Some(visits), Some(0.0), Some(1.0)]];
        let said = graph
            .model
            .predict(&table(&graph.columns, &numbers(&rows)).view());
        said.map(|_| ()).map_err(|error| error.to_string())
    };
    let int = typed(Element::Int32);
    let beyond = "row 1 of column 'visits' holds a number beyond the 32 bits that the graph takes";
    for (cell, wanted) in [
        (2_147_483_647.0, Ok(())),
        (2_147_483_648.0, Err(beyond.to_owned())),
        (-2_147_483_648.0, Ok(())),
        (-3e9, Err(beyond.to_owned())),
    ] {
        assert_eq!(said(&int, cell), wanted, "{cell}");
    }
    let truth = typed(Element::Bool);
    let neither = "row 1 of column 'visits' holds neither 0 nor 1, which the graph takes";
    for (cell, wanted) in [
        (0.0, Ok(())),
        (1.0, Ok(())),
        (2.0, Err(neither.to_owned())),
        (0.5, Err(neither.to_owned())),
    ] {
        assert_eq!(said(&truth, cell), wanted, "{cell}");
    }
}

#[test]
fn constants_that_are_listed_as_inputs_are_no_columns() {
    let bytes = changed("threshold.onnx", |graph| {
        let listed = graph.initializer.iter().map(|tensor| {
            let shape = TensorShapeProto {
                dim: (tensor.dims.iter())
                    .map(|length| Dimension {
                        value: Some(Length::DimValue(*length)),
                        ..Dimension::default()
                    })
                    .collect(),
            };
            let kind = Kind::TensorType(TensorType {
                elem_type: tensor.data_type,
                shape: Some(shape),
            });
            ValueInfoProto {
                name: tensor.name.clone(),
                r#type: Some(TypeProto {
                    value: Some(kind),
                    ..TypeProto::default()
                }),
                ..ValueInfoProto::default()
            }
        });
        let listed: Vec<ValueInfoProto> = listed.collect();
        graph.input.splice(0..0, listed);
    });
    let names = GraphNames::default();
    let listed = import_graph(&bytes, &names).unwrap();
    let plain = import_graph(&reference("threshold.onnx"), &names).unwrap();
    assert_eq!(listed.columns, plain.columns);
    let table = table(
        &plain.columns,
        &numbers(&[vec![Some(0.5), Some(-1.0)], vec![Some(2.0), Some(0.1)]]),
    );
    assert_eq!(
        listed.model.predict(&table.view()).unwrap(),
        plain.model.predict(&table.view()).unwrap()
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
    let rows: Vec<_> = (0..n_rows).map(row).collect();
    let table = table(&network.columns, &numbers(&rows));
    let all = network.model.predict(&table.view()).unwrap();
    assert_eq!(all.n_rows(), n_rows);
    let last = n_rows as u32 - 1;
    let alone = network.model.predict(&table.rows(&[last])).unwrap();
    for (a, b) in all.values()[last as usize * 3..].iter().zip(alone.values()) {
        assert!((a - b).abs() < 1e-6);
    }
}

/// Why a graph is refused.
fn refused(name: &str) -> String {
    let names = GraphNames::default();
    let error = import_graph(&reference(&format!("refused_{name}.onnx")), &names);
    error.err().expect("it is refused").to_string()
}

#[test]
fn what_is_not_run_is_refused_by_name() {
    assert_eq!(
        refused("own_operator"),
        "operator Mine of my.own is not run here"
    );
    assert_eq!(
        refused("random"),
        "operator RandomNormalLike of ai.onnx is not run here"
    );
    assert_eq!(
        refused("text_cut"),
        "operator StringNormalizer of ai.onnx is not run here"
    );
    assert_eq!(
        refused("text_read"),
        "ONNX graphs with Cast of texts cannot be imported"
    );
    assert_eq!(
        refused("labels_odd"),
        "the graph tells its labels by ArgMin, which is not done here"
    );
    assert_eq!(
        refused("circle"),
        "not a whole ONNX file: operator '' leads to a node in two ways"
    );
    assert_eq!(
        refused("constant_grows"),
        "ONNX graphs with constants of a shape that is computed cannot be imported"
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
    for shared in ["node_shared", "root_shared"] {
        assert_eq!(
            refused(shared),
            "not a whole ONNX file: operator '' leads to a node in two ways"
        );
    }
    assert_eq!(
        refused("wide"),
        "ONNX graphs with an input of 4611686018427387904 columns cannot be imported"
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
fn what_would_grow_as_a_graph_is_read_is_refused() {
    for lengths in ["grow", "multiplied"] {
        assert_eq!(
            refused(&format!("lengths_{lengths}")),
            "ONNX graphs with lengths that are computed with beyond all bounds cannot be imported"
        );
    }
    assert_eq!(
        refused("lengths_filled"),
        "ONNX graphs with constants of a shape that is computed cannot be imported"
    );
    assert_eq!(
        refused("large"),
        "ONNX graphs with constants that grow beyond all bounds cannot be imported"
    );
    assert_eq!(
        refused("order"),
        "not a whole ONNX file: value 'a' is used before it is made"
    );
    assert_eq!(
        refused("twice"),
        "not a whole ONNX file: value 'a' is made twice"
    );
}

#[test]
fn labels_of_other_values_than_those_that_are_predicted_are_refused() {
    for (name, operator) in [
        ("most", "ArgMax"),
        ("costs", "ArgMin"),
        ("second", "Greater"),
        ("classifier", "LinearClassifier"),
    ] {
        assert_eq!(
            refused(&format!("labels_{name}")),
            format!("the graph tells its labels by {operator}, which is not done here")
        );
    }
    assert_eq!(
        refused("labels_many"),
        "3 classes were given or are named in the graph, its output 'p' has 2 columns"
    );
}

#[test]
fn files_that_are_cut_or_altered_are_refused_and_never_panic() {
    for name in ["forest", "codes", "filled", "lightgbm", "calibrated"] {
        cut_and_altered(&reference(&format!("{name}.onnx")));
    }
}

fn cut_and_altered(whole: &[u8]) {
    for n in (0..whole.len()).step_by(97) {
        let cut = import_graph(&whole[..n], &GraphNames::default());
        assert!(cut.is_err(), "{n} bytes");
    }
    for place in (0..whole.len()).step_by(53) {
        let mut altered = whole.to_vec();
        altered[place] ^= 0x55;
        // It may still be a graph: then it predicts something, or says why not.
        if let Ok(imported) = import_graph(&altered, &GraphNames::default()) {
            let rows = vec![vec![Some(0.5); imported.columns.len()]];
            let table = table(&imported.columns, &numbers(&rows));
            drop(imported.model.predict(&table.view()));
        }
    }
}
