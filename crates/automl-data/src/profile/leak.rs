//! Columns that nearly determine the target: likely not known when predicting, and then worth nothing.

use super::codes::Coding;
use super::format::percent;
use super::predictor::{self, Fit, N_FOLDS};
use super::rows::{self, Goal};
use super::sums;
use automl_core::{Column, Dataset, Seed, Table, Warning, WarningKind};

/// Rows that are looked at, at most: 50 columns then take a fraction of a second.
const MAX_ROWS: usize = 20_000;
/// Fewer rows prove nothing.
const MIN_ROWS: usize = 50;
/// Rows outside the most frequent class must be at least so many: fewer may be hit by chance.
const MIN_RARE: usize = 15;
/// Skill, in rows not learned from, at which a column is said to determine the target.
const SKILL: f64 = 0.99;
/// Columns that have a warning of their own; more are told of in one.
const MAX_TOLD_APART: usize = 5;
/// Bins of an ordered column.
const N_BINS: usize = 256;

/// Warnings about feature columns of `data` that nearly determine its target, called `target` in them: one column
/// alone, or several that add up to it or multiply to it.
///
/// Looks at 20,000 rows at most. A column is reported if a predictor made from it alone avoids 99 % of the errors (or
/// explains 99 % of the variance) in rows that it did not learn from; timestamps and row numbers are left out, since
/// in ordered data they predict their neighbours.
pub fn leak_warnings(data: &Dataset, target: &str) -> Vec<Warning> {
    let rows = rows::sample(data.n_rows(), MAX_ROWS, Seed(0), |_| true);
    let goal = Goal::of_dataset(data, &rows);
    let checked = Checked {
        speaker: Speaker::Fit,
        table: data.table(),
        rows: &rows,
        goal: &goal,
        target,
        seed: Seed(0),
    };
    checked.warnings(|_| true)
}

/// What is checked for leaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked<'a> {
    pub(super) speaker: Speaker,
    pub(super) table: &'a Table,
    pub(super) rows: &'a [u32],
    /// The target of each of `rows`.
    pub(super) goal: &'a Goal,
    pub(super) target: &'a str,
    pub(super) seed: Seed,
}

