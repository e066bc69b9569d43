//! What is refused, in which words, with which advice.

use super::{load, load_with, show_error};
use crate::{DataError, Encoding, ReadOptions, Source, read_table};
use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch};
use arrow::datatypes::Int64Type;
use automl_core::Coded;
use expect_test::{Expect, expect};
use std::sync::Arc;

fn check(name: &str, bytes: &[u8], expected: &Expect) {
    match load(name, bytes) {
        Ok(loaded) => panic!("read without an error: {}", super::show(&loaded)),
        Err(error) => expected.assert_eq(&show_error(&error)),
    }
}

#[test]
fn a_file_that_is_not_there_names_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("adult.csv"), "a\n1\n").unwrap();
    std::fs::write(dir.path().join("zebra.csv"), "a\n1\n").unwrap();
    let read = |name: &str| {
        let source = Source::Path(dir.path().join(name));
        let error = read_table(&source, &ReadOptions::default(), None).unwrap_err();
        show_error(&error).replace(&dir.path().display().to_string(), "DIR")
    };
    expect![[r#"
        [data-not-found] no such file: DIR/adutl.csv
        hint: did you mean 'adult.csv'?
    "#]]
    .assert_eq(&read("adutl.csv"));
    expect![[r#"
        [data-not-found] no file matches: DIR/part-*.csv
        hint: check the pattern, and the directory that it is looked for in
    "#]]
    .assert_eq(&{
        let source = Source::parse(&dir.path().join("part-*.csv").display().to_string());
        let error = read_table(&source, &ReadOptions::default(), None).unwrap_err();
        show_error(&error).replace(&dir.path().display().to_string(), "DIR")
    });
    expect![[r#"
        [data-is-directory] a directory, not a table: DIR/
        hint: name the files with a pattern, such as 'DIR/*.csv'
    "#]]
    .assert_eq(&read(""));
}

#[test]
fn a_table_has_a_header_and_a_row() {
    check(
        "t.csv",
        b"",
        &expect![[r#"
        [data-empty] nothing in it: t.csv
        hint: give a file with a line of column names and at least one row
    "#]],
    );
    check(
        "t.csv",
        b"\n\n  \n"[..2].as_ref(),
        &expect![[r#"
        [data-empty] nothing in it: t.csv
        hint: give a file with a line of column names and at least one row
    "#]],
    );
    check(
        "t.csv",
        b"a,b\n",
        &expect![[r#"
        [data-header-only] column names but no rows: t.csv
        hint: give a file with a line of column names and at least one row
    "#]],
    );
}

#[test]
fn ragged_rows_name_their_line() {
    check(
        "t.csv",
        b"a,b\n1,2\n\n\"x\ny\",2\n3,4,5\n",
        &expect![[r#"
        [data-ragged] 3 cells where the header has 2, line 6 of t.csv
        hint: quote cells that hold the delimiter, or name the delimiter with --delimiter
    "#]],
    );
    check(
        "t.csv",
        b"a,b\r\n1,2\r\n3",
        &expect![[r#"
        [data-ragged] 1 cells where the header has 2, line 3 of t.csv
        hint: quote cells that hold the delimiter, or name the delimiter with --delimiter
    "#]],
    );
}

#[test]
fn invalid_utf_8_names_line_and_byte() {
    check(
        "t.csv",
        b"a,b\n1,x\n2,caf\xe9\n",
        &expect![[r#"
        [data-encoding] invalid UTF-8 at byte 13, line 3 of t.csv
        hint: if the file is Latin-1, add --encoding latin1
    "#]],
    );
    check(
        "t.csv",
        b"a,b\n1,\"x\ncaf\xe9\ny\"\n",
        &expect![[r#"
        [data-encoding] invalid UTF-8 at byte 12, line 3 of t.csv
        hint: if the file is Latin-1, add --encoding latin1
    "#]],
    );
    check(
        "t.jsonl",
        b"{\"a\": 1}\n{\"a\": \"\xe9\"}\n",
        &expect![[r#"
        [data-encoding] invalid UTF-8 at byte 16, line 2 of t.jsonl
        hint: if the file is Latin-1, add --encoding latin1
    "#]],
    );
}

#[test]
fn a_quote_that_never_closes_names_its_line() {
    check(
        "t.csv",
        b"a,b\n1,2\n3,\"x\n4,5\n",
        &expect![[r#"
        [data-open-quote] a quote is opened and never closed, line 3 of t.csv
        hint: double each quote inside a quoted cell
    "#]],
    );
}

#[test]
fn duplicate_names_name_both_positions() {
    check(
        "t.csv",
        b"a,b, a\n1,2,3\n",
        &expect![[r#"
            [data-duplicate-column] columns 1 and 3 are both called 'a': t.csv
            hint: rename them in the file, or tell them apart as 'a' and 'a.1' with --rename-duplicates
        "#]],
    );
}

#[test]
fn an_infinite_number_names_column_and_line() {
    for infinite in ["inf", "-Infinity", "1e999"] {
        let text = format!("a,b\n1,2\n3,{infinite}\n");
        let error = load("t.csv", text.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("'{infinite}' in column 'b' is infinite, line 3 of t.csv")
        );
        assert_eq!(error.code(), "data-infinite");
    }
}

#[test]
fn json_lines_are_flat_objects() {
    check(
        "t.jsonl",
        b"{\"a\": 1}\n{\"a\": {\"b\": 1}}\n",
        &expect![[r#"
        [data-nested] 'a' holds a nested value, line 2 of t.jsonl
        hint: flatten the value into keys of its own
    "#]],
    );
    check(
        "t.jsonl",
        b"{\"a\": 1}\n\n[1]\n",
        &expect![[r#"
        [data-json] not a JSON object (invalid type: sequence, expected an object at line 1 column 0), line 3 of t.jsonl
        hint: write one JSON object a line
    "#]],
    );
    check(
        "t.jsonl",
        b"{\"a\": 1, \"a\": 2}\n",
        &expect![[r#"
        [data-json] not a JSON object (the key 'a' appears twice), line 1 of t.jsonl
        hint: write one JSON object a line
    "#]],
    );
    check(
        "t.json",
        b"[{\"a\": 1}]\n",
        &expect![[r#"
        [data-format] cannot be read as a table (it is a JSON list, not one object a line): t.json
        hint: give a CSV, TSV, Parquet, JSON lines or Arrow IPC file, perhaps gz or zst
    "#]],
    );
}

#[test]
fn files_of_other_formats_are_told_apart() {
    check(
        "t.xlsx",
        b"PK\x03\x04rest",
        &expect![[r#"
        [data-format] cannot be read as a table (it is a zip archive or a spreadsheet): t.xlsx
        hint: give a CSV, TSV, Parquet, JSON lines or Arrow IPC file, perhaps gz or zst
    "#]],
    );
    check(
        "t.parquet",
        b"a,b\n1,2\n",
        &expect![[r#"
        [data-format] cannot be read as a table (it does not begin like a Parquet file): t.parquet
        hint: give a CSV, TSV, Parquet, JSON lines or Arrow IPC file, perhaps gz or zst
    "#]],
    );
    check(
        "t.csv",
        b"a,b\n\0\x01\x02\n",
        &expect![[r#"
        [data-format] cannot be read as delimited text (it holds bytes that are not text): t.csv
        hint: give a CSV, TSV, Parquet, JSON lines or Arrow IPC file, perhaps gz or zst
    "#]],
    );
}

#[test]
fn cut_files_are_errors() {
    for (name, bytes) in super::formats::all_formats() {
        let cut = &bytes[..bytes.len() / 2];
        if name != "t.csv" {
            assert!(load(name, cut).is_err(), "{name} was cut and read");
        }
    }
}

#[test]
fn nested_columns_are_refused() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1)])]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("a", Arc::new(Int64Array::from(vec![1]))),
        ("b", Arc::new(lists)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = arrow::ipc::writer::FileWriter::try_new(&mut bytes, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let error = load("t.arrow", &bytes).unwrap_err();
    assert!(matches!(error, DataError::ColumnType { column, .. } if column == "b"));
}

#[test]
fn files_of_a_pattern_hold_the_same_columns() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("1.csv"), "a,b,c\n1,2,3\n").unwrap();
    std::fs::write(dir.path().join("2.csv"), "a,d\n1,2\n").unwrap();
    let source = Source::parse(&dir.path().join("*.csv").display().to_string());
    let error = load_with(&source, &ReadOptions::default(), None).unwrap_err();
    expect![[r#"
        [data-columns-differ] other columns than in DIR/1.csv: without 'b' and 1 more, with 'd': DIR/2.csv
        hint: give all files of the pattern the same columns, or read them apart
    "#]]
    .assert_eq(&show_error(&error).replace(&dir.path().display().to_string(), "DIR"));
}

#[test]
fn encodings_have_names() {
    let error = "klingon".parse::<Encoding>().unwrap_err();
    expect![[r#"
        [data-unknown-encoding] no encoding is called 'klingon'
        hint: use utf-8, latin1 or utf-16
    "#]]
    .assert_eq(&show_error(&error));
}

fn gzipped(parts: &[(&[u8], usize)]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for (part, times) in parts {
        for _ in 0..*times {
            std::io::Write::write_all(&mut writer, part).unwrap();
        }
    }
    writer.finish().unwrap()
}

#[test]
fn a_record_that_would_fill_the_memory_is_refused() {
    // Far more than fits when all of it is kept: reading ends at the limit.
    let megabyte = vec![b'x'; 1 << 20];
    let bytes = gzipped(&[(b"a,b\n1,2\n", 1), (&megabyte, 200)]);
    assert!(bytes.len() < 2 << 20);
    check(
        "t.csv.gz",
        &bytes,
        &expect![[r#"
        [data-record-too-long] a record of more than 67108864 bytes, line 3 of t.csv.gz
        hint: end each record with a line end, and close each quote that is opened
    "#]],
    );
    let lines: Vec<u8> = b"xxxxxxx\n".repeat(1 << 17);
    check(
        "t.csv.gz",
        &gzipped(&[(b"a,b\n1,\"", 1), (&lines, 70)]),
        &expect![[r#"
        [data-record-too-long] a record of more than 67108864 bytes, line 2 of t.csv.gz
        hint: end each record with a line end, and close each quote that is opened
    "#]],
    );
    check(
        "t.jsonl.gz",
        &gzipped(&[(b"{\"a\": 1}\n{\"a\": \"", 1), (&megabyte, 70)]),
        &expect![[r#"
        [data-record-too-long] a record of more than 67108864 bytes, line 2 of t.jsonl.gz
        hint: end each record with a line end, and close each quote that is opened
    "#]],
    );
}

#[test]
fn a_table_that_needs_more_memory_than_it_may_have_is_refused() {
    let rows: Vec<String> = (0..1000).map(|row| format!("{row},name {row}")).collect();
    let source = Source::bytes("t.csv", format!("a,b\n{}\n", rows.join("\n")).into_bytes());
    let read = |max_bytes| {
        let options = ReadOptions {
            max_bytes: Some(max_bytes),
            ..ReadOptions::default()
        };
        load_with(&source, &options, None)
    };
    assert!(read(100_000).is_ok());
    expect![[r#"
        [data-too-large] the table needs more than 10000 bytes of memory: t.csv
        hint: give fewer rows or columns; with enough memory `automl fit` takes a higher --memory-limit
    "#]]
    .assert_eq(&show_error(&read(10_000).unwrap_err()));
}
