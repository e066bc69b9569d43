//! Batches make the bins of the whole table, wherever they are cut.

use super::*;
use crate::tests::{classification, params, regression};
use crate::{EXTRA_TREES, GRADIENT_BOOSTING, GradientBoosting, GradientBoostingParams};
use crate::{ExtraTrees, ExtraTreesParams, RANDOM_FOREST, RandomForest, RandomForestParams};
use automl_core::{
    Artifact, Budget, Dataset, FitContext, Fitted, Learner as _, MISSING_CODE, Params, Target,
    Task, TrainingData, Warnings,
};

fn draw(column: u64, row: usize, n: u64) -> u64 {
    Seed(4).indexed(column).indexed(row as u64).0 % n
}

/// A column with holes, one of few values, a category of 300 levels, a constant, and six of a one-hot coding.
fn columns(n: usize) -> Vec<(String, Column)> {
    let holed = |row| match draw(0, row, 9) {
        0 => f64::NAN,
        _ => draw(1, row, 1 << 40) as f64,
    };
    let code = |row| match draw(2, row, 310) {
        code @ 0..300 => code as u32,
        _ => MISSING_CODE,
    };
    let levels = Levels::new((0..300).map(|level| format!("level {level}")));
    let mut columns = vec![
        (
            "holed".to_owned(),
            Column::Number((0..n).map(holed).collect()),
        ),
        (
            "few".into(),
            Column::Number((0..n).map(|row| draw(3, row, 5) as f64).collect()),
        ),
        (
            "category".into(),
            Column::category((0..n).map(code).collect(), levels),
        ),
        ("constant".into(), Column::Number(vec![2.0; n])),
    ];
    for level in 0..6 {
        let is_on = |row| f64::from(u8::from(draw(4, row, 6) == level));
        columns.push((
            format!("hot {level}"),
            Column::Number((0..n).map(is_on).collect()),
        ));
    }
    columns
}

fn target(n: usize) -> Vec<f64> {
    let of_row = |row| {
        let effect = draw(7, draw(2, row, 310) as usize, 10) as f64;
        (draw(1, row, 1 << 40) as f64 / (1_u64 << 40) as f64 * 6.0).sin()
            + effect
            + draw(4, row, 6) as f64
    };
    (0..n).map(of_row).collect()
}

/// The batches of a table that begin at these rows.
fn batches(table: &Table, starts: &[usize]) -> Vec<Table> {
    let ends = starts[1..].iter().copied().chain([table.n_rows()]);
    let rows = starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| (start as u32..end as u32).collect());
    rows.map(|rows: Vec<u32>| table.gather(&rows)).collect()
}

fn streamed(batches: &[Table], max_bins: usize, threads: &Threads) -> BinnedTable {
    let mut sketch = BinningSketch::new(max_bins, true).unwrap();
    for batch in batches {
        sketch.add(batch).unwrap();
    }
    let mut builder = sketch.finish(threads).unwrap();
    for batch in batches {
        builder.add(batch, threads).unwrap();
    }
    builder.finish(threads).unwrap()
}

fn every(n: usize, step: usize) -> Vec<usize> {
    (0..n).step_by(step).collect()
}

