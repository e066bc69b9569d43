//! `automl evaluate`: how good a model is on a table that has the target.

mod forecast;
mod quantiles;
mod scores;
mod several;
#[cfg(test)]
mod tests;
mod truth;

use super::record::model_dir;
use super::{Status, datasets, encoding, start_threads, thread_count};
use crate::cli::EvaluateArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::CliError;
use crate::forecasting::AnyModel;
use crate::interrupt::Interrupt;
use crate::modeldir::{self, LoadedModel};
use crate::progress::Reporter;
use crate::record::{Detail, Recorder, Seen};
use crate::remote;
use crate::scoring::Scorer;
use crate::tables;
use automl_core::{
    Clock, Field, Kind, Model, Predictions, Role, Schema, Table, Task, Warning, WarningKind,
};
use automl_data::{BatchOptions, BatchReader, DataError, ReadOptions, Source};
use automl_store::spool::Status as RunStatus;
use scores::{Scored, Scores};
use std::path::PathBuf;
use truth::Truth;

/// All settings of an evaluation.
struct Settings {
    model: PathBuf,
    source: Source,
    read: ReadOptions,
    allow_missing_columns: bool,
    threshold: Option<f64>,
    threads: usize,
}

impl Settings {
    fn resolve(args: EvaluateArgs) -> Self {
        Self {
            model: args.model,
            source: Source::parse(&args.data),
            read: ReadOptions {
                delimiter: args.delimiter,
                encoding: encoding(args.encoding),
                rename_duplicates: args.rename_duplicates,
                ..ReadOptions::default()
            },
            allow_missing_columns: args.allow_missing_columns,
            threshold: args.threshold,
            threads: thread_count(args.threads),
        }
    }
}

pub(super) fn run(mut args: EvaluateArgs, console: Console) -> anyhow::Result<Status> {
    args.data = datasets::place(&args.data, &args.record.workspace.workspace)?;
    modeldir::check_order("evaluate", &args.model, &args.data)?;
    let (record, data) = (args.record.clone(), args.data.clone());
    let mut settings = Settings::resolve(args);
    settings.source = datasets::source(&data, &record.workspace.workspace, console)?;
    let reporter = Reporter::new(console, Clock::start());
    let interrupt = Interrupt::listen(console, || {})?;
    let place = model_dir(&settings.model, &record.workspace.workspace)?;
    let model = AnyModel::read(place.as_ref())?;
    let recorder = Recorder::begin(&record, "evaluate", Detail::Brief, &reporter);
    recorder.reads_model(model.manifest().lineage.record.as_ref());
    let sha256 = remote::digest(&settings.source)?;
    recorder.reads(Seen {
        context: "evaluation",
        place: &data,
        sha256: sha256.as_deref(),
        n_rows: None,
        schema: None,
    });
    let model = match model {
        AnyModel::Rows(model) => model,
        AnyModel::Several(model) => {
            settings.read.rename_duplicates |= model.whole.renames_duplicates();
            let scores = several::evaluate(&settings, &model, &reporter, &interrupt)?;
            let numbers = scores.numbers();
            recorder.metrics(numbers.iter().map(|(name, value)| (name.as_str(), *value)));
            recorder.end(RunStatus::Finished);
            match console.format() {
                Format::Json => print_json(&scores)?,
                Format::Text => print_text(&scores.to_text())?,
            }
            return Ok(Status::Done);
        }
        AnyModel::Series(model) => {
            let scores = forecast::scores(&settings, &model, &reporter)?;
            recorder.metrics([("mse", scores.mse), ("mae", scores.mae)]);
            recorder.end(RunStatus::Finished);
            forecast::print(&scores, console)?;
            return Ok(Status::Done);
        }
    };
    settings.read.rename_duplicates |= model.renames_duplicates();
    settings.read.images = model.reads_images();
    let scores = evaluate(&settings, &model, &reporter, &interrupt)?;
    recorder.metrics(scores.numbers());
    recorder.end(RunStatus::Finished);
    match console.format() {
        Format::Json => print_json(&scores)?,
        Format::Text => print_text(&scores.to_text())?,
    }
    Ok(Status::Done)
}

