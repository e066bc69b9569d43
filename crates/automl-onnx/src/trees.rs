//! Boosted trees and forests, as their artifacts have them.

use crate::error::OnnxError;
use crate::frame::{Codes, Frame};
use crate::graph::{Element, Graph, Value, bytes, doubles, int, ints, tensor};
use automl_core::Artifact;
use std::collections::BTreeMap;

const LEAF: u32 = 1 << 31;
const CATEGORY: u32 = 1 << 30;
const MISSING_LEFT: u32 = 1 << 29;
const SLOT: u32 = (1 << 28) - 1;
/// A branch that is taken if a number is not above the split.
const UP_TO: u8 = 0;
/// Sums of what the trees say.
const SUM: i64 = 1;

/// The trees of an artifact.
pub(crate) struct Trees<'a> {
    artifact: &'a Artifact,
    thresholds: &'a [f64],
    node_slots: &'a [u32],
    children: &'a [u32],
    starts: &'a [u32],
    /// Four words a set.
    sets: &'a [i64],
    values: &'a [f64],
    /// Numbers a leaf has.
    pub(crate) width: usize,
}

/// How a column is read.
enum Reading {
    Number,
    /// By the bin of each code.
    Bins(Vec<u8>),
    /// By the mean of each code, and that of all other codes, for each output.
    Means {
        means: Vec<f64>,
        priors: Vec<f64>,
    },
}

/// A test of a set of levels: the slot and the set.
type Test = (u32, [i64; 4]);

/// Where the columns stand that nodes test.
struct Places {
    numbers: BTreeMap<u32, usize>,
    tests: BTreeMap<Test, usize>,
}

impl<'a> Trees<'a> {
    pub(crate) fn read(artifact: &'a Artifact) -> Result<Self, OnnxError> {
        if artifact.arrays.contains_key("linear_constants") {
            let what = "a tree with linear models in its leaves";
            return Err(OnnxError::unsupported(what));
        }
        let trees = Self {
            artifact,
            thresholds: artifact.f64s("node_threshold")?,
            node_slots: artifact.u32s("node_slot")?,
            children: artifact.u32s("node_child")?,
            starts: artifact.u32s("tree_starts")?,
            sets: artifact.i64s("category_sets")?,
            values: artifact.f64s("leaf_values")?,
            width: artifact.meta("leaf_width")?,
        };
        let n_nodes = trees.thresholds.len();
        if trees.node_slots.len() != n_nodes || trees.children.len() != n_nodes || trees.width == 0
        {
            return Err(artifact
                .invalid("node_slot", "not one for each node")
                .into());
        }
        Ok(trees)
    }

    pub(crate) fn n_trees(&self) -> usize {
        self.starts.len()
    }

    /// The names of the columns and how each is read.
    fn inputs(&self) -> Result<Vec<(String, Reading)>, OnnxError> {
        let names: Vec<String> = self.artifact.meta("columns")?;
        let kinds: Vec<String> = self.artifact.meta("kinds")?;
        let bins = self.artifact.u8s("category_bins")?;
        let ends = self.artifact.i64s("category_ends")?;
        let n_means = kinds.iter().filter(|kind| *kind == "means").count();
        let mut means = self.means(n_means)?.into_iter();
        let mut start = 0;
        let mut inputs = Vec::new();
        for ((name, kind), &end) in names.into_iter().zip(&kinds).zip(ends) {
            let own = bins.get(start..end as usize);
            start = end as usize;
            let reading = match kind.as_str() {
                "number" => Some(Reading::Number),
                "category" => own.map(|own| Reading::Bins(own.to_vec())),
                _ => means.next(),
            };
            let reading = reading.ok_or_else(|| self.artifact.invalid("kinds", "out of range"))?;
            inputs.push((name, reading));
        }
        Ok(inputs)
    }

    fn means(&self, n_columns: usize) -> Result<Vec<Reading>, OnnxError> {
        if n_columns == 0 {
            return Ok(Vec::new());
        }
        let priors = self.artifact.f64s("level_mean_priors")?;
        let means = self.artifact.f64s("level_means")?;
        let ends = self.artifact.i64s("level_mean_ends")?;
        let n_outputs = (priors.len() / n_columns).max(1);
        let mut start = 0;
        let mut all = Vec::new();
        for (&end, priors) in ends.iter().zip(priors.chunks(n_outputs)) {
            let own = means.get(start..end as usize);
            let own =
                own.ok_or_else(|| self.artifact.invalid("level_mean_ends", "out of range"))?;
            all.push(Reading::Means {
                means: own.to_vec(),
                priors: priors.to_vec(),
            });
            start = end as usize;
        }
        Ok(all)
    }

