//! `--test`: whether the table that will be predicted is like the one that is learned from.

use super::Begun;
use super::settings::Settings;
use crate::commands::datasets;
use crate::commands::profile::apart::{self, Effort, Told};
use crate::commands::profile::{load_like, warn_of_second};
use crate::progress::Reporter;
use crate::text;
use automl_core::{Role, Schema, Table, Warning, WarningKind};
use automl_data::Loaded;
use automl_data::profile::{ToldApart, drifted_columns};
use std::time::Duration;

/// Of the time limit, what telling the tables apart may take, and of a short one twice as much;
const TIME_SHARE: f64 = 0.05;
/// this is enough for most tables,
const TIME_MIN: Duration = Duration::from_secs(1);
/// and this for all.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Rows of each table and folds: few, so that a share of a short limit is enough.
const MAX_ROWS: usize = 2_000;
const FOLDS: usize = 3;
/// Columns that have a warning of their own; more are told of in one.
const MAX_TOLD: usize = 5;
/// Columns that are named in one warning.
const MAX_NAMED: usize = 10;

/// Warns of what differs in the table that `--test` names, if it was given; `schema` says which columns are features.
///
/// # Errors
/// It cannot be read.
pub(super) fn compare(begun: &Begun, schema: &Schema) -> anyhow::Result<()> {
    let Begun {
        settings,
        loaded,
        reporter,
        ..
    } = begun;
    let Some(name) = &settings.test else {
        return Ok(());
    };
    let workspace = &settings.record.workspace.workspace;
    let source = datasets::source(&datasets::place(name, workspace)?, workspace, begun.console)?;
    let given = settings.schema.as_ref().map(|(_, content)| content);
    let first = (&loaded.schema, given);
    let mut test = load_like(first, &settings.read, (name, &source), reporter)?;
    let warnings = reporter.warnings();
    if let Some(reason) = incomparable((loaded, schema), (name, &test)) {
        warnings.push(drift(&[], reason));
        reporter.show_warnings();
        return Ok(());
    }
    let told = {
        let _spinner = reporter.spinner(format!("learning to tell {name} from the training rows"));
        let effort = effort(settings);
        apart::told_apart((&loaded.table, schema), &test.table, None, &effort)
    };
    let is_alike = matches!(&told, Ok(Told::Apart(told)) if !apart::is_far(told));
    for warning in of_columns((&loaded.table, schema), &test, is_alike) {
        warnings.push(warning);
    }
    say(told, (name, &test), reporter);
    // What both tables have was told of the first.
    let is_told = |warning: &Warning| {
        let mut known = loaded.warnings.iter();
        known.any(|known| (known.kind, &known.columns) == (warning.kind, &warning.columns))
    };
    test.warnings.retain(|warning| !is_told(warning));
    warn_of_second(&test, &format!("test table {name}"), reporter);
    Ok(())
}

/// Why there is nothing to compare, if there is not.
fn incomparable(
    (loaded, schema): (&Loaded, &Schema),
    (name, test): (&str, &Loaded),
) -> Option<String> {
    if test.fingerprint.sha256 == loaded.fingerprint.sha256 {
        return Some(format!(
            "--test {name} is the training table itself, so nothing is told by it; name the table that will be predicted"
        ));
    }
    let mut features = schema.with_role(Role::Feature);
    let is_strange = features.all(|field| test.table.column(&field.name).is_none());
    is_strange.then(|| {
        format!("--test {name} has none of the columns that are learned from, so nothing of it is compared")
    })
}

