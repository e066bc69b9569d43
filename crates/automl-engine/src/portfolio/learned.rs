//! The portfolio that is built in: what did most for ensembles on many tables, those most like the one at hand counting most.
//!
//! `scripts/learn_portfolio.py` made it. A configuration's worth on a table is the share that the trials it describes had of an ensemble
//! chosen from all of them there; what it leaves open may be anything, so that one without parameters stands for its learner.

use super::Configuration;
use super::facts::{Facts, N_SHAPE, SHAPE};
use serde::Deserialize;
use std::sync::LazyLock;

/// What every table counts, however unlike it is, beside one for a table of the same shape.
const UNLIKE: f64 = 0.25;
/// A meta-feature that hardly varies over the tables says nothing.
const SPREAD_MIN: f64 = 0.05;

/// What was learned of one kind of task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Learned {
    tables: Vec<LearnedTable>,
    configurations: Vec<LearnedConfiguration>,
}

/// A table that was learned from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LearnedTable {
    #[expect(dead_code, reason = "it says where the numbers come from")]
    name: String,
    shape: [f64; N_SHAPE],
}

#[derive(Debug, Deserialize)]
struct LearnedConfiguration {
    #[serde(flatten)]
    configuration: Configuration,
    /// Its share of the ensemble of each table.
    worth: Vec<f64>,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Portfolios {
    #[expect(dead_code, reason = "it says where the numbers come from")]
    made: serde_json::Value,
    shape: Vec<String>,
    classification: Learned,
    regression: Learned,
}

static PORTFOLIOS: LazyLock<Portfolios> = LazyLock::new(|| {
    let portfolios: Portfolios = serde_json::from_str(include_str!("learned.json"))
        .expect("the portfolio is part of the program, and a test reads it");
    assert_eq!(portfolios.shape, SHAPE, "its tables have these numbers");
    portfolios
});

/// The configurations for a table, those worth most on tables like it first.
pub(super) fn ordered(facts: &Facts) -> Vec<Configuration> {
    let portfolios = &*PORTFOLIOS;
    let learned = if facts.is_class {
        &portfolios.classification
    } else {
        &portfolios.regression
    };
    let likeness = learned.likeness(facts.shape());
    let worth = |one: &LearnedConfiguration| -> f64 {
        let shares = one.worth.iter().zip(&likeness);
        shares.map(|(share, likeness)| share * likeness).sum()
    };
    let mut ranked: Vec<(f64, &LearnedConfiguration)> = learned
        .configurations
        .iter()
        .map(|one| (worth(one), one))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let ranked = ranked.into_iter();
    ranked.map(|(_, one)| one.configuration.clone()).collect()
}

impl Learned {
    /// How much each table counts for one of this shape.
    fn likeness(&self, shape: &[f64; N_SHAPE]) -> Vec<f64> {
        let spreads: [f64; N_SHAPE] =
            std::array::from_fn(|at| spread(self.tables.iter().map(|table| table.shape[at])));
        let likeness = |table: &LearnedTable| {
            let gaps = (0..N_SHAPE).map(|at| (table.shape[at] - shape[at]) / spreads[at]);
            let squared: f64 = gaps.map(|gap| gap * gap).sum();
            UNLIKE + (-squared / (2.0 * N_SHAPE as f64)).exp()
        };
        self.tables.iter().map(likeness).collect()
    }
}

/// The standard deviation.
fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squared: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (squared / n).sqrt().max(SPREAD_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_can_be_tried_and_has_a_worth_on_every_table() {
        for learned in [&PORTFOLIOS.classification, &PORTFOLIOS.regression] {
            assert!(learned.configurations.len() > 10);
            for one in &learned.configurations {
                one.configuration.check().unwrap();
                assert_eq!(one.worth.len(), learned.tables.len());
            }
        }
    }

    #[test]
    fn tables_of_the_same_shape_count_most() {
        let learned = &PORTFOLIOS.classification;
        for (at, table) in learned.tables.iter().enumerate() {
            let likeness = learned.likeness(&table.shape);
            assert_eq!(likeness[at], 1.0 + UNLIKE);
            assert!(
                likeness
                    .iter()
                    .all(|one| *one <= likeness[at] && *one > UNLIKE)
            );
        }
    }
}
