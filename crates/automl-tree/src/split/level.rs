//! One split for all leaves of a level: the one whose gains, summed over the leaves, are greatest.
//!
//! Every feature keeps an account of its cuts, one sum of gains a cut and side, and leaves are added one after the other,
//! so that memory does not grow with the level. A leaf in which a cut would break the limits on leaves takes no part in
//! it and adds nothing. Categories stand in one order for the whole tree, by their mean gradient in the root: a level
//! holds the root's rows, so an order of its own would be the same but for rows that were set aside.

use super::category::with_absent;
use super::{SplitRules, Sums};
use crate::binning::Feature;
use crate::histogram::Cell;
use crate::tree::{Rule, contains};

/// The split of a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LevelSplit {
    /// The gains of all leaves together.
    pub(crate) gain: f64,
    pub(crate) feature: u32,
    pub(crate) rule: Rule,
    pub(crate) extra_l2: f64,
}

/// What is cut.
enum Cuts {
    /// After each value; missing values right on the first side of the account, left on the second.
    Thresholds,
    /// After each level of this order, from its start and from its end.
    Prefixes(Vec<u8>),
    /// One level against the others.
    Singles(Vec<u8>),
}

/// The gains of one feature's cuts over the leaves added so far.
pub(crate) struct Account {
    pub(crate) feature: u32,
    direction: i8,
    cuts: Cuts,
    /// The feature's bins in the root, and what the root is judged by.
    root: Vec<Cell>,
    root_sums: Sums,
    gains: [Vec<f64>; 2],
}

impl Account {
    pub(crate) fn new(
        rules: &SplitRules,
        index: u32,
        feature: &Feature,
        direction: i8,
        (root_sums, root): (Sums, &[Cell]),
    ) -> Self {
        let rows_of = |bin: usize| root[bin][1] * root_sums.rows_per_hessian();
        let (cuts, n_cuts) = if feature.is_category() {
            let present = (0..root.len()).filter(|&bin| rows_of(bin) >= 0.5);
            let mut present: Vec<u8> = present.map(|bin| bin as u8).collect();
            if present.len() <= rules.max_onehot_levels {
                let n_cuts = present.len();
                (Cuts::Singles(present), [n_cuts, 0])
            } else {
                present.retain(|&bin| rows_of(bin as usize) >= rules.cat_smooth.max(1.0));
                let key =
                    |bin: u8| root[bin as usize][0] / (root[bin as usize][1] + rules.cat_smooth);
                present.sort_by(|&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
                let n_cuts = rules.max_cat_bins.min(present.len().div_ceil(2));
                (Cuts::Prefixes(present), [n_cuts; 2])
            }
        } else if rows_of(0) >= 0.5 {
            (Cuts::Thresholds, [root.len() - 1; 2])
        } else {
            (Cuts::Thresholds, [root.len() - 2, 0])
        };
        Self {
            feature: index,
            direction,
            cuts,
            root: root.to_vec(),
            root_sums,
            gains: n_cuts.map(|n_cuts| vec![0.0; n_cuts]),
        }
    }

    /// Forgets the leaves added.
    pub(crate) fn clear(&mut self) {
        self.gains.iter_mut().for_each(|gains| gains.fill(0.0));
    }

    /// Adds the gains in a leaf with these bins. Cost: a pass over the bins for each side.
    pub(crate) fn add(&mut self, rules: &SplitRules, sums: &Sums, cells: &[Cell]) {
        let extra_l2 = self.extra_l2(rules);
        let leaf = LeafGain::new(rules, sums, self.direction, extra_l2);
        let [first, second] = &mut self.gains;
        match &self.cuts {
            Cuts::Thresholds => {
                let mut prefix = [[0.0; 2]; 256];
                let mut running = [0.0; 2];
                for (sum, cell) in prefix.iter_mut().zip(&cells[1..]) {
                    running = [running[0] + cell[0], running[1] + cell[1]];
                    *sum = running;
                }
                leaf.add_all(&prefix, [0.0; 2], first);
                leaf.add_all(&prefix, cells[0], second);
            }
            Cuts::Prefixes(order) => {
                add_running(&leaf, order.iter(), cells, first);
                add_running(&leaf, order.iter().rev(), cells, second);
            }
            Cuts::Singles(bins) => {
                for (gain, &bin) in first.iter_mut().zip(bins) {
                    *gain += leaf.of(cells[bin as usize]).unwrap_or(0.0);
                }
            }
        }
    }

    fn extra_l2(&self, rules: &SplitRules) -> f64 {
        match self.cuts {
            Cuts::Prefixes(_) => rules.cat_l2,
            _ => 0.0,
        }
    }

    /// The cut that gained most, the first among equals, if it gained more than `min_gain`. `draw` picks one cut a side
    /// where thresholds are random.
    pub(crate) fn best(&self, rules: &SplitRules, draw: u32) -> Option<LevelSplit> {
        let mut best: Option<(f64, usize, usize)> = None;
        for (side, gains) in self.gains.iter().enumerate() {
            let only =
                (rules.random_threshold && !gains.is_empty()).then(|| draw as usize % gains.len());
            for (cut, &gain) in gains.iter().enumerate() {
                let is_drawn = only.is_none_or(|drawn| drawn == cut);
                let is_better = best.is_none_or(|(known, ..)| gain > known);
                if is_drawn && is_better && self.has_group(rules, side, cut) {
                    best = Some((gain, side, cut));
                }
            }
        }
        let (gain, side, cut) = best?;
        let is_worth = gain > rules.min_gain && gain > 0.0 && gain.is_finite();
        is_worth.then(|| LevelSplit {
            gain,
            feature: self.feature,
            rule: self.rule(side, cut),
            extra_l2: self.extra_l2(rules),
        })
    }

    /// Whether the categories of a cut have the rows together that a set must have, and those left over too.
    fn has_group(&self, rules: &SplitRules, side: usize, cut: usize) -> bool {
        let Cuts::Prefixes(order) = &self.cuts else {
            return true;
        };
        let hessian: f64 = prefix_bins(order, side, cut)
            .map(|bin| self.root[bin as usize][1])
            .sum();
        let rest = self.root_sums.hessian - hessian;
        hessian.min(rest) * self.root_sums.rows_per_hessian() >= rules.min_rows_per_category as f64
    }

    fn rule(&self, side: usize, cut: usize) -> Rule {
        let bins: Vec<u8> = match &self.cuts {
            Cuts::Thresholds => {
                let hessian = |cells: &[Cell]| cells.iter().map(|cell| cell[1]).sum::<f64>();
                let has_missing = !self.gains[1].is_empty();
                let left = hessian(&self.root[1..=cut + 1]);
                let missing_left = if has_missing {
                    side == 1
                } else {
                    left >= 0.5 * self.root_sums.hessian
                };
                let bin = cut as u8 + 1;
                return Rule::UpTo { bin, missing_left };
            }
            Cuts::Prefixes(order) => prefix_bins(order, side, cut).collect(),
            Cuts::Singles(bins) => vec![bins[cut]],
        };
        let left = bins.iter().fold([0.0; 2], |sum: Cell, &bin| {
            let cell = self.root[bin as usize];
            [sum[0] + cell[0], sum[1] + cell[1]]
        });
        Rule::In(with_absent(&self.root_sums, &self.root, &bins, left))
    }
}

/// The sums of the rows of a leaf that a rule sends left.
pub(crate) fn left_sums(rule: &Rule, cells: &[Cell]) -> Cell {
    let goes_left = |bin: usize| match rule {
        Rule::In(set) => contains(set, bin as u8),
        Rule::UpTo { .. } => rule.goes_left(bin as u8),
    };
    let left = (0..cells.len()).filter(|&bin| goes_left(bin));
    left.fold([0.0; 2], |sum, bin| {
        [sum[0] + cells[bin][0], sum[1] + cells[bin][1]]
    })
}

/// Judges cuts of one leaf.
pub(crate) struct LeafGain<'a> {
    rules: &'a SplitRules,
    sums: &'a Sums,
    direction: i8,
    extra_l2: f64,
    hessian_min: f64,
    parent: f64,
}

