//! Partition and drawing.

use super::draw::partition;
use super::*;
use crate::tree::Rule;
use automl_core::{Column, Dataset, Table, Target, Task};
use proptest::prelude::*;

#[test]
fn partition_keeps_the_order_on_both_sides() {
    let mut rows = [5, 1, 4, 0, 3, 2];
    let bytes = [0, 1, 0, 1, 0, 1];
    let mut table = [0; 256];
    table[1] = 1;
    let n_left = partition(&mut rows, &mut [0; 6], &bytes, 1, 0, &table);
    assert_eq!((n_left, rows), (3, [5, 1, 3, 4, 0, 2]));
}

#[test]
fn many_rows_are_parted_alike_by_any_number_of_threads() {
    let n_rows = 100_003_u32;
    let bytes: Vec<u8> = (0..2 * n_rows)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let table: [u8; 256] = std::array::from_fn(|bin| u8::from(bin % 3 == 0));
    let all: Vec<u32> = (0..n_rows).filter(|row| row % 7 != 0).collect();
    let (mut alone, mut shared) = (all.clone(), all.clone());
    let mut scratch = vec![0; all.len()];
    let n_alone = partition(&mut alone, &mut scratch, &bytes, 2, 1, &table);
    let threads = Threads::new(3).unwrap();
    let input = (bytes.as_slice(), 2, 1);
    let n_shared = partition_shared(&mut shared, &mut scratch, input, &table, &threads);
    assert_eq!((n_alone, alone), (n_shared, shared));
}

#[test]
fn rows_parted_down_a_tree_are_those_of_a_walk() {
    let (matrix, pairs) = mixed(4, Seed(8));
    let mut grower = Grower::new(&matrix, rules(), shape(Growth::LeafWise), Threads::one());
    let task = TreeTask {
        rows: None,
        pairs: &pairs,
        features: &[0, 1, 2, 3],
        seed: Seed(0),
    };
    let tree = grower.grow(&task).tree;
    let mut rows: Vec<u32> = (0..400).filter(|row| row % 3 != 0).collect();
    let mut n_seen = 0;
    for_each_leaf(
        &tree,
        &matrix,
        &mut rows.clone(),
        &mut rows,
        |leaf, rows| {
            n_seen += rows.len();
            assert!(
                rows.iter()
                    .all(|&row| tree.leaf(&matrix, row as usize) == leaf)
            );
        },
    );
    assert_eq!(n_seen, rows.len());
}

#[test]
fn a_sample_is_rising_without_repeats() {
    let all: Vec<u32> = (10..40).collect();
    let drawn = sample(&all, 12, Seed(3));
    assert!(
        drawn.len() == 12
            && drawn.is_sorted_by(|a, b| a < b)
            && drawn.iter().all(|item| all.contains(item))
    );
    assert_ne!(drawn, sample(&all, 12, Seed(4)));
}

/// Features drawn at random, and a target that mixes them all.
fn mixed(n_features: usize, seed: Seed) -> (BinnedMatrix, Vec<GradHess>) {
    let n = 400;
    let number = |feature: usize, row: usize| {
        let drawn = seed.indexed(feature as u64).indexed(row as u64).0;
        if drawn.is_multiple_of(11) {
            f64::NAN
        } else {
            (drawn % 30) as f64
        }
    };
    let columns = (0..n_features)
        .map(|feature| {
            let values = (0..n).map(|row| number(feature, row)).collect();
            (format!("x{feature}"), Column::Number(values))
        })
        .collect();
    let pairs = (0..n).map(|row| {
        let product: f64 = (0..n_features)
            .map(|feature| (number(feature, row).max(0.0) - 14.0) / 10.0)
            .product();
        let sum: f64 = (0..n_features)
            .map(|feature| number(feature, row).max(0.0))
            .sum();
        [(product + sum / 100.0 - 1.0) as f32, 1.0]
    });
    let (table, target) = (
        Table::new(columns).unwrap(),
        Target::Numbers(vec![0.0; n].into()),
    );
    let data = Dataset::new(table, Task::Regression, target).unwrap();
    let matrix = crate::tests::binned(&data, true);
    let matrix = matrix.of_rows(&(0..n as u32).rev().collect::<Vec<_>>(), &Threads::one());
    (
        std::sync::Arc::into_inner(matrix).unwrap(),
        pairs.rev().collect(),
    )
}

fn rules() -> SplitRules {
    SplitRules {
        l1: 0.0,
        l2: 0.1,
        min_gain: 0.0,
        min_rows: 2,
        min_hessian: 0.0,
        max_step: f64::INFINITY,
        cat_smooth: 1.0,
        cat_l2: 1.0,
        max_cat_bins: 32,
        min_rows_per_category: 5,
        max_onehot_levels: 4,
        random_threshold: false,
    }
}

fn shape(growth: Growth) -> TreeShape {
    TreeShape {
        growth,
        max_leaves: 40,
        max_depth: 6,
        shares: Shares {
            level: 1.0,
            node: 1.0,
        },
        is_quantized: false,
    }
}

