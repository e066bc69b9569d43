//! Headings that sort, and which params and metrics of some runs are worth a column.

use super::format;
use super::query::Query;
use automl_store::filter::{Subject, parse_order};
use automl_store::tracking::search::Run;
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// What a column holds: how it stands, and from which end it is mostly asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Time,
}

/// A heading that orders by `key` (in MLflow's words) when it is followed, the other way round the second time.
pub(super) fn heading(query: &Query, title: &str, key: &str, kind: Kind) -> Markup {
    let now = query
        .all("order_by")
        .next()
        .and_then(|order| parse_order(order).ok());
    let own = parse_order(key).ok();
    let is_same = |a: &Subject, b: &Subject| (&a.entity, &a.key) == (&b.entity, &b.key);
    let direction = match (now, own) {
        (Some(now), Some(own)) if is_same(&now.subject, &own.subject) => Some(now.is_ascending),
        _ => None,
    };
    let is_next_ascending = direction.map_or(kind == Kind::Text, |is_ascending| !is_ascending);
    let next = format!("{key} {}", if is_next_ascending { "ASC" } else { "DESC" });
    let sort = direction.map(|is_ascending| {
        if is_ascending {
            "ascending"
        } else {
            "descending"
        }
    });
    html! {
        th.n[kind == Kind::Number] scope="col" aria-sort=[sort] {
            a href=(query.with(&[("order_by", &next), ("page", "")])) title=(title) { (title) }
            @if let Some(is_ascending) = direction { span.arrow aria-hidden="true" { @if is_ascending { "↑" } @else { "↓" } } }
        }
    }
}

/// A param or a metric of runs, as a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Metric(String),
    Param(String),
}

impl Column {
    /// The column of a name such as `metrics.loss`.
    fn of(name: &str) -> Option<Self> {
        let (entity, key) = name.split_once('.')?;
        match entity {
            "metrics" => Some(Self::Metric(key.into())),
            "params" => Some(Self::Param(key.into())),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Metric(key) => format!("metrics.{key}"),
            Self::Param(key) => format!("params.{key}"),
        }
    }

    pub(super) fn key(&self) -> &str {
        match self {
            Self::Metric(key) | Self::Param(key) => key,
        }
    }

    /// The name as an order has it.
    pub(super) fn order_key(&self) -> String {
        match self {
            Self::Metric(key) => format!("metrics.`{key}`"),
            Self::Param(key) => format!("params.`{key}`"),
        }
    }
}

/// Metrics and params that get a column unless others are chosen, each.
const N_CHOSEN: usize = 6;
/// Columns at all.
const N_COLUMNS: usize = 60;

/// What runs have that could be columns.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Metrics, those that most runs have first.
    pub(super) metrics: Vec<String>,
    pub(super) params: Vec<String>,
    /// Params that are not the same in all runs.
    differing: BTreeSet<String>,
}

impl Choice {
    pub(super) fn of(runs: &[&Run]) -> Self {
        let mut metrics: BTreeMap<&str, usize> = BTreeMap::new();
        let mut params: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
        for run in runs {
            for metric in &run.metrics {
                *metrics.entry(&metric.key).or_default() += 1;
            }
            for param in &run.params {
                let (count, values) = params.entry(&param.key).or_default();
                *count += 1;
                values.insert(&param.value);
            }
        }
        let mut metrics: Vec<(&str, usize)> = metrics.into_iter().collect();
        metrics.sort_by_key(|(key, count)| (key.starts_with("system/"), std::cmp::Reverse(*count)));
        let differing = params
            .iter()
            .filter(|(_, (count, values))| values.len() > 1 || *count < runs.len());
        Self {
            differing: differing.map(|(key, _)| (*key).to_owned()).collect(),
            metrics: metrics.into_iter().map(|(key, _)| key.to_owned()).collect(),
            params: params.into_keys().map(str::to_owned).collect(),
        }
    }

    /// The columns of the address, or else metrics and params that differ.
    pub(super) fn columns(&self, query: &Query) -> Vec<Column> {
        let asked: Vec<Column> = query
            .all("col")
            .filter_map(Column::of)
            .take(N_COLUMNS)
            .collect();
        if !asked.is_empty() {
            return asked;
        }
        let metrics = self
            .metrics
            .iter()
            .filter(|key| !key.starts_with("system/"));
        let metrics = metrics.take(N_CHOSEN).cloned().map(Column::Metric);
        let is_any_differing = !self.differing.is_empty();
        let params = self
            .params
            .iter()
            .filter(|key| !is_any_differing || self.differing.contains(*key));
        metrics
            .chain(params.take(N_CHOSEN).cloned().map(Column::Param))
            .collect()
    }
}

impl Choice {
    /// Params that are not the same in all runs.
    pub(super) fn differing(&self) -> impl Iterator<Item = &str> {
        self.differing.iter().map(String::as_str)
    }

    pub(super) fn is_any_differing(&self) -> bool {
        !self.differing.is_empty()
    }
}

/// What a run has in a column.
pub(super) fn value(run: &Run, column: &Column) -> Option<String> {
    match column {
        Column::Metric(key) => metric(run, key).map(format::number),
        Column::Param(key) => {
            let param = run.params.iter().find(|param| param.key == *key);
            param.map(|param| param.value.clone())
        }
    }
}

/// The latest value of a metric of a run.
pub(super) fn metric(run: &Run, key: &str) -> Option<f64> {
    let found = run.metrics.iter().find(|metric| metric.key == key);
    found.map(|metric| metric.value)
}

/// The best value of a metric among runs, if there are several and the name tells which way is better.
pub(super) fn best(runs: &[&Run], key: &str) -> Option<f64> {
    let is_greater = format::is_greater_better(key)?;
    let values: Vec<f64> = runs
        .iter()
        .filter_map(|run| metric(run, key))
        .filter(|value| !value.is_nan())
        .collect();
    if values.len() < 2 {
        return None;
    }
    let better = if is_greater { f64::max } else { f64::min };
    values.into_iter().reduce(better)
}
