//! `automl importance`: how much each column of the table matters to a model, as it says itself, or as data tell.

use super::record::model_dir;
use super::{Status, datasets, encoding, evaluate, read_results, start_threads, thread_count};
use crate::cli::ImportanceArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::CliError;
use crate::modeldir::{self, LoadedModel};
use crate::progress::Reporter;
use crate::text::{self, Align};
use automl_core::metrics::Metric;
use automl_core::{Clock, Seed};
use automl_data::ReadOptions;
use automl_engine::{ColumnImportance, LabelledRows, PermutationImportance, PermutedColumn};
use automl_store::Manifest;
use std::num::NonZeroUsize;

/// The file of a model directory that holds it.
pub(super) const FILE: &str = "importance.json";
/// Features that are named beside a column that more than one was made of.
const FEATURES_SHOWN: usize = 3;
/// Characters of a name.
const NAME_WIDTH: usize = 40;

/// Rows that columns are shuffled in: the first ones of the data; fewer of images.
const ROWS_MAX: usize = 10_000;
/// The root of the shuffles: the same model and data tell the same.
const SEED: Seed = Seed(0);

pub(super) fn run(args: &ImportanceArgs, console: Console) -> anyhow::Result<Status> {
    if let Some(data) = &args.data {
        return measure(args, data, console);
    }
    let place = model_dir(&args.model, &args.workspace.workspace)?;
    let absent = |manifest: &Manifest| CliError::NoImportance {
        is_imported: modeldir::is_imported(manifest),
    };
    let importance: ColumnImportance = read_results(place.as_ref(), FILE, absent)?;
    match console.format() {
        Format::Json => print_json(&importance)?,
        Format::Text => print_text(&table(&importance, args.top))?,
    }
    Ok(Status::Done)
}

/// Shuffles columns of the data.
fn measure(args: &ImportanceArgs, data: &str, console: Console) -> anyhow::Result<Status> {
    modeldir::check_order("importance", &args.model, data)?;
    let place = model_dir(&args.model, &args.workspace.workspace)?;
    let model = LoadedModel::read(place.as_ref())?;
    let reporter = Reporter::new(console, Clock::start());
    let read = ReadOptions {
        delimiter: args.delimiter,
        encoding: encoding(args.encoding),
        rename_duplicates: args.rename_duplicates,
        ..ReadOptions::default()
    };
    let source = datasets::source(data, &args.workspace.workspace, console)?;
    let table = (source, read, args.allow_missing_columns);
    let rows = evaluate::first_rows(table, &model, ROWS_MAX, &reporter)?;
    let threads = start_threads(thread_count(args.threads))?;
    let found = {
        let _spinner = reporter.spinner("shuffling columns".to_owned());
        let rows = LabelledRows {
            table: &rows.table,
            target: &rows.target,
            weight: rows.weight.as_deref(),
            metric: Metric::from_name(&model.manifest.metric)?,
            decision: &model.decision,
        };
        let n_shuffles = NonZeroUsize::from(args.shuffles);
        model
            .model
            .permutation_importance(&rows, n_shuffles, SEED, &threads)?
    };
    match console.format() {
        Format::Json => print_json(&found)?,
        Format::Text => print_text(&shuffled_table(&found, args.top))?,
    }
    Ok(Status::Done)
}

fn shuffled_table(found: &PermutationImportance, top: usize) -> String {
    let heading = [
        ("column", Align::Left),
        ("worse by", Align::Right),
        ("from", Align::Right),
        ("to", Align::Right),
    ];
    let shown = &found.columns[..found.columns.len().min(top)];
    let row = |one: &PermutedColumn| {
        let interval = one.interval.map(|ends| ends.map(text::score));
        let [low, high] = interval.unwrap_or_else(|| ["?", "?"].map(str::to_owned));
        let worse_by = text::score(one.worse_by);
        vec![text::clip(&one.column, NAME_WIDTH), worse_by, low, high]
    };
    let more = match found.columns.len() - shown.len() {
        0 => String::new(),
        n_more => format!("… and {}\n", text::counted(n_more as u64, "more column")),
    };
    format!(
        "{}{more}\n{} {} on {}; worse by so much where the column is shuffled among them, the mean of {}; nine times out of ten between from and to\n",
        text::table(&heading, &shown.iter().map(row).collect::<Vec<_>>()),
        found.metric,
        text::score(found.score),
        text::counted(found.n_rows as u64, "row"),
        text::counted(found.n_shuffles as u64, "shuffle"),
    )
}

/// The first `top` columns as a table, and how many more there are.
fn table(importance: &ColumnImportance, top: usize) -> String {
    let heading = [
        ("column", Align::Left),
        ("share", Align::Right),
        ("made into", Align::Left),
    ];
    let columns = &importance.columns;
    let shown = &columns[..columns.len().min(top)];
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|column| {
            let names: Vec<String> = (column.features.iter().take(FEATURES_SHOWN))
                .map(|one| text::clip(&one.feature, NAME_WIDTH))
                .collect();
            let is_itself =
                matches!(column.features.as_slice(), [one] if one.feature == column.column);
            let more = match column.features.len().saturating_sub(FEATURES_SHOWN) {
                0 => String::new(),
                n_more => format!(" and {}", text::counted(n_more as u64, "more feature")),
            };
            vec![
                text::clip(&column.column, NAME_WIDTH),
                text::percent(column.share),
                if is_itself {
                    String::new()
                } else {
                    format!("{}{more}", names.join(", "))
                },
            ]
        })
        .collect();
    let more = match columns.len() - shown.len() {
        0 => String::new(),
        n_more => format!("… and {}\n", text::counted(n_more as u64, "more column")),
    };
    format!(
        "{}{more}\nshare is each column's part in the model's decisions while it was fitted\n",
        text::table(&heading, &rows)
    )
}
