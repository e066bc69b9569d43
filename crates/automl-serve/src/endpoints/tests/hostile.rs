//! No bytes make a reader of bodies panic, or give rows that the bytes do not pay for: cuts, changed bytes and repetitions of
//! bodies that are read.

use super::super::batch::Batch;
use super::super::error::ScoreError;
use super::super::v2::testing::{Contents, message, read as read_tensors, read_message};
use super::super::{plain, scoring, split, vertex};
use super::*;

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
    check(plain::read(body, model), body, model);
    check(scoring::from_json(body, model), body, model);
    check(vertex::read(body, model), body, model);
    for n_json in [
        None,
        Some(body.len().saturating_sub(8)),
        Some(body.len() / 2),
    ] {
        check(read_tensors(body, n_json, model), body, model);
    }
    check(scoring::from_csv(body, model), body, model);
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
