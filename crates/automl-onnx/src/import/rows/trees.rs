//! Trees: sums, means and extremes of what their leaves say of a row.

use super::attributes::DOUBLE;
use super::post::Post;
use super::{Attributes, Said, single};
use crate::import::error::GraphError;
use std::collections::{BTreeMap, BTreeSet};

/// The place of a node, by its tree and its number in it.
type Places = BTreeMap<(i64, i64), u32>;
/// To which number how much is added.
type Weights = Vec<(u32, f64)>;

/// How a node tells rows apart: `x ? split`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    UpTo,
    Below,
    From,
    Above,
    Is,
    IsNot,
    /// None: its children are where its weights begin and end.
    Leaf,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    test: Test,
    /// Whether a missing number goes where one goes that passes.
    missing_passes: bool,
    column: usize,
    split: f64,
    yes: u32,
    no: u32,
}

/// How what leaves say becomes one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Mean,
    Min,
    Max,
}

/// What the numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// One for each class, or for each target.
    Numbers,
    /// Two classes told apart by one score.
    OneScore {
        /// Whether it is a probability, as no leaf takes away from it.
        is_positive: bool,
    },
}

/// Trees that are read.
#[derive(Debug)]
pub(in crate::import) struct Trees {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// Of leaf after leaf: to which number how much is added.
    weights: Weights,
    n_numbers: usize,
    base: Vec<f64>,
    aggregate: Aggregate,
    post: Post,
    meaning: Meaning,
    said: Said,
    n_columns: usize,
}

/// `TreeEnsembleClassifier`.
pub(super) fn classifier(attributes: Attributes<'_>) -> Result<Trees, GraphError> {
    let n_ints = attributes.ints("classlabels_int64s").len();
    let n_classes = n_ints.max(attributes.texts("classlabels_strings").len());
    if n_classes < 2 {
        return Err(attributes.unsupported("of one class"));
    }
    let mut trees = from_lists(attributes, "class", n_classes)?;
    let scores: BTreeSet<u32> = trees.weights.iter().map(|(score, _)| *score).collect();
    if n_classes == 2 && scores.len() == 1 {
        // What base values mean then is not said, and programs differ.
        let n_base = trees.base.len();
        if n_base == 2 || (n_base == 1 && scores.contains(&1)) {
            return Err(
                attributes.unsupported("of one score for two classes with base values of both")
            );
        }
        if scores.contains(&0) {
            let is_positive = trees.weights.iter().all(|(_, weight)| *weight >= 0.0);
            trees.meaning = Meaning::OneScore { is_positive };
        }
    }
    Ok(trees)
}

/// `TreeEnsembleRegressor`.
pub(super) fn regressor(attributes: Attributes<'_>) -> Result<Trees, GraphError> {
    let n_targets = attributes.int("n_targets").unwrap_or(1);
    let n_targets = usize::try_from(n_targets).unwrap_or(0);
    let mut trees = from_lists(attributes, "target", n_targets)?;
    trees.aggregate = match attributes.text("aggregate_function", "SUM").as_str() {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Mean,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        other => return Err(attributes.unsupported(&format!("by {other}"))),
    };
    Ok(trees)
}

/// As many numbers as whoever runs a graph makes room for.
const NUMBERS_MAX: usize = 100_000;

/// Trees whose nodes and leaves are lists, of which each says the tree and the number of the node in it.
fn from_lists(
    attributes: Attributes<'_>,
    leaves: &str,
    n_numbers: usize,
) -> Result<Trees, GraphError> {
    let (ids, trees) = (
        attributes.ints("nodes_nodeids"),
        attributes.ints("nodes_treeids"),
    );
    let columns = attributes.ints("nodes_featureids");
    let (yes, no) = (
        attributes.ints("nodes_truenodeids"),
        attributes.ints("nodes_falsenodeids"),
    );
    let modes = attributes.texts("nodes_modes");
    let splits = attributes.numbers("nodes_values")?;
    let missing = attributes.ints("nodes_missing_value_tracks_true");
    let n = ids.len();
    let lengths = [
        trees.len(),
        columns.len(),
        yes.len(),
        no.len(),
        modes.len(),
        splits.len(),
    ];
    if lengths != [n; 6] || !(missing.is_empty() || missing.len() == n) {
        return Err(attributes.damaged("has lists of several lengths"));
    }
    let (places, roots) = places(attributes, trees, ids)?;
    let (starts, weights) = leaf_weights(attributes, leaves, &places)?;
    let mut nodes = Vec::with_capacity(n);
    for place in 0..n {
        let child = |id: i64| places.get(&(trees[place], id)).copied();
        let test = test(attributes, &modes[place])?;
        let (yes, no) = if test == Test::Leaf {
            (Some(starts[place]), Some(starts[place + 1]))
        } else {
            (child(yes[place]), child(no[place]))
        };
        let ends = yes.zip(no);
        let (yes, no) = ends.ok_or_else(|| attributes.damaged("leads to no node"))?;
        nodes.push(Node {
            test,
            missing_passes: missing.get(place).is_some_and(|passes| *passes != 0),
            column: column(attributes, columns[place])?,
            split: splits[place],
            yes,
            no,
        });
    }
    let trees = Trees {
        nodes,
        roots,
        weights,
        n_numbers,
        base: attributes.numbers("base_values")?,
        aggregate: Aggregate::Sum,
        post: Post::read(attributes)?,
        meaning: Meaning::Numbers,
        said: Said::Single,
        n_columns: 0,
    };
    trees.checked(attributes)
}

