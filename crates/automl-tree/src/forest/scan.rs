//! The split of one feature at one node of a forest's tree.
//!
//! With `c` the weighted sum of targets (one a class) and `w` the weight, a side scores `Σ c² / w`: the greatest sum of
//! both sides is the least variance, and for classes the least Gini impurity (Breiman et al., 1984). Only the bins that
//! the node's rows fall into are visited, so small nodes cost as much as their rows.

use super::Targets;
use crate::binning::BinnedMatrix;
use crate::tree::{BinSet, Rule, contains, insert};

/// A split of one feature.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) gain: f64,
    pub(super) feature: u32,
    pub(super) rule: Rule,
}

/// The buffers of one tree. A cell holds `width` sums of targets, then the weight.
pub(super) struct Scanner<'a> {
    matrix: &'a BinnedMatrix,
    targets: &'a Targets,
    weights: &'a [f64],
    weight_min: f64,
    width: usize,
    cells: Vec<f64>,
    /// Sums of the node, and of the left side while scanning.
    node: Vec<f64>,
    left: Vec<f64>,
    /// Weighted target (or class) and weight of the node's rows, in their order.
    ordered: Vec<(f64, f64)>,
    /// Whether all targets of the node are equal.
    is_pure: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(
        matrix: &'a BinnedMatrix,
        targets: &'a Targets,
        weights: &'a [f64],
        weight_min: f64,
    ) -> Self {
        let width = targets.width();
        Self {
            matrix,
            targets,
            weights,
            weight_min,
            width,
            cells: vec![0.0; 256 * (width + 1)],
            node: vec![0.0; width + 1],
            left: vec![0.0; width + 1],
            ordered: Vec::new(),
            is_pure: true,
        }
    }

    /// Sums up the rows of a node.
    pub(super) fn start_node(&mut self, rows: &[u32]) {
        self.node.fill(0.0);
        self.ordered.clear();
        let first = rows[0] as usize;
        match self.targets {
            Targets::Numbers(numbers) => {
                self.ordered.extend(rows.iter().map(|&row| {
                    let weight = self.weights[row as usize];
                    (weight * numbers[row as usize], weight)
                }));
                for &(target, weight) in &self.ordered {
                    self.node[0] += target;
                    self.node[1] += weight;
                }
                self.is_pure = rows
                    .iter()
                    .all(|&row| numbers[row as usize] == numbers[first]);
            }
            Targets::Classes { codes, .. } => {
                self.ordered.extend(
                    rows.iter()
                        .map(|&row| (f64::from(codes[row as usize]), self.weights[row as usize])),
                );
                for &(class, weight) in &self.ordered {
                    self.node[class as usize] += weight;
                    self.node[self.width] += weight;
                }
                self.is_pure = rows.iter().all(|&row| codes[row as usize] == codes[first]);
            }
        }
    }

    pub(super) fn is_pure(&self) -> bool {
        self.is_pure
    }

    pub(super) fn weight(&self) -> f64 {
        self.node[self.width]
    }

    /// Adds the node's mean targets as a leaf.
    pub(super) fn push_leaf(&self, values: &mut Vec<f64>) {
        let weight = self.weight();
        values.extend(self.node[..self.width].iter().map(|sum| sum / weight));
    }

    /// The best split of a feature.
    pub(super) fn best(&mut self, rows: &[u32], feature: usize) -> Option<Found> {
        let present = self.fill(rows, feature);
        let order = if self.matrix.features[feature].is_category() {
            self.sorted_levels(&present)
        } else {
            bins_of(&present).filter(|&bin| bin != 0).collect()
        };
        let found = if self.matrix.features[feature].is_category() {
            self.best_set(&order, &present)
        } else {
            self.best_threshold(&order, contains(&present, 0))
        };
        self.clear(&present);
        self.found(found?, feature)
    }

    /// A random split of a feature: a threshold between the least and the greatest bin, or a random cut of the
    /// sorted levels.
    pub(super) fn random(&mut self, rows: &[u32], feature: usize, draw: u64) -> Option<Found> {
        let present = self.fill(rows, feature);
        let found = if self.matrix.features[feature].is_category() {
            let order = self.sorted_levels(&present);
            let n_cuts = order.len().saturating_sub(1) as u64;
            let size = 1 + (((draw >> 32) * n_cuts) >> 32) as usize;
            if n_cuts == 0 {
                None
            } else {
                self.set_of(&order[..size], &present)
            }
        } else {
            self.random_threshold(&bins_of(&present).collect::<Vec<u8>>(), draw)
        };
        self.clear(&present);
        self.found(found?, feature)
    }

    fn found(&self, (score, rule): (f64, Rule), feature: usize) -> Option<Found> {
        let gain = score - side_score(&self.node, self.width);
        // Differences below the rounding of the sums are no gain.
        let is_gain = gain > 1e-12 * score.abs() && gain.is_finite();
        is_gain.then_some(Found {
            gain,
            feature: feature as u32,
            rule,
        })
    }

    /// Sums by bin; gives the bins that have rows.
    fn fill(&mut self, rows: &[u32], feature: usize) -> BinSet {
        let (bytes, lanes, lane) = self.matrix.strided(feature);
        let mut present = BinSet::default();
        let bins = rows.iter().map(|&row| bytes[row as usize * lanes + lane]);
        if self.width == 1 {
            let (cells, _) = self.cells.as_chunks_mut::<2>();
            for (bin, &(target, weight)) in bins.zip(&self.ordered) {
                insert(&mut present, bin);
                let cell = &mut cells[bin as usize];
                cell[0] += target;
                cell[1] += weight;
            }
        } else {
            for (bin, &(class, weight)) in bins.zip(&self.ordered) {
                insert(&mut present, bin);
                let start = bin as usize * (self.width + 1);
                self.cells[start + class as usize] += weight;
                self.cells[start + self.width] += weight;
            }
        }
        present
    }

    fn clear(&mut self, present: &BinSet) {
        for bin in bins_of(present) {
            self.cells[bin as usize * (self.width + 1)..][..=self.width].fill(0.0);
        }
    }

    fn cell(&self, bin: u8) -> &[f64] {
        &self.cells[bin as usize * (self.width + 1)..][..=self.width]
    }

    fn add_left(&mut self, bin: u8) {
        let start = bin as usize * (self.width + 1);
        let cell = &self.cells[start..][..=self.width];
        self.left
            .iter_mut()
            .zip(cell)
            .for_each(|(sum, part)| *sum += part);
    }

    /// The score of the two sides, if both have the weight.
    fn score(&self) -> Option<f64> {
        let weight = self.left[self.width];
        let other = self.node[self.width] - weight;
        if weight < self.weight_min || other < self.weight_min || weight <= 0.0 || other <= 0.0 {
            return None;
        }
        let (mut left, mut right) = (0.0, 0.0);
        for (sum, node) in self.left[..self.width].iter().zip(&self.node) {
            left += sum * sum;
            right += (node - sum) * (node - sum);
        }
        Some(left / weight + right / other)
    }

    /// The best threshold over rising bins, with the missing rows on either side.
    fn best_threshold(&mut self, bins: &[u8], has_missing: bool) -> Option<(f64, Rule)> {
        let mut best: Option<(f64, Rule)> = None;
        for missing_left in [false, true] {
            if missing_left && !has_missing {
                break;
            }
            self.left.fill(0.0);
            if missing_left {
                self.add_left(0);
            }
            for (place, &bin) in bins.iter().enumerate() {
                self.add_left(bin);
                let Some(score) = self.score() else { continue };
                if best.as_ref().is_none_or(|best| score > best.0) {
                    let next = bins.get(place + 1).copied().unwrap_or(bin);
                    best = Some((score, self.threshold(bin, next, missing_left, has_missing)));
                }
            }
        }
        best
    }

    /// Half way between two bins that have rows; without missing rows they would follow the heavier side.
    fn threshold(&self, bin: u8, next: u8, missing_left: bool, has_missing: bool) -> Rule {
        let heavier = self.left[self.width] * 2.0 >= self.node[self.width];
        Rule::UpTo {
            bin: bin + (next - bin) / 2,
            missing_left: if has_missing { missing_left } else { heavier },
        }
    }

    fn random_threshold(&mut self, bins: &[u8], draw: u64) -> Option<(f64, Rule)> {
        let has_missing = bins.first() == Some(&0);
        let values = &bins[usize::from(has_missing)..];
        let (low, high) = (*values.first()?, *values.last()?);
        // With missing rows the last place sends all values left.
        let n_places = u64::from(high - low) + u64::from(has_missing);
        if n_places == 0 {
            return None;
        }
        let bin = low + (((draw >> 32) * n_places) >> 32) as u8;
        let missing_left = has_missing && draw & 1 == 1 && bin < high;
        self.left.fill(0.0);
        if missing_left {
            self.add_left(0);
        }
        for &value in values.iter().take_while(|&&value| value <= bin) {
            self.add_left(value);
        }
        let score = self.score()?;
        Some((score, self.threshold(bin, bin, missing_left, has_missing)))
    }

    /// Levels by their mean target; for classes by the share of the node's most frequent one.
    fn sorted_levels(&self, present: &BinSet) -> Vec<u8> {
        let place = (0..self.width).fold(0, |best, class| {
            if self.node[class] > self.node[best] {
                class
            } else {
                best
            }
        });
        let key = |bin: u8| self.cell(bin)[place] / self.cell(bin)[self.width];
        let mut order: Vec<u8> = bins_of(present).collect();
        order.sort_by(|&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
        order
    }

    fn best_set(&mut self, order: &[u8], present: &BinSet) -> Option<(f64, Rule)> {
        self.left.fill(0.0);
        let mut best: Option<(f64, usize)> = None;
        for (place, &bin) in order.iter().enumerate() {
            self.add_left(bin);
            let Some(score) = self.score() else { continue };
            if best.is_none_or(|best| score > best.0) {
                best = Some((score, place + 1));
            }
        }
        self.set_of(&order[..best?.1], present)
    }

    /// The split that sends these levels left; levels without rows follow the missing ones or the heavier side.
    fn set_of(&mut self, levels: &[u8], present: &BinSet) -> Option<(f64, Rule)> {
        self.left.fill(0.0);
        for &bin in levels {
            self.add_left(bin);
        }
        let score = self.score()?;
        let mut set = BinSet::default();
        for &bin in levels {
            insert(&mut set, bin);
        }
        let default_left = if contains(present, 0) {
            contains(&set, 0)
        } else {
            self.left[self.width] * 2.0 >= self.node[self.width]
        };
        if default_left {
            set.iter_mut()
                .zip(present)
                .for_each(|(word, present)| *word |= !present);
        }
        Some((score, Rule::In(set)))
    }
}

fn side_score(sums: &[f64], width: usize) -> f64 {
    sums[..width].iter().map(|sum| sum * sum).sum::<f64>() / sums[width]
}

/// The bins of a set, rising.
fn bins_of(set: &BinSet) -> impl Iterator<Item = u8> {
    set.iter().enumerate().flat_map(|(word, &bits)| {
        let mut left = bits;
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let bit = left.trailing_zeros();
                left &= left - 1;
                (word as u32 * 64 + bit) as u8
            })
        })
    })
}