impl Checked<'_> {
    /// Warnings about the columns for which `is_feature`.
    pub(super) fn warnings(&self, is_feature: impl Fn(&str) -> bool) -> Vec<Warning> {
        // The rows of a larger sample are thinned evenly.
        let stride = self.rows.len().div_ceil(MAX_ROWS).max(1);
        let places: Vec<u32> = (0..self.rows.len() as u32).step_by(stride).collect();
        let rows: Vec<u32> = places
            .iter()
            .map(|&place| self.rows[place as usize])
            .collect();
        let goal = self.goal.gather(&places);
        if !is_enough(&goal) {
            return Vec::new();
        }
        let folds = rows::folds(rows.len(), N_FOLDS, self.seed);
        let mut found = Vec::new();
        let mut left = Vec::new();
        for (name, column) in self.table.iter().filter(|(name, _)| is_feature(name)) {
            if matches!(column, Column::Timestamp(_) | Column::Sparse(_)) || is_row_number(column) {
                continue;
            }
            let fit = Self::best_fit(column, &rows, &goal, &folds);
            if fit.skill >= SKILL {
                found.push((name, fit));
            } else if let Column::Number(values) = column {
                left.push((name, values.as_slice()));
            }
        }
        let mut warnings = if found.len() > MAX_TOLD_APART {
            vec![self.warning_of_many(&found)]
        } else {
            let of_one = |(name, fit)| self.warning(name, fit, &goal);
            found.into_iter().map(of_one).collect()
        };
        if let Goal::Numbers(values) = &goal {
            warnings.extend(sums::warning(
                &left,
                &rows,
                values,
                (self.target, self.speaker),
            ));
        }
        warnings
    }

    fn best_fit(column: &Column, rows: &[u32], goal: &Goal, folds: &[u8]) -> Fit {
        let Some(coding) = Coding::exact(column, rows) else {
            return Fit::default();
        };
        if coding.n_present() < 2 && coding.counts()[0] == 0 {
            return Fit::default();
        }
        let by_level = predictor::by_level(&coding.binned(N_BINS), goal, folds, 0.0);
        match goal {
            Goal::Numbers(values) if by_level.skill < SKILL => {
                let between = predictor::by_neighbours(column, rows, values, folds);
                if between.skill > by_level.skill {
                    between
                } else {
                    by_level
                }
            }
            _ => by_level,
        }
    }

    /// The best ones are named.
    fn warning_of_many(&self, found: &[(&str, Fit)]) -> Warning {
        let mut best: Vec<&(&str, Fit)> = found.iter().collect();
        best.sort_by(|a, b| b.1.skill.total_cmp(&a.1.skill));
        let named: Vec<String> = best[..MAX_TOLD_APART]
            .iter()
            .map(|(name, _)| format!("'{name}'"))
            .collect();
        let message = format!(
            "each of {} columns alone nearly determines '{}' in unseen rows, most of all {}; drop those that are not known when predicting",
            found.len(),
            self.target,
            named.join(", ")
        );
        Warning::new(
            WarningKind::TargetLeak,
            found.iter().map(|(name, _)| *name),
            message,
        )
    }

    fn warning(&self, name: &str, fit: Fit, goal: &Goal) -> Warning {
        let target = self.target;
        let found = match goal {
            Goal::Classes { .. } => format!(
                "'{name}' alone predicts '{target}' in {} of unseen rows",
                percent(fit.accuracy)
            ),
            Goal::Numbers(_) => format!(
                "'{name}' alone explains {} of the variance of '{target}' in unseen rows",
                percent(fit.explained)
            ),
        };
        let advice = format!(
            "drop it with {} if it is not known when predicting",
            drop_flags(self.speaker, [name])
        );
        Warning::new(
            WarningKind::TargetLeak,
            [name],
            format!("{found}; {advice}"),
        )
    }
}

fn is_enough(goal: &Goal) -> bool {
    match goal {
        Goal::Numbers(values) => {
            values.len() >= MIN_ROWS && values.iter().any(|value| *value != values[0])
        }
        Goal::Classes { codes, n_classes } => {
            let mut counts = vec![0; *n_classes];
            for &code in codes {
                counts[code as usize] += 1;
            }
            let most = counts.iter().max().copied().unwrap_or(0);
            codes.len() >= MIN_ROWS && codes.len() - most >= MIN_RARE
        }
    }
}

/// Whether a column counts the rows: whole numbers that only rise or only fall.
pub(super) fn is_row_number(column: &Column) -> bool {
    let Column::Number(values) = column else {
        return false;
    };
    values.len() > 2
        && values.iter().all(|value| value.fract() == 0.0)
        && (values.is_sorted_by(|a, b| a < b) || values.is_sorted_by(|a, b| a > b))
}

/// Who gives the advice: flags are a fit's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    Fit,
    Profile,
}

impl Speaker {
    /// A fit's flags as this verb names them.
    fn say(self, flags: &str) -> String {
        match self {
            Self::Fit => flags.to_owned(),
            Self::Profile => format!("automl fit ... {flags}"),
        }
    }
}

/// The flags that leave columns out.
pub(crate) fn drop_flags<'a>(speaker: Speaker, names: impl IntoIterator<Item = &'a str>) -> String {
    let flags: Vec<String> = (names.into_iter())
        .map(|name| format!("--drop {}", shell_word(name)))
        .collect();
    speaker.say(&flags.join(" "))
}

/// The flag that names the column of time.
pub(super) fn time_flag(speaker: Speaker, name: &str) -> String {
    speaker.say(&format!("--time-column {}", shell_word(name)))
}

/// The name as one word of a shell.
fn shell_word(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._-+:@%".contains(c);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}
