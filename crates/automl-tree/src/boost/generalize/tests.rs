//! Splits stay where held-out rows agree with them.

use super::*;
use crate::tree::Rule;

fn inner(left: u32) -> TreeNode {
    let rule = Rule::UpTo {
        bin: 1,
        missing_left: false,
    };
    TreeNode::Inner {
        feature: 0,
        rule,
        left,
        gain: 1.0,
    }
}

/// The root parts leaf 0 from a node that parts leaf 1 from leaf 2.
fn three_leaves(values: [f64; 3]) -> Grown {
    let leaf = TreeNode::Leaf;
    Grown {
        tree: Tree {
            nodes: vec![inner(1), leaf(0), inner(3), leaf(1), leaf(2)],
            values: values.to_vec(),
            covers: vec![10.0, 20.0, 30.0],
            width: 1,
            linear: None,
        },
        leaf_rows: vec![0..10, 10..30, 30..60],
    }
}

/// What is left of the tree where each leaf was grown on a Hessian, and the gradients of held-out rows are these.
fn pruned(values: [f64; 3], learned: [f64; 3], gradients: [f64; 3]) -> Grown {
    let grown = three_leaves(values);
    let held = gradients.map(|gradient| [gradient, 4.0]);
    rebuilt(&grown, &judge(&grown.tree, &learned, &held, 0.5))
}

#[test]
fn a_tree_that_held_out_rows_agree_with_stays_as_it_is() {
    let left = pruned([1.0, -1.0, 2.0], [10.0, 20.0, 30.0], [-9.0, 9.0, -9.0]);
    let grown = three_leaves([1.0, -1.0, 2.0]);
    assert_eq!(left.tree, grown.tree);
    assert_eq!(left.leaf_rows, grown.leaf_rows);
}

#[test]
fn a_split_that_they_contradict_becomes_the_mean_of_its_sides() {
    let left = pruned([-1.0, 1.0, 2.0], [10.0, 20.0, 60.0], [9.0, -9.0, 9.0]);
    assert_eq!(
        left.tree.nodes,
        [inner(1), TreeNode::Leaf(0), TreeNode::Leaf(1)]
    );
    // (20 · 1 + 60 · 2) / 80.
    assert_eq!(left.tree.values, [-1.0, 1.75]);
    assert_eq!(left.leaf_rows, [0..10, 10..60]);
    assert_eq!(left.tree.covers, [10.0, 50.0]);
}

#[test]
fn an_upper_split_stays_for_the_sake_of_those_below_it() {
    // Alone, the upper split would gain nothing: the mean of leaves 1 and 2 is that of leaf 0.
    let left = pruned([0.0, 1.0, -1.0], [10.0, 20.0, 20.0], [0.0, -9.0, 9.0]);
    assert_eq!(left.tree.n_leaves(), 3);
}

#[test]
fn a_tree_that_nothing_is_left_of_adds_nothing() {
    let left = pruned([1.0, -1.0, 2.0], [10.0, 20.0, 30.0], [9.0, -9.0, 9.0]);
    assert_eq!(left.tree.nodes, [TreeNode::Leaf(0)]);
    assert_eq!(left.tree.values, [0.0]);
    assert_eq!(left.leaf_rows.len(), 1);
    assert_eq!(left.leaf_rows[0], 0..60);
    let grown = three_leaves([1.0; 3]).tree;
    let mut trees = vec![left.tree.clone(), grown, left.tree];
    drop_last_barren(&mut trees, 2);
    assert_eq!(trees.len(), 3, "one of the last two trees says something");
    drop_last_barren(&mut trees, 1);
    assert_eq!(trees.len(), 2);
}

/// Kept splits lower the held-out loss: of the step that is made, not of the whole one.
#[test]
fn the_step_is_judged_that_is_made() {
    let grown = three_leaves([1.0, 1.0, 1.0]);
    let judged = |shrinkage: f64| {
        let held = [[-1.0, 4.0], [0.0; 2], [0.0; 2]];
        judge(&grown.tree, &[1.0; 3], &held, shrinkage).is_leaf[0]
    };
    // −ηv + 2·(ηv)² is below zero up to η = 1/2.
    assert!(!judged(0.4) && judged(0.6));
}

#[test]
fn every_row_judges_once_in_five_rounds() {
    let params = GradientBoostingParams {
        generalization_budget: 1.0,
        ..GradientBoostingParams::default()
    };
    let generalization = Generalization::new(&params, 1000, Seed(3)).unwrap();
    let mut judged = vec![0; 1000];
    for round in 0..5 {
        let judges = generalization.judges(round);
        assert!((150..250).contains(&judges.len()));
        for &row in &judges {
            judged[row as usize] += 1;
        }
        let mut all = [generalization.learners(round).rows, judges].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1000));
        assert_eq!(
            generalization.judges(round),
            generalization.judges(round + 5)
        );
    }
    assert_eq!(judged, [1; 1000]);
}
