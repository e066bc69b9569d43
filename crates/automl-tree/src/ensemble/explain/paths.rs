//! A tree cut into groups of leaves, and each leaf as the game that its path plays.
//!
//! On the path to a leaf, each feature `j` lets the share `z_j` of the rows through, or a given row (`o_j` is 1) or not
//! (0). If every feature is known with probability `t`, the leaf is reached with `∏ (z_j + (o_j − z_j) t)`: the integral of
//! its slopes over `t` is what the features did (Owen, 1972). It depends on the row by the bits `o_j` alone, so rows with
//! the same bits share the result. A group is a subtree that has few bits in all: those of the features above it, and
//! one for each of its inner nodes.

use super::quadrature::{LANES, Lanes, Points, rule};
use crate::ensemble::{Ensemble, SLOT};
use std::ops::Range;

/// Bits of a pattern at most: with more there are fewer groups, but fewer rows agree in all bits.
pub(super) const MAX_BITS: usize = 11;
/// Features that the points of one quad integrate exactly.
const FEATURES_PER_QUAD: usize = 2 * LANES;

/// A node and the way it must send a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    /// Counted from the root.
    pub(super) node: usize,
    pub(super) is_left: bool,
}

/// Leaves that are looked up together. What they hold stands in lists that are kept from group to group.
#[derive(Debug, Default)]
pub(super) struct Group {
    edges: Vec<Edge>,
    /// The edges of each bit.
    bits: Vec<Range<usize>>,
    /// The inputs that the leaves depend on.
    pub(super) inputs: Vec<u32>,
    leaves: Vec<LeafRanges>,
    parts: Vec<Part>,
    factors: Vec<Factor>,
    rules: Rules,
}

/// Where a leaf's things stand.
#[derive(Debug)]
struct LeafRanges {
    value: usize,
    n_quads: usize,
    parts: Range<usize>,
    first_factor: usize,
}

impl Group {
    /// Whether the bits of a row are looked up as one pattern. If not, there is one leaf, and a bit for each of its
    /// parts, in their order.
    pub(super) fn has_patterns(&self) -> bool {
        self.n_bits() <= MAX_BITS
    }

    pub(super) fn n_bits(&self) -> usize {
        self.bits.len()
    }

    /// The edges of each bit, which is set if a row takes all of them.
    pub(super) fn bits(&self) -> impl Iterator<Item = &[Edge]> {
        self.bits.iter().map(|edges| &self.edges[edges.clone()])
    }

    pub(super) fn leaves(&self) -> impl Iterator<Item = Leaf<'_>> {
        self.leaves.iter().map(|leaf| Leaf {
            value: leaf.value,
            parts: &self.parts[leaf.parts.clone()],
            factors: &self.factors[leaf.first_factor..][..leaf.n_quads * leaf.parts.len()],
            rule: &self.rules.0[leaf.n_quads - 1],
        })
    }

    fn clear(&mut self) {
        self.edges.clear();
        self.bits.clear();
        self.inputs.clear();
        self.leaves.clear();
        self.parts.clear();
        self.factors.clear();
    }

    fn push_bit(&mut self, edges: impl Iterator<Item = Edge>) {
        let start = self.edges.len();
        self.edges.extend(edges);
        self.bits.push(start..self.edges.len());
    }
}

/// A feature of the path to a leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Its place among the inputs of the group.
    pub(super) place: usize,
    /// The bits of the group's pattern that tell whether a row passes, and what they must be.
    mask: u64,
    wanted: u64,
    /// The share of rows that pass, `z`.
    share: f64,
}

impl Part {
    pub(super) fn is_on(&self, pattern: u64) -> bool {
        pattern & self.mask == self.wanted
    }
}

/// For a feature that lets the row through, at some points: the factor `z + (1 − z) t`, and `(1 − z)` over it.
#[derive(Debug, Clone, Copy)]
struct Factor {
    factor: Lanes,
    ratio: Lanes,
}

/// A leaf with the features of its path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    /// The index of its value.
    pub(super) value: usize,
    pub(super) parts: &'a [Part],
    /// One for each part, for each quad of the rule.
    factors: &'a [Factor],
    rule: &'a [Points],
}

/// A step down the tree.
#[derive(Debug, Clone, Copy)]
struct Step {
    edge: Edge,
    input: u32,
    /// The share of the node's rows that take it.
    share: f64,
}

struct Todo {
    /// Counted from the root.
    node: usize,
    /// Steps above the last one.
    depth: usize,
    step: Option<Step>,
}

impl Todo {
    /// Makes `path` the one to the node.
    fn enter(&self, path: &mut Vec<Step>) {
        path.truncate(self.depth);
        path.extend(self.step);
    }
}

/// Quadrature rules of one quad, two quads, ….
#[derive(Debug, Default)]
struct Rules(Vec<Vec<Points>>);

