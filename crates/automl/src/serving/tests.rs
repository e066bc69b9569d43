//! Arrow streams of the fuzzer's corpus, by the reader that endpoints have.

use super::*;
use automl_core::{Artifact, Decision, Model, PredictError, Predictions, TableView, Task};
use automl_serve::endpoints::read_body;

/// Bodies are read, not predicted.
struct Nothing;

impl Model for Nothing {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        Ok(Predictions::Numbers(vec![0.0; rows.n_rows()]))
    }

    fn artifact(&self) -> Artifact {
        Artifact::new("nothing", serde_json::json!({}))
    }
}

/// A model of a number and a text, fitted beside `y`.
fn model() -> LoadedModel {
    let field = |name: &str, kind, role| Field {
        name: name.into(),
        kind,
        role,
        levels: Vec::new(),
        format: None,
    };
    let fields = vec![
        field("x", Kind::Number, Role::Feature),
        field("word", Kind::Text, Role::Feature),
        field("y", Kind::Number, Role::Target),
    ];
    let inputs = Schema {
        fields: fields.clone(),
        missing: Vec::new(),
    };
    let reader = Arc::new(RequestReader::new(inputs, is_feature, false));
    LoadedModel {
        facts: Arc::new(ModelFacts {
            features: fields.into_iter().filter(is_feature).collect(),
            others: vec!["y".into()],
            task: Task::Regression,
            decision: Decision::Likeliest,
            n_bytes: 1,
        }),
        model: Arc::new(Nothing),
        bounds: None,
        reader: reader.clone(),
        words_reader: reader,
    }
}

/// What each stream gives: so many rows, or an error with these words.
const STREAMS: [(&str, Result<usize, &str>); 11] = [
    ("arrow", Ok(2)),
    (
        "arrow_beyond",
        Err("a buffer lies beyond the bytes of its batch"),
    ),
    ("arrow_bits", Err("'true' in column 'x' is not a number")),
    (
        "arrow_column_unknown",
        Err("the model has no column 'wrod'; did you mean word?"),
    ),
    ("arrow_compressed", Err("its buffers are compressed")),
    ("arrow_cut", Err("it is damaged")),
    ("arrow_dictionary", Err("column 'word' is a Dictionary")),
    (
        "arrow_file",
        Err("it is the file form; send the stream form"),
    ),
    ("arrow_message_huge", Err("it is damaged")),
    ("arrow_rows_huge", Err("a batch has more rows than bits")),
    ("arrow_shared", Err("two buffers of a batch share bytes")),
];

#[test]
fn each_stream_of_the_corpus_is_read_or_refused_as_told() {
    let corpus = "../../fuzz/corpus/bodies";
    let model = model();
    let mut names: Vec<String> = fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut streams = STREAMS.iter();
    for name in names {
        let bytes = fs::read(format!("{corpus}/{name}")).unwrap();
        let read = read_body(&bytes, &model).expect("its first line names a reader");
        if !name.starts_with("arrow") {
            continue;
        }
        let (wanted, outcome) = streams.next().expect("each stream is listed");
        assert_eq!(name, *wanted);
        match (&read, outcome) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{name}"),
            (Err(found), Err(wanted)) => assert!(found.contains(wanted), "{name}: {found}"),
            _ => panic!("{name}: {read:?}"),
        }
    }
    assert_eq!(streams.next(), None);
}