/// Where the nodes of trees are in the lists, by tree and number, and the first of each tree.
fn places(
    attributes: Attributes<'_>,
    trees: &[i64],
    ids: &[i64],
) -> Result<(Places, Vec<u32>), GraphError> {
    let mut places = Places::new();
    let mut seen = BTreeSet::new();
    let mut roots = Vec::new();
    for (place, (tree, id)) in trees.iter().zip(ids).enumerate() {
        if places.insert((*tree, *id), place as u32).is_some() {
            return Err(attributes.damaged("has a node twice"));
        }
        if seen.insert(*tree) {
            roots.push(place as u32);
        }
    }
    Ok((places, roots))
}

/// What leaves add, leaf after leaf, and where each node's part begins.
fn leaf_weights(
    attributes: Attributes<'_>,
    leaves: &str,
    places: &Places,
) -> Result<(Vec<u32>, Weights), GraphError> {
    let list = |name: &str| attributes.ints(&format!("{leaves}_{name}"));
    let (ids, trees, scores) = (list("nodeids"), list("treeids"), list("ids"));
    let values = attributes.numbers(&format!("{leaves}_weights"))?;
    if [ids.len(), trees.len(), scores.len()] != [values.len(); 3] {
        return Err(attributes.damaged("has lists of several lengths"));
    }
    let mut found = Vec::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        let node = places.get(&(trees[place], ids[place])).copied();
        let score = u32::try_from(scores[place]).ok();
        let ends = node.zip(score);
        let (node, score) = ends.ok_or_else(|| attributes.damaged("has a weight of no node"))?;
        found.push((node, score, *value));
    }
    found.sort_by_key(|(node, _, _)| *node);
    let mut starts = vec![0_u32; places.len() + 1];
    for (node, _, _) in &found {
        starts[*node as usize + 1] += 1;
    }
    for place in 1..starts.len() {
        starts[place] += starts[place - 1];
    }
    let weights = found.into_iter().map(|(_, score, value)| (score, value));
    Ok((starts, weights.collect()))
}

/// `TreeEnsemble`, the operator of version 5: branches and leaves in lists of their own.
pub(super) fn ensemble(attributes: Attributes<'_>) -> Result<Trees, GraphError> {
    let (scores, values) = (
        attributes.ints("leaf_targetids"),
        attributes.numbers("leaf_weights")?,
    );
    if scores.len() != values.len() {
        return Err(attributes.damaged("has lists of several lengths"));
    }
    let mut nodes = branches(attributes, values.len())?;
    let n_branches = nodes.len();
    for place in 0..values.len() as u32 {
        nodes.push(Node {
            test: Test::Leaf,
            missing_passes: false,
            column: 0,
            split: 0.0,
            yes: place,
            no: place + 1,
        });
    }
    let roots = attributes.ints("tree_roots").iter();
    let roots = roots.map(|root| place(*root, n_branches));
    let roots: Option<Vec<u32>> = roots.collect();
    let scores = scores.iter().map(|score| u32::try_from(*score).ok());
    let scores: Option<Vec<u32>> = scores.collect();
    let (roots, scores) = roots
        .zip(scores)
        .ok_or_else(|| attributes.damaged("leads to no node"))?;
    let n_targets = attributes.int("n_targets").unwrap_or(1);
    let aggregates = [
        Aggregate::Mean,
        Aggregate::Sum,
        Aggregate::Min,
        Aggregate::Max,
    ];
    let aggregate = attributes.int("aggregate_function").unwrap_or(1);
    let aggregate = place(aggregate, aggregates.len());
    let aggregate = aggregate.ok_or_else(|| attributes.unsupported("by an unknown aggregate"))?;
    let splits = attributes.tensor("nodes_splits");
    let is_double = splits.is_some_and(|splits| splits.data_type == DOUBLE);
    let trees = Trees {
        nodes,
        roots,
        weights: scores.into_iter().zip(values).collect(),
        n_numbers: usize::try_from(n_targets).unwrap_or(0),
        base: Vec::new(),
        aggregate: aggregates[aggregate as usize],
        post: Post::numbered(attributes, attributes.int("post_transform").unwrap_or(0))?,
        meaning: Meaning::Numbers,
        said: if is_double {
            Said::Double
        } else {
            Said::Single
        },
        n_columns: 0,
    };
    trees.checked(attributes)
}

