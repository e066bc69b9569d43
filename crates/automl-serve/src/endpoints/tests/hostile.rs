//! No bytes make a reader of bodies panic, or give rows that the bytes do not pay for: cuts, changed bytes and repetitions of
//! bodies that are read.

use super::super::batch::Batch;
use super::super::error::ScoreError;
use super::super::v2::testing::{Contents, message};
use super::super::v2::{read as read_tensors, read_message};
use super::super::wanted::Wanted;
use super::super::{lines, plain, read_body, scoring, split, vertex};
use super::*;
use crate::access::Room;

const N_ROUNDS: u64 = 4_000;

/// A body of each form.
fn bodies() -> Vec<Vec<u8>> {
    let tensors = r#"{"id":"a","inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}},{"name":"word","shape":[2,1],"datatype":"BYTES","data":[["a"],["b\u00e4"]]}],"outputs":[{"name":"prediction"}]}"#;
    let mut bodies: Vec<Vec<u8>> = [
        r#"{"rows":[{"x":1,"word":"a","y":[{}]},{"word":null,"x":-1.5e-3}],"threshold":0.5}"#,
        r#"{"columns":{"x":[1,2,null],"word":["a","\"\\","b"]}}"#,
        r#"{"dataframe_split":{"columns":["word","x"],"data":[["a",1],["b",NaN]]},"params":{}}"#,
        r#"{"dataframe_split":{"data":[["a",1]],"index":[0],"columns":["word","x"]}}"#,
        r#"{"instances":[{"x":1,"word":"a"},[2,"b"]],"parameters":null}"#,
        r#"{"inputs":{"x":[1],"word":["a"]}}"#,
        "{\"x\":1,\"word\":\"a\"}\n\n[2,\"b\"]\n",
        "0.2,a\n1,\"b\"\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    bodies.push([tensors.as_bytes(), &[0, 0, 128, 63, 255, 255, 255, 255]].concat());
    bodies.push(b"x,word\n0.2,a\n,\"b\"\n".to_vec());
    bodies.extend([Contents::Typed, Contents::Raw].map(message));
    bodies
}

fn check(read: Result<Batch, ScoreError>, body: &[u8], model: &LoadedModel) {
    match read {
        Ok(batch) => {
            assert!(batch.table.n_rows() <= body.len());
            // What panics by itself in the model of these tests is not what is tested.
            drop(batch.predict(model));
        }
        Err(error) => assert!(error.status().is_client_error(), "{error}"),
    }
}

fn read_all(body: &[u8], model: &LoadedModel) {
    check(plain::read(body, Wanted::default(), model), body, model);
    let scored = scoring::from_json(body, Wanted::default(), model);
    check(scored, body, model);
    check(lines::from_json_lines(body, model), body, model);
    check(vertex::read(body, model), body, model);
    for n_json in [
        None,
        Some(body.len().saturating_sub(8)),
        Some(body.len() / 2),
    ] {
        check(read_tensors(body, n_json, model), body, model);
    }
    check(
        scoring::from_csv(body, &Room::default(), model),
        body,
        model,
    );
    check(read_message(body, model), body, model);
}

#[test]
fn no_body_makes_a_reader_panic() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("manifest.json"), r#"{"bias":0.1}"#).unwrap();
    let model = load(directory.path()).unwrap();
    let bodies = bodies();
    for body in &bodies {
        read_all(body, &model);
    }
    for round in 0..N_ROUNDS {
        let number = |place: u64| split::mixed(round * 16 + place) as usize;
        let mut body = bodies[number(0) % bodies.len()].clone();
        for change in 0..=number(1) as u64 % 4 {
            let at = number(4 + change * 3) % body.len();
            let byte = number(5 + change * 3);
            match byte % 4 {
                0 => body[at] = byte as u8,
                1 => body.truncate(at.max(1)),
                2 => {
                    let part = body[at..].to_vec();
                    body.extend(part);
                }
                _ => body.insert(at, b"[]{}\",:0-eN\\"[byte / 4 % 12]),
            }
        }
        read_all(&body, &model);
    }
}

#[test]
fn json_that_is_not_utf8_is_refused_wherever_it_is() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("manifest.json"), r#"{"bias":0.1}"#).unwrap();
    let model = load(directory.path()).unwrap();
    for body in [
        &b"{\"rows\":[{\"x\":1,\"word\":\"\xff\"}]}"[..],
        b"{\"rows\":[{\"x\":1,\"\xff\":\"a\"}]}",
    ] {
        let read = plain::read(body, Wanted::default(), &model);
        let told = read.err().unwrap().to_string();
        assert!(told.contains("it is not UTF-8"), "{told}");
    }
}

/// What each file of the fuzzer's corpus gives: so many rows, or an error.
const CORPUS: [(&str, Result<usize, &str>); 26] = [
    ("binary_tensors", Ok(2)),
    (
        "binary_tensors_cut",
        Err("the body has 50 bytes, its JSON is said to have 175"),
    ),
    (
        "binary_tensors_text_long",
        Err("tensor 'word' has 10 bytes, which are not 2 values of BYTES"),
    ),
    ("csv", Ok(2)),
    ("csv_cut", Err("a line has no comma")),
    ("csv_nameless", Ok(2)),
    ("feedback", Ok(2)),
    (
        "feedback_row_negative",
        Err(
            "the body has another form: invalid value: integer `-1`, expected u32 at line 1 column 37",
        ),
    ),
    (
        "feedback_word",
        Err("truths[1].truth is no class of the model: 'perhaps'"),
    ),
    (
        "inputs_uneven",
        Err("column 'x' has 1 values where others have 2"),
    ),
    ("instances", Ok(2)),
    ("lines", Ok(2)),
    (
        "lines_cut",
        Err("the body is not JSON: line 2: EOF while parsing a string at line 1 column 4"),
    ),
    ("message", Ok(2)),
    (
        "message_raw_missing",
        Err("there are 2 raw contents for 1 inputs"),
    ),
    ("records", Ok(1)),
    ("rows", Ok(2)),
    ("rows_columns", Ok(3)),
    (
        "rows_deep",
        Err("row 1: column 'x' holds a list where a value should be"),
    ),
    ("rows_huge_integer", Ok(1)),
    ("rows_twice", Err("row 1: column 'x' stands there twice")),
    ("split", Ok(2)),
    ("split_nameless", Err("dataframe_split has no columns")),
    ("tensors", Ok(2)),
    (
        "tensors_shape_huge",
        Err(
            "tensor 'x' has the shape [9223372036854775807, 9223372036854775807]; a column has [rows] or [rows, 1]",
        ),
    ),
    ("vertex", Ok(2)),
];

#[test]
fn each_file_of_the_corpus_is_read_or_refused_as_told() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("manifest.json"), r#"{"bias":0.1}"#).unwrap();
    let model = load(directory.path()).unwrap();
    let corpus = "../../fuzz/corpus/bodies";
    let mut names: Vec<String> = std::fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // Streams are read by the program, whose tests have them.
        .filter(|name| !name.starts_with("arrow"))
        .collect();
    names.sort();
    let found: Vec<(String, Result<usize, String>)> = names
        .into_iter()
        .map(|name| {
            let bytes = std::fs::read(format!("{corpus}/{name}")).unwrap();
            let read = read_body(&bytes, &model).expect("its first line names a reader");
            (name, read)
        })
        .collect();
    let told = CORPUS.map(|(name, outcome)| (name.to_owned(), outcome.map_err(str::to_owned)));
    assert_eq!(found, told);
}
