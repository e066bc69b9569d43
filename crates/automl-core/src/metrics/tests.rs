//! Scores equal scikit-learn's, follow their definitions on small rows, and obey identities on random ones.

mod identities;

use super::{Metric, MetricError};
use crate::{Coded, Predictions, TaskKind};
use serde::Deserialize;

fn numbers(values: &[f64]) -> Predictions {
    Predictions::Numbers(values.to_vec())
}

/// Two classes, given the probability of the second.
fn binary(positive: &[f64]) -> Predictions {
    let values = positive.iter().flat_map(|p| [1.0 - p, *p]).collect();
    Predictions::Probabilities {
        n_classes: 2,
        values,
    }
}

fn for_task(task: TaskKind) -> impl Iterator<Item = Metric> {
    Metric::all().filter(move |metric| metric.tasks().contains(&task))
}

fn assert_close(found: f64, expected: f64, what: &str) {
    let tolerance = 1e-12 * expected.abs().max(1.0);
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found} is not {expected}"
    );
}

mod reference {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        target: Vec<f64>,
        n_classes: usize,
        predictions: Vec<f64>,
        weight: Option<Vec<f64>>,
        scores: BTreeMap<String, f64>,
    }

    #[test]
    fn scores_equal_those_of_scikit_learn() {
        let file: File =
            serde_json::from_str(include_str!("../../tests_data/metrics.json")).unwrap();
        let mut seen = BTreeSet::new();
        for case in file.cases {
            let predictions = match case.n_classes {
                0 => Predictions::Numbers(case.predictions),
                n_classes => Predictions::Probabilities {
                    n_classes,
                    values: case.predictions,
                },
            };
            for (name, expected) in case.scores {
                let metric = Metric::from_name(&name).unwrap();
                let found = metric.score(&case.target, &predictions, case.weight.as_deref());
                assert_close(
                    found.unwrap(),
                    expected,
                    &format!("{name} of '{}'", case.name),
                );
                seen.insert(metric);
            }
        }
        assert!(
            Metric::all().all(|metric| seen.contains(&metric)),
            "only {seen:?}"
        );
    }
}

