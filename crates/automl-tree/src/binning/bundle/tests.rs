//! A matrix with shared lanes says the same of every row as one without.

use crate::binning::BinnedMatrix;
use crate::histogram::Histograms;
use automl_core::{Column, Dataset, Levels, MISSING_CODE, Seed, Table, Target, Task, Threads};
use proptest::prelude::*;
use std::sync::Arc;

fn binned(columns: Vec<Column>, has_bundles: bool) -> Arc<BinnedMatrix> {
    let n_rows = columns[0].n_rows();
    let named = |(place, column)| (format!("x{place}"), column);
    let table = Table::new(columns.into_iter().enumerate().map(named).collect()).unwrap();
    let target = Target::Numbers(vec![0.0; n_rows].into());
    let data = Dataset::new(table, Task::Regression, target).unwrap();
    crate::tests::binned(&data, has_bundles)
}

fn bytes_a_row(matrix: &BinnedMatrix) -> usize {
    matrix.groups.iter().map(|group| group.lanes).sum()
}

/// 0/1 columns, one for each level of `levels`.
fn one_hot(levels: &[usize], n_levels: usize) -> Vec<Column> {
    let column = |level| {
        let is_on = |&row: &usize| f64::from(u8::from(row == level));
        Column::Number(levels.iter().map(is_on).collect())
    };
    (0..n_levels).map(column).collect()
}

#[test]
fn the_columns_of_a_one_hot_coding_become_one_byte() {
    let levels: Vec<usize> = (0..2000).map(|row| row * 7 % 200).collect();
    assert_eq!(bytes_a_row(&binned(one_hot(&levels, 200), false)), 200);
    let matrix = binned(one_hot(&levels, 200), true);
    assert_eq!((bytes_a_row(&matrix), matrix.features.len()), (1, 200));
    // 300 codes are too many for one byte; the three columns of the second coding are not sparse.
    let levels: Vec<usize> = (0..3000).map(|row| row * 7 % 300).collect();
    let three: Vec<usize> = (0..3000).map(|row| row % 3).collect();
    let both = [one_hot(&levels, 300), one_hot(&three, 3)].concat();
    assert_eq!(bytes_a_row(&binned(both, true)), 2 + 3);
}

#[test]
fn columns_with_one_row_in_common_share_no_lane() {
    let mut columns: Vec<Vec<f64>> = (0..4)
        .map(|place| {
            (0..100)
                .map(|row| f64::from(u8::from(row % 10 == place)))
                .collect()
        })
        .collect();
    let numbers = |columns: &[Vec<f64>]| columns.iter().cloned().map(Column::Number).collect();
    assert_eq!(bytes_a_row(&binned(numbers(&columns), true)), 1);
    columns[3][0] = 1.0;
    assert_eq!(bytes_a_row(&binned(numbers(&columns), true)), 2);
}

#[test]
fn a_pair_among_many_columns_is_not_worth_a_lane() {
    let pair = one_hot(&(0..100).map(|row| row % 10).collect::<Vec<_>>(), 2);
    let dense = |place| Column::Number((0..100).map(|row| f64::from(row * place % 7)).collect());
    let few = [pair.clone(), vec![dense(1)]].concat();
    assert_eq!(bytes_a_row(&binned(few, true)), 2);
    let many = [pair, (1..6).map(dense).collect()].concat();
    assert_eq!(bytes_a_row(&binned(many, true)), 7);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    /// Each row has at most one unusual cell among the sparse columns, of any kind: numbers that are mostly missing, or
    /// mostly another number, and categories.
    #[test]
    fn bins_and_cells_are_those_of_lanes_of_their_own(
        rows in prop::collection::vec((0_usize..14, 0_u32..40), 60..300),
        gradients in prop::collection::vec(-1.0_f32..1.0, 300),
    ) {
        let number = |usual: f64, place: usize| {
            let cell = |&(column, value): &(usize, u32)| if column == place { f64::from(value) } else { usual };
            Column::Number(rows.iter().map(cell).collect())
        };
        let category = |usual: u32, place: usize| {
            let cell = |&(column, value): &(usize, u32)| if column == place { value } else { usual };
            let levels = Levels::new((0..40).map(|level| level.to_string()));
            Column::category(rows.iter().map(cell).collect(), levels)
        };
        let columns = vec![
            number(0.0, 0), number(f64::NAN, 1), number(7.5, 2), number(100.0, 3),
            category(3, 4), category(MISSING_CODE, 5), number(-1.0, 6),
            Column::Number(rows.iter().map(|row| f64::from(row.1)).collect()),
        ];
        let (plain, bundled) = (binned(columns.clone(), false), binned(columns, true));
        prop_assert!(bytes_a_row(&bundled) < bytes_a_row(&plain));
        prop_assert_eq!(bundled.features.len(), plain.features.len());
        let leaf: Vec<u32> = (0..rows.len() as u32).filter(|row| row % 3 != 1).collect();
        let all: Vec<u32> = (0..plain.features.len() as u32).collect();
        let pairs: Vec<[f32; 2]> = gradients.iter().map(|&gradient| [gradient, 1.0]).collect();
        let mut plain_histograms = Histograms::new(&plain, Threads::one(), false);
        let mut bundled_histograms = Histograms::new(&bundled, Threads::one(), false);
        let sums = plain_histograms.start(Some(&leaf), &pairs, &all, Seed(0));
        bundled_histograms.start(Some(&leaf), &pairs, &all, Seed(0));
        let of_plain = plain_histograms.build(Some(&leaf), &pairs);
        let of_bundled = bundled_histograms.build(Some(&leaf), &pairs);
        for (place, (a, b)) in plain.features.iter().zip(bundled.features.iter()).enumerate() {
            prop_assert_eq!((a.column, &a.bins, a.n_bins), (b.column, &b.bins, b.n_bins));
            for row in 0..rows.len() {
                prop_assert_eq!(plain.bin(place, row), bundled.bin(place, row));
            }
            let (mut first, mut second) = (Vec::new(), Vec::new());
            let cells = plain_histograms.cells(a, &of_plain, sums, &mut first);
            let others = bundled_histograms.cells(b, &of_bundled, sums, &mut second);
            prop_assert_eq!(cells.len(), others.len());
            for (cell, other) in cells.iter().zip(others) {
                prop_assert!((cell[0] - other[0]).abs() < 1e-9 && (cell[1] - other[1]).abs() < 1e-9);
            }
        }
    }
}