impl Rules {
    fn ensure(&mut self, n_quads: usize) -> &[Points] {
        while self.0.len() < n_quads {
            self.0.push(rule(self.0.len() + 1));
        }
        &self.0[n_quads - 1]
    }
}

/// Cuts trees into groups.
pub(super) struct Cutter<'a> {
    ensemble: &'a Ensemble,
    /// Cover of every node of the ensemble.
    covers: &'a [f64],
    group: Group,
    /// Inner nodes from each node on.
    n_inner: Vec<usize>,
    /// The bit of each inner node, within its group.
    bit_of_node: Vec<usize>,
}

impl<'a> Cutter<'a> {
    pub(super) fn new(ensemble: &'a Ensemble, covers: &'a [f64]) -> Self {
        Self {
            ensemble,
            covers,
            group: Group::default(),
            n_inner: Vec::new(),
            bit_of_node: Vec::new(),
        }
    }

    /// Cuts a tree and visits its groups, from left to right. Cost: leaves × features of a path × quadrature points.
    pub(super) fn cut(&mut self, tree: usize, mut visit: impl FnMut(&Group)) {
        self.count_inner_nodes(tree);
        self.bit_of_node.resize(self.n_inner.len(), 0);
        let mut path = Vec::new();
        let mut below = Vec::new();
        let mut stack = vec![Todo {
            node: 0,
            depth: 0,
            step: None,
        }];
        while let Some(todo) = stack.pop() {
            todo.enter(&mut path);
            self.group.clear();
            list_inputs(&path, &mut self.group.inputs);
            let n_inner = self.n_inner[todo.node];
            if self.group.inputs.len() + n_inner <= MAX_BITS || n_inner == 0 {
                below.push(Todo {
                    depth: path.len(),
                    step: None,
                    ..todo
                });
                self.fill_group(tree, &mut path, &mut below);
                visit(&self.group);
            } else {
                stack.extend(self.children(tree, todo.node, path.len()));
            }
        }
    }

    fn count_inner_nodes(&mut self, tree: usize) {
        let root = self.ensemble.roots[tree] as usize;
        let nodes = self.ensemble.tree_nodes(tree);
        let counts = &mut self.n_inner;
        counts.clear();
        counts.resize(nodes.len(), 0);
        for (index, node) in nodes.iter().enumerate().rev() {
            if !node.is_leaf() {
                let left = node.child as usize - root;
                counts[index] = 1 + counts[left] + counts[left + 1];
            }
        }
    }

    /// The right child, then the left one, which is the next to be taken from a stack.
    fn children(&self, tree: usize, node: usize, depth: usize) -> [Todo; 2] {
        let root = self.ensemble.roots[tree] as usize;
        let inner = &self.ensemble.nodes[root + node];
        let input = self.ensemble.slots[(inner.slot & SLOT) as usize];
        [false, true].map(|is_left| {
            let child = inner.child as usize + usize::from(!is_left);
            let cover = self.covers[root + node];
            // Where no row was, none is likelier.
            let share = if cover > 0.0 {
                self.covers[child] / cover
            } else {
                0.5
            };
            Todo {
                node: child - root,
                depth,
                step: Some(Step {
                    edge: Edge { node, is_left },
                    input,
                    share,
                }),
            }
        })
    }

    /// Puts all leaves below the end of `path` into the group, which has the inputs of the path; they are all there is to
    /// do in `stack`.
    fn fill_group(&mut self, tree: usize, path: &mut Vec<Step>, stack: &mut Vec<Todo>) {
        let n_above = path.len();
        for place in 0..self.group.inputs.len() {
            let input = self.group.inputs[place];
            let steps = path.iter().filter(|step| step.input == input);
            self.group.push_bit(steps.map(|step| step.edge));
        }
        while let Some(todo) = stack.pop() {
            todo.enter(path);
            let node = &self.ensemble.tree_nodes(tree)[todo.node];
            if node.is_leaf() {
                self.push_leaf(node.child as usize, path, n_above);
                continue;
            }
            self.bit_of_node[todo.node] = self.group.n_bits();
            self.group.push_bit(std::iter::once(Edge {
                node: todo.node,
                is_left: true,
            }));
            stack.extend(self.children(tree, todo.node, path.len()));
        }
        path.truncate(n_above);
    }

