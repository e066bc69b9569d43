//! The split of one feature at one node of a forest's tree.
//!
//! With `c` the weighted sum of targets (one a class) and `w` the weight, a side scores `Σ c² / w`: the greatest sum of
//! both sides is the least variance, and for classes the least Gini impurity (Breiman et al., 1984). A node's bins are
//! copied once a feature; a random threshold then needs one masked sum, the best one a sort of few rows or, in large
//! nodes, a sweep of the bins between the least and the greatest.

use super::order::{Levels, set_of};
use crate::binning::BinnedMatrix;
use crate::tree::{BinSet, Rule, contains, insert};

/// Nodes of at most so many rows are sorted; larger ones are summed up by bin.
const SORTED_ROWS: usize = 48;
/// Nodes of at least so many rows sort the levels of a category by what they see of them.
const LEVEL_ROWS: usize = 256;
/// Rows of the level's mean in the whole tree that such a node mixes with its own.
const LEVEL_PRIOR_ROWS: f64 = 20.0;

/// A row of a node.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Item {
    pub(super) row: u32,
    /// 0 for numbers.
    pub(super) class: u32,
    /// Weighted target of numbers, the weight of classes.
    pub(super) sum: f64,
    pub(super) weight: f64,
}

/// A split of one feature; the rule is about ranks where the feature is a category.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) gain: f64,
    pub(super) feature: u32,
    pub(super) rule: Rule,
}

/// The least and the greatest bin of a node's rows that are not missing.
struct Span {
    low: u8,
    high: u8,
    has_missing: bool,
}

