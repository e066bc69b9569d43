//! Small tables with a known pattern: the same for the same seed, at any size.
//!
//! Columns `a` and `b` are linear in a hidden score, `noise` has nothing to do with it and `step` has ten values. The
//! target is the score with a little noise (regression), its sign (binary) or which of three ranges it is in
//! (multiclass).

use automl_core::{
    Column, Dataset, Levels, MISSING_CODE, Seed, SparseRows, Table, Target, Task, TaskKind,
};
use rand::RngExt;
use std::sync::Arc;

/// Which columns a table has beside plain numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Columns {
    /// A tenth of the cells of `b` and `colour` are missing, and four fifths of `rare`.
    pub missing: bool,
    /// There is a category `colour` of four levels that shifts the score.
    pub categories: bool,
    /// There is a sparse column `words` of 12 dimensions, of which the first raises the score.
    pub sparse: bool,
}

/// Rows of plain numbers with one of two classes, about as many of each.
pub fn binary(n_rows: usize, seed: u64) -> Dataset {
    dataset(TaskKind::Binary, Columns::default(), n_rows, seed)
}

/// Rows of plain numbers with one of three classes.
pub fn multiclass(n_rows: usize, seed: u64) -> Dataset {
    dataset(TaskKind::Multiclass, Columns::default(), n_rows, seed)
}

/// Rows of plain numbers with a number to predict.
pub fn regression(n_rows: usize, seed: u64) -> Dataset {
    dataset(TaskKind::Regression, Columns::default(), n_rows, seed)
}

/// Rows for `task` with the columns asked for.
///
/// # Panics
/// `n_rows` is zero.
pub fn dataset(task: TaskKind, columns: Columns, n_rows: usize, seed: u64) -> Dataset {
    assert!(n_rows > 0, "a dataset has rows");
    let (table, score) = table(columns, n_rows, seed);
    let target = target(task, &score);
    Dataset::new(table, task_of(task), target).expect("columns and target have n_rows rows")
}

/// The task of this kind, with classes `no` and `yes`, or `high`, `low` and `mid`.
pub fn task_of(kind: TaskKind) -> Task {
    let classes = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    match kind {
        TaskKind::Binary => Task::Binary {
            classes: classes(&["no", "yes"]),
        },
        TaskKind::Multiclass => Task::Multiclass {
            classes: classes(&["high", "low", "mid"]),
        },
        TaskKind::Regression => Task::Regression,
        other => panic!("no synthetic data for {other:?}"),
    }
}

/// What the task asks for where the hidden score is known.
fn target(kind: TaskKind, score: &[f64]) -> Target {
    let codes = |code: fn(f64) -> u32| Target::Classes(score.iter().map(|&s| code(s)).collect());
    match kind {
        TaskKind::Regression => Target::Numbers(score.into()),
        TaskKind::Binary => codes(|s| u32::from(s > 0.0)),
        _ => codes(|s| match s {
            s if s > 1.0 => 0,
            s if s < -1.0 => 1,
            _ => 2,
        }),
    }
}

/// The columns and the hidden score of each row.
fn table(columns: Columns, n_rows: usize, seed: u64) -> (Table, Vec<f64>) {
    let seed = Seed(seed);
    let uniform = |name: &str, low: f64, high: f64| -> Vec<f64> {
        let mut rng = seed.named(name).rng();
        (0..n_rows).map(|_| rng.random_range(low..high)).collect()
    };
    let (a, mut b) = (uniform("a", -2.0, 2.0), uniform("b", -2.0, 2.0));
    let error = uniform("error", -0.3, 0.3);
    let mut score: Vec<f64> = (0..n_rows).map(|i| 2.0 * a[i] - b[i] + error[i]).collect();
    let step = uniform("step", 0.0, 10.0).into_iter().map(f64::floor);

    let mut all = vec![
        (
            "noise".to_owned(),
            Column::Number(uniform("noise", 0.0, 1.0)),
        ),
        ("a".to_owned(), Column::Number(a)),
        ("step".to_owned(), Column::Number(step.collect())),
    ];
    let gap = |name: &str, share: f64| -> Vec<bool> {
        let share = if columns.missing { share } else { 0.0 };
        uniform(name, 0.0, 1.0)
            .into_iter()
            .map(|u| u < share)
            .collect()
    };
    blank(&mut b, &gap("b gap", 0.1));
    all.push(("b".to_owned(), Column::Number(b)));
    if columns.missing {
        let mut rare = uniform("rare", 0.0, 1.0);
        blank(&mut rare, &gap("rare gap", 0.8));
        all.push(("rare".to_owned(), Column::Number(rare)));
    }
    if columns.categories {
        let mut codes: Vec<u32> = uniform("colour", 0.0, 4.0)
            .iter()
            .map(|&u| u as u32)
            .collect();
        for (row, is_missing) in gap("colour gap", 0.1).into_iter().enumerate() {
            score[row] += [-1.0, 0.0, 0.5, 1.0][codes[row] as usize];
            if is_missing {
                codes[row] = MISSING_CODE;
            }
        }
        let levels = Levels::new(["blue", "green", "red", "white"]);
        all.push(("colour".to_owned(), Column::category(codes, levels)));
    }
    if columns.sparse {
        let words = words(n_rows, seed);
        for (row, score) in score.iter_mut().enumerate() {
            let (dims, values) = words.row(row);
            let first = dims.iter().position(|&dim| dim == 0);
            *score += first.map_or(0.0, |at| 2.0 * f64::from(values[at]) - 0.5);
        }
        all.push(("words".to_owned(), Column::Sparse(words)));
    }
    (
        Table::new(all).expect("names differ and lengths agree"),
        score,
    )
}

/// Sparse rows of 12 dimensions, a quarter of them filled.
fn words(n_rows: usize, seed: Seed) -> SparseRows {
    let names: Arc<[Box<str>]> = (0..12).map(|dim| format!("words_{dim}").into()).collect();
    let mut rng = seed.named("words").rng();
    let mut rows = SparseRows::new(names);
    for _ in 0..n_rows {
        let row: Vec<(u32, f32)> = (0..12)
            .map(|dim| (dim, rng.random_range(-3.0_f32..1.0)))
            .filter(|(_, value)| *value > 0.0)
            .collect();
        rows.push(row);
    }
    rows
}

fn blank(values: &mut [f64], is_missing: &[bool]) {
    for (value, _) in values.iter_mut().zip(is_missing).filter(|(_, gap)| **gap) {
        *value = f64::NAN;
    }
}
