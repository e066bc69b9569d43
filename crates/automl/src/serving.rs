//! Models as endpoints need them: read from their directories, with what makes tables of requests.

mod tables;
#[cfg(test)]
mod tests;

pub(crate) use tables::predict_tables;

use crate::errors::{ForecastError, Report};
use crate::forecasting::AnyModel;
use crate::modeldir::LoadedModel as Directory;
use crate::scoring::INTERVALS_FILE;
use automl_core::{Coded as _, Field, Kind, Model, Role, Schema, Table};
use automl_data::{RecordsError, RequestReader, records_to_parquet, to_stream};
use automl_engine::Intervals;
use automl_serve::endpoints::{Bounds, LoadError, LoadedModel, ModelFacts};
use automl_store::captures::{SealError, SealedRows};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;

/// Reads the model of a directory for an endpoint.
///
/// # Errors
/// No model there, a newer format, a damaged file, or parts that do not make a model.
pub(crate) fn load(path: &Path) -> Result<LoadedModel, LoadError> {
    let read = AnyModel::read(path).map_err(|error| {
        let report = Report::of(&error);
        LoadError {
            code: report.code.unwrap_or("model-unreadable"),
            message: report.message,
        }
    })?;
    match read {
        AnyModel::Rows(read) => {
            let bounds = bounds(path, &read)?;
            loaded(*read, bounds)
        }
        AnyModel::Several(read) => loaded(read.whole, None),
        AnyModel::Series(_) => Err(LoadError {
            code: ForecastError::NoRows.code(),
            message: ForecastError::NoRows.to_string(),
        }),
    }
}

/// A model that was read as an endpoint needs it.
fn loaded<M: Model + 'static>(
    read: Directory<M>,
    bounds: Option<Arc<dyn Bounds>>,
) -> Result<LoadedModel, LoadError> {
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
        decision: read.decision.clone(),
        n_bytes: read.n_bytes,
    });
    let rename_duplicates = read.renames_duplicates();
    let reader = |inputs| RequestReader::new(inputs, is_feature, rename_duplicates);
    Ok(LoadedModel {
        facts,
        reader: Arc::new(reader(read.manifest.inputs.clone())),
        words_reader: Arc::new(reader(in_words(read.manifest.inputs))),
        model: Arc::new(read.model),
        bounds,
    })
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
) -> Result<SealedRows, SealError> {
    let written = records_to_parquet(lines, out);
    let written = written.map_err(|error| {
        let may_pass = matches!(error, RecordsError::Read(_) | RecordsError::Write(_));
        let report = Report::of(&error.into());
        if may_pass {
            SealError::Disk(report.message)
        } else {
            SealError::Lines(report.message)
        }
    })?;
    Ok(SealedRows {
        n_rows: written.n_rows,
        is_cut: written.is_cut,
    })
}

/// A table of an answer as an Arrow stream.
///
/// # Errors
/// Why it cannot be made.
pub(crate) fn stream(table: &Table) -> Result<Vec<u8>, String> {
    to_stream(table).map_err(|error| error.to_string())
}

fn is_feature(field: &Field) -> bool {
    field.role == Role::Feature
}
