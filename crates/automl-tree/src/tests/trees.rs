//! What a model says of its trees: covers, leaves, importances, and predictions round by round.

use super::{classification, fit, fit_rows, params, predict, regression, wave};
use crate::{
    EXTRA_TREES, ExtraTrees, ExtraTreesParams, GRADIENT_BOOSTING, RANDOM_FOREST, RandomForest,
    RandomForestParams,
};
use automl_core::*;

/// A number with holes, a category and noise; classes or numbers that follow the first two.
pub(crate) fn mixed(n: usize, n_classes: usize) -> Dataset {
    let (x, y) = wave(n);
    let holed = |(i, &x): (usize, &f64)| if i % 11 == 3 { f64::NAN } else { x };
    let codes: Vec<u32> = (0..n as u32).map(|i| i * 53 % 11).collect();
    let score = |i: usize| y[i] + f64::from(codes[i] * 7 % 11) * 0.2;
    let columns = vec![
        (
            "x",
            Column::Number(x.iter().enumerate().map(holed).collect()),
        ),
        (
            "noise",
            Column::Number((0..n).map(|i| (i * 7919 % 1009) as f64).collect()),
        ),
        (
            "c",
            Column::category(codes.clone(), Levels::new((0..11).map(|l| l.to_string()))),
        ),
    ];
    if n_classes == 0 {
        return regression(columns, (0..n).map(score).collect());
    }
    let code = |i: usize| (score(i) as u32).min(n_classes as u32 - 1);
    classification(columns, (0..n).map(code).collect(), n_classes)
}

pub(crate) const SMALL: &str = "{\"n_trees\":7}";

pub(crate) fn of_all_kinds() -> Vec<(Dataset, Fitted)> {
    let mut all = Vec::new();
    for spec in [&GRADIENT_BOOSTING, &RANDOM_FOREST, &EXTRA_TREES] {
        for n_classes in [0, 2, 3] {
            let data = mixed(500, n_classes);
            let fitted = fit_rows(spec, SMALL, &data, &data.all_rows(), None, 1).unwrap();
            all.push((data, fitted));
        }
    }
    all
}

fn weighted(data: Dataset) -> Dataset {
    let weights: Vec<f64> = (0..data.n_rows()).map(|row| (row % 4) as f64).collect();
    data.with_weight(weights).unwrap()
}

#[test]
fn covers_count_rows_by_their_weight() {
    let total = |data: &Dataset, spec: &LearnerSpec, map: &str| {
        let fitted = fit_rows(spec, map, data, &data.all_rows(), None, 1).unwrap();
        let artifact = fitted.model.artifact();
        artifact.f64s("leaf_covers").unwrap().iter().sum::<f64>()
    };
    let (plain, heavy) = (mixed(500, 0), weighted(mixed(500, 0)));
    assert_eq!(total(&plain, &GRADIENT_BOOSTING, SMALL), 7.0 * 500.0);
    assert_eq!(total(&heavy, &GRADIENT_BOOSTING, SMALL), 7.0 * 750.0);
    assert_eq!(total(&plain, &RANDOM_FOREST, SMALL), 7.0 * 500.0);
    assert_eq!(total(&heavy, &EXTRA_TREES, SMALL), 7.0 * 750.0);
    let half = "{\"n_trees\":7,\"row_fraction\":0.5}";
    assert_eq!(total(&plain, &RANDOM_FOREST, half), 7.0 * 250.0);
}

#[test]
fn models_written_without_covers_still_load() {
    for (data, fitted) in of_all_kinds() {
        let mut artifact = fitted.model.artifact();
        artifact.arrays.remove("leaf_covers").unwrap();
        let load = |artifact: &Artifact| match artifact.kind.as_str() {
            "gradient_boosting" => (GRADIENT_BOOSTING.load)(artifact),
            "random_forest" => (RANDOM_FOREST.load)(artifact),
            _ => (EXTRA_TREES.load)(artifact),
        };
        let old = load(&artifact).unwrap();
        assert_eq!(old.artifact(), artifact);
        assert_eq!(old.importance(), fitted.model.importance());
        assert_eq!(
            old.predict(&data.table().view()).unwrap().values(),
            predict(&fitted, &data)
        );
        let trees = old.as_trees().unwrap();
        assert_eq!(trees.importance_by(ImportanceKind::Cover), None);
        assert!(trees.importance_by(ImportanceKind::Splits).is_some());
    }
}

