//! Attributions are those of the definition, summed up over all sets of columns.

use super::paths::Cutter;
use super::*;
use crate::tests::{classification, fit_rows, regression};
use crate::{EXTRA_TREES, GRADIENT_BOOSTING, RANDOM_FOREST};
use automl_core::{Artifact, Column, Dataset, LearnerSpec, Levels, MISSING_CODE, UNSEEN_CODE};

/// `m` columns in turn of numbers, numbers with holes, few categories and many; the target depends on all of them.
fn data(n: usize, m: usize, n_classes: usize) -> Dataset {
    let mix = |i: usize, k: usize| (i * 7919 + i * i * (k + 3) + k * 31) % 10_007;
    let names: Vec<String> = (0..m).map(|k| format!("x{k}")).collect();
    let column = |k: usize| match k % 4 {
        0 => Column::Number((0..n).map(|i| mix(i, k) as f64).collect()),
        1 => {
            let holed = |i| {
                if mix(i, k) % 5 == 0 {
                    f64::NAN
                } else {
                    (mix(i, k) % 40) as f64
                }
            };
            Column::Number((0..n).map(holed).collect())
        }
        kind => {
            let n_levels = if kind == 2 { 7 } else { 150 };
            let code = |i| match mix(i, k) % (n_levels + 2) {
                code if code == n_levels => MISSING_CODE,
                code if code > n_levels => UNSEEN_CODE,
                code => code as u32,
            };
            let levels = Levels::new((0..n_levels).map(|level| level.to_string()));
            Column::category((0..n).map(code).collect(), levels)
        }
    };
    let columns = names
        .iter()
        .enumerate()
        .map(|(k, name)| (name.as_str(), column(k)));
    let columns: Vec<_> = columns.collect();
    let score = |i: usize| -> f64 {
        let terms = (0..m).map(|k| (mix(i, k) % 40) as f64 * (mix(i, (k + 1) % m) % 7) as f64);
        terms.sum()
    };
    if n_classes == 0 {
        return regression(columns, (0..n).map(score).collect());
    }
    let code = |i| score(i) as u32 % n_classes as u32;
    classification(columns, (0..n).map(code).collect(), n_classes)
}

fn artifact(spec: &LearnerSpec, map: &str, data: &Dataset) -> Artifact {
    let fitted = fit_rows(spec, map, data, &data.all_rows(), None, 1);
    fitted.unwrap().model.artifact()
}

/// The score of one output where only the columns in `known` are.
fn score_of_known(
    ensemble: &Ensemble,
    output: usize,
    n_outputs: usize,
    row: &[u64],
    known: usize,
) -> f64 {
    let covers = ensemble.node_covers().unwrap();
    let trees =
        (0..ensemble.n_trees()).filter(|tree| ensemble.width > 1 || tree % n_outputs == output);
    let mut sum = 0.0;
    for tree in trees {
        let mut stack = vec![(ensemble.roots[tree] as usize, 1.0)];
        while let Some((index, share)) = stack.pop() {
            let node = &ensemble.nodes[index];
            let child = node.child as usize;
            if node.is_leaf() {
                let place = if ensemble.width > 1 { output } else { 0 };
                sum += share * ensemble.values[child * ensemble.width + place];
                continue;
            }
            let slot = (node.slot & SLOT) as usize;
            if known >> ensemble.slots[slot] & 1 == 1 {
                let goes_left = ensemble.goes_left::<true>(node, row[slot]);
                stack.push((child + usize::from(!goes_left), share));
            } else {
                stack.push((child, share * covers[child] / covers[index]));
                stack.push((child + 1, share * covers[child + 1] / covers[index]));
            }
        }
    }
    sum
}

fn factorial(n: u32) -> f64 {
    (1..=n).map(f64::from).product()
}

/// By the definition: values of columns and the expected score, then half the interactions of pairs.
fn by_enumeration(score: &[f64], m: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = m as u32;
    let size = |set: usize| set.count_ones();
    let mut values = vec![0.0; m + 1];
    values[m] = score[0];
    let mut pairs = vec![vec![0.0; m]; m];
    for i in 0..m {
        for set in (0..1_usize << m).filter(|set| set >> i & 1 == 0) {
            let weight = factorial(size(set)) * factorial(n - size(set) - 1) / factorial(n);
            values[i] += weight * (score[set | 1 << i] - score[set]);
            for j in (0..m).filter(|&j| j != i && set >> j & 1 == 0) {
                let both = score[set | 1 << i | 1 << j] - score[set | 1 << i] - score[set | 1 << j]
                    + score[set];
                let weight = factorial(size(set)) * factorial(n - size(set) - 2) / factorial(n - 1);
                pairs[i][j] += weight * both / 2.0;
            }
        }
    }
    (values, pairs)
}

