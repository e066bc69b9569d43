//! One indicator a level, with rare levels pooled into one.

use crate::fitted::{FittedPart, codes};
use crate::frame::{Frame, int, require, slot_of};
use crate::per_column::{Encoder, PerColumn};
use crate::select::{ColumnKind, Columns, Scope};
use crate::step::StepParams;
use crate::stored::{push_strings, set_meta, strings};
use automl_core::{
    Artifact, ArtifactError, Column, FitError, ParamError, PredictError, SparseRows, Threads,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What form the indicators take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Number columns up to 64 indicators, one sparse column above.
    #[default]
    Auto,
    /// One number column an indicator.
    Dense,
    /// One sparse column.
    Sparse,
}

/// Replaces each category column by indicators `<name>=<level>` of 0 and 1.
///
/// Levels with fewer than `min_count` training rows, and those beyond the `max_levels` most frequent, share the
/// indicator `<name>=other`. Missing cells have an indicator `<name>=missing` if there were enough of them in training,
/// else they are all zeros. A level that was not met in training is `other` where there is that indicator, else all zeros.
/// A column of two levels without missing cells gets one indicator, of the second level.
///
/// Default columns: all categories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OneHot {
    /// The columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Fewest training rows of a level with its own indicator.
    pub min_count: usize,
    /// Most levels with their own indicator.
    pub max_levels: usize,
    /// Number columns or one sparse column.
    pub layout: Layout,
    /// Whether columns of two levels get one indicator instead of two.
    pub drop_binary: bool,
}

impl Default for OneHot {
    fn default() -> Self {
        Self {
            columns: None,
            min_count: 1,
            max_levels: 100_000,
            layout: Layout::Auto,
            drop_binary: true,
        }
    }
}

/// More indicators than this are sparse under [`Layout::Auto`].
const MAX_DENSE: usize = 64;
/// The slot of codes without an indicator.
const NONE: u32 = u32::MAX;

impl StepParams for OneHot {
    fn check(&self) -> Result<(), ParamError> {
        let max_levels = self.max_levels;
        require(max_levels > 0, "max_levels", int(max_levels), "1 or more")
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError> {
        let scope = Scope::new("one_hot", &[ColumnKind::Category]);
        let names = scope.names(self.columns.as_ref(), frame.table)?;
        let fitted = frame
            .ctx
            .threads
            .map(names.len(), |index| self.fit_column(frame, &names[index]));
        let entries = names.into_iter().zip(fitted).collect();
        Ok(PerColumn::new("one_hot", false, entries).into())
    }
}

impl OneHot {
    fn fit_column(&self, frame: &Frame<'_>, name: &str) -> Indicators {
        let (slots, n_slots) = frame.slots(name);
        let mut counts = vec![0_usize; n_slots];
        for slot in slots {
            counts[slot as usize] += 1;
        }
        let n_levels = n_slots - 1;
        // Frequent levels first, ties in code order; the indicators themselves stand in code order.
        let mut own: Vec<usize> = (0..n_levels)
            .filter(|&code| counts[code] >= self.min_count.max(1))
            .collect();
        own.sort_by_key(|&code| (std::cmp::Reverse(counts[code]), code));
        own.truncate(self.max_levels);
        own.sort_unstable();

        let mut dim_of_slot = vec![NONE; n_slots];
        let mut names = Vec::new();
        let is_missing_seen = counts[n_levels] >= self.min_count.max(1);
        let n_met = (0..n_levels).filter(|&code| counts[code] > 0).count();
        let is_pooled = own.len() < n_met;
        let skip_first = self.drop_binary && own.len() == 2 && !is_pooled && !is_missing_seen;
        for &code in own.iter().skip(usize::from(skip_first)) {
            dim_of_slot[code] = names.len() as u32;
            names.push(format!("{name}={}", level_name(frame, name, code)));
        }
        let mut other = None;
        if is_pooled {
            let pool = names.len() as u32;
            names.push(format!("{name}=other"));
            for dim in dim_of_slot[..n_levels]
                .iter_mut()
                .filter(|dim| **dim == NONE)
            {
                *dim = pool;
            }
            other = Some(pool);
        }
        if is_missing_seen {
            dim_of_slot[n_levels] = names.len() as u32;
            names.push(format!("{name}=missing"));
        }
        Indicators {
            is_sparse: match self.layout {
                Layout::Auto => names.len() > MAX_DENSE,
                Layout::Dense => false,
                Layout::Sparse => true,
            },
            names: names.into_iter().map(Into::into).collect(),
            dim_of_slot,
            other,
        }
    }
}

fn level_name<'a>(frame: &Frame<'a>, name: &str, code: usize) -> &'a str {
    frame
        .column(name)
        .as_category()
        .and_then(|(_, levels)| levels.get(code as u32))
        .unwrap_or_default()
}

/// One column's indicators.
#[derive(Debug)]
pub(crate) struct Indicators {
    names: Arc<[Box<str>]>,
    /// For each level, and last for missing cells, its indicator or `NONE`.
    dim_of_slot: Vec<u32>,
    /// The pooled indicator.
    other: Option<u32>,
    is_sparse: bool,
}

impl Indicators {
    fn dim(&self, code: u32) -> Option<u32> {
        match slot_of(code, self.dim_of_slot.len() - 1) {
            Some(slot) => Some(self.dim_of_slot[slot]).filter(|&dim| dim != NONE),
            None => self.other,
        }
    }
}

impl Encoder for Indicators {
    fn names(&self, name: &str) -> Vec<String> {
        if self.is_sparse {
            return vec![format!("{name}_one_hot")];
        }
        self.names.iter().map(ToString::to_string).collect()
    }

    fn columns(
        &self,
        name: &str,
        column: &Column,
        _threads: &Threads,
    ) -> Result<Vec<Column>, PredictError> {
        let codes = codes(name, column)?;
        if self.is_sparse {
            let mut rows = SparseRows::new(self.names.clone());
            for &code in codes {
                rows.push(self.dim(code).map(|dim| (dim, 1.0)));
            }
            return Ok(vec![Column::Sparse(rows)]);
        }
        let mut dense = vec![vec![0.0; codes.len()]; self.names.len()];
        for (row, &code) in codes.iter().enumerate() {
            if let Some(dim) = self.dim(code) {
                dense[dim as usize][row] = 1.0;
            }
        }
        Ok(dense.into_iter().map(Column::Number).collect())
    }

    fn save(&self, artifact: &mut Artifact) {
        push_strings(artifact, "names", self.names.iter().map(AsRef::as_ref));
        artifact.push_u32("dim_of_slot", self.dim_of_slot.clone());
        set_meta(artifact, "other", self.other);
        set_meta(artifact, "is_sparse", self.is_sparse);
    }

    fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let names = strings(artifact, "names")?;
        let dim_of_slot = artifact.u32s("dim_of_slot")?.to_vec();
        let other: Option<u32> = artifact.meta("other")?;
        let is_ok = |dim: u32| dim == NONE || (dim as usize) < names.len();
        if dim_of_slot.is_empty() || !dim_of_slot.iter().chain(&other).all(|&dim| is_ok(dim)) {
            return Err(artifact.invalid("dim_of_slot", "an indicator has no name"));
        }
        Ok(Self {
            names: names.into(),
            dim_of_slot,
            other: other.filter(|&dim| dim != NONE),
            is_sparse: artifact.meta("is_sparse")?,
        })
    }
}
