//! What a fit warns of beside what reading and preparing do: what may make its scores better than they are, and scores
//! that are too good.

use super::settings::Settings;
use crate::text;
use automl_core::metrics::Metric;
use automl_core::{Dataset, Target, Task, Warning, WarningKind};
use automl_data::profile::{copies_warning, leak_warnings};
use automl_engine::{ColumnImportance, FitOutcome, ImportantColumn};

/// Of a class of a smaller share of the rows accuracy tells nothing.
const RARE_SHARE: f64 = 0.01;
/// But where classes are many each has few: what is rare has less than this part of an even share, too.
const RARE_PART: f64 = 0.1;
/// Classes that are named.
const MAX_NAMED: usize = 3;
/// With fewer rows, or fewer rows of classes that are not the most frequent one, nearly all may be right by chance.
const MIN_ROWS: usize = 100;
const MIN_OTHERS: usize = 15;
/// Columns that explain the target nearly alone are no more than these, and have this share of all importance.
const MAX_COLUMNS: usize = 3;
const MAIN_SHARE: f64 = 0.8;

/// What the rows and columns tell before the search.
pub(super) fn of_data(settings: &Settings, data: &Dataset) -> Vec<Warning> {
    let target = &settings.prepare.target;
    let mut warnings = leak_warnings(data, target);
    warnings.extend(copies_warning(data));
    if let Some(classes) = Classes::of(data) {
        warnings.extend(classes.below_folds(target, settings.fit.folds));
        if settings.fit.metric == Some(Metric::Accuracy) {
            warnings.extend(classes.beyond_accuracy(target));
        }
    }
    warnings
}

/// Classes with their rows, the rarest first.
struct Classes<'a> {
    task: &'a Task,
    counts: Vec<(&'a str, usize)>,
}

impl<'a> Classes<'a> {
    fn of(data: &'a Dataset) -> Option<Self> {
        let Target::Classes(codes) = data.target() else {
            return None;
        };
        let mut rows = vec![0; data.task().n_classes()];
        for &code in codes.iter() {
            rows[code as usize] += 1;
        }
        let names = data.task().classes().iter().map(String::as_str);
        let mut counts: Vec<(&str, usize)> = names.zip(rows).collect();
        counts.sort_by_key(|(_, n_rows)| *n_rows);
        Some(Self {
            task: data.task(),
            counts,
        })
    }

    fn n_rows(&self) -> usize {
        self.counts.iter().map(|(_, n_rows)| n_rows).sum()
    }

    /// Classes that are not in every one of the folds asked for. Where none were asked for, preparing tells of few rows.
    fn below_folds(&self, target: &str, folds: Option<usize>) -> Option<Warning> {
        let folds = folds.filter(|folds| *folds > automl_engine::prepare::FEW_ROWS)?;
        let few = self.counts.iter().filter(|(_, n_rows)| *n_rows < folds);
        let few: Vec<String> = few
            .map(|(class, n_rows)| format!("'{class}' ({n_rows})"))
            .collect();
        let named = few[..few.len().min(MAX_NAMED)].join(", ");
        let more = match few.len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            n_more => format!(" and {n_more} more"),
        };
        let message = format!(
            "classes of '{target}' with fewer rows than the {folds} folds, {named}{more}, are in some folds not judged at all; ask for fewer --folds"
        );
        (!few.is_empty()).then(|| Warning::new(WarningKind::ClassImbalance, [target], message))
    }

    /// A class so rare that accuracy is as good without it.
    fn beyond_accuracy(&self, target: &str) -> Option<Warning> {
        let &(class, n_class) = self.counts.first()?;
        let share = n_class as f64 / self.n_rows() as f64;
        let metric = if self.task.positive_class() == Some(class) {
            Metric::AveragePrecision
        } else {
            Metric::BalancedAccuracy
        };
        let message = format!(
            "class '{class}' of '{target}' has {} of {} rows: a model that never predicts it loses next to no accuracy; --metric {metric} heeds it",
            text::count(n_class as u64),
            text::count(self.n_rows() as u64),
        );
        let is_rare = share < RARE_SHARE && share * (self.task.n_classes() as f64) < RARE_PART;
        is_rare.then(|| Warning::new(WarningKind::ClassImbalance, [target], message))
    }
}