    /// A leaf at the end of `path`; steps from `n_above` on have bits of their own in the pattern.
    fn push_leaf(&mut self, value: usize, path: &[Step], n_above: usize) {
        let group = &mut self.group;
        let first_part = group.parts.len();
        for (index, step) in path.iter().enumerate() {
            let known = group.inputs.iter().position(|&input| input == step.input);
            let place = known.unwrap_or_else(|| {
                group.inputs.push(step.input);
                group.inputs.len() - 1
            });
            // The bit of a feature above the group is that of its place; a leaf with too many has no pattern.
            let (bit, is_left) = if index < n_above {
                (place, true)
            } else {
                (self.bit_of_node[step.edge.node], step.edge.is_left)
            };
            let bit = 1_u64.checked_shl(bit as u32).unwrap_or(0);
            let parts = &group.parts[first_part..];
            let known = parts.iter().position(|part| part.place == place);
            let part = known.unwrap_or_else(|| {
                group.parts.push(Part {
                    place,
                    mask: 0,
                    wanted: 0,
                    share: 1.0,
                });
                group.parts.len() - 1 - first_part
            });
            let part = &mut group.parts[first_part + part];
            part.share *= step.share;
            part.mask |= bit;
            part.wanted |= if is_left { bit } else { 0 };
        }
        let parts = &group.parts[first_part..];
        let n_quads = parts.len().div_ceil(FEATURES_PER_QUAD).max(1);
        let first_factor = group.factors.len();
        for points in group.rules.ensure(n_quads) {
            let factors = parts.iter().map(|part| factor(part.share, &points.t));
            group.factors.extend(factors);
        }
        group.leaves.push(LeafRanges {
            value,
            n_quads,
            parts: first_part..group.parts.len(),
            first_factor,
        });
    }
}

/// Lists the inputs of a path, in the order of their first steps.
fn list_inputs(path: &[Step], inputs: &mut Vec<u32>) {
    inputs.clear();
    for step in path {
        if !inputs.contains(&step.input) {
            inputs.push(step.input);
        }
    }
}

fn factor(share: f64, t: &Lanes) -> Factor {
    let factor = t.map(|t| share + (1.0 - share) * t);
    Factor {
        factor,
        ratio: factor.map(|factor| (1.0 - share) / factor),
    }
}

impl Leaf<'_> {
    /// The share of rows that reach it.
    pub(super) fn share(&self) -> f64 {
        self.parts.iter().map(|part| part.share).product()
    }

    /// Whether a row that does not pass some features can reach the leaf when they are not known.
    fn can_be_reached(&self, is_on: &[bool]) -> bool {
        let mut parts = self.parts.iter().zip(is_on);
        parts.all(|(part, is_on)| *is_on || part.share > 0.0)
    }

    /// The probability of reaching the leaf at each point, times the point's weight; then what a feature that is off
    /// multiplies it by for its slope, `−z / (z (1 − t))`.
    fn product(&self, points: &Points, factors: &[Factor], is_on: &[bool]) -> (Lanes, Lanes) {
        let rest = points.t.map(|t| 1.0 - t);
        let mut product = points.weight;
        for ((part, factor), is_on) in self.parts.iter().zip(factors).zip(is_on) {
            for k in 0..LANES {
                let off = part.share * rest[k];
                product[k] *= if *is_on { factor.factor[k] } else { off };
            }
        }
        (product, rest.map(|rest| -1.0 / rest))
    }

    /// What each part did, for a leaf of value 1: `∫ (o_i − z_i) ∏_{j ≠ i} (z_j + (o_j − z_j) t) dt`.
    pub(super) fn attribute(&self, is_on: &[bool], sums: &mut [f64]) {
        sums.fill(0.0);
        if self.parts.is_empty() || !self.can_be_reached(is_on) {
            return;
        }
        let factors = self.factors.chunks_exact(self.parts.len());
        for (points, factors) in self.rule.iter().zip(factors) {
            let (product, off) = self.product(points, factors, is_on);
            let off = dot(&product, &off);
            for ((sum, factor), is_on) in sums.iter_mut().zip(factors).zip(is_on) {
                *sum += if *is_on {
                    dot(&product, &factor.ratio)
                } else {
                    off
                };
            }
        }
    }

    /// What each pair of parts did together, for a leaf of value 1, half of it on each side of the diagonal; the
    /// diagonal holds the rest of what the part did.
    pub(super) fn interact(&self, is_on: &[bool], sums: &mut [f64]) {
        let n = self.parts.len();
        sums.fill(0.0);
        if n == 0 || !self.can_be_reached(is_on) {
            return;
        }
        let factors = self.factors.chunks_exact(n);
        for (points, factors) in self.rule.iter().zip(factors) {
            let (product, off) = self.product(points, factors, is_on);
            let ratio = |part: usize| {
                if is_on[part] {
                    &factors[part].ratio
                } else {
                    &off
                }
            };
            for i in 0..n {
                let of_i: Lanes = std::array::from_fn(|k| product[k] * ratio(i)[k]);
                sums[i * n + i] += of_i.iter().sum::<f64>();
                for j in 0..i {
                    let half = 0.5 * dot(&of_i, ratio(j));
                    sums[i * n + j] += half;
                    sums[j * n + i] += half;
                    sums[i * n + i] -= half;
                    sums[j * n + j] -= half;
                }
            }
        }
    }
}

fn dot(a: &Lanes, b: &Lanes) -> f64 {
    (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3])
}
