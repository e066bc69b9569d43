//! One table in every format, and the ways text is stored.

use super::{load, load_with, show, show_result};
use crate::{Encoding, ReadOptions, Source, read_table};
use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::Int32Type;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use expect_test::{Expect, expect};
use parquet::arrow::ArrowWriter;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

const CSV: &str = "n,x,flag,color,city,when\n\
    1,0.5,true,red,Oslo,2013-08-14T00:00:01Z\n\
    2,,false,blue,\"Paris, France\",2013-08-15\n\
    3,-2.5e7,true,red,,\n\
    4,0.1,,red,Oslo,2013-08-14T12:00:00.5Z\n";

fn batch(start: usize, end: usize) -> RecordBatch {
    let color: DictionaryArray<Int32Type> = ["red", "blue", "red", "red"].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        (
            "x",
            Arc::new(Float64Array::from(vec![0.5, f64::NAN, -2.5e7, 0.1])),
        ),
        (
            "flag",
            Arc::new(BooleanArray::from(vec![
                Some(true),
                Some(false),
                Some(true),
                None,
            ])),
        ),
        ("color", Arc::new(color)),
        (
            "city",
            Arc::new(StringArray::from(vec![
                Some("Oslo"),
                Some("Paris, France"),
                None,
                Some("Oslo"),
            ])),
        ),
        (
            "when",
            Arc::new(TimestampMillisecondArray::from(vec![
                Some(1_376_438_401_000),
                Some(1_376_524_800_000),
                None,
                Some(1_376_481_600_500),
            ])),
        ),
    ];
    RecordBatch::try_from_iter(columns)
        .unwrap()
        .slice(start, end - start)
}

fn parquet() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch(0, 4).schema(), None).unwrap();
    writer.write(&batch(0, 3)).unwrap();
    writer.flush().unwrap();
    writer.write(&batch(3, 4)).unwrap();
    writer.close().unwrap();
    bytes
}

fn ipc_file() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, &batch(0, 4).schema()).unwrap();
    writer.write(&batch(0, 1)).unwrap();
    writer.write(&batch(1, 4)).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

fn ipc_stream() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &batch(0, 4).schema()).unwrap();
    writer.write(&batch(0, 4)).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

const JSON: &str = r#"{"n": 1, "x": 0.5, "flag": true, "color": "red", "city": "Oslo", "when": "2013-08-14T00:00:01Z"}
{"n": 2, "x": null, "flag": false, "color": "blue", "city": "Paris, France", "when": "2013-08-15"}

{"x": -2.5e7, "n": 3, "color": "red", "flag": true}
{"n": 4, "x": 0.1, "color": "red", "city": "Oslo", "when": "2013-08-14T12:00:00.5Z"}
"#;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Every format and compression of the one table.
pub(super) fn all_formats() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("t.csv", CSV.into()),
        ("t.parquet", parquet()),
        ("t.arrow", ipc_file()),
        ("t.arrows", ipc_stream()),
        ("t.jsonl", JSON.into()),
        ("t.csv.gz", gz(CSV.as_bytes())),
        ("t.csv.zst", zstd::encode_all(CSV.as_bytes(), 1).unwrap()),
        ("t.parquet.gz", gz(&parquet())),
        ("no extension", ipc_file()),
    ]
}

