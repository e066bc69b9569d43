//! Histograms are sums over rows, however they are cut, packed and subtracted.

use super::*;
use automl_core::{Column, Dataset, Table, Target, Task};
use std::sync::Arc;

/// Numbers drawn at random, some missing: more rows than two chunks.
fn matrix(n_rows: usize) -> Arc<BinnedMatrix> {
    let number = |column: u64, row: usize| {
        let draw = Seed(column).indexed(row as u64).0;
        if draw.is_multiple_of(50) {
            f64::NAN
        } else {
            (draw >> 40) as f64
        }
    };
    let columns = (0..11).map(|column| {
        let values = (0..n_rows).map(|row| number(column, row)).collect();
        (format!("x{column}"), Column::Number(values))
    });
    let table = Table::new(columns.collect()).unwrap();
    let target = Target::Numbers(vec![0.0; n_rows].into());
    let data = Dataset::new(table, Task::Regression, target).unwrap();
    crate::tests::binned(&data, true)
}

fn pairs(n_rows: usize) -> Vec<GradHess> {
    let unit = |draw: u64| (draw >> 40) as f32 / (1 << 24) as f32;
    let pair = |row: u64| {
        let seed = Seed(77).indexed(row);
        [
            unit(seed.named("g").0) * 6.0 - 2.0,
            unit(seed.named("h").0) * 0.25,
        ]
    };
    (0..n_rows as u64).map(pair).collect()
}

/// All cells of all features of a histogram over rows, `None` for all, and the sums.
fn cells(
    matrix: &BinnedMatrix,
    rows: Option<&[u32]>,
    pairs: &[GradHess],
    is_packed: bool,
    threads: &Threads,
) -> (Vec<Cell>, Cell) {
    let mut histograms = Histograms::new(matrix, threads.clone(), is_packed);
    let features: Vec<u32> = (0..matrix.features.len() as u32).collect();
    let sums = histograms.start(rows, pairs, &features, Seed(5));
    let histogram = histograms.build(rows, pairs);
    let mut all = Vec::new();
    for feature in matrix.features.iter() {
        all.extend_from_slice(histograms.cells(feature, &histogram, sums, &mut Vec::new()));
    }
    (all, sums)
}

fn by_row(matrix: &BinnedMatrix, rows: &[u32], pairs: &[GradHess]) -> Vec<Cell> {
    let mut all = Vec::new();
    for (index, feature) in matrix.features.iter().enumerate() {
        let mut cells = vec![[0.0; 2]; feature.n_bins];
        for &row in rows {
            let bin = matrix.bin(index, row as usize) as usize;
            GradHess::add(&mut cells[bin], pairs[row as usize].term());
        }
        all.extend(cells);
    }
    all
}

#[test]
fn cells_are_sums_over_rows_at_any_number_of_threads() {
    let n_rows = 40_000;
    let (matrix, pairs) = (matrix(n_rows), pairs(n_rows));
    let drawn: Vec<u32> = (0..n_rows as u32).filter(|row| row % 4 != 1).collect();
    let all: Vec<u32> = (0..n_rows as u32).collect();
    let three = Threads::new(3).unwrap();
    for (rows, listed) in [(None, &all), (Some(drawn.as_slice()), &drawn)] {
        let found = cells(&matrix, rows, &pairs, false, &Threads::one());
        assert_eq!(found, cells(&matrix, rows, &pairs, false, &three));
        for (cell, expected) in found.0.iter().zip(by_row(&matrix, listed, &pairs)) {
            assert!((cell[0] - expected[0]).abs() < 1e-8 && (cell[1] - expected[1]).abs() < 1e-8);
        }
    }
}

#[test]
fn packed_cells_are_unbiased_and_alike_at_any_number_of_threads() {
    let n_rows = 40_000;
    let (matrix, pairs) = (matrix(n_rows), pairs(n_rows));
    let drawn: Vec<u32> = (0..n_rows as u32).filter(|row| row % 4 != 1).collect();
    let found = cells(&matrix, Some(&drawn), &pairs, true, &Threads::one());
    assert_eq!(
        found,
        cells(
            &matrix,
            Some(&drawn),
            &pairs,
            true,
            &Threads::new(3).unwrap()
        )
    );
    // Each row is off by less than one level; the errors of a cell's rows cancel like those of a random walk.
    let units = [4.0, 0.25].map(|most: f64| most * drawn.len() as f64 / (1_u64 << 31) as f64);
    for (cell, expected) in found.0.iter().zip(by_row(&matrix, &drawn, &pairs)) {
        let n_rows_of_cell = expected[1] / 0.125 + 10.0;
        for part in 0..2 {
            let error = (cell[part] - expected[part]).abs();
            assert!(
                error < 5.0 * units[part] * n_rows_of_cell.sqrt(),
                "{cell:?} for {expected:?}"
            );
        }
    }
}

#[test]
fn a_sibling_is_what_is_left_of_the_parent() {
    let n_rows = 3000;
    let (matrix, pairs) = (matrix(n_rows), pairs(n_rows));
    let (left, right): (Vec<u32>, Vec<u32>) = (0..n_rows as u32).partition(|row| row % 3 == 0);
    for is_packed in [false, true] {
        let mut histograms = Histograms::new(&matrix, Threads::one(), is_packed);
        let features: Vec<u32> = (0..matrix.features.len() as u32).collect();
        histograms.start(None, &pairs, &features, Seed(1));
        let mut parent = histograms.build(None, &pairs);
        let of_left = histograms.build(Some(&left), &pairs);
        let of_right = histograms.build(Some(&right), &pairs);
        parent.subtract(&of_left);
        for feature in matrix.features.iter() {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            let found = histograms.cells(feature, &parent, [0.0; 2], &mut a);
            let expected = histograms.cells(feature, &of_right, [0.0; 2], &mut b);
            for (cell, expected) in found.iter().zip(expected) {
                let error = (cell[0] - expected[0])
                    .abs()
                    .max((cell[1] - expected[1]).abs());
                assert!(if is_packed {
                    error == 0.0
                } else {
                    error < 1e-10
                });
            }
        }
    }
}

#[test]
fn gradients_alone_give_the_same_bits_where_every_hessian_is_one() {
    let matrix = matrix(UNIT_ROWS);
    let mut pairs = pairs(UNIT_ROWS);
    for pair in &mut pairs {
        pair[1] = 1.0;
    }
    let features: Vec<u32> = (0..matrix.features.len() as u32).collect();
    let leaf: Vec<u32> = (0..UNIT_ROWS as u32).filter(|row| row % 3 != 0).collect();
    let built = |pairs: &[GradHess], has_units: bool| {
        let mut histograms = Histograms::new(&matrix, Threads::one(), false);
        histograms.start(None, pairs, &features, Seed(1));
        assert_eq!(
            matches!(histograms.store, Store::Plain(_, Some(_))),
            has_units
        );
        match histograms.build(Some(&leaf), pairs) {
            Histogram::Plain(cells) => cells,
            Histogram::Packed(_) | Histogram::Fixed(_) => {
                panic!("no quantised gradients were asked for")
            }
        }
    };
    let alone = built(&pairs, true);
    // A row that is not of the leaf makes the tree one of any Hessians.
    pairs[0][1] = 2.0;
    assert_eq!(alone, built(&pairs, false));
}
