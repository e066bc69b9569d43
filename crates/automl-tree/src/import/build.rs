//! From parsed trees to the artifact of a boosted model, which is then read with every check.

use super::levels::{LEVELS_MAX, too_many};
use super::{ImportError, ImportedModel, Parsed, ParsedLinear, ParsedRole, ParsedTest, ParsedTree};
use crate::boosted_model::BoostedModel;
use crate::ensemble::{CATEGORY, LEAF, MISSING_LEFT, write_linear};
use crate::gradient_boosting::ID;
use crate::linear_leaves::{LinearLeaves, Term};
use crate::objective::Link;
use crate::tree::{BinSet, insert};
use automl_core::Artifact;
use serde_json::json;

/// The arrays of an artifact, tree after tree.
#[derive(Default)]
struct Arrays {
    starts: Vec<u32>,
    thresholds: Vec<f64>,
    slots: Vec<u32>,
    children: Vec<u32>,
    sets: Vec<i64>,
    values: Vec<f64>,
    /// Of each leaf.
    covers: Vec<f64>,
    gains: Vec<f64>,
    /// Of each leaf, its constant where it has no model.
    linear: LinearLeaves,
}

pub(super) fn model(parsed: Parsed) -> Result<ImportedModel, ImportError> {
    let damaged = |reason: String| ImportError::Damaged {
        program: parsed.program,
        place: "trees".to_owned(),
        reason,
    };
    for feature in &parsed.features {
        if feature.levels.as_ref().map_or(0, Vec::len) > LEVELS_MAX {
            return Err(too_many(parsed.program, feature));
        }
    }
    let mut names: Vec<&str> = parsed.features.iter().map(|f| f.name.as_str()).collect();
    names.sort_unstable();
    let n_names = names.len();
    names.dedup();
    if names.len() < n_names {
        return Err(damaged("two features have one name".to_owned()));
    }
    let used = used_features(&parsed.trees);
    let mut arrays = Arrays {
        gains: vec![0.0; parsed.features.len()],
        ..Arrays::default()
    };
    for tree in &parsed.trees {
        arrays.push(tree, &parsed, &used).map_err(damaged)?;
    }
    let artifact = arrays.artifact(&parsed, &used);
    let model = BoostedModel::read(&artifact).map_err(|error| damaged(error.to_string()))?;
    Ok(ImportedModel {
        source: parsed.program,
        n_classes: match parsed.link {
            Link::Logit => 2,
            Link::Softmax => parsed.base.len(),
            _ => 0,
        },
        n_trees: parsed.trees.len(),
        objective: parsed.objective,
        features: parsed.features,
        model: Box::new(model),
    })
}

fn used_features(trees: &[ParsedTree]) -> Vec<u32> {
    let nodes = trees.iter().flat_map(|tree| &tree.0);
    let mut used = Vec::new();
    for node in nodes {
        match &node.role {
            ParsedRole::Inner { feature, .. } => used.push(*feature as u32),
            ParsedRole::Leaf { linear, .. } => {
                let terms = linear.iter().flat_map(|linear| &linear.terms);
                used.extend(terms.map(|&(feature, _)| feature as u32));
            }
        }
    }
    used.sort_unstable();
    used.dedup();
    used
}

impl Arrays {
    /// Adds a tree level by level, so that two children stand side by side above their parent. Nodes that no path
    /// leads to are left out.
    fn push(&mut self, tree: &ParsedTree, parsed: &Parsed, used: &[u32]) -> Result<(), String> {
        let first = self.thresholds.len();
        self.starts.push(first as u32);
        let mut order = vec![0];
        let mut next = 0;
        while next < order.len() {
            let node = &tree.0[order[next]];
            next += 1;
            match &node.role {
                ParsedRole::Leaf { value, linear } => {
                    self.push_linear(*value, linear.as_ref(), used, parsed.trees.len());
                    self.thresholds.push(0.0);
                    self.slots.push(LEAF);
                    self.children.push(self.values.len() as u32);
                    self.values.push(*value);
                    let cover = node.cover.max(0.0);
                    self.covers
                        .push(if cover.is_finite() { cover } else { 0.0 });
                }
                ParsedRole::Inner {
                    feature,
                    test,
                    left,
                    right,
                    gain,
                } => {
                    // A node that is met twice would be a loop or a shared part: no tree.
                    if order.len() + 2 > tree.0.len() {
                        return Err("a node has two parents".to_owned());
                    }
                    let slot = used.binary_search(&(*feature as u32));
                    let slot = slot.expect("used features were collected") as u32;
                    let n_levels = parsed.features[*feature]
                        .levels
                        .as_ref()
                        .map_or(0, Vec::len);
                    self.push_test(test, slot, n_levels);
                    self.children.push((first + order.len()) as u32);
                    self.gains[*feature] += if gain.is_finite() { gain.max(0.0) } else { 0.0 };
                    order.extend([*left, *right]);
                }
            }
        }
        Ok(())
    }

