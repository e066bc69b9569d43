//! Splits part the rows, keep groups and times apart, and deal classes and targets evenly.

use super::{Scheme, Split, SplitError, split, subsample};
use crate::{Coded, Dataset, Seed, Table, Target, Task};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn classified(codes: &[u32]) -> Dataset {
    let classes: Vec<String> = (0..4).map(|class| format!("c{class}")).collect();
    let table = Table::without_columns(codes.len());
    Dataset::new(
        table,
        Task::Multiclass { classes },
        Target::Classes(codes.into()),
    )
    .unwrap()
}

fn measured(values: &[f64]) -> Dataset {
    let table = Table::without_columns(values.len());
    Dataset::new(table, Task::Regression, Target::Numbers(values.into())).unwrap()
}

fn kfold(data: &Dataset, k: usize) -> Result<Vec<Split>, SplitError> {
    split(data, &Scheme::KFold { k }, Seed(1))
}

fn holdout(data: &Dataset, fraction: f64) -> Result<Split, SplitError> {
    split(data, &Scheme::Holdout { fraction }, Seed(1)).map(|mut splits| splits.remove(0))
}

fn counts<T: Ord + Copy>(rows: &[u32], of: &[T]) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for &row in rows {
        *counts.entry(of[row as usize]).or_default() += 1;
    }
    counts
}

/// Both sides sorted and apart, neither empty.
fn assert_sound(split: &Split) {
    for side in [&split.train, &split.valid] {
        assert!(
            !side.is_empty() && side.is_sorted_by(|a, b| a < b),
            "{split:?}"
        );
    }
    assert!(
        split
            .valid
            .iter()
            .all(|row| split.train.binary_search(row).is_err()),
        "{split:?}"
    );
}

/// Each row is scored on once and learned from everywhere else.
fn assert_partition(splits: &[Split], n_rows: usize) {
    let mut scored: Vec<u32> = splits
        .iter()
        .flat_map(|split| split.valid.clone())
        .collect();
    scored.sort_unstable();
    assert_eq!(scored, (0..n_rows as u32).collect::<Vec<_>>());
    for split in splits {
        assert_sound(split);
        assert_eq!(split.train.len() + split.valid.len(), n_rows);
    }
}