mod facts {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (position, metric) in Metric::all().enumerate() {
            assert_eq!(metric as usize, position, "{metric}");
        }
    }

    #[test]
    fn names_and_aliases_are_read_whatever_their_case() {
        for metric in Metric::all() {
            assert_eq!(Metric::from_name(metric.name()), Ok(metric));
            assert_eq!(Metric::from_name(&metric.name().to_uppercase()), Ok(metric));
            assert_eq!(metric.name().parse(), Ok(metric));
        }
        for (alias, metric) in [
            ("auc", Metric::RocAuc),
            ("ROC-AUC", Metric::RocAuc),
            ("pr_auc", Metric::AveragePrecision),
            ("neg_log_loss", Metric::LogLoss),
            ("logloss", Metric::LogLoss),
            ("neg_brier_score", Metric::Brier),
            ("accuracy_score", Metric::Accuracy),
            ("f1_score", Metric::F1),
            ("root_mean_squared_error", Metric::Rmse),
            ("neg_mean_squared_error", Metric::Mse),
            ("r2_score", Metric::R2),
            ("mean_poisson_deviance", Metric::PoissonDeviance),
        ] {
            assert_eq!(Metric::from_name(alias), Ok(metric), "{alias}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = Metric::from_name("acuracy").unwrap_err();
        assert_eq!(error.to_string(), "unknown metric 'acuracy'");
        assert_eq!(error.code(), "metric-unknown");
        assert!(error.hint().unwrap().starts_with("did you mean accuracy"));
        let error = Metric::from_name("aucc").unwrap_err();
        assert!(
            error.hint().unwrap().starts_with("did you mean roc_auc"),
            "near to its alias auc"
        );
        assert!(
            Metric::from_name("zzz")
                .unwrap_err()
                .hint()
                .unwrap()
                .starts_with("known metrics: roc_auc, ")
        );
    }

    #[test]
    fn a_metric_is_written_as_its_name_and_read_by_any() {
        assert_eq!(
            serde_json::to_string(&Metric::RocAuc).unwrap(),
            "\"roc_auc\""
        );
        assert_eq!(
            serde_json::from_str::<Metric>("\"auc\"").unwrap(),
            Metric::RocAuc
        );
        let error = serde_json::from_str::<Metric>("\"rmsee\"").unwrap_err();
        assert_eq!(error.to_string(), "unknown metric 'rmsee'");
    }

    #[test]
    fn every_task_has_its_default() {
        for task in [TaskKind::Binary, TaskKind::Multiclass, TaskKind::Regression] {
            assert!(Metric::default_for(task).tasks().contains(&task));
        }
    }

    #[test]
    fn better_follows_the_direction_and_nan_is_worst() {
        assert!(Metric::RocAuc.higher_is_better() && Metric::RocAuc.is_better(0.8, 0.7));
        assert!(!Metric::Rmse.higher_is_better() && Metric::Rmse.is_better(0.7, 0.8));
        assert_eq!(
            (Metric::RocAuc.loss(0.8), Metric::Rmse.loss(0.8)),
            (-0.8, 0.8)
        );
        for metric in Metric::all() {
            assert!(metric.is_better(metric.best(), metric.worst()), "{metric}");
            assert!(!metric.is_better(metric.best(), metric.best()), "{metric}");
            assert!(metric.is_better(metric.worst(), f64::NAN), "{metric}");
            assert!(!metric.is_better(f64::NAN, metric.worst()), "{metric}");
        }
    }
}

mod definitions {
    use super::*;

    #[test]
    fn half_of_a_tie_counts_for_roc_auc() {
        let score = |p: &[f64]| Metric::RocAuc.score(&[0.0, 1.0], &binary(p), None);
        assert_eq!(score(&[0.2, 0.7]), Ok(1.0));
        assert_eq!(score(&[0.4, 0.4]), Ok(0.5));
        assert_eq!(score(&[0.7, 0.2]), Ok(0.0));
    }

    #[test]
    fn a_tie_is_one_threshold_for_average_precision() {
        let score =
            |p: &[f64]| Metric::AveragePrecision.score(&[1.0, 0.0, 1.0, 0.0], &binary(p), None);
        assert_eq!(score(&[0.5; 4]), Ok(0.5));
        // Precision 1 at the first half of the recall, 2/3 at the second.
        assert_close(
            score(&[0.9, 0.8, 0.7, 0.1]).unwrap(),
            0.5 + 0.5 * 2.0 / 3.0,
            "ap",
        );
    }

    #[test]
    fn the_two_zeros_tie() {
        assert_eq!(
            Metric::RocAuc.score(&[0.0, 1.0], &binary(&[-0.0, 0.0]), None),
            Ok(0.5)
        );
    }

    #[test]
    fn a_probability_of_zero_is_clipped_in_log_loss() {
        let score = Metric::LogLoss
            .score(&[1.0], &binary(&[0.0]), None)
            .unwrap();
        assert_close(score, -(1e-15_f64.ln()), "log loss");
        assert_eq!(
            Metric::LogLoss.score(&[1.0], &binary(&[1.0]), None),
            Ok(0.0)
        );
    }

    #[test]
    fn one_over_many_leaves_out_absent_classes() {
        let predictions = Predictions::Probabilities {
            n_classes: 3,
            values: vec![0.6, 0.4, 0.0, 0.1, 0.8, 0.1],
        };
        for metric in [
            Metric::RocAuc,
            Metric::AveragePrecision,
            Metric::BalancedAccuracy,
        ] {
            assert_eq!(
                metric.score(&[0.0, 1.0], &predictions, None),
                Ok(1.0),
                "{metric}"
            );
        }
    }

    #[test]
    fn a_constant_side_has_no_correlation() {
        assert_eq!(
            Metric::Mcc.score(&[0.0, 1.0], &binary(&[0.9, 0.9]), None),
            Ok(0.0)
        );
        assert_eq!(
            Metric::R2.score(&[2.0, 2.0], &numbers(&[2.0, 2.0]), None),
            Ok(1.0)
        );
        assert_eq!(
            Metric::R2.score(&[2.0, 2.0], &numbers(&[2.0, 3.0]), None),
            Ok(0.0)
        );
    }

    #[test]
    fn perfect_predictions_have_the_best_score() {
        let (target, weight) = ([1.0, 0.0, 2.0, 1.0], [1.0, 3.0, 0.5, 2.0]);
        for metric in for_task(TaskKind::Regression) {
            let (target, perfect): (Vec<f64>, _) =
                (target.map(|y| y + 1.0).into(), target.map(|y| y + 1.0));
            let score = metric
                .score(&target, &numbers(&perfect), Some(&weight))
                .unwrap();
            assert_close(score, metric.best(), metric.name());
        }
        for metric in for_task(TaskKind::Multiclass) {
            let values = vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0];
            let predictions = Predictions::Probabilities {
                n_classes: 3,
                values,
            };
            let score = metric.score(&target, &predictions, Some(&weight)).unwrap();
            assert_close(score, metric.best(), metric.name());
        }
    }
}

