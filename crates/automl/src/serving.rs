//! Models as endpoints need them: read from their directories, with what makes tables of requests.

use crate::commands::INTERVALS_FILE;
use crate::errors::{Report, SearchError};
use crate::modeldir::LoadedModel as Directory;
use automl_core::{Cell, Coded as _, Field, Kind, Role, Schema, Table, Task};
use automl_data::{
    BatchOptions, DataError, Format, ReadOptions, RowBuffer, RowCoder, Source, check_arrow_stream,
    open_batches, records_to_parquet,
};
use automl_engine::Intervals;
use automl_serve::endpoints::{
    Bounds, LoadError, LoadedModel, ModelFacts, ROWS_MAX, RowReader, Rows, TableForm,
};
use automl_store::captures::SealedRows;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;

/// What a request's body is called where something is wrong with it.
const BODY: &str = "the body";

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
    check_task(read.task()).map_err(|error| LoadError {
        code: error.code(),
        message: error.to_string(),
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
    let facts = Arc::new(ModelFacts {
        features: features.into_iter().cloned().collect(),
        others: others.into_iter().map(|field| field.name.clone()).collect(),
        task: read.task().clone(),
        threshold: read.manifest.threshold,
        n_bytes: read.n_bytes,
    });
    let bounds = bounds(path, &read)?;
    let rename_duplicates = read.renames_duplicates();
    let reader = |inputs: Schema| Reader {
        coder: RowCoder::new(&inputs, is_feature),
        rename_duplicates,
        inputs,
    };
    Ok(LoadedModel {
        facts,
        reader: Arc::new(reader(read.manifest.inputs.clone())),
        words_reader: Arc::new(reader(in_words(read.manifest.inputs))),
        model: Arc::new(read.model),
        bounds,
    })
}

/// Notices a task whose models do not answer requests.
///
/// # Errors
/// The model predicts quantiles.
pub(crate) fn check_task(task: &Task) -> Result<(), SearchError> {
    match task {
        Task::Quantile { .. } => Err(SearchError::QuantilesServed),
        _ => Ok(()),
    }
}

/// What the directory says of the model's errors. Of counts over different exposures they say nothing.
fn bounds(path: &Path, read: &Directory) -> Result<Option<Arc<dyn Bounds>>, LoadError> {
    let file = path.join(INTERVALS_FILE);
    if read.model.exposure().is_some() || !file.is_file() {
        return Ok(None);
    }
    let wrong = |message: String| LoadError {
        code: "artifact-part-invalid",
        message: format!("{INTERVALS_FILE}: {message}"),
    };
    let bytes = fs::read(&file).map_err(|error| wrong(error.to_string()))?;
    let intervals: Intervals =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if !intervals.is_valid() {
        return Err(wrong("its errors are not sorted sets of numbers".into()));
    }
    Ok(Some(Arc::new(Errors(intervals))))
}

/// Errors on rows that the model had not seen.
struct Errors(Intervals);

impl Bounds for Errors {
    fn coverage_max(&self) -> f64 {
        self.0.coverage_max()
    }

    fn around(&self, coverage: f64, predictions: &[f64]) -> Option<Vec<[f64; 2]>> {
        let band = self.0.band(coverage)?;
        let ends = predictions.iter();
        Some(ends.map(|prediction| band.around(*prediction)).collect())
    }
}

/// The same columns, with words as they came where there are known ones.
fn in_words(mut inputs: Schema) -> Schema {
    for field in &mut inputs.fields {
        if matches!(field.kind, Kind::Category | Kind::Boolean) {
            field.kind = Kind::Text;
            field.levels.clear();
        }
    }
    inputs
}

/// Makes Parquet of what was kept of requests.
///
/// # Errors
/// Why it cannot be made.
pub(crate) fn seal(
    lines: &mut dyn BufRead,
    out: &mut (dyn Write + Send),
) -> Result<SealedRows, String> {
    let written = records_to_parquet(lines, out);
    let written = written.map_err(|error| {
        let report = Report::of(&error.into());
        report.message
    })?;
    Ok(SealedRows {
        n_rows: written.n_rows,
        is_cut: written.is_cut,
    })
}

fn is_feature(field: &Field) -> bool {
    field.role == Role::Feature
}

struct Reader {
    coder: RowCoder,
    inputs: Schema,
    rename_duplicates: bool,
}

impl RowReader for Reader {
    fn start(&self) -> Box<dyn Rows> {
        Box::new(Buffer(self.coder.start()))
    }

    fn table(&self, body: Vec<u8>, form: TableForm) -> Result<Table, String> {
        let format = match form {
            TableForm::Delimited => {
                // What is compressed is no text, and never grows here.
                if let Err(error) = std::str::from_utf8(&body) {
                    return Err(format!("the body is not UTF-8 text: {error}"));
                }
                Format::Delimited
            }
            TableForm::Arrow => {
                let checked = check_arrow_stream(&body, BODY);
                checked.map_err(|error| error.to_string())?;
                Format::Arrow
            }
        };
        let options = ReadOptions {
            format: Some(format),
            rename_duplicates: self.rename_duplicates,
            ..ReadOptions::default()
        };
        let cut = BatchOptions {
            // One more, so that too many are noticed.
            batch_rows: ROWS_MAX + 1,
            ..BatchOptions::default()
        };
        let source = Source::bytes(BODY, body);
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
