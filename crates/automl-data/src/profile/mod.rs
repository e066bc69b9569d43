//! What a table holds: each column in numbers, how much it says of the target, and what its user should know first.
//!
//! [`profile`] looks at a table and gives a [`Profile`], which is plain data (JSON by serde), a table for the terminal
//! ([`render_text`]) and one self-contained page ([`render_html`]). [`leak_warnings`], [`copies_warning`] and
//! [`drifted_columns`] are the parts that a fit wants too.
//!
//! Summaries and repeated rows are counted over all rows; associations, leaks and drift over a sample of at most
//! [`ProfileOptions::max_rows`]. Cost: one sort of each column.

mod association;
mod brief;
mod codes;
mod copies;
mod drift;
mod findings;
pub(crate) mod format;
mod histogram;
mod html;
pub(crate) mod leak;
mod model;
mod order;
mod predictor;
mod repeats;
mod rows;
mod summary;
mod sums;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use brief::{Brief, brief, in_words};
pub use copies::copies_warning;
pub use findings::{DriftedColumn, drifted_columns};
pub use html::{figure, render_html, sparkline};
pub use leak::leak_warnings;
pub use model::{
    Association, CategorySummary, ColumnProfile, Drift, Histogram, LevelCount, NumberSummary,
    OtherTable, Profile, RepeatedRows, Summary, TargetProfile, TextSummary, TimestampSummary,
    ToldApart, ToldColumn,
};
pub use order::time_order_warning;
pub use text::render_text;

use automl_core::{Coded, Column, Field, Kind, Role, Schema, Seed, Table, Warning, nearest};
use codes::Coding;
use rows::Goal;

/// What to look at beside the table itself.
#[derive(Debug, Clone, Copy)]
pub struct ProfileOptions<'a> {
    /// What to call the table, such as its file's name.
    pub title: Option<&'a str>,
    /// The target; without one, the column whose role says so, if any.
    pub target: Option<&'a str>,
    /// A second table to compare with, such as the test set of a train set.
    pub other: Option<(&'a Table, &'a Schema)>,
    /// Decides which rows are sampled.
    pub seed: Seed,
    /// Rows to sample for associations, leaks, repeated columns and drift; at least 1.
    pub max_rows: usize,
}

impl Default for ProfileOptions<'_> {
    fn default() -> Self {
        Self {
            title: None,
            target: None,
            other: None,
            seed: Seed(0),
            max_rows: 50_000,
        }
    }
}

/// Why a table cannot be profiled as asked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProfileError {
    /// There is no column of the target's name.
    #[error("no column '{name}' to be the target")]
    NoTarget {
        /// The name asked for.
        name: String,
        /// Columns with a similar name, best first.
        near: Vec<String>,
    },
}

impl Coded for ProfileError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoTarget { .. } => "profile-no-target",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoTarget { near, .. } if near.is_empty() => {
                Some("without --target, `automl profile` lists the columns of the table".into())
            }
            Self::NoTarget { near, .. } => Some(format!("did you mean {}?", near.join(" or "))),
        }
    }
}

/// Profiles a table.
///
/// # Errors
/// [`ProfileError::NoTarget`] if there is no column of the target's name.
pub fn profile(
    table: &Table,
    schema: &Schema,
    options: &ProfileOptions<'_>,
) -> Result<Profile, ProfileError> {
    let target = find_target(table, schema, options.target)?;
    let goal = target.map(|position| {
        let field = field_of(schema, table, position);
        Goal::of_column(table.column_at(position), field.kind)
    });
    let rows = rows::sample(table.n_rows(), options.max_rows, options.seed, |row| {
        target.is_none_or(|position| has_value(table.column_at(position), row))
    });
    let goal = goal.as_ref().map(|goal| goal.gather(&rows));
    let codings: Vec<Option<Coding>> = (0..table.n_columns())
        .map(|position| Coding::exact(table.column_at(position), &rows))
        .collect();
    let view = Looked {
        table,
        schema,
        options,
        target,
        rows: &rows,
        goal: goal.as_ref(),
    };
    let columns: Vec<ColumnProfile> = codings
        .iter()
        .enumerate()
        .map(|(position, coding)| view.column(position, coding.as_ref()))
        .collect();
    let mut profile = Profile {
        title: options.title.map(str::to_owned),
        n_rows: table.n_rows() as u64,
        n_rows_sampled: rows.len() as u64,
        n_bytes: table.n_bytes() as u64,
        target: target.map(|position| TargetProfile {
            name: columns[position].name.clone(),
            is_class: matches!(goal, Some(Goal::Classes { .. })),
        }),
        repeated_rows: repeats::rows(table, &columns),
        other: options.other.map(|(other, _)| OtherTable {
            n_rows: other.n_rows() as u64,
            told_apart: None,
        }),
        warnings: Vec::new(),
        columns,
    };
    let mut warnings = view.leaks(&profile);
    warnings.extend(findings::all(&profile, table, options.other));
    warnings.extend(order::warning(table, schema, leak::Speaker::Profile));
    warnings.extend(repeats::columns(table, &profile.columns, &rows, &codings));
    profile.warnings = warnings;
    Ok(profile)
}