/// A place in a list of so many.
fn place(place: i64, n: usize) -> Option<u32> {
    let is_place = usize::try_from(place).is_ok_and(|place| place < n);
    is_place.then_some(place as u32)
}

/// The branches of version 5; leaves, so many, stand behind all of them.
fn branches(attributes: Attributes<'_>, n_leaves: usize) -> Result<Vec<Node>, GraphError> {
    let columns = attributes.ints("nodes_featureids");
    let modes = attributes.numbers("nodes_modes")?;
    let splits = attributes.numbers("nodes_splits")?;
    let missing = attributes.ints("nodes_missing_value_tracks_true");
    let (yes, yes_leaves) = (
        attributes.ints("nodes_truenodeids"),
        attributes.ints("nodes_trueleafs"),
    );
    let (no, no_leaves) = (
        attributes.ints("nodes_falsenodeids"),
        attributes.ints("nodes_falseleafs"),
    );
    let n = columns.len();
    let lengths = [
        modes.len(),
        splits.len(),
        yes.len(),
        no.len(),
        yes_leaves.len(),
        no_leaves.len(),
    ];
    if lengths != [n; 6] || !(missing.is_empty() || missing.len() == n) {
        return Err(attributes.damaged("has lists of several lengths"));
    }
    let child = |number: i64, is_leaf: i64| match is_leaf {
        0 => place(number, n),
        _ => place(number, n_leaves).map(|leaf| n as u32 + leaf),
    };
    let node = |at: usize| {
        let ends = child(yes[at], yes_leaves[at]).zip(child(no[at], no_leaves[at]));
        let (yes, no) = ends.ok_or_else(|| attributes.damaged("leads to no node"))?;
        Ok(Node {
            test: numbered(attributes, modes[at])?,
            missing_passes: missing.get(at).is_some_and(|passes| *passes != 0),
            column: column(attributes, columns[at])?,
            split: splits[at],
            yes,
            no,
        })
    };
    (0..n).map(node).collect()
}

fn column(attributes: Attributes<'_>, number: i64) -> Result<usize, GraphError> {
    let column = usize::try_from(number).ok();
    column.ok_or_else(|| attributes.damaged("reads no column"))
}

fn test(attributes: Attributes<'_>, mode: &[u8]) -> Result<Test, GraphError> {
    Ok(match mode {
        b"BRANCH_LEQ" => Test::UpTo,
        b"BRANCH_LT" => Test::Below,
        b"BRANCH_GTE" => Test::From,
        b"BRANCH_GT" => Test::Above,
        b"BRANCH_EQ" => Test::Is,
        b"BRANCH_NEQ" => Test::IsNot,
        b"LEAF" => Test::Leaf,
        _ => return Err(attributes.unsupported("with branches of an unknown kind")),
    })
}

fn numbered(attributes: Attributes<'_>, mode: f64) -> Result<Test, GraphError> {
    let tests = [
        Test::UpTo,
        Test::Below,
        Test::From,
        Test::Above,
        Test::Is,
        Test::IsNot,
    ];
    let found = tests.get(mode as usize).copied();
    found.ok_or_else(|| attributes.unsupported("with branches by sets"))
}

impl Trees {
    /// That they are trees, and say only numbers that there are.
    fn checked(mut self, attributes: Attributes<'_>) -> Result<Self, GraphError> {
        if self.roots.is_empty() || self.n_numbers == 0 || self.n_numbers > NUMBERS_MAX {
            return Err(attributes.damaged("has no trees, or says no numbers"));
        }
        let mut scores = self.weights.iter();
        if scores.any(|(score, _)| *score as usize >= self.n_numbers) {
            return Err(attributes.damaged("has a weight of no number"));
        }
        let n_base = self.base.len();
        if n_base != 0 && n_base != self.n_numbers && !(n_base == 1 && self.n_numbers == 2) {
            return Err(attributes.damaged("has another number of base values"));
        }
        if self.is_entangled() {
            return Err(attributes.damaged("leads to a node in two ways"));
        }
        let branches = self.nodes.iter().filter(|node| node.test != Test::Leaf);
        self.n_columns = branches.map(|node| node.column + 1).max().unwrap_or(0);
        Ok(self)
    }

