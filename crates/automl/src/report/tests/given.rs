//! A run to show: what its table, its search and its model were.

use crate::report::{Course, Data, Page, TrialPoint, render};
use automl_core::metrics::Metric;
use automl_core::{
    Event, LearnerSpec, ParamMap, ParamValue, Predictions, Role, Schema, Seed, Task, Warning,
    WarningKind,
};
use automl_data::{Loaded, ReadOptions, Source, read_table};
use automl_engine::{
    ColumnImportance, DependencePoint, DependenceValue, Explanations, FitOptions, ImportantColumn,
    ImportantFeature, Leaderboard, LeaderboardRow, NestedScore, OutOfFold, PartialDependence,
    PartialDependences, PermutationImportance, PermutedColumn, Phases, PlannedTrial, Preview,
    Quality, ShapleyColumn, ShapleyPoint, ShapleySummary, registry,
};
use automl_store::{Lineage, Manifest};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

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

/// What differs between pages.
pub(super) struct Given {
    pub(super) name: &'static str,
    pub(super) csv: String,
    /// Columns that were left out.
    pub(super) dropped: &'static [&'static str],
    /// The learner of all members.
    pub(super) learner: &'static str,
    pub(super) explanations: Explanations,
    pub(super) out_of_fold: OutOfFold,
}

/// A fit of 400 rows.
pub(super) fn given() -> Given {
    let mut csv = "age,job,seen,income\n".to_owned();
    for row in 0..400 {
        let age = if row % 4 == 0 {
            "?".to_owned()
        } else {
            (20 + row % 50).to_string()
        };
        let job = ["clerk", "smith", "it's"][row % 7 % 3];
        let income = if row % 5 == 0 { ">50K" } else { "<=50K" };
        writeln!(csv, "{age},{job},2024-0{}-01,{income}", 1 + row % 9).unwrap();
    }
    Given {
        name: "adult.csv",
        csv,
        dropped: &[],
        learner: "gradient_boosting",
        explanations: told(),
        out_of_fold: OutOfFold {
            rows: vec![0, 1, 2],
            target: vec![0.0, 1.0, 1.0],
            predictions: Predictions::Probabilities {
                n_classes: 2,
                values: vec![0.9, 0.1, 0.6, 0.4, 0.2, 0.8],
            },
            weight: None,
        },
    }
}

fn loaded(csv: &str) -> Loaded {
    let source = Source::bytes("adult.csv", csv.to_owned().into_bytes());
    read_table(&source, &ReadOptions::default(), None).unwrap()
}

fn gradient_boosting() -> &'static LearnerSpec {
    registry::learner("gradient_boosting").unwrap()
}

fn options() -> FitOptions {
    FitOptions {
        metric: None,
        costs: None,
        quality: Quality::Balanced,
        time_limit: Some(Duration::from_mins(1)),
        max_trials: None,
        seed: Seed(0),
        threads: 2,
        memory_limit: Some(1 << 30),
        inference_limit: None,
        distills: false,
        folds: None,
        holdout: None,
        include: Vec::new(),
        exclude: vec!["svm".into()],
        portfolio: None,
        without: Vec::new(),
        explains: true,
    }
}

fn plan() -> Preview {
    let trial = |trial, learner, is_too_slow| PlannedTrial {
        trial,
        learner,
        recipe: "trees",
        target_map: "identity",
        params: ParamMap::new(),
        first_model_seconds: 0.5,
        fit_seconds_max: Some(6.0),
        memory_bytes: 1 << 20,
        is_too_slow,
    };
    Preview {
        task: "binary".into(),
        metric: "roc_auc".into(),
        n_rows: 48_842,
        n_features: 14,
        meta_features: [].into(),
        validation: "5-fold cross-validation".into(),
        fits_per_trial: 5,
        rows_per_fit: [39_073, 9_769],
        rows_per_probe: None,
        refit: false,
        thins_bags: true,
        phases: Some(Phases {
            search_seconds: 55.0,
            ensemble_seconds: 57.0,
            refit_seconds: 57.0,
            distill_seconds: None,
            explain_seconds: 58.0,
            limit_seconds: 60.0,
        }),
        memory_bytes: 27 << 20,
        memory_limit: Some(1 << 30),
        trials: vec![
            trial(0, "baseline", true),
            trial(1, "gradient_boosting", false),
        ],
        tuned: vec!["gradient_boosting"],
    }
}

fn course() -> Course {
    let failed = |reason: &str| Event::TrialFailed {
        trial: 7,
        learner: "gradient_boosting".into(),
        reason: reason.into(),
        at_seconds: 3.0,
    };
    let phase = |name: &str, at_seconds| Event::Phase {
        name: name.into(),
        at_seconds,
    };
    Course::of(&[
        failed("it did not end in its share of the time"),
        failed("no luck"),
        phase("ensemble", 31.0),
    ])
}

fn leaderboard(learner: &str) -> Leaderboard {
    let row = |rank, name: &str, trial, score, weight| LeaderboardRow {
        learner: learner.into(),
        ..row(rank, name, trial, score, weight)
    };
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

fn manifest(name: &str, loaded: &Loaded) -> Manifest {
    Manifest {
        created: "2026-01-02T03:04:05Z".into(),
        task: Task::Binary {
            classes: vec!["<=50K".into(), ">50K".into()],
        },
        inputs: Schema {
            fields: (loaded.schema.with_role(Role::Feature))
                .filter(|field| field.name != "income")
                .cloned()
                .collect(),
            ..Schema::default()
        },
        outputs: Schema::default(),
        metric: "roc_auc".into(),
        scores: [("roc_auc".to_owned(), 0.93)].into(),
        threshold: None,
        thresholds: None,
        costs: None,
        lineage: Lineage {
            data: name.into(),
            n_rows: 48_842,
            n_features: 14,
            ..Lineage::default()
        },
    }
}

/// The page of it.
pub(super) fn page(given: &Given) -> String {
    let mut loaded = loaded(&given.csv);
    let fields = loaded.schema.fields.iter_mut();
    for field in fields.filter(|field| given.dropped.contains(&field.name.as_str())) {
        field.role = Role::Ignored;
    }
    let importance = ColumnImportance {
        columns: vec![column("age", 0.6, "age"), column("job", 0.4, "job_target")],
    };
    let point = |at_seconds, name: &str, score| TrialPoint {
        at_seconds,
        name: name.into(),
        score,
    };
    render(&Page {
        manifest: &manifest(given.name, &loaded),
        target: "income",
        model: Path::new("models/income of all"),
        data: &Data::of(&loaded, &loaded.schema, "income", Some(&importance)),
        options: &options(),
        plan: Some(&plan()),
        learners: &[registry::LEARNERS[0], gradient_boosting()],
        course: &course(),
        leaderboard: &leaderboard(given.learner),
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
        out_of_fold: &given.out_of_fold,
        importance: Some(&importance),
        explanations: &given.explanations,
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
