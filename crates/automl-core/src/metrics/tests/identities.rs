//! What must hold of scores whatever the rows.

use super::{Metric, assert_close, binary, for_task};
use crate::{Coded, Predictions, TaskKind};
use proptest::prelude::*;

/// Target, predictions and small whole weights, with many ties.
#[derive(Debug, Clone)]
struct Rows {
    target: Vec<f64>,
    predictions: Predictions,
    weight: Vec<f64>,
}

impl Rows {
    fn task(&self) -> TaskKind {
        match self.predictions.width() {
            1 => TaskKind::Regression,
            2 => TaskKind::Binary,
            _ => TaskKind::Multiclass,
        }
    }

    fn gather(&self, rows: &[usize]) -> Self {
        let width = self.predictions.width();
        let mut predictions = self.predictions.zeros_like(rows.len());
        for (to, &from) in predictions.values_mut().chunks_exact_mut(width).zip(rows) {
            to.copy_from_slice(&self.predictions.values()[from * width..(from + 1) * width]);
        }
        Self {
            target: rows.iter().map(|&row| self.target[row]).collect(),
            predictions,
            weight: rows.iter().map(|&row| self.weight[row]).collect(),
        }
    }

    /// Scores of all metrics of the task; an error as its code.
    fn scores(&self, weight: Option<&[f64]>) -> Vec<(Metric, Result<f64, &'static str>)> {
        for_task(self.task())
            .map(|metric| {
                (
                    metric,
                    metric.score(&self.target, &self.predictions, weight),
                )
            })
            .map(|(metric, score)| (metric, score.map_err(|error| error.code())))
            .collect()
    }
}

fn assert_same(
    found: &Rows,
    found_weight: Option<&[f64]>,
    expected: &Rows,
    weight: Option<&[f64]>,
) {
    let pairs = found
        .scores(found_weight)
        .into_iter()
        .zip(expected.scores(weight));
    for ((metric, found), (_, expected)) in pairs {
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_close(found, expected, metric.name()),
            (found, expected) => assert_eq!(found, expected, "{metric}"),
        }
    }
}

fn classified() -> impl Strategy<Value = Rows> {
    (2..5_usize).prop_flat_map(|n_classes| {
        let row = (
            0..n_classes,
            prop::collection::vec(0..5_u32, n_classes),
            0..4_u32,
        );
        prop::collection::vec(row, 1..25).prop_map(move |rows| {
            let parts = |counts: &[u32]| -> Vec<f64> {
                let sum = f64::from(counts.iter().sum::<u32>().max(1));
                counts.iter().map(|&count| f64::from(count) / sum).collect()
            };
            Rows {
                target: rows.iter().map(|row| row.0 as f64).collect(),
                predictions: Predictions::Probabilities {
                    n_classes,
                    values: rows.iter().flat_map(|row| parts(&row.1)).collect(),
                },
                weight: rows.iter().map(|row| f64::from(row.2)).collect(),
            }
        })
    })
}

fn measured() -> impl Strategy<Value = Rows> {
    prop::collection::vec((0..20_u32, 1..20_u32, 0..4_u32), 1..25).prop_map(|rows| Rows {
        target: rows.iter().map(|row| f64::from(row.0) / 4.0).collect(),
        predictions: Predictions::Numbers(rows.iter().map(|row| f64::from(row.1) / 4.0).collect()),
        weight: rows.iter().map(|row| f64::from(row.2)).collect(),
    })
}

fn rows() -> impl Strategy<Value = Rows> {
    prop_oneof![classified(), measured()]
}

proptest! {
    #[test]
    fn weights_of_one_are_none(rows in rows()) {
        let ones = vec![1.0; rows.target.len()];
        assert_same(&rows, Some(&ones), &rows, None);
    }

    #[test]
    fn a_whole_weight_is_a_repeated_row(rows in rows()) {
        prop_assume!(rows.weight.iter().any(|&weight| weight > 0.0));
        let repeat = |row: usize| std::iter::repeat_n(row, rows.weight[row] as usize);
        let repeated: Vec<usize> = (0..rows.target.len()).flat_map(repeat).collect();
        assert_same(&rows, Some(&rows.weight), &rows.gather(&repeated), None);
    }

    #[test]
    fn metrics_of_classes_do_not_see_how_probable_they_are(rows in rows()) {
        let decided = rows.predictions.decided_by(&crate::Decision::Likeliest);
        for metric in for_task(rows.task()).filter(|metric| metric.reads_classes()) {
            let weight = Some(rows.weight.as_slice());
            prop_assert_eq!(
                metric.score(&rows.target, &decided, weight),
                metric.score(&rows.target, &rows.predictions, weight)
            );
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows()) {
        let backwards: Vec<usize> = (0..rows.target.len()).rev().collect();
        let other = rows.gather(&backwards);
        assert_same(&other, Some(&other.weight), &rows, Some(&rows.weight));
    }

    #[test]
    fn scores_are_within_their_bounds(rows in rows()) {
        for (metric, score) in rows.scores(Some(&rows.weight)) {
            let (low, high) = (metric.best().min(metric.worst()), metric.best().max(metric.worst()));
            if let Ok(score) = score {
                prop_assert!(score >= low - 1e-12 && score <= high + 1e-12, "{metric}: {score}");
            }
        }
    }

    #[test]
    fn ranking_ignores_monotone_transforms(ranks in prop::collection::vec((0..9_u32, 0..2_u32), 2..25)) {
        let target: Vec<f64> = ranks.iter().map(|row| f64::from(row.1)).collect();
        let p: Vec<f64> = ranks.iter().map(|row| f64::from(row.0) / 8.0).collect();
        let bent: Vec<f64> = p.iter().map(|p| (p * 3.0).tanh()).collect();
        for metric in [Metric::RocAuc, Metric::AveragePrecision] {
            prop_assert_eq!(metric.score(&target, &binary(&p), None), metric.score(&target, &binary(&bent), None));
        }
    }

    #[test]
    fn roc_auc_is_the_share_of_pairs_in_order(rows in classified()) {
        prop_assume!(rows.task() == TaskKind::Binary);
        let p = |row: usize| rows.predictions.values()[row * 2 + 1];
        let (mut pairs, mut in_order) = (0.0, 0.0);
        for i in (0..rows.target.len()).filter(|&i| rows.target[i] == 1.0) {
            for j in (0..rows.target.len()).filter(|&j| rows.target[j] == 0.0) {
                let weight = rows.weight[i] * rows.weight[j];
                pairs += weight;
                in_order += weight * if p(i) == p(j) { 0.5 } else { f64::from(p(i) > p(j)) };
            }
        }
        let score = Metric::RocAuc.score(&rows.target, &rows.predictions, Some(&rows.weight));
        if let Ok(score) = score {
            assert_close(score, in_order / pairs, "roc_auc");
        } else {
            prop_assert_eq!(pairs, 0.0);
        }
    }
}
