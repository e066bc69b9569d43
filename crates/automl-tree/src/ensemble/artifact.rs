//! Trees as arrays, and back with every index checked: a scored walk over a loaded model always ends.

use super::score::Prepared;
use super::{CATEGORY, Ensemble, LEAF, MISSING_LEFT, Node, SLOT, WIDE, linear, set_test};
use crate::inputs::{InputKind, Inputs};
use automl_core::{Artifact, ArtifactError};

impl Ensemble {
    /// Writes the trees and the columns they read.
    pub(crate) fn write(&self, artifact: &mut Artifact) {
        self.inputs.write(artifact);
        artifact.meta["leaf_width"] = self.width.into();
        artifact.push_u32("slots", self.slots.clone());
        if self.slot_outputs.iter().any(|&output| output != 0) {
            artifact.push_u32("slot_outputs", self.slot_outputs.clone());
        }
        artifact.push_u32("tree_starts", self.roots.clone());
        artifact.push_f64("node_threshold", self.thresholds());
        let slots = self.nodes.iter().map(|node| node.slot & !WIDE);
        artifact.push_u32("node_slot", slots.collect());
        artifact.push_u32("node_child", self.nodes.iter().map(|n| n.child).collect());
        let words = self.sets.iter().flatten();
        artifact.push_i64("category_sets", words.map(|&word| word as i64).collect());
        artifact.push_f64("leaf_values", self.values.clone());
        artifact.push_f64("gains", self.gains.clone());
        if let Some(covers) = &self.covers {
            artifact.push_f64("leaf_covers", covers.clone());
        }
        if let Some(leaves) = &self.linear {
            linear::write(leaves, artifact);
        }
    }

