//! All engines give, bit by bit, the sums of a walk that is too plain to be wrong.

use super::super::{CATEGORY, LEAF, MISSING_LEFT, Node, SLOT, WIDE, set_test};
use super::*;
use crate::inputs::{BoundColumn, Input, InputKind, Inputs};
use crate::tree::{BinSet, contains, insert};
use automl_core::{Column, Levels, MISSING_CODE, Table, UNSEEN_CODE};
use proptest::prelude::*;
use pulp::Arch;

/// A stream of numbers that is the same for the same seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn number(&mut self) -> f64 {
        (self.below(20_001) as f64 - 10_000.0) / 64.0
    }
}

/// How trees are drawn.
#[derive(Debug, Clone)]
struct Shape {
    seed: u64,
    n_trees: usize,
    n_leaves: usize,
    /// One test a level; some branches end early.
    is_symmetric: bool,
    /// Splits the newest leaf most often, which makes trees deep.
    is_chain: bool,
    width: usize,
    n_outputs: usize,
    /// Different thresholds of a column.
    n_thresholds: usize,
    has_categories: bool,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let sizes = (
        any::<u64>(),
        0..7_usize,
        prop_oneof![1..9_usize, 9..70_usize, 70..300_usize],
    );
    let kinds = (any::<bool>(), any::<bool>(), any::<bool>());
    let outputs = prop_oneof![Just((1, 1)), Just((1, 3)), Just((3, 3))];
    let thresholds = prop_oneof![1..20_usize, 250..260_usize, 500..1200_usize];
    (sizes, kinds, outputs, thresholds).prop_map(
        |(
            (seed, n_trees, n_leaves),
            (is_symmetric, is_chain, has_categories),
            (width, n_outputs),
            n_thresholds,
        )| Shape {
            seed,
            n_trees,
            n_leaves,
            is_symmetric,
            is_chain,
            width,
            n_outputs,
            n_thresholds,
            has_categories,
        },
    )
}

const N_LEVELS: [usize; 2] = [7, 120];

/// Two columns of numbers and, perhaps, one of few categories and one of many.
fn inputs(has_categories: bool) -> Inputs {
    let kind = |column: usize| match column {
        0 | 1 => InputKind::Number,
        // Some levels were not seen by the trees: they are as if missing.
        _ => InputKind::Category(
            (0..N_LEVELS[column - 2])
                .map(|level| level as u8 % 113)
                .collect(),
        ),
    };
    let n_columns = if has_categories { 4 } else { 2 };
    let input = |column| Input {
        name: format!("x{column}"),
        kind: kind(column),
    };
    Inputs((0..n_columns).map(input).collect())
}

struct Forest {
    ensemble: Ensemble,
    /// What thresholds are drawn from, for each column.
    thresholds: [Vec<f64>; 2],
    draw: Draw,
}

impl Forest {
    fn new(shape: &Shape) -> Self {
        let mut draw = Draw(shape.seed);
        let thresholds = [(); 2].map(|()| {
            let mut all: Vec<f64> = (0..shape.n_thresholds).map(|_| draw.number()).collect();
            all.extend([
                0.0,
                -0.0,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::MIN_POSITIVE,
            ]);
            all.truncate(shape.n_thresholds.max(2));
            all
        });
        let inputs = inputs(shape.has_categories);
        let n_columns = inputs.0.len() as u32;
        let mut forest = Self {
            ensemble: Ensemble {
                inputs,
                slots: (0..n_columns).collect(),
                slot_outputs: vec![0; n_columns as usize],
                nodes: Vec::new(),
                roots: Vec::new(),
                sets: Vec::new(),
                values: Vec::new(),
                width: shape.width,
                linear: None,
                covers: None,
                gains: vec![0.0; n_columns as usize],
                prepared: Prepared::default(),
            },
            thresholds,
            draw,
        };
        for _ in 0..shape.n_trees {
            let root = forest.ensemble.nodes.len();
            forest.ensemble.roots.push(root as u32);
            forest.push_node();
            if shape.is_symmetric {
                forest.grow_levels(root, shape.n_leaves);
            } else {
                forest.grow(root, shape);
            }
            forest.name_leaves(root);
        }
        forest
    }

    fn push_node(&mut self) {
        self.ensemble.nodes.push(Node {
            test: 0,
            slot: LEAF,
            child: 0,
        });
    }