/// Tells how well the tables can be told apart, or why that is not known.
fn say(told: anyhow::Result<Told>, (name, test): (&str, &Loaded), reporter: &Reporter) {
    let rows = text::counted(test.table.n_rows() as u64, "row");
    let few = |message| Warning::new(WarningKind::FewRows, Vec::<String>::new(), message);
    let note = |told: String| reporter.note(&format!("test table: {rows}{told}"));
    match told {
        Ok(Told::Apart(told)) if apart::is_far(&told) => reporter.warnings().push(far(&told)),
        Ok(Told::Apart(told)) => note(format!(
            ", told from training rows with a ROC AUC of {:.3}, where 0.5 is chance",
            told.roc_auc
        )),
        Ok(Told::FewRows([_, n_rows])) if n_rows < apart::MIN_ROWS => {
            reporter.warnings().push(few(format!(
                "--test {name} has {rows}, too few to tell whether they are like those learned from"
            )));
        }
        Ok(Told::FewRows([n_rows, _])) => reporter.warnings().push(few(format!(
            "the training table has {}, too few to tell whether those of --test {name} are like them",
            text::counted(n_rows as u64, "row")
        ))),
        Ok(Told::NoColumns) => note(
            "; it has no column that is learned from in the same kind, so whether its rows are like training rows is not known"
                .to_owned(),
        ),
        Ok(Told::NoTime) => note(
            "; there was no time to learn to tell them from training rows".to_owned(),
        ),
        Ok(Told::Nothing) => note(", which no model tells from training rows".to_owned()),
        Err(error) => note(format!(
            "; no model could learn to tell them from training rows: {error}"
        )),
    }
}

fn drift(columns: &[&str], message: String) -> Warning {
    Warning::new(WarningKind::Drift, columns.iter().copied(), message)
}

fn effort(settings: &Settings) -> Effort {
    let share = |limit: Duration| {
        let least = TIME_MIN.min(limit.mul_f64(2.0 * TIME_SHARE));
        limit.mul_f64(TIME_SHARE).clamp(least, TIME_MAX)
    };
    Effort {
        max_rows: MAX_ROWS,
        folds: FOLDS,
        time_limit: settings.fit.time_limit.map_or(TIME_MAX, share),
        threads: settings.fit.threads,
    }
}

/// Columns that are not there, are of another kind, or lie elsewhere, if not both tables are alike as a whole: of many
/// columns one or the other always does.
fn of_columns((table, schema): (&Table, &Schema), test: &Loaded, is_alike: bool) -> Vec<Warning> {
    let mut found = drifted_columns(table, schema, &test.table);
    found.sort_by_key(|column| column.is_moved);
    let mut warnings: Vec<Warning> = (found.into_iter())
        .filter(|column| !(is_alike && column.is_moved))
        .map(|column| column.warning)
        .collect();
    let extra = test.table.names();
    let extra: Vec<&str> = extra.filter(|name| table.column(name).is_none()).collect();
    if warnings.len() > MAX_TOLD {
        let rest = warnings.split_off(MAX_TOLD);
        let names = rest.iter().flat_map(|warning| &warning.columns);
        let names: Vec<&str> = names.map(String::as_str).collect();
        let message = format!(
            "{} more columns differ in the test table: {}; automl profile with both tables says how",
            names.len(),
            listed(&names)
        );
        warnings.push(drift(&names, message));
    }
    if !extra.is_empty() {
        let message = format!("only the test table has {}", listed(&extra));
        warnings.push(Warning::new(WarningKind::ExtraColumn, extra, message));
    }
    warnings
}

/// The first names, and how many more there are.
fn listed(names: &[&str]) -> String {
    let named = names[..names.len().min(MAX_NAMED)].join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => named,
        n_more => format!("{named} and {n_more} more"),
    }
}

fn far(told: &ToldApart) -> Warning {
    /// Share of the importance from which a column is named beside the first.
    const MIN_SHARE: f64 = 0.1;
    let shares = told.columns.iter().enumerate();
    let main = shares.filter(|(place, one)| *place == 0 || one.share >= MIN_SHARE);
    let names: Vec<&str> = main.map(|(_, one)| one.column.as_str()).collect();
    let message = format!(
        "a model tells rows of the test table from the training rows, with a ROC AUC of {:.3} where 0.5 is chance, so scores may not hold there. It looks at {}: find out why they differ, or --drop what does not matter",
        told.roc_auc,
        listed(&names),
    );
    drift(&names, message)
}