/// Whether a cell is there, and among the levels that a schema declares.
fn has_value(column: &Column, row: usize) -> bool {
    match column {
        Column::Category { codes, levels } => (codes[row] as usize) < levels.len(),
        _ => !column.is_missing(row),
    }
}

/// What is looked at.
struct Looked<'a> {
    table: &'a Table,
    schema: &'a Schema,
    options: &'a ProfileOptions<'a>,
    /// The target's position.
    target: Option<usize>,
    /// The rows of the sample.
    rows: &'a [u32],
    /// The target of each of `rows`.
    goal: Option<&'a Goal>,
}

impl Looked<'_> {
    fn column(&self, position: usize, coding: Option<&Coding>) -> ColumnProfile {
        let mut field = field_of(self.schema, self.table, position);
        let is_target = self.target == Some(position);
        if is_target {
            field.role = Role::Target;
        } else if field.role == Role::Target {
            field.role = Role::Feature;
        }
        let column = self.table.column_at(position);
        let association = match (self.goal, coding) {
            (Some(goal), Some(coding)) if !is_target => Some(association::associate(
                column,
                self.rows,
                coding,
                goal,
                self.options.seed,
            )),
            _ => None,
        };
        let other = self.options.other;
        let drift =
            other.and_then(|other| drift::compare(&field.name, column, other.0, self.options));
        ColumnProfile {
            n_missing: column.n_missing() as u64,
            n_distinct: summary::n_distinct(column),
            summary: summary::summarise(column),
            name: field.name,
            kind: field.kind,
            role: field.role,
            association,
            drift,
        }
    }

    fn leaks(&self, profile: &Profile) -> Vec<Warning> {
        let (Some(goal), Some(position)) = (self.goal, self.target) else {
            return Vec::new();
        };
        let checked = leak::Checked {
            speaker: leak::Speaker::Profile,
            table: self.table,
            rows: self.rows,
            goal,
            target: &profile.columns[position].name,
            seed: self.options.seed,
        };
        checked.warnings(|name| {
            profile.columns.iter().any(|column| {
                column.name == name
                    && !matches!(column.role, Role::Target | Role::Ignored | Role::Id)
            })
        })
    }
}

fn find_target(
    table: &Table,
    schema: &Schema,
    asked: Option<&str>,
) -> Result<Option<usize>, ProfileError> {
    let Some(name) = asked else {
        let field = schema.with_role(Role::Target).next();
        return Ok(field.and_then(|field| table.position(&field.name)));
    };
    match table.position(name) {
        Some(position) => Ok(Some(position)),
        None => Err(ProfileError::NoTarget {
            name: name.to_owned(),
            near: nearest(name, table.names()),
        }),
    }
}

/// What the schema says of a column; what the column shows where the schema is silent.
fn field_of(schema: &Schema, table: &Table, position: usize) -> Field {
    let name = table.names().nth(position).unwrap_or_default();
    schema.field(name).cloned().unwrap_or_else(|| Field {
        name: name.to_owned(),
        kind: match table.column_at(position) {
            Column::Number(_) | Column::Sparse(_) => Kind::Number,
            Column::Category { .. } => Kind::Category,
            Column::Text(_) => Kind::Text,
            Column::Timestamp(_) => Kind::Timestamp,
        },
        role: Role::Feature,
        levels: Vec::new(),
        format: None,
    })
}
