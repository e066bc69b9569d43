//! Splits: which rows to learn from and which to score on.
//!
//! What the dataset says of its rows decides how they are dealt: rows of one group stay together; where rows have
//! times, validation follows training; otherwise classes are dealt evenly, and rows with a numeric target evenly over its
//! quantiles, so that every fold sees its whole range.
//!
//! ```
//! use automl_core::{Column, Dataset, Seed, Table, Target, Task, splits};
//!
//! let table = Table::new(vec![("x".into(), Column::Number((0..10).map(f64::from).collect()))])?;
//! let task = Task::Binary { classes: vec!["no".into(), "yes".into()] };
//! let data = Dataset::new(table, task, Target::Classes([0, 1].repeat(5).into()))?;
//! let folds = splits::split(&data, &splits::Scheme::KFold { k: 5 }, Seed(1))?;
//! assert!(folds.iter().all(|fold| fold.train.len() == 8 && fold.valid.len() == 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod deal;
mod grouped;
mod sample;
mod strata;
#[cfg(test)]
mod tests;
mod timed;

pub use sample::subsample;

use crate::error::Coded;
use crate::{Dataset, Seed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Rows to learn from and rows to score on, both sorted and without a row in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to learn from.
    pub train: Vec<u32>,
    /// Rows to score on.
    pub valid: Vec<u32>,
}

/// How many splits to make, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Scheme {
    /// One split with this share of the rows to score on.
    Holdout {
        /// The share, above 0 and below 1.
        fraction: f64,
    },
    /// `k` splits; each row is scored on once. With times, `k` splits of which each learns from all rows before its
    /// block, so that the first block of `k + 1` is learned from only.
    #[serde(rename = "kfold")]
    KFold {
        /// Number of folds, at least 2.
        k: usize,
    },
    /// `repeats` times `k` folds, dealt anew each time. With times there is one way to deal, hence one repeat.
    #[serde(rename = "repeated_kfold")]
    RepeatedKFold {
        /// Number of folds, at least 2.
        k: usize,
        /// Number of repeats, at least 1.
        repeats: usize,
    },
}

/// Why rows cannot be split.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// The scheme itself is out of range.
    #[error("{part} = {value} is outside {domain}")]
    Scheme {
        /// `fraction`, `k` or `repeats`.
        part: &'static str,
        /// The value given.
        value: f64,
        /// What it may be.
        domain: &'static str,
    },
    /// There are fewer rows than the scheme needs.
    #[error("{} too few to split: {needed} are needed", are(*found, "row"))]
    TooFewRows {
        /// Rows there are.
        found: usize,
        /// Rows needed.
        needed: usize,
    },
    /// There are fewer groups than the scheme needs.
    #[error("{} too few to split: {needed} are needed", are(*found, "group"))]
    TooFewGroups {
        /// Distinct groups there are.
        found: usize,
        /// Groups needed.
        needed: usize,
    },
    /// There are fewer distinct times than the scheme needs.
    #[error("{} too few to split: {needed} are needed", are(*found, "distinct time"))]
    TooFewTimes {
        /// Distinct times there are.
        found: usize,
        /// Times needed.
        needed: usize,
    },
}

impl Coded for SplitError {
    fn code(&self) -> &'static str {
        match self {
            Self::Scheme { .. } => "split-scheme",
            Self::TooFewRows { .. } => "split-too-few-rows",
            Self::TooFewGroups { .. } => "split-too-few-groups",
            Self::TooFewTimes { .. } => "split-too-few-times",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Scheme { .. } => "give --folds or --holdout within these bounds",
            Self::TooFewRows { .. } => "add rows, or ask for fewer --folds",
            Self::TooFewGroups { found: 0 | 1, .. } => {
                "name a --group column with more values, or leave it out"
            }
            Self::TooFewGroups { .. } => {
                "ask for fewer --folds, or for a --holdout; or name a --group column with more values, or leave it out"
            }
            Self::TooFewTimes { found: 0 | 1, .. } => {
                "name a --time-column with more values, or leave it out"
            }
            Self::TooFewTimes { .. } => {
                "ask for fewer --folds, or for a --holdout; or name a --time-column with more values, or leave it out"
            }
        };
        Some(hint.to_owned())
    }
}

