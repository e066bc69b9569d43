//! What a node may look at and how its predictions may go.

use super::draw::sample;
use automl_core::Seed;
use std::borrow::Cow;

/// Limits by feature. The default sets none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    /// 1, 0 or −1 for each feature: rising, free, falling. Empty if all are free.
    pub(crate) directions: Vec<i8>,
    /// Groups of features that may meet on a path, each rising; every feature is in one at least. Empty for no limit.
    pub(crate) groups: Vec<Vec<u32>>,
}

/// The groups that hold every feature of a path, by number.
#[derive(Debug, Clone)]
pub(crate) enum Allowed {
    All,
    Groups(Vec<u32>),
}

/// The shares of the tree's features that are drawn for a level and, of these, for a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    pub(crate) level: f64,
    pub(crate) node: f64,
}

impl Limits {
    pub(crate) fn direction(&self, feature: usize) -> i8 {
        self.directions.get(feature).copied().unwrap_or(0)
    }

    /// What the root may use.
    pub(crate) fn at_root(&self) -> Allowed {
        if self.groups.is_empty() {
            Allowed::All
        } else {
            Allowed::Groups((0..self.groups.len() as u32).collect())
        }
    }

    /// What is left below a split on `feature`.
    pub(crate) fn below(&self, allowed: &Allowed, feature: u32) -> Allowed {
        match allowed {
            Allowed::All => Allowed::All,
            Allowed::Groups(groups) => Allowed::Groups(
                groups
                    .iter()
                    .copied()
                    .filter(|&group| self.holds(group, feature))
                    .collect(),
            ),
        }
    }

    fn holds(&self, group: u32, feature: u32) -> bool {
        self.groups[group as usize].binary_search(&feature).is_ok()
    }

    /// Those of `features` that a node may use.
    fn allowed_of<'a>(&self, features: &'a [u32], allowed: &Allowed) -> Cow<'a, [u32]> {
        match allowed {
            Allowed::All => Cow::Borrowed(features),
            Allowed::Groups(groups) => {
                let is_allowed =
                    |&feature: &u32| groups.iter().any(|&group| self.holds(group, feature));
                Cow::Owned(features.iter().copied().filter(is_allowed).collect())
            }
        }
    }

    /// The features that a node looks at, rising: drawn for its level, then cut to what it may use, then drawn again.
    pub(crate) fn features_of<'a>(
        &self,
        features: &'a [u32],
        shares: Shares,
        allowed: &Allowed,
        [level, node]: [Seed; 2],
    ) -> Cow<'a, [u32]> {
        let of_level = if shares.level < 1.0 {
            let drawn = drawn(features, shares.level, level);
            Cow::Owned(self.allowed_of(&drawn, allowed).into_owned())
        } else {
            self.allowed_of(features, allowed)
        };
        if shares.node < 1.0 {
            Cow::Owned(drawn(&of_level, shares.node, node))
        } else {
            of_level
        }
    }
}

fn drawn(features: &[u32], share: f64, seed: Seed) -> Vec<u32> {
    let count = (features.len() as f64 * share).ceil() as usize;
    sample(features, count.max(1), seed)
}