    fn split(&mut self, node: usize, (test, slot): (u64, u32)) -> [usize; 2] {
        let child = self.ensemble.nodes.len();
        self.push_node();
        self.push_node();
        self.ensemble.nodes[node] = Node {
            test,
            slot,
            child: child as u32,
        };
        [child, child + 1]
    }

    fn grow(&mut self, root: usize, shape: &Shape) {
        let mut leaves = vec![root];
        while leaves.len() < shape.n_leaves {
            let place = if shape.is_chain && !self.draw.one_in(10) {
                leaves.len() - 1
            } else {
                self.draw.below(leaves.len())
            };
            let test = self.test();
            let node = leaves.swap_remove(place);
            leaves.extend(self.split(node, test));
        }
    }

    fn grow_levels(&mut self, root: usize, n_leaves: usize) {
        let mut leaves = vec![root];
        while 2 * leaves.len() <= n_leaves {
            let test = self.test();
            let mut next = Vec::new();
            for leaf in leaves {
                if self.draw.one_in(8) {
                    next.push(leaf);
                } else {
                    next.extend(self.split(leaf, test));
                }
            }
            leaves = next;
        }
    }

    fn test(&mut self) -> (u64, u32) {
        let draw = &mut self.draw;
        let slot = draw.below(self.ensemble.slots.len());
        if slot < 2 {
            let flags = if draw.one_in(2) { MISSING_LEFT } else { 0 };
            let threshold = draw.of(&self.thresholds[slot]);
            return (threshold.to_bits(), slot as u32 | flags);
        }
        let n_bins = N_LEVELS[slot - 2].min(113);
        let mut set = BinSet::default();
        for bin in 0..n_bins {
            if draw.one_in(3) {
                insert(&mut set, bin as u8);
            }
        }
        self.ensemble.sets.push(set);
        let (test, flags) = set_test(&set, self.ensemble.sets.len() - 1, n_bins);
        (test, slot as u32 | flags)
    }

    /// Gives every leaf of the last tree its values.
    fn name_leaves(&mut self, root: usize) {
        let width = self.ensemble.width;
        for node in &mut self.ensemble.nodes[root..] {
            if node.slot == LEAF {
                node.child = (self.ensemble.values.len() / width) as u32;
                for _ in 0..width {
                    // Sums in another order would be other sums.
                    self.ensemble.values.push(self.draw.number() / 3.0);
                }
            }
        }
    }

    /// Rows of thresholds, their neighbours and what else may come.
    fn table(&mut self, n_rows: usize) -> Table {
        let mut columns = Vec::new();
        for column in 0..self.ensemble.slots.len() {
            let draw = &mut self.draw;
            let cells = if column < 2 {
                let mut cell = || {
                    let threshold = draw.of(&self.thresholds[column]);
                    let special = [
                        f64::NAN,
                        -f64::NAN,
                        f64::INFINITY,
                        f64::NEG_INFINITY,
                        0.0,
                        -0.0,
                    ];
                    match draw.below(6) {
                        0 => draw.of(&special),
                        1 => threshold.next_up(),
                        2 => threshold.next_down(),
                        3 => draw.number(),
                        _ => threshold,
                    }
                };
                Column::Number((0..n_rows).map(|_| cell()).collect())
            } else {
                let n_levels = N_LEVELS[column - 2];
                let mut code = || match draw.below(12) {
                    0 => MISSING_CODE,
                    1 => UNSEEN_CODE,
                    _ => draw.below(n_levels) as u32,
                };
                let levels = Levels::new((0..n_levels).map(|level| level.to_string()));
                Column::category((0..n_rows).map(|_| code()).collect(), levels)
            };
            columns.push((format!("x{column}"), cells));
        }
        Table::new(columns).unwrap()
    }
}

/// The leaf of a row, found as one would by hand.
fn leaf(ensemble: &Ensemble, root: u32, cells: &[u64]) -> usize {
    let mut index = root as usize;
    loop {
        let node = &ensemble.nodes[index];
        if node.slot & LEAF != 0 {
            return node.child as usize;
        }
        let cell = cells[(node.slot & SLOT) as usize];
        let goes_left = if node.slot & WIDE != 0 {
            contains(&ensemble.sets[node.test as usize], cell as u8)
        } else if node.slot & CATEGORY != 0 {
            contains(&[node.test, 0, 0, 0], cell as u8)
        } else if f64::from_bits(cell).is_nan() {
            node.slot & MISSING_LEFT != 0
        } else {
            f64::from_bits(cell) <= f64::from_bits(node.test)
        };
        index = node.child as usize + usize::from(!goes_left);
    }
}

