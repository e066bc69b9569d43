//! The order in which a tree reads the levels of a category: by their smoothed mean target, once a tree.
//!
//! Ordered levels are split by thresholds like numbers. One order for the whole tree fits far less noise than sorting the
//! few levels of every deep node anew (Wright and König, 2019). Of many classes, the mean is that along the first
//! principal axis of the levels' class shares (Coppersmith, Hong and Hosking, 1999).

use super::scan::Item;
use crate::binning::BinnedMatrix;
use crate::tree::{BinSet, Rule, insert};

/// Rows of the mean target that every level is mixed with.
const PRIOR_ROWS: f64 = 10.0;
const POWER_STEPS: usize = 8;

/// The place of each bin, 1 for the least mean; bin 0 stays 0.
pub(super) type Ranks = [u8; 256];

/// The levels of a category feature as the whole tree sees them.
pub(super) struct Levels {
    pub(super) ranks: Ranks,
    /// How far the smoothed mean of the level at each rank is above the mean of all.
    pub(super) effects: Vec<f64>,
    /// What of the class shares a mean is made of; 1 for numbers.
    pub(super) axis: Vec<f64>,
}

/// The ranks of every category feature; `None` for numbers. Cost: rows × category features additions.
pub(super) fn ranks(
    matrix: &BinnedMatrix,
    items: &[Item],
    width: usize,
    weight_mean: f64,
) -> Vec<Option<Levels>> {
    let of_feature = |feature: usize| {
        let place = &matrix.features[feature];
        place.is_category().then(|| {
            let cells = level_sums(matrix, items, width, feature);
            let (axis, keys) = level_effects(&cells, width, PRIOR_ROWS * weight_mean);
            let ranks = ranked(&keys[..place.n_bins]);
            let mut effects = vec![0.0; 256];
            (0..place.n_bins).for_each(|bin| effects[ranks[bin] as usize] = keys[bin]);
            Levels {
                ranks,
                effects,
                axis,
            }
        })
    };
    (0..matrix.features.len()).map(of_feature).collect()
}

/// `width` sums of targets, then the weight, of each of 256 bins.
fn level_sums(matrix: &BinnedMatrix, items: &[Item], width: usize, feature: usize) -> Vec<f64> {
    let (bytes, lanes, lane) = matrix.strided(feature);
    let place = &matrix.features[feature];
    let mut cells = vec![0.0; 256 * (width + 1)];
    for item in items {
        let bin = place.bin_of_code(bytes[item.row as usize * lanes + lane]);
        let start = bin as usize * (width + 1);
        cells[start + item.class as usize] += item.sum;
        cells[start + width] += item.weight;
    }
    cells
}

/// The mean of each bin, mixed with `prior` weight of the mean of all.
fn level_effects(cells: &[f64], width: usize, prior: f64) -> (Vec<f64>, Vec<f64>) {
    let levels = || cells.chunks_exact(width + 1);
    let mut total = vec![0.0; width + 1];
    for level in levels() {
        total.iter_mut().zip(level).for_each(|(t, c)| *t += c);
    }
    let mean: Vec<f64> = total[..width]
        .iter()
        .map(|sum| sum / total[width])
        .collect();
    let axis = first_axis(cells, width, &mean);
    let effects = levels()
        .map(|level| {
            let excess: f64 = (0..width)
                .map(|k| axis[k] * (level[k] - level[width] * mean[k]))
                .sum();
            excess / (level[width] + prior)
        })
        .collect();
    (axis, effects)
}

/// The direction in which the levels' class shares differ most: power iteration from the most frequent class.
fn first_axis(cells: &[f64], width: usize, mean: &[f64]) -> Vec<f64> {
    let mut axis = vec![0.0; width];
    let most = (0..width).fold(0, |best, k| if mean[k] > mean[best] { k } else { best });
    axis[most] = 1.0;
    if width == 1 {
        return axis;
    }
    for _ in 0..POWER_STEPS {
        let mut next = vec![0.0; width];
        for level in cells.chunks_exact(width + 1) {
            let weight = level[width];
            if weight > 0.0 {
                let excess = |k: usize| level[k] - weight * mean[k];
                let along: f64 = (0..width).map(|k| axis[k] * excess(k)).sum();
                (0..width).for_each(|k| next[k] += along * excess(k) / weight);
            }
        }
        let length = next.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length <= 1e-300 {
            break;
        }
        axis.iter_mut()
            .zip(&next)
            .for_each(|(a, n)| *a = n / length);
    }
    axis
}

/// Ranks of the bins from 1 up, by rising key, ties by bin.
fn ranked(keys: &[f64]) -> Ranks {
    let mut order: Vec<usize> = (1..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]).then(a.cmp(&b)));
    let mut ranks = [0; 256];
    for (place, bin) in order.into_iter().enumerate() {
        ranks[bin] = (place + 1) as u8;
    }
    ranks
}

/// The set of bins whose ranks a threshold sends left.
pub(super) fn set_of(ranks: &Ranks, rule: &Rule) -> Rule {
    let mut set = BinSet::default();
    (0..=255_u8)
        .filter(|&bin| rule.goes_left(ranks[bin as usize]))
        .for_each(|bin| insert(&mut set, bin));
    Rule::In(set)
}
