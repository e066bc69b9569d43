//! Some columns of a table in numbers, from a bounded number of cells: what a report of a fit shows of its data.

use super::format::{count, cut, number, number_or_year, one_line, percent};
use super::model::{ColumnProfile, Summary};
use super::{field_of, rows, summary};
use automl_core::{Schema, Seed, Table};

/// Rows that are looked at, at most.
const MAX_ROWS: usize = 20_000;
/// Cells that are looked at, at most: sorting so many takes some 50 ms.
const MAX_CELLS: usize = 400_000;
/// Characters of a level.
const LEVEL_WIDTH: usize = 32;

/// Some columns of a table in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief {
    /// Rows of the table.
    pub n_rows: u64,
    /// Rows that all but missing cells were counted on, spread over the table.
    pub n_rows_looked_at: u64,
    /// One entry a column that was asked for, in that order, without what it says of the target.
    pub columns: Vec<ColumnProfile>,
}

/// Looks at the columns `names` of a table; those that it has not are passed over. Missing cells are counted over all rows, all
/// else over 20,000 rows at most, or fewer where columns are many.
///
/// Cost: a pass over the columns, and sorts of 400,000 cells in all.
pub fn brief(table: &Table, schema: &Schema, names: &[&str]) -> Brief {
    let n_max = (MAX_CELLS / names.len().max(1)).min(MAX_ROWS);
    let rows = rows::sample(table.n_rows(), n_max, Seed(0), |_| true);
    let is_sample = rows.len() < table.n_rows();
    let column = |name: &&str| {
        let position = table.position(name)?;
        let whole = table.column_at(position);
        let sample = is_sample.then(|| whole.gather(&rows));
        let column = sample.as_ref().unwrap_or(whole);
        let field = field_of(schema, table, position);
        Some(ColumnProfile {
            n_missing: whole.n_missing() as u64,
            n_distinct: summary::n_distinct(column),
            summary: summary::summarise(column),
            name: field.name,
            kind: field.kind,
            role: field.role,
            association: None,
            drift: None,
        })
    };
    Brief {
        n_rows: table.n_rows() as u64,
        n_rows_looked_at: rows.len() as u64,
        columns: names.iter().filter_map(column).collect(),
    }
}

/// What the values are, in a few words: `mean 38.6, 17 to 90`, `Private 69.7 %`.
pub fn in_words(summary: &Summary) -> String {
    match summary {
        Summary::Nothing => "nothing".into(),
        Summary::Numbers(told) => {
            let value = |value| number_or_year(value, told.are_years());
            let (mean, min, max) = (value(told.mean), value(told.min), value(told.max));
            format!("mean {mean}, {min} to {max}")
        }
        Summary::Levels(told) => {
            let n: u64 = told.top.iter().map(|level| level.count).sum::<u64>() + told.n_other;
            told.top.first().map_or_else(String::new, |level| {
                let name = cut(&one_line(&level.level), LEVEL_WIDTH);
                format!("{name} {}", percent(level.count as f64 / n.max(1) as f64))
            })
        }
        Summary::Texts(told) => {
            let (min, max) = (count(told.n_chars_min), count(told.n_chars_max));
            format!(
                "{min} to {max} characters, {} on average",
                number(told.n_chars_mean)
            )
        }
        Summary::Times(told) => format!("{} to {}", told.min, told.max),
    }
}