#[test]
fn altered_covers_and_shared_children_are_refused() {
    let artifact = fit(SMALL, &mixed(500, 0)).model.artifact();
    let refused = |change: &dyn Fn(&mut Artifact), part: &str| {
        let mut altered = artifact.clone();
        change(&mut altered);
        let error = (GRADIENT_BOOSTING.load)(&altered).err().unwrap();
        assert!(error.to_string().contains(part), "{error}");
    };
    let covers = artifact.f64s("leaf_covers").unwrap();
    let with = |cover: f64| [&covers[1..], &[cover]].concat();
    for wrong in [covers[1..].to_vec(), with(-1.0), with(f64::NAN)] {
        refused(&|a| a.push_f64("leaf_covers", wrong.clone()), "leaf_covers");
    }
    let (slots, children) = (
        artifact.u32s("node_slot").unwrap(),
        artifact.u32s("node_child").unwrap(),
    );
    let is_inner = |&node: &usize| slots[node] >> 31 == 0;
    let last = (0..slots.len()).rfind(is_inner).unwrap();
    let before = (0..last).rfind(is_inner).unwrap();
    let mut shared = children.to_vec();
    shared[before] = shared[last];
    refused(&|a| a.push_u32("node_child", shared.clone()), "node_child");
}

#[test]
fn importance_counts_splits_and_rows() {
    // The first split asks for a, and only rows with a = 1 are split by b.
    let a: Vec<f64> = (0..80).map(|i| f64::from(i / 40)).collect();
    let b: Vec<f64> = (0..80).map(|i| f64::from(i % 2)).collect();
    let y = a.iter().zip(&b).map(|(a, b)| 10.0 * a + a * b).collect();
    let data = regression(vec![("a", Column::Number(a)), ("b", Column::Number(b))], y);
    let fitted = fit("{\"n_trees\":1}", &data);
    let trees = fitted.model.as_trees().unwrap();
    let shares = |kind| {
        let Importance(shares) = trees.importance_by(kind).unwrap();
        shares
    };
    assert_eq!(
        shares(ImportanceKind::Splits),
        [("a".into(), 0.5), ("b".into(), 0.5)]
    );
    assert_eq!(
        shares(ImportanceKind::Cover),
        [("a".into(), 80.0 / 120.0), ("b".into(), 40.0 / 120.0)]
    );
    assert_eq!(
        Some(Importance(shares(ImportanceKind::Gain))),
        fitted.model.importance()
    );
}

#[test]
fn leaves_hold_as_many_rows_as_they_cover() {
    let data = mixed(500, 3);
    let fitted = fit(SMALL, &data);
    let trees = fitted.model.as_trees().unwrap();
    let leaves = trees.leaves(&data.table().view()).unwrap();
    assert_eq!((trees.n_rounds(), trees.n_trees()), (7, 21));
    assert_eq!(leaves.len(), 500 * 21);
    let artifact = fitted.model.artifact();
    let mut covers = artifact.f64s("leaf_covers").unwrap();
    for tree in 0..21 {
        let of_tree: Vec<usize> = leaves
            .iter()
            .skip(tree)
            .step_by(21)
            .map(|&l| l as usize)
            .collect();
        let n_leaves = of_tree.iter().max().unwrap() + 1;
        for (leaf, &cover) in covers[..n_leaves].iter().enumerate() {
            let n_rows = of_tree.iter().filter(|&&l| l == leaf).count();
            assert_eq!(n_rows as f64, cover, "tree {tree}, leaf {leaf}");
        }
        covers = &covers[n_leaves..];
    }
    assert!(covers.is_empty());
}

