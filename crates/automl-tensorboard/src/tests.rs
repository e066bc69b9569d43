//! Framing against published vectors; whatever is written reads back; damage is told from a cut.

use crate::framing::{crc32c, masked_crc};
use crate::{
    EventFileName, EventLog, EventWriter, Histogram, HyperParameter, Record, SessionStatus,
    TensorBoardError, Value, read_events,
};
use std::collections::BTreeMap;

fn every_kind() -> Vec<Record> {
    let params = BTreeMap::from([
        ("depth".to_owned(), HyperParameter::Number(6.0)),
        (
            "learner".to_owned(),
            HyperParameter::Text("forest".to_owned()),
        ),
        ("bootstrap".to_owned(), HyperParameter::Flag(true)),
    ]);
    vec![
        Record::session_start(params, "", 10.0),
        Record::scalar("score/roc_auc", 0, 0.5, 11.0),
        Record::scalar("score/roc_auc", 1, 0.75, 12.0),
        Record::text("summary", 0, "**bold** and ünïcode", 13.0),
        Record::histogram("errors", 3, &[-1.0, 0.0, 0.5, 2.0], 14.0),
        Record::session_end(SessionStatus::Success, 15.0),
    ]
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut log = EventLog::new(10.0);
    for record in records {
        log.push(record);
    }
    log.into_bytes()
}

#[test]
fn checksum_agrees_with_rfc_3720() {
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    let ascending: Vec<u8> = (0..32).collect();
    assert_eq!(crc32c(&ascending), 0x46dd_794e);
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(masked_crc(&[]), 0xa282_ead8);
}

#[test]
fn every_kind_of_record_reads_back() {
    let records = every_kind();
    let file = read_events(&written(&records)).unwrap();
    assert_eq!(file.records, records);
    assert!(!file.is_cut);
}

#[test]
fn a_cut_at_any_byte_gives_the_whole_records_before_it() {
    let records = every_kind();
    let bytes = written(&records);
    for end in 0..bytes.len() {
        let file = read_events(&bytes[..end]).unwrap();
        assert_eq!(file.records, records[..file.records.len()]);
        assert!(file.records.len() < records.len());
    }
    assert!(read_events(&bytes[..bytes.len() - 1]).unwrap().is_cut);
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let bytes = written(&every_kind());
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        let error = read_events(&damaged).unwrap_err();
        assert!(
            matches!(error, TensorBoardError::Checksum { .. }),
            "byte {position}: {error}"
        );
    }
}

#[test]
fn other_files_are_refused() {
    let mut bytes = Vec::new();
    crate::framing::push_frame(&mut bytes, b"");
    assert!(matches!(
        read_events(&bytes),
        Err(TensorBoardError::Version)
    ));
    let mut bytes = Vec::new();
    crate::framing::push_frame(&mut bytes, &[0xff; 7]);
    assert!(matches!(
        read_events(&bytes),
        Err(TensorBoardError::NotAnEvent { offset: 0, .. })
    ));
    assert!(matches!(
        read_events(b"age,sex,income\n39,F,low\n"),
        Err(TensorBoardError::Checksum { offset: 0 })
    ));
}

#[test]
fn histogram_counts_every_finite_value_once() {
    let values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 10.0).collect();
    let histogram = Histogram::of(&values);
    assert_eq!(
        (histogram.min, histogram.max, histogram.count),
        (0.0, 99.9, 1000.0)
    );
    assert_eq!(histogram.counts.iter().sum::<f64>(), 1000.0);
    assert!(histogram.right_edges.is_sorted());
    assert!((histogram.sum - 49_950.0).abs() < 1e-6);
    assert!(
        histogram
            .counts
            .iter()
            .all(|count| (32.0..=35.0).contains(count))
    );

    let one_value = Histogram::of(&[7.0, 7.0, f64::NAN, f64::INFINITY]);
    assert_eq!(
        (one_value.right_edges, one_value.counts),
        (vec![7.0], vec![2.0])
    );
    assert_eq!(Histogram::of(&[f64::NAN]), Histogram::default());
    let widest = Histogram::of(&[f64::MIN, f64::MAX]);
    assert!(widest.right_edges.iter().all(|edge| edge.is_finite()));
}

#[test]
fn writers_started_in_one_second_do_not_share_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let name = EventFileName {
        unix_seconds: 1_700_000_000,
        host: "node 1/rack".to_owned(),
        process: 42,
    };
    let mut first = EventWriter::create(directory.path(), &name).unwrap();
    let mut second = EventWriter::create(directory.path(), &name).unwrap();
    first.push(&Record::scalar("a", 0, 1.0, 1.0)).unwrap();
    second.push(&Record::scalar("b", 0, 2.0, 2.0)).unwrap();
    first.flush().unwrap();
    second.flush().unwrap();
    let tags = |writer: &EventWriter| {
        let records = read_events(&std::fs::read(writer.path()).unwrap())
            .unwrap()
            .records;
        records
            .into_iter()
            .map(|record| record.tag)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (tags(&first), tags(&second)),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
    assert!(
        first
            .path()
            .ends_with("events.out.tfevents.1700000000.node-1-rack.42.0")
    );
    assert!(
        second
            .path()
            .ends_with("events.out.tfevents.1700000000.node-1-rack.42.1")
    );
}

#[test]
fn a_long_run_reaches_the_file_without_a_flush() {
    let directory = tempfile::tempdir().unwrap();
    let name = EventFileName {
        unix_seconds: 1,
        host: "h".to_owned(),
        process: 1,
    };
    let mut writer = EventWriter::create(directory.path(), &name).unwrap();
    for step in 0..5000 {
        writer
            .push(&Record::scalar("loss", step, 0.1, 1.0))
            .unwrap();
    }
    let on_disk = read_events(&std::fs::read(writer.path()).unwrap()).unwrap();
    assert!(on_disk.records.len() > 1000 && on_disk.records[0].value == Value::Scalar(0.1));
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let path = std::path::Path::new("/dev/null/runs");
    let name = EventFileName {
        unix_seconds: 1,
        host: "h".to_owned(),
        process: 1,
    };
    let error = EventWriter::create(path, &name).unwrap_err();
    assert_eq!(error.code(), "tensorboard-write");
    assert!(error.to_string().ends_with("/dev/null/runs"));
}
