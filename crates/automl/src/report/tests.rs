//! The page holds what the run found and nothing from elsewhere.

use super::{Page, TrialPoint, render};
use automl_core::metrics::Metric;
use automl_core::{ParamMap, ParamValue, Predictions, Schema, Task, Warning, WarningKind};
use automl_engine::{
    ColumnImportance, DependencePoint, DependenceValue, Explanations, ImportantColumn,
    ImportantFeature, Leaderboard, LeaderboardRow, LeftOut, NestedScore, OutOfFold,
    PartialDependence, PartialDependences, PermutationImportance, PermutedColumn, ShapleyColumn,
    ShapleyPoint, ShapleySummary,
};
use automl_store::{Lineage, Manifest};

fn row(rank: usize, name: &str, trial: Option<u64>, score: f64, weight: f64) -> LeaderboardRow {
    LeaderboardRow {
        rank,
        name: name.into(),
        learner: "gradient_boosting".into(),
        trial,
        score,
        mean_cost: None,
        fold_scores: vec![score - 0.01, score + 0.01],
        fit_seconds: 1.25,
        weight,
        recipe: "native".into(),
        params: [
            ("learning_rate".to_owned(), ParamValue::Float(0.07)),
            ("max_leaves".to_owned(), ParamValue::Int(31)),
        ]
        .into(),
        learned: ParamMap::new(),
        is_partial: false,
    }
}

fn column(name: &str, share: f64, feature: &str) -> ImportantColumn {
    let feature = feature.to_owned();
    ImportantColumn {
        column: name.to_owned(),
        share,
        features: vec![ImportantFeature { feature, share }],
    }
}

fn age() -> PartialDependence {
    let point = |(age, positive)| DependencePoint {
        value: DependenceValue::Number(age),
        share: 0.5,
        mean: vec![1.0 - positive, positive],
    };
    PartialDependence {
        column: "age".into(),
        points: [(20.0, 0.1), (60.0, 0.4)].map(point).into(),
    }
}

fn told() -> Explanations {
    let point = |part| ShapleyPoint {
        part,
        rank: Some(0.5),
    };
    Explanations {
        permutation: Ok(PermutationImportance {
            metric: "roc_auc".into(),
            score: 0.92,
            n_rows: 500,
            n_shuffles: 3,
            columns: vec![PermutedColumn {
                column: "age".into(),
                worse_by: 0.125,
                interval: Some([0.1, 0.15]),
            }],
        }),
        dependence: Ok(PartialDependences {
            n_rows: 100,
            columns: vec![age()],
        }),
        shapley: Ok(ShapleySummary {
            columns: vec![ShapleyColumn {
                column: Some("age".into()),
                mean_size: vec![0.08],
                points: vec![point(0.1), point(-0.06)],
            }],
            n_rows: 2,
            n_backgrounds: 8,
            n_others: 0,
        }),
    }
}

fn page_of(name: &str) -> String {
    page_with(name, &told())
}

fn leaderboard() -> Leaderboard {
    Leaderboard {
        metric: "roc_auc".into(),
        higher_is_better: true,
        validation: "5-fold cross-validation".into(),
        rows: vec![
            row(1, "ensemble", None, 0.93, 1.0),
            row(2, "boosting #1", Some(1), 0.92, 0.75),
            row(3, "forest #0", Some(0), 0.9, 0.25),
        ],
    }
}

fn page_with(name: &str, explanations: &Explanations) -> String {
    let manifest = Manifest {
        created: "2026-01-02T03:04:05Z".into(),
        task: Task::Binary {
            classes: vec!["<=50K".into(), ">50K".into()],
        },
        inputs: Schema::default(),
        outputs: Schema::default(),
        metric: "roc_auc".into(),
        scores: [("roc_auc".to_owned(), 0.93)].into(),
        threshold: None,
        costs: None,
        lineage: Lineage {
            data: name.into(),
            n_rows: 48_842,
            n_features: 14,
            ..Lineage::default()
        },
    };
    let leaderboard = leaderboard();
    let point = |at_seconds, name: &str, score| TrialPoint {
        at_seconds,
        name: name.into(),
        score,
    };
    render(&Page {
        manifest: &manifest,
        target: "income",
        leaderboard: &leaderboard,
        metric: Metric::RocAuc,
        score: 0.93,
        trials: &[
            point(1.0, "forest #0", 0.9),
            point(2.0, "boosting #1", 0.92),
        ],
        distilled: None,
        costs: None,
        nested: Some(NestedScore {
            score: 0.91,
            low: 0.88,
            high: 0.93,
        }),
        n_started: 5,
        out_of_fold: &OutOfFold {
            rows: vec![0, 1, 2],
            target: vec![0.0, 1.0, 1.0],
            predictions: Predictions::Probabilities {
                n_classes: 2,
                values: vec![0.9, 0.1, 0.6, 0.4, 0.2, 0.8],
            },
            weight: None,
        },
        importance: Some(&ColumnImportance {
            columns: vec![column("age", 0.6, "age"), column("job", 0.4, "job_target")],
        }),
        explanations,
        next_command: "automl predict model DATA",
        warnings: &[Warning::new(
            WarningKind::TargetLeak,
            ["x"],
            "column 'x' nearly determines 'income'",
        )],
        seconds: 61.0,
        interrupted: false,
    })
}

#[test]
fn the_page_shows_score_data_models_features_and_warnings() {
    let page = page_of("adult.csv");
    let expected = [
        "Binary classification of income",
        "0.93000",
        "48,842",
        "5-fold cross-validation",
        "75.0%",
        "60.0%",
        "nearly determines",
        "<svg",
        "trials scored of 5 started",
        "automl predict model DATA",
        "Confusion of classes",
        "Probability and outcome",
        "job_target",
        "0.12500",
        "500 rows",
        "partial dependence",
        "Shapley values",
    ];
    for part in expected {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_is_left_out_is_said() {
    let page = page_with("adult.csv", &Explanations::none(&LeftOut::NoTime));
    let reason = "this model would have needed more time for it than the limit kept";
    assert_eq!(page.matches(reason).count(), 3);
}

#[test]
fn parameters_at_their_defaults_are_folded_away() {
    let page = page_of("adult.csv");
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    let folded = at("parameters at their defaults");
    assert!(at("learning_rate: 0.07") < folded);
    assert!(at("max_leaves: 31") > folded);
}

#[test]
fn text_of_the_user_cannot_become_markup() {
    let page = page_of("<script>alert(1)</script>");
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn the_page_loads_nothing_and_is_small() {
    let page = page_of("adult.csv");
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
    assert!(page.len() < 200_000);
}
