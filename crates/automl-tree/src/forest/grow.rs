//! Growth of one tree of a forest: depth first, features drawn anew at every node.

use super::order;
use super::scan::{Found, Item, Scanner};
use super::{ForestRules, Targets};
use crate::binning::BinnedMatrix;
use crate::tree::{Tree, TreeNode};
use automl_core::{Budget, Seed};
use rand::Rng;
use std::ops::Range;

/// A node of so many rows takes long enough that the clock may be looked at.
const POLLED_ROWS: usize = 4096;

/// What all trees of a forest learn from.
pub(crate) struct ForestGrower<'a> {
    pub(crate) matrix: &'a BinnedMatrix,
    pub(crate) targets: &'a Targets,
    pub(crate) weights: Option<&'a [f64]>,
    pub(crate) rules: &'a ForestRules,
    /// Features that a node looks at; more if none of them splits.
    pub(crate) n_looks: usize,
}

struct Todo {
    node: usize,
    parent: Option<usize>,
    range: Range<usize>,
    depth: usize,
}

impl Todo {
    fn root(n_items: usize) -> Self {
        Self {
            node: 0,
            parent: None,
            range: 0..n_items,
            depth: 0,
        }
    }
}

impl ForestGrower<'_> {
    /// Grows one tree; none if the budget, which is polled at each node of many rows, ends first. Cost: rows × looks ×
    /// depth additions.
    pub(crate) fn grow(&self, seed: Seed, budget: &Budget) -> Option<Tree> {
        let width = self.targets.width();
        let mut items = self.drawn_items(seed.named("rows"));
        let mut scratch = vec![Item::default(); items.len()];
        let total: f64 = items.iter().map(|item| item.weight).sum();
        let mean_weight = total / items.len() as f64;
        let weight_min = (self.rules.min_rows as f64 - 0.5) * mean_weight;
        let is_even = items.iter().all(|item| item.weight == items[0].weight);
        let n_rows_min = if is_even { 2 * self.rules.min_rows } else { 2 };
        let ranks = order::ranks(self.matrix, &items, width, mean_weight);
        let mut scanner = Scanner::new(self.matrix, ranks, width, weight_min, mean_weight);
        let mut rng = seed.named("nodes").rng();
        let mut features: Vec<u32> = (0..self.matrix.features.len() as u32).collect();
        let mut tree = Tree {
            nodes: vec![TreeNode::Leaf(0)],
            values: Vec::new(),
            covers: Vec::new(),
            width,
            linear: None,
        };
        let mut means = vec![0.0; width];
        let prior = self.rules.parent_rows * mean_weight;
        let mut stack = vec![Todo::root(items.len())];
        while let Some(todo) = stack.pop() {
            let (node, range, depth) = (todo.node, todo.range, todo.depth);
            if range.len() >= POLLED_ROWS && budget.is_over() {
                return None;
            }
            let node_items = &mut items[range.clone()];
            scanner.start_node(node_items);
            push_mean(&mut means, node, todo.parent, scanner.node(), prior);
            let has_depth = self.rules.max_depth == 0 || depth < self.rules.max_depth;
            let may_split = has_depth
                && range.len() >= n_rows_min
                && scanner.weight() >= 2.0 * weight_min
                && !self.is_pure(node_items);
            let found = if may_split {
                self.best_split(&mut scanner, node_items, &mut features, &mut rng)
            } else {
                None
            };
            let n_left = found.as_ref().map_or(0, |found| {
                scanner.partition(node_items, &mut scratch, found)
            });
            let Some(found) = found.filter(|_| n_left > 0 && n_left < range.len()) else {
                tree.set_leaf(node, &means[node * width..][..width], scanner.weight());
                continue;
            };
            let left = tree.nodes.len();
            tree.nodes[node] = TreeNode::Inner {
                feature: found.feature,
                rule: scanner.rule(&found),
                left: left as u32,
                gain: found.gain,
            };
            tree.nodes.extend([TreeNode::Leaf(0); 2]);
            means.resize(tree.nodes.len() * width, 0.0);
            let middle = range.start + n_left;
            let child = |place: usize, range: Range<usize>| Todo {
                node: left + place,
                parent: Some(node),
                range,
                depth: depth + 1,
            };
            stack.push(child(1, middle..range.end));
            stack.push(child(0, range.start..middle));
        }
        Some(tree)
    }

    /// Whether all targets of the rows are equal.
    fn is_pure(&self, items: &[Item]) -> bool {
        match self.targets {
            Targets::Numbers(numbers) => {
                let first = numbers[items[0].row as usize];
                items.iter().all(|item| numbers[item.row as usize] == first)
            }
            Targets::Classes { .. } => items.iter().all(|item| item.class == items[0].class),
        }
    }

    /// The best split among `n_looks` features drawn, or of the first later ones that has any.
    fn best_split(
        &self,
        scanner: &mut Scanner<'_>,
        items: &[Item],
        features: &mut [u32],
        rng: &mut impl Rng,
    ) -> Option<Found> {
        let mut best: Option<Found> = None;
        for drawn in 0..features.len() {
            if drawn >= self.n_looks && best.is_some() {
                break;
            }
            features.swap(drawn, drawn + below(rng, features.len() - drawn));
            let feature = features[drawn] as usize;
            let found = if self.rules.has_random_thresholds {
                scanner.random(items, feature, rng.next_u64())
            } else {
                scanner.best(items, feature)
            };
            let gain = best.as_ref().map_or(0.0, |best| best.gain);
            if let Some(found) = found.filter(|found| found.gain > gain) {
                best = Some(found);
            }
        }
        best
    }

    /// The rows drawn, rising.
    fn drawn_items(&self, seed: Seed) -> Vec<Item> {
        let weights = self.drawn_weights(seed);
        let of_row = |(row, weight): (usize, f64)| {
            let (class, sum) = match self.targets {
                Targets::Numbers(numbers) => (0, weight * numbers[row]),
                Targets::Classes { codes, .. } => (codes[row], weight),
            };
            Item {
                row: row as u32,
                class,
                sum,
                weight,
            }
        };
        weights
            .into_iter()
            .enumerate()
            .filter(|&(_, weight)| weight > 0.0)
            .map(of_row)
            .collect()
    }

    /// The weight of each row: its own times how often it was drawn.
    pub(super) fn drawn_weights(&self, seed: Seed) -> Vec<f64> {
        let n = self.matrix.n_rows;
        let mut rng = seed.rng();
        let fraction = self.rules.row_fraction;
        let n_draws = ((n as f64 * fraction).ceil() as usize).max(1);
        let mut weights = vec![0.0; n];
        if self.rules.is_bootstrap {
            (0..n_draws).for_each(|_| weights[below(&mut rng, n)] += 1.0);
        } else if n_draws < n {
            let mut rows: Vec<u32> = (0..n as u32).collect();
            for drawn in 0..n_draws {
                rows.swap(drawn, drawn + below(&mut rng, n - drawn));
                weights[rows[drawn] as usize] = 1.0;
            }
        } else {
            weights.fill(1.0);
        }
        if let Some(own) = self.weights {
            weights
                .iter_mut()
                .zip(own)
                .for_each(|(weight, own)| *weight *= own);
            // A draw that holds only rows without weight learns from all rows instead.
            if weights.iter().all(|&weight| weight == 0.0) {
                weights.copy_from_slice(own);
            }
        }
        weights
    }
}

/// The mean targets of a node, mixed with `prior` weight of those of its parent.
fn push_mean(means: &mut [f64], node: usize, parent: Option<usize>, sums: &[f64], prior: f64) {
    let (sums, weight) = (&sums[..sums.len() - 1], sums[sums.len() - 1]);
    let width = sums.len();
    for (k, sum) in sums.iter().enumerate() {
        means[node * width + k] = match parent {
            Some(parent) => (sum + prior * means[parent * width + k]) / (weight + prior),
            None => sum / weight,
        };
    }
}

/// A number below `n`, uniform to within 2⁻³² × n.
fn below(rng: &mut impl Rng, n: usize) -> usize {
    ((u64::from(rng.next_u32()) * n as u64) >> 32) as usize
}