impl<'a> LeafGain<'a> {
    pub(crate) fn new(rules: &'a SplitRules, sums: &'a Sums, direction: i8, extra_l2: f64) -> Self {
        Self {
            rules,
            sums,
            direction,
            extra_l2,
            hessian_min: sums.hessian_min(rules),
            parent: rules.score_within(sums.bounds, sums.pair(), 0.0),
        }
    }

    /// What the leaf gains by a cut with these sums on its left; `None` if a limit forbids it.
    pub(crate) fn of(&self, left: Cell) -> Option<f64> {
        let (rules, bounds) = (self.rules, self.sums.bounds);
        let right = [self.sums.gradient - left[0], self.sums.hessian - left[1]];
        if left[1] < self.hessian_min || right[1] < self.hessian_min {
            return None;
        }
        let score = if self.direction == 0 {
            let of_side = |side| rules.score_within(bounds, side, self.extra_l2);
            of_side(left) + of_side(right)
        } else {
            rules.score_of_pair(bounds, self.direction, [left, right])?
        };
        Some(score - self.parent)
    }

    /// Adds the gains of all thresholds to `gains`.
    fn add_all(&self, prefix: &[Cell; 256], offset: Cell, gains: &mut [f64]) {
        let is_plain = self.direction == 0 && self.sums.bounds.is_free() && self.rules.l1 == 0.0;
        if !is_plain {
            for (gain, sum) in gains.iter_mut().zip(prefix) {
                let left = [sum[0] + offset[0], sum[1] + offset[1]];
                *gain += self.of(left).unwrap_or(0.0);
            }
            return;
        }
        let l2 = self.rules.l2;
        for (gain, sum) in gains.iter_mut().zip(prefix) {
            let (gl, hl) = (sum[0] + offset[0], sum[1] + offset[1]);
            let (gr, hr) = (self.sums.gradient - gl, self.sums.hessian - hl);
            let (dl, dr) = (hl + l2, hr + l2);
            let value = (gl * gl * dr + gr * gr * dl) / (dl * dr) - self.parent;
            #[expect(
                clippy::needless_bitwise_bool,
                reason = "a branch would keep the loop scalar"
            )]
            let is_allowed = (hl >= self.hessian_min) & (hr >= self.hessian_min);
            *gain += if is_allowed { value } else { 0.0 };
        }
    }
}

/// The levels of a cut: the first ones of the order, or the last ones on the second side.
fn prefix_bins(order: &[u8], side: usize, cut: usize) -> impl Iterator<Item = u8> {
    let bins = if side == 0 {
        &order[..=cut]
    } else {
        &order[order.len() - 1 - cut..]
    };
    bins.iter().copied()
}

fn add_running<'a>(
    leaf: &LeafGain<'_>,
    order: impl Iterator<Item = &'a u8>,
    cells: &[Cell],
    gains: &mut [f64],
) {
    let mut left = [0.0; 2];
    for (gain, &bin) in gains.iter_mut().zip(order) {
        let cell = cells[bin as usize];
        left = [left[0] + cell[0], left[1] + cell[1]];
        *gain += leaf.of(left).unwrap_or(0.0);
    }
}
