//! Several losses at once: dominance, fronts, crowding and hypervolume.

mod hypervolume;
#[cfg(test)]
mod tests;

pub(crate) use hypervolume::{boxes, hypervolume};

/// Whether `a` is nowhere worse than `b` and somewhere better.
pub(crate) fn dominates(a: &[f64], b: &[f64]) -> bool {
    let mut is_better = false;
    for (a, b) in a.iter().zip(b) {
        if a > b {
            return false;
        }
        is_better |= a < b;
    }
    is_better
}

/// Positions of the points that none dominates, in order; of equal points the first.
pub(crate) fn front(losses: &[&[f64]]) -> Vec<usize> {
    let is_beaten = |at: usize| {
        let others = losses.iter().enumerate();
        others
            .into_iter()
            .any(|(by, other)| dominates(other, losses[at]) || (by < at && *other == losses[at]))
    };
    (0..losses.len()).filter(|&at| !is_beaten(at)).collect()
}

/// Fronts of non-domination, best first; positions in order within each. Cost `O(m n²)`.
///
/// Reference: Deb, Pratap, Agarwal and Meyarivan (2002), *A fast and elitist multiobjective genetic algorithm: NSGA-II*.
pub(crate) fn fronts(losses: &[&[f64]]) -> Vec<Vec<usize>> {
    let n = losses.len();
    let mut n_above = vec![0_usize; n];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); n];
    for a in 0..n {
        for b in 0..n {
            if dominates(losses[a], losses[b]) {
                below[a].push(b);
                n_above[b] += 1;
            }
        }
    }
    let mut current: Vec<usize> = (0..n).filter(|&at| n_above[at] == 0).collect();
    let mut fronts = Vec::new();
    while !current.is_empty() {
        let mut next = Vec::new();
        for &at in &current {
            for &other in &below[at] {
                n_above[other] -= 1;
                if n_above[other] == 0 {
                    next.push(other);
                }
            }
        }
        next.sort_unstable();
        fronts.push(std::mem::replace(&mut current, next));
    }
    fronts
}

/// Crowding distance of each point within one front; infinite at the ends.
pub(crate) fn crowding(losses: &[&[f64]]) -> Vec<f64> {
    let n = losses.len();
    let mut distance = vec![0.0; n];
    let n_losses = losses.first().map_or(0, |point| point.len());
    let columns = (0..n_losses).map(|k| losses.iter().map(|point| point[k]).collect());
    for column in columns.collect::<Vec<Vec<f64>>>() {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| column[a].total_cmp(&column[b]).then(a.cmp(&b)));
        let width = column[order[n - 1]] - column[order[0]];
        distance[order[0]] = f64::INFINITY;
        distance[order[n - 1]] = f64::INFINITY;
        if width > 0.0 {
            for three in order.windows(3) {
                distance[three[1]] += (column[three[2]] - column[three[0]]) / width;
            }
        }
    }
    distance
}

/// Positions from best to worst: by front, within a front by what each takes of the hypervolume, greatest first.
///
/// Greedy subset selection, so that the first few cover the front. Losses are scaled to the range of all points, and the
/// reference point lies a tenth of it beyond the worst.
pub(crate) fn order(losses: &[&[f64]]) -> Vec<usize> {
    /// Fronts larger than this are ordered by crowding, whose cost stays small.
    const GREEDY_MAX: usize = 64;
    let scaled = scaled(losses);
    let mut order = Vec::with_capacity(losses.len());
    for front in fronts(losses) {
        let points: Vec<&[f64]> = front.iter().map(|&at| scaled[at].as_slice()).collect();
        let ranks = if points.len() <= GREEDY_MAX && scaled[0].len() <= 4 {
            greedy(&points)
        } else {
            let distance = crowding(&points);
            let mut ranks: Vec<usize> = (0..points.len()).collect();
            ranks.sort_by(|&a, &b| distance[b].total_cmp(&distance[a]).then(a.cmp(&b)));
            ranks
        };
        order.extend(ranks.into_iter().map(|at| front[at]));
    }
    order
}

/// Each loss from 0 at its best to 1 at its worst.
pub(crate) fn scaled(losses: &[&[f64]]) -> Vec<Vec<f64>> {
    let n_losses = losses.first().map_or(0, |point| point.len());
    let ends: Vec<(f64, f64)> = (0..n_losses)
        .map(|k| {
            let values = losses.iter().map(|point| point[k]);
            let low = values.clone().fold(f64::INFINITY, f64::min);
            (low, values.fold(f64::NEG_INFINITY, f64::max))
        })
        .collect();
    let scale = |(value, (low, high)): (&f64, &(f64, f64))| {
        if high > low {
            (value - low) / (high - low)
        } else {
            0.0
        }
    };
    losses
        .iter()
        .map(|point| point.iter().zip(&ends).map(scale).collect())
        .collect()
}

fn greedy(points: &[&[f64]]) -> Vec<usize> {
    let reference = vec![1.1; points[0].len()];
    let mut rest: Vec<usize> = (0..points.len()).collect();
    let mut chosen: Vec<&[f64]> = Vec::new();
    let mut order = Vec::with_capacity(points.len());
    let mut gained = 0.0;
    while !rest.is_empty() {
        let mut best = (f64::NEG_INFINITY, 0);
        for (place, &at) in rest.iter().enumerate() {
            chosen.push(points[at]);
            let gain = hypervolume(&chosen, &reference) - gained;
            chosen.pop();
            if gain > best.0 {
                best = (gain, place);
            }
        }
        let at = rest.remove(best.1);
        gained += best.0;
        chosen.push(points[at]);
        order.push(at);
    }
    order
}
