//! The columns of a table as values of a graph, on their way through the steps of a recipe.

use crate::error::OnnxError;
use crate::graph::{Element, Graph, Value, doubles};
use automl_core::{MISSING_CODE, UNSEEN_CODE};
use std::collections::BTreeSet;

/// Categories: for each row a slot, which is the code of a level, or behind all levels one for missing and one for unseen.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    /// Whole numbers, one a row.
    pub(crate) value: Value,
    pub(crate) n_levels: usize,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    /// Doubles, rows by one; NaN is missing.
    Number(Value),
    Codes(Codes),
    /// Indicators of categories: the dimension of each slot, if it has one.
    OneHot {
        codes: Codes,
        dims: Vec<Option<u32>>,
        n_dims: usize,
    },
    /// Microseconds since 1970, rows by one.
    Times(Value),
    /// Texts, rows by one; an empty one is missing.
    Text(Value),
    /// What terms weigh: doubles, rows by dimensions.
    Weights {
        value: Value,
        n_dims: usize,
    },
}

impl Column {
    fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Codes(_) => "category",
            Self::OneHot { .. } | Self::Weights { .. } => "sparse",
            Self::Times(_) => "timestamp",
            Self::Text(_) => "text",
        }
    }
}

impl Codes {
    /// The code of each slot.
    pub(crate) fn codes(&self) -> impl Iterator<Item = u32> + use<> {
        (0..self.n_levels as u32).chain([MISSING_CODE, UNSEEN_CODE])
    }

    /// Doubles for each row, as many as `of` gives for a code: rows by columns.
    pub(crate) fn looked_up(
        &self,
        graph: &mut Graph,
        width: usize,
        mut of: impl FnMut(u32) -> Vec<f64>,
    ) -> Value {
        let table: Vec<f64> = self.codes().flat_map(&mut of).collect();
        let table = graph.constant(doubles(&[self.n_levels + 2, width], &table));
        graph.op("Gather", &[&table, &self.value], [])
    }

    /// Other categories, of `n_levels`, to which `to` leads from each code.
    pub(crate) fn mapped(
        &self,
        graph: &mut Graph,
        n_levels: usize,
        to: impl Fn(u32) -> u32,
    ) -> Self {
        let slot = |code: u32| match to(code) {
            MISSING_CODE => n_levels as i64,
            code if (code as usize) < n_levels => i64::from(code),
            _unseen => n_levels as i64 + 1,
        };
        let slots: Vec<i64> = self.codes().map(slot).collect();
        let table = graph.ints(&slots);
        Self {
            value: graph.op("Gather", &[&table, &self.value], []),
            n_levels,
        }
    }
}

/// Columns by name, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame(pub(crate) Vec<(String, Column)>);

/// What stands for a column: others, with their names.
pub(crate) type Replacement = (String, Vec<(String, Column)>);

impl Frame {
    fn find(&self, name: &str) -> Option<&Column> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, column)| column)
    }

    /// The column of a name.
    pub(crate) fn column(&self, name: &str) -> Result<&Column, OnnxError> {
        self.find(name).ok_or_else(|| OnnxError::ColumnMissing {
            name: name.to_owned(),
        })
    }

    fn wrong(name: &str, column: &Column, wanted: &'static str) -> OnnxError {
        OnnxError::ColumnKind {
            name: name.to_owned(),
            found: column.kind(),
            wanted,
        }
    }

    /// A column of numbers.
    pub(crate) fn number(&self, name: &str) -> Result<&Value, OnnxError> {
        match self.column(name)? {
            Column::Number(value) => Ok(value),
            other => Err(Self::wrong(name, other, "number")),
        }
    }

    /// A column of categories.
    pub(crate) fn codes(&self, name: &str) -> Result<&Codes, OnnxError> {
        match self.column(name)? {
            Column::Codes(codes) => Ok(codes),
            other => Err(Self::wrong(name, other, "category")),
        }
    }

    /// A column of times.
    pub(crate) fn times(&self, name: &str) -> Result<&Value, OnnxError> {
        match self.column(name)? {
            Column::Times(value) => Ok(value),
            other => Err(Self::wrong(name, other, "timestamp")),
        }
    }

    /// A column of texts.
    pub(crate) fn text(&self, name: &str) -> Result<&Value, OnnxError> {
        match self.column(name)? {
            Column::Text(value) => Ok(value),
            other => Err(Self::wrong(name, other, "text")),
        }
    }

    /// A column of what terms weigh, and how many terms there are.
    pub(crate) fn weights(&self, name: &str) -> Result<(&Value, usize), OnnxError> {
        match self.column(name)? {
            Column::Weights { value, n_dims } => Ok((value, *n_dims)),
            other => Err(Self::wrong(name, other, "sparse")),
        }
    }

    /// Each source column replaced by the columns made of it, or followed by them if sources are kept. A name that is taken gets
    /// the lowest free suffix `_2`, `_3`, …, as in the steps themselves.
    pub(crate) fn replaced(&self, replacements: Vec<Replacement>, keep: bool) -> Self {
        let is_own =
            |(source, made): &Replacement| matches!(made.as_slice(), [(name, _)] if name == source);
        let has_new_names = keep || !replacements.iter().all(is_own);
        let mut made: Vec<Option<Vec<(String, Column)>>> = vec![None; self.0.len()];
        for (source, columns) in replacements {
            if let Some(place) = self.0.iter().position(|(name, _)| *name == source) {
                made[place] = Some(columns);
            }
        }
        let is_gone = |made: &Option<_>| made.is_some() && !keep;
        let kept = self.0.iter().zip(&made);
        let kept = kept.filter(|(_, made)| !is_gone(made));
        let mut taken: BTreeSet<String> = kept.map(|((name, _), _)| name.clone()).collect();
        let mut all = Vec::new();
        for ((name, column), made) in self.0.iter().zip(made) {
            if !is_gone(&made) {
                all.push((name.clone(), column.clone()));
            }
            for (name, column) in made.unwrap_or_default() {
                let name = if has_new_names {
                    free(&name, &mut taken)
                } else {
                    name
                };
                all.push((name, column));
            }
        }
        Self(all)
    }

    /// With further columns behind. A name that is taken gets the lowest free suffix.
    pub(crate) fn followed_by(&self, columns: Vec<(String, Column)>) -> Self {
        let mut taken: BTreeSet<String> = self.0.iter().map(|(name, _)| name.clone()).collect();
        let columns = columns.into_iter();
        let named = columns.map(|(name, column)| (free(&name, &mut taken), column));
        let own = self.0.iter().cloned();
        let mut all: Vec<(String, Column)> = own.collect();
        all.extend(named);
        Self(all)
    }

    /// Without some columns.
    pub(crate) fn without(&self, names: &[String]) -> Self {
        let columns = self.0.iter().filter(|(name, _)| !names.contains(name));
        Self(columns.cloned().collect())
    }
}

fn free(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    let mut suffix = 2;
    while !taken.insert(free.clone()) {
        free = format!("{name}_{suffix}");
        suffix += 1;
    }
    free
}

/// Whether numbers are missing, as doubles: one where they are.
pub(crate) fn is_missing(graph: &mut Graph, value: &Value) -> (Value, Value) {
    let is_nan = graph.op("IsNaN", &[value], []);
    let number = graph.cast(&is_nan, Element::Double);
    (is_nan, number)
}