/// Whether no warning says that a column is missing.
fn is_there(reporter: &Reporter, field: &Field) -> bool {
    !reporter.warnings().list().iter().any(|warning| {
        warning.kind == WarningKind::MissingColumn && warning.columns.contains(&field.name)
    })
}

/// The first rows of a table, with what is known of those that have a target.
pub(super) struct FirstRows {
    /// The rows that have a target.
    pub(super) table: Table,
    /// Targets as metrics take them; for counts by exposure, those of one unit.
    pub(super) target: Vec<f64>,
    pub(super) weight: Option<Vec<f64>>,
}

/// Reads the first rows of a table for a model, `n_rows` at most and of images no more than a batch. `source` is the table,
/// how it is read, and whether columns may be missing: those of weights, too, and then rows count alike, with a warning.
///
/// # Errors
/// The table lacks a column, none of the rows has a target, or one has a class that the model does not know.
pub(super) fn first_rows(
    (source, mut read, allow_missing_columns): (Source, ReadOptions, bool),
    model: &LoadedModel,
    n_rows: usize,
    reporter: &Reporter,
) -> anyhow::Result<FirstRows> {
    read.rename_duplicates |= model.renames_duplicates();
    read.images = model.reads_images();
    let n_rows = if read.images {
        n_rows.min(model.batch_rows())
    } else {
        n_rows
    };
    let settings = Settings {
        model: PathBuf::new(),
        source,
        read,
        allow_missing_columns,
        threshold: None,
        threads: 1,
    };
    let target = model.target()?;
    let asked = [(target, model.task())];
    let mut batches = open(&settings, model, (&asked, n_rows), reporter)?;
    let weight = known_weight(model, target, reporter)?;
    let mut truth = Truth::new(target, model.task(), weight).exposed_to(model.model.exposure());
    let batch = batches.next().transpose()?;
    let batch = batch.ok_or(CliError::NoRows)?;
    truth.take(&batch.table)?;
    truth.divide_by_exposure();
    let places = truth.places();
    if places.is_empty() {
        return Err(CliError::NoRows.into());
    }
    let is_feature = |name: &str| {
        let field = model.manifest.inputs.field(name);
        field.is_some_and(|field| field.role == Role::Feature)
    };
    let columns = batch.table.shared().filter(|(name, _)| is_feature(name));
    let features = Table::from_shared(columns.collect());
    let features = features.expect("they are columns of one table");
    Ok(FirstRows {
        table: features.gather(&places),
        weight: truth.weights().map(<[f64]>::to_vec),
        target: truth.values,
    })
}

fn evaluate(
    settings: &Settings,
    model: &LoadedModel,
    reporter: &Reporter,
    interrupt: &Interrupt,
) -> anyhow::Result<Scores> {
    let target = model.target()?;
    let decision = model.decision(settings.threshold)?;
    let asked = [(target, model.task())];
    let batches = open(settings, model, (&asked, model.batch_rows()), reporter)?;
    let weight = known_weight(model, target, reporter)?;
    let exposure = model.model.exposure();
    let mut truth = Truth::new(target, model.task(), weight).exposed_to(exposure);
    let mut all: Option<Predictions> = None;
    let threads = start_threads(settings.threads)?;
    let spinner = reporter.spinner("predicting".to_owned());
    let scorer = Scorer {
        model: &model.model,
        threads: &threads,
        cancel: interrupt.token(),
    };
    scorer.run(batches, |batch, predictions| {
        truth.take(&batch.table)?;
        match &mut all {
            Some(all) => all.append(predictions.clone()),
            None => all = Some(predictions.clone()),
        }
        Ok(())
    })?;
    drop(spinner);
    let predictions = all.map(|all| truth.with_target_only(all));
    truth.divide_by_exposure();
    let predictions = predictions.map(|predictions| truth.rates(predictions));
    let Some(predictions) = predictions.filter(|predictions| predictions.n_rows() > 0) else {
        return Err(CliError::NoRows.into());
    };
    let scored = Scored {
        task: model.task(),
        target: &truth.values,
        predictions: &predictions,
        decision: &decision,
        costs: model.manifest.costs.as_ref(),
        weight: truth.weights(),
        data_rows: &truth.data_rows(),
    };
    Ok(Scores {
        target: target.name.clone(),
        n_rows_without_target: truth.n_rows_without(),
        weighted_by: weight.map(|field| field.name.clone()),
        exposure: exposure.map(str::to_owned),
        metric: model.manifest.metric.clone(),
        ..Scores::of(&scored)
    })
}

