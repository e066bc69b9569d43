//! How rows are split for what they are.

use super::*;
use automl_core::Artifact;
use std::collections::BTreeMap;

#[test]
fn a_rare_class_survives_the_comparison_of_many_rows() {
    // 3 positives among rows that are thinned: the sample must keep them, or nothing could be ranked.
    let n_rows = 40_000;
    let codes: Vec<u32> = (0..n_rows)
        .map(|row| u32::from(row % 13_000 == 6_500))
        .collect();
    let column = Column::Number((0..n_rows).map(f64::from).collect());
    let table = Table::new(vec![("x".into(), column)]).unwrap();
    let task = synthetic::task_of(TaskKind::Binary);
    let data = Dataset::new(table, task, Target::Classes(codes.into())).unwrap();
    let include = vec!["baseline".to_owned()];
    let outcome = run(
        &data,
        &FitOptions {
            include,
            ..options(1)
        },
    )
    .unwrap();
    assert_eq!(outcome.score, 0.5);
}

#[test]
fn few_groups_or_times_ask_for_fewer_folds_unless_folds_were_asked_for() {
    let n_rows = 240_u32;
    let groups: Vec<u32> = (0..n_rows).map(|row| row % 4).collect();
    let grouped = synthetic::binary(n_rows as usize, 12)
        .with_groups(groups)
        .unwrap();
    let free = FitOptions {
        folds: None,
        ..options(2)
    };
    assert_eq!(
        Plan::new(&grouped, &free).unwrap().validation.describe(),
        "3-fold cross-validation"
    );
    let asked = FitOptions {
        folds: Some(8),
        ..options(2)
    };
    assert_eq!(
        Plan::new(&grouped, &asked).err().map(|error| error.code()),
        Some("split-too-few-groups")
    );
}

#[test]
fn a_metric_that_a_right_prediction_leaves_without_a_value_asks_for_both_classes() {
    // Few are of the first class, which a constant predicts: kappa has no value where all are of the other, and are told to be.
    let n_rows = 60_u32;
    let codes: Vec<u32> = (0..n_rows).map(|row| u32::from(row % 12 != 0)).collect();
    let column = Column::Number((0..n_rows).map(f64::from).collect());
    let table = Table::new(vec![("x".into(), column)]).unwrap();
    let task = synthetic::task_of(TaskKind::Binary);
    let data = Dataset::new(table, task, Target::Classes(codes.into())).unwrap();
    let free = FitOptions {
        folds: None,
        metric: Some(Metric::CohenKappa),
        ..options(2)
    };
    let plan = Plan::new(&data, &free).unwrap();
    for split in &plan.splits {
        let valid = data.view(&split.valid).target_numbers();
        assert!(valid.contains(&0.0) && valid.contains(&1.0), "{valid:?}");
    }
}

#[test]
fn a_validation_without_both_classes_is_widened_or_refused() {
    // All positives come first in time, so that late rows hold one class.
    let n_rows = 200_u32;
    let codes: Vec<u32> = (0..n_rows).map(|row| u32::from(row < 130)).collect();
    let column = Column::Number((0..n_rows).map(f64::from).collect());
    let table = Table::new(vec![("x".into(), column)]).unwrap();
    let task = synthetic::task_of(TaskKind::Binary);
    let data = Dataset::new(table, task, Target::Classes(codes.into())).unwrap();
    let data = data
        .with_time((0..n_rows).map(f64::from).collect::<Vec<_>>())
        .unwrap();
    let free = FitOptions {
        folds: None,
        ..options(2)
    };
    assert_eq!(
        Plan::new(&data, &free).unwrap().validation.describe(),
        "holdout of 40 %"
    );
    let asked = FitOptions {
        folds: None,
        holdout: Some(0.2),
        ..options(2)
    };
    assert_eq!(
        Plan::new(&data, &asked).err().map(|error| error.code()),
        Some("fit-split")
    );
}

#[test]
fn groups_and_times_are_never_split_the_wrong_way() {
    let n_rows = 120_u32;
    let groups: Vec<u32> = (0..n_rows).map(|row| row / 10).collect();
    let grouped = synthetic::binary(n_rows as usize, 9)
        .with_groups(groups.clone())
        .unwrap();
    let plan = Plan::new(&grouped, &options(3)).unwrap();
    for split in &plan.splits {
        assert!(split.valid.iter().all(|&row| {
            !split
                .train
                .iter()
                .any(|&other| groups[other as usize] == groups[row as usize])
        }));
    }
    let times: Vec<f64> = (0..n_rows).map(f64::from).collect();
    let timed = synthetic::binary(n_rows as usize, 9)
        .with_time(times)
        .unwrap();
    let plan = Plan::new(
        &timed,
        &FitOptions {
            folds: None,
            ..options(3)
        },
    )
    .unwrap();
    assert!(
        plan.validation.refit,
        "models that never saw the latest rows are not what is wanted"
    );
    for split in &plan.splits {
        assert!(split.train.iter().max() < split.valid.iter().min());
    }
}

#[test]
fn more_rows_get_cheaper_validation() {
    let limited = |seconds| FitOptions {
        time_limit: Some(Duration::from_secs(seconds)),
        max_trials: None,
        folds: None,
        ..options(1)
    };
    let words = |n_rows, seconds| {
        let data = synthetic::dataset(TaskKind::Binary, synthetic::Columns::default(), n_rows, 1);
        Plan::new(&data, &limited(seconds))
            .unwrap()
            .validation
            .describe()
    };
    assert_eq!(words(300, 60), "3 × 8-fold cross-validation");
    assert_eq!(words(5_000, 60), "8-fold cross-validation");
    assert_eq!(words(60_000, 2), "holdout of 20 %");
}

