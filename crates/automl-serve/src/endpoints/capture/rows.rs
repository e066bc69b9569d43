//! Rows and answers as lines: first what the columns are, then a list of values a row.

use super::super::batch::Predicted;
use super::super::error::ScoreError;
use super::super::write;
use super::rule::Keep;
use super::{Kept, Rule, Truth};
use crate::endpoints::ModelFacts;
use automl_core::{Column, Field, Kind, MISSING_TIME, Predictions, Task};
use serde_json::{Value, json};

/// What stands for a value that is not kept.
const REDACTED: &str = "***";
/// Columns of what was kept, before those of predictions and of the model.
const HEAD: [(&str, &str); 9] = [
    ("request_id", "text"),
    ("row", "integer"),
    ("time", "time"),
    ("endpoint", "text"),
    ("deployment", "text"),
    ("model", "text"),
    ("version", "integer"),
    ("is_shadow", "boolean"),
    ("agrees", "boolean"),
];
const TRUTH_HEAD: [(&str, &str); 4] = [
    ("request_id", "text"),
    ("row", "integer"),
    ("truth", "text"),
    ("time", "time"),
];

fn head<'a>(columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let column = |(name, kind)| json!({ "name": name, "kind": kind });
    let columns: Vec<Value> = columns.into_iter().map(column).collect();
    json!({ "columns": columns }).to_string()
}

/// The first line of files of truths.
pub(super) fn truth_head() -> String {
    head(TRUTH_HEAD)
}

/// A line of such a file.
pub(super) fn truth_line(truth: &Truth, at_us: i64) -> String {
    json!([truth.request_id, truth.row, truth.truth, at_us]).to_string()
}

/// The columns of a model that a rule keeps, and how.
fn kept_columns<'a>(
    rule: &'a Rule,
    facts: &'a ModelFacts,
) -> impl Iterator<Item = (&'a Field, Keep)> {
    let columns = facts.features.iter();
    let columns = columns.map(|field| (field, rule.of_column(&field.name)));
    columns.filter(|(_, keep)| *keep != Keep::Nothing)
}

/// What predictions are kept as: names and kinds of columns.
fn answer_columns(task: &Task) -> Vec<(String, &'static str)> {
    let kind = |task: &Task| match task.n_classes() {
        0 => "number",
        _ => "text",
    };
    let mut columns = Vec::new();
    for one in task.targets() {
        // A target may be called as what is told of the request.
        let is_taken = HEAD.iter().any(|(name, _)| *name == one.target);
        let before = if is_taken { "prediction." } else { "" };
        columns.push((format!("{before}{}", one.target), kind(&one.task)));
        let classes = one.task.classes().iter();
        columns.extend(classes.map(|class| (one.probability_column(class), "number")));
    }
    let levels = task.levels().iter();
    columns.extend(levels.map(|level| (level.column(), "number")));
    if columns.is_empty() {
        columns.push(("prediction".to_owned(), kind(task)));
        let classes = task.classes().iter();
        columns.extend(classes.map(|class| (format!("probability_{class}"), "number")));
    }
    columns
}

/// The first line of files of a deployment.
pub(super) fn answer_head(rule: &Rule, facts: &ModelFacts) -> String {
    let own = answer_columns(&facts.task);
    let own = || own.iter().map(|(name, kind)| (name.as_str(), *kind));
    let first = || HEAD.into_iter().chain(own());
    let inputs: Vec<(String, &str)> = kept_columns(rule, facts)
        .map(|(field, keep)| {
            let kind = match (keep, field.kind) {
                (Keep::Values, Kind::Number) => "number",
                (Keep::Values, Kind::Timestamp) => "time",
                _ => "text",
            };
            // What is ours has its name; a column of the model that is called alike gets another.
            let is_taken = first().any(|(name, _)| name == field.name);
            let before = if is_taken { "input." } else { "" };
            (format!("{before}{}", field.name), kind)
        })
        .collect();
    let inputs = inputs.iter().map(|(name, kind)| (name.as_str(), *kind));
    head(first().chain(inputs))
}

