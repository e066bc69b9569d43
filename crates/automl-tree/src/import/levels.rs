//! Categories of imported models: the sets of levels that splits name, and the names of the levels.

use super::{ImportError, ImportedFeature, ParsedRole, ParsedTest, ParsedTree};

/// Levels that a category may have: each has a bin of its own beside bin 0, which is for missing and unseen ones.
pub(super) const LEVELS_MAX: usize = 255;

/// Levels of all categories together that are named by their codes: a split of a few bytes can ask for all of a feature's.
const CODES_MAX: usize = 1 << 18;

/// Some of a category's levels, one bit each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct LevelSet([u64; 4]);

impl LevelSet {
    /// Adds a level; none if it is beyond those that a category may have.
    pub(super) fn insert(&mut self, level: usize) -> Option<()> {
        if level >= LEVELS_MAX {
            return None;
        }
        self.0[level / 64] |= 1 << (level % 64);
        Some(())
    }

    pub(super) fn contains(self, level: usize) -> bool {
        level < LEVELS_MAX && self.0[level / 64] >> (level % 64) & 1 == 1
    }

    /// How many levels there are at least, if these are some of them.
    fn n_asked(self) -> usize {
        let greatest = (0..LEVELS_MAX).rev().find(|&level| self.contains(level));
        greatest.unwrap_or(0) + 1
    }
}

/// Too many levels for our bins.
pub(super) fn too_many(program: &'static str, feature: &ImportedFeature) -> ImportError {
    ImportError::Unsupported {
        program,
        what: format!("more than {LEVELS_MAX} levels of '{}'", feature.name),
    }
}

/// Why levels cannot be named; the caller knows the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamingError {
    /// A feature is asked for numbers and for levels.
    NumberAndCategory,
    /// A feature has fewer names than its splits ask for levels.
    TooFewNames,
    /// All features together are asked for more levels than are named by their codes.
    TooManyCodes,
}

impl NamingError {
    /// The error of a program's file, where `damaged` says the place.
    pub(super) fn of(
        self,
        program: &'static str,
        damaged: impl Fn(&'static str) -> ImportError,
    ) -> ImportError {
        match self {
            Self::NumberAndCategory => damaged("a feature is a number and a category"),
            Self::TooFewNames => damaged("has fewer levels than the trees"),
            Self::TooManyCodes => ImportError::Unsupported {
                program,
                what: format!("more than {CODES_MAX} levels without names"),
            },
        }
    }
}

/// Gives the features that trees ask for levels their levels: the names that the file has for a feature, else the codes.
pub(super) fn name_levels(
    features: &mut [ImportedFeature],
    trees: &[ParsedTree],
    named: Vec<(usize, Vec<String>)>,
) -> Result<(), NamingError> {
    let mut is_number = vec![false; features.len()];
    let mut n_asked = vec![0; features.len()];
    // Levels that no set names may yet go another way than unseen ones do.
    let mut n_told = vec![0; features.len()];
    for node in trees.iter().flat_map(|tree| &tree.0) {
        match &node.role {
            ParsedRole::Leaf { linear, .. } => {
                let terms = linear.iter().flat_map(|linear| &linear.terms);
                terms.for_each(|&(feature, _)| is_number[feature] = true);
            }
            ParsedRole::Inner { feature, test, .. } => match test {
                ParsedTest::UpTo { .. } => is_number[*feature] = true,
                ParsedTest::Levels {
                    set,
                    set_left,
                    missing_left,
                } => {
                    let n = set.n_asked();
                    n_asked[*feature] = n.max(n_asked[*feature]);
                    let others_left = !set_left;
                    let n = if others_left == *missing_left {
                        n
                    } else {
                        LEVELS_MAX
                    };
                    n_told[*feature] = n.max(n_told[*feature]);
                }
            },
        }
    }
    if is_number.iter().zip(&n_asked).any(|(&is, &n)| is && n > 0) {
        return Err(NamingError::NumberAndCategory);
    }
    for (feature, names) in named {
        if is_number.get(feature) != Some(&false) {
            continue;
        }
        if names.len() < n_asked[feature] {
            return Err(NamingError::TooFewNames);
        }
        features[feature].levels = Some(names);
    }
    let mut n_codes = 0;
    for (feature, n_told) in features.iter_mut().zip(n_told) {
        if feature.levels.is_some() || n_told == 0 {
            continue;
        }
        n_codes += n_told;
        if n_codes > CODES_MAX {
            return Err(NamingError::TooManyCodes);
        }
        feature.levels = Some((0..n_told).map(|code| code.to_string()).collect());
    }
    Ok(())
}
