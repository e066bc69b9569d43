//! What is learned from: rows that each have a target, or time series.

use super::plan::{named, task};
use crate::errors::TrainVerbError;
use crate::progress::Reporter;
use automl_core::metrics::Metric;
use automl_core::splits::{self, Scheme, Split};
use automl_core::{Field, Kind, Role, Schema, Seed, Table, Task, Texts};
use automl_data::{FILE_COLUMN, Loaded};
use automl_engine::{PrepareOptions, Prepared};
use automl_neural::config::{TrainConfig, list_items};
use automl_neural::series::{Parts, SeriesFrame, SeriesSettings};

/// Most names of series in a line.
const NAMES_SHOWN: usize = 8;

/// What is learned from.
pub(super) enum Material {
    /// Rows that each have a target.
    Rows(Box<RowsMaterial>),
    /// Time series.
    Series(Box<SeriesMaterial>),
}

/// Rows that each have a target.
pub(super) struct RowsMaterial {
    pub(super) prepared: Prepared,
    pub(super) split: Split,
    /// The files of the rows of the dataset, where each is one of its own.
    files: Option<Texts>,
}

/// Time series.
pub(super) struct SeriesMaterial {
    pub(super) frame: SeriesFrame,
    pub(super) parts: Parts,
    schema: Schema,
}

impl Material {
    /// Rows as `automl fit` prepares them.
    ///
    /// # Errors
    /// What the configuration names is not there, or does not fit.
    pub(super) fn rows(
        config: &TrainConfig,
        loaded: &Loaded,
        reporter: &Reporter,
    ) -> anyhow::Result<Self> {
        let data = &config.data;
        let options = PrepareOptions {
            target: data.target.clone(),
            weight: named(&data.weight),
            group: named(&data.group),
            time: named(&data.time),
            drop: names_in(&data.drop, &loaded.table),
            positive: named(&data.positive),
            task: task(data.task),
            ..PrepareOptions::default()
        };
        let prepared =
            automl_engine::prepare(&loaded.table, &loaded.schema, &options, reporter.warnings())?;
        reporter.show_warnings();
        Ok(Self::Rows(Box::new(RowsMaterial {
            split: split(config, &prepared)?,
            files: files(&loaded.table, &data.target),
            prepared,
        })))
    }

    /// Time series with the parts of their rows.
    ///
    /// # Errors
    /// A key is said that has no meaning for them, or a column does not fit.
    pub(super) fn series(
        config: &TrainConfig,
        loaded: &Loaded,
        reporter: &Reporter,
    ) -> anyhow::Result<Self> {
        let data = &config.data;
        let time = named(&data.time);
        let dropped = names_in(&data.drop, &loaded.table);
        let mut names = names_in(&data.target, &loaded.table);
        if names.is_empty() {
            names = all_series(&loaded.schema, time.as_ref(), &dropped, reporter);
        }
        let frame = SeriesFrame::read(&loaded.table, time.as_deref(), &names, reporter.warnings())?;
        reporter.show_warnings();
        let parts = Parts::of(frame.n_rows(), &config.series, data.validation_share)?;
        if parts.n_unused > 0 {
            let n = crate::text::counted(parts.n_unused as u64, "row");
            reporter.note(&format!("{n} behind those to test on have no part in this"));
        }
        let mut schema = loaded.schema.clone();
        for field in &mut schema.fields {
            field.role = if names.contains(&field.name) {
                Role::Target
            } else if Some(&field.name) == time.as_ref() {
                Role::Time
            } else {
                Role::Ignored
            };
        }
        Ok(Self::Series(Box::new(SeriesMaterial {
            frame,
            parts,
            schema,
        })))
    }

    /// The metric that decides where none is said.
    pub(super) fn usual_metric(&self) -> Metric {
        match self {
            Self::Rows(rows) => Metric::default_for(rows.prepared.dataset.task().kind()),
            Self::Series(_) => Metric::Mse,
        }
    }

    /// Makes sure that all metrics are for this.
    ///
    /// # Errors
    /// The first that is not.
    pub(super) fn check_metrics(&self, metrics: &[Metric]) -> Result<(), TrainVerbError> {
        let kind = self.task().kind();
        let (fits, task): (&dyn Fn(&Metric) -> bool, _) = match self {
            Self::Rows(_) => (&|metric| metric.tasks().contains(&kind), kind.name()),
            Self::Series(_) => (
                &|metric| SeriesSettings::METRICS.contains(metric),
                "forecast",
            ),
        };
        match metrics.iter().find(|metric| !fits(metric)) {
            Some(metric) => Err(TrainVerbError::Metric {
                metric: metric.name(),
                task,
            }),
            None => Ok(()),
        }
    }

