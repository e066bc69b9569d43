//! Which rows to look at, and the target of each.

use automl_core::{Column, Dataset, Kind, MISSING_CODE, Seed, Target};

/// The target of each row looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Goal {
    Numbers(Vec<f64>),
    Classes { codes: Vec<u32>, n_classes: usize },
}

impl Goal {
    /// The target of every row of a column. Numbers of two distinct values are classes; so is any text.
    pub(super) fn of_column(column: &Column, kind: Kind) -> Self {
        if let Column::Number(values) = column
            && kind == Kind::Number
        {
            let mut distinct: Vec<f64> = Vec::new();
            for &value in values.iter().filter(|value| !value.is_nan()) {
                if !distinct.contains(&value) {
                    distinct.push(value);
                }
                if distinct.len() > 2 {
                    return Self::Numbers(values.clone());
                }
            }
            distinct.sort_by(f64::total_cmp);
            let code = |value| distinct.iter().position(|known| *known == value);
            return Self::Classes {
                codes: values
                    .iter()
                    .map(|&value| code(value).map_or(MISSING_CODE, |code| code as u32))
                    .collect(),
                n_classes: distinct.len(),
            };
        }
        match column {
            Column::Timestamp(times) => {
                Self::Numbers(times.iter().map(|&time| time as f64).collect())
            }
            Column::Category { codes, levels } => Self::Classes {
                codes: codes.clone(),
                n_classes: levels.len(),
            },
            _ => {
                let rows: Vec<u32> = (0..column.n_rows() as u32).collect();
                let coding = super::Coding::exact(column, &rows);
                coding.map_or(
                    Self::Classes {
                        codes: vec![0; column.n_rows()],
                        n_classes: 1,
                    },
                    |coding| Self::Classes {
                        codes: coding.codes,
                        n_classes: coding.n_levels,
                    },
                )
            }
        }
    }

    pub(super) fn of_dataset(data: &Dataset, rows: &[u32]) -> Self {
        match data.target() {
            Target::Numbers(values) => {
                Self::Numbers(rows.iter().map(|&row| values[row as usize]).collect())
            }
            Target::Classes(codes) => Self::Classes {
                codes: rows.iter().map(|&row| codes[row as usize]).collect(),
                n_classes: data.task().n_classes(),
            },
        }
    }

    /// The targets of the rows given. Their targets must not be missing.
    pub(super) fn gather(&self, rows: &[u32]) -> Self {
        match self {
            Self::Numbers(values) => {
                Self::Numbers(rows.iter().map(|&row| values[row as usize]).collect())
            }
            Self::Classes { codes, n_classes } => {
                let codes: Vec<u32> = rows.iter().map(|&row| codes[row as usize]).collect();
                assert!(
                    codes.iter().all(|&code| (code as usize) < *n_classes),
                    "targets are there"
                );
                Self::Classes {
                    codes,
                    n_classes: *n_classes,
                }
            }
        }
    }
}

/// Up to `n_max` rows for which `is_wanted`, in order, spread evenly over the table.
pub(super) fn sample(
    n_rows: usize,
    n_max: usize,
    seed: Seed,
    is_wanted: impl Fn(usize) -> bool,
) -> Vec<u32> {
    let wanted: Vec<u32> = (0..n_rows as u32)
        .filter(|&row| is_wanted(row as usize))
        .collect();
    let n_max = n_max.max(1);
    if wanted.len() <= n_max {
        return wanted;
    }
    // One row of each of `n_max` equal stretches.
    let seed = seed.named("profile-rows");
    let stretch = wanted.len() as f64 / n_max as f64;
    (0..n_max)
        .map(|index| {
            let place = (index as f64 + uniform(seed, index)) * stretch;
            wanted[(place as usize).min(wanted.len() - 1)]
        })
        .collect()
}

/// The fold, below `n_folds`, of each of `n` rows.
pub(super) fn folds(n: usize, n_folds: usize, seed: Seed) -> Vec<u8> {
    let seed = seed.named("profile-folds");
    (0..n)
        .map(|index| (uniform(seed, index) * n_folds as f64) as u8)
        .collect()
}

/// A number from 0 to below 1.
fn uniform(seed: Seed, index: usize) -> f64 {
    (seed.indexed(index as u64).0 >> 11) as f64 / (1_u64 << 53) as f64
}
