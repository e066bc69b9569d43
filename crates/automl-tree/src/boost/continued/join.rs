//! One artifact of the trees of two models: the old one's first, then the new one's, over the old one's columns.

use super::categories::{Joint, bins};
use super::refused;
use crate::boosted_model::BoostedModel;
use crate::ensemble::{CATEGORY, LEAF, MISSING_LEFT};
use crate::gradient_boosting::ID;
use crate::tree::BinSet;
use automl_core::{Artifact, ArtifactError, FitError, Model};
use serde_json::json;

/// What an artifact may hold. Anything else changes what trees say, and would be lost.
const META: [&str; 6] = [
    "link",
    "n_trees",
    "columns",
    "kinds",
    "leaf_width",
    "offset_column",
];
const ARRAYS: [&str; 12] = [
    "base",
    "slots",
    "tree_starts",
    "node_threshold",
    "node_slot",
    "node_child",
    "category_sets",
    "leaf_values",
    "gains",
    "leaf_covers",
    "category_bins",
    "category_ends",
];
/// What a node's slot says beside its number.
const FLAGS: u32 = LEAF | CATEGORY | MISSING_LEFT;

/// Refuses a model with parts that are not known here.
pub(super) fn check_parts(artifact: &Artifact) -> Result<(), FitError> {
    let meta = artifact.meta.as_object().into_iter().flatten();
    let meta = meta
        .map(|(name, _)| name)
        .filter(|name| !META.contains(&name.as_str()));
    let arrays = artifact.arrays.keys();
    let arrays = arrays.filter(|name| !ARRAYS.contains(&name.as_str()));
    match meta.chain(arrays).next() {
        Some(part) => Err(refused(format!("trees with '{part}' cannot be joined"))),
        None if !artifact.children.is_empty() => Err(refused("it is made of models".to_owned())),
        None => Ok(()),
    }
}

/// The artifact of the sum of both models, where the new one gives the trees and the offset alone.
pub(super) fn joined(
    artifact: &Artifact,
    old: &BoostedModel,
    new: &BoostedModel,
) -> Result<Artifact, FitError> {
    let new_artifact = new.artifact();
    check_parts(&new_artifact)?;
    let columns = Columns::new(old, new)?;
    let join = || -> Result<Artifact, ArtifactError> {
        let mut arrays = Arrays {
            slots: columns.slots([artifact, &new_artifact])?,
            ..Arrays::default()
        };
        arrays.gains = vec![0.0; columns.names.len()];
        arrays.add(artifact, &columns, true)?;
        arrays.add(&new_artifact, &columns, false)?;
        Ok(arrays.artifact(old, new, &columns))
    };
    join().map_err(|error| refused(error.to_string()))
}

/// The columns of the joined model: those of the old one, then an offset that is new.
struct Columns {
    names: Vec<String>,
    /// Of each column of the old and of the new model, where it is among the names.
    places: [Vec<u32>; 2],
    /// The bins of categories.
    joints: Vec<Option<Joint>>,
}

impl Columns {
    fn new(old: &BoostedModel, new: &BoostedModel) -> Result<Self, FitError> {
        let [old_inputs, new_inputs] = [&old.ensemble.inputs, &new.ensemble.inputs];
        let names_of = |model: &BoostedModel| model.ensemble.column_names();
        let mut names = names_of(old);
        for name in names_of(new) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let place = |name: &String| {
            let place = names.iter().position(|known| known == name);
            place.expect("all names are there") as u32
        };
        let places = [old, new].map(|model| names_of(model).iter().map(place).collect());
        let mut joints = Vec::with_capacity(names.len());
        for name in &names {
            joints.push(match (bins(old_inputs, name), bins(new_inputs, name)) {
                (Some(old), Some(new)) => Some(Joint::of(old, new).ok_or_else(|| {
                    refused(format!(
                        "'{name}' has more kinds of levels than there are bins"
                    ))
                })?),
                _ => None,
            });
        }
        Ok(Self {
            names,
            places,
            joints,
        })
    }

    fn place(&self, column: u32, is_old: bool) -> u32 {
        self.places[usize::from(!is_old)][column as usize]
    }

    /// The columns that some node of either model asks for, rising.
    fn slots(&self, [old, new]: [&Artifact; 2]) -> Result<Vec<u32>, ArtifactError> {
        let of_old = old
            .u32s("slots")?
            .iter()
            .map(|&slot| self.place(slot, true));
        let of_new = new
            .u32s("slots")?
            .iter()
            .map(|&slot| self.place(slot, false));
        let mut slots: Vec<u32> = of_old.chain(of_new).collect();
        slots.sort_unstable();
        slots.dedup();
        Ok(slots)
    }
}

