//! Lines become the table that they say, up to where they were cut.

use super::*;
use crate::{ReadOptions, Source, read_table};
use automl_core::Column;

const HEAD: &str = r#"{"columns":[{"name":"id","kind":"text"},{"name":"x","kind":"number"},{"name":"n","kind":"integer"},{"name":"ok","kind":"boolean"},{"name":"at","kind":"time"}]}
"#;

fn written(text: &str) -> (WrittenRecords, Vec<u8>) {
    let mut out = Vec::new();
    let done = records_to_parquet(&mut text.as_bytes(), &mut out).unwrap();
    (done, out)
}

#[test]
fn rows_are_read_back_as_they_were_noted() {
    let rows = r#"["a",0.5,3,true,1700000000000000]
["é \"b\"",null,null,null,null]
"#;
    let (done, bytes) = written(&format!("{HEAD}{rows}"));
    assert_eq!((done.n_rows, done.is_cut), (2, false));
    let source = Source::bytes("kept.parquet", bytes);
    let table = read_table(&source, &ReadOptions::default(), None)
        .unwrap()
        .table;
    assert_eq!(table.n_rows(), 2);
    let numbers = table.column("x").and_then(Column::as_number).unwrap();
    assert_eq!(numbers[0], 0.5);
    assert!(numbers[1].is_nan());
    let Some(Column::Timestamp(times)) = table.column("at") else {
        panic!("times are times");
    };
    assert_eq!(times[0], 1_700_000_000_000_000);
}

#[test]
fn a_cut_line_ends_the_rows() {
    for end in [
        r#"["b",1,2,tr"#,
        "[\"b\",1,2,true,5]",
        "[\"b\",1,2,true]\n",
        "[\"b\",\"1\",2,true,5]\n",
        "\0\0\0\n",
    ] {
        let (done, _) = written(&format!("{HEAD}[\"a\",0.5,3,true,1]\n{end}"));
        assert_eq!((done.n_rows, done.is_cut), (1, true), "{end}");
    }
}

#[test]
fn more_rows_than_are_held_at_once_are_all_written() {
    let n_rows = ROWS_A_BATCH + 5;
    let rows = "[\"a\",0.5,3,true,1]\n".repeat(n_rows);
    let (done, _) = written(&format!("{HEAD}{rows}"));
    assert_eq!(done.n_rows, n_rows as u64);
}

#[test]
fn a_first_line_that_says_nothing_is_an_error() {
    for head in [
        "\n",
        "[]\n",
        "{\"columns\":[{\"name\":\"a\",\"kind\":\"odd\"}]}\n",
    ] {
        let error = records_to_parquet(&mut head.as_bytes(), &mut Vec::new()).unwrap_err();
        assert!(matches!(error, RecordsError::Head { .. }), "{error}");
    }
}

#[test]
fn a_file_that_ends_before_its_first_line_does_has_no_rows() {
    for (text, is_cut) in [("", false), (HEAD.trim_end(), true), ("{\"col", true)] {
        let (done, bytes) = written(text);
        assert_eq!((done.n_rows, done.is_cut), (0, is_cut), "{text}");
        assert!(bytes.is_empty());
    }
}

#[test]
fn bytes_that_are_no_text_are_not_taken_for_a_fault_of_the_disk() {
    let error = records_to_parquet(&mut &b"\xff\xfe\n"[..], &mut Vec::new()).unwrap_err();
    assert!(matches!(error, RecordsError::Head { .. }), "{error}");
}