#[test]
fn trials_learn_from_a_quarter_first_where_there_is_no_time_for_many_fits_of_all_rows() {
    let data = synthetic::binary(30_000, 2);
    let plan = |seconds: Option<u64>, without: Vec<SearchPart>| {
        let options = FitOptions {
            time_limit: seconds.map(Duration::from_secs),
            folds: None,
            without,
            ..options(1000)
        };
        Plan::new(&data, &options).unwrap()
    };
    let short = plan(Some(5), Vec::new());
    let train = &short.splits[0].train;
    assert_eq!(short.probe.len(), train.len() / 4);
    assert!(
        short
            .probe
            .iter()
            .all(|row| train.binary_search(row).is_ok())
    );
    let share =
        |rows: &[u32]| data.view(rows).target_numbers().iter().sum::<f64>() / rows.len() as f64;
    assert!(
        (share(&short.probe) - share(train)).abs() < 1e-3,
        "classes keep their shares"
    );
    assert!(
        plan(Some(100_000), Vec::new()).probe.is_empty(),
        "there is time"
    );
    assert!(
        plan(None, Vec::new()).probe.is_empty(),
        "time does not end the search"
    );
    assert!(plan(Some(5), vec![SearchPart::Probing]).probe.is_empty());
}

/// Keeps all in memory.
#[derive(Default)]
struct Notes {
    entries: Mutex<Vec<JournalEntry>>,
    kept: Mutex<BTreeMap<String, Artifact>>,
}

impl Journal for Notes {
    fn note(&self, entry: &JournalEntry) {
        self.entries.lock().unwrap().push(entry.clone());
    }

    fn keep(&self, name: &str, artifact: &dyn Fn() -> Artifact) {
        self.kept
            .lock()
            .unwrap()
            .insert(name.to_owned(), artifact());
    }

    fn restore(&self, name: &str) -> Option<Artifact> {
        self.kept.lock().unwrap().get(name).cloned()
    }

    fn forget(&self, name: &str) {
        self.kept.lock().unwrap().remove(name);
    }
}

#[test]
fn a_trial_whose_probe_is_poor_ends_with_it() {
    let data = synthetic::binary(24_000, 2);
    let (warnings, journal) = (Warnings::default(), Notes::default());
    let run = FitRun {
        journal: &journal,
        ..FitRun::alone(&warnings)
    };
    let boosting = |leaves, least_rows| {
        let mut configuration = Configuration::of(&automl_tree::GRADIENT_BOOSTING);
        configuration.params = ParamMap::from([
            ("learning_rate".to_owned(), ParamValue::Float(0.5)),
            ("early_stopping_rounds".to_owned(), ParamValue::Int(5)),
            ("max_leaves".to_owned(), ParamValue::Int(leaves)),
            ("min_rows_per_leaf".to_owned(), ParamValue::Int(least_rows)),
        ]);
        configuration
    };
    let mut portfolio: Vec<Configuration> = (0..9).map(|at| boosting(4, 20 + at)).collect();
    portfolio.push(boosting(2, 2_000));
    let n_trials = 1 + portfolio.len() as u64;
    let options = FitOptions {
        time_limit: Some(Duration::from_secs(30)),
        folds: None,
        include: vec!["gradient_boosting".into(), "baseline".into()],
        portfolio: Some(portfolio),
        ..options(n_trials)
    };
    fit(&data, &options, &run).unwrap();
    let notes = std::mem::take(&mut *journal.entries.lock().unwrap());
    let probed = notes.iter().filter_map(|note| match note {
        JournalEntry::Probed { trial, loss, .. } => Some((*trial, *loss)),
        _ => None,
    });
    let probed: BTreeMap<u64, f64> = probed.collect();
    let all_but_the_first_of_each_learner: Vec<u64> = (2..n_trials).collect();
    assert!(
        probed.keys().eq(&all_but_the_first_of_each_learner),
        "{probed:?}"
    );
    let last = n_trials - 1;
    let ended = notes.iter().find_map(|note| match note {
        JournalEntry::Ended { trial, outcome, .. } if *trial == last => Some(outcome.clone()),
        _ => None,
    });
    let loss = probed[&last];
    assert_eq!(ended, Some(Outcome::Pruned { loss }));
    let is_fit =
        |note: &JournalEntry| matches!(note, JournalEntry::Fitted { trial, .. } if *trial == last);
    assert!(!notes.iter().any(is_fit));

    // Killed right after the probe, it is not probed again.
    let is_probe =
        |note: &JournalEntry| matches!(note, JournalEntry::Probed { trial, .. } if *trial == last);
    let place = notes.iter().position(is_probe).unwrap();
    let run = FitRun {
        journal: &journal,
        past: &notes[..=place],
        ..FitRun::alone(&warnings)
    };
    fit(&data, &options, &run).unwrap();
    let again = journal.entries.into_inner().unwrap();
    assert!(again.iter().any(|note| matches!(note, JournalEntry::Ended { trial, outcome: Outcome::Pruned { .. }, .. } if *trial == last)));
    let runs =
        |note: &JournalEntry| matches!(note, JournalEntry::Running { trial, .. } if *trial == last);
    assert!(!again.iter().any(runs));
}
