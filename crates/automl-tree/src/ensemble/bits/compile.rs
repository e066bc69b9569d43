//! From nodes to strikes.

use super::planes::{CoderBuilder, PlaneTest};
use super::{
    Bins, BitTree, BitTrees, MAX_LEAVES, MAX_PLANES, MAX_TABLE_TESTS, Membership, Reading, Strike,
};
use crate::ensemble::{CATEGORY, Ensemble, MISSING_LEFT, Node, SLOT, WIDE};
use crate::inputs::InputKind;
use crate::tree::BinSet;
use pulp::Arch;
use std::ops::Range;

/// Values of a table for each leaf of its tree, at most: symmetric trees need one, or a few where branches end early.
const TABLE_PER_LEAF: usize = 4;
/// Marks the plane of a category's answers, as long as the number of the planes before them is not known.
const ANSWER: u16 = 1 << 15;

pub(super) fn compile(ensemble: &Ensemble) -> Option<BitTrees> {
    let mut compiler = Compiler::new(ensemble);
    for tree in 0..ensemble.n_trees() {
        compiler.push(tree)?;
    }
    compiler.finish()
}

struct Compiler<'a> {
    ensemble: &'a Ensemble,
    coder: CoderBuilder,
    n_answers: usize,
    trees: Vec<BitTree>,
    ends: Vec<u32>,
    strikes: Vec<Strike>,
    memberships: Vec<Membership>,
    bins: Vec<Bins>,
    values: Vec<f64>,
    /// The tests of categories of the tree at hand, in the order of its memberships.
    sets: Vec<(u32, BinSet, bool)>,
}

/// What an inner node strikes out: the leaves below its first child, where a row goes to the other.
struct Inner {
    node: usize,
    /// Whether the first child is the right one.
    inverted: bool,
    leaves: Range<usize>,
}

impl<'a> Compiler<'a> {
    fn new(ensemble: &'a Ensemble) -> Self {
        let mut thresholds = vec![Vec::new(); ensemble.slots.len()];
        for node in &ensemble.nodes {
            if !node.is_leaf() && node.slot & CATEGORY == 0 {
                thresholds[(node.slot & SLOT) as usize].push(f64::from_bits(node.test));
            }
        }
        Self {
            ensemble,
            coder: CoderBuilder::new(thresholds),
            n_answers: 0,
            trees: Vec::with_capacity(ensemble.n_trees()),
            ends: Vec::new(),
            strikes: Vec::new(),
            memberships: Vec::new(),
            bins: Vec::new(),
            values: Vec::new(),
            sets: Vec::new(),
        }
    }

    /// Adds a tree, if it is of the right shape.
    fn push(&mut self, tree: usize) -> Option<()> {
        let nodes = self.ensemble.tree_nodes(tree);
        let first_leaf = u32::try_from(self.values.len() / self.ensemble.width).ok()?;
        self.sets.clear();
        let reading = if let Some(table) = Table::of(self.ensemble, tree) {
            self.push_table(&table, tree);
            Reading::Index
        } else {
            let sizes = n_leaves(nodes, self.ensemble.roots[tree]);
            let n_own = nodes.iter().filter(|node| node.is_leaf()).count();
            // Nodes that share a child have more leaves than there are.
            if sizes[0] as usize > n_own.min(MAX_LEAVES) {
                return None;
            }
            self.push_leaves(tree, &sizes);
            Reading::FirstLeft
        };
        self.n_answers = self.n_answers.max(self.sets.len());
        if self.coder.n_planes() + self.n_answers > MAX_PLANES {
            return None;
        }
        self.trees.push(BitTree {
            reading,
            end_byte: self.ends.len() as u32,
            end_membership: self.memberships.len() as u32,
            first_leaf,
        });
        Some(())
    }

    fn push_table(&mut self, table: &Table, tree: usize) {
        for tests in table.tests.chunks(8) {
            for (bit, &node) in tests.iter().enumerate() {
                let test = self.test(&self.ensemble.nodes[node], false);
                self.push_strike(test, 1 << bit);
            }
            self.ends.push(self.strikes.len() as u32);
        }
        for answers in 0..1 << table.tests.len() {
            let leaf = table.leaf(self.ensemble, tree, answers);
            self.push_values(leaf);
        }
    }

