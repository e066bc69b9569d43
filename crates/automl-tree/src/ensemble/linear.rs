//! Linear models in leaves: as part of an ensemble, of its artifact, and of its scores.

use super::Ensemble;
use super::walk::Block;
use crate::binning::BinnedMatrix;
use crate::inputs::InputKind;
use crate::linear_leaves::{LinearLeaves, Term};
use crate::tree::Tree;
use automl_core::{Artifact, ArtifactError};
use std::ops::Range;

/// Rows that walk a tree side by side.
const LANES: usize = 8;

/// The names of the arrays of an artifact.
const CONSTANTS: &str = "linear_constants";
/// Two a leaf.
const BOUNDS: &str = "linear_bounds";
const STARTS: &str = "linear_starts";
const SLOTS: &str = "linear_slots";
const COEFFICIENTS: &str = "linear_coefficients";

/// The models of all leaves, each reading slots; `None` if all leaves are constant.
pub(super) fn gathered(
    trees: &[Tree],
    matrix: &BinnedMatrix,
    slots: &[u32],
) -> Option<LinearLeaves> {
    trees.iter().find(|tree| tree.linear.is_some())?;
    let slot = |feature: u32| {
        let column = matrix.features[feature as usize].column as u32;
        let slot = slots.binary_search(&column);
        slot.expect("a leaf reads what its path asks for") as u32
    };
    let mut all = LinearLeaves::default();
    for tree in trees {
        for (leaf, &value) in tree.values.iter().enumerate() {
            match &tree.linear {
                None => all.push(value, [value; 2], []),
                Some(linear) => {
                    let terms = linear.terms(leaf).iter().map(|term| Term {
                        input: slot(term.input),
                        coefficient: term.coefficient,
                    });
                    all.push(linear.constants[leaf], linear.bounds[leaf], terms);
                }
            }
        }
    }
    Some(all)
}

pub(crate) fn write(linear: &LinearLeaves, artifact: &mut Artifact) {
    let terms = &linear.terms;
    artifact.push_f64(CONSTANTS, linear.constants.clone());
    artifact.push_f64(BOUNDS, linear.bounds.as_flattened().to_vec());
    artifact.push_u32(STARTS, linear.starts.clone());
    artifact.push_u32(SLOTS, terms.iter().map(|term| term.input).collect());
    let coefficients = terms.iter().map(|term| term.coefficient).collect();
    artifact.push_f64(COEFFICIENTS, coefficients);
}

/// The models of leaves; none in artifacts whose leaves are constant.
pub(super) fn read(artifact: &Artifact) -> Result<Option<LinearLeaves>, ArtifactError> {
    if !artifact.arrays.contains_key(CONSTANTS) {
        return Ok(None);
    }
    let (slots, coefficients) = (artifact.u32s(SLOTS)?, artifact.f64s(COEFFICIENTS)?);
    if slots.len() != coefficients.len() {
        return Err(artifact.invalid(COEFFICIENTS, "not one for each slot"));
    }
    let (bounds, rest) = artifact.f64s(BOUNDS)?.as_chunks();
    if !rest.is_empty() {
        return Err(artifact.invalid(BOUNDS, "not two a leaf"));
    }
    let terms = slots.iter().zip(coefficients);
    Ok(Some(LinearLeaves {
        constants: artifact.f64s(CONSTANTS)?.to_vec(),
        bounds: bounds.to_vec(),
        starts: artifact.u32s(STARTS)?.to_vec(),
        terms: terms
            .map(|(&input, &coefficient)| Term { input, coefficient })
            .collect(),
    }))
}

impl Ensemble {
    /// A model for each leaf, finite, of columns that are numbers.
    pub(super) fn check_linear(&self, artifact: &Artifact) -> Result<(), ArtifactError> {
        let Some(linear) = &self.linear else {
            return Ok(());
        };
        let is_one_a_leaf = self.width == 1 && linear.constants.len() == self.values.len();
        if !is_one_a_leaf || linear.constants.iter().any(|value| !value.is_finite()) {
            return Err(artifact.invalid(CONSTANTS, "not one finite number a leaf"));
        }
        let are_bounds = |[least, greatest]: &[f64; 2]| {
            -f64::MAX <= *least && least <= greatest && *greatest <= f64::MAX
        };
        if linear.bounds.len() != self.values.len() || !linear.bounds.iter().all(are_bounds) {
            return Err(artifact.invalid(BOUNDS, "not a range of finite numbers a leaf"));
        }
        let is_whole = linear.starts.len() == linear.constants.len() + 1
            && linear.starts.first() == Some(&0)
            && linear.starts.last().map(|&end| end as usize) == Some(linear.terms.len())
            && linear.starts.is_sorted();
        if !is_whole {
            return Err(artifact.invalid(STARTS, "not rising to the number of terms"));
        }
        for term in &linear.terms {
            let input = self.slots.get(term.input as usize);
            let kind = input.map(|&input| &self.inputs.0[input as usize].kind);
            if kind != Some(&InputKind::Number) {
                return Err(artifact.invalid(SLOTS, "not a slot of numbers"));
            }
            if !term.coefficient.is_finite() {
                return Err(artifact.invalid(COEFFICIENTS, "not finite"));
            }
        }
        Ok(())
    }

    /// Adds what the leaves of some trees say to the sums of a block, which has `n_outputs` a row.
    pub(super) fn score_linear(
        &self,
        linear: &LinearLeaves,
        trees: Range<usize>,
        block: &Block<'_>,
        sums: &mut [f64],
    ) {
        let n_outputs = sums.len() / block.n_rows;
        for tree in trees {
            for (batch, sums) in sums.chunks_mut(LANES * n_outputs).enumerate() {
                let rows = block.batch(batch, LANES);
                let leaves = self.leaves::<true, LANES>(self.roots[tree], rows, block.n_slots);
                let cells = rows.chunks_exact(block.n_slots);
                let lanes = leaves.into_iter().zip(cells);
                for ((leaf, cells), sums) in lanes.zip(sums.chunks_exact_mut(n_outputs)) {
                    let leaf = leaf as usize;
                    let number = |slot: u32| f64::from_bits(cells[slot as usize]);
                    sums[tree % n_outputs] += linear.value(leaf, self.values[leaf], number);
                }
            }
        }
    }
}
