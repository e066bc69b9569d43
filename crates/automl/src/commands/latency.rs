//! `automl latency`, hidden: how long one row alone takes a model in this process, for `benches/tables/latency.py`.

use super::Status;
use crate::cli::LatencyArgs;
use crate::console::print_text;
use crate::errors::CliError;
use crate::modeldir::LoadedModel;
use crate::tables;
use automl_core::{Clock, Field, Model as _, Role, Table, Warnings};
use automl_data::{BatchOptions, ReadOptions, Source};
use serde_json::{Value, json};

/// Rows that are predicted before, to have code and data at hand.
const N_WARM: usize = 50;
/// How often each row is timed: the least tells what the row takes, all of them what the machine adds.
const N_TURNS: usize = 5;

/// One JSON object on standard output, in one line.
pub(super) fn run(args: &LatencyArgs) -> anyhow::Result<Status> {
    let model = LoadedModel::read(&args.model)?;
    let rows = rows(args, &model)?;
    print_text(&format!("{}\n", answer(&model, &rows)?))?;
    Ok(Status::Done)
}

/// The first rows of the table, each as a table of its own.
fn rows(args: &LatencyArgs, model: &LoadedModel) -> anyhow::Result<Vec<Table>> {
    let read = ReadOptions {
        rename_duplicates: model.renames_duplicates(),
        ..ReadOptions::default()
    };
    let cut = BatchOptions {
        allow_missing_columns: false,
        batch_rows: args.rows as usize,
        keep: Vec::new(),
        skip_bad_rows: false,
    };
    let source = Source::parse(&args.data);
    let is_feature = |field: &Field| field.role == Role::Feature;
    let inputs = &model.manifest.inputs;
    let warnings = Warnings::default();
    let mut batches = tables::stream(&source, &read, inputs, is_feature, &cut, &warnings)?;
    let batch = batches.next().transpose()?.ok_or(CliError::NoRows)?;
    let n_rows = batch.table.n_rows() as u32;
    Ok((0..n_rows).map(|row| batch.table.gather(&[row])).collect())
}

/// Microseconds of one row: what rows take at best, what they took each time, and what is counted for one.
fn answer(model: &LoadedModel, rows: &[Table]) -> anyhow::Result<Value> {
    let clock = Clock::start();
    let seconds = |row: &Table| {
        let before = clock.seconds();
        model.model.predict(&row.view())?;
        anyhow::Ok(clock.seconds() - before)
    };
    for row in rows.iter().cycle().take(N_WARM) {
        seconds(row)?;
    }
    let mut all: Vec<f64> = Vec::with_capacity(N_TURNS * rows.len());
    let mut best = vec![f64::INFINITY; rows.len()];
    for _ in 0..N_TURNS {
        for (row, best) in rows.iter().zip(&mut best) {
            let taken = seconds(row)?;
            *best = best.min(taken);
            all.push(taken);
        }
    }
    all.sort_by(f64::total_cmp);
    best.sort_by(f64::total_cmp);
    let at = |sorted: &[f64], share: f64| {
        let place = (sorted.len() as f64 * share) as usize;
        1e6 * sorted[place.min(sorted.len() - 1)]
    };
    Ok(json!({
        "n_rows": rows.len(),
        "n_models": model.model.n_models(),
        "counted_us": model.model.row_work() / 1e3,
        "median_us": at(&all, 0.5),
        "p99_us": at(&all, 0.99),
        "best_median_us": at(&best, 0.5),
        "best_p99_us": at(&best, 0.99),
    }))
}