/// The buffers of one tree.
pub(super) struct Scanner<'a> {
    matrix: &'a BinnedMatrix,
    levels: Vec<Option<Levels>>,
    weight_min: f64,
    weight_mean: f64,
    width: usize,
    /// Sums of targets and then the weight: of the node, of the left side while scanning, of each bin.
    node: Vec<f64>,
    left: Vec<f64>,
    cells: Vec<f64>,
    /// Bins of the node's rows.
    bins: Vec<u8>,
    /// Bin and place of each row that is not missing.
    keys: Vec<u16>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(
        matrix: &'a BinnedMatrix,
        levels: Vec<Option<Levels>>,
        width: usize,
        weight_min: f64,
        weight_mean: f64,
    ) -> Self {
        Self {
            matrix,
            levels,
            weight_min,
            weight_mean,
            width,
            node: vec![0.0; width + 1],
            left: vec![0.0; width + 1],
            cells: vec![0.0; 256 * (width + 1)],
            bins: vec![0; matrix.n_rows],
            keys: Vec::with_capacity(SORTED_ROWS),
        }
    }

    /// Sums up the rows of a node.
    pub(super) fn start_node(&mut self, items: &[Item]) {
        self.node.fill(0.0);
        if self.width == 1 {
            let (mut sum, mut weight) = (0.0, 0.0);
            for item in items {
                sum += item.sum;
                weight += item.weight;
            }
            self.node.copy_from_slice(&[sum, weight]);
        } else {
            for item in items {
                self.node[item.class as usize] += item.weight;
                self.node[self.width] += item.weight;
            }
        }
    }

    pub(super) fn weight(&self) -> f64 {
        self.node[self.width]
    }

    /// Sums of targets of the node, then the weight.
    pub(super) fn node(&self) -> &[f64] {
        &self.node
    }

    /// The best threshold of a feature.
    pub(super) fn best(&mut self, items: &[Item], feature: usize) -> Option<Found> {
        let span = self.copy_bins(items, feature)?;
        let found = if items.len() <= SORTED_ROWS {
            self.best_sorted(items, &span)
        } else if self.levels[feature].is_some() && items.len() >= LEVEL_ROWS {
            self.best_set(items, &span, feature, None)
        } else {
            self.best_swept(items, &span)
        };
        self.found(found?, feature)
    }

    /// A random threshold of a feature between the least and the greatest bin.
    pub(super) fn random(&mut self, items: &[Item], feature: usize, draw: u64) -> Option<Found> {
        let span = self.copy_bins(items, feature)?;
        if self.levels[feature].is_some() && items.len() >= LEVEL_ROWS {
            let found = self.best_set(items, &span, feature, Some(draw));
            return self.found(found?, feature);
        }
        // With missing rows the last place sends all values left.
        let n_places = u64::from(span.high - span.low) + u64::from(span.has_missing);
        let bin = span.low + (((draw >> 32) * n_places) >> 32) as u8;
        let missing_left = span.has_missing && draw & 1 == 1 && bin < span.high;
        // A bin is left if it is at most `bin`; the missing one, 0, wraps around unless it goes left.
        let offset = u8::from(!missing_left);
        let bins = &self.bins[..items.len()];
        if self.width == 1 {
            let sums = left_sums(bins, items, offset, bin - offset);
            self.left.copy_from_slice(&sums);
        } else {
            self.left.fill(0.0);
            for (code, item) in bins.iter().zip(items) {
                let is_left = code.wrapping_sub(offset) <= bin - offset;
                let weight = if is_left { item.weight } else { 0.0 };
                self.left[item.class as usize] += weight;
                self.left[self.width] += weight;
            }
        }
        let score = self.score()?;
        let found = (score, self.threshold(bin, bin, missing_left, &span));
        self.found(found, feature)
    }

    /// Puts the rows that go left first, in their order; gives their number.
    pub(super) fn partition(
        &self,
        items: &mut [Item],
        scratch: &mut [Item],
        found: &Found,
    ) -> usize {
        let (bytes, lanes, lane) = self.matrix.strided(found.feature as usize);
        let place = &self.matrix.features[found.feature as usize];
        let ranks = self.levels[found.feature as usize]
            .as_ref()
            .map(|levels| &levels.ranks);
        let code = |item: &Item| {
            let bin = place.bin_of_code(bytes[item.row as usize * lanes + lane]);
            ranks.map_or(bin, |ranks| ranks[bin as usize])
        };
        match found.rule {
            Rule::UpTo { bin, missing_left } => {
                let offset = u8::from(!missing_left);
                let limit = bin - offset;
                partition(items, scratch, |item| {
                    code(item).wrapping_sub(offset) <= limit
                })
            }
            Rule::In(set) => partition(items, scratch, |item| contains(&set, code(item))),
        }
    }

    /// The rule over bins.
    pub(super) fn rule(&self, found: &Found) -> Rule {
        match &self.levels[found.feature as usize] {
            Some(levels) => set_of(&levels.ranks, &found.rule),
            None => found.rule,
        }
    }

    fn found(&self, (score, rule): (f64, Rule), feature: usize) -> Option<Found> {
        let sums = &self.node[..self.width];
        let gain = score - sums.iter().map(|sum| sum * sum).sum::<f64>() / self.node[self.width];
        // Differences below the rounding of the sums are no gain.
        let is_gain = gain > 1e-12 * score.abs() && gain.is_finite();
        is_gain.then_some(Found {
            gain,
            feature: feature as u32,
            rule,
        })
    }

    /// Copies the bins (ranks of categories) of the rows; `None` if they are all the same.
    fn copy_bins(&mut self, items: &[Item], feature: usize) -> Option<Span> {
        let (bytes, lanes, lane) = self.matrix.strided(feature);
        let place = &self.matrix.features[feature];
        let bins = &mut self.bins[..items.len()];
        for (bin, item) in bins.iter_mut().zip(items) {
            *bin = bytes[item.row as usize * lanes + lane];
        }
        if place.share.is_some() {
            for bin in bins.iter_mut() {
                *bin = place.bin_of_code(*bin);
            }
        }
        if let Some(Levels { ranks, .. }) = &self.levels[feature] {
            for bin in bins.iter_mut() {
                *bin = ranks[*bin as usize];
            }
        }
        // The missing bin wraps around to the greatest.
        let (mut low, mut least, mut high) = (255_u8, 255_u8, 0_u8);
        for &bin in bins.iter() {
            low = low.min(bin.wrapping_sub(1));
            least = least.min(bin);
            high = high.max(bin);
        }
        let span = Span {
            low: low.wrapping_add(1),
            high,
            has_missing: least == 0,
        };
        let differs = high > 0 && (span.has_missing || span.low < high);
        differs.then_some(span)
    }

    /// The score of the two sides, if both have the weight.
    fn score(&self) -> Option<f64> {
        let weight = self.left[self.width];
        let other = self.node[self.width] - weight;
        if weight < self.weight_min || other < self.weight_min {
            return None;
        }
        let (mut left, mut right) = (0.0, 0.0);
        for (sum, node) in self.left[..self.width].iter().zip(&self.node) {
            left += sum * sum;
            right += (node - sum) * (node - sum);
        }
        Some(left / weight + right / other)
    }

    /// Half way between two bins that have rows; without missing rows they would follow the heavier side.
    fn threshold(&self, bin: u8, next: u8, missing_left: bool, span: &Span) -> Rule {
        let heavier = self.left[self.width] * 2.0 >= self.node[self.width];
        Rule::UpTo {
            bin: bin + (next - bin) / 2,
            missing_left: if span.has_missing {
                missing_left
            } else {
                heavier
            },
        }
    }

    /// The best threshold of few rows, sorted by bin.
    fn best_sorted(&mut self, items: &[Item], span: &Span) -> Option<(f64, Rule)> {
        self.keys.clear();
        let bins = self.bins[..items.len()].iter().enumerate();
        self.keys.extend(
            bins.filter(|&(_, &bin)| bin != 0)
                .map(|(place, &bin)| u16::from(bin) << 8 | place as u16),
        );
        self.keys.sort_unstable();
        let mut best: Option<(f64, Rule)> = None;
        for missing_left in [false, true] {
            if missing_left && !span.has_missing {
                break;
            }
            self.left.fill(0.0);
            if missing_left {
                for (place, item) in items.iter().enumerate() {
                    if self.bins[place] == 0 {
                        self.add_item(item);
                    }
                }
            }
            for index in 0..self.keys.len() {
                let [bin, place] = self.keys[index].to_be_bytes();
                self.add_item(&items[place as usize]);
                let next = self.keys.get(index + 1).map_or(bin, |key| (key >> 8) as u8);
                let is_last = index + 1 == self.keys.len();
                if next == bin && !is_last {
                    continue;
                }
                let Some(score) = self.score() else { continue };
                if best.as_ref().is_none_or(|best| score > best.0) {
                    best = Some((score, self.threshold(bin, next, missing_left, span)));
                }
            }
        }
        best
    }

    #[inline]
    fn add_item(&mut self, item: &Item) {
        self.left[item.class as usize] += item.sum;
        self.left[self.width] += item.weight;
    }

    /// The best threshold of many rows, summed up by bin.
    fn best_swept(&mut self, items: &[Item], span: &Span) -> Option<(f64, Rule)> {
        self.fill(items);
        let stride = self.width + 1;
        let mut best: Option<(f64, u8, bool)> = None;
        for missing_left in [false, true] {
            if missing_left && !span.has_missing {
                break;
            }
            self.left.fill(0.0);
            if missing_left {
                self.add_cell(0);
            }
            for bin in span.low..=span.high {
                if self.cells[bin as usize * stride + self.width] == 0.0 {
                    continue;
                }
                self.add_cell(bin);
                let Some(score) = self.score() else { continue };
                if best.is_none_or(|best| score > best.0) {
                    best = Some((score, bin, missing_left));
                }
            }
        }
        let rule = best.map(|(score, bin, missing_left)| {
            self.left.fill(0.0);
            (span.low..=bin).for_each(|bin| self.add_cell(bin));
            let has_rows = |&bin: &u8| self.cells[bin as usize * stride + self.width] > 0.0;
            let next = (bin..=span.high).skip(1).find(has_rows).unwrap_or(bin);
            (score, self.threshold(bin, next, missing_left, span))
        });
        self.clear(span);
        rule
    }

    /// Sums up the rows by bin.
    fn fill(&mut self, items: &[Item]) {
        let stride = self.width + 1;
        let bins = &self.bins[..items.len()];
        if self.width == 1 {
            let (cells, _) = self.cells.as_chunks_mut::<2>();
            let cells = cells.first_chunk_mut::<256>().expect("a cell for each bin");
            for (&bin, item) in bins.iter().zip(items) {
                let cell = &mut cells[bin as usize];
                cell[0] += item.sum;
                cell[1] += item.weight;
            }
        } else {
            for (&bin, item) in bins.iter().zip(items) {
                let start = bin as usize * stride;
                self.cells[start + item.class as usize] += item.weight;
                self.cells[start + self.width] += item.weight;
            }
        }
    }

    /// The best cut of the levels sorted by their means in this node and tree, or a random one of `draw`.
    fn best_set(
        &mut self,
        items: &[Item],
        span: &Span,
        feature: usize,
        draw: Option<u64>,
    ) -> Option<(f64, Rule)> {
        self.fill(items);
        let order = self.sorted_levels(span, feature);
        let n_cuts = order.len() - 1;
        let only = draw.map(|draw| (((draw >> 32) * n_cuts as u64) >> 32) as usize);
        let mut best: Option<(f64, usize, bool)> = None;
        self.left.fill(0.0);
        for (place, &bin) in order[..n_cuts].iter().enumerate() {
            self.add_cell(bin);
            if only.is_some_and(|only| only != place) {
                continue;
            }
            let Some(score) = self.score() else { continue };
            if best.is_none_or(|best| score > best.0) {
                best = Some((
                    score,
                    place,
                    self.left[self.width] * 2.0 >= self.node[self.width],
                ));
            }
        }
        self.clear(span);
        let (score, place, heavier) = best?;
        let mut set = BinSet::default();
        for &bin in &order[..=place] {
            insert(&mut set, bin);
        }
        let default_left = if span.has_missing {
            contains(&set, 0)
        } else {
            heavier
        };
        if default_left {
            let mut present = BinSet::default();
            for &bin in &order {
                insert(&mut present, bin);
            }
            set.iter_mut()
                .zip(present)
                .for_each(|(word, present)| *word |= !present);
        }
        Some((score, Rule::In(set)))
    }

    /// The levels of the node's rows by their mean, each mixed with what the tree expects of it.
    fn sorted_levels(&self, span: &Span, feature: usize) -> Vec<u8> {
        let width = self.width;
        let stride = width + 1;
        let first = if span.has_missing { 0 } else { span.low };
        let levels = self.levels[feature].as_ref().expect("a category");
        let prior = LEVEL_PRIOR_ROWS * self.weight_mean;
        let mean: f64 = (0..width)
            .map(|k| levels.axis[k] * self.node[k])
            .sum::<f64>()
            / self.node[width];
        let mut order: Vec<(f64, u8)> = (first..=span.high)
            .filter(|&bin| self.cells[bin as usize * stride + width] > 0.0)
            .map(|bin| {
                let cell = &self.cells[bin as usize * stride..][..stride];
                let sum: f64 = (0..width).map(|k| levels.axis[k] * cell[k]).sum();
                let expected = mean + levels.effects[bin as usize];
                ((sum + prior * expected) / (cell[width] + prior), bin)
            })
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        order.into_iter().map(|(_, bin)| bin).collect()
    }

    fn clear(&mut self, span: &Span) {
        let stride = self.width + 1;
        self.cells[..stride].fill(0.0);
        self.cells[span.low as usize * stride..(span.high as usize + 1) * stride].fill(0.0);
    }

    #[inline]
    fn add_cell(&mut self, bin: u8) {
        let start = bin as usize * (self.width + 1);
        let cell = &self.cells[start..][..=self.width];
        self.left
            .iter_mut()
            .zip(cell)
            .for_each(|(sum, part)| *sum += part);
    }
}