    /// LightGBM's models know no bounds; ours are so wide that only sums which would overflow meet them.
    fn push_linear(
        &mut self,
        value: f64,
        linear: Option<&ParsedLinear>,
        used: &[u32],
        n_trees: usize,
    ) {
        let Some(linear) = linear else {
            self.linear.push(value, [value; 2], []);
            return;
        };
        let slot = |feature: usize| {
            let slot = used.binary_search(&(feature as u32));
            slot.expect("used features were collected") as u32
        };
        let terms = linear.terms.iter().map(|&(feature, coefficient)| Term {
            input: slot(feature),
            coefficient,
        });
        let bound = f64::MAX / 2.0 / n_trees as f64;
        self.linear.push(linear.constant, [-bound, bound], terms);
    }

    /// Level `l` of a category has the bin `l + 1`.
    fn push_test(&mut self, test: &ParsedTest, slot: u32, n_levels: usize) {
        match test {
            ParsedTest::UpTo {
                threshold,
                missing_left,
            } => {
                self.thresholds.push(*threshold);
                self.slots
                    .push(slot | if *missing_left { MISSING_LEFT } else { 0 });
            }
            ParsedTest::Levels {
                set: listed,
                set_left,
                missing_left,
            } => {
                let mut set = BinSet::default();
                if *missing_left {
                    insert(&mut set, 0);
                }
                (0..n_levels)
                    .filter(|&level| listed.contains(level) == *set_left)
                    .for_each(|level| insert(&mut set, (level + 1) as u8));
                self.thresholds.push((self.sets.len() / set.len()) as f64);
                self.sets.extend(set.map(|word| word as i64));
                self.slots.push(slot | CATEGORY);
            }
        }
    }

    fn artifact(self, parsed: &Parsed, used: &[u32]) -> Artifact {
        let names: Vec<&str> = parsed.features.iter().map(|f| f.name.as_str()).collect();
        let kind = |levels: &Option<_>| {
            if levels.is_some() {
                "category"
            } else {
                "number"
            }
        };
        let kinds: Vec<&str> = parsed.features.iter().map(|f| kind(&f.levels)).collect();
        let (mut bins, mut ends) = (Vec::new(), Vec::new());
        for feature in &parsed.features {
            let n_levels = feature.levels.as_ref().map_or(0, Vec::len);
            bins.extend((1..=n_levels).map(|bin| bin as u8));
            ends.push(bins.len() as i64);
        }
        let meta = json!({
            "link": parsed.link.name(),
            "n_trees": parsed.trees.len(),
            "columns": names,
            "kinds": kinds,
            "leaf_width": 1,
        });
        let mut artifact = Artifact::new(ID, meta);
        artifact.push_f64("base", parsed.base.clone());
        artifact.push_u8("category_bins", bins);
        artifact.push_i64("category_ends", ends);
        artifact.push_u32("slots", used.to_vec());
        artifact.push_u32("tree_starts", self.starts);
        artifact.push_f64("node_threshold", self.thresholds);
        artifact.push_u32("node_slot", self.slots);
        artifact.push_u32("node_child", self.children);
        artifact.push_i64("category_sets", self.sets);
        artifact.push_f64("leaf_values", self.values);
        artifact.push_f64("gains", self.gains);
        // Old files do not say what came to a leaf; zeros would be taken for it.
        if self.covers.iter().any(|&cover| cover > 0.0) {
            artifact.push_f64("leaf_covers", self.covers);
        }
        if parsed.has_linear_leaves() {
            write_linear(&self.linear, &mut artifact);
        }
        artifact
    }
}
