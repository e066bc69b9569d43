//! Sets of categories: one against the rest for few levels, else a cut of the levels sorted by their mean gradient.
//!
//! Sorting by `G / (H + cat_smooth)` makes the best subset a prefix or a suffix (Fisher, 1958); the extra `cat_l2`, the
//! limits on the set's size and on the rows of a group are LightGBM's guards against fitting noise. The missing bin
//! takes part as one more level; bins without rows in this leaf follow it, or the larger side if it has none.

use super::{Found, SplitRules, Sums};
use crate::histogram::Cell;
use crate::tree::{BinSet, Rule, insert};

/// The best set of bins to send left. Cost: a sort of the levels that have rows in the leaf.
pub(super) fn best(rules: &SplitRules, sums: &Sums, cells: &[Cell], draw: u32) -> Option<Found> {
    let rows_of = |cell: &Cell| cell[1] * sums.rows_per_hessian();
    let mut present: Vec<u8> = (0..cells.len())
        .filter(|&bin| rows_of(&cells[bin]) >= 0.5)
        .map(|bin| bin as u8)
        .collect();
    if present.len() < 2 {
        return None;
    }
    let found = if present.len() <= rules.max_onehot_levels {
        one_against_rest(rules, sums, cells, &present)
    } else {
        present.retain(|&bin| rows_of(&cells[bin as usize]) >= rules.cat_smooth.max(1.0));
        sorted_cut(rules, sums, cells, &mut present, draw)
    };
    let (score, bins, left, extra_l2) = found?;
    Some(Found {
        score,
        rule: Rule::In(with_absent(sums, cells, &bins, left)),
        left,
        extra_l2,
    })
}

type Candidate = (f64, Vec<u8>, Cell, f64);

fn one_against_rest(
    rules: &SplitRules,
    sums: &Sums,
    cells: &[Cell],
    present: &[u8],
) -> Option<Candidate> {
    let hessian_min = sums.hessian_min(rules);
    let mut best: Option<Candidate> = None;
    for &bin in present {
        let left = cells[bin as usize];
        let right = [sums.gradient - left[0], sums.hessian - left[1]];
        if left[1] < hessian_min || right[1] < hessian_min {
            continue;
        }
        let score = rules.score_within(sums.bounds, left, 0.0)
            + rules.score_within(sums.bounds, right, 0.0);
        if best.as_ref().is_none_or(|known| score > known.0) {
            best = Some((score, vec![bin], left, 0.0));
        }
    }
    best
}

fn sorted_cut(
    rules: &SplitRules,
    sums: &Sums,
    cells: &[Cell],
    order: &mut [u8],
    draw: u32,
) -> Option<Candidate> {
    let key = |bin: u8| {
        let [gradient, hessian] = cells[bin as usize];
        gradient / (hessian + rules.cat_smooth)
    };
    order.sort_by(|&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
    let size_max = rules.max_cat_bins.min(order.len().div_ceil(2));
    if size_max == 0 {
        return None;
    }
    let only = rules.random_threshold.then(|| draw as usize % size_max);
    let mut best: Option<(f64, bool, usize, Cell)> = None;
    for from_top in [false, true] {
        let bin_at = |place: usize| {
            let place = if from_top {
                order.len() - 1 - place
            } else {
                place
            };
            order[place] as usize
        };
        let (mut left, mut group_rows) = ([0.0; 2], 0.0);
        for place in 0..size_max {
            let cell = cells[bin_at(place)];
            left = [left[0] + cell[0], left[1] + cell[1]];
            group_rows += cell[1] * sums.rows_per_hessian();
            let Some(score) = cut_score(rules, sums, left, &mut group_rows) else {
                continue;
            };
            let is_drawn = only.is_none_or(|drawn| drawn == place);
            if is_drawn && best.is_none_or(|known| score > known.0) {
                best = Some((score, from_top, place + 1, left));
            }
        }
    }
    let (score, from_top, size, left) = best?;
    let bins = if from_top {
        order[order.len() - size..].to_vec()
    } else {
        order[..size].to_vec()
    };
    Some((score, bins, left, rules.cat_l2))
}

/// The score of a cut that the limits allow; resets the rows gathered since the last allowed one.
fn cut_score(rules: &SplitRules, sums: &Sums, left: Cell, group_rows: &mut f64) -> Option<f64> {
    let hessian_min = sums.hessian_min(rules);
    let right = [sums.gradient - left[0], sums.hessian - left[1]];
    let right_rows = right[1] * sums.rows_per_hessian();
    let min_group = rules.min_rows_per_category as f64;
    let is_allowed = left[1] >= hessian_min
        && right[1] >= hessian_min
        && right_rows >= min_group
        && *group_rows >= min_group;
    if !is_allowed {
        return None;
    }
    *group_rows = 0.0;
    let of_side = |side: Cell| rules.score_within(sums.bounds, side, rules.cat_l2);
    Some(of_side(left) + of_side(right))
}

/// `bins` as a set, joined by every bin without rows if the default side is left.
pub(super) fn with_absent(sums: &Sums, cells: &[Cell], bins: &[u8], left: Cell) -> BinSet {
    let has_rows = |bin: usize| {
        cells
            .get(bin)
            .is_some_and(|cell| cell[1] * sums.rows_per_hessian() >= 0.5)
    };
    let default_left = if has_rows(0) {
        bins.contains(&0)
    } else {
        left[1] > sums.hessian * 0.5
    };
    let mut set = BinSet::default();
    for &bin in bins {
        insert(&mut set, bin);
    }
    if default_left {
        (0..256)
            .filter(|&bin| !has_rows(bin))
            .for_each(|bin| insert(&mut set, bin as u8));
    }
    set
}
