//! The ready recipes and their files.

use super::{dataset, fit, fit_with, mixed, recipe, rows_as_target};
use crate::{ColumnKind, Recipe, Step};
use automl_core::{Column, Levels, Table, Target, Task, Threads};
use std::collections::BTreeSet;

fn presets() -> Vec<(&'static str, Recipe)> {
    vec![
        (
            include_str!("../../../../configs/recipes/for_trees.yaml"),
            Recipe::for_trees(),
        ),
        (
            include_str!("../../../../configs/recipes/for_trees_target_encoded.yaml"),
            Recipe::for_trees_target_encoded(),
        ),
        (
            include_str!("../../../../configs/recipes/for_trees_with_pairs.yaml"),
            Recipe::for_trees_with_pairs(),
        ),
        (
            include_str!("../../../../configs/recipes/for_trees_with_crosses.yaml"),
            Recipe::for_trees_with_crosses(),
        ),
        (
            include_str!("../../../../configs/recipes/for_linear.yaml"),
            Recipe::for_linear(),
        ),
        (
            include_str!("../../../../configs/recipes/for_linear_codes.yaml"),
            Recipe::for_linear_codes(),
        ),
        (
            include_str!("../../../../configs/recipes/for_neighbours.yaml"),
            Recipe::for_neighbours(),
        ),
        (
            include_str!("../../../../configs/recipes/for_naive_bayes.yaml"),
            Recipe::for_naive_bayes(),
        ),
    ]
}

fn kinds(table: &Table) -> Vec<ColumnKind> {
    let mut kinds: Vec<ColumnKind> = Vec::new();
    for (_, column) in table.iter() {
        let kind = ColumnKind::of(column);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

#[test]
fn files_and_functions_agree() {
    for (yaml, preset) in presets() {
        assert_eq!(recipe(yaml), preset);
        assert_eq!(recipe(&preset.to_yaml().unwrap()), preset);
    }
}

#[test]
fn every_file_is_read_by_a_test() {
    let folder = "../../configs/recipes";
    let count = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(
        count,
        presets().len() + 1,
        "the files are the presets and every_step.yaml"
    );
}

#[test]
fn one_file_shows_every_step_and_its_parameters() {
    let recipe = recipe(include_str!("../../../../configs/recipes/every_step.yaml"));
    let shown: BTreeSet<&str> = recipe.steps.iter().map(Step::id).collect();
    assert_eq!(shown, Step::IDS.iter().copied().collect());
    let (fitted, table) = fit(&recipe, &mixed(300));
    assert_eq!(fitted.inputs().len(), 6);
    assert_eq!(kinds(&table), [ColumnKind::Number]);
}

#[test]
fn each_preset_leaves_what_its_learners_take() {
    let data = mixed(300);
    let after = |recipe: Recipe| {
        let mut kinds = kinds(&fit(&recipe, &data).1);
        kinds.sort_by_key(|kind| kind.name());
        kinds
    };
    assert_eq!(
        after(Recipe::for_trees()),
        [ColumnKind::Category, ColumnKind::Number]
    );
    assert_eq!(
        after(Recipe::for_trees_target_encoded()),
        [ColumnKind::Category, ColumnKind::Number]
    );
    assert_eq!(
        after(Recipe::for_linear()),
        [ColumnKind::Number, ColumnKind::Sparse]
    );
    assert_eq!(after(Recipe::for_neighbours()), [ColumnKind::Number]);
    assert_eq!(after(Recipe::for_naive_bayes()), [ColumnKind::Number]);
}

#[test]
fn only_recipes_that_read_the_target_are_supervised() {
    assert!(!Recipe::for_trees().is_supervised());
    assert!(!Recipe::for_linear().is_supervised());
    assert!(Recipe::for_trees_target_encoded().is_supervised());
    assert!(Recipe::for_neighbours().is_supervised());
}

#[test]
fn every_preset_copes_with_any_mix_of_columns() {
    let all_missing = Column::Text([None, None, None].into_iter().collect());
    let tables: Vec<Vec<(&str, Column)>> = vec![
        vec![("x", Column::Number(vec![f64::NAN; 3]))],
        vec![("x", Column::Number(vec![1.0; 3]))],
        vec![(
            "c",
            Column::category(vec![automl_core::MISSING_CODE; 3], Levels::default()),
        )],
        vec![(
            "c",
            Column::category(vec![0, 1, 0], Levels::new(["a", "b"])),
        )],
        vec![("t", all_missing)],
        vec![(
            "t",
            Column::Text([Some("one"), None, Some("")].into_iter().collect()),
        )],
        vec![("d", Column::Timestamp(vec![automl_core::MISSING_TIME; 3]))],
        vec![("d", Column::Timestamp(vec![i64::MAX, i64::MIN + 1, 0]))],
    ];
    for columns in tables {
        let data = rows_as_target(columns);
        for (_, preset) in presets() {
            assert_eq!(fit(&preset, &data).1.n_rows(), 3);
        }
    }
    let empty = dataset_without_columns();
    for (_, preset) in presets() {
        assert_eq!(fit(&preset, &empty).1.n_columns(), 0);
    }
}

fn dataset_without_columns() -> automl_core::Dataset {
    let target = Target::Numbers([1.0, 2.0].into());
    dataset(Table::without_columns(2), Task::Regression, target)
}

#[test]
fn threads_do_not_change_a_bit() {
    let data = mixed(9_000);
    let rows = data.all_rows();
    for recipe in [Recipe::for_linear(), Recipe::for_trees_target_encoded()] {
        let (one, one_table) = fit_with(&recipe, &data, &rows, Threads::one());
        let (three, three_table) = fit_with(&recipe, &data, &rows, Threads::new(3).unwrap());
        assert!(super::same(&one.artifact(), &three.artifact()));
        assert_eq!(super::bits(&one_table), super::bits(&three_table));
    }
}
