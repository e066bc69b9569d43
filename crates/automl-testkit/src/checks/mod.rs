//! The properties, one function each, grouped by what they are about.

mod artifact;
mod budget;
mod declaration;
mod edges;
mod fitting;
mod predicting;
mod weights;

use crate::Check;

/// All properties in the order in which they are checked.
pub(crate) fn all() -> impl Iterator<Item = Check> {
    [
        declaration::CHECKS,
        fitting::CHECKS,
        predicting::CHECKS,
        weights::CHECKS,
        edges::CHECKS,
        budget::CHECKS,
        artifact::CHECKS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
