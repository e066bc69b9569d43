//! Bodies become tables of the columns that are needed, and what they will take is told before.

use super::*;
use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::ipc::writer::StreamWriter;
use automl_core::{Kind, Role};
use std::sync::Arc;

fn reader(names: &[(&str, Kind, Role)]) -> RequestReader {
    let field = |(name, kind, role): &(&str, Kind, Role)| Field {
        name: (*name).into(),
        kind: *kind,
        role: *role,
        levels: Vec::new(),
        format: None,
    };
    let inputs = Schema {
        fields: names.iter().map(field).collect(),
        missing: Vec::new(),
    };
    RequestReader::new(inputs, |field| field.role == Role::Feature, false)
}

fn two() -> RequestReader {
    reader(&[
        ("x", Kind::Number, Role::Feature),
        ("word", Kind::Text, Role::Feature),
        ("y", Kind::Number, Role::Target),
    ])
}

fn stream(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

#[test]
fn the_same_rows_come_of_text_and_of_a_stream() {
    let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), None]));
    let word: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let sent = stream(&[("word", word), ("x", x)]);
    let text = b"word,x\na,0.5\nb,\n".to_vec();
    let reader = two();
    let read = |body: Vec<u8>, form| {
        reader.n_bytes(&body, form, 10).unwrap();
        reader.table(body, form, 10).unwrap().table
    };
    let table = read(sent, TableForm::Arrow);
    assert_eq!(table.n_rows(), 2);
    let other = read(text, TableForm::Delimited);
    assert_eq!(format!("{table:?}"), format!("{other:?}"));
    for text in ["word,x", "word,x\n"] {
        assert_eq!(read(text.into(), TableForm::Delimited).n_rows(), 0);
    }
}

#[test]
fn columns_that_the_schema_does_not_know_are_told() {
    let text = b"word,y,x,wrod,z\na,1,0.5,b,2\n".to_vec();
    let table = two().table(text, TableForm::Delimited, 10).unwrap();
    assert_eq!(table.unknown, ["wrod", "z"]);
}

#[test]
fn one_row_more_than_may_be_is_read() {
    let text = b"x,word\n1,a\n2,b\n3,c\n4,d\n".to_vec();
    let table = two().table(text, TableForm::Delimited, 2).unwrap();
    assert_eq!(table.table.n_rows(), 3);
}

#[test]
fn bits_that_become_numbers_are_told_before() {
    let bits: ArrayRef = Arc::new(BooleanArray::from(vec![true; 100_000]));
    let body = stream(&[("x", bits)]);
    assert!(body.len() < 15_000);
    let reader = reader(&[("x", Kind::Number, Role::Feature)]);
    let told = |rows_max| reader.n_bytes(&body, TableForm::Arrow, rows_max).unwrap();
    // A number, and the place of its row.
    assert_eq!(told(1_000_000), 100_000 * 16);
    assert_eq!(told(9), 10 * 16, "no more than is read");
    let error = reader.n_bytes(b"\xff\xfe", TableForm::Delimited, 9);
    assert!(error.unwrap_err().to_string().contains("not UTF-8"));
}
