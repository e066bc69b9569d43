//! Bins of categories that mean the same to the trees of two fits.
//!
//! The trees of each fit ask for bins of their own: rare levels share one, and levels that a fit did not meet are in bin 0
//! with the missing ones. A joint bin is a pair of both, so both kinds of trees say exactly what they said; a level that
//! the old model has not met is one of its own to the new trees. Where there are more pairs than bins, the new trees see
//! the old model's bins instead of levels, and its unmet levels as missing.

use crate::inputs::{InputKind, Inputs};
use crate::tree::{BinSet, contains, insert};
use automl_core::{Column, Dataset, Levels, MISSING_CODE, Table};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bins beside the one for missing values.
const MAX_BINS: usize = 255;

/// The bins of two fits joined, and what they were in each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Joint {
    /// The joint bin of each code.
    pub(super) bin_of_code: Vec<u8>,
    /// Old and new bin of each joint one.
    pairs: Vec<(u8, u8)>,
}

impl Joint {
    /// The joint bins, ordered by old and then by new ones; none if they are too many.
    pub(super) fn of(old: &[u8], new: &[u8]) -> Option<Self> {
        let bin = |bins: &[u8], code: usize| bins.get(code).copied().unwrap_or(0);
        let of_codes: Vec<(u8, u8)> = (0..old.len().max(new.len()))
            .map(|code| (bin(old, code), bin(new, code)))
            .collect();
        let distinct: BTreeSet<(u8, u8)> = of_codes.iter().copied().chain([(0, 0)]).collect();
        if distinct.len() > MAX_BINS + 1 {
            return None;
        }
        let pairs: Vec<(u8, u8)> = distinct.into_iter().collect();
        let number = |pair: &(u8, u8)| pairs.partition_point(|known| known < pair) as u8;
        Some(Self {
            bin_of_code: of_codes.iter().map(number).collect(),
            pairs,
        })
    }

    /// A set of old bins, or of new ones, as a set of joint bins.
    pub(super) fn translated(&self, set: &BinSet, is_old: bool) -> BinSet {
        let mut joint = BinSet::default();
        for (number, &(old, new)) in self.pairs.iter().enumerate() {
            if contains(set, if is_old { old } else { new }) {
                insert(&mut joint, number as u8);
            }
        }
        joint
    }
}

/// The bins of a column by its name; none if it is no category or not there.
pub(super) fn bins<'a>(inputs: &'a Inputs, name: &str) -> Option<&'a [u8]> {
    let input = inputs.0.iter().find(|input| input.name == name)?;
    match &input.kind {
        InputKind::Category(bins) => Some(bins),
        InputKind::Number | InputKind::Means(_) => None,
    }
}

/// The names of columns whose joint bins would be too many.
pub(super) fn too_many(old: &Inputs, new: &Inputs) -> Vec<String> {
    let names = old.0.iter().map(|input| &input.name);
    let is_wide = |name: &&String| match (bins(old, name), bins(new, name)) {
        (Some(old), Some(new)) => Joint::of(old, new).is_none(),
        _ => false,
    };
    names.filter(is_wide).cloned().collect()
}

/// The dataset with the old model's bins instead of the levels of these columns: level `b` is the bin `b + 1`.
pub(super) fn coarsened(data: &Dataset, old: &Inputs, wide: &[String]) -> Dataset {
    let coarse = |name: &str, column: &Column| {
        let bins = bins(old, name)?;
        let (codes, _) = column.as_category()?;
        let of_code = |&code: &u32| match bins.get(code as usize) {
            None | Some(0) => MISSING_CODE,
            Some(&bin) => u32::from(bin) - 1,
        };
        let n_levels = bins.iter().copied().max().unwrap_or(0);
        let levels = Levels::new((0..n_levels).map(|level| level.to_string()));
        Some(Column::category(
            codes.iter().map(of_code).collect(),
            levels,
        ))
    };
    let columns = data.table().shared().map(|(name, column)| {
        let is_wide = wide.iter().any(|wide| **wide == *name);
        let changed = is_wide.then(|| coarse(&name, &column)).flatten();
        (name, changed.map_or(column, Arc::new))
    });
    let table = Table::from_shared(columns.collect()).expect("names and lengths are as they were");
    data.with_table(table).expect("the rows are as they were")
}

/// Makes the bins of these columns, which are of the old model's bins, bins of levels again.
pub(super) fn refine(new: &mut Inputs, old: &Inputs, wide: &[String]) {
    for input in &mut new.0 {
        let is_wide = wide.contains(&input.name);
        let Some(of_level) = bins(old, &input.name).filter(|_| is_wide) else {
            continue;
        };
        if let InputKind::Category(of_bin) = &mut input.kind {
            let bin_of = |&bin: &u8| match bin {
                0 => 0,
                bin => of_bin.get(usize::from(bin) - 1).copied().unwrap_or(0),
            };
            *of_bin = of_level.iter().map(bin_of).collect();
        }
    }
}