    /// The set that a node tests.
    fn set(&self, node: usize) -> Result<[i64; 4], OnnxError> {
        let number = self.thresholds[node] as usize;
        let (sets, _rest) = self.sets.as_chunks::<4>();
        let set = sets.get(number).copied();
        set.ok_or_else(|| {
            self.artifact
                .invalid("node_threshold", "no such set")
                .into()
        })
    }

    /// The columns that nodes test, beside one another, and where each slot and each test of a set stands among them.
    fn features(
        &self,
        graph: &mut Graph,
        frame: &Frame,
        rows: &Value,
    ) -> Result<(Value, Places), OnnxError> {
        let inputs = self.inputs()?;
        let slots = self.artifact.u32s("slots")?;
        let outputs = if self.artifact.arrays.contains_key("slot_outputs") {
            self.artifact.u32s("slot_outputs")?.to_vec()
        } else {
            vec![0; slots.len()]
        };
        let mut tests: BTreeMap<Test, usize> = BTreeMap::new();
        for (node, slot) in self.node_slots.iter().enumerate() {
            if slot & LEAF == 0 && slot & CATEGORY != 0 {
                tests.insert((slot & SLOT, self.set(node)?), 0);
            }
        }
        let (mut values, mut width) = (Vec::new(), 0);
        let mut numbers = BTreeMap::new();
        for (slot, (&input, &output)) in slots.iter().zip(&outputs).enumerate() {
            let slot = slot as u32;
            let (name, reading) = inputs
                .get(input as usize)
                .ok_or_else(|| self.artifact.invalid("slots", "no such column"))?;
            let own = match reading {
                Reading::Bins(bins) => {
                    let own = placed(&mut tests, slot, width);
                    if own.is_empty() {
                        continue;
                    }
                    values.push(outside(graph, frame.codes(name)?, bins, &own));
                    width += own.len();
                    continue;
                }
                Reading::Number => frame.number(name)?.clone(),
                Reading::Means { means, priors } => {
                    mean_of(graph, frame.codes(name)?, (means, priors), output as usize)
                }
            };
            values.push(own);
            numbers.insert(slot, width);
            width += 1;
        }
        if values.is_empty() {
            values.push(rows.clone());
        }
        Ok((graph.beside(&values), Places { numbers, tests }))
    }

    /// What the trees say together: doubles, rows by `n_outputs`. Tree `t` adds to output `t % n_outputs` where leaves have one
    /// number, and to all of them where they have one for each. `rows` has a zero a row.
    pub(crate) fn sums(
        &self,
        graph: &mut Graph,
        frame: &Frame,
        n_outputs: usize,
        rows: &Value,
    ) -> Result<Value, OnnxError> {
        let (features, places) = self.features(graph, frame, rows)?;
        let mut made = Made::default();
        for number in 0..self.width {
            for tree in 0..self.starts.len() {
                let output = if self.width == 1 {
                    tree % n_outputs
                } else {
                    number
                };
                self.add(&mut made, tree, (number, output), &places)?;
            }
        }
        Ok(made.into_value(graph, &features, n_outputs))
    }

    fn add(
        &self,
        made: &mut Made,
        tree: usize,
        (number, output): (usize, usize),
        places: &Places,
    ) -> Result<(), OnnxError> {
        let odd = || self.artifact.invalid("node_child", "no such node");
        let start = self.starts[tree] as usize;
        let end = self.starts.get(tree + 1).map(|&end| end as usize);
        let end = end.unwrap_or(self.node_slots.len());
        let nodes = self.node_slots.get(start..end).ok_or_else(odd)?;
        // Inner nodes and leaves are counted apart.
        let mut numbers = Vec::with_capacity(nodes.len());
        let (first_inner, mut n_inner) = (made.modes.len(), 0);
        for (place, slot) in nodes.iter().enumerate() {
            if slot & LEAF != 0 {
                let leaf = self.children[start + place] as usize * self.width + number;
                numbers.push(made.weights.len());
                made.weights.push(*self.values.get(leaf).ok_or_else(odd)?);
                made.targets.push(output as i64);
            } else {
                numbers.push(first_inner + n_inner);
                n_inner += 1;
            }
        }
        made.roots.push(first_inner as i64);
        if n_inner == 0 {
            // A root that is a leaf: whatever is asked, it answers.
            made.branch((0, 0.0, false), [(numbers[0], true); 2]);
            return Ok(());
        }
        for (place, slot) in nodes.iter().enumerate() {
            if slot & LEAF != 0 {
                continue;
            }
            let node = start + place;
            let test = if slot & CATEGORY == 0 {
                let feature = places.numbers.get(&(slot & SLOT)).ok_or_else(odd)?;
                (*feature, self.thresholds[node], slot & MISSING_LEFT != 0)
            } else {
                let test = (slot & SLOT, self.set(node)?);
                let feature = places.tests.get(&test).ok_or_else(odd)?;
                (*feature, 0.5, false)
            };
            let left = (self.children[node] as usize).wrapping_sub(start);
            let child = |place: usize| {
                let is_leaf = nodes.get(place)? & LEAF != 0;
                Some((numbers[place], is_leaf))
            };
            let both = child(left).zip(child(left + 1)).ok_or_else(odd)?;
            made.branch(test, [both.0, both.1]);
        }
        Ok(())
    }
}

