//! Which columns a step works on.

use automl_core::table::SparseRows;
use automl_core::{Column, FitError, Levels, PredictError, Table, Texts};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The kind of a column in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// One of a set of levels.
    Category,
    /// Free text.
    Text,
    /// A date and time.
    Timestamp,
    /// A sparse vector a row.
    Sparse,
}

impl ColumnKind {
    /// The kind of `column`.
    pub fn of(column: &Column) -> Self {
        match column {
            Column::Number(_) => Self::Number,
            Column::Category { .. } => Self::Category,
            Column::Text(_) => Self::Text,
            Column::Timestamp(_) => Self::Timestamp,
            Column::Sparse(_) => Self::Sparse,
        }
    }

    /// A column of this kind that has no row.
    pub(crate) fn without_rows(self) -> Column {
        match self {
            Self::Number => Column::Number(Vec::new()),
            Self::Category => Column::category(Vec::new(), Levels::new([""; 0])),
            Self::Text => Column::Text(Texts::default()),
            Self::Timestamp => Column::Timestamp(Vec::new()),
            Self::Sparse => Column::Sparse(SparseRows::new(Vec::new().into())),
        }
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Category => "category",
            Self::Text => "text",
            Self::Timestamp => "timestamp",
            Self::Sparse => "sparse",
        }
    }
}

/// A step's columns, in YAML a list of names or a map of conditions.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Columns {
    /// These columns; each must be there.
    Names(Vec<String>),
    /// All columns that meet the conditions, perhaps none.
    Where(ColumnFilter),
}

/// Conditions on columns, all of which must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnFilter {
    /// Only columns of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnKind>,
    /// Only category columns with at least so many levels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_levels: Option<usize>,
    /// Only category columns with at most so many levels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_levels: Option<usize>,
    /// None of these columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesOrConditions;
        impl<'de> Visitor<'de> for NamesOrConditions {
            type Value = Columns;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of column names or a map of conditions on columns")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Columns, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(Columns::Names)
            }

            fn visit_map<A: MapAccess<'de>>(self, conditions: A) -> Result<Columns, A::Error> {
                ColumnFilter::deserialize(MapAccessDeserializer::new(conditions))
                    .map(Columns::Where)
            }
        }
        deserializer.deserialize_any(NamesOrConditions)
    }
}

impl ColumnFilter {
    fn holds(&self, name: &str, column: &Column) -> bool {
        let levels = column.as_category().map(|(_, levels)| levels.len());
        let within = |limit: Option<usize>, ok: fn(usize, usize) -> bool| {
            limit.is_none_or(|limit| levels.is_some_and(|count| ok(count, limit)))
        };
        self.kind.is_none_or(|kind| kind == ColumnKind::of(column))
            && within(self.min_levels, |count, limit| count >= limit)
            && within(self.max_levels, |count, limit| count <= limit)
            && !self.except.iter().any(|other| other == name)
    }
}

/// What a step can work on, and what it works on when its user does not say.
pub(crate) struct Scope {
    /// The step's name, for messages.
    pub(crate) step: &'static str,
    /// The kinds that it can take.
    pub(crate) takes: &'static [ColumnKind],
    /// Conditions used when none are given.
    pub(crate) default: ColumnFilter,
}

impl Scope {
    pub(crate) fn new(step: &'static str, takes: &'static [ColumnKind]) -> Self {
        Self {
            step,
            takes,
            default: ColumnFilter::default(),
        }
    }

    /// The names of the step's columns in table order.
    pub(crate) fn names(
        &self,
        columns: Option<&Columns>,
        table: &Table,
    ) -> Result<Vec<String>, FitError> {
        let filter = match columns {
            None => &self.default,
            Some(Columns::Where(filter)) => filter,
            Some(Columns::Names(names)) => return self.named(names, table),
        };
        Ok(table
            .iter()
            .filter(|(name, column)| {
                self.takes.contains(&ColumnKind::of(column)) && filter.holds(name, column)
            })
            .map(|(name, _)| name.to_owned())
            .collect())
    }

    fn named(&self, names: &[String], table: &Table) -> Result<Vec<String>, FitError> {
        let mut positions = Vec::with_capacity(names.len());
        for name in names {
            let position = table
                .position(name)
                .ok_or_else(|| PredictError::ColumnMissing { name: name.clone() })?;
            let column = table.column_at(position);
            if !self.takes.contains(&ColumnKind::of(column)) {
                return Err(FitError::Column {
                    learner: self.step,
                    column: name.clone(),
                    kind: column.kind_name(),
                });
            }
            positions.push((position, name.clone()));
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(positions.into_iter().map(|(_, name)| name).collect())
    }
}