mod errors {
    use super::*;

    fn code(result: Result<f64, MetricError>) -> &'static str {
        result.unwrap_err().code()
    }

    #[test]
    fn what_has_no_value_is_undefined() {
        let one_class = Metric::RocAuc.score(&[1.0, 1.0], &binary(&[0.2, 0.3]), None);
        assert_eq!(
            one_class.clone().unwrap_err().to_string(),
            "roc_auc is undefined: all rows are of one class"
        );
        assert_eq!(code(one_class), "metric-undefined");
        let weightless = Metric::RocAuc.score(&[0.0, 1.0], &binary(&[0.2, 0.3]), Some(&[0.0, 1.0]));
        assert_eq!(code(weightless), "metric-undefined");
        let none_positive = Metric::AveragePrecision.score(&[0.0], &binary(&[0.2]), None);
        assert_eq!(code(none_positive), "metric-undefined");
        assert_eq!(
            code(Metric::CohenKappa.score(&[1.0], &binary(&[0.9]), None)),
            "metric-undefined"
        );
    }

    #[test]
    fn logarithms_are_not_taken_where_there_are_none() {
        let score =
            |metric: Metric, y: f64, p: f64| metric.score(&[1.0, y], &numbers(&[1.0, p]), None);
        assert_eq!(
            score(Metric::Rmsle, 1.0, -1.0).unwrap_err().to_string(),
            "rmsle: prediction -1 of row 1 is not above -1"
        );
        assert!(score(Metric::Rmsle, -0.5, -0.9).is_ok());
        assert!(score(Metric::PoissonDeviance, 0.0, 0.1).is_ok());
        assert_eq!(
            code(score(Metric::PoissonDeviance, 1.0, 0.0)),
            "metric-value"
        );
        assert_eq!(
            code(score(Metric::TweedieDeviance, -1.0, 1.0)),
            "metric-value"
        );
    }

    #[test]
    fn a_metric_of_another_task_is_refused_with_those_that_fit() {
        let error = Metric::Rmse
            .score(&[0.0], &binary(&[0.5]), None)
            .unwrap_err();
        assert_eq!(error.to_string(), "rmse is not for binary predictions");
        assert!(
            error
                .hint()
                .unwrap()
                .starts_with("metrics for binary: roc_auc, ")
        );
        let three = Predictions::Probabilities {
            n_classes: 3,
            values: vec![0.2, 0.3, 0.5],
        };
        assert_eq!(code(Metric::F1.score(&[0.0], &three, None)), "metric-task");
    }

    #[test]
    fn rows_that_are_no_rows_are_refused() {
        let (mae, p) = (Metric::Mae, numbers(&[1.0, 2.0]));
        assert_eq!(code(mae.score(&[], &numbers(&[]), None)), "metric-empty");
        assert_eq!(code(mae.score(&[1.0], &p, None)), "metric-length");
        assert_eq!(
            code(mae.score(&[1.0, 2.0], &p, Some(&[1.0]))),
            "metric-length"
        );
        assert_eq!(
            code(mae.score(&[1.0, 2.0], &p, Some(&[0.0, 0.0]))),
            "metric-zero-weight"
        );
        assert_eq!(
            code(mae.score(&[1.0, 2.0], &p, Some(&[1.0, -1.0]))),
            "metric-value"
        );
        assert_eq!(code(mae.score(&[1.0, f64::NAN], &p, None)), "metric-value");
        assert_eq!(
            code(mae.score(&[1.0], &numbers(&[f64::INFINITY]), None)),
            "metric-value"
        );
        for target in [2.0, 0.5, -1.0, f64::NAN] {
            assert_eq!(
                code(Metric::LogLoss.score(&[target], &binary(&[0.5]), None)),
                "metric-value"
            );
        }
    }
}
