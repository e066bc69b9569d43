//! Runs as a table: a line each, with what each is judged by.

use super::{ID_DIGITS, status_of, took, value_of};
use crate::commands::record::maybe_time;
use crate::text::{self, Align};
use automl_core::metrics::Metric;
use automl_store::tracking::search::Run;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Metrics that a list has columns for.
const N_METRICS: usize = 3;
/// Characters of the name of a metric.
const NAME_WIDTH: usize = 24;

/// The runs, a line each. Where their scores are of more metrics than there is room for, one column holds them, each with its
/// name.
pub(super) fn of(runs: &[Run]) -> String {
    let (columns, common) = (Columns::of(runs), common_scores(runs));
    let names: Vec<String> = columns.metrics.iter().map(|key| shortened(key)).collect();
    let mut heading = vec![
        ("run", Align::Left),
        ("name", Align::Left),
        ("verb", Align::Left),
        ("status", Align::Left),
        ("started (UTC)", Align::Left),
        ("took", Align::Right),
    ];
    heading.extend(columns.has_scores.then_some(("score", Align::Left)));
    heading.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    let mut rows = Vec::new();
    for run in runs {
        let mut row = vec![
            run.info.id.chars().take(ID_DIGITS).collect(),
            run.info.name.clone(),
            value_of(&run.tags, "automl.verb").to_owned(),
            status_of(run),
            maybe_time(run.info.start_ms),
            took(run),
        ];
        row.extend(columns.has_scores.then(|| score_text(run, &common)));
        row.extend(columns.metrics.iter().map(|key| metric_text(run, key)));
        rows.push(row);
    }
    text::table(&heading, &rows)
}

/// What stands behind the head of each run.
#[derive(Debug, PartialEq, Eq)]
struct Columns<'a> {
    /// Whether each run tells its score by name.
    has_scores: bool,
    metrics: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    /// First what runs are judged by, then what most of them have.
    fn of(runs: &'a [Run]) -> Self {
        let common = common_scores(runs);
        let mut scores = counted(runs.iter().filter_map(|run| score_of(run, &common)));
        let has_scores = scores.len() > N_METRICS;
        if has_scores {
            scores.clear();
        }
        let n_free = N_METRICS - scores.len() - usize::from(has_scores);
        let others = counted(runs.iter().flat_map(shown));
        let others = others.into_iter().filter(|key| {
            let is_told = has_scores && !is_plain_count(key);
            !is_told && !scores.contains(key)
        });
        let others: Vec<&str> = others.take(n_free).collect();
        Self {
            has_scores,
            metrics: scores.into_iter().chain(others).collect(),
        }
    }
}

/// The keys, those that most have first, then by name.
fn counted<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut keys: Vec<(&str, usize)> = counts.into_iter().collect();
    keys.sort_by_key(|(_, count)| Reverse(*count));
    keys.into_iter().map(|(key, _)| key).collect()
}

/// The metrics of a run that a list may tell: curves of trials are left to its own page, and a score of the last epoch to that of
/// the best.
fn shown(run: &Run) -> impl Iterator<Item = &str> {
    let keys = || run.metrics.iter().map(|metric| metric.key.as_str());
    keys().filter(move |key| {
        let is_of_trials = key.starts_with("trial_");
        !is_of_trials && !keys().any(|other| other.strip_prefix(BEST) == Some(key))
    })
}

const BEST: &str = "best_";

/// The metrics that this program knows, those that most runs have first: an evaluation has many, a fit the one that it sought.
fn common_scores(runs: &[Run]) -> Vec<&str> {
    let known = |key: &&str| Metric::from_name(key).is_ok();
    let of_run = |run| shown(run).map(plain).filter(known);
    counted(runs.iter().flat_map(of_run))
}

/// A metric without what says that it is the best of its kind.
fn plain(key: &str) -> &str {
    key.strip_prefix(BEST).unwrap_or(key)
}

/// What a run is judged by: of the metrics that are known, the one that most runs have; else the first that is no count and no
/// time.
fn score_of<'a>(run: &'a Run, common: &[&str]) -> Option<&'a str> {
    let place = |key: &&str| common.iter().position(|known| *known == plain(key));
    let found = shown(run)
        .filter(|key| place(key).is_some())
        .min_by_key(place);
    found.or_else(|| shown(run).find(|key| !is_plain_count(key)))
}