/// The arrays of the joined trees.
#[derive(Default)]
struct Arrays {
    slots: Vec<u32>,
    starts: Vec<u32>,
    thresholds: Vec<f64>,
    node_slots: Vec<u32>,
    children: Vec<u32>,
    sets: Vec<i64>,
    values: Vec<f64>,
    gains: Vec<f64>,
    /// Missing as soon as one model has none.
    covers: Option<Vec<f64>>,
}

impl Arrays {
    /// Adds the trees of a model that was read, so that its indices are sound.
    fn add(
        &mut self,
        from: &Artifact,
        columns: &Columns,
        is_old: bool,
    ) -> Result<(), ArtifactError> {
        let (first_node, first_leaf) = (self.thresholds.len() as u32, self.values.len() as u32);
        let (sets, _) = from.i64s("category_sets")?.as_chunks::<4>();
        let mut sets = sets.iter();
        let slots = from.u32s("slots")?;
        let nodes = from.u32s("node_slot")?.iter();
        let nodes = nodes.zip(from.u32s("node_child")?);
        for ((&slot, &child), &threshold) in nodes.zip(from.f64s("node_threshold")?) {
            if slot & LEAF != 0 {
                self.push(threshold, slot, first_leaf + child);
                continue;
            }
            let column = columns.place(slots[(slot & !FLAGS) as usize], is_old);
            let place = self.slots.partition_point(|&known| known < column) as u32;
            let mut threshold = threshold;
            if slot & CATEGORY != 0 {
                threshold = (self.sets.len() / 4) as f64;
                let set = sets.next().map(|set| set.map(|word| word as u64));
                let joint = columns.joints[column as usize].as_ref();
                let set: BinSet = match (set, joint) {
                    (Some(set), Some(joint)) => joint.translated(&set, is_old),
                    _ => return Err(from.invalid("category_sets", "not one for each test")),
                };
                self.sets.extend(set.map(|word| word as i64));
            }
            self.push(threshold, place | (slot & FLAGS), first_node + child);
        }
        let starts = from.u32s("tree_starts")?.iter();
        self.starts.extend(starts.map(|start| first_node + start));
        self.values.extend_from_slice(from.f64s("leaf_values")?);
        for (column, gain) in from.f64s("gains")?.iter().enumerate() {
            self.gains[columns.place(column as u32, is_old) as usize] += gain;
        }
        let known = self.covers.take().or(is_old.then(Vec::new));
        self.covers = match (known, from.f64s("leaf_covers")) {
            (Some(mut covers), Ok(more)) => {
                covers.extend_from_slice(more);
                Some(covers)
            }
            _ => None,
        };
        Ok(())
    }

    fn push(&mut self, threshold: f64, slot: u32, child: u32) {
        self.thresholds.push(threshold);
        self.node_slots.push(slot);
        self.children.push(child);
    }

    fn artifact(self, old: &BoostedModel, new: &BoostedModel, columns: &Columns) -> Artifact {
        let kind = |joint: &Option<Joint>| {
            if joint.is_some() {
                "category"
            } else {
                "number"
            }
        };
        let kinds: Vec<&str> = columns.joints.iter().map(kind).collect();
        let mut meta = json!({
            "link": old.link.name(),
            "n_trees": self.starts.len(),
            "columns": columns.names,
            "kinds": kinds,
            "leaf_width": 1,
        });
        if let Some(column) = &new.offset {
            meta["offset_column"] = json!(column);
        }
        let mut artifact = Artifact::new(ID, meta);
        let (mut bins, mut ends) = (Vec::new(), Vec::new());
        for joint in &columns.joints {
            if let Some(joint) = joint {
                bins.extend_from_slice(&joint.bin_of_code);
            }
            ends.push(bins.len() as i64);
        }
        artifact.push_f64("base", old.base.clone());
        artifact.push_u8("category_bins", bins);
        artifact.push_i64("category_ends", ends);
        artifact.push_u32("slots", self.slots);
        artifact.push_u32("tree_starts", self.starts);
        artifact.push_f64("node_threshold", self.thresholds);
        artifact.push_u32("node_slot", self.node_slots);
        artifact.push_u32("node_child", self.children);
        artifact.push_i64("category_sets", self.sets);
        artifact.push_f64("leaf_values", self.values);
        artifact.push_f64("gains", self.gains);
        if let Some(covers) = self.covers {
            artifact.push_f64("leaf_covers", covers);
        }
        artifact
    }
}