/// The sums after the first `n_trees` trees.
fn reference(ensemble: &Ensemble, rows: &TableView<'_>, start: &[f64], n_trees: usize) -> Vec<u64> {
    let columns = ensemble.bind(rows.table()).unwrap();
    let n_outputs = start.len();
    let mut sums = start.repeat(rows.n_rows());
    for (place, sums) in sums.chunks_exact_mut(n_outputs).enumerate() {
        let cell = |column: &BoundColumn<'_>| column.bits(rows.row(place));
        let cells: Vec<u64> = columns.iter().map(cell).collect();
        for (tree, &root) in ensemble.roots[..n_trees].iter().enumerate() {
            let first = leaf(ensemble, root, &cells) * ensemble.width;
            for number in 0..ensemble.width {
                let output = if ensemble.width > 1 {
                    number
                } else {
                    tree % n_outputs
                };
                sums[output] += ensemble.values[first + number];
            }
        }
    }
    bits(&sums)
}

fn bits(sums: &[f64]) -> Vec<u64> {
    sums.iter().map(|sum| sum.to_bits()).collect()
}

fn check(shape: &Shape) -> Result<(), TestCaseError> {
    let mut forest = Forest::new(shape);
    let table = forest.table(300);
    let ensemble = forest.ensemble;
    let n_trees = ensemble.n_trees();
    let start: Vec<f64> = (0..shape.n_outputs)
        .map(|output| 0.1 + output as f64)
        .collect();
    let ids: Vec<u32> = (0..299).map(|place| place * 7 % 300).collect();
    for rows in [table.view(), table.rows(&ids)] {
        let expected = reference(&ensemble, &rows, &start, n_trees);
        let mut sums = start.repeat(rows.n_rows());
        ensemble
            .add_scores(&rows, shape.n_outputs, &mut sums)
            .unwrap();
        prop_assert_eq!(&bits(&sums), &expected);
        let walked = ensemble.walked_stages(&rows, &start, &[n_trees]).unwrap();
        prop_assert_eq!(&bits(&walked[0]), &expected);
        let ends = [0, n_trees / 2, n_trees];
        let stages = ensemble.staged_scores(&rows, &start, &ends).unwrap();
        for (stage, end) in stages.iter().zip(ends) {
            prop_assert_eq!(&bits(stage), &reference(&ensemble, &rows, &start, end));
        }
        if let Some(mut trees) = BitTrees::new(&ensemble) {
            trees.arch = Arch::Scalar;
            let scalar = ensemble.clone();
            scalar.prepared.bits.set(Some(trees)).unwrap();
            let mut sums = start.repeat(rows.n_rows());
            scalar
                .add_scores(&rows, shape.n_outputs, &mut sums)
                .unwrap();
            prop_assert_eq!(&bits(&sums), &expected);
        }
    }
    for n_rows in [1, 3, FEW_ROWS] {
        let rows = table.rows(&ids[..n_rows]);
        let mut sums = start.repeat(n_rows);
        ensemble
            .add_scores(&rows, shape.n_outputs, &mut sums)
            .unwrap();
        prop_assert_eq!(&bits(&sums), &reference(&ensemble, &rows, &start, n_trees));
        if let Some(trees) = CompactTrees::new(&ensemble) {
            let packed = ensemble.clone();
            packed.prepared.row.set(SingleRow::Packed(trees)).unwrap();
            let mut sums = start.repeat(n_rows);
            packed
                .add_scores(&rows, shape.n_outputs, &mut sums)
                .unwrap();
            prop_assert_eq!(&bits(&sums), &reference(&ensemble, &rows, &start, n_trees));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn all_engines_give_the_sums_of_the_plain_walk(shape in shapes()) {
        check(&shape)?;
    }
}

fn plain() -> Shape {
    Shape {
        seed: 7,
        n_trees: 5,
        n_leaves: 31,
        is_symmetric: false,
        is_chain: false,
        width: 1,
        n_outputs: 1,
        n_thresholds: 40,
        has_categories: true,
    }
}

#[test]
fn trees_of_256_leaves_and_symmetric_trees_of_more_are_scored_by_bits() {
    let has_bits = |shape: &Shape| BitTrees::new(&Forest::new(shape).ensemble).is_some();
    let of = |n_leaves| Shape {
        n_leaves,
        ..plain()
    };
    assert!(has_bits(&of(256)) && !has_bits(&of(257)));
    let symmetric = Shape {
        n_leaves: 1024,
        is_symmetric: true,
        ..plain()
    };
    assert!(has_bits(&symmetric));
    check(&symmetric).unwrap();
    check(&of(257)).unwrap();
}

#[test]
fn nodes_that_share_a_child_are_walked() {
    // Old artifacts, which hold no covers, are not checked for it.
    let mut forest = Forest::new(&Shape {
        n_trees: 0,
        ..plain()
    });
    forest.ensemble.roots.push(0);
    forest.push_node();
    let first = forest.test();
    let [left, right] = forest.split(0, first);
    let second = forest.test();
    let [a, _] = forest.split(left, second);
    let third = forest.test();
    forest.ensemble.nodes[right] = Node {
        test: third.0,
        slot: third.1,
        child: a as u32,
    };
    for _ in 0..5 {
        let test = forest.test();
        let last = forest.ensemble.nodes.len() - 1;
        forest.split(last, test);
    }
    forest.name_leaves(0);
    assert!(BitTrees::new(&forest.ensemble).is_none());
    assert!(CompactTrees::new(&forest.ensemble).is_none());
    let table = forest.table(100);
    let mut sums = vec![0.0; 100];
    forest
        .ensemble
        .add_scores(&table.view(), 1, &mut sums)
        .unwrap();
    assert_eq!(
        bits(&sums),
        reference(&forest.ensemble, &table.view(), &[0.0], 1)
    );
}

#[test]
fn large_ensembles_are_packed_for_single_rows() {
    let is_packed = |n_trees: usize, n_leaves: usize| {
        let mut forest = Forest::new(&Shape {
            n_trees,
            n_leaves,
            ..plain()
        });
        let table = forest.table(1);
        let ensemble = forest.ensemble;
        let mut sums = [0.5];
        ensemble.add_scores(&table.view(), 1, &mut sums).unwrap();
        let expected = reference(&ensemble, &table.view(), &[0.5], n_trees);
        assert_eq!(bits(&sums), expected);
        let made = ensemble.prepared.row.get();
        matches!(made, Some(SingleRow::Packed(_)))
    };
    assert!(is_packed(300, 31));
    assert!(!is_packed(5, 31), "few nodes stay in the cache");
    assert!(!is_packed(1, 5000), "more leaves than a node can number");
}

#[test]
fn bits_are_made_when_rows_enough_have_come_and_change_nothing() {
    let mut forest = Forest::new(&plain());
    let table = forest.table(PREPARE_ROWS);
    let ensemble = forest.ensemble;
    let ids: Vec<u32> = (0..PREPARE_ROWS as u32).collect();
    let score = |n_rows: usize| {
        let mut sums = vec![0.0; n_rows];
        let rows = table.rows(&ids[..n_rows]);
        ensemble.add_scores(&rows, 1, &mut sums).unwrap();
        bits(&sums)
    };
    let has_bits = || ensemble.prepared.bits.get().is_some();
    let before = score(PREPARE_ROWS / 2);
    for _ in 0..PREPARE_ROWS {
        score(FEW_ROWS);
    }
    assert!(!has_bits());
    assert_eq!(score(PREPARE_ROWS / 2), before);
    assert!(has_bits());
    assert_eq!(score(PREPARE_ROWS / 2), before);
}

#[test]
fn copies_are_equal_and_start_without_what_was_prepared() {
    let mut forest = Forest::new(&plain());
    let table = forest.table(PREPARE_ROWS);
    let ensemble = forest.ensemble;
    let mut sums = vec![0.0; PREPARE_ROWS];
    ensemble.add_scores(&table.view(), 1, &mut sums).unwrap();
    let copy = ensemble.clone();
    assert!(ensemble.prepared.bits.get().is_some());
    assert!(copy == ensemble && copy.prepared.bits.get().is_none());
}