proptest! {
    #[test]
    fn folds_part_the_rows_and_deal_classes_evenly(codes in prop::collection::vec(0..4_u32, 5..60), k in 2..6_usize) {
        let data = classified(&codes);
        let splits = kfold(&data, k).unwrap();
        prop_assert_eq!(splits.len(), k);
        assert_partition(&splits, codes.len());
        let all = counts(&data.all_rows(), &codes);
        for split in &splits {
            prop_assert!(split.valid.len().abs_diff(codes.len() / k) <= 1);
            let (train, valid) = (counts(&split.train, &codes), counts(&split.valid, &codes));
            for (class, total) in &all {
                let here = valid.get(class).copied().unwrap_or(0);
                prop_assert!(here == total / k || here == total.div_ceil(k), "{here} of {total} in one of {k}");
                prop_assert!(*total < 2 || train.contains_key(class));
            }
        }
    }

    #[test]
    fn a_holdout_has_its_share_of_each_class(codes in prop::collection::vec(0..4_u32, 2..60), fraction in 0.05..0.95_f64) {
        let data = classified(&codes);
        let split = holdout(&data, fraction).unwrap();
        assert_sound(&split);
        prop_assert_eq!(split.train.len() + split.valid.len(), codes.len());
        let (all, train, valid) =
            (counts(&data.all_rows(), &codes), counts(&split.train, &codes), counts(&split.valid, &codes));
        for (class, total) in all {
            prop_assert!(total < 2 || train.contains_key(&class));
            let here = valid.get(&class).copied().unwrap_or(0) as f64;
            // The whole size is rounded too, and single rows may stand in for others.
            prop_assert!((here - total as f64 * fraction).abs() <= 2.0, "{here} of {total} for {fraction}");
        }
    }

    #[test]
    fn folds_see_the_whole_range_of_a_numeric_target(values in prop::collection::vec(-1e3..1e3_f64, 10..60), k in 2..5_usize) {
        let splits = kfold(&measured(&values), k).unwrap();
        assert_partition(&splits, values.len());
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        for split in &splits {
            let mut own: Vec<f64> = split.valid.iter().map(|&row| values[row as usize]).collect();
            own.sort_by(f64::total_cmp);
            for (block, value) in sorted.chunks(k).zip(own) {
                prop_assert!(block[0] <= value && value <= block[block.len() - 1]);
            }
        }
    }

    #[test]
    fn groups_never_stand_on_both_sides(
        rows in prop::collection::vec((0..4_u32, 0..12_u32), 12..80),
        k in 2..5_usize,
        fraction in 0.1..0.9_f64,
    ) {
        let (codes, groups): (Vec<u32>, Vec<u32>) = rows.into_iter().unzip();
        let n_groups = groups.iter().collect::<BTreeSet<_>>().len();
        prop_assume!(n_groups >= k);
        let data = classified(&codes).with_groups(groups.clone()).unwrap();
        let folds = kfold(&data, k).unwrap();
        assert_partition(&folds, codes.len());
        let one = holdout(&data, fraction).unwrap();
        prop_assert_eq!(one.train.len() + one.valid.len(), codes.len());
        for split in folds.iter().chain([&one]) {
            assert_sound(split);
            let (train, valid) = (counts(&split.train, &groups), counts(&split.valid, &groups));
            prop_assert!(train.keys().all(|group| !valid.contains_key(group)));
        }
    }

    #[test]
    fn validation_follows_training_in_time(
        times in prop::collection::vec(0..30_i32, 12..80),
        k in 2..5_usize,
        fraction in 0.1..0.9_f64,
    ) {
        let time: Vec<f64> = times.iter().map(|&t| f64::from(t)).collect();
        prop_assume!(times.iter().collect::<BTreeSet<_>>().len() > k);
        let data = measured(&time).with_time(time.clone()).unwrap();
        let folds = kfold(&data, k).unwrap();
        prop_assert_eq!(folds.len(), k);
        for split in folds.iter().chain([&holdout(&data, fraction).unwrap()]) {
            assert_sound(split);
            let last = split.train.iter().map(|&row| times[row as usize]).max();
            let first = split.valid.iter().map(|&row| times[row as usize]).min();
            prop_assert!(last < first, "{last:?} before {first:?}");
        }
        // Each fold learns from all that came before it, and the last one reaches the end.
        for pair in folds.windows(2) {
            let mut before = [pair[0].train.clone(), pair[0].valid.clone()].concat();
            before.sort_unstable();
            prop_assert_eq!(&pair[1].train, &before);
        }
        let last = &folds[k - 1];
        prop_assert_eq!(last.train.len() + last.valid.len(), times.len());
    }

    #[test]
    fn a_sample_is_sorted_and_keeps_the_classes_in_proportion(
        codes in prop::collection::vec(0..4_u32, 1..60),
        n in 4..70_usize,
    ) {
        let data = classified(&codes);
        let rows: Vec<u32> = (0..codes.len() as u32).rev().collect();
        let sample = subsample(&rows, &data, n, Seed(3));
        prop_assert_eq!(sample.len(), n.min(rows.len()));
        prop_assert!(sample.is_sorted_by(|a, b| a < b));
        let found = counts(&sample, &codes);
        for (class, total) in counts(&rows, &codes) {
            let share = total as f64 * sample.len() as f64 / rows.len() as f64;
            let here = found.get(&class).copied().unwrap_or(0);
            prop_assert!(here > 0 && (here as f64 - share).abs() <= 3.0, "{here} where {share} is the share");
        }
    }
}

#[test]
fn groups_of_one_size_are_dealt_evenly_and_with_their_classes() {
    // Thirty groups of four rows; the groups are all of one class.
    let groups: Vec<u32> = (0..120).map(|row| row / 4).collect();
    let codes: Vec<u32> = groups.iter().map(|group| group % 3).collect();
    let data = classified(&codes).with_groups(groups).unwrap();
    for split in kfold(&data, 5).unwrap() {
        assert_eq!(
            counts(&split.valid, &codes),
            BTreeMap::from([(0, 8), (1, 8), (2, 8)])
        );
    }
    let valid = holdout(&data, 0.2).unwrap().valid;
    assert_eq!(
        counts(&valid, &codes),
        BTreeMap::from([(0, 8), (1, 8), (2, 8)])
    );
}

#[test]
fn one_large_group_does_not_unbalance_the_rest() {
    let mut groups = vec![0; 50];
    groups.extend(1..=50);
    let data = measured(&[0.0; 100]).with_groups(groups).unwrap();
    let mut sizes: Vec<usize> = kfold(&data, 2)
        .unwrap()
        .iter()
        .map(|split| split.valid.len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 50]);
}

#[test]
fn a_holdout_in_time_is_the_end() {
    let time: Vec<f64> = (0..10).map(|row| f64::from(row * 7 % 10)).collect();
    let data = measured(&time).with_time(time.clone()).unwrap();
    let valid = holdout(&data, 0.3).unwrap().valid;
    let mut times: Vec<f64> = valid.iter().map(|&row| time[row as usize]).collect();
    times.sort_by(f64::total_cmp);
    assert_eq!(times, [7.0, 8.0, 9.0]);
}

