//! What was learned from: how the target is distributed, and each column in numbers.

use crate::text;
use automl_core::{MISSING_TIME, Role, Schema};
use automl_data::profile::{Brief, ColumnProfile, brief, figure, in_words, sparkline};
use automl_data::{Loaded, moment_texts};
use automl_engine::ColumnImportance;
use maud::{Markup, html};

/// Columns that are shown; the others are counted.
const MAX_COLUMNS: usize = 50;

/// What is shown of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Data {
    /// The columns shown, the target first.
    brief: Brief,
    /// Columns of the table.
    n_columns: usize,
    /// Whether columns of features stand by how much they matter.
    by_importance: bool,
    /// A moment of each column of them that is shown, in the format by which the table was read.
    moments: Vec<(String, String)>,
}

impl Data {
    /// Looks at the target and at the columns that matter most, those that are no features last.
    pub(crate) fn of(
        loaded: &Loaded,
        schema: &Schema,
        target: &str,
        importance: Option<&ColumnImportance>,
    ) -> Self {
        let by_importance = importance.iter().flat_map(|told| &told.columns);
        let mut names = vec![target];
        names.extend(by_importance.map(|column| column.column.as_str()));
        for is_feature in [true, false] {
            let fields = schema.fields.iter();
            let fields = fields.filter(|field| (field.role == Role::Feature) == is_feature);
            names.extend(fields.map(|field| field.name.as_str()));
        }
        let mut shown: Vec<&str> = Vec::new();
        for name in names {
            if shown.len() > MAX_COLUMNS {
                break;
            }
            if !shown.contains(&name) && loaded.table.position(name).is_some() {
                shown.push(name);
            }
        }
        let mut brief = brief(&loaded.table, schema, &shown);
        if brief.n_rows_looked_at < brief.n_rows {
            // A sample has not all values; reading the table counted them.
            for column in &mut brief.columns {
                let position = loaded.table.position(&column.name);
                let facts = position.and_then(|position| loaded.facts.get(position));
                column.n_distinct =
                    facts.map_or(column.n_distinct, |facts| facts.n_distinct as u64);
            }
        }
        let moments = brief.columns.iter().filter_map(|column| {
            let text = a_moment(loaded, schema, &column.name)?;
            Some((column.name.clone(), text))
        });
        Self {
            moments: moments.collect(),
            brief,
            n_columns: loaded.table.n_columns(),
            by_importance: importance.is_some(),
        }
    }

    /// What is known of a column, if it is shown.
    pub(super) fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.brief.columns.iter().find(|column| column.name == name)
    }

    /// A moment of a column, as rows of a request write it.
    pub(super) fn moment(&self, name: &str) -> Option<&str> {
        let mut moments = self.moments.iter();
        let (_, text) = moments.find(|(column, _)| column == name)?;
        Some(text)
    }
}

/// The first moment of a column, as rows of a request are to write it.
fn a_moment(loaded: &Loaded, schema: &Schema, name: &str) -> Option<String> {
    let times = loaded.table.column(name)?.as_timestamp()?;
    let first = times.iter().find(|&&time| time != MISSING_TIME)?;
    let format = schema.field(name)?.format.as_deref();
    moment_texts(&[*first], &[], format).pop()
}

pub(super) fn section(data: &Data, target: &str) -> Markup {
    let brief = &data.brief;
    let n_more = data.n_columns.saturating_sub(brief.columns.len()) as u64;
    html! {
        section id="data" {
            h2 { "Data" }
            p.soft {
                (text::counted(brief.n_rows, "row")) " of " (text::counted(data.n_columns as u64, "column")) " were read."
                @if brief.n_rows_looked_at < brief.n_rows {
                    " Distributions and values are of " (text::counted(brief.n_rows_looked_at, "row")) " spread over them; missing and distinct cells are counted over all."
                }
            }
            @if let Some(column) = data.column(target) {
                h3 { "The target, " (target) }
                div.card.target { (figure(column)) }
            }
            h3 { "Columns" }
            div.card { table.columns {
                thead { tr { th { "column" } th { "kind" } th.n { "missing" } th.n { "distinct" } th { "values" } th { "distribution" } } }
                tbody { @for column in &brief.columns { (row(column, brief.n_rows)) } }
            } }
            p.soft {
                @if data.by_importance { "Behind the target, columns stand by how much they matter to the model; those that are no features come last." }
                @else { "Columns stand as in the table behind the target; those that are no features come last." }
                @if brief.columns.iter().any(|column| !is_shown(column)) { " Of columns that are left out, and of those that name rows, no values are shown." }
                @if n_more > 0 { " " (text::counted(n_more, "more column")) " " (if n_more == 1 { "is" } else { "are" }) " not shown; " code { "automl profile" } " shows all." }
            }
        }
    }
}

fn row(column: &ColumnProfile, n_rows: u64) -> Markup {
    let missing = column.missing_share(n_rows);
    html! {
        tr {
            td { (text::clip(&column.name, 60)) (role(column.role)) }
            td { (column.kind.name()) }
            td.n { @if column.n_missing > 0 { (share(missing)) } @else { span.soft { "–" } } }
            td.n { (text::count(column.n_distinct)) }
            @if is_shown(column) {
                td { (in_words(&column.summary)) }
                td { (sparkline(&column.summary)) }
            } @else {
                td.soft { "not shown" }
                td {}
            }
        }
    }
}

/// Values of a column that was left out, or that names rows, do not belong on a page that is passed on.
fn is_shown(column: &ColumnProfile) -> bool {
    !matches!(column.role, Role::Ignored | Role::Id)
}

/// A share as the values tell theirs, never nought where there is something.
fn share(share: f64) -> String {
    if share < 0.001 {
        "< 0.1 %".to_owned()
    } else {
        format!("{:.1} %", 100.0 * share)
    }
}

fn role(role: Role) -> Markup {
    let name = match role {
        Role::Feature => return Markup::default(),
        Role::Target => "target",
        Role::Weight => "weight",
        Role::Group => "group",
        Role::Time => "time",
        Role::Id => "id",
        Role::Ignored => "left out",
    };
    html! { " " span.role { (name) } }
}
