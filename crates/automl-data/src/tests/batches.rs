//! Streams for scoring: the columns of a schema, batch by batch.

use super::{load, show_error, show_table};
use crate::{Batch, BatchOptions, DataError, ReadOptions, Source, open_batches};
use automl_core::{Schema, Table};
use expect_test::expect;

const TRAIN: &str = "n,color,flag,note,when,y\n\
    1,red,yes,\"a nice long note\",2013-08-14,0\n\
    2.5,blue,no,\"not a short one\",2013-08-15,1\n\
    3,red,no,\"yet another note here\",2013-08-16,1\n";

fn schema() -> Schema {
    load("train.csv", TRAIN.as_bytes()).unwrap().schema
}

fn read(
    name: &str,
    bytes: &[u8],
    schema: &Schema,
    batch_rows: usize,
) -> Result<Vec<Table>, DataError> {
    let batch = BatchOptions {
        batch_rows,
        ..BatchOptions::default()
    };
    let source = Source::bytes(name, bytes);
    let needed = |field: &automl_core::Field| field.name != "y";
    open_batches(&source, &ReadOptions::default(), schema, needed, &batch)?
        .map(|batch| batch.map(|batch| batch.table))
        .collect()
}

#[test]
fn columns_are_matched_by_name_and_coded_by_the_schema() {
    let text = "extra,when,note,color,n,flag\n\
        7,2020-01-01T10:00:00Z,hello,blue,1e3,YES\n\
        8,,NA,green,?,no\n";
    let batch = BatchOptions::default();
    let source = Source::bytes("new.csv", text.as_bytes());
    let reader = open_batches(
        &source,
        &ReadOptions::default(),
        &schema(),
        |field| field.name != "y",
        &batch,
    )
    .unwrap();
    assert_eq!(reader.warnings().len(), 1);
    expect!["column extra is not used"].assert_eq(&reader.warnings()[0].message);
    let batches: Vec<Batch> = reader.collect::<Result<_, _>>().unwrap();
    let tables: Vec<Table> = batches.into_iter().map(|batch| batch.table).collect();
    expect![[r#"
        n = 1000 ·
        color = blue unseen
        flag = yes no
        note = "hello" ·
        when = 2020-01-01T10:00:00Z ·
    "#]]
    .assert_eq(&show_table(&tables[0]));
}

#[test]
fn numeric_levels_are_met_by_value() {
    let schema = Schema {
        fields: vec![automl_core::Field {
            name: "a".into(),
            kind: automl_core::Kind::Category,
            role: automl_core::Role::Feature,
            levels: vec!["1".into(), "2".into()],
            format: None,
        }],
        missing: Vec::new(),
    };
    let tables = read("t.csv", b"a\n1.0\n2\n3\n02\n", &schema, 10).unwrap();
    assert_eq!(show_table(&tables[0]), "a = 1 2 unseen 2\n");
}

#[test]
fn batches_of_any_size_make_the_whole_in_every_format() {
    for (name, bytes) in super::formats::all_formats() {
        let whole = load(name, &bytes).unwrap();
        for batch_rows in [1, 3, 100] {
            let batches = read(name, &bytes, &whole.schema, batch_rows).unwrap();
            assert_eq!(batches.len(), 4_usize.div_ceil(batch_rows), "{name}");
            let rows: Vec<String> = (batches.iter())
                .flat_map(|table| {
                    (0..table.n_rows()).map(|row| show_table(&table.gather(&[row as u32])))
                })
                .collect();
            let expected: Vec<String> = (0..whole.n_rows)
                .map(|row| show_table(&whole.table.gather(&[row as u32])))
                .collect();
            assert_eq!(rows, expected, "{name} by {batch_rows}");
        }
    }
}

#[test]
fn a_missing_column_is_refused_or_missing_throughout() {
    let text = b"n,colour,flag,note,when\n1,red,yes,hi,2013-08-14\n";
    let error = read("new.csv", text, &schema(), 10).unwrap_err();
    expect![[r#"
        [data-column-missing] no column 'color': new.csv
        hint: did you mean 'colour'? else treat the column as missing with --allow-missing-columns
    "#]]
    .assert_eq(&show_error(&error));
    let allowed = BatchOptions {
        allow_missing_columns: true,
        ..BatchOptions::default()
    };
    let source = Source::bytes("new.csv", *text);
    let reader = open_batches(
        &source,
        &ReadOptions::default(),
        &schema(),
        |field| field.name != "y",
        &allowed,
    )
    .unwrap();
    let messages: Vec<&str> = (reader.warnings().iter())
        .map(|warning| warning.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "column color is not there and counts as missing",
            "column colour is not used"
        ]
    );
    let batches: Vec<Batch> = reader.collect::<Result<_, _>>().unwrap();
    let tables: Vec<Table> = batches.into_iter().map(|batch| batch.table).collect();
    expect![[r#"
        n = 1
        color = ·
        flag = yes
        note = "hi"
        when = 2013-08-14
    "#]]
    .assert_eq(&show_table(&tables[0]));
}

#[test]
fn a_wrong_type_names_column_line_and_cell() {
    let read = |text: &str| {
        let error = read("new.csv", text.as_bytes(), &schema(), 1).unwrap_err();
        error.to_string()
    };
    let header = "n,color,flag,note,when\n1,red,yes,hi,2013-08-14\n\n";
    expect!["'many' in column 'n' is not a number, line 4 of new.csv"]
        .assert_eq(&read(&format!("{header}many,red,yes,hi,2013-08-14\n")));
    expect!["'soon' in column 'when' is not a timestamp, line 4 of new.csv"]
        .assert_eq(&read(&format!("{header}1,red,yes,hi,soon\n")));
    expect!["'inf' in column 'n' is infinite, line 4 of new.csv"]
        .assert_eq(&read(&format!("{header}inf,red,yes,hi,2013-08-14\n")));
}

#[test]
fn an_error_ends_the_stream() {
    let text = b"n,color,flag,note,when\nx,red,yes,hi,2013-08-14\n";
    let source = Source::bytes("new.csv", *text);
    let mut reader = open_batches(
        &source,
        &ReadOptions::default(),
        &schema(),
        |field| field.name != "y",
        &BatchOptions::default(),
    )
    .unwrap();
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
}

#[test]
fn no_needed_column_still_counts_rows() {
    let source = Source::bytes("new.csv", *b"q\n1\n2\n");
    let reader = open_batches(
        &source,
        &ReadOptions::default(),
        &schema(),
        |_| false,
        &BatchOptions::default(),
    )
    .unwrap();
    let rows: usize = reader.map(|batch| batch.unwrap().table.n_rows()).sum();
    assert_eq!(rows, 2);
}

#[test]
fn decimal_commas_are_read_in_whatever_file_has_them() {
    let schema = load("train.csv", b"n;m\n1,5;1\n1.234,5;2\n")
        .unwrap()
        .schema;
    let rows = |name: &str, text: &str| {
        let tables = read(name, text.as_bytes(), &schema, 10).unwrap();
        show_table(&tables[0])
    };
    assert_eq!(
        rows("new.csv", "n;m\n2.000,25;1\n1.000;2\n"),
        "n = 2000.25 1000\nm = 1 2\n"
    );
    assert_eq!(
        rows("new.csv", "n,m\n\"2,25\",1\n1.125,2\n"),
        "n = 2.25 1.125\nm = 1 2\n"
    );
    assert_eq!(
        rows("new.jsonl", "{\"n\": 2.25, \"m\": 1}\n"),
        "n = 2.25\nm = 1\n"
    );
}

#[test]
fn a_schema_file_keeps_decimal_commas() {
    let loaded = load("train.csv", b"n;m\n1,5;1\n1.234,5;2\n").unwrap();
    let text = crate::write_schema(&loaded.schema);
    assert!(
        text.contains("\"n\": {kind: number, format: \"decimal comma\"}"),
        "{text}"
    );
    let again = crate::SchemaFile::parse(&text, "schema.yaml").unwrap();
    let source = Source::bytes("other.csv", *b"n,m\n\"0,5\",1\n");
    let table = crate::read_table(&source, &ReadOptions::default(), Some(&again))
        .unwrap()
        .table;
    assert_eq!(show_table(&table), "n = 0.5\nm = 1\n");
}

/// The writer of a pipe counts how far the reader has come: never further than a batch and the buffers on the way.
#[test]
#[cfg(target_os = "linux")]
fn a_stream_is_read_no_further_than_the_batch_at_hand() {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const N_ROWS: usize = 200_000;
    const BATCH_ROWS: usize = 2000;
    /// A pipe, the first look at the file, and two buffers of 128 KiB.
    const BUFFERED_BYTES: usize = 512 * 1024;
    let row = b"1.25,red,yes,\"a nice long note\",2013-08-14,0\n";
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
    let n_written = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_written);
    let writing = std::thread::spawn(move || {
        writer.write_all(b"n,color,flag,note,when,y\n").unwrap();
        for _ in 0..N_ROWS {
            writer.write_all(row).unwrap();
            counted.fetch_add(row.len(), Ordering::Relaxed);
        }
    });
    let batch = BatchOptions {
        batch_rows: BATCH_ROWS,
        ..BatchOptions::default()
    };
    let options = ReadOptions {
        format: Some(crate::Format::Delimited),
        ..ReadOptions::default()
    };
    let batches = open_batches(
        &Source::Path(path.into()),
        &options,
        &schema(),
        |_| true,
        &batch,
    );
    // Only the reader that was opened by its path is left: the writer ends with it.
    drop(reader);
    let mut n_rows = 0;
    for table in batches.unwrap() {
        n_rows += table.unwrap().table.n_rows();
        let ahead = n_written
            .load(Ordering::Relaxed)
            .saturating_sub(n_rows * row.len());
        assert!(
            ahead <= BUFFERED_BYTES,
            "{ahead} bytes read ahead at row {n_rows}"
        );
    }
    assert_eq!(n_rows, N_ROWS);
    writing.join().unwrap();
}

#[test]
fn columns_are_kept_as_written_in_every_format_also_those_that_are_read() {
    for (name, text) in [
        (
            "new.csv",
            "id,n,color,flag,note,when\n007,1.50,red,yes,,\n,2,red,no,,\n",
        ),
        (
            "new.jsonl",
            "{\"id\":\"007\",\"n\":\"1.50\",\"color\":\"red\",\"flag\":\"yes\",\"note\":null,\"when\":null}\n\
             {\"n\":2,\"color\":\"red\",\"flag\":\"no\"}\n",
        ),
    ] {
        let batch = BatchOptions {
            keep: vec!["n".into(), "id".into()],
            ..BatchOptions::default()
        };
        let source = Source::bytes(name, text.as_bytes());
        let needed = |field: &automl_core::Field| field.name != "y";
        let reader =
            open_batches(&source, &ReadOptions::default(), &schema(), needed, &batch).unwrap();
        assert!(reader.warnings().is_empty(), "a kept column is used");
        let batches: Vec<Batch> = reader.collect::<Result<_, _>>().unwrap();
        let kept: Vec<Vec<Option<&str>>> = (batches[0].kept.iter())
            .map(|texts| texts.iter().collect())
            .collect();
        assert_eq!(kept[0], [Some("1.50"), Some("2")], "{name}");
        assert_eq!(kept[1][0], Some("007"), "{name}");
        assert_eq!(kept[1][1].unwrap_or_default(), "", "{name}");
        assert_eq!(
            batches[0].table.column("n").unwrap().as_number().unwrap(),
            [1.5, 2.0]
        );
    }
}

#[test]
fn rows_that_cannot_be_read_can_be_left_out() {
    let text = b"n,color,flag,note,when\n1,red,yes,a,\nmany,red,yes,b,\n3,red,yes,c,\nfew,red,yes,d,never\n5,red,yes,e,\n7,red\n";
    for batch_rows in [1, 2, 3, 10] {
        let batch = BatchOptions {
            keep: vec!["note".into()],
            skip_bad_rows: true,
            batch_rows,
            ..BatchOptions::default()
        };
        let source = Source::bytes("new.csv", *text);
        let needed = |field: &automl_core::Field| field.name != "y";
        let reader = open_batches(&source, &ReadOptions::default(), &schema(), needed, &batch);
        let (mut numbers, mut notes, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for batch in reader.unwrap() {
            let batch = batch.unwrap();
            let column = batch
                .table
                .column("n")
                .and_then(automl_core::Column::as_number);
            numbers.extend_from_slice(column.unwrap());
            notes.extend(batch.kept[0].iter().map(|note| note.unwrap().to_owned()));
            refused.extend(batch.refused.into_values());
        }
        assert_eq!(numbers, [1.0, 3.0, 5.0]);
        assert_eq!(notes, ["a", "c", "e"]);
        assert_eq!(
            refused,
            [
                "'many' in column 'n' is not a number, line 3 of new.csv",
                "'few' in column 'n' is not a number, line 5 of new.csv",
                "2 cells where the header has 5, line 7 of new.csv"
            ],
            "{batch_rows} rows a batch"
        );
    }
}