/// Stable partition without branches: every row is written to both sides, and only one side moves on.
fn partition(items: &mut [Item], scratch: &mut [Item], goes_left: impl Fn(&Item) -> bool) -> usize {
    let (mut n_left, mut n_right) = (0, 0);
    for index in 0..items.len() {
        let item = items[index];
        let is_left = usize::from(goes_left(&item));
        items[n_left] = item;
        scratch[n_right] = item;
        n_left += is_left;
        n_right += 1 - is_left;
    }
    items[n_left..].copy_from_slice(&scratch[..n_right]);
    n_left
}

/// Sums of targets and weights of the rows whose bin, less `offset`, is at most `limit`. Four sums run side by side.
fn left_sums(bins: &[u8], items: &[Item], offset: u8, limit: u8) -> [f64; 2] {
    let mut sums = [[0.0; 2]; 4];
    let (quads, rest) = bins.as_chunks::<4>();
    let (item_quads, item_rest) = items.as_chunks::<4>();
    let add = |sums: &mut [f64; 2], code: u8, item: &Item| {
        let mask = 0_u64.wrapping_sub(u64::from(code.wrapping_sub(offset) <= limit));
        sums[0] += f64::from_bits(item.sum.to_bits() & mask);
        sums[1] += f64::from_bits(item.weight.to_bits() & mask);
    };
    for (codes, items) in quads.iter().zip(item_quads) {
        for lane in 0..4 {
            add(&mut sums[lane], codes[lane], &items[lane]);
        }
    }
    for (&code, item) in rest.iter().zip(item_rest) {
        add(&mut sums[0], code, item);
    }
    [0, 1].map(|k| (sums[0][k] + sums[1][k]) + (sums[2][k] + sums[3][k]))
}
