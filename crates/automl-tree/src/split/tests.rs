//! Splits found are the best of all, by trying all.

use super::*;
use crate::tree::contains;

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
    let found = number::best(&rules, &sums, &cells, 0, 0).unwrap();
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
    let free = number::best(&rules(), &sums(&cells), &cells, 0, 0).unwrap();
    assert_eq!(free.left, [9.0, 1.0]);
    let strict = SplitRules {
        min_rows: 2,
        ..rules()
    };
    assert_eq!(
        number::best(&strict, &sums(&cells), &cells, 0, 0)
            .unwrap()
            .left[1],
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