#[test]
fn every_format_gives_the_table_of_the_csv() {
    let expected = expect![[r#"
        n: number = 1 2 3 4
        x: number = 0.5 · -25000000 0.1
        flag: boolean [false|true] = true false true ·
        color: category [blue|red] = red blue red red
        city: category [Oslo|Paris, France] = Oslo Paris, France · Oslo
        when: timestamp = 2013-08-14T00:00:01Z 2013-08-15 · 2013-08-14T12:00:00.5Z
    "#]];
    for (name, bytes) in all_formats() {
        expected.assert_eq(&show(&load(name, &bytes).unwrap()));
    }
}

fn check(name: &str, bytes: &[u8], expected: &Expect) {
    expected.assert_eq(&show_result(load(name, bytes)));
}

#[test]
fn the_delimiter_is_found_among_four() {
    let expected = "a: number = 1 3\nb: category [x,y|z] = x,y z\n";
    for (name, text) in [
        ("t.csv", "a;b\n1;x,y\n3;z\n"),
        ("t.csv", "a\tb\n1\tx,y\n3\tz\n"),
        ("t.tsv", "a\tb\n1\tx,y\n3\tz\n"),
        ("t.csv", "a|b\n1|x,y\n3|z\n"),
        ("t.csv", "a,b\n1,\"x,y\"\n3,z\n"),
    ] {
        assert_eq!(
            show(&load(name, text.as_bytes()).unwrap()),
            expected,
            "{text}"
        );
    }
}

#[test]
fn the_delimiter_can_be_named() {
    let options = ReadOptions {
        delimiter: Some(b':'),
        ..ReadOptions::default()
    };
    let source = Source::bytes("t.csv", *b"a:b\n1:2\n3:4\n");
    assert_eq!(
        show(&load_with(&source, &options, None).unwrap()),
        "a: number = 1 3\nb: number = 2 4\n"
    );
}

#[test]
fn one_column_needs_no_delimiter() {
    check(
        "t.csv",
        b"a\n1\n2\n",
        &expect![[r#"
        a: number = 1 2
    "#]],
    );
}

#[test]
fn quoted_cells_hold_delimiters_quotes_and_line_ends() {
    check(
        "t.csv",
        b"a,b\r\n\"one\ntwo\",\"say \"\"hi\"\"\"\r\n 3,  \"x,y\"\r\n",
        &expect![[r#"
            a: category [3|one
            two] = one
            two 3
            b: category [say "hi"|x,y] = say "hi" x,y
        "#]],
    );
}

#[test]
fn blank_lines_are_skipped_and_the_last_line_needs_no_end() {
    check(
        "t.csv",
        b"\n\na,b\n\n1,2\r\n\r\n3,4",
        &expect![[r#"
        a: number = 1 3
        b: number = 2 4
    "#]],
    );
}

#[test]
fn byte_order_marks_are_no_part_of_the_first_name() {
    let text = "a,b\ncafé,1\nthé,2\n";
    let mut utf8 = vec![0xef, 0xbb, 0xbf];
    utf8.extend_from_slice(text.as_bytes());
    let mut little = vec![0xff, 0xfe];
    little.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let mut big = vec![0xfe, 0xff];
    big.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    for bytes in [utf8, little, big] {
        assert_eq!(
            show(&load("t.csv", &bytes).unwrap()),
            "a: category [café|thé] = café thé\nb: number = 1 2\n"
        );
    }
}

#[test]
fn latin_1_is_read_when_it_is_named() {
    let options = ReadOptions {
        encoding: "latin1".parse::<Encoding>().unwrap(),
        ..ReadOptions::default()
    };
    let source = Source::bytes("t.csv", *b"a\ncaf\xe9\nth\xe9\ncaf\xe9\n");
    assert_eq!(
        show(&load_with(&source, &options, None).unwrap()),
        "a: category [café|thé] = café thé café\n"
    );
}

#[test]
fn json_keys_are_united_over_the_file() {
    let mut text = String::new();
    for i in 0..1500 {
        writeln!(text, "{{\"a\": {}.5}}", i % 7).unwrap();
    }
    text += "{\"b\": \"late\", \"a\": 9}\n{\"b\": \"later\"}\n";
    let loaded = load("t.jsonl", text.as_bytes()).unwrap();
    assert_eq!(loaded.n_rows, 1502);
    assert_eq!(loaded.facts[0].n_missing, 1);
    assert_eq!(loaded.facts[1].n_missing, 1500);
}

#[test]
fn max_rows_stops_early_but_the_fingerprint_is_of_the_whole_file() {
    let options = ReadOptions {
        max_rows: Some(2),
        ..ReadOptions::default()
    };
    for (name, bytes) in all_formats() {
        let source = Source::bytes(name, bytes);
        let some = load_with(&source, &options, None).unwrap();
        let all = load_with(&source, &ReadOptions::default(), None).unwrap();
        assert_eq!((some.n_rows, all.n_rows), (2, 4), "{name}");
        assert_eq!(some.fingerprint.sha256, all.fingerprint.sha256, "{name}");
    }
}

#[test]
fn the_fingerprint_is_the_sha256_of_the_file() {
    let loaded = load("t.csv", b"a,b\n1,2\n3,4\n").unwrap();
    // printf 'a,b\n1,2\n3,4\n' | sha256sum
    expect!["b9485148546419a0f6a85e8d708c923557c15d7f3c7d078ef1fa7f7c0f57d5a5"]
        .assert_eq(&loaded.fingerprint.sha256);
    assert_eq!(loaded.fingerprint.n_rows, 2);
}

#[test]
fn a_pattern_reads_its_files_in_order_of_name() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("part-2.csv", "b,a\nz,3\n");
    write("part-1.csv", "a,b\n1,x\n2,y\n");
    write("other.csv", "q\n1\n");
    let pattern = dir.path().join("part-*.csv").display().to_string();
    let loaded = load_with(&Source::parse(&pattern), &ReadOptions::default(), None).unwrap();
    assert_eq!(
        show(&loaded),
        "a: number = 1 2 3\nb: category [x|y|z] = x y z\n"
    );
}

#[test]
fn json_files_of_a_pattern_may_differ_in_keys() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("1.jsonl", "{\"a\": 1, \"b\": 2}\n{\"a\": 3}\n");
    write("2.jsonl", "{\"c\": 5, \"b\": 6}\n");
    write("3.jsonl", "{\"a\": 7, \"c\": 8}\n");
    let pattern = dir.path().join("*.jsonl").display().to_string();
    let loaded = load_with(&Source::parse(&pattern), &ReadOptions::default(), None).unwrap();
    assert_eq!(
        show(&loaded),
        "a: number = 1 3 · 7\nb: number = 2 · 6 ·\nc: number = · · 5 8\n"
    );
}

#[test]
fn narrow_numbers_are_widened() {
    let columns: Vec<(&str, ArrayRef)> = vec![("a", Arc::new(Int32Array::from(vec![7, -8])))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    check(
        "t.parquet",
        &bytes,
        &expect![[r#"
        a: number = 7 -8
    "#]],
    );
}

#[test]
fn lines_may_end_with_a_carriage_return_alone() {
    let text = CSV.replace("\"Paris, France\"", "\"Paris,\rFrance\"");
    let old = show(&load("t.csv", text.replace('\n', "\r").as_bytes()).unwrap());
    let new = show(&load("t.csv", text.as_bytes()).unwrap());
    assert_eq!(old, new);
    expect![[r#"
        [data-ragged] 1 cells where the header has 2, line 3 of t.csv
        hint: quote cells that hold the delimiter, or name the delimiter with --delimiter
    "#]]
    .assert_eq(&show_result(load("t.csv", b"a,b\r1,2\r3\r")));
}

#[test]
fn a_first_line_may_state_the_delimiter() {
    for first in ["sep=;\n", "SEP=;\r\n", "\"sep=;\"\n", "\u{feff}sep=;\n"] {
        let text = format!("{first}a;b\n1,5;2\n-1;3\n");
        expect![[r#"
            a: number decimal comma = 1.5 -1
            b: number = 2 3
        "#]]
        .assert_eq(&show_result(load("data.csv", text.as_bytes())));
    }
    let commas = load("data.csv", b"sep=,\nx;y,z\n1;2,3\n").unwrap();
    assert_eq!(commas.table.names().collect::<Vec<_>>(), ["x;y", "z"]);
    let options = ReadOptions {
        delimiter: Some(b';'),
        ..ReadOptions::default()
    };
    let source = Source::bytes("data.csv", *b"sep=,\nx;y\n1;2\n1;2;3\n");
    let error = load_with(&source, &options, None).unwrap_err();
    assert!(error.to_string().ends_with("line 4 of data.csv"), "{error}");
    let empty = load("data.csv", b"sep=;\n").unwrap_err();
    assert_eq!(automl_core::Coded::code(&empty), "data-empty");
    let name = load("data.csv", b"sep=\n1\n2\n").unwrap();
    assert_eq!(name.table.names().collect::<Vec<_>>(), ["sep="]);
}

#[test]
fn labels_beside_images_may_be_compressed_in_either_way() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("a-images-idx3-ubyte.zst");
    let file = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9];
    std::fs::write(&images, zstd::encode_all(&file[..], 1).unwrap()).unwrap();
    let labels = [0, 0, 8, 1, 0, 0, 0, 1, 5];
    let options = ReadOptions {
        images: true,
        ..ReadOptions::default()
    };
    for (name, bytes) in [
        ("a-labels-idx1-ubyte.gz", gz(&labels)),
        (
            "a-labels-idx1-ubyte.zst",
            zstd::encode_all(&labels[..], 1).unwrap(),
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let loaded = read_table(&Source::Path(images.clone()), &options, None).unwrap();
        let label = loaded.table.column("label").expect("it was read");
        assert!(!label.is_missing(0), "{name}");
        std::fs::remove_file(path).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_device_in_a_folder_of_images_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join("endless");
    std::fs::create_dir(&class).unwrap();
    std::os::unix::fs::symlink("/dev/zero", class.join("a.png")).unwrap();
    let options = ReadOptions {
        images: true,
        ..ReadOptions::default()
    };
    let error = read_table(&Source::Path(folder.path().into()), &options, None).unwrap_err();
    assert!(
        error.to_string().contains("it is no regular file"),
        "{error}"
    );
}
