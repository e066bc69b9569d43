//! Growth of one tree of a forest: depth first, features drawn anew at every node.

use super::scan::{Found, Scanner};
use super::{ForestRules, Targets};
use crate::binning::BinnedMatrix;
use crate::grow::partition;
use crate::tree::{Tree, TreeNode};
use automl_core::Seed;
use rand::Rng;
use std::ops::Range;

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
    range: Range<usize>,
    depth: usize,
}

impl ForestGrower<'_> {
    /// Grows one tree. Cost: rows × looks × depth additions.
    pub(crate) fn grow(&self, seed: Seed) -> Tree {
        let row_weights = self.drawn_weights(seed.named("rows"));
        let mut rows: Vec<u32> = (0..row_weights.len() as u32)
            .filter(|&row| row_weights[row as usize] > 0.0)
            .collect();
        let mut scratch = vec![0; rows.len()];
        let total: f64 = rows.iter().map(|&row| row_weights[row as usize]).sum();
        let mean_weight = total / rows.len() as f64;
        let weight_min = (self.rules.min_rows as f64 - 0.5) * mean_weight;
        let weights = row_weights.as_slice();
        let mut scanner = Scanner::new(self.matrix, self.targets, weights, weight_min);
        let mut rng = seed.named("nodes").rng();
        let mut features: Vec<u32> = (0..self.matrix.features.len() as u32).collect();
        let mut tree = Tree {
            nodes: vec![TreeNode::Leaf(0)],
            values: Vec::new(),
            width: self.targets.width(),
        };
        let mut stack = vec![Todo {
            node: 0,
            range: 0..rows.len(),
            depth: 0,
        }];
        while let Some(Todo { node, range, depth }) = stack.pop() {
            let node_rows = &mut rows[range.clone()];
            scanner.start_node(node_rows);
            let has_depth = self.rules.max_depth == 0 || depth < self.rules.max_depth;
            let may_split = has_depth && !scanner.is_pure() && scanner.weight() >= 2.0 * weight_min;
            let found = if may_split {
                self.best_split(&mut scanner, node_rows, &mut features, &mut rng)
            } else {
                None
            };
            let n_left = found.as_ref().map_or(0, |found| {
                let (bytes, lanes, lane) = self.matrix.strided(found.feature as usize);
                partition(
                    node_rows,
                    &mut scratch,
                    bytes,
                    lanes,
                    lane,
                    &found.rule.table(),
                )
            });
            let Some(found) = found.filter(|_| n_left > 0 && n_left < range.len()) else {
                tree.nodes[node] = TreeNode::Leaf((tree.values.len() / tree.width) as u32);
                scanner.push_leaf(&mut tree.values);
                continue;
            };
            let left = tree.nodes.len();
            tree.nodes[node] = TreeNode::Inner {
                feature: found.feature,
                rule: found.rule,
                left: left as u32,
                gain: found.gain,
            };
            tree.nodes.extend([TreeNode::Leaf(0); 2]);
            let middle = range.start + n_left;
            let child = |node: usize, range: Range<usize>| Todo {
                node,
                range,
                depth: depth + 1,
            };
            stack.push(child(left + 1, middle..range.end));
            stack.push(child(left, range.start..middle));
        }
        tree
    }

    /// The best split among `n_looks` features drawn, or of the first later ones that has any.
    fn best_split(
        &self,
        scanner: &mut Scanner<'_>,
        rows: &[u32],
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
                scanner.random(rows, feature, rng.next_u64())
            } else {
                scanner.best(rows, feature)
            };
            let gain = best.as_ref().map_or(0.0, |best| best.gain);
            if let Some(found) = found.filter(|found| found.gain > gain) {
                best = Some(found);
            }
        }
        best
    }

    /// The weight of each row: its own times how often it was drawn.
    fn drawn_weights(&self, seed: Seed) -> Vec<f64> {
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

/// A number below `n`, uniform to within 2⁻³² × n.
fn below(rng: &mut impl Rng, n: usize) -> usize {
    ((u64::from(rng.next_u32()) * n as u64) >> 32) as usize
}
