//! The bins of a table whose rows are dealt to ranks: the same on all of them, and whatever their number.
//!
//! They are those that a [`BinningSketch`](super::BinningSketch) makes of the whole table: of number columns the rows of
//! the least hashes of their number, of categories the exact counts. Which rows those are follows from hashes alone, so a
//! rank sends only the numbers of its rows that are among them: 8 bytes a column for each of at most 200,000 rows in all.

use super::edges::{SAMPLE_ROWS, number_edges};
use super::stream::row_hash;
use super::{
    BinnedColumn, BinnedMatrix, BinnedTable, Bins, bin_numbers, bin_of_category, level_bins,
    level_counts,
};
use automl_core::{Collective, CollectiveError, Column, FitError, Table, Threads};
use std::sync::Arc;

/// The bins of this rank's rows, the first of which has the number `first_row` among those of all. Names, kinds and levels
/// of the columns are the same on all ranks. Sparse columns share no bytes.
pub(crate) fn bin_dealt(
    table: &Table,
    first_row: u64,
    max_bins: usize,
    ranks: &dyn Collective,
    threads: &Threads,
) -> Result<BinnedTable, FitError> {
    let chosen = sampled_rows(table.n_rows(), first_row, ranks)?;
    let mut columns = Vec::with_capacity(table.n_columns());
    for place in 0..table.n_columns() {
        columns.push(bin_column(table, place, &chosen, max_bins, ranks)?);
    }
    drop_constant(&mut columns, ranks)?;
    let kinds = table.iter().map(|(name, column)| {
        let empty = match column {
            Column::Category { levels, .. } => Column::category(Vec::new(), levels.clone()),
            _ => Column::Number(Vec::new()),
        };
        (name.to_owned(), empty)
    });
    let kinds = Table::new(kinds.collect()).expect("names and lengths are those of a table");
    let matrix = BinnedMatrix::placed(columns, table.n_rows(), false, threads);
    Ok(BinnedTable {
        columns: kinds,
        matrix: Arc::new(matrix),
        max_bins,
        has_bundles: false,
    })
}

/// The rows of this rank that are among those of the least hashes of all.
fn sampled_rows(
    n_rows: usize,
    first_row: u64,
    ranks: &dyn Collective,
) -> Result<Vec<usize>, CollectiveError> {
    let mut hashed: Vec<(u64, usize)> = (0..n_rows)
        .map(|row| (row_hash(first_row + row as u64), row))
        .collect();
    hashed.sort_unstable();
    hashed.truncate(SAMPLE_ROWS);
    let bytes: Vec<u8> = hashed
        .iter()
        .flat_map(|(hash, _)| hash.to_le_bytes())
        .collect();
    let gathered = ranks.all_gather(&bytes)?;
    let words = gathered.iter().flat_map(|bytes| bytes.as_chunks::<8>().0);
    let mut all: Vec<u64> = words.map(|bytes| u64::from_le_bytes(*bytes)).collect();
    if all.len() > SAMPLE_ROWS {
        let (_, &mut greatest, _) = all.select_nth_unstable(SAMPLE_ROWS - 1);
        hashed.retain(|(hash, _)| *hash <= greatest);
    }
    Ok(hashed.into_iter().map(|(_, row)| row).collect())
}

fn bin_column(
    table: &Table,
    place: usize,
    chosen: &[usize],
    max_bins: usize,
    ranks: &dyn Collective,
) -> Result<BinnedColumn, FitError> {
    let (bins, codes, n_bins) = match table.column_at(place) {
        Column::Number(values) => {
            let bytes: Vec<u8> = chosen
                .iter()
                .flat_map(|&row| values[row].to_le_bytes())
                .collect();
            let gathered = ranks.all_gather(&bytes)?;
            let words = gathered.iter().flat_map(|bytes| bytes.as_chunks::<8>().0);
            let sample: Vec<f64> = words.map(|bytes| f64::from_le_bytes(*bytes)).collect();
            let edges = number_edges(&sample, max_bins);
            let codes = bin_numbers(values, &edges);
            let n_bins = edges.len() + 1;
            (Bins::Number { edges }, codes, n_bins)
        }
        Column::Category { codes, levels } => {
            let mut counts: Vec<i64> = level_counts(codes, levels.len())
                .into_iter()
                .map(|count| count as i64)
                .collect();
            ranks.all_reduce_i64(&mut counts)?;
            let counts: Vec<usize> = counts.into_iter().map(|count| count as usize).collect();
            let (bin_of_code, n_bins) = level_bins(&counts, max_bins);
            let of_row = |&code: &u32| bin_of_category(&bin_of_code, code);
            let codes = codes.iter().map(of_row).collect();
            (Bins::Category { bin_of_code }, codes, n_bins)
        }
        _ => unreachable!("other columns were refused"),
    };
    Ok(BinnedColumn {
        column: place,
        bins,
        n_bins,
        codes,
    })
}

/// Drops the columns whose rows are all in one bin, on all ranks together.
fn drop_constant(
    columns: &mut Vec<BinnedColumn>,
    ranks: &dyn Collective,
) -> Result<(), CollectiveError> {
    let ends = |column: &BinnedColumn| {
        let codes = column.codes.iter().copied();
        let (least, most) = (codes.clone().min(), codes.max());
        // Without rows, as if none were below or above any.
        [
            -f64::from(least.unwrap_or(u8::MAX)),
            f64::from(most.unwrap_or(0)),
        ]
    };
    let mut all: Vec<f64> = columns.iter().flat_map(ends).collect();
    ranks.all_reduce_max_f64(&mut all)?;
    let mut ends = all.as_chunks::<2>().0.iter();
    columns.retain(|column| {
        let differs = ends.next().is_some_and(|[least, most]| -least < *most);
        column.n_bins > 1 && differs
    });
    Ok(())
}
