//! What the model looks at: columns of the table, with what the recipes made of them folded away.

use super::shares;
use crate::text;
use automl_engine::{ColumnImportance, ImportantColumn};
use maud::{Markup, html};

/// Columns in the list; the others are counted.
const MAX_COLUMNS: usize = 25;
/// Features of one column in its list; the others are counted.
const MAX_FEATURES: usize = 12;

pub(super) fn section(importance: Option<&ColumnImportance>) -> Markup {
    let Some(ColumnImportance { columns }) = importance else {
        return Markup::default();
    };
    let shown = &columns[..columns.len().min(MAX_COLUMNS)];
    let is_itself = |column: &&ImportantColumn| matches!(column.features.as_slice(), [one] if one.feature == column.column);
    let encoded: Vec<&ImportantColumn> = shown.iter().filter(|column| !is_itself(column)).collect();
    html! {
        section id="importance" {
            h2 { "What it looks at" }
            p.soft { "Share of each column in the model's decisions while it was fitted, whatever was made of it." }
            (shares("column", shown.iter().map(|column| (column.column.as_str(), column.share))))
            @if columns.len() > shown.len() {
                p.soft { "and " (text::counted((columns.len() - shown.len()) as u64, "more column")) " in importance.json" }
            }
            @if !encoded.is_empty() {
                details {
                    summary { "what was made of them" }
                    @for column in encoded { (features(column)) }
                }
            }
        }
    }
}

fn features(column: &ImportantColumn) -> Markup {
    let shown = &column.features[..column.features.len().min(MAX_FEATURES)];
    let more = (column.features.len() - shown.len()) as u64;
    html! {
        p { b { (column.column) } }
        (shares("feature", shown.iter().map(|one| (one.feature.as_str(), one.share))))
        @if more > 0 { p.soft { "and " (text::counted(more, "more feature")) } }
    }
}
