//! Rows that a fit would learn from and be judged by at once: copies, as far as they can be told from rows that are
//! equal because few values leave them no choice.

use super::format::{count, percent};
use super::repeats::{cell, mix};
use automl_core::{Column, Dataset, Table, Target, Warning, WarningKind};

/// Fewer rows with an equal one are of no matter.
const MIN_ROWS: usize = 10;
/// Nor is a smaller share of the rows.
const MIN_SHARE: f64 = 0.01;
/// How much more often than by chance the targets of equal rows must agree: 0 is chance, 1 is always.
const MIN_AGREEMENT: f64 = 0.5;
/// Sets of equal rows that are asked for their neighbours, at most.
const MAX_SETS: usize = 1000;
/// Columns that are left out in turn, at most.
const MAX_COLUMNS: usize = 64;
/// Rows that tell how often two cells of a column are equal, at most.
const MAX_DISTINCT: usize = 20_000;
/// Columns depend on each other: where all others are equal, a column is so more often than it is at random, by this factor.
const DEPENDENCE: f64 = 4.0;
/// Bits of a filter in front of the sets, a power of two: few other rows pass it.
const N_FILTER_BITS: u64 = 1 << 17;

/// A warning if rows of `data` look like copies of others, so that validation rows have been learned from. None where
/// rows are validated in the order of a time, which copies share.
///
/// Rows are taken for copies if their features are equal and their targets agree by more than chance, unless it is natural
/// that so many are equal: from the rows that differ from them in one column alone follows how many would differ in none, by
/// how often two cells of that column are equal. Few values make for many of both. Texts are not expected to be equal. Cost: a
/// hash a cell, a sort of the rows, and, if there are equal ones, a look-up a cell.
pub fn copies_warning(data: &Dataset) -> Option<Warning> {
    if data.time().is_some() {
        return None;
    }
    let features = Features::of(data.table());
    let sets = equal_sets(&features.hashes, data.groups());
    let n_rows = data.n_rows();
    let is_enough = |n: f64| n >= MIN_ROWS as f64 && n >= MIN_SHARE * n_rows as f64;
    let n_equal: usize = sets.iter().map(Vec::len).sum();
    if !is_enough(n_equal as f64) {
        return None;
    }
    let targets: Vec<u64> = match data.target() {
        Target::Numbers(values) => values.iter().map(|value| (value + 0.0).to_bits()).collect(),
        Target::Classes(codes) => codes.iter().map(|&code| u64::from(code)).collect(),
    };
    if agreement(&sets, &targets) < MIN_AGREEMENT {
        return None;
    }
    let stride = sets.len().div_ceil(MAX_SETS);
    let judged: Vec<&Vec<u32>> = sets.iter().step_by(stride).collect();
    let is_copied = features.are_copies(data.table(), &judged);
    let n_copied_sets = is_copied.iter().filter(|is| **is).count();
    if n_copied_sets * 2 < judged.len() {
        return None;
    }
    let copied = judged.iter().zip(&is_copied).filter(|(_, is)| **is);
    let n_copies: usize = copied.map(|(rows, _)| n_agreeing(rows, &targets)).sum();
    let n_copies = n_copies as f64 * sets.len() as f64 / judged.len() as f64;
    is_enough(n_copies).then(|| warning(n_copies, n_rows, stride > 1, data.groups().is_some()))
}

fn warning(n_copies: f64, n_rows: usize, is_rough: bool, has_groups: bool) -> Warning {
    let about = if is_rough { "about " } else { "" };
    let (other, advice) = if has_groups {
        ("a row of another group", "")
    } else {
        (
            "another row",
            ", or keep on one side what belongs together with --group COLUMN",
        )
    };
    let message = format!(
        "{about}{} rows ({}) equal {other} in all features and in the target; a random split puts such rows on both sides, so scores may be too good: if they are one observation written twice, drop all but one of them{advice}",
        count(n_copies.round() as u64),
        percent(n_copies / n_rows as f64),
    );
    Warning::new(WarningKind::DuplicateRows, [""; 0], message)
}

/// Rows by what they hold.
struct Features {
    /// One a row: the sum of its cells' hashes, from which one can be taken off.
    hashes: Vec<u64>,
}

impl Features {
    fn of(table: &Table) -> Self {
        let mut hashes = vec![0_u64; table.n_rows()];
        for (place, (_, column)) in table.iter().enumerate() {
            for (row, hash) in hashes.iter_mut().enumerate() {
                *hash = hash.wrapping_add(placed(column, place, row));
            }
        }
        Self { hashes }
    }

