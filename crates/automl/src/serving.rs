//! Models as endpoints need them: read from their directories, with what makes tables of requests.

use crate::errors::Report;
use crate::modeldir::LoadedModel as Directory;
use automl_core::{Cell, Field, Role, Table};
use automl_data::{
    BatchOptions, DataError, Format, ReadOptions, RowBuffer, RowCoder, Source, open_batches,
};
use automl_serve::endpoints::{LoadError, LoadedModel, ModelFacts, ROWS_MAX, RowReader, Rows};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Reads the model of a directory for an endpoint.
///
/// # Errors
/// No model there, a newer format, a damaged file, or parts that do not make a model.
pub(crate) fn load(path: &Path) -> Result<LoadedModel, LoadError> {
    let read = Directory::read(path).map_err(|error| {
        let report = Report::of(&error);
        LoadError {
            code: report.code.unwrap_or("model-unreadable"),
            message: report.message,
        }
    })?;
    let inputs = &read.manifest.inputs;
    let mut names = BTreeSet::new();
    if let Some(twice) = (inputs.fields.iter()).find(|field| !names.insert(field.name.as_str())) {
        return Err(LoadError {
            code: "artifact-part-invalid",
            message: format!("its manifest has two columns '{}'", twice.name),
        });
    }
    let (features, others): (Vec<&Field>, Vec<&Field>) =
        inputs.fields.iter().partition(|field| is_feature(field));
    let facts = ModelFacts {
        features: features.into_iter().cloned().collect(),
        others: others.into_iter().map(|field| field.name.clone()).collect(),
        task: read.task().clone(),
        threshold: read.manifest.threshold,
        n_bytes: read.n_bytes,
    };
    let coder = RowCoder::new(inputs, is_feature);
    Ok(LoadedModel {
        facts,
        reader: Arc::new(Reader {
            coder,
            rename_duplicates: read.renames_duplicates(),
            inputs: read.manifest.inputs,
        }),
        model: Arc::new(read.model),
    })
}

fn is_feature(field: &Field) -> bool {
    field.role == Role::Feature
}

struct Reader {
    coder: RowCoder,
    inputs: automl_core::Schema,
    rename_duplicates: bool,
}

impl RowReader for Reader {
    fn start(&self) -> Box<dyn Rows> {
        Box::new(Buffer(self.coder.start()))
    }

    fn delimited(&self, text: Vec<u8>) -> Result<Table, String> {
        // What is compressed is no text, and never grows here.
        if let Err(error) = std::str::from_utf8(&text) {
            return Err(format!("the body is not UTF-8 text: {error}"));
        }
        let options = ReadOptions {
            format: Some(Format::Delimited),
            rename_duplicates: self.rename_duplicates,
            ..ReadOptions::default()
        };
        let cut = BatchOptions {
            // One more, so that too many are noticed.
            batch_rows: ROWS_MAX + 1,
            ..BatchOptions::default()
        };
        let source = Source::bytes("the body", text);
        let batches = open_batches(&source, &options, &self.inputs, is_feature, &cut);
        let first = batches.and_then(|mut batches| batches.next().transpose());
        match first {
            Ok(Some(batch)) => Ok(batch.table),
            // A line of names alone is a table without rows, as an empty list is in JSON.
            Ok(None) | Err(DataError::HeaderOnly { .. }) => Ok(self.coder.start().finish(0)),
            Err(error) => Err(error.to_string()),
        }
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
