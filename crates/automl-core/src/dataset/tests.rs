//! A dataset is checked when it is made, and what is derived from it is built once.

use super::{Dataset, DatasetError, Target};
use crate::{Coded, Column, Table, Task, Threads};
use std::sync::atomic::{AtomicUsize, Ordering};

fn table(n_rows: usize) -> Table {
    Table::new(vec![("x".into(), Column::Number(vec![1.0; n_rows]))]).unwrap()
}

fn binary() -> Task {
    Task::Binary {
        classes: vec!["no".into(), "yes".into()],
    }
}

fn measured(values: &[f64]) -> Result<Dataset, DatasetError> {
    Dataset::new(
        table(values.len()),
        Task::Regression,
        Target::Numbers(values.into()),
    )
}

#[test]
fn targets_that_are_none_are_refused() {
    let new = |task, target| Dataset::new(table(2), task, target).unwrap_err();
    let numbers = |values: &[f64]| Target::Numbers(values.into());
    let classes = |codes: &[u32]| Target::Classes(codes.into());
    assert_eq!(new(Task::Regression, numbers(&[])), DatasetError::Empty);
    assert_eq!(
        new(Task::Regression, numbers(&[1.0])).code(),
        "dataset-length"
    );
    assert_eq!(
        new(Task::Regression, numbers(&[1.0, f64::INFINITY])).to_string(),
        "target is inf in row 1"
    );
    assert_eq!(
        new(binary(), classes(&[0, 2])).to_string(),
        "a binary task cannot have this target: a code has no class"
    );
    assert_eq!(new(binary(), numbers(&[0.0, 1.0])).code(), "dataset-target");
    assert_eq!(
        new(Task::Regression, classes(&[0, 1])).code(),
        "dataset-target"
    );
}

#[test]
fn weights_groups_and_times_are_checked() {
    let data = || measured(&[1.0, 2.0]).unwrap();
    assert_eq!(
        data().with_weight(vec![1.0]).unwrap_err().code(),
        "dataset-length"
    );
    assert_eq!(
        data().with_weight(vec![0.0, 0.0]).unwrap_err(),
        DatasetError::ZeroWeight
    );
    assert_eq!(
        data().with_weight(vec![1.0, -2.0]).unwrap_err().to_string(),
        "weight is -2 in row 1"
    );
    assert_eq!(
        data().with_weight(vec![f64::NAN, 1.0]).unwrap_err().code(),
        "dataset-value"
    );
    assert_eq!(
        data().with_groups(vec![1; 3]).unwrap_err().code(),
        "dataset-length"
    );
    assert_eq!(
        data().with_time(vec![f64::NAN, 1.0]).unwrap_err().code(),
        "dataset-value"
    );
    let full = data()
        .with_weight(vec![0.0, 2.0])
        .unwrap()
        .with_groups(vec![4, 4])
        .unwrap();
    let full = full.with_time(vec![2.0, 1.0]).unwrap();
    assert_eq!(full.weight(), Some([0.0, 2.0].as_slice()));
    assert_eq!(
        (full.groups(), full.time()),
        (Some([4, 4].as_slice()), Some([2.0, 1.0].as_slice()))
    );
}

#[test]
fn other_features_and_targets_keep_the_rest() {
    let data = measured(&[1.0, 2.0])
        .unwrap()
        .with_weight(vec![1.0, 3.0])
        .unwrap();
    let wider = data.with_table(Table::without_columns(2)).unwrap();
    assert_eq!(
        (wider.weight(), wider.target()),
        (data.weight(), data.target())
    );
    assert_eq!(
        data.with_table(table(3)).unwrap_err().code(),
        "dataset-length"
    );
    let classes = data
        .with_target(binary(), Target::Classes([1, 0].into()))
        .unwrap();
    assert_eq!(
        (classes.weight(), classes.task()),
        (data.weight(), &binary())
    );
}

#[test]
fn a_view_gives_its_rows_in_its_order() {
    let data = Dataset::new(table(3), binary(), Target::Classes([1, 0, 1].into())).unwrap();
    let data = data.with_weight(vec![1.0, 2.0, 3.0]).unwrap();
    let view = data.view(&[2, 1]);
    assert_eq!(view.n_rows(), 2);
    assert_eq!(view.target_numbers(), [1.0, 0.0]);
    assert_eq!(view.class_codes(), [1, 0]);
    assert_eq!(view.weights(), Some(vec![3.0, 2.0]));
    assert_eq!(data.all_rows(), [0, 1, 2]);
}

#[test]
fn what_is_derived_is_built_once_for_all_threads() {
    let data = measured(&[1.0]).unwrap();
    let n_builds = AtomicUsize::new(0);
    let build = || {
        n_builds.fetch_add(1, Ordering::Relaxed);
        vec![1_u8]
    };
    let all = Threads::new(4)
        .unwrap()
        .map(40, |_| data.derived().get_or_build("bins", build));
    assert!(all.iter().all(|one| std::sync::Arc::ptr_eq(one, &all[0])));
    assert_eq!(n_builds.load(Ordering::Relaxed), 1);
}

#[test]
fn what_is_derived_is_kept_by_type_and_key() {
    let data = measured(&[1.0]).unwrap();
    assert_eq!(*data.derived().get_or_build("a", || 1_u8), 1);
    assert_eq!(*data.derived().get_or_build("b", || 2_u8), 2);
    assert_eq!(*data.derived().get_or_build("a", || 3_u16), 3);
    assert_eq!(*data.derived().get_or_build("a", || 9_u8), 1);
    let other = data.with_table(table(1)).unwrap();
    assert_eq!(*other.derived().get_or_build("a", || 9_u8), 9);
}

#[test]
fn nothing_is_kept_of_a_build_that_failed() {
    let data = measured(&[1.0]).unwrap();
    let cut: Result<_, &str> = data.derived().get_or_try_build::<u8, _>("a", || Err("cut"));
    assert_eq!(cut.unwrap_err(), "cut");
    let built: Result<_, &str> = data.derived().get_or_try_build("a", || Ok(1_u8));
    assert_eq!(*built.unwrap(), 1);
    assert_eq!(*data.derived().get_or_build("a", || 2_u8), 1);
}
