//! Any column as codes of levels: what association, leak and repetition are computed on.

use automl_core::{Column, MISSING_CODE, MISSING_TIME};

/// One level a row. Level 0 is missing, whether it occurs or not; other levels stand in the order of their values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coding {
    pub(super) codes: Vec<u32>,
    pub(super) n_levels: usize,
    /// Whether neighbouring levels are neighbouring values.
    pub(super) is_ordered: bool,
}

impl Coding {
    /// One level a distinct value of the rows given; `None` for sparse columns.
    pub(super) fn exact(column: &Column, rows: &[u32]) -> Option<Self> {
        let (codes, n_levels) = match column {
            Column::Number(values) => by_order(rows, |row| {
                // Adding zero turns -0 into 0.
                let value = values[row] + 0.0;
                (!value.is_nan()).then(|| ordered_bits(value))
            }),
            Column::Timestamp(times) => by_order(rows, |row| {
                (times[row] != MISSING_TIME).then_some(times[row])
            }),
            Column::Text(texts) => by_order(rows, |row| texts.get(row)),
            Column::Category { codes, .. } => by_order(rows, |row| {
                (codes[row] != MISSING_CODE).then_some(codes[row])
            }),
            Column::Sparse(_) => return None,
        };
        Some(Self {
            codes,
            n_levels,
            is_ordered: matches!(column, Column::Number(_) | Column::Timestamp(_)),
        })
    }

    /// Neighbouring levels of ordered values put together until about `n_bins` of about equal row counts are left.
    pub(super) fn binned(&self, n_bins: usize) -> Self {
        if !self.is_ordered || self.n_levels <= n_bins + 1 {
            return self.clone();
        }
        let counts = self.counts();
        let n_present: u64 = counts[1..].iter().sum();
        let mut bin_of_level = vec![0_u32; self.n_levels];
        let mut before = 0;
        let mut last = u64::MAX;
        let mut n_levels = 1;
        for level in 1..self.n_levels {
            let bin = before * n_bins as u64 / n_present.max(1);
            if bin != last {
                n_levels += 1;
                last = bin;
            }
            bin_of_level[level] = n_levels as u32 - 1;
            before += counts[level];
        }
        Self {
            codes: self
                .codes
                .iter()
                .map(|&code| bin_of_level[code as usize])
                .collect(),
            n_levels,
            is_ordered: true,
        }
    }

    /// Rows of each level.
    pub(super) fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.n_levels];
        for &code in &self.codes {
            counts[code as usize] += 1;
        }
        counts
    }

    /// Levels that occur, missing apart.
    pub(super) fn n_present(&self) -> usize {
        self.n_levels - 1
    }

    /// Positions sorted by level, and where each level starts.
    pub(super) fn grouped(&self) -> (Vec<u32>, Vec<usize>) {
        let mut starts = vec![0; self.n_levels + 1];
        for &code in &self.codes {
            starts[code as usize + 1] += 1;
        }
        for level in 0..self.n_levels {
            starts[level + 1] += starts[level];
        }
        let mut next = starts.clone();
        let mut order = vec![0; self.codes.len()];
        for (position, &code) in self.codes.iter().enumerate() {
            order[next[code as usize]] = position as u32;
            next[code as usize] += 1;
        }
        (order, starts)
    }

    /// Levels named by their first appearance: equal for columns that tell the same rows apart.
    pub(super) fn by_appearance(&self) -> Vec<u32> {
        let mut names = vec![u32::MAX; self.n_levels];
        let mut next = 0;
        self.codes
            .iter()
            .map(|&code| {
                let name = &mut names[code as usize];
                if *name == u32::MAX {
                    *name = next;
                    next += 1;
                }
                *name
            })
            .collect()
    }
}

/// Codes by rank among the distinct values, from 1; 0 where there is none.
fn by_order<T: Ord>(rows: &[u32], value: impl Fn(usize) -> Option<T>) -> (Vec<u32>, usize) {
    let mut sorted: Vec<(T, u32)> = Vec::with_capacity(rows.len());
    for (position, &row) in rows.iter().enumerate() {
        if let Some(value) = value(row as usize) {
            sorted.push((value, position as u32));
        }
    }
    sorted.sort_unstable();
    let mut codes = vec![0; rows.len()];
    let mut code = 0;
    for index in 0..sorted.len() {
        if index == 0 || sorted[index].0 != sorted[index - 1].0 {
            code += 1;
        }
        codes[sorted[index].1 as usize] = code;
    }
    (codes, code as usize + 1)
}

/// Integers that stand in the same order as the numbers.
fn ordered_bits(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}
