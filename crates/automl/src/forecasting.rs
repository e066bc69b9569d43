//! A model that forecasts time series, read back from its directory, with the tables that it takes.

use crate::errors::ForecastError;
use crate::modeldir::{LoadedModel, SeveralModels};
use crate::progress::Reporter;
use crate::text::{self, Align};
use automl_core::{Kind, Role, Schema};
use automl_data::{
    ColumnOverride, DataError, ReadOptions, SchemaFile, SettledBy, Source, moment_texts, read_table,
};
use automl_engine::TargetPlace;
use automl_neural::series::{Forecast, PartScores, SeriesError, SeriesFrame, SeriesModel};
use automl_store::{Manifest, ReadModel, read_model};
use std::path::Path;

/// A model of any kind.
pub(crate) enum AnyModel {
    /// One that predicts rows.
    Rows(Box<LoadedModel>),
    /// One that predicts several targets of rows.
    Several(Box<SeveralModels>),
    /// One that forecasts.
    Series(Box<Forecaster>),
}

impl AnyModel {
    /// Reads and checks a model directory.
    ///
    /// # Errors
    /// No model there, a newer format, a damaged file, or parts that do not make a model.
    pub(crate) fn read(dir: &Path) -> anyhow::Result<Self> {
        let read = read_model(dir)?;
        if SeriesModel::is_in(&read.artifact) {
            return Ok(Self::Series(Box::new(Forecaster::of(read)?)));
        }
        Ok(match TargetPlace::of(&read.artifact)? {
            Some(places) => Self::Several(Box::new(SeveralModels::of(read, places)?)),
            None => Self::Rows(Box::new(LoadedModel::of(read)?)),
        })
    }

    /// What is known of it.
    pub(crate) fn manifest(&self) -> &Manifest {
        match self {
            Self::Rows(model) => &model.manifest,
            Self::Several(model) => &model.whole.manifest,
            Self::Series(model) => &model.manifest,
        }
    }
}

/// A model that forecasts, and what it takes.
pub(crate) struct Forecaster {
    pub(crate) manifest: Manifest,
    pub(crate) model: SeriesModel,
}

impl Forecaster {
    fn of(read: ReadModel) -> anyhow::Result<Self> {
        Ok(Self {
            model: SeriesModel::load(&read.artifact)?,
            manifest: read.manifest,
        })
    }

    /// Reads its series from a table, whose columns are read as those were that it learned from.
    ///
    /// # Errors
    /// The table cannot be read, or lacks a series or its time.
    pub(crate) fn frame(
        &self,
        source: &Source,
        options: &ReadOptions,
        reporter: &Reporter,
    ) -> anyhow::Result<SeriesFrame> {
        let inputs = &self.manifest.inputs;
        let loaded = {
            let _spinner = reporter.spinner("reading".to_owned());
            read_table(source, options, Some(&as_learned(inputs))).map_err(lacking)?
        };
        let frame = self.model.frame(&loaded.table, reporter.warnings());
        if let Ok(frame) = &frame {
            self.model.tell_step(frame, reporter.warnings());
        }
        reporter.show_warnings();
        Ok(frame.map_err(ForecastError::Table)?)
    }

    /// The times of a forecast as text, as the data writes them.
    pub(crate) fn moments(&self, frame: &SeriesFrame, forecast: &Forecast) -> Vec<String> {
        let field = self.manifest.inputs.with_role(Role::Time).next();
        match field.filter(|field| field.kind == Kind::Timestamp) {
            Some(field) => {
                let data = frame.instants().unwrap_or_default();
                moment_texts(&forecast.instants, data, field.format.as_deref())
            }
            None => forecast.instants.iter().map(i64::to_string).collect(),
        }
    }
}

/// A table without a column that the model reads, or with a cell that is not of its kind: what settled that is the model, though
/// it is told to the reader as a schema file would be.
fn lacking(error: DataError) -> anyhow::Error {
    match error {
        DataError::ColumnUnknown { name, near, .. } => {
            ForecastError::Table(SeriesError::Column { name, near }).into()
        }
        DataError::Cell {
            place,
            column,
            kind,
            value,
            ..
        } => DataError::Cell {
            place,
            column,
            kind,
            value,
            settled_by: SettledBy::Fitted,
        }
        .into(),
        other => other.into(),
    }
}

/// What a schema file would say of the columns that a model reads.
fn as_learned(inputs: &Schema) -> SchemaFile {
    let is_read = |role| matches!(role, Role::Target | Role::Time);
    let fields = inputs.fields.iter().filter(|field| is_read(field.role));
    let column = |kind, format: &Option<String>| ColumnOverride {
        kind: Some(kind),
        format: format.clone(),
        ..ColumnOverride::default()
    };
    SchemaFile {
        missing: Some(inputs.missing.clone()),
        columns: fields
            .map(|field| (field.name.clone(), column(field.kind, &field.format)))
            .collect(),
    }
}

/// Refuses options that are for rows.
///
/// # Errors
/// The first of them that was given.
pub(crate) fn refuse_options(options: &[(&'static str, bool)]) -> Result<(), ForecastError> {
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(ForecastError::Option { option }),
        None => Ok(()),
    }
}

/// Scores of scaled values in a line, with those of forecasts that need no network.
pub(crate) fn scores_line(scores: &PartScores) -> String {
    let naive = scores.naive.iter().map(|naive| {
        let what = match naive.season {
            1 => "last value".to_owned(),
            season => format!("value {season} rows before"),
        };
        format!(
            "; {what} mse {}, mae {}",
            text::score(naive.mse),
            text::score(naive.mae)
        )
    });
    let own = format!(
        "mse {}, mae {}",
        text::score(scores.mse),
        text::score(scores.mae)
    );
    format!("{own}{}", naive.collect::<String>())
}

/// Scores of single series, in units of the data.
pub(crate) fn series_table(scores: &PartScores) -> String {
    let score = |score: Option<f64>| score.map_or_else(|| "-".into(), text::score);
    let heading = [
        ("series", Align::Left),
        ("mse", Align::Right),
        ("mae", Align::Right),
        ("mae without a network", Align::Right),
    ];
    let rows: Vec<Vec<String>> = scores
        .series
        .iter()
        .map(|series| {
            vec![
                series.name.clone(),
                score(series.mse),
                score(series.mae),
                score(series.naive_mae),
            ]
        })
        .collect();
    text::table(&heading, &rows)
}
