//! Every value lies in the bin whose edges enclose it.

use super::*;

#[test]
fn few_values_have_a_bin_each_and_missing_has_bin_zero() {
    let values = [3.0, 1.0, f64::NAN, 2.0, 1.0];
    let edges = number_edges(&values, 255);
    assert_eq!(edges, [1.5, 2.5, f64::INFINITY]);
    assert_eq!(bin_numbers(&values, &edges), [3, 1, 0, 2, 1]);
}

#[test]
fn many_values_share_bins_of_about_equal_size() {
    let values: Vec<f64> = (0..10_000)
        .map(|i| f64::from((i * 7919) % 10_007))
        .collect();
    for max_bins in [2, 16, 63, 255] {
        let edges = number_edges(&values, max_bins);
        assert!(edges.len() <= max_bins && edges.is_sorted() && edges.len() + 1 >= max_bins);
        let bins = bin_numbers(&values, &edges);
        for (value, bin) in values.iter().zip(bins) {
            let place = bin as usize - 1;
            assert!(*value <= edges[place] && (place == 0 || *value > edges[place - 1]));
        }
    }
}

#[test]
fn a_frequent_value_has_a_bin_of_its_own() {
    let values: Vec<f64> = (0..3000)
        .map(|i| if i % 2 == 0 { 0.0 } else { f64::from(i) })
        .collect();
    let edges = number_edges(&values, 8);
    assert!(
        edges[0] > 0.0 && edges[0] < 1.0 && edges.len() == 8,
        "{edges:?}"
    );
}

#[test]
fn every_value_is_in_the_first_bin_whose_edge_it_does_not_pass() {
    let grid: Vec<f64> = (0..200).map(f64::from).collect();
    let close: Vec<f64> = (0..255).map(|i| 1e6 + f64::from(i) * 1e-9).collect();
    let far: Vec<f64> = (0..255).map(|i| (f64::from(i) - 127.0).powi(9)).collect();
    let wild = vec![
        -f64::MAX,
        -1e-300,
        0.0,
        5e-324,
        1.0,
        f64::MAX,
        f64::INFINITY,
    ];
    for edges in [
        grid,
        close,
        far,
        wild,
        vec![0.5, f64::INFINITY],
        vec![f64::INFINITY],
    ] {
        let near = edges
            .iter()
            .flat_map(|&edge| [edge, edge.next_up(), edge.next_down()]);
        let values: Vec<f64> = near
            .chain([0.0, -0.0, 1e300, -1e300, f64::NEG_INFINITY])
            .collect();
        for (bin, &value) in bin_numbers(&values, &edges).iter().zip(&values) {
            let below = edges.iter().filter(|&&edge| edge < value).count();
            assert_eq!(
                usize::from(*bin),
                (below + 1).min(255),
                "{value} in {edges:?}"
            );
        }
    }
}

#[test]
fn infinite_values_stand_at_the_ends() {
    let edges = [0.5, f64::INFINITY];
    assert_eq!(
        bin_numbers(&[f64::NEG_INFINITY, f64::INFINITY], &edges),
        [1, 2]
    );
}

#[test]
fn rare_levels_share_the_last_bin_and_empty_levels_are_unseen() {
    let codes = [0, 0, 0, 2, 2, 3, 4, u32::MAX];
    let (bins, n_bins) = level_bins(&level_counts(&codes, 6), 3);
    assert_eq!(
        (bins.as_slice(), n_bins),
        ([1, 0, 2, 3, 3, 0].as_slice(), 4)
    );
    assert_eq!(bin_of_category(&bins, u32::MAX), 0);
}

const RULES: BinningRules = BinningRules {
    max_bins: 255,
    has_bundles: false,
    levels_max: usize::MAX,
};

/// Three columns, of which the budget lets none, and then all, be binned.
#[test]
fn a_build_that_the_budget_ends_goes_on_where_it_stopped() {
    let column = |factor: usize| (0..50).map(|row| (row * factor % 17) as f64).collect();
    let table = || {
        let columns =
            [3, 5, 7].map(|factor| (format!("x{factor}"), Column::Number(column(factor))));
        automl_core::Table::new(columns.into()).unwrap()
    };
    let dataset = || {
        let target = automl_core::Target::Numbers(vec![0.0; 50].into());
        Dataset::new(table(), automl_core::Task::Regression, target).unwrap()
    };
    let (data, threads) = (dataset(), Threads::one());
    let of =
        |data: &Dataset, budget: &Budget| BinnedMatrix::of(data, "test", RULES, &threads, budget);
    let over = Budget::unlimited();
    over.cancel.cancel();
    assert!(matches!(of(&data, &over), Err(FitError::Cancelled)));
    // What was binned before the end is taken as it is, so one column is put in the place of another.
    let begun = data
        .derived()
        .get_or_build(&format!("{RULES:?}"), Begun::default);
    let done = bin_column(0, &Column::Number(column(5)), RULES);
    begun.0.lock().unwrap().insert(0, done);
    let matrix = of(&data, &Budget::unlimited()).unwrap();
    let whole = of(&dataset(), &Budget::unlimited()).unwrap();
    let bins = |matrix: &BinnedMatrix, column: usize| {
        let feature = matrix
            .features
            .iter()
            .position(|feature| feature.column == column);
        let feature = feature.unwrap();
        (0..50)
            .map(|row| matrix.bin(feature, row))
            .collect::<Vec<_>>()
    };
    assert_eq!(bins(&matrix, 0), bins(&whole, 1));
    assert_eq!(bins(&matrix, 2), bins(&whole, 2));
}
