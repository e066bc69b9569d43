//! No body of a request makes a reader of endpoints panic, or gives more rows than it has bits. The name of the reader stands in
//! the first line, as in the corpus.

#![no_main]

use automl_core::{
    Artifact, Decision, Field, Kind, Model, PredictError, Predictions, Role, Schema, TableView,
    Task,
};
use automl_data::RequestReader;
use automl_serve::endpoints::{LoadedModel, ModelFacts, read_body};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};

static MODEL: LazyLock<LoadedModel> = LazyLock::new(model);

fuzz_target!(|bytes: &[u8]| {
    if let Some(Ok(n_rows)) = read_body(bytes, &MODEL) {
        // A stream of truth values has a bit a row.
        assert!(n_rows <= bytes.len() * 8);
    }
});

/// A model of a number and a text.
fn model() -> LoadedModel {
    let field = |name: &str, kind| Field {
        name: name.into(),
        kind,
        role: Role::Feature,
        levels: Vec::new(),
        format: None,
    };
    let fields = vec![field("x", Kind::Number), field("word", Kind::Text)];
    let inputs = Schema {
        fields: fields.clone(),
        missing: Vec::new(),
    };
    let reader = Arc::new(RequestReader::new(inputs, |_| true, false));
    LoadedModel {
        facts: Arc::new(ModelFacts {
            features: fields,
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
