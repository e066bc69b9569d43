//! The suite accepts a sound learner and finds each fault that it is there to find.

mod stump;

use crate::{check_learner, problems, synthetic};
use automl_core::{LearnerSpec, ParamMap, ParamValue, TaskKind};
use stump::{Fault, spec};

/// The problems of a stump with one fault.
fn problems_of(spec: &'static LearnerSpec) -> Vec<String> {
    problems(spec, &ParamMap::new())
}

fn assert_finds(spec: &'static LearnerSpec, property: &str) {
    let found = problems_of(spec);
    assert!(
        found.iter().any(|problem| problem.contains(property)),
        "'{property}' is not among {found:#?}"
    );
}

#[test]
fn a_sound_learner_has_no_problems() {
    check_learner(spec::<{ Fault::NONE }>());
}

#[test]
fn reading_an_artifact_without_checks_is_found() {
    assert_finds(
        spec::<{ Fault::UNCHECKED_LOAD }>(),
        "a damaged artifact is an error, not a panic",
    );
}

#[test]
fn a_batch_that_changes_its_rows_is_found() {
    assert_finds(
        spec::<{ Fault::BATCH_MEAN }>(),
        "rows one by one are predicted as together",
    );
}

#[test]
fn looking_at_the_thread_count_is_found() {
    assert_finds(
        spec::<{ Fault::COUNTS_THREADS }>(),
        "the thread count does not matter",
    );
}

#[test]
fn learning_from_rows_outside_the_view_is_found() {
    assert_finds(
        spec::<{ Fault::PEEKS }>(),
        "rows outside the view do not matter",
    );
}

#[test]
fn ignoring_weights_after_declaring_them_is_found() {
    assert_finds(
        spec::<{ Fault::IGNORES_WEIGHTS }>(),
        "weights matter, or not, as it says",
    );
}

#[test]
fn positions_for_names_are_found() {
    let spec = spec::<{ Fault::BY_POSITION }>();
    assert_finds(
        spec,
        "the order of columns and further columns do not matter",
    );
    assert_finds(spec, "a missing column is named");
}

#[test]
fn a_problem_names_learner_task_and_property() {
    let found = problems_of(spec::<{ Fault::COUNTS_THREADS }>());
    assert_eq!(
        found[0],
        "stump, binary: the thread count does not matter: array 'leaves' differs"
    );
}

#[test]
fn parameters_are_passed_on() {
    let params = ParamMap::from([("smoothing".to_owned(), ParamValue::Float(1e6))]);
    let found = problems(spec::<{ Fault::NONE }>(), &params);
    let is_too_smooth = |problem: &String| problem.contains("it beats the constant predictor");
    assert!(found.iter().any(is_too_smooth), "{found:#?}");
}

#[test]
fn synthetic_data_is_the_same_for_the_same_seed_and_has_every_class() {
    let columns = synthetic::Columns {
        missing: true,
        categories: true,
        sparse: true,
    };
    for task in [TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression] {
        let data = synthetic::dataset(task, columns, 60, 4);
        let again = synthetic::dataset(task, columns, 60, 4);
        assert_eq!(data.target(), again.target());
        assert_ne!(
            data.target(),
            synthetic::dataset(task, columns, 60, 5).target()
        );
        let codes: std::collections::BTreeSet<u32> = data
            .view(&data.all_rows())
            .class_codes()
            .into_iter()
            .collect();
        assert_eq!(codes.len(), data.task().n_classes());
        for (name, column) in data.table().iter() {
            let missing = column.n_missing();
            let expected = matches!(name, "b" | "rare" | "colour");
            assert_eq!(missing > 0, expected, "{name}: {missing}");
        }
    }
}
