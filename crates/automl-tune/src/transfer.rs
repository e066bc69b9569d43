//! What earlier studies say: their trials as points of this study's space.

use crate::space::Space;
use crate::study::{Seen, Study};

/// The trials of an earlier study that make sense in another space.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    pub(crate) seen: Vec<Seen>,
}

impl Source {
    /// The complete trials of `earlier` that are points of `space`; parameters that `space` does not have are dropped.
    pub fn new(earlier: &Study, space: &Space) -> Self {
        let mut seen = Vec::new();
        for (trial, own) in earlier.finished_trials().zip(earlier.finished()) {
            if own.is_complete
                && let Ok(at) = space.coordinates(&trial.params)
            {
                seen.push(Seen { at, ..own.clone() });
            }
        }
        Self { seen }
    }

    /// Number of trials that are of use.
    pub fn n_trials(&self) -> usize {
        self.seen.len()
    }
}
