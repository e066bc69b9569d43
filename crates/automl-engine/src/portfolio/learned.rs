//! The portfolio that is built in: what did most for ensembles on many tables, those most like the one at hand counting most.
//!
//! `scripts/learn_portfolio.py` made it. A configuration's worth on a table is the share that the trials it describes had of an ensemble
//! chosen from all of them there; what it leaves open may be anything, so that one without parameters stands for its learner.
//! What a configuration adds is less where others have much of the ensemble already, so those that are worth most are ordered greedily
//! by what each adds to those before it. `scripts/learn_portfolio.py --held-out` tells what that is worth on tables that were not
//! learned from.

use super::Configuration;
use super::facts::{Facts, N_SHAPE, SHAPE};
use serde::Deserialize;
use std::sync::LazyLock;

/// What every table counts, however unlike it is, beside one for a table of the same shape.
const UNLIKE: f64 = 0.25;
/// The shares that configurations have of a table's ensemble count by their sum to this power: the first ones most, as it is with
/// ensembles.
const RETURNS: f64 = 0.75;
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

/// The `n` configurations of learners that take part which are worth most on tables like this one, each the one that adds most to those
/// before it.
pub(super) fn best(
    facts: &Facts,
    takes_part: impl Fn(&str) -> bool,
    n: usize,
) -> Vec<Configuration> {
    let portfolios = &*PORTFOLIOS;
    let learned = if facts.is_class {
        &portfolios.classification
    } else {
        &portfolios.regression
    };
    let likeness = learned.likeness(facts.shape());
    let all = learned.configurations.iter();
    let taking_part = all.filter(|one| takes_part(&one.configuration.learner));
    let worthiest = worthiest(taking_part.collect(), &likeness, n);
    let order = ordered(worthiest, &likeness).into_iter();
    order.map(|one| one.configuration.clone()).collect()
}

/// The `n` of these that are worth most where tables count by these likenesses, most first.
fn worthiest<'a>(
    mut all: Vec<&'a LearnedConfiguration>,
    likeness: &[f64],
    n: usize,
) -> Vec<&'a LearnedConfiguration> {
    let worth = |one: &LearnedConfiguration| -> f64 {
        let shares = one.worth.iter().zip(likeness);
        shares.map(|(share, likeness)| share * likeness).sum()
    };
    all.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
    all.truncate(n);
    all
}

/// The same, each the one that adds most to those before it.
fn ordered<'a>(
    mut left: Vec<&'a LearnedConfiguration>,
    likeness: &[f64],
) -> Vec<&'a LearnedConfiguration> {
    let mut order: Vec<&LearnedConfiguration> = Vec::with_capacity(left.len());
    let mut had = vec![0.0; likeness.len()];
    while !left.is_empty() {
        let adds = |one: &LearnedConfiguration| -> f64 {
            let tables = had.iter().zip(&one.worth).zip(likeness);
            let gain = |had: f64, share: f64| (had + share).powf(RETURNS) - had.powf(RETURNS);
            tables
                .map(|((&had, &share), likeness)| likeness * gain(had, share))
                .sum()
        };
        let mut best = (0, f64::NEG_INFINITY);
        for (place, one) in left.iter().enumerate() {
            let gain = adds(one);
            if gain > best.1 {
                best = (place, gain);
            }
        }
        let chosen = left.remove(best.0);
        for (had, share) in had.iter_mut().zip(&chosen.worth) {
            *had += share;
        }
        order.push(chosen);
    }
    order
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

    fn one(worth: [f64; 2]) -> LearnedConfiguration {
        LearnedConfiguration {
            configuration: Configuration::of(&automl_linear::NEAREST_NEIGHBOURS),
            worth: worth.to_vec(),
        }
    }

    #[test]
    fn what_others_have_already_adds_less() {
        // The second is worth more than the third, but where the first is worth much.
        let all = [one([0.6, 0.0]), one([0.3, 0.0]), one([0.0, 0.28])];
        let order = |likeness: [f64; 2]| -> Vec<f64> {
            let order = ordered(all.iter().collect(), &likeness).into_iter();
            order.map(|one| one.worth.iter().sum()).collect()
        };
        assert_eq!(order([1.0, 1.0]), [0.6, 0.28, 0.3]);
        assert_eq!(
            order([1.0, 0.1]),
            [0.6, 0.3, 0.28],
            "unlike tables count little"
        );
    }

    #[test]
    fn those_that_are_worth_little_are_left_out() {
        let all = [one([0.1, 0.1]), one([0.5, 0.0]), one([0.0, 0.4])];
        let kept = |likeness: [f64; 2]| -> Vec<f64> {
            let kept = worthiest(all.iter().collect(), &likeness, 2).into_iter();
            kept.map(|one| one.worth[1]).collect()
        };
        assert_eq!(kept([1.0, 1.0]), [0.0, 0.4]);
        assert_eq!(kept([1.0, 0.0]), [0.0, 0.1]);
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
