//! Scores of raw values are exactly those of the walk over bins that training makes.

use super::*;
use crate::binning::BinningRules;
use crate::grow::{Grower, Growth, Shares, TreeShape, TreeTask};
use crate::split::SplitRules;
use crate::tests::regression;
use automl_core::{Budget, Column, Levels, MISSING_CODE, Seed, Threads, UNSEEN_CODE};

const RULES: BinningRules = BinningRules {
    max_bins: 255,
    has_bundles: true,
    levels_max: usize::MAX,
};

fn rules(random_threshold: bool) -> SplitRules {
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
        random_threshold,
    }
}

#[test]
fn raw_scores_are_those_of_the_binned_walk() {
    let n = 3001;
    let number = |k: usize| (0..n).map(move |i| ((i * k * 7919) % 10_007) as f64);
    let holed = number(5).map(|x| if x % 9.0 < 1.0 { f64::NAN } else { x });
    let codes = number(11).map(|x| match x as u32 % 400 {
        code @ 0..300 => code,
        300..350 => MISSING_CODE,
        _ => UNSEEN_CODE,
    });
    let columns = vec![
        ("x", Column::Number(number(3).collect())),
        ("constant", Column::Number(vec![1.0; n])),
        ("holed", Column::Number(holed.collect())),
        (
            "c",
            Column::category(
                codes.collect(),
                Levels::new((0..310).map(|l| l.to_string())),
            ),
        ),
    ];
    let data = regression(columns, number(13).collect());
    let threads = Threads::one();
    let matrix = BinnedMatrix::of(&data, "test", RULES, &threads, &Budget::unlimited()).unwrap();
    for (is_random, growth) in [(false, Growth::LeafWise), (true, Growth::DepthWise)] {
        let shape = TreeShape {
            growth,
            max_leaves: 40,
            max_depth: 0,
            shares: Shares {
                level: 0.9,
                node: 0.7,
            },
            is_quantized: false,
        };
        let mut grower = Grower::new(&matrix, rules(is_random), shape, threads.clone());
        let trees: Vec<Tree> = (0..20_u32)
            .map(|index| {
                let pair = |y: f64| [(y * f64::from(index + 1) % 17.3 - 8.0) as f32, 1.0];
                let pairs: Vec<_> = number(13).map(pair).collect();
                let task = TreeTask {
                    rows: None,
                    pairs: &pairs,
                    features: &[0, 1, 2],
                    seed: Seed(u64::from(index)),
                };
                grower.grow(&task).tree
            })
            .collect();
        assert!(trees.iter().all(|tree| tree.n_leaves() > 10));
        let ensemble = Ensemble::new(data.table(), &matrix, &trees, 1);
        let mut scores = vec![0.0; n];
        ensemble
            .add_scores(&data.table().view(), 1, &mut scores)
            .unwrap();
        for (row, score) in scores.iter().enumerate() {
            let walked = trees
                .iter()
                .fold(0.0, |sum, tree| sum + tree.values[tree.leaf(&matrix, row)]);
            assert_eq!(*score, walked, "row {row}");
        }
        let depths = ensemble.roots.iter().map(|&root| depth(&ensemble, root));
        assert_eq!(ensemble.n_steps(), depths.sum::<usize>());
    }
}

/// The longest way down from a node.
fn depth(ensemble: &Ensemble, node: u32) -> usize {
    let node = &ensemble.nodes[node as usize];
    if node.is_leaf() {
        return 0;
    }
    1 + depth(ensemble, node.child).max(depth(ensemble, node.child + 1))
}
