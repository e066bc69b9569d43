//! Framing against published vectors; whatever is written reads back; damage is told from a cut.

use crate::framing::{HELD_MAX, crc32c, masked_crc, push_frame};
use crate::{
    EventFileName, EventLog, EventReader, EventWriter, GraphNode, Histogram, HyperParameter, Image,
    PrCurve, Record, SessionStatus, TensorBoardError, Value, purged, read_events,
};
use prost::Message;
use std::collections::BTreeMap;

/// A grey picture of one pixel; nothing looks at its bytes.
fn dot() -> Image {
    Image {
        height: 1,
        width: 1,
        channels: 1,
        encoded: vec![0x89, b'P', b'N', b'G'],
    }
}

/// Two inputs, one of a known shape, and what is made of them.
fn nodes() -> Vec<GraphNode> {
    let node = |name: &str, inputs: &[&str], shape: Option<&[u64]>| GraphNode {
        name: name.to_owned(),
        operation: "Some".to_owned(),
        inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
        shape: shape.map(<[u64]>::to_vec),
    };
    vec![
        node("x", &[], None),
        node("layer/weight", &[], Some(&[3, 2])),
        node("layer/product", &["x", "layer/weight"], Some(&[])),
    ]
}

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
        Record::restart(1, 9.5),
        Record::session_start(params, "", 10.0),
        Record::scalar("score/roc_auc", 0, 0.5, 11.0),
        Record::scalar("score/roc_auc", 1, 0.75, 12.0),
        Record::text("summary", 0, "**bold** and ünïcode", 13.0),
        Record::histogram("errors", 3, &[-1.0, 0.0, 0.5, 2.0], 14.0),
        Record::pr_curve(
            "held_out",
            4,
            PrCurve::of([(0.25, false), (0.75, true)].into_iter()),
            14.5,
        ),
        Record::image("samples/0", 0, dot(), 14.75),
        Record::graph(nodes(), 14.75),
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
fn a_restart_has_the_bytes_of_tensorboards_own_message() {
    // Event(step=7, wall_time=20, session_log=SessionLog(status=START)) of tensorboard 2.21.0.
    let bytes = Record::restart(7, 20.0).to_event().encode_to_vec();
    let own = [
        0x09, 0, 0, 0, 0, 0, 0, 0x34, 0x40, 0x10, 7, 0x3a, 2, 0x08, 1,
    ];
    assert_eq!(bytes, own);
}

#[test]
fn a_restart_undoes_its_step_and_later_ones_of_every_tag() {
    let of = |tag: &str, step| Record::scalar(tag, step, 0.25, 1.0);
    let bytes = written(&[
        of("a", 1),
        of("b", 3),
        of("a", 2),
        of("a", 3),
        Record::restart(3, 2.0),
        of("a", 3),
        of("a", 4),
        Record::restart(2, 3.0),
        of("a", 2),
    ]);
    let kept = [of("a", 1), Record::restart(2, 3.0), of("a", 2)];
    assert_eq!(read_events(&bytes).unwrap().records, kept);
    // The next file of a directory undoes what this one holds, too.
    let next = written(&[Record::restart(2, 4.0), of("b", 2)]);
    let mut all = read_events(&bytes).unwrap().records;
    all.extend(read_events(&next).unwrap().records);
    let kept = [of("a", 1), Record::restart(2, 4.0), of("b", 2)];
    assert_eq!(purged(all), kept);
    // As it stands in a file, one by one.
    let given: Result<Vec<Record>, _> = EventReader::new(&bytes[..]).collect();
    assert_eq!(given.unwrap().len(), 9);
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
    push_frame(&mut bytes, b"");
    assert!(matches!(
        read_events(&bytes),
        Err(TensorBoardError::Version)
    ));
    let mut bytes = Vec::new();
    push_frame(&mut bytes, &[0xff; 7]);
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
    assert!(
        on_disk.records.len() > 1000
            && on_disk.records[0].value == Value::Scalar(f64::from(0.1_f32))
    );
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

/// The scalars of a file of another program, beside those that its writer was given.
fn reference(name: &str) -> [Vec<(String, i64, f64, f64)>; 2] {
    let folder = std::path::Path::new("src/reference");
    let bytes = std::fs::read(folder.join(format!("{name}.tfevents"))).unwrap();
    let told = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
    let scalar = |record: Record| match record.value {
        Value::Scalar(value) => Some((record.tag, record.step, record.wall_time, value)),
        _ => None,
    };
    let read = read_events(&bytes).unwrap().records;
    let told: Vec<(String, i64, f64, serde_json::Value)> = serde_json::from_slice(&told).unwrap();
    let number = |value: serde_json::Value| match value.as_f64() {
        Some(value) => value,
        None => value.as_str().unwrap().parse().unwrap(),
    };
    let told = told
        .into_iter()
        .map(|(tag, step, time, value)| (tag, step, time, number(value)));
    [
        read.into_iter().filter_map(scalar).collect(),
        told.collect(),
    ]
}

#[test]
fn scalars_of_other_programs_are_read() {
    for name in ["pytorch", "keras", "tensors", "tensorboardx"] {
        let [read, told] = reference(name);
        assert!(told.len() >= 4);
        // NaN is unlike itself, but not its text.
        assert_eq!(format!("{read:#?}"), format!("{told:#?}"), "{name}");
    }
}

#[test]
fn a_length_that_claims_too_much_is_a_cut_and_asks_for_no_memory() {
    let mut bytes = written(&[]);
    let n_whole = bytes.len();
    let length = u64::MAX.to_le_bytes();
    bytes.extend(length);
    bytes.extend(masked_crc(&length).to_le_bytes());
    bytes.extend([0; 1000]);
    let file = read_events(&bytes).unwrap();
    assert_eq!((file.records.len(), file.is_cut), (0, true));
    assert!(n_whole < bytes.len());
}

#[test]
fn a_record_too_long_to_hold_is_checked_and_passed_over() {
    let mut bytes = written(&[]);
    let begin = bytes.len();
    push_frame(&mut bytes, &vec![0x55; HELD_MAX as usize + 1]);
    let last = Record::scalar("after", 1, 2.0, 3.0);
    push_frame(&mut bytes, &last.to_event().encode_to_vec());
    assert_eq!(read_events(&bytes).unwrap().records, [last]);
    bytes[begin + 5000] ^= 1;
    let error = read_events(&bytes).unwrap_err();
    assert!(
        matches!(error, TensorBoardError::Checksum { offset } if offset == begin as u64),
        "{error}"
    );
}

#[test]
fn what_was_whole_before_the_damage_is_given_first() {
    let mut bytes = written(&every_kind());
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let outcomes: Vec<_> = EventReader::new(bytes.as_slice()).collect();
    let (error, whole) = outcomes.split_last().unwrap();
    assert!(whole.iter().all(Result::is_ok) && whole.len() == every_kind().len() - 1);
    assert!(matches!(error, Err(TensorBoardError::Checksum { .. })));
}

#[test]
fn a_source_that_fails_is_an_error_with_the_place() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("unplugged"))
        }
    }
    let error = EventReader::new(Broken).next().unwrap().unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("tensorboard-read", "cannot read the event record at byte 0")
    );
}

#[test]
fn the_fuzzers_corpus_is_read_or_refused() {
    let corpus = "../../fuzz/corpus/events";
    let mut n_files = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        // Whatever it gives: no panic, and no more records than bytes.
        if let Ok(file) = read_events(&bytes) {
            assert!(file.records.len() <= bytes.len());
        }
        n_files += 1;
    }
    assert!(n_files >= 4);
}