    /// What is predicted: of time series numbers.
    pub(super) fn task(&self) -> &Task {
        match self {
            Self::Rows(rows) => rows.prepared.dataset.task(),
            Self::Series(_) => &Task::Regression,
        }
    }

    /// The columns with what they are for.
    pub(super) fn schema(&self) -> &Schema {
        match self {
            Self::Rows(rows) => &rows.prepared.schema,
            Self::Series(series) => &series.schema,
        }
    }

    /// Rows to learn from, and rows to score on.
    pub(super) fn n_rows(&self) -> [usize; 2] {
        match self {
            Self::Rows(rows) => [rows.split.train.len(), rows.split.valid.len()],
            Self::Series(series) => [series.parts.train.len(), series.parts.valid.len()],
        }
    }

    /// Columns that are learned from.
    pub(super) fn n_features(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.prepared.dataset.table().n_columns(),
            Self::Series(series) => series.frame.names().len(),
        }
    }

    /// The columns that are predicted.
    pub(super) fn target(&self) -> String {
        let targets = self.schema().with_role(Role::Target);
        let names: Vec<&str> = targets.map(|field| field.name.as_str()).collect();
        names.join(", ")
    }

    /// The row of the data that a training row is; of windows the first.
    pub(super) fn data_row(&self, row: u32) -> u32 {
        match self {
            Self::Rows(rows) => rows.split.train[row as usize],
            Self::Series(series) => series.frame.table_row(row),
        }
    }

    /// A column of texts, with the rows of it that are learned from.
    pub(super) fn texts(&self, name: &str) -> Option<(&Texts, &[u32])> {
        match self {
            Self::Rows(rows) => {
                let column = rows.prepared.dataset.table().column(name)?;
                Some((column.as_text()?, &rows.split.train))
            }
            Self::Series(_) => None,
        }
    }

    /// The file that a row of the dataset was read from, where each has its own.
    pub(super) fn file(&self, row: usize) -> Option<&str> {
        match self {
            Self::Rows(rows) => rows.files.as_ref()?.get(row),
            Self::Series(_) => None,
        }
    }
}

/// The columns that are forecast where none is said: those that hold numbers, but for times and identifiers.
fn all_series(
    schema: &Schema,
    time: Option<&String>,
    dropped: &[String],
    reporter: &Reporter,
) -> Vec<String> {
    let is_number = |field: &&Field| {
        field.kind == Kind::Number
            && field.role != Role::Ignored
            && Some(&field.name) != time
            && !dropped.contains(&field.name)
    };
    let fields = schema.fields.iter().filter(is_number);
    let (ids, series): (Vec<&Field>, Vec<&Field>) =
        fields.partition(|field| field.role == Role::Id);
    for field in ids {
        reporter.note(&format!(
            "'{}' looks like an identifier and is not forecast; data.target could name it",
            field.name
        ));
    }
    let names: Vec<String> = series.iter().map(|field| field.name.clone()).collect();
    if !names.is_empty() {
        let shown = names.iter().take(NAMES_SHOWN).cloned().collect::<Vec<_>>();
        let others = match names.len() - shown.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        reporter.note(&format!("series to forecast: {}{others}", shown.join(", ")));
    }
    names
}

/// The names of a list with commas between them, once each; one that is a column is that one, commas or not.
pub(super) fn names_in(list: &str, table: &Table) -> Vec<String> {
    if table.column(list.trim()).is_some() {
        return vec![list.trim().to_owned()];
    }
    let mut names: Vec<String> = Vec::new();
    for name in list_items(list) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The files of the rows that have a target, if a column names them.
fn files(table: &Table, target: &str) -> Option<Texts> {
    let files = table.column(FILE_COLUMN)?.as_text()?;
    let target = table.column(target)?;
    let rows = (0..table.n_rows()).filter(|&row| !target.is_missing(row));
    Some(rows.map(|row| files.get(row)).collect())
}

/// Rows to learn from and rows to score on.
fn split(config: &TrainConfig, prepared: &Prepared) -> anyhow::Result<Split> {
    let share = config.data.validation_share;
    if share == 0.0 {
        return Ok(Split {
            train: prepared.dataset.all_rows(),
            valid: Vec::new(),
        });
    }
    let seed = Seed(config.trainer.seed).named("split");
    let scheme = Scheme::Holdout { fraction: share };
    let mut splits =
        splits::split(&prepared.dataset, &scheme, seed).map_err(TrainVerbError::Split)?;
    Ok(splits.remove(0))
}
