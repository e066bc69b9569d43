//! Rows dealt to ranks: the model is the same bytes at any number of them, and as good as one fitted in one place.

use super::*;
use crate::binning::{BinningSketch, bin_dealt};
use crate::{GradientBoosting, GradientBoostingParams};
use automl_collective::threads;
use std::time::Duration;

/// What each rank of a job of `size` gives, each with the next stretch of rows; stretches differ in length.
fn on_ranks<T: Send>(
    data: &Dataset,
    size: usize,
    work: impl Fn(&dyn Collective, &Dataset) -> T + Sync,
) -> Vec<T> {
    let n_rows = data.n_rows();
    let cut = |rank: usize| (n_rows * rank * (rank + 3)) / (size * (size + 3));
    let work = &work;
    std::thread::scope(|scope| {
        let started: Vec<_> = threads(size, Duration::from_mins(1))
            .into_iter()
            .map(|ranks| {
                scope.spawn(move || {
                    let rows: Vec<u32> =
                        (cut(ranks.rank()) as u32..cut(ranks.rank() + 1) as u32).collect();
                    work(&ranks, &shard(data, &rows))
                })
            })
            .collect();
        started.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

fn shard(data: &Dataset, rows: &[u32]) -> Dataset {
    let view = data.view(rows);
    let numbers = view.target_numbers();
    let target = if *data.task() == Task::Regression {
        Target::Numbers(numbers.into())
    } else {
        let classes: Vec<u32> = numbers.into_iter().map(|class| class as u32).collect();
        Target::Classes(classes.into())
    };
    let part = Dataset::new(data.table().gather(rows), data.task().clone(), target).unwrap();
    match view.weights() {
        Some(weights) => part.with_weight(weights).unwrap(),
        None => part,
    }
}

fn learner(map: &str) -> GradientBoosting {
    let params = GradientBoostingParams::from_map(&params(map)).unwrap();
    GradientBoosting::new(params).unwrap()
}

/// Fits a shard; rows are watched by their number among those of all ranks.
fn fit_shard(
    map: &str,
    ranks: &dyn Collective,
    data: &Dataset,
    is_watched: impl Fn(u32) -> bool,
    budget: Budget,
) -> Result<Fitted, FitError> {
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(7),
        threads: Threads::new(1 + ranks.rank() % 2).unwrap(),
        budget,
        warnings: &warnings,
    };
    let number = |row: u32| match data.table().column("number") {
        Some(Column::Number(values)) => values[row as usize] as u32,
        _ => row,
    };
    let all = data.all_rows();
    let has_valid = map.contains("early_stopping_rounds");
    let (valid, train): (Vec<u32>, Vec<u32>) = all
        .iter()
        .partition(|row| has_valid && is_watched(number(**row)));
    let training = TrainingData {
        train: data.view(&train),
        valid: has_valid.then(|| data.view(&valid)),
    };
    learner(map).fit_dealt(&ctx, &training, ranks)
}

/// Fits at 1, 2 and 4 ranks; all models must be the same. Gives one of them, and what was learned.
fn same_model(map: &str, data: &Dataset) -> Fitted {
    // The rows to watch are all in the first half: some ranks have none.
    let n_rows = data.n_rows() as u32;
    let is_watched = |row: u32| row < n_rows / 2 && row % 4 == 3;
    let mut found: Option<Fitted> = None;
    for size in [1, 2, 4] {
        let fitted = on_ranks(data, size, |ranks, data| {
            fit_shard(map, ranks, data, is_watched, Budget::unlimited()).unwrap()
        });
        for one in fitted {
            if let Some(first) = &found {
                assert_eq!(one.learned, first.learned, "{size} ranks, {map}");
                let (a, b) = (one.model.artifact(), first.model.artifact());
                assert_eq!(format!("{a:?}"), format!("{b:?}"), "{size} ranks, {map}");
            } else {
                found = Some(one);
            }
        }
    }
    found.unwrap()
}

/// Numbers, with missing ones, of all rows and of a few; the number of each row; categories, one of which is met late.
fn columns(n: usize) -> (Vec<(&'static str, Column)>, Vec<f64>) {
    let (x, y) = wave(n);
    let noise = |row: usize| ((row * 104_729) % 1013) as f64 / 1013.0 - 0.5;
    let group: Vec<u32> = (0..n).map(|row| (row * 31 % 7) as u32).collect();
    let late: Vec<u32> = (0..n)
        .map(|row| u32::from(row > n * 3 / 4) * (row % 3) as u32)
        .collect();
    let y = (0..n)
        .map(|row| y[row] + 0.3 * noise(row) + f64::from(group[row] % 3) + f64::from(late[row]));
    let y = y.collect();
    let with_missing = |row: usize| {
        if row.is_multiple_of(11) {
            f64::NAN
        } else {
            noise(row)
        }
    };
    let columns = vec![
        ("x", Column::Number(x)),
        ("noise", Column::Number((0..n).map(with_missing).collect())),
        // Constant on the first of two ranks.
        (
            "flag",
            Column::Number(
                (0..n)
                    .map(|row| f64::from(u8::from(row > n * 2 / 3)))
                    .collect(),
            ),
        ),
        (
            "number",
            Column::Number((0..n).map(|row| row as f64).collect()),
        ),
        ("same", Column::Number(vec![4.0; n])),
        (
            "group",
            Column::category(group, Levels::new(["a", "b", "c", "d", "e", "f", "g"])),
        ),
        ("late", Column::category(late, Levels::new(["p", "q", "r"]))),
    ];
    (columns, y)
}

fn numbers(n: usize) -> Dataset {
    let (columns, y) = columns(n);
    regression(columns, y)
}

fn classes(n: usize, n_classes: usize) -> Dataset {
    let (columns, y) = columns(n);
    let codes = y
        .iter()
        .map(|y| ((y + 1.0) * 0.4 * n_classes as f64) as u32 % n_classes as u32);
    let codes = codes.collect();
    classification(columns, codes, n_classes)
}

fn weighted(data: Dataset) -> Dataset {
    let weights: Vec<f64> = (0..data.n_rows())
        .map(|row| 0.1 + (row % 13) as f64 * 0.7)
        .collect();
    data.with_weight(weights).unwrap()
}

#[test]
fn numbers_give_the_same_model_at_any_number_of_ranks() {
    let data = numbers(3000);
    let fitted = same_model(r#"{"n_trees": 40, "early_stopping_rounds": 5}"#, &data);
    assert!(fitted.model.as_trees().unwrap().n_rounds() > 5);
    for map in [
        r#"{"n_trees": 12, "growth": "depth_wise", "max_depth": 4, "monotone_constraints": "x:1", "l1": 0.1}"#,
        r#"{"n_trees": 12, "growth": "symmetric", "row_fraction": 1.0}"#,
        r#"{"n_trees": 12, "extra_random": true, "column_fraction_by_node": 0.5}"#,
    ] {
        same_model(map, &data);
    }
    same_model(r#"{"n_trees": 12}"#, &weighted(numbers(2000)));
}

#[test]
fn counts_and_classes_give_the_same_model_at_any_number_of_ranks() {
    let (columns, y) = columns(2000);
    let counts = regression(
        columns,
        y.iter().map(|y| (y + 1.5).floor().max(0.0)).collect(),
    );
    for objective in ["poisson", "tweedie"] {
        same_model(
            &format!(r#"{{"n_trees": 10, "objective": "{objective}"}}"#),
            &counts,
        );
    }
    same_model(
        r#"{"n_trees": 15, "early_stopping_rounds": 3}"#,
        &weighted(classes(2500, 2)),
    );
    same_model(
        r#"{"n_trees": 8, "early_stopping_rounds": 3}"#,
        &classes(2500, 4),
    );
    same_model(
        r#"{"n_trees": 8, "multiclass": "one_vs_rest"}"#,
        &weighted(classes(2500, 3)),
    );
}

#[test]
fn a_model_of_ranks_is_as_good_as_one_fitted_in_one_place() {
    let data = numbers(4000);
    let map =
        r#"{"n_trees": 80, "learning_rate": 0.1, "row_fraction": 1.0, "column_fraction": 1.0}"#;
    let dealt = same_model(map, &data).model;
    let whole = fit(map, &data).model;
    let error = |model: &dyn Model| {
        let predicted = model.predict(&data.table().view()).unwrap();
        let target = data.view(&data.all_rows()).target_numbers();
        let squares = predicted
            .values()
            .iter()
            .zip(target)
            .map(|(p, y)| (p - y).powi(2));
        (squares.sum::<f64>() / 4000.0).sqrt()
    };
    let (dealt, whole) = (error(dealt.as_ref()), error(whole.as_ref()));
    assert!((dealt / whole - 1.0).abs() < 1e-3, "{dealt} and {whole}");
}

#[test]
fn bins_are_those_of_a_sketch_of_the_whole_table() {
    let n = 200_500;
    let x: Vec<f64> = (0..n)
        .map(|row| f64::from((row * 7919) % 200_501).sqrt())
        .collect();
    let few: Vec<u32> = (0..n as u32).map(|row| row % 300 * (row % 2)).collect();
    let levels = Levels::new((0..300).map(|level| level.to_string()));
    let data = regression(
        vec![
            ("x", Column::Number(x)),
            ("few", Column::category(few, levels)),
        ],
        vec![0.0; n as usize],
    );
    let one = Threads::one();
    let mut sketch = BinningSketch::new(63, false).unwrap();
    sketch.add(data.table()).unwrap();
    let mut builder = sketch.finish(&one).unwrap();
    builder.add(data.table(), &one).unwrap();
    let whole = builder.finish(&one).unwrap().matrix;
    let bins_of = |matrix: &BinnedMatrix| {
        let bins = matrix.features.iter().map(|feature| feature.bins.clone());
        bins.collect::<Vec<_>>()
    };
    for size in [1, 3] {
        let found = on_ranks(&data, size, |ranks, data| {
            let mut counts = vec![0_i64; size];
            counts[ranks.rank()] = data.n_rows() as i64;
            ranks.all_reduce_i64(&mut counts).unwrap();
            let first = counts[..ranks.rank()].iter().sum::<i64>() as u64;
            let binned = bin_dealt(data.table(), first, 63, ranks, &Threads::one()).unwrap();
            (first as usize, binned.matrix)
        });
        for (first, matrix) in found {
            assert_eq!(bins_of(&matrix), bins_of(&whole));
            for row in (0..matrix.n_rows).step_by(997) {
                assert_eq!(matrix.bin(0, row), whole.bin(0, first + row));
            }
        }
    }
}

fn errors(data: &Dataset, size: usize, map_of: impl Fn(usize) -> String + Sync) -> Vec<String> {
    on_ranks(data, size, |ranks, data| {
        let map = map_of(ranks.rank());
        let fitted = fit_shard(&map, ranks, data, |_| false, Budget::unlimited());
        fitted.err().unwrap().to_string()
    })
}

#[test]
fn what_one_rank_cannot_do_is_an_error_on_all() {
    let (columns, mut y) = columns(100);
    for y in &mut y {
        *y = y.abs();
    }
    // The last row is on the last rank.
    *y.last_mut().unwrap() = -1.0;
    let found = errors(&regression(columns, y), 3, |_| {
        r#"{"objective": "poisson"}"#.into()
    });
    assert_eq!(found[2], "objective = poisson needs targets of at least 0");
    for error in &found[..2] {
        assert!(
            error.starts_with("rank 2 is gone: objective = poisson needs targets"),
            "{error}"
        );
    }
}

#[test]
fn ranks_that_disagree_are_told_on_what() {
    let found = errors(&numbers(100), 2, |rank| {
        format!(r#"{{"max_leaves": {}}}"#, 7 + rank)
    });
    for error in found {
        assert!(
            error.starts_with("the ranks disagree on parameters and data: line ")
                && error
                    .contains("'max_leaves: Int(7)' on rank 0 and 'max_leaves: Int(8)' on rank 1"),
            "{error}"
        );
    }
}

#[test]
fn what_is_not_done_over_ranks_is_refused() {
    for map in [
        r#"{"boosting": "dart"}"#,
        r#"{"objective": "absolute"}"#,
        r#"{"row_sampling": "goss"}"#,
        r#"{"linear_leaves": true}"#,
        r#"{"quantized_gradients": true}"#,
    ] {
        let error = fit_shard(map, &Solo, &numbers(50), |_| false, Budget::unlimited());
        assert_eq!(error.err().unwrap().code(), "param-conflict", "{map}");
    }
}

#[test]
fn a_rank_that_is_gone_ends_the_fit_of_the_others() {
    let found = on_ranks(&numbers(2000), 3, |ranks, data| {
        if ranks.rank() == 1 {
            // It is there when bins are made, and not any more when trees are grown.
            return None;
        }
        fit_shard("{}", ranks, data, |_| false, Budget::unlimited()).err()
    });
    for error in found.into_iter().flatten() {
        assert_eq!(error.code(), "collective-gone");
    }
}

#[test]
fn all_ranks_stop_when_the_time_of_one_is_up() {
    let found = on_ranks(&numbers(1500), 2, |ranks, data| {
        let budget = if ranks.rank() == 1 {
            Budget {
                deadline: Deadline::after(Duration::from_millis(300)),
                ..Budget::unlimited()
            }
        } else {
            Budget::unlimited()
        };
        let map = r#"{"n_trees": 100000, "learning_rate": 1e-4}"#;
        fit_shard(map, ranks, data, |_| false, budget).unwrap()
    });
    assert!(found[0].is_partial && found[1].is_partial);
    let artifact = |fitted: &Fitted| format!("{:?}", fitted.model.artifact());
    assert_eq!(artifact(&found[0]), artifact(&found[1]));
}
