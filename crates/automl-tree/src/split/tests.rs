//! Splits found are the best of all, by trying all.

use super::*;
use crate::tree::contains;
use proptest::strategy::Strategy;

fn rules() -> SplitRules {
    SplitRules {
        l1: 0.0,
        l2: 0.5,
        min_gain: 0.0,
        min_rows: 1,
        min_hessian: 0.0,
        max_step: f64::INFINITY,
        cat_smooth: 1.0,
        cat_l2: 0.0,
        max_cat_bins: 255,
        min_rows_per_category: 1,
        max_onehot_levels: 4,
        random_threshold: false,
    }
}

fn sums(cells: &[Cell]) -> Sums {
    let total = |part: usize| cells.iter().map(|cell| cell[part]).sum::<f64>();
    Sums {
        gradient: total(0),
        hessian: total(1),
        n_rows: total(1) as usize,
        bounds: Bounds::default(),
    }
}

fn threshold(rules: &SplitRules, sums: &Sums, cells: &[Cell]) -> Option<Found> {
    number::best(rules, sums, cells, 0, 0, &mut Candidates::new())
}

/// Trying every threshold with missing values on either side: the best score, and the least bin that has it.
fn by_trying_all(rules: &SplitRules, sums: &Sums, cells: &[Cell]) -> Option<(f64, u8)> {
    let hessian_min = sums.hessian_min(rules);
    let mut best: Option<(f64, u8)> = None;
    for offset in [[0.0; 2], cells[0]] {
        let mut left = offset;
        for (bin, cell) in cells.iter().enumerate().skip(1) {
            left = [left[0] + cell[0], left[1] + cell[1]];
            let right = [sums.gradient - left[0], sums.hessian - left[1]];
            let score = rules.score(left, 0.0) + rules.score(right, 0.0);
            let is_allowed = left[1] >= hessian_min && right[1] >= hessian_min;
            if is_allowed && best.is_none_or(|known| score > known.0) {
                best = Some((score, bin as u8));
            }
        }
    }
    best
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    #[test]
    fn no_threshold_is_better_than_the_one_found(
        // Whole numbers, so that sums are exact in any order; many bins are empty.
        bins in proptest::collection::vec((-40_i32..40, 0_i32..9), 2..=256),
        min_rows in 1_usize..30,
        l1 in 0_u8..4,
        has_missing: bool,
    ) {
        let mut cells: Vec<Cell> = bins
            .iter()
            .map(|&(g, h)| [if h > 3 { f64::from(g) } else { 0.0 }, f64::from((h - 3).max(0))])
            .collect();
        if !has_missing {
            cells[0] = [0.0; 2];
        }
        let rules = SplitRules { min_rows, l1: f64::from(l1), ..rules() };
        let sums = sums(&cells);
        let found = threshold(&rules, &sums, &cells);
        match by_trying_all(&rules, &sums, &cells) {
            None => assert!(found.is_none()),
            Some((score, bin)) => {
                let found = found.expect("a threshold is allowed");
                assert!((found.score - score).abs() <= 1e-9 * score.max(1.0));
                let Rule::UpTo { bin: last, .. } = found.rule else { panic!("a threshold") };
                // Scores that are equal but for rounding may stand anywhere.
                assert!(last == bin || (found.score - score).abs() <= 1e-12 * score.max(1.0));
            }
        }
    }
}

#[test]
fn the_threshold_and_the_side_of_missing_are_the_best_of_all() {
    let cells = [
        [-6.0, 3.0],
        [2.0, 5.0],
        [-1.0, 4.0],
        [-7.0, 6.0],
        [3.0, 2.0],
    ];
    let (rules, sums) = (rules(), sums(&cells));
    let found = threshold(&rules, &sums, &cells).unwrap();
    let mut best = f64::NEG_INFINITY;
    for missing_left in [false, true] {
        for last in 1..5 {
            let rule = Rule::UpTo {
                bin: last,
                missing_left,
            };
            let left =
                (0..5)
                    .filter(|&bin| rule.goes_left(bin))
                    .fold([0.0; 2], |sum: Cell, bin| {
                        [
                            sum[0] + cells[bin as usize][0],
                            sum[1] + cells[bin as usize][1],
                        ]
                    });
            let right = [sums.gradient - left[0], sums.hessian - left[1]];
            if right[1] > 0.0 {
                best = best.max(rules.score(left, 0.0) + rules.score(right, 0.0));
            }
        }
    }
    assert!((found.score - best).abs() < 1e-12);
}

#[test]
fn l1_and_the_limits_on_leaves_are_kept() {
    let cells = [[0.0, 0.0], [9.0, 1.0], [-1.0, 10.0], [-2.0, 10.0]];
    let free = threshold(&rules(), &sums(&cells), &cells).unwrap();
    assert_eq!(free.left, [9.0, 1.0]);
    let strict = SplitRules {
        min_rows: 2,
        ..rules()
    };
    assert_eq!(
        threshold(&strict, &sums(&cells), &cells).unwrap().left[1],
        11.0
    );
    let shrunk = SplitRules { l1: 2.0, ..rules() };
    assert_eq!(
        (shrunk.shrunk(5.0), shrunk.shrunk(-5.0), shrunk.shrunk(1.0)),
        (3.0, -3.0, 0.0)
    );
}

#[test]
fn sets_of_categories_follow_the_mean_gradient() {
    let cells: Vec<Cell> = (0..9)
        .map(|bin| [if bin % 2 == 0 { -4.0 } else { 4.0 }, 5.0])
        .collect();
    let found = category::best(&rules(), &sums(&cells), &cells, 0).unwrap();
    let Rule::In(set) = found.rule else {
        panic!("a set")
    };
    let side = contains(&set, 0);
    assert!((0..9).all(|bin| contains(&set, bin) == (side == (bin % 2 == 0))));
}

/// What a scan finds, to the bit.
fn found_on(
    arch: pulp::Arch,
    (rules, sums, cells): (&SplitRules, &Sums, &[Cell]),
) -> Option<(Rule, [u64; 3])> {
    let mut candidates = Candidates::new();
    candidates.arch = arch;
    let found = number::best(rules, sums, cells, 0, 0, &mut candidates)?;
    let numbers = [found.score, found.left[0], found.left[1]];
    Some((found.rule, numbers.map(f64::to_bits)))
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(1_000))]
    #[test]
    fn vectors_find_the_threshold_that_is_found_without_them(
        // A bin is empty, one of few (so that scores tie), or anything.
        cells in proptest::collection::vec(
            proptest::prop_oneof![
                proptest::prelude::Just([0.0, 0.0]),
                (-1_i32..=1).prop_map(|g| [f64::from(g), 1.0]),
                (-5.0..5.0, 0.0..3.0).prop_map(|(g, h): (f64, f64)| [g, h]),
            ],
            2..257,
        ),
        has_missing in proptest::bool::ANY,
        (l1, l2) in (proptest::prop_oneof![proptest::prelude::Just(0.0), 0.0..2.0], 0.0..2.0),
        min_rows in 1_usize..6,
    ) {
        let mut cells = cells;
        if !has_missing {
            cells[0] = [0.0; 2];
        }
        let rules = SplitRules { l1, l2, min_rows, ..rules() };
        let leaf = (&rules, &sums(&cells), &cells[..]);
        let plain = found_on(pulp::Arch::Scalar, leaf);
        proptest::prop_assert_eq!(plain, found_on(pulp::Arch::new(), leaf));
    }
}