    fn push_leaves(&mut self, tree: usize, sizes: &[u32]) {
        let inner = self.place_leaves(tree, sizes);
        let tests: Vec<PlaneTest> = inner
            .iter()
            .map(|inner| self.test(&self.ensemble.nodes[inner.node], inner.inverted))
            .collect();
        for byte in 0..(sizes[0] as usize).div_ceil(8) {
            let of_byte = byte * 8..byte * 8 + 8;
            for (inner, &test) in inner.iter().zip(&tests) {
                let start = inner.leaves.start.max(of_byte.start);
                let end = inner.leaves.end.min(of_byte.end);
                if start < end {
                    let bits = (1_u16 << (end - of_byte.start)) - (1 << (start - of_byte.start));
                    self.push_strike(test, bits as u8);
                }
            }
            self.ends.push(self.strikes.len() as u32);
        }
    }

    /// Puts the leaves in a row, the smaller of two children first, and their values into the list.
    fn place_leaves(&mut self, tree: usize, sizes: &[u32]) -> Vec<Inner> {
        let ensemble = self.ensemble;
        let root = ensemble.roots[tree] as usize;
        let mut inner = Vec::with_capacity(sizes[0] as usize);
        let mut n_placed = 0;
        let mut stack = vec![root];
        while let Some(index) = stack.pop() {
            let node = &ensemble.nodes[index];
            let child = node.child as usize;
            if node.is_leaf() {
                self.push_values(child);
                n_placed += 1;
                continue;
            }
            let [left, right] = [child, child + 1].map(|child| sizes[child - root]);
            let inverted = right < left;
            let (first, second) = if inverted {
                (child + 1, child)
            } else {
                (child, child + 1)
            };
            inner.push(Inner {
                node: index,
                inverted,
                leaves: n_placed..n_placed + left.min(right) as usize,
            });
            stack.extend([second, first]);
        }
        inner
    }

    fn push_values(&mut self, leaf: usize) {
        let width = self.ensemble.width;
        let values = &self.ensemble.values[leaf * width..][..width];
        self.values.extend_from_slice(values);
    }

    fn push_strike(&mut self, PlaneTest { plane, rank }: PlaneTest, bits: u8) {
        self.strikes.push(Strike { plane, rank, bits });
    }

    /// The test that a row goes right at a node, or, `inverted`, left.
    fn test(&mut self, node: &Node, inverted: bool) -> PlaneTest {
        let slot = node.slot & SLOT;
        if node.slot & CATEGORY == 0 {
            let missing_left = node.slot & MISSING_LEFT != 0;
            let threshold = f64::from_bits(node.test);
            return self.coder.number(slot, threshold, missing_left, inverted);
        }
        let set = (slot, set_of(self.ensemble, node), inverted);
        let known = self.sets.iter().position(|known| *known == set);
        let answer = known.unwrap_or_else(|| {
            self.push_membership(set);
            self.sets.len() - 1
        });
        PlaneTest {
            plane: ANSWER | answer as u16,
            rank: 0,
        }
    }

    fn push_membership(&mut self, (slot, set, inverted): (u32, BinSet, bool)) {
        for octet in 0..32_u8 {
            let bits = (set[octet as usize / 8] >> (octet % 8 * 8)) as u8;
            if bits != 0 {
                let plane = self.coder.octet(slot, octet);
                self.bins.push(Bins { plane, bits });
            }
        }
        self.memberships.push(Membership {
            end: self.bins.len() as u32,
            inverted,
        });
        self.sets.push((slot, set, inverted));
    }