/// Gives the lines of an answer, one a row, to `put`.
///
/// # Errors
/// If the rows cannot be read once more, or `put` fails.
pub(super) fn answer_lines<E: From<ScoreError>>(
    kept: Kept,
    mut put: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let as_sent = kept.warm.loaded.as_sent();
    let table = (kept.read)(&as_sent)?.table;
    let deployment = &kept.slot.deployment;
    let (id, at_us) = (&*kept.sample.request_id, kept.sample.at_us);
    let (endpoint, is_shadow) = (&kept.endpoint, kept.agrees.is_some());
    let columns: Vec<(&Column, Keep)> = kept_columns(&kept.sample.rule, &as_sent.facts)
        .filter_map(|(field, keep)| Some((table.column(&field.name)?, keep)))
        .collect();
    let mut line = String::new();
    let n_rows = kept.predicted.predictions.n_rows();
    if table.n_rows() != n_rows {
        let reason = "reading a body once more gave other rows".to_owned();
        return Err(ScoreError::Internal { reason }.into());
    }
    for row in 0..n_rows {
        line.clear();
        let agrees = kept.agrees.as_ref();
        let agrees = agrees.map(|agrees| agrees.get(row) == Some(&true));
        let first = json!([
            id,
            row,
            at_us,
            endpoint,
            deployment.name,
            deployment.model,
            deployment.version,
            is_shadow,
            agrees
        ]);
        line.push_str(first.to_string().trim_end_matches(']'));
        put_prediction(&mut line, &kept.predicted, &as_sent.facts.task, row);
        for (column, keep) in &columns {
            line.push(',');
            put_cell(&mut line, column, row, *keep);
        }
        line.push(']');
        put(&line)?;
    }
    Ok(())
}

/// The numbers that were predicted of a row.
fn row_of(predicted: &Predicted, row: usize) -> &[f64] {
    let width = predicted.predictions.width();
    let values = predicted.predictions.values();
    values.get(row * width..(row + 1) * width).unwrap_or(&[])
}

fn put_prediction(line: &mut String, predicted: &Predicted, task: &Task, row: usize) {
    let numbers = row_of(predicted, row);
    line.push(',');
    match &predicted.predictions {
        Predictions::Numbers(_) => write::number(line, numbers[0]),
        Predictions::Quantiles { .. } => {
            for (place, number) in numbers.iter().enumerate() {
                if place > 0 {
                    line.push(',');
                }
                write::number(line, *number);
            }
        }
        Predictions::Probabilities { .. } => {
            write::text(line, &task.classes()[predicted.codes[row] as usize]);
            for number in numbers {
                line.push(',');
                write::number(line, *number);
            }
        }
        Predictions::Several { widths, .. } => {
            let codes = &predicted.codes[row * widths.len()..];
            let mut rest = numbers;
            for (place, one) in task.targets().iter().enumerate() {
                let (own, behind) = rest.split_at(widths[place]);
                rest = behind;
                if place > 0 {
                    line.push(',');
                }
                match one.task.classes() {
                    [] => write::number(line, own[0]),
                    classes => {
                        write::text(line, &classes[codes[place] as usize]);
                        for number in own {
                            line.push(',');
                            write::number(line, *number);
                        }
                    }
                }
            }
        }
    }
}

fn put_cell(line: &mut String, column: &Column, row: usize, keep: Keep) {
    if column.is_missing(row) {
        return line.push_str("null");
    }
    if keep == Keep::Presence {
        return write::text(line, REDACTED);
    }
    match column {
        Column::Number(values) => write::number(line, values[row]),
        Column::Timestamp(times) if times[row] == MISSING_TIME => line.push_str("null"),
        Column::Timestamp(times) => line.push_str(&times[row].to_string()),
        Column::Text(texts) => write::text(line, texts.get(row).unwrap_or_default()),
        Column::Category { codes, levels } => {
            write::text(line, levels.get(codes[row]).unwrap_or_default());
        }
        Column::Sparse(_) => line.push_str("null"),
    }
}