fn check(artifact: &Artifact, data: &Dataset, n_outputs: usize, rows: &[u32]) {
    let ensemble = Ensemble::read(artifact).unwrap();
    let view = data.table().rows(rows);
    let m = data.table().n_columns();
    let columns = ensemble.bind(data.table()).unwrap();
    let cells = cells(&view, 0, rows.len(), &columns);
    let threads = Threads::one();
    let of = |detail| {
        ensemble
            .attributions(&view, n_outputs, detail, &threads)
            .unwrap()
    };
    let (values, pairs) = (of(Detail::Columns), of(Detail::Pairs));
    for row in 0..rows.len() {
        let row_cells: Vec<u64> = cells
            .iter()
            .skip(row)
            .step_by(rows.len())
            .copied()
            .collect();
        for output in 0..n_outputs {
            let scores: Vec<f64> = (0..1 << m)
                .map(|known| score_of_known(&ensemble, output, n_outputs, &row_cells, known))
                .collect();
            let scale = scores
                .iter()
                .fold(0.0_f64, |max, score| max.max(score.abs()));
            let close = |a: f64, b: f64| (a - b).abs() < 1e-10 * scale;
            let (expected, expected_pairs) = by_enumeration(&scores, m);
            let values = &values[(row * n_outputs + output) * (m + 1)..][..=m];
            let pairs =
                &pairs[(row * n_outputs + output) * (m + 1) * (m + 1)..][..(m + 1) * (m + 1)];
            for i in 0..=m {
                assert!(
                    close(values[i], expected[i]),
                    "row {row}, column {i}: {} for {}",
                    values[i],
                    expected[i]
                );
                let of_i = &pairs[i * (m + 1)..][..=m];
                assert!(
                    close(of_i.iter().sum(), expected[i]),
                    "row {row}, sum of pairs {i}"
                );
                for j in (0..m).filter(|&j| i < m && j != i) {
                    assert!(
                        close(of_i[j], expected_pairs[i][j]),
                        "row {row}, pair {i} {j}"
                    );
                }
            }
        }
    }
}

/// A column whose levels have a mean for each class is one player of the game, whatever numbers of it a path asks for.
#[test]
fn a_column_of_several_means_is_one_column() {
    let map = r#"{"n_trees":10,"cat_encoding":"ordered_target","max_sorted_levels":10}"#;
    let data = data(600, 4, 3);
    let artifact = artifact(&GRADIENT_BOOSTING, map, &data);
    assert!(artifact.u32s("slots").unwrap().len() > 4);
    check(&artifact, &data, 3, &[0, 1, 17, 33, 128, 299]);
}

#[test]
fn they_are_the_shapley_values_of_all_sets_of_columns() {
    let rows = [0, 1, 17, 33, 128, 299];
    for (n_classes, n_outputs) in [(0, 1), (3, 3)] {
        let data = data(300, 6, n_classes);
        for spec in [&GRADIENT_BOOSTING, &RANDOM_FOREST, &EXTRA_TREES] {
            let map = match spec.id {
                "gradient_boosting" => {
                    "{\"n_trees\":3,\"min_rows_per_leaf\":3,\"min_rows_per_category\":3,\"learning_rate\":0.5}"
                }
                _ => "{\"n_trees\":3}",
            };
            check(&artifact(spec, map, &data), &data, n_outputs, &rows);
        }
    }
}

#[test]
fn long_paths_are_exact_too() {
    let data = data(900, 16, 0);
    let artifact = artifact(
        &EXTRA_TREES,
        "{\"n_trees\":1,\"min_rows_per_leaf\":1,\"column_fraction\":0.05}",
        &data,
    );
    let ensemble = Ensemble::read(&artifact).unwrap();
    let covers = ensemble.node_covers().unwrap();
    let mut groups = Vec::new();
    Cutter::new(&ensemble, &covers).cut(0, |group| {
        groups.push((group.has_patterns(), group.leaves().count()));
    });
    let total: usize = groups.iter().map(|(_, n_leaves)| n_leaves).sum();
    assert_eq!(total, ensemble.values.len());
    assert!(groups.iter().any(|(has_patterns, _)| !has_patterns));
    assert!(groups.iter().any(|(_, n_leaves)| *n_leaves > 2));
    check(&artifact, &data, 1, &[5, 250]);
}

#[test]
fn leaves_that_no_weight_fell_into_are_withstood() {
    let data = data(300, 6, 0);
    let mut artifact = artifact(&GRADIENT_BOOSTING, "{\"n_trees\":3}", &data);
    let n_leaves = artifact.f64s("leaf_covers").unwrap().len();
    artifact.push_f64("leaf_covers", vec![0.0; n_leaves]);
    let ensemble = Ensemble::read(&artifact).unwrap();
    let view = data.table().view();
    let values = ensemble
        .attributions(&view, 1, Detail::Columns, &Threads::one())
        .unwrap();
    let mut scores = vec![0.0; 300];
    ensemble.add_scores(&view, 1, &mut scores).unwrap();
    for (values, score) in values.chunks(7).zip(&scores) {
        let sum: f64 = values.iter().sum();
        assert!((sum - score).abs() < 1e-9, "{sum} for {score}");
    }
}

#[test]
fn quadrature_is_exact_for_polynomials() {
    for n_quads in 1..20 {
        let rule = quadrature::rule(n_quads);
        for degree in [0, 1, 4, 8 * n_quads - 1] {
            let term = |t: f64, weight: f64| weight * t.powi(degree as i32);
            let sum: f64 = rule
                .iter()
                .flat_map(|points| points.t.into_iter().zip(points.weight))
                .map(|(t, weight)| term(t, weight))
                .sum();
            let exact = 1.0 / (degree as f64 + 1.0);
            assert!(
                (sum - exact).abs() < 1e-13,
                "{n_quads} {degree}: {sum} for {exact}"
            );
        }
    }
}