/// A score that is too good to be true, unless the task is that easy: next to nothing is left of the loss of the constant, and
/// a few columns of many explain it, of which `known` does not warn yet.
pub(super) fn of_score(
    (target, data): (&str, &Dataset),
    outcome: &FitOutcome,
    importance: Option<&ColumnImportance>,
    known: &[Warning],
) -> Option<Warning> {
    let (metric, score) = (outcome.metric, outcome.score);
    let mut rows = outcome.leaderboard.rows.iter();
    let baseline = rows.find(|row| row.learner == "baseline")?.score;
    if !is_nearly_perfect(metric, score, baseline) || !is_enough(data) {
        return None;
    }
    let main = importance.map(|importance| main_columns(&importance.columns));
    let columns = main.unwrap_or_default();
    let is_known = |column: &&ImportantColumn| {
        let leaks = known
            .iter()
            .filter(|one| one.kind == WarningKind::TargetLeak);
        leaks
            .flat_map(|leak| &leak.columns)
            .any(|name| *name == column.column)
    };
    let n_columns = data.table().n_columns();
    if columns.is_empty() || columns.len() * 2 >= n_columns || columns.iter().all(is_known) {
        return None;
    }
    let shares: Vec<String> = columns.iter().copied().map(share_in_words).collect();
    let drops: Vec<String> = columns
        .iter()
        .map(|column| format!("--drop {}", text::shell_word(&column.column)))
        .collect();
    let (it, is) = if columns.len() == 1 {
        ("it", "is")
    } else {
        ("they", "are")
    };
    let message = format!(
        "{metric} {} on unseen rows is nearly perfect, and {} of {n_columns} columns {is} nearly all that the model looks at: too good to be true unless the task is that easy; check that {it} {is} known before '{target}' is (automl profile shows columns), and leave out what is not: {}",
        text::score(score),
        shares.join(" and "),
        drops.join(" "),
    );
    let names = columns.iter().map(|column| column.column.as_str());
    Some(Warning::new(WarningKind::TargetLeak, names, message))
}

/// `'code' (91 %)`.
fn share_in_words(column: &ImportantColumn) -> String {
    format!("'{}' ({:.0} %)", column.column, column.share * 100.0)
}

/// Whether next to nothing is left of the constant's loss. Errors of numbers count by their squares, as in R².
fn is_nearly_perfect(metric: Metric, score: f64, baseline: f64) -> bool {
    /// ROC AUC and accuracy between equal classes of 0.999.
    const MOST_OF_CLASSES: f64 = 0.002;
    const MOST_OF_PROBABILITIES: f64 = 0.01;
    /// R² of 0.999.
    const MOST_OF_SQUARES: f64 = 0.001;
    let left = (metric.best() - score) / (metric.best() - baseline);
    if !left.is_finite() || left < 0.0 {
        return false;
    }
    match metric {
        Metric::LogLoss | Metric::Brier => left <= MOST_OF_PROBABILITIES,
        // The constant is calibrated well.
        Metric::Ece => false,
        Metric::Mse | Metric::R2 | Metric::PoissonDeviance | Metric::TweedieDeviance => {
            left <= MOST_OF_SQUARES
        }
        Metric::Rmse
        | Metric::Mae
        | Metric::Mape
        | Metric::Smape
        | Metric::Rmsle
        | Metric::Pinball => left * left <= MOST_OF_SQUARES,
        _ => left <= MOST_OF_CLASSES,
    }
}

fn is_enough(data: &Dataset) -> bool {
    let n_others = Classes::of(data).map(|classes| {
        let most = classes.counts.last().map_or(0, |(_, n_rows)| *n_rows);
        classes.n_rows() - most
    });
    data.n_rows() >= MIN_ROWS && n_others.is_none_or(|n| n >= MIN_OTHERS)
}

/// The columns that matter most, if a few have most of the importance.
fn main_columns(columns: &[ImportantColumn]) -> Vec<&ImportantColumn> {
    let mut share = 0.0;
    let mut main = Vec::new();
    for column in columns.iter().take(MAX_COLUMNS) {
        main.push(column);
        share += column.share;
        if share >= MAIN_SHARE {
            return main;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests;
