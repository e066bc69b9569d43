//! `automl importance`: how much each column of the table matters to a model.

use super::{Status, read_results};
use crate::cli::ImportanceArgs;
use crate::console::{Console, Format, print_json, print_text};
use crate::errors::CliError;
use crate::modeldir;
use crate::text::{self, Align};
use automl_engine::ColumnImportance;
use automl_store::Manifest;

/// The file of a model directory that holds it.
pub(super) const FILE: &str = "importance.json";
/// Features that are named beside a column that more than one was made of.
const FEATURES_SHOWN: usize = 3;
/// Characters of a name.
const NAME_WIDTH: usize = 40;

pub(super) fn run(args: &ImportanceArgs, console: Console) -> anyhow::Result<Status> {
    let absent = |manifest: &Manifest| CliError::NoImportance {
        is_imported: modeldir::is_imported(manifest),
    };
    let importance: ColumnImportance = read_results(&args.model, FILE, absent)?;
    match console.format() {
        Format::Json => print_json(&importance)?,
        Format::Text => print_text(&table(&importance, args.top))?,
    }
    Ok(Status::Done)
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