/// `1 row is`, `2 rows are`.
fn are(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun} is"),
        n => format!("{n} {noun}s are"),
    }
}

/// The splits of all rows of `data` by `scheme`; the same for the same seed. Cost: O(rows × log rows) a repeat.
///
/// - With groups, whole groups are dealt, largest first, so that folds are of even size and classes as even as the
///   groups allow.
/// - With times, validation follows training and rows of one time stay on one side. With groups as well, rows of the
///   groups that are scored on are left out of training.
/// - Otherwise rows are shuffled and dealt class by class, or by target quantile. Every class of two rows or more is in
///   every training part.
pub fn split(data: &Dataset, scheme: &Scheme, seed: Seed) -> Result<Vec<Split>, SplitError> {
    check(scheme)?;
    if let Some(time) = data.time() {
        let splits = match *scheme {
            Scheme::Holdout { fraction } => vec![timed::holdout(time, fraction)?],
            Scheme::KFold { k } | Scheme::RepeatedKFold { k, .. } => timed::forward(time, k)?,
        };
        return match data.groups() {
            Some(groups) => splits.into_iter().map(|one| purge(one, groups)).collect(),
            None => Ok(splits),
        };
    }
    match *scheme {
        Scheme::Holdout { fraction } => holdout(data, fraction, seed).map(|one| vec![one]),
        Scheme::KFold { k } => folds(data, k, seed),
        Scheme::RepeatedKFold { k, repeats } => {
            let mut all = Vec::with_capacity(k * repeats);
            for repeat in 0..repeats {
                all.extend(folds(data, k, seed.indexed(repeat as u64))?);
            }
            Ok(all)
        }
    }
}

fn check(scheme: &Scheme) -> Result<(), SplitError> {
    let (k, repeats) = match *scheme {
        Scheme::Holdout { fraction } if fraction > 0.0 && fraction < 1.0 => return Ok(()),
        Scheme::Holdout { fraction } => {
            return Err(SplitError::Scheme {
                part: "fraction",
                value: fraction,
                domain: "0 to 1, both excluded",
            });
        }
        Scheme::KFold { k } => (k, 1),
        Scheme::RepeatedKFold { k, repeats } => (k, repeats),
    };
    for (part, value, least, domain) in [
        ("k", k, 2, "2 and above"),
        ("repeats", repeats, 1, "1 and above"),
    ] {
        if value < least {
            return Err(SplitError::Scheme {
                part,
                value: value as f64,
                domain,
            });
        }
    }
    Ok(())
}

fn holdout(data: &Dataset, fraction: f64, seed: Seed) -> Result<Split, SplitError> {
    let is_valid = match data.groups() {
        Some(groups) => grouped::deal(data, groups, &[1.0 - fraction, fraction], seed)?
            .into_iter()
            .map(|part| part == 1)
            .collect(),
        None => deal::holdout(data, fraction, seed)?,
    };
    Ok(Split::by(data.n_rows(), |row| is_valid[row]))
}

fn folds(data: &Dataset, k: usize, seed: Seed) -> Result<Vec<Split>, SplitError> {
    let fold_of_row = match data.groups() {
        Some(groups) => grouped::deal(data, groups, &vec![1.0 / k as f64; k], seed)?,
        None => deal::folds(data, k, seed)?,
    };
    let of_fold = |fold: usize| Split::by(data.n_rows(), |row| fold_of_row[row] as usize == fold);
    Ok((0..k).map(of_fold).collect())
}

/// Leaves out of training the rows whose group is scored on.
fn purge(mut split: Split, groups: &[u32]) -> Result<Split, SplitError> {
    let scored: BTreeSet<u32> = split
        .valid
        .iter()
        .map(|&row| groups[row as usize])
        .collect();
    split
        .train
        .retain(|&row| !scored.contains(&groups[row as usize]));
    if split.train.is_empty() {
        return Err(SplitError::TooFewGroups {
            found: scored.len(),
            needed: scored.len() + 1,
        });
    }
    Ok(split)
}

impl Split {
    /// All rows, those for which `is_valid` holds on the one side.
    fn by(n_rows: usize, is_valid: impl Fn(usize) -> bool) -> Self {
        let (valid, train) = (0..n_rows as u32).partition(|&row| is_valid(row as usize));
        Self { train, valid }
    }
}