#[test]
fn a_stage_is_the_model_of_so_many_rounds() {
    for spec in [&GRADIENT_BOOSTING, &RANDOM_FOREST, &EXTRA_TREES] {
        for n_classes in [0, 2, 3] {
            let data = mixed(500, n_classes);
            let of = |n: usize| {
                let map = format!("{{\"n_trees\":{n}}}");
                fit_rows(spec, &map, &data, &data.all_rows(), None, 1).unwrap()
            };
            let whole = of(7);
            let rows: Vec<u32> = (0..500).rev().collect();
            let view = data.table().rows(&rows);
            let trees = whole.model.as_trees().unwrap();
            let stages = trees.staged(&view, &[1, 4, 7, 9]).unwrap();
            for (stage, n) in stages.iter().zip([1, 4, 7, 7]) {
                assert_eq!(
                    stage,
                    &of(n).model.predict(&view).unwrap(),
                    "{} {n}",
                    spec.id
                );
            }
        }
    }
}

fn surroundings(warnings: &Warnings, threads: usize) -> FitContext<'_> {
    FitContext {
        seed: Seed(7),
        threads: Threads::new(threads).unwrap(),
        budget: Budget::unlimited(),
        warnings,
    }
}

fn random_forest(map: &str) -> RandomForest {
    RandomForest::new(RandomForestParams::from_map(&params(map)).unwrap()).unwrap()
}

#[test]
fn out_of_bag_predictions_come_with_the_same_forest_at_any_thread_count() {
    for n_classes in [0, 2, 3] {
        let data = mixed(500, n_classes);
        let rows: Vec<u32> = (50..450).collect();
        let warnings = Warnings::default();
        let learner = random_forest("{\"n_trees\":30}");
        let fit = |threads| {
            let ctx = surroundings(&warnings, threads);
            learner
                .fit_out_of_bag(&ctx, &data.view(&rows).into())
                .unwrap()
        };
        let (fitted, seen) = fit(1);
        let ctx = surroundings(&warnings, 1);
        let plain = learner.fit(&ctx, &data.view(&rows).into()).unwrap();
        assert_eq!(fitted.model.artifact(), plain.model.artifact());
        assert_eq!(fit(3).1, seen);
        // A draw leaves out a third of the rows, so thirty leave out each row at least once.
        assert_eq!(seen.rows, (0..400).collect::<Vec<u32>>());
        assert_eq!(seen.predictions.n_rows(), 400);
        for row in seen.predictions.values().chunks(n_classes.max(1)) {
            assert!(n_classes == 0 || (row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn out_of_bag_predictions_have_not_seen_the_target() {
    // Targets that nothing foretells: a tree that was grown on a row knows it, one that was not does not.
    let n = 200_usize;
    let x = (0..n).map(|i| i as f64).collect();
    let y: Vec<f64> = (0..n).map(|i| (i * i * 7919 % 10_007) as f64).collect();
    let mean = y.iter().sum::<f64>() / n as f64;
    let data = regression(vec![("x", Column::Number(x))], y.clone());
    let warnings = Warnings::default();
    let ctx = surroundings(&warnings, 2);
    let rows = data.all_rows();
    let learner = random_forest("{\"n_trees\":100,\"min_rows_per_leaf\":1}");
    let (fitted, seen) = learner
        .fit_out_of_bag(&ctx, &data.view(&rows).into())
        .unwrap();
    assert_eq!(seen.rows, rows);
    let loss =
        |predicted: &[f64]| -> f64 { y.iter().zip(predicted).map(|(y, p)| (y - p).powi(2)).sum() };
    let variance = loss(&vec![mean; n]);
    assert!(loss(&predict(&fitted, &data)) < 0.5 * variance);
    assert!(loss(seen.predictions.values()) > variance);
}

#[test]
fn trees_grown_on_all_rows_leave_none_out() {
    let data = mixed(100, 0);
    let warnings = Warnings::default();
    let ctx = surroundings(&warnings, 1);
    let learner = ExtraTrees::new(ExtraTreesParams::from_map(&params(SMALL)).unwrap()).unwrap();
    let rows = data.all_rows();
    let (_, seen) = learner
        .fit_out_of_bag(&ctx, &data.view(&rows).into())
        .unwrap();
    assert!(seen.rows.is_empty() && seen.predictions.n_rows() == 0);
}