/// The features on each path from the root to a leaf.
fn paths(tree: &Tree, node: usize, above: &[u32]) -> Vec<Vec<u32>> {
    match &tree.nodes[node] {
        TreeNode::Leaf(_) => vec![above.to_vec()],
        TreeNode::Inner { feature, left, .. } => {
            let path = [above, &[*feature]].concat();
            let left = *left as usize;
            [paths(tree, left, &path), paths(tree, left + 1, &path)].concat()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn features_meet_on_a_path_only_within_a_group(seed in any::<u64>(), splits in prop::collection::vec(0_u32..3, 6), growth in 0..GROWTHS.len()) {
        let (matrix, pairs) = mixed(6, Seed(seed));
        // Three groups that share feature 0.
        let groups: Vec<Vec<u32>> = (0..3)
            .map(|group| (0..6).filter(|&feature| feature == 0 || splits[feature as usize] == group).collect())
            .collect();
        let limits = Limits { groups: groups.clone(), ..Limits::default() };
        let mut grower = Grower::new(&matrix, rules(), shape(GROWTHS[growth]), Threads::one()).within(limits);
        let features: Vec<u32> = (0..6).collect();
        let grown = grower.grow(&TreeTask { rows: None, pairs: &pairs, features: &features, seed: Seed(0) });
        let paths = paths(&grown.tree, 0, &[]);
        prop_assert!(paths.len() > 4);
        for path in paths {
            prop_assert!(groups.iter().any(|group| path.iter().all(|feature| group.contains(feature))));
        }
    }
}

const GROWTHS: [Growth; 3] = [Growth::LeafWise, Growth::DepthWise, Growth::Symmetric];

#[test]
fn a_level_draws_its_features_once() {
    let (matrix, pairs) = mixed(8, Seed(3));
    let mut shape = shape(Growth::DepthWise);
    shape.shares.level = 0.2;
    let mut grower = Grower::new(&matrix, rules(), shape, Threads::one());
    let features: Vec<u32> = (0..8).collect();
    let task = |seed| TreeTask {
        rows: None,
        pairs: &pairs,
        features: &features,
        seed: Seed(seed),
    };
    let mut used = std::collections::BTreeSet::new();
    for seed in 0..10 {
        let tree = grower.grow(&task(seed)).tree;
        let paths = paths(&tree, 0, &[]);
        for depth in 0..6 {
            // Two of eight features a level.
            let here: std::collections::BTreeSet<u32> = paths
                .iter()
                .filter_map(|path| path.get(depth))
                .copied()
                .collect();
            assert!(here.len() <= 2, "{here:?}");
            used.extend(here);
        }
    }
    assert!(used.len() > 5, "{used:?}");
}

/// Leaves as lists of rows, split level by level by trying every threshold and side of missing values.
struct Brute<'a> {
    matrix: &'a BinnedMatrix,
    pairs: &'a [GradHess],
    rules: SplitRules,
    leaves: Vec<Vec<usize>>,
}

impl Brute<'_> {
    fn sums(&self, rows: &[usize]) -> Cell {
        rows.iter().fold([0.0; 2], |sum, &row| {
            let [gradient, hessian] = self.pairs[row].map(f64::from);
            [sum[0] + gradient, sum[1] + hessian]
        })
    }

    fn score(&self, rows: &[usize]) -> f64 {
        let [gradient, hessian] = self.sums(rows);
        gradient * gradient / (hessian + self.rules.l2)
    }

    /// The leaf split by a rule, if both sides are big enough.
    fn halves(&self, rows: &[usize], feature: usize, rule: &Rule) -> Option<[Vec<usize>; 2]> {
        let (left, right): (Vec<usize>, Vec<usize>) = rows
            .iter()
            .partition(|&&row| rule.goes_left(self.matrix.bin(feature, row)));
        (left.len().min(right.len()) >= self.rules.min_rows).then_some([left, right])
    }

    fn gain(&self, feature: usize, rule: &Rule) -> f64 {
        let of_leaf = |leaf: &Vec<usize>| {
            self.halves(leaf, feature, rule)
                .map_or(0.0, |[left, right]| {
                    self.score(&left) + self.score(&right) - self.score(leaf)
                })
        };
        self.leaves.iter().map(of_leaf).sum()
    }

    fn split_level(&mut self) {
        let mut best: Option<(f64, usize, Rule)> = None;
        for feature in 0..self.matrix.features.len() {
            for bin in 1..self.matrix.features[feature].n_bins as u8 {
                for missing_left in [false, true] {
                    let rule = Rule::UpTo { bin, missing_left };
                    let gain = self.gain(feature, &rule);
                    if gain > best.as_ref().map_or(1e-9, |best| best.0) {
                        best = Some((gain, feature, rule));
                    }
                }
            }
        }
        let Some((_, feature, rule)) = best else {
            return;
        };
        let halves = |leaf: &Vec<usize>| match self.halves(leaf, feature, &rule) {
            Some(halves) => halves.to_vec(),
            None => vec![leaf.clone()],
        };
        self.leaves = self.leaves.iter().flat_map(halves).collect();
    }
}

#[test]
fn a_symmetric_level_takes_the_split_that_all_leaves_gain_most_by() {
    for seed in 0..12 {
        let (matrix, pairs) = mixed(1 + seed as usize % 3, Seed(seed));
        let rules = SplitRules {
            min_rows: 1 + 10 * (seed as usize % 4),
            ..rules()
        };
        let mut brute = Brute {
            matrix: &matrix,
            pairs: &pairs,
            rules: rules.clone(),
            leaves: vec![(0..matrix.n_rows).collect()],
        };
        (0..4).for_each(|_| brute.split_level());
        let mut shape = shape(Growth::Symmetric);
        shape.max_depth = 4;
        let mut grower = Grower::new(&matrix, rules, shape, Threads::one());
        let features: Vec<u32> = (0..matrix.features.len() as u32).collect();
        let task = TreeTask {
            rows: None,
            pairs: &pairs,
            features: &features,
            seed: Seed(0),
        };
        let tree = grower.grow(&task).tree;
        assert_eq!(tree.n_leaves(), brute.leaves.len());
        for leaf in &brute.leaves {
            let [gradient, hessian] = brute.sums(leaf);
            let value = -gradient / (hessian + brute.rules.l2);
            for &row in leaf {
                assert!((tree.values[tree.leaf(&matrix, row)] - value).abs() < 1e-9);
            }
        }
    }
}