#[test]
fn rows_of_one_time_stay_together() {
    let data = measured(&[0.0; 6])
        .with_time(vec![1.0, 1.0, 1.0, 1.0, 1.0, 2.0])
        .unwrap();
    assert_eq!(holdout(&data, 0.5).unwrap().valid, [5]);
}

#[test]
fn with_groups_and_times_both_rules_hold() {
    let data = measured(&[0.0; 8])
        .with_time((0..8).map(f64::from).collect::<Vec<_>>())
        .unwrap();
    let grouped = data.with_table(Table::without_columns(8)).unwrap();
    let grouped = grouped.with_groups(vec![0, 1, 0, 1, 2, 2, 1, 1]).unwrap();
    let found = holdout(&grouped, 0.25).unwrap();
    assert_eq!(found.valid, [6, 7]);
    assert_eq!(found.train, [0, 2, 4, 5]);
    let one_group = data.with_groups(vec![3; 8]).unwrap();
    assert_eq!(
        holdout(&one_group, 0.25),
        Err(SplitError::TooFewGroups {
            found: 1,
            needed: 2
        })
    );
}

#[test]
fn the_seed_decides() {
    let data = classified(&[0, 1].repeat(20));
    let scheme = Scheme::RepeatedKFold { k: 4, repeats: 3 };
    let splits = split(&data, &scheme, Seed(1)).unwrap();
    assert_eq!(splits, split(&data, &scheme, Seed(1)).unwrap());
    assert_ne!(splits, split(&data, &scheme, Seed(2)).unwrap());
    assert_eq!(splits.len(), 12);
    for repeat in splits.chunks(4) {
        assert_partition(repeat, 40);
    }
    assert_ne!(splits[..4], splits[4..8]);
}

#[test]
fn what_is_too_small_to_split_is_refused() {
    let too_few_rows = kfold(&measured(&[1.0, 2.0]), 3).unwrap_err();
    assert_eq!(
        too_few_rows.to_string(),
        "2 rows are too few to split: 3 are needed"
    );
    assert_eq!(too_few_rows.code(), "split-too-few-rows");
    assert_eq!(
        holdout(&measured(&[1.0]), 0.5).unwrap_err().code(),
        "split-too-few-rows"
    );

    let grouped = measured(&[1.0; 9]).with_groups(vec![4; 9]).unwrap();
    assert_eq!(
        kfold(&grouped, 3).unwrap_err().code(),
        "split-too-few-groups"
    );
    assert_eq!(
        holdout(&grouped, 0.5).unwrap_err().code(),
        "split-too-few-groups"
    );

    let timed = measured(&[1.0; 4])
        .with_time(vec![0.0, -0.0, 1.0, 1.0])
        .unwrap();
    assert!(holdout(&timed, 0.5).is_ok());
    assert_eq!(
        kfold(&timed, 2).unwrap_err().to_string(),
        "2 distinct times are too few to split: 3 are needed"
    );
}

#[test]
fn a_scheme_out_of_range_is_refused() {
    let data = measured(&[1.0; 9]);
    for scheme in [
        Scheme::Holdout { fraction: 0.0 },
        Scheme::Holdout { fraction: 1.0 },
        Scheme::Holdout { fraction: f64::NAN },
        Scheme::KFold { k: 1 },
        Scheme::RepeatedKFold { k: 1, repeats: 2 },
        Scheme::RepeatedKFold { k: 2, repeats: 0 },
    ] {
        assert_eq!(
            split(&data, &scheme, Seed(1)).unwrap_err().code(),
            "split-scheme"
        );
    }
    assert_eq!(
        kfold(&data, 1).unwrap_err().to_string(),
        "k = 1 is outside 2 and above"
    );
}

#[test]
fn a_scheme_is_written_with_its_kind() {
    let json = |scheme: Scheme| serde_json::to_string(&scheme).unwrap();
    assert_eq!(json(Scheme::KFold { k: 5 }), r#"{"kind":"kfold","k":5}"#);
    assert_eq!(
        json(Scheme::Holdout { fraction: 0.2 }),
        r#"{"kind":"holdout","fraction":0.2}"#
    );
    assert_eq!(
        serde_json::from_str::<Scheme>(r#"{"kind":"repeated_kfold","k":5,"repeats":2}"#).unwrap(),
        Scheme::RepeatedKFold { k: 5, repeats: 2 }
    );
}

#[test]
fn a_class_of_one_row_is_learned_from_if_others_can_be_held_out() {
    let split = holdout(&classified(&[0, 0, 0, 0, 0, 1]), 0.5).unwrap();
    assert!(split.train.contains(&5), "{split:?}");
    let only_singles = holdout(&classified(&[0, 1, 2, 3]), 0.5).unwrap();
    assert_eq!(only_singles.valid.len(), 2);
}