    /// Whether some branch is reached in two ways, as all are that lead in a circle. Where none is, what a row takes is bounded by
    /// the nodes that there are. Leaves may be shared.
    fn is_entangled(&self) -> bool {
        let branches = || self.nodes.iter().filter(|node| node.test != Test::Leaf);
        let children = branches().flat_map(|node| [node.yes, node.no]);
        let mut seen = vec![false; self.nodes.len()];
        let mut reached = children.chain(self.roots.iter().copied());
        reached.any(|node| {
            let place = node as usize;
            std::mem::replace(&mut seen[place], true) && self.nodes[place].test != Test::Leaf
        })
    }

    pub(super) fn said(&self) -> Said {
        self.said
    }

    pub(super) fn n_outputs(&self, width: usize) -> Result<usize, String> {
        if width < self.n_columns {
            return Err(format!("trees of {} columns meet {width}", self.n_columns));
        }
        Ok(self.n_numbers)
    }

    /// The leaf that a row comes to: where its weights begin and end.
    ///
    /// Cost: as many tests as the tree is deep.
    fn leaf(&self, root: u32, row: &[f64]) -> (usize, usize) {
        let mut node = self.nodes[root as usize];
        loop {
            if node.test == Test::Leaf {
                return (node.yes as usize, node.no as usize);
            }
            let cell = row[node.column];
            let passes = match node.test {
                Test::UpTo => cell <= node.split,
                Test::Below => cell < node.split,
                Test::From => cell >= node.split,
                Test::Above => cell > node.split,
                Test::Is => cell == node.split,
                Test::IsNot | Test::Leaf => cell != node.split,
            };
            let passes = passes || (node.missing_passes && cell.is_nan());
            node = self.nodes[if passes { node.yes } else { node.no } as usize];
        }
    }

    /// What the trees say of a row. Sums are taken tree by tree in double precision and rounded once, so that classes which half of a
    /// forest votes for are told apart as in the program that trained it, and as in no other batch.
    pub(super) fn run(&self, row: &[f64], said: &mut [f64], is_double: bool) {
        let round = |value: f64| if is_double { value } else { single(value) };
        said.fill(match self.aggregate {
            Aggregate::Sum | Aggregate::Mean => 0.0,
            Aggregate::Min => f64::INFINITY,
            Aggregate::Max => f64::NEG_INFINITY,
        });
        for root in &self.roots {
            let (start, end) = self.leaf(*root, row);
            for (score, weight) in &self.weights[start..end] {
                let sum = &mut said[*score as usize];
                *sum = match self.aggregate {
                    Aggregate::Sum | Aggregate::Mean => *sum + *weight,
                    Aggregate::Min => sum.min(*weight),
                    Aggregate::Max => sum.max(*weight),
                };
            }
        }
        for sum in said.iter_mut() {
            let is_extreme = matches!(self.aggregate, Aggregate::Min | Aggregate::Max);
            if is_extreme && sum.is_infinite() {
                // No leaf says anything of it.
                *sum = 0.0;
            }
            if self.aggregate == Aggregate::Mean {
                *sum /= self.roots.len() as f64;
            }
            *sum = round(*sum);
        }
        if let Meaning::OneScore { is_positive } = self.meaning {
            return self.tell_apart(said, is_positive, is_double);
        }
        for (sum, base) in said.iter_mut().zip(&self.base) {
            *sum = round(*sum + base);
        }
        self.post.apply(said, is_double);
    }

    /// Two classes by one score.
    fn tell_apart(&self, said: &mut [f64], is_positive: bool, is_double: bool) {
        let round = |value: f64| if is_double { value } else { single(value) };
        let score = round(said[0] + self.base.first().copied().unwrap_or(0.0));
        match self.post {
            Post::Logistic => {
                said.copy_from_slice(&[-score, score]);
                self.post.apply(said, is_double);
            }
            _ if is_positive => said.copy_from_slice(&[round(1.0 - score), score]),
            _ => said.copy_from_slice(&[-score, score]),
        }
    }
}
