//! The scenario files in `tests/cases/`, one test each.

use crate::harness::repository;
use crate::scenario;

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                scenario::check(stringify!($name));
            }
        )*
    };
}

cases! {
    access,
    bad_columns,
    bad_files,
    bad_models,
    bad_targets,
    costs,
    counts,
    decisions,
    distillation,
    endpoints,
    exports,
    first_tables,
    imports,
    leaks,
    main_job,
    moving_in,
    odd_tables,
    parts,
    pipelines,
    plans,
    quantiles,
    spellings,
    studies,
    study_reports,
    targets,
    thresholds,
    trust,
    tune,
    usage,
}

#[test]
fn every_scenario_file_is_run() {
    let listed =
        std::fs::read_dir(repository().join("tests/cases")).expect("the cases can be listed");
    let mut found: Vec<String> = listed
        .map(|entry| entry.expect("entries can be read").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
}