fn with_context<T>(threads: usize, fit: impl FnOnce(&FitContext<'_>) -> T) -> T {
    let warnings = Warnings::default();
    fit(&FitContext {
        seed: Seed(7),
        threads: Threads::new(threads).unwrap(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    })
}

/// A dataset of the targets of another.
fn without_columns(data: &Dataset) -> Dataset {
    let table = Table::without_columns(data.n_rows());
    let bare = Dataset::new(table, data.task().clone(), data.target().clone()).unwrap();
    match data.weight() {
        Some(weight) => bare.with_weight(weight.to_vec()).unwrap(),
        None => bare,
    }
}

fn split(data: &Dataset) -> (Vec<u32>, Vec<u32>) {
    (0..data.n_rows() as u32).partition(|row| row % 5 != 0)
}

fn boosting(text: &str) -> GradientBoosting {
    GradientBoosting::new(GradientBoostingParams::from_map(&params(text)).unwrap()).unwrap()
}

fn artifact(fitted: Result<Fitted, FitError>) -> Artifact {
    fitted.unwrap().model.artifact()
}

#[test]
fn models_of_batches_are_those_of_the_table_byte_by_byte() {
    let n = 2500;
    let named = columns(n);
    let named: Vec<(&str, Column)> = named
        .iter()
        .map(|(name, c)| (name.as_str(), c.clone()))
        .collect();
    let weights: Vec<f64> = (0..n).map(|row| 1.0 + draw(5, row, 3) as f64).collect();
    let numbers = regression(named.clone(), target(n))
        .with_weight(weights)
        .unwrap();
    let codes = target(n)
        .iter()
        .map(|y| (y / 5.0).clamp(0.0, 2.9) as u32)
        .collect();
    let classes = classification(named, codes, 3);
    let map = r#"{"n_trees":15,"max_bins":63,"early_stopping_rounds":5}"#;
    for data in [&numbers, &classes] {
        let (train, valid) = split(data);
        let whole = (GRADIENT_BOOSTING.build)(&params(map)).unwrap();
        let training = |data| TrainingData {
            train: Dataset::view(data, &train),
            valid: Some(Dataset::view(data, &valid)),
        };
        let expected = artifact(with_context(1, |ctx| whole.fit(ctx, &training(data))));
        let bare = without_columns(data);
        for (starts, threads) in [
            (vec![0], 1),
            (every(n, 1), 1),
            (every(n, 700), 2),
            (vec![0, 0, 3], 1),
        ] {
            let pool = Threads::new(threads).unwrap();
            let binned = streamed(&batches(data.table(), &starts), 63, &pool);
            let fitted = with_context(threads, |ctx| {
                boosting(map).fit_binned(ctx, &binned, &training(&bare))
            });
            assert_eq!(artifact(fitted), expected);
        }
    }
}

/// The model is that of the other rows alone, also where the watched ones are far outside.
#[test]
fn rows_to_watch_have_no_say_in_the_bins() {
    let (n, n_train) = (1500, 1000);
    let mut named = columns(n);
    if let Column::Number(values) = &mut named[1].1 {
        values[n_train..].fill(-1e9);
    }
    let whole = Table::new(named).unwrap();
    let (train, valid): (Vec<u32>, Vec<u32>) = (0..n as u32).partition(|&row| row < n_train as u32);
    let parts = [&train, &valid].map(|rows| whole.gather(rows));
    let pool = Threads::one();
    let mut sketch = BinningSketch::new(63, true).unwrap();
    sketch.add(&parts[0]).unwrap();
    let builder = sketch.finish(&pool).unwrap();
    let mut builder = builder.with_rows_to_watch(n - n_train).unwrap();
    for part in &parts {
        builder.add(part, &pool).unwrap();
    }
    let binned = builder.finish(&pool).unwrap();
    let map = r#"{"n_trees":9,"max_bins":63,"early_stopping_rounds":0}"#;
    let targets = |n: usize| Target::Numbers(target(n).into());
    let all = Dataset::new(Table::without_columns(n), Task::Regression, targets(n)).unwrap();
    let watching = TrainingData {
        train: all.view(&train),
        valid: Some(all.view(&valid)),
    };
    let watched = with_context(1, |ctx| boosting(map).fit_binned(ctx, &binned, &watching));
    let alone = Dataset::new(parts[0].clone(), Task::Regression, targets(n_train)).unwrap();
    let expected = with_context(1, |ctx| boosting(map).fit(ctx, &alone.view(&train).into()));
    assert_eq!(artifact(watched), artifact(expected));
}

#[test]
fn forests_of_batches_are_those_of_the_table_byte_by_byte() {
    let n = 1200;
    let named = columns(n);
    let named = named
        .iter()
        .map(|(name, c)| (name.as_str(), c.clone()))
        .collect();
    let data = regression(named, target(n));
    let bare = without_columns(&data);
    let binned = streamed(&batches(data.table(), &every(n, 99)), 255, &Threads::one());
    let (rows, map) = (data.all_rows(), params(r#"{"n_trees":8}"#));
    let whole = |spec: &automl_core::LearnerSpec| {
        let learner = (spec.build)(&map).unwrap();
        artifact(with_context(1, |ctx| {
            learner.fit(ctx, &data.view(&rows).into())
        }))
    };
    let forest = RandomForest::new(RandomForestParams::from_map(&map).unwrap()).unwrap();
    let extra = ExtraTrees::new(ExtraTreesParams::from_map(&map).unwrap()).unwrap();
    let training = bare.view(&rows).into();
    let forest = with_context(1, |ctx| forest.fit_binned(ctx, &binned, &training));
    let extra = with_context(1, |ctx| extra.fit_binned(ctx, &binned, &training));
    assert_eq!(artifact(forest), whole(&RANDOM_FOREST));
    assert_eq!(artifact(extra), whole(&EXTRA_TREES));
}

#[test]
fn beyond_the_sample_memory_is_bounded_and_bins_hold_about_as_many_rows() {
    let n = 3 * SAMPLE_ROWS;
    let value = |row| draw(6, row, 1 << 30) as f64;
    let sketched = |batch_rows: usize| {
        let mut sketch = BinningSketch::new(20, true).unwrap();
        for start in (0..n).step_by(batch_rows) {
            let values = (start..n.min(start + batch_rows)).map(value).collect();
            sketch
                .add(&Table::new(vec![("x".into(), Column::Number(values))]).unwrap())
                .unwrap();
            let ColumnSketch::Number(sample) = &sketch.columns[0] else {
                panic!("a number");
            };
            assert!(sample.len() <= SAMPLE_ROWS && sample.capacity() <= 2 * SAMPLE_ROWS);
            assert!(sketch.sample.len() <= SAMPLE_ROWS);
        }
        sketch.finish(&Threads::one()).unwrap()
    };
    let (first, second) = (sketched(n), sketched(77_777));
    let Bins::Number { edges } = &first.columns[0].bins else {
        panic!("a number");
    };
    assert_eq!(first.columns[0].bins, second.columns[0].bins);
    assert_eq!(edges.len(), 20);
    let mut counts = [0; 21];
    for bin in bin_numbers(&(0..n).map(value).collect::<Vec<_>>(), edges) {
        counts[bin as usize] += 1;
    }
    // Twenty bins of 5 % each; the deviation of a share of 200,000 rows is 0.05 %.
    assert!(
        counts[1..]
            .iter()
            .all(|&count| (f64::from(count) / n as f64 - 0.05).abs() < 0.003)
    );
}

#[test]
fn levels_may_grow_from_batch_to_batch() {
    let category = |codes: Vec<u32>, n_levels: usize| {
        let levels = Levels::new((0..n_levels).map(|level| level.to_string()));
        Table::new(vec![("c".into(), Column::category(codes, levels))]).unwrap()
    };
    let one = [category(vec![0, 1, 0, 0, 2, 0, 1], 3)];
    let grown = [category(vec![0, 1], 2), category(vec![0, 0, 2, 0, 1], 3)];
    let [one, grown] = [&one[..], &grown].map(|batches| streamed(batches, 255, &Threads::one()));
    assert_eq!(one.matrix.features[0].bins, grown.matrix.features[0].bins);
    assert_eq!(one.matrix.groups[0].bytes, grown.matrix.groups[0].bytes);
    assert_eq!((grown.n_rows(), grown.n_bytes()), (7, 7));
    let mut sketch = BinningSketch::new(255, true).unwrap();
    sketch.add(&category(vec![0, 1], 2)).unwrap();
    let other = Column::category(vec![0], Levels::new(["1", "0"]));
    let error = sketch
        .add(&Table::new(vec![("c".into(), other)]).unwrap())
        .unwrap_err();
    assert_eq!(error.code(), "binning-levels");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let number =
        |name: &str, n| Table::new(vec![(name.into(), Column::Number(vec![1.0; n]))]).unwrap();
    let code = |error: BinningError| (error.code(), error.hint().is_some());
    let threads = Threads::one();
    assert_eq!(
        code(BinningSketch::new(256, true).unwrap_err()),
        ("binning-max-bins", false)
    );
    let empty = BinningSketch::new(255, true).unwrap();
    assert_eq!(
        code(empty.finish(&threads).unwrap_err()),
        ("binning-empty", false)
    );
    let mut sketch = BinningSketch::new(255, true).unwrap();
    let when = Table::new(vec![("t".into(), Column::Timestamp(vec![0]))]).unwrap();
    assert_eq!(
        code(sketch.add(&when).unwrap_err()),
        ("binning-column-kind", true)
    );
    sketch.add(&number("x", 3)).unwrap();
    let error = sketch.add(&number("z", 3)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a batch has the number column 'z' where the first one has the number column 'x'"
    );
    assert_eq!(code(error), ("binning-columns", true));
    assert_eq!(
        code(sketch.add(&Table::without_columns(3)).unwrap_err()),
        ("binning-columns", true)
    );
    let mut builder = sketch.finish(&threads).unwrap();
    builder.add(&number("x", 2), &threads).unwrap();
    let error = builder.add(&number("x", 2), &threads).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the second pass has 4 rows where 3 were expected"
    );
    assert_eq!(
        code(builder.finish(&threads).unwrap_err()),
        ("binning-rows", true)
    );
}

#[test]
fn a_learner_asks_for_bins_of_its_own_rules() {
    let data = regression(
        vec![("x", Column::Number((0..60).map(f64::from).collect()))],
        target(60),
    );
    let levels = Levels::new((0..30).map(|level| level.to_string()));
    let category = Column::category((0..60).map(|row| row % 30).collect(), levels);
    let table = Table::new(vec![("c".into(), category)]).unwrap();
    let binned = streamed(&[table], 255, &Threads::one());
    let rows = data.all_rows();
    let bare = without_columns(&data);
    let code = |map: &str, data: &Dataset| {
        let fitted = with_context(1, |ctx| {
            boosting(map).fit_binned(ctx, &binned, &data.view(&rows).into())
        });
        fitted.err().map(|error| error.code())
    };
    assert_eq!(code("{}", &bare), None);
    assert_eq!(code("{}", &data), Some("fit-numeric"));
    assert_eq!(code(r#"{"max_bins":63}"#, &bare), Some("param-conflict"));
    assert_eq!(
        code(r#"{"bundle_exclusive":false}"#, &bare),
        Some("param-conflict")
    );
    let ordered = r#"{"cat_encoding":"ordered_target","max_sorted_levels":10}"#;
    assert_eq!(code(ordered, &bare), Some("param-conflict"));
}
