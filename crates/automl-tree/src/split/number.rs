//! Thresholds of a number feature, with missing values tried on both sides.

use super::{Found, SplitRules, Sums};
use crate::histogram::Cell;
use crate::tree::Rule;

/// The best threshold. Cost: one pass for prefix sums, one for the scores (one division a bin), twice with missing.
pub(super) fn best(
    rules: &SplitRules,
    sums: &Sums,
    cells: &[Cell],
    draw: u32,
    direction: i8,
) -> Option<Found> {
    let n_values = cells.len() - 1;
    let missing = cells[0];
    let has_missing = missing[1] * sums.rows_per_hessian() >= 0.5;
    // With no missing rows the last threshold would send all rows left.
    let n_thresholds = if has_missing { n_values } else { n_values - 1 };
    if n_thresholds == 0 {
        return None;
    }
    let only = rules.random_threshold.then(|| draw as usize % n_thresholds);
    let mut prefix = [[0.0; 2]; 256];
    let mut running = [0.0; 2];
    for (sum, cell) in prefix.iter_mut().zip(&cells[1..]) {
        running = [running[0] + cell[0], running[1] + cell[1]];
        *sum = running;
    }
    let prefix = &prefix[..n_thresholds];
    let best_with = |offset: Cell| {
        let mut scores = [f64::NEG_INFINITY; 256];
        if direction == 0 && sums.bounds.is_free() {
            write_free_scores(rules, sums, prefix, offset, &mut scores);
        } else {
            write_bounded_scores(rules, sums, prefix, offset, direction, &mut scores);
        }
        best_threshold(&scores[..prefix.len()], only)
    };
    let (mut score, mut place) = best_with([0.0; 2]);
    let mut missing_left = false;
    if has_missing {
        let (other, other_place) = best_with(missing);
        if other > score {
            (score, place, missing_left) = (other, other_place, true);
        }
    }
    if score == f64::NEG_INFINITY {
        return None;
    }
    let offset = if missing_left { missing } else { [0.0; 2] };
    let left = [prefix[place][0] + offset[0], prefix[place][1] + offset[1]];
    if !has_missing {
        missing_left = left[1] >= sums.hessian * 0.5;
    }
    Some(Found {
        score,
        rule: Rule::UpTo {
            bin: place as u8 + 1,
            missing_left,
        },
        left,
        extra_l2: 0.0,
    })
}

/// The best score and its threshold, the first among equals; minus infinity if none is allowed.
fn best_threshold(scores: &[f64], only: Option<usize>) -> (f64, usize) {
    if let Some(place) = only {
        return (scores[place], place);
    }
    let (mut best, mut place) = (f64::NEG_INFINITY, 0);
    for (index, &score) in scores.iter().enumerate() {
        if score > best {
            (best, place) = (score, index);
        }
    }
    (best, place)
}

/// The scores of all thresholds where any value is allowed; minus infinity where a limit forbids the threshold.
fn write_free_scores(
    rules: &SplitRules,
    sums: &Sums,
    prefix: &[Cell],
    offset: Cell,
    scores: &mut [f64; 256],
) {
    let hessian_min = sums.hessian_min(rules);
    if rules.l1 == 0.0 {
        write_scores(rules, sums, prefix, offset, hessian_min, scores, |g| g);
    } else {
        let shrink = |gradient| rules.shrunk(gradient);
        write_scores(rules, sums, prefix, offset, hessian_min, scores, shrink);
    }
}

/// The same for a leaf whose values are bounded or must follow a direction.
fn write_bounded_scores(
    rules: &SplitRules,
    sums: &Sums,
    prefix: &[Cell],
    offset: Cell,
    direction: i8,
    scores: &mut [f64; 256],
) {
    let hessian_min = sums.hessian_min(rules);
    for (score, sum) in scores.iter_mut().zip(prefix) {
        let left = [sum[0] + offset[0], sum[1] + offset[1]];
        let right = [sums.gradient - left[0], sums.hessian - left[1]];
        if left[1] >= hessian_min && right[1] >= hessian_min {
            let found = rules.score_of_pair(sums.bounds, direction, [left, right]);
            *score = found.unwrap_or(f64::NEG_INFINITY);
        }
    }
}

#[expect(
    clippy::inline_always,
    reason = "the closure must vanish from the loop"
)]
#[inline(always)]
fn write_scores(
    rules: &SplitRules,
    sums: &Sums,
    prefix: &[Cell],
    offset: Cell,
    hessian_min: f64,
    scores: &mut [f64; 256],
    shrink: impl Fn(f64) -> f64,
) {
    let l2 = rules.l2;
    for (score, sum) in scores.iter_mut().zip(prefix) {
        let (gl, hl) = (sum[0] + offset[0], sum[1] + offset[1]);
        let (gr, hr) = (sums.gradient - gl, sums.hessian - hl);
        let (tl, tr) = (shrink(gl), shrink(gr));
        let (dl, dr) = (hl + l2, hr + l2);
        // Both quotients over one denominator: one division instead of two.
        let value = (tl * tl * dr + tr * tr * dl) / (dl * dr);
        #[expect(
            clippy::needless_bitwise_bool,
            reason = "a branch would keep the loop scalar"
        )]
        let is_allowed = (hl >= hessian_min) & (hr >= hessian_min);
        *score = if is_allowed { value } else { f64::NEG_INFINITY };
    }
}