/// Whether a metric counts things or seconds rather than judging.
fn is_plain_count(key: &str) -> bool {
    is_count(key) || key.ends_with("seconds") || key.starts_with("system/")
}

fn is_count(key: &str) -> bool {
    key.starts_with("n_")
}

fn score_text(run: &Run, common: &[&str]) -> String {
    score_of(run, common).map_or_else(String::new, |key| {
        format!("{} {}", shortened(key), metric_text(run, key))
    })
}

/// A long name without its middle, by whose ends names mostly differ.
fn shortened(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= NAME_WIDTH {
        return name.to_owned();
    }
    let (n_first, n_last) = (NAME_WIDTH / 2 - 1, NAME_WIDTH / 2);
    let first = letters[..n_first].iter();
    let last = letters[letters.len() - n_last..].iter();
    first.chain(&['…']).chain(last).collect()
}

/// A metric of a run, if it has it.
pub(super) fn metric_text(run: &Run, key: &str) -> String {
    let found = run.metrics.iter().find(|metric| metric.key == key);
    found.map_or_else(String::new, |metric| number(key, metric.value))
}

/// A value: a count is whole, and so is what is large and has no fraction.
pub(super) fn number(key: &str, value: f64) -> String {
    if value.fract() == 0.0 && (is_count(key) || value.abs() >= 10.0) {
        format!("{value:.0}")
    } else {
        text::score(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_store::tracking::log;
    use automl_store::tracking::runs::RunInfo;

    fn run(metrics: &[(&str, f64)]) -> Run {
        let metric = |&(key, value): &(&str, f64)| log::Metric {
            key: key.into(),
            value,
            ..log::Metric::default()
        };
        Run {
            info: RunInfo {
                number: 0,
                id: "0123456789".into(),
                experiment_id: 0,
                name: "quick-otter-1".into(),
                user_id: String::new(),
                status: "FINISHED".into(),
                start_ms: None,
                end_ms: None,
                stage: "active".into(),
                artifact_uri: String::new(),
            },
            metrics: metrics.iter().map(metric).collect(),
            params: Vec::new(),
            tags: Vec::new(),
            datasets: Vec::new(),
            model_inputs: Vec::new(),
            model_outputs: Vec::new(),
        }
    }

    #[test]
    fn each_runs_own_score_has_a_column_before_what_most_have() {
        let runs = [
            run(&[("n_rows", 8.0), ("seconds", 0.1)]),
            run(&[("n_rows", 8.0), ("seconds", 0.1)]),
            run(&[
                ("best_roc_auc", 0.9),
                ("roc_auc", 0.8),
                ("trial_roc_auc", 0.7),
            ]),
            run(&[("accuracy", 0.7), ("roc_auc", 0.8)]),
            run(&[("rmse", 2.0), ("n_rows", 100.0)]),
        ];
        let columns = Columns::of(&runs);
        assert_eq!(columns.metrics, ["best_roc_auc", "rmse", "roc_auc"]);
        assert!(!columns.has_scores);
        let table = of(&runs);
        assert!(table.contains("0.80000"), "{table}");
    }

    #[test]
    fn scores_of_many_metrics_are_told_by_name_in_one_column() {
        let runs = [
            run(&[("roc_auc", 0.9)]),
            run(&[("rmse", 2.0), ("n_rows", 100.0)]),
            run(&[("log_loss", 0.5)]),
            run(&[("my_own", 0.25)]),
        ];
        let columns = Columns::of(&runs);
        assert_eq!(
            (columns.has_scores, columns.metrics),
            (true, vec!["n_rows"])
        );
        let table = of(&runs);
        for told in [
            "roc_auc 0.90000",
            "rmse 2.00000",
            "log_loss 0.50000",
            "my_own 0.25000",
        ] {
            assert!(table.contains(told), "{told}: {table}");
        }
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        let name = shortened("validation_accuracy_of_the_third_fold_top_5");
        assert_eq!(name, "validation_…d_fold_top_5");
        assert_eq!(shortened("roc_auc"), "roc_auc");
    }

    #[test]
    fn a_count_is_whole() {
        assert_eq!(number("n_rows", 8.0), "8");
        assert_eq!(number("epochs", 12.0), "12");
        assert_eq!(number("accuracy", 1.0), text::score(1.0));
    }
}
