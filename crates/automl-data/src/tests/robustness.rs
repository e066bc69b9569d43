//! Arbitrary bytes never panic, and quoting agrees with the reference reader.

use super::load;
use crate::{BatchOptions, ReadOptions, Source, open_batches, write_schema};
use proptest::prelude::*;

/// Bytes that mean something to one of the formats more often than chance.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => proptest::sample::select(vec![
            "a", "b", ",", ";", "\"", "\n", "\r\n", "1", "2.5", "-", "inf", "NA", "true", "2013-08-14",
            "08/14/2013", "{", "}", "{\"a\":", "null", "[", ":", " ", "é", "PAR1", "ARROW1", "20141013T000000",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in bytes(),
        name in proptest::sample::select(vec!["t.csv", "t.jsonl", "t.parquet", "t.arrow", "t"]),
    ) {
        if let Ok(loaded) = load(name, &bytes) {
            prop_assert!(!write_schema(&loaded.schema).is_empty());
            let source = Source::bytes(name, bytes);
            let batches = open_batches(
                &source,
                &ReadOptions::default(),
                &loaded.schema,
                |_| true,
                &BatchOptions { batch_rows: 2, ..BatchOptions::default() },
            );
            let n_rows: usize = batches.unwrap().map(|batch| batch.unwrap().table.n_rows()).sum();
            prop_assert_eq!(n_rows, loaded.n_rows);
        }
    }

    #[test]
    fn damaged_columnar_files_never_panic(
        which in 1_usize..4,
        position in 0.0..1.0,
        byte in any::<u8>(),
    ) {
        let (name, mut bytes) = super::formats::all_formats().swap_remove(which);
        let position = (position * bytes.len() as f64) as usize;
        bytes[position] ^= byte;
        // It may be read, where the byte is of no consequence; it may not panic.
        drop(load(name, &bytes));
    }

    #[test]
    fn cells_survive_being_quoted(
        rows in proptest::collection::vec(("[a-z\",\n]{1,6}", "[a-z\",\r\n]{1,6}"), 1..8),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["a", "b"]).unwrap();
        for (a, b) in &rows {
            writer.write_record([a, b]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let options = ReadOptions { delimiter: Some(b','), ..ReadOptions::default() };
        let loaded = super::load_with(
            &Source::bytes("t.csv", bytes),
            &options,
            Some("columns: {a: {kind: text}, b: {kind: text}}"),
        ).unwrap();
        let column = |at: usize| loaded.table.column_at(at).as_text().unwrap().iter()
            .map(|text| text.unwrap_or_default().to_owned()).collect::<Vec<_>>();
        let (a, b): (Vec<String>, Vec<String>) = rows.iter()
            .map(|(a, b)| (a.trim_ascii().to_owned(), b.trim_ascii().to_owned())).unzip();
        prop_assert_eq!(column(0), a);
        prop_assert_eq!(column(1), b);
    }
}
