//! No body of a request makes a reader of endpoints panic, or gives more rows than it has bytes. The name of the reader stands in
//! the first line, as in the corpus.

#![no_main]

use automl_core::{
    Artifact, Cell, Field, Kind, Model, PredictError, Predictions, Role, Schema, Table, TableView, Task,
};
use automl_data::{
    BatchOptions, Format, ReadOptions, RowBuffer, RowCoder, Source, check_arrow_stream, open_batches,
};
use automl_serve::endpoints::{LoadedModel, ModelFacts, RowReader, Rows, TableForm, read_body};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};

static MODEL: LazyLock<LoadedModel> = LazyLock::new(model);

fuzz_target!(|bytes: &[u8]| {
    if let Some(Ok(n_rows)) = read_body(bytes, &MODEL) {
        assert!(n_rows <= bytes.len());
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
    let reader = Arc::new(Reader {
        coder: RowCoder::new(&inputs, |_| true),
        inputs,
    });
    LoadedModel {
        facts: Arc::new(ModelFacts {
            features: fields,
            others: vec!["y".into()],
            task: Task::Regression,
            threshold: None,
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

struct Reader {
    coder: RowCoder,
    inputs: Schema,
}

impl RowReader for Reader {
    fn start(&self) -> Box<dyn Rows> {
        Box::new(Buffer(self.coder.start()))
    }

    fn table(&self, body: Vec<u8>, form: TableForm) -> Result<Table, String> {
        let format = match form {
            TableForm::Delimited => Format::Delimited,
            TableForm::Arrow => {
                check_arrow_stream(&body, "the body").map_err(|error| error.to_string())?;
                Format::Arrow
            }
        };
        let options = ReadOptions {
            format: Some(format),
            ..ReadOptions::default()
        };
        let source = Source::bytes("the body", body);
        let cut = BatchOptions::default();
        let batches = open_batches(&source, &options, &self.inputs, |_| true, &cut);
        let first = batches.and_then(|mut batches| batches.next().transpose());
        let first = first.map_err(|error| error.to_string())?;
        Ok(first.map_or_else(|| self.coder.start().finish(0), |batch| batch.table))
    }
}

struct Buffer(RowBuffer);

impl Rows for Buffer {
    fn push(&mut self, column: usize, cell: Cell<'_>) -> Result<(), String> {
        self.0.push(column, cell).map_err(|error| error.to_string())
    }

    fn finish(self: Box<Self>, n_rows: usize) -> Table {
        self.0.finish(n_rows)
    }
}