    /// Of each set, whether more rows are equal than is natural.
    fn are_copies(&self, table: &Table, sets: &[&Vec<u32>]) -> Vec<bool> {
        let columns = table.iter().enumerate();
        let left_out: Vec<(usize, &Column)> = columns
            .map(|(place, (_, column))| (place, column))
            .filter(|(_, column)| !matches!(column, Column::Text(_) | Column::Sparse(_)))
            .collect();
        let stride = left_out.len().div_ceil(MAX_COLUMNS).max(1);
        let distinct = self.distinct_rows(table.n_columns() > 1);
        let mut n_natural = vec![0.0; sets.len()];
        for &(place, column) in left_out.iter().step_by(stride) {
            let by_chance = share_of_equal(distinct.iter().map(|&row| cell(column, row as usize)));
            let odds = (DEPENDENCE * by_chance / (1.0 - by_chance)).min(1.0);
            let rest = |row: usize| self.hashes[row].wrapping_sub(placed(column, place, row));
            let of_sets: Vec<u64> = sets.iter().map(|rows| rest(rows[0] as usize)).collect();
            let found = n_rows_of(&of_sets, (0..self.hashes.len()).map(rest));
            for ((n_natural, found), rows) in n_natural.iter_mut().zip(found).zip(sets) {
                *n_natural += odds * ((found - rows.len()) * stride) as f64;
            }
        }
        let is_copy = |(rows, n_natural): (&&Vec<u32>, &f64)| *n_natural < (rows.len() - 1) as f64;
        sets.iter().zip(&n_natural).map(is_copy).collect()
    }

    /// One row of each kind, or all rows, and of many a part.
    fn distinct_rows(&self, is_once: bool) -> Vec<u32> {
        let mut rows: Vec<(u64, u32)> = self.hashes.iter().copied().zip(0..).collect();
        rows.sort_unstable();
        if is_once {
            rows.dedup_by_key(|(hash, _)| *hash);
        }
        let stride = rows.len().div_ceil(MAX_DISTINCT).max(1);
        let rows = rows.iter().step_by(stride);
        rows.map(|&(_, row)| row).collect()
    }
}

/// The chance that two of these are equal.
fn share_of_equal(cells: impl Iterator<Item = u64>) -> f64 {
    let mut cells: Vec<u64> = cells.collect();
    cells.sort_unstable();
    let n = cells.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    (sum_of_squares(&cells) - n) / (n * (n - 1.0))
}

/// The sum over runs of equal values of the squares of their lengths.
fn sum_of_squares(sorted: &[u64]) -> f64 {
    let runs = sorted.chunk_by(|a, b| a == b);
    runs.map(|run| (run.len() * run.len()) as f64).sum()
}

/// A cell as a number that differs, all but surely, where the cells or their columns differ.
fn placed(column: &Column, place: usize, row: usize) -> u64 {
    mix(cell(column, row) ^ mix(place as u64))
}

/// How many of `all` equal each of `wanted`.
fn n_rows_of(wanted: &[u64], all: impl Iterator<Item = u64>) -> Vec<usize> {
    let mut known = wanted.to_vec();
    known.sort_unstable();
    known.dedup();
    let bit = |hash: u64| (((hash % N_FILTER_BITS) / 64) as usize, 1_u64 << (hash % 64));
    let mut filter = vec![0_u64; (N_FILTER_BITS / 64) as usize];
    for &hash in &known {
        let (word, bit) = bit(hash);
        filter[word] |= bit;
    }
    let mut counts = vec![0_usize; known.len()];
    for hash in all {
        let (word, bit) = bit(hash);
        if filter[word] & bit != 0
            && let Ok(place) = known.binary_search(&hash)
        {
            counts[place] += 1;
        }
    }
    let count = |hash: &u64| counts[known.partition_point(|known| known < hash)];
    wanted.iter().map(count).collect()
}

/// The rows of each hash that several have, if they are not all of one group; by their first row.
fn equal_sets(hashes: &[u64], groups: Option<&[u32]>) -> Vec<Vec<u32>> {
    let mut rows: Vec<(u64, u32)> = hashes.iter().copied().zip(0..).collect();
    rows.sort_unstable();
    let mut sets: Vec<Vec<u32>> = rows
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|set| set.len() > 1)
        .map(|set| set.iter().map(|&(_, row)| row).collect())
        .filter(|set: &Vec<u32>| {
            let group = |row: u32| groups.map(|groups| groups[row as usize]);
            groups.is_none() || set.iter().any(|&row| group(row) != group(set[0]))
        })
        .collect();
    sets.sort_unstable_by_key(|set| set[0]);
    sets
}

/// How often two rows of a set have one target, 0 as often as any two rows and 1 always; sets count by their rows.
fn agreement(sets: &[Vec<u32>], targets: &[u64]) -> f64 {
    let by_chance = share_of_equal(targets.iter().copied());
    let (mut agreeing, mut n_rows) = (0.0, 0.0);
    for set in sets {
        let size = set.len() as f64;
        agreeing += size * share_of_equal(set.iter().map(|&row| targets[row as usize]));
        n_rows += size;
    }
    (agreeing / n_rows - by_chance) / (1.0 - by_chance)
}

/// Rows of a set that share their target with another of it.
fn n_agreeing(set: &[u32], targets: &[u64]) -> usize {
    let mut own: Vec<u64> = set.iter().map(|&row| targets[row as usize]).collect();
    own.sort_unstable();
    let runs = own.chunk_by(|a, b| a == b);
    runs.map(<[u64]>::len).filter(|&n| n > 1).sum()
}