/// A column that is predicted, and what of it.
type Asked<'a> = (&'a Field, &'a Task);

/// The model's columns, with the classes of targets read as they are written, so that one which the model has not learned can
/// be named. A class that is written like a missing cell is told from one by its level alone, so such a column stays.
fn with_classes_as_written(inputs: &Schema, asked: &[Asked<'_>]) -> Schema {
    let mut inputs = inputs.clone();
    for (target, task) in asked {
        let marks = &inputs.missing;
        let is_marked = (task.classes().iter())
            .any(|class| marks.iter().any(|mark| mark.eq_ignore_ascii_case(class)));
        let is_plain_number = target.kind == Kind::Number && target.format.is_none();
        let is_coded = matches!(target.kind, Kind::Category | Kind::Boolean)
            || is_plain_number && task.is_classification();
        if is_coded && !is_marked {
            let fields = inputs.fields.iter_mut();
            for field in fields.filter(|field| field.name == target.name) {
                field.kind = Kind::Text;
            }
        }
    }
    inputs
}

/// The column of weights, if the table that was opened has it, with a warning if it should.
///
/// # Errors
/// The table has no target.
fn known_weight<'a>(
    model: &'a LoadedModel<dyn Model>,
    target: &Field,
    reporter: &Reporter,
) -> Result<Option<&'a Field>, CliError> {
    if !is_there(reporter, target) {
        return Err(CliError::TargetMissing {
            target: target.name.clone(),
            near: Vec::new(),
            is_imported: modeldir::is_imported(&model.manifest),
        });
    }
    let weight = model.column(Role::Weight);
    let weight = weight.filter(|field| is_there(reporter, field));
    warn_of_weight(model, weight, reporter);
    Ok(weight)
}

/// Scores without the weights that the model was fitted with are other scores.
fn warn_of_weight(model: &LoadedModel<dyn Model>, weight: Option<&Field>, reporter: &Reporter) {
    if let (Some(field), None) = (model.column(Role::Weight), weight) {
        let message = format!(
            "the scores are unweighted, every row counts alike: the weight column '{}' is not there",
            field.name
        );
        let warning = Warning::new(WarningKind::MissingColumn, [&field.name], message);
        reporter.warnings().push(warning);
        reporter.show_warnings();
    }
}

fn open(
    settings: &Settings,
    model: &LoadedModel<dyn Model>,
    (asked, batch_rows): (&[Asked<'_>], usize),
    reporter: &Reporter,
) -> anyhow::Result<BatchReader> {
    let is_needed =
        |field: &Field| matches!(field.role, Role::Feature | Role::Target | Role::Weight);
    let cut = BatchOptions {
        allow_missing_columns: settings.allow_missing_columns,
        batch_rows,
        ..BatchOptions::default()
    };
    let batches = tables::stream(
        &settings.source,
        &settings.read,
        &with_classes_as_written(&model.manifest.inputs, asked),
        is_needed,
        &cut,
        reporter.warnings(),
    );
    let batches = batches.map_err(|error| match error {
        DataError::ColumnMissing {
            name, near, others, ..
        } if target_among(asked, &name, &others).is_some() => {
            let target = target_among(asked, &name, &others).expect("one is among them");
            // Near names are those of the first column that is missing.
            let near = if name == target.name {
                near
            } else {
                Vec::new()
            };
            CliError::TargetMissing {
                target: target.name.clone(),
                near,
                is_imported: modeldir::is_imported(&model.manifest),
            }
            .into()
        }
        DataError::ColumnMissing {
            name, others, near, ..
        } if others.is_empty()
            && model
                .column(Role::Weight)
                .is_some_and(|field| field.name == name) =>
        {
            CliError::WeightMissing { weight: name, near }.into()
        }
        other => model.opening(other),
    })?;
    reporter.show_warnings();
    Ok(batches)
}

/// The first of the targets that is among the columns that a table lacks.
fn target_among<'a>(asked: &[Asked<'a>], name: &str, others: &[String]) -> Option<&'a Field> {
    let mut targets = asked.iter().map(|(target, _)| *target);
    targets.find(|target| target.name == name || others.contains(&target.name))
}
