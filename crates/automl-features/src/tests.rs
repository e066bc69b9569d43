//! What recipes promise, beside the numbers of scikit-learn.

mod behaviour;
mod origins;
mod presets;
mod reference;
mod storage;

use crate::{FittedRecipe, Recipe};
use automl_core::{
    Artifact, Budget, Column, Dataset, FitContext, Levels, MISSING_CODE, MISSING_TIME, Seed, Table,
    Target, Task, Threads, Warnings,
};
use rand::RngExt;

/// A binary task over columns of every kind, with missing cells in each.
pub(super) fn mixed(n_rows: usize) -> Dataset {
    let mut rng = Seed(3).rng();
    let mut uniform = || rng.random::<f64>();
    let words = [
        "good", "bad", "film", "plot", "a", "the", "Über", "isn't", "24", "end!",
    ];
    let mut numbers = Vec::new();
    let mut counts = Vec::new();
    let mut few = Vec::new();
    let mut many = Vec::new();
    let mut times = Vec::new();
    let mut texts = Vec::new();
    let mut target = Vec::new();
    for _ in 0..n_rows {
        let is_missing = uniform() < 0.1;
        let signal = uniform();
        numbers.push(if is_missing {
            f64::NAN
        } else {
            10.0 * signal - 3.0
        });
        counts.push((uniform() * 30.0).floor());
        few.push(if uniform() < 0.1 {
            MISSING_CODE
        } else {
            (uniform() * 4.0) as u32
        });
        many.push((uniform() * uniform() * 40.0) as u32);
        let micros = (uniform() * 4e14) as i64 + 1_300_000_000_000_000;
        times.push(if is_missing { MISSING_TIME } else { micros });
        let length = (uniform() * 9.0) as usize;
        let text: Vec<&str> = (0..length)
            .map(|_| words[(uniform() * words.len() as f64) as usize])
            .collect();
        texts.push((length > 0).then(|| text.join(" ")));
        target.push(u32::from(signal + 0.5 * uniform() > 0.7));
    }
    let level = |code: usize| format!("level {code}");
    let columns = vec![
        ("number".into(), Column::Number(numbers)),
        ("count".into(), Column::Number(counts)),
        (
            "few".into(),
            Column::category(few, Levels::new((0..4).map(level))),
        ),
        (
            "many".into(),
            Column::category(many, Levels::new((0..40).map(level))),
        ),
        ("time".into(), Column::Timestamp(times)),
        (
            "text".into(),
            Column::Text(texts.iter().map(Option::as_deref).collect()),
        ),
    ];
    let table = Table::new(columns).unwrap();
    dataset(table, binary(), Target::Classes(target.into()))
}

pub(super) fn binary() -> Task {
    Task::Binary {
        classes: vec!["no".into(), "yes".into()],
    }
}

pub(super) fn dataset(table: Table, task: Task, target: Target) -> Dataset {
    Dataset::new(table, task, target).unwrap()
}

/// A regression task whose target is the row's number.
pub(super) fn rows_as_target(columns: Vec<(&str, Column)>) -> Dataset {
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name.to_owned(), column));
    let table = Table::new(columns.collect()).unwrap();
    let target: Vec<f64> = (0..table.n_rows()).map(|row| row as f64).collect();
    dataset(table, Task::Regression, Target::Numbers(target.into()))
}

pub(super) fn recipe(yaml: &str) -> Recipe {
    Recipe::from_yaml(yaml).unwrap()
}

/// The recipe fitted on all rows, and the training table.
pub(super) fn fit(recipe: &Recipe, data: &Dataset) -> (FittedRecipe, Table) {
    fit_with(recipe, data, &data.all_rows(), Threads::one())
}

pub(super) fn fit_with(
    recipe: &Recipe,
    data: &Dataset,
    rows: &[u32],
    threads: Threads,
) -> (FittedRecipe, Table) {
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(1),
        threads,
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    recipe.fit_transform(&ctx, data, rows).unwrap()
}

pub(super) fn numbers(table: &Table, name: &str) -> Vec<f64> {
    let column = table.column(name);
    let names: Vec<&str> = table.names().collect();
    let column = column.unwrap_or_else(|| panic!("no '{name}' among {names:?}"));
    column.as_number().unwrap().to_vec()
}

/// Whether two artifacts hold the same numbers, NaN being the same as NaN.
pub(super) fn same(a: &Artifact, b: &Artifact) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

/// A table as text: equal texts mean equal bits.
pub(super) fn bits(table: &Table) -> String {
    let cells = |column: &Column| match column {
        Column::Number(values) => {
            let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
            format!("{bits:?}")
        }
        other => format!("{other:?}"),
    };
    let columns = table.iter();
    let lines: Vec<String> = columns
        .map(|(name, column)| format!("{name}: {}", cells(column)))
        .collect();
    lines.join("\n")
}