/// Gives the tests of a slot their places from `first` on, and tells their sets.
fn placed(tests: &mut BTreeMap<Test, usize>, slot: u32, first: usize) -> Vec<[i64; 4]> {
    let own = tests.iter_mut().filter(|((other, _), _)| *other == slot);
    own.enumerate()
        .map(|(number, ((_, set), place))| {
            *place = first + number;
            *set
        })
        .collect()
}

/// The mean of each row's level for an output, and the prior where it has none.
fn mean_of(
    graph: &mut Graph,
    codes: &Codes,
    (means, priors): (&[f64], &[f64]),
    output: usize,
) -> Value {
    let n_levels = (means.len() / priors.len().max(1)).max(1);
    let means = means.chunks(n_levels).nth(output).unwrap_or_default();
    let prior = priors.get(output).copied().unwrap_or(0.0);
    codes.looked_up(graph, 1, |code| {
        vec![means.get(code as usize).copied().unwrap_or(prior)]
    })
}

/// For each set, 0 where a row's level is in it and 1 where it is not.
fn outside(graph: &mut Graph, codes: &Codes, bins: &[u8], sets: &[[i64; 4]]) -> Value {
    let mut table = Vec::with_capacity((codes.n_levels + 2) * sets.len());
    for code in codes.codes() {
        let bin = bins.get(code as usize).copied().unwrap_or(0);
        let has =
            |set: &[i64; 4]| set[usize::from(bin >> 6)].cast_unsigned() >> (bin & 63) & 1 == 1;
        table.extend(sets.iter().map(|set| u8::from(!has(set))));
    }
    let table = graph.constant(bytes(&[codes.n_levels + 2, sets.len()], table));
    let found = graph.op("Gather", &[&table, &codes.value], []);
    graph.cast(&found, Element::Double)
}

/// The attributes of the operator, as they are put together.
#[derive(Default)]
struct Made {
    roots: Vec<i64>,
    features: Vec<i64>,
    splits: Vec<f64>,
    modes: Vec<u8>,
    missing_true: Vec<i64>,
    /// If a test holds, and if it does not: the number of a node or of a leaf, and whether it is one.
    nodes: [Vec<i64>; 2],
    are_leaves: [Vec<i64>; 2],
    weights: Vec<f64>,
    targets: Vec<i64>,
}

impl Made {
    fn branch(
        &mut self,
        (feature, split, missing_true): (usize, f64, bool),
        children: [(usize, bool); 2],
    ) {
        self.features.push(feature as i64);
        self.splits.push(split);
        self.modes.push(UP_TO);
        self.missing_true.push(i64::from(missing_true));
        for (side, (number, is_leaf)) in children.into_iter().enumerate() {
            self.nodes[side].push(number as i64);
            self.are_leaves[side].push(i64::from(is_leaf));
        }
    }

    fn into_value(self, graph: &mut Graph, features: &Value, n_outputs: usize) -> Value {
        let [if_true, if_false] = self.nodes;
        let [true_leaves, false_leaves] = self.are_leaves;
        let (n_nodes, n_leaves) = (self.modes.len(), self.weights.len());
        let attributes = [
            int("aggregate_function", SUM),
            int("n_targets", n_outputs as i64),
            int("post_transform", 0),
            ints("tree_roots", self.roots),
            ints("nodes_featureids", self.features),
            tensor("nodes_splits", doubles(&[n_nodes], &self.splits)),
            tensor("nodes_modes", bytes(&[n_nodes], self.modes)),
            ints("nodes_missing_value_tracks_true", self.missing_true),
            ints("nodes_truenodeids", if_true),
            ints("nodes_falsenodeids", if_false),
            ints("nodes_trueleafs", true_leaves),
            ints("nodes_falseleafs", false_leaves),
            ints("leaf_targetids", self.targets),
            tensor("leaf_weights", doubles(&[n_leaves], &self.weights)),
        ];
        graph.op("TreeEnsemble", &[features], attributes)
    }
}