    fn finish(mut self) -> Option<BitTrees> {
        let n_planes = self.coder.n_planes();
        for strike in &mut self.strikes {
            if strike.plane & ANSWER != 0 {
                strike.plane = n_planes as u16 + (strike.plane & !ANSWER);
            }
        }
        let lengths = [self.strikes.len(), self.bins.len(), self.memberships.len()];
        if lengths
            .into_iter()
            .any(|length| u32::try_from(length).is_err())
        {
            return None;
        }
        self.values.resize(self.values.len() + MAX_LEAVES, 0.0);
        Some(BitTrees {
            arch: Arch::new(),
            coder: self.coder.build(),
            n_planes,
            n_answers: self.n_answers,
            trees: self.trees,
            ends: self.ends,
            strikes: self.strikes,
            memberships: self.memberships,
            bins: self.bins,
            values: self.values,
            width: self.ensemble.width,
        })
    }
}

/// The bins that go left at a node of a category, out of those that its column has.
fn set_of(ensemble: &Ensemble, node: &Node) -> BinSet {
    let set = if node.slot & WIDE != 0 {
        ensemble.sets[node.test as usize]
    } else {
        [node.test, 0, 0, 0]
    };
    let input = ensemble.slots[(node.slot & SLOT) as usize] as usize;
    let InputKind::Category(bins) = &ensemble.inputs.0[input].kind else {
        unreachable!("nodes of categories read categories");
    };
    let mut known = BinSet::default();
    for &bin in bins.iter().chain(&[0]) {
        crate::tree::insert(&mut known, bin);
    }
    std::array::from_fn(|word| set[word] & known[word])
}

/// Leaves below each node of a tree, at most `u32::MAX`.
fn n_leaves(nodes: &[Node], root: u32) -> Vec<u32> {
    let mut sizes: Vec<u32> = vec![1; nodes.len()];
    for (index, node) in nodes.iter().enumerate().rev() {
        if !node.is_leaf() {
            let child = (node.child - root) as usize;
            sizes[index] = sizes[child].saturating_add(sizes[child + 1]);
        }
    }
    sizes
}

/// A tree of few different tests.
struct Table {
    /// A node for each of them.
    tests: Vec<usize>,
    /// The test of each node of the tree.
    of_node: Vec<u8>,
}

impl Table {
    /// `None` if the table would be much larger than the tree.
    fn of(ensemble: &Ensemble, tree: usize) -> Option<Self> {
        let root = ensemble.roots[tree] as usize;
        let nodes = ensemble.tree_nodes(tree);
        let n_leaves = nodes.iter().filter(|node| node.is_leaf()).count();
        let n_tests_max = (TABLE_PER_LEAF * n_leaves)
            .ilog2()
            .min(MAX_TABLE_TESTS as u32);
        let mut table = Self {
            tests: Vec::new(),
            of_node: vec![0; nodes.len()],
        };
        for (index, node) in nodes.iter().enumerate() {
            if node.is_leaf() {
                continue;
            }
            let is_same = |&known: &usize| asks_the_same(ensemble, &ensemble.nodes[known], node);
            let known = table.tests.iter().position(is_same);
            let test = known.unwrap_or(table.tests.len());
            if known.is_none() {
                table.tests.push(root + index);
            }
            if table.tests.len() > n_tests_max as usize {
                return None;
            }
            table.of_node[index] = test as u8;
        }
        Some(table)
    }

    /// The leaf of rows that go right where a bit is set.
    fn leaf(&self, ensemble: &Ensemble, tree: usize, answers: usize) -> usize {
        let root = ensemble.roots[tree] as usize;
        let mut index = root;
        loop {
            let node = &ensemble.nodes[index];
            if node.is_leaf() {
                return node.child as usize;
            }
            let answer = answers >> self.of_node[index - root] & 1;
            index = node.child as usize + answer;
        }
    }
}

/// Whether two inner nodes send every row the same way.
fn asks_the_same(ensemble: &Ensemble, a: &Node, b: &Node) -> bool {
    a.slot == b.slot
        && if a.slot & CATEGORY == 0 {
            f64::from_bits(a.test) == f64::from_bits(b.test)
        } else {
            set_of(ensemble, a) == set_of(ensemble, b)
        }
}