    /// Reads back what [`Ensemble::write`] wrote.
    pub(crate) fn read(artifact: &Artifact) -> Result<Self, ArtifactError> {
        let inputs = Inputs::read(artifact)?;
        let thresholds = artifact.f64s("node_threshold")?;
        let (slots, children) = (artifact.u32s("node_slot")?, artifact.u32s("node_child")?);
        if slots.len() != thresholds.len() || children.len() != thresholds.len() {
            return Err(artifact.invalid("node_slot", "not one for each node"));
        }
        let nodes = thresholds
            .iter()
            .zip(slots.iter().zip(children))
            .map(|(&threshold, (&slot, &child))| Node {
                test: threshold.to_bits(),
                slot,
                child,
            })
            .collect();
        let (sets, rest) = artifact.i64s("category_sets")?.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(artifact.invalid("category_sets", "not four words a set"));
        }
        let slots = artifact.u32s("slots")?.to_vec();
        let mut ensemble = Self {
            inputs,
            slot_outputs: if artifact.arrays.contains_key("slot_outputs") {
                artifact.u32s("slot_outputs")?.to_vec()
            } else {
                vec![0; slots.len()]
            },
            slots,
            nodes,
            roots: artifact.u32s("tree_starts")?.to_vec(),
            sets: sets.iter().map(|set| set.map(|word| word as u64)).collect(),
            values: artifact.f64s("leaf_values")?.to_vec(),
            width: artifact.meta("leaf_width")?,
            linear: linear::read(artifact)?,
            covers: read_covers(artifact)?,
            gains: artifact.f64s("gains")?.to_vec(),
            prepared: Prepared::default(),
        };
        ensemble.check(artifact)?;
        ensemble.check_covers(artifact)?;
        ensemble.check_linear(artifact)?;
        ensemble.link_sets(artifact)?;
        Ok(ensemble)
    }

    /// A threshold a node: of category nodes the number of the set.
    fn thresholds(&self) -> Vec<f64> {
        let mut n_sets = 0;
        let threshold = |node: &Node| {
            if node.slot & CATEGORY == 0 {
                return f64::from_bits(node.test);
            }
            n_sets += 1;
            f64::from(n_sets - 1)
        };
        self.nodes.iter().map(threshold).collect()
    }

    /// Gives each category node its set, which must be the next one.
    fn link_sets(&mut self, artifact: &Artifact) -> Result<(), ArtifactError> {
        let is_category = |node: &&mut Node| node.slot & CATEGORY != 0;
        let nodes = self.nodes.iter_mut().filter(is_category);
        for (number, node) in nodes.enumerate() {
            if f64::from_bits(node.test) != number as f64 {
                return Err(artifact.invalid("node_threshold", "not the next set"));
            }
            let input = self.slots[(node.slot & SLOT) as usize];
            let InputKind::Category(bins) = &self.inputs.0[input as usize].kind else {
                return Err(artifact.invalid("node_slot", "not a test for its column"));
            };
            let n_bins = bins.iter().max().map_or(1, |&bin| bin as usize + 1);
            let (test, flags) = set_test(&self.sets[number], number, n_bins);
            (node.test, node.slot) = (test, node.slot | flags);
        }
        Ok(())
    }

    fn check(&self, artifact: &Artifact) -> Result<(), ArtifactError> {
        let n_inputs = self.inputs.0.len();
        self.check_slots(artifact)?;
        if self.width == 0 || !self.values.len().is_multiple_of(self.width) {
            return Err(artifact.invalid("leaf_values", "not one vector a leaf"));
        }
        if !self.is_finite() {
            return Err(artifact.invalid("leaf_values", "a value or gain is not finite"));
        }
        if self.gains.len() != n_inputs {
            return Err(artifact.invalid("gains", "not one for each column"));
        }
        let starts_rise = self.roots.is_sorted_by(|a, b| a < b)
            && self.roots.first().is_none_or(|&first| first == 0)
            && self.roots.is_empty() == self.nodes.is_empty();
        let ends = self.roots.iter().skip(1).copied();
        let mut ends = ends.chain([self.nodes.len() as u32]);
        let is_within = self.roots.iter().all(|&start| {
            let end = ends.next().unwrap_or(0);
            start < end && end as usize <= self.nodes.len()
        });
        if !starts_rise || !is_within {
            return Err(artifact.invalid("tree_starts", "not rising node numbers"));
        }
        self.check_nodes(artifact)
    }

    /// Slots read inputs that are there, none twice.
    fn check_slots(&self, artifact: &Artifact) -> Result<(), ArtifactError> {
        if self.slot_outputs.len() != self.slots.len() {
            return Err(artifact.invalid("slot_outputs", "not one for each slot"));
        }
        let reads = self.slots.iter().zip(&self.slot_outputs);
        let is_there = |(&input, &output): (&u32, &u32)| {
            let input = self.inputs.0.get(input as usize);
            input.is_some_and(|input| (output as usize) < input.n_outputs())
        };
        if !reads.clone().all(is_there) || !reads.is_sorted_by(|a, b| a < b) {
            return Err(artifact.invalid("slots", "not rising column numbers"));
        }
        Ok(())
    }

    /// Children stand above their parent and below the end of its tree; sets, slots and leaves exist.
    fn check_nodes(&self, artifact: &Artifact) -> Result<(), ArtifactError> {
        let n_leaves = self.values.len() / self.width;
        for (tree, &start) in self.roots.iter().enumerate() {
            let end = self
                .roots
                .get(tree + 1)
                .map_or(self.nodes.len(), |&e| e as usize);
            for index in start as usize..end {
                let node = &self.nodes[index];
                if node.is_leaf() {
                    if node.slot != LEAF || node.child as usize >= n_leaves {
                        return Err(artifact.invalid("node_child", "no such leaf"));
                    }
                    continue;
                }
                if (node.child as usize) <= index || node.child as usize + 1 >= end {
                    return Err(artifact.invalid("node_child", "not below its parent"));
                }
                self.check_test(artifact, node)?;
            }
        }
        Ok(())
    }

    /// Covers are one a leaf and no less than zero, and every node has one parent: what walks all paths then ends soon.
    fn check_covers(&self, artifact: &Artifact) -> Result<(), ArtifactError> {
        let Some(covers) = &self.covers else {
            return Ok(());
        };
        let is_cover = |cover: &f64| cover.is_finite() && *cover >= 0.0;
        if covers.len() * self.width != self.values.len() || !covers.iter().all(is_cover) {
            return Err(artifact.invalid("leaf_covers", "not one number from 0 a leaf"));
        }
        let mut has_parent = vec![false; self.nodes.len()];
        for &root in &self.roots {
            has_parent[root as usize] = true;
        }
        for node in self.nodes.iter().filter(|node| !node.is_leaf()) {
            let left = node.child as usize;
            if has_parent[left] || has_parent[left + 1] {
                return Err(artifact.invalid("node_child", "two nodes share a child"));
            }
            has_parent[left] = true;
            has_parent[left + 1] = true;
        }
        Ok(())
    }

    fn check_test(&self, artifact: &Artifact, node: &Node) -> Result<(), ArtifactError> {
        let Some(&input) = self.slots.get((node.slot & SLOT) as usize) else {
            return Err(artifact.invalid("node_slot", "no such slot"));
        };
        let is_category = node.slot & CATEGORY != 0;
        let reads_category = matches!(self.inputs.0[input as usize].kind, InputKind::Category(_));
        if is_category != reads_category || (is_category && node.slot & MISSING_LEFT != 0) {
            return Err(artifact.invalid("node_slot", "not a test for its column"));
        }
        if node.slot & WIDE != 0 {
            return Err(artifact.invalid("node_slot", "an unknown flag"));
        }
        let threshold = f64::from_bits(node.test);
        let has_set = threshold >= 0.0 && (threshold as usize) < self.sets.len();
        if (is_category && !has_set) || threshold.is_nan() {
            return Err(artifact.invalid("node_threshold", "no such set or not a number"));
        }
        Ok(())
    }
}

/// The covers of the leaves; none in artifacts written before they were kept.
fn read_covers(artifact: &Artifact) -> Result<Option<Vec<f64>>, ArtifactError> {
    let has_covers = artifact.arrays.contains_key("leaf_covers");
    has_covers
        .then(|| artifact.f64s("leaf_covers").map(<[f64]>::to_vec))
        .transpose()
}
