//! Dealing whole groups.

use super::SplitError;
use crate::{Dataset, Seed, Target};
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// The part of each row, parts holding about the given shares of rows and of every class. No part is
/// empty.
///
/// Groups are dealt largest first, each to the part where it raises `Σ xᵦ² / shareᵦ` least, `xᵦ` being the part's rows
/// over all rows, and the mean of the same over the classes beside it: the greedy rule of scikit-learn's
/// `StratifiedGroupKFold` with squares for deviations, so that a step costs O(parts × classes in the group).
pub(super) fn deal(
    data: &Dataset,
    groups: &[u32],
    shares: &[f64],
    seed: Seed,
) -> Result<Vec<u32>, SplitError> {
    let (labels, n_labels) = labels(data);
    let mut weights = vec![0.0_f64; n_labels];
    for &label in &labels {
        weights[label as usize] += 1.0;
    }
    let members = members(groups);
    if members.len() < shares.len() {
        return Err(SplitError::TooFewGroups {
            found: members.len(),
            needed: shares.len(),
        });
    }
    let order = largest_first(&members, seed);
    let mut parts: Vec<Part> = shares
        .iter()
        .map(|&share| Part::new(share, n_labels))
        .collect();
    let mut part_of_group = vec![0; members.len()];
    for &group in &order {
        let counts = counts(&members[group], &labels, &weights);
        let size = members[group].len() as f64 / groups.len() as f64;
        let cost: Vec<f64> = parts.iter().map(|part| part.cost(size, &counts)).collect();
        let best = (0..parts.len()).min_by(|&a, &b| cost[a].total_cmp(&cost[b]));
        let best = best.expect("there is at least one part");
        parts[best].add(size, &counts);
        part_of_group[group] = best;
    }
    fill_empty(&mut part_of_group, &order, shares.len());
    let mut part_of_row = vec![0; groups.len()];
    for (rows, part) in members.iter().zip(part_of_group) {
        for &row in rows {
            part_of_row[row as usize] = part as u32;
        }
    }
    Ok(part_of_row)
}

/// The class of each row and the number of classes; one for all rows where the target is a number.
fn labels(data: &Dataset) -> (Vec<u32>, usize) {
    match data.target() {
        Target::Classes(codes) => (codes.to_vec(), data.task().n_classes()),
        Target::Numbers(values) => (vec![0; values.len()], 1),
    }
}

/// Rows dealt to one part so far, relative to all rows and to all rows of each class.
struct Part {
    share: f64,
    size: f64,
    by_label: Vec<f64>,
}

impl Part {
    fn new(share: f64, n_labels: usize) -> Self {
        Self {
            share,
            size: 0.0,
            by_label: vec![0.0; n_labels],
        }
    }

    /// How much the sum of squares grows when the group is added.
    fn cost(&self, size: f64, counts: &[(u32, f64)]) -> f64 {
        let growth = |old: f64, more: f64| (2.0 * old + more) * more / self.share;
        let by_label: f64 = counts
            .iter()
            .map(|&(label, count)| growth(self.by_label[label as usize], count))
            .sum();
        growth(self.size, size) + by_label / self.by_label.len() as f64
    }

    fn add(&mut self, size: f64, counts: &[(u32, f64)]) {
        self.size += size;
        for &(label, count) in counts {
            self.by_label[label as usize] += count;
        }
    }
}

/// The rows of each distinct group, in order of group.
fn members(groups: &[u32]) -> Vec<Vec<u32>> {
    let mut rows: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (row, &group) in groups.iter().enumerate() {
        rows.entry(group).or_default().push(row as u32);
    }
    rows.into_values().collect()
}

/// Positions of groups by falling size, equals in random order.
fn largest_first(members: &[Vec<u32>], seed: Seed) -> Vec<usize> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.shuffle(&mut seed.named("groups").rng());
    order.sort_by_key(|&group| std::cmp::Reverse(members[group].len()));
    order
}

/// Rows of each class in a group, over all rows of the class.
fn counts(rows: &[u32], labels: &[u32], weights: &[f64]) -> Vec<(u32, f64)> {
    let mut found: Vec<u32> = rows.iter().map(|&row| labels[row as usize]).collect();
    found.sort_unstable();
    found
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len() as f64 / weights[same[0] as usize]))
        .collect()
}

/// Gives each empty part the smallest group of a part that has more than one.
fn fill_empty(part_of_group: &mut [usize], order: &[usize], n_parts: usize) {
    for part in 0..n_parts {
        if part_of_group.contains(&part) {
            continue;
        }
        let n_groups_in = |p: usize| part_of_group.iter().filter(|&&other| other == p).count();
        let spare = order
            .iter()
            .rev()
            .find(|&&group| n_groups_in(part_of_group[group]) > 1);
        if let Some(&group) = spare {
            part_of_group[group] = part;
        }
    }
}
