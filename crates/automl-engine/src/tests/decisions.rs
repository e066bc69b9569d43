//! What is decided beyond the members: the threshold, the ceiling, what matters, and how long a search may go on.

use super::*;
use automl_core::{CostMatrix, Decision, Predictions, Task, WarningKind};

/// Two classes of which the second is rare and only roughly told by `x`.
fn rare(n_rows: usize) -> Dataset {
    let x: Vec<f64> = (0..n_rows)
        .map(|row| (row * 7919 % 1009) as f64 / 1009.0)
        .collect();
    let noise = |row: usize| (row * 104_729 % 997) as f64 / 997.0;
    let codes = x.iter().enumerate();
    let codes: Vec<u32> = codes
        .map(|(row, x)| u32::from(noise(row) < 0.35 * x * x))
        .collect();
    let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
    let classes = vec!["no".into(), "yes".into()];
    Dataset::new(
        table,
        Task::Binary { classes },
        Target::Classes(codes.into()),
    )
    .unwrap()
}

#[test]
fn a_metric_of_classes_gets_a_threshold_that_gains() {
    let data = rare(900);
    let by = |metric| {
        let options = FitOptions {
            metric: Some(metric),
            ..options(4)
        };
        run(&data, &options).unwrap()
    };
    let outcome = by(Metric::F1);
    let threshold = outcome.decision.threshold();
    let threshold = threshold.expect("a rare class has one");
    assert!((0.0..0.5).contains(&threshold), "{threshold}");
    let rows = &outcome.out_of_fold;
    let score = |threshold: Option<f64>| {
        let decided = rows.predictions.decided_by(&threshold.into());
        Metric::F1.score(&rows.target, &decided, None).unwrap()
    };
    assert!(score(Some(threshold)) > score(None));
    let best_trial = outcome.leaderboard.rows[1].score;
    assert!(
        outcome.score > best_trial,
        "the ensemble's score is with it"
    );
    assert_eq!(by(Metric::RocAuc).decision, Decision::Likeliest);
    assert_eq!(by(Metric::LogLoss).decision, Decision::Likeliest);
}

/// Three classes of which the third is rare and only roughly told by `x`.
fn rare_of_three(n_rows: usize) -> Dataset {
    let x: Vec<f64> = (0..n_rows)
        .map(|row| (row * 7919 % 1009) as f64 / 1009.0)
        .collect();
    let noise = |row: usize| (row * 104_729 % 997) as f64 / 997.0;
    let code = |(row, x): (usize, &f64)| match noise(row) {
        chance if chance < 0.3 * x * x => 2,
        chance => u32::from(chance < 0.6),
    };
    let codes: Vec<u32> = x.iter().enumerate().map(code).collect();
    let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
    let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
    let task = Task::Multiclass { classes };
    Dataset::new(table, task, Target::Classes(codes.into())).unwrap()
}

#[test]
fn a_metric_of_many_classes_gets_thresholds_that_gain() {
    let data = rare_of_three(900);
    let by = |metric| {
        let options = FitOptions {
            metric: Some(metric),
            ..options(4)
        };
        run(&data, &options).unwrap()
    };
    let outcome = by(Metric::BalancedAccuracy);
    let thresholds = outcome.decision.thresholds().expect("a class is rare");
    let [_, common, rare] = thresholds.values() else {
        panic!("three classes");
    };
    assert!(rare < common, "{thresholds:?}");
    let rows = &outcome.out_of_fold;
    let score = |decision: &Decision| {
        let decided = rows.predictions.decided_by(decision);
        Metric::BalancedAccuracy.score(&rows.target, &decided, None)
    };
    let plain = score(&Decision::Likeliest).unwrap();
    assert!(score(&outcome.decision).unwrap() > plain + 0.05, "{plain}");
    assert!(outcome.score > outcome.leaderboard.rows[1].score);
    let nested = outcome.nested.expect("there are rows enough").score;
    assert!(
        nested > plain,
        "the other half's thresholds gain, too: {nested} {plain}"
    );
    assert_eq!(by(Metric::LogLoss).decision, Decision::Likeliest);
}

#[test]
fn an_exponential_does_not_carry_predictions_beyond_what_was_seen() {
    // The target is linear in `x`, so its logarithm bends, and a line through that overshoots where `x` is great.
    let x: Vec<f64> = (0..600).map(|row| f64::from(row * 37 % 600)).collect();
    let target: Vec<f64> = x.iter().map(|x| (x / 40.0).exp()).collect();
    let greatest = target.iter().copied().fold(0.0, f64::max);
    let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
    let data = Dataset::new(table, Task::Regression, Target::Numbers(target.into())).unwrap();
    let options = FitOptions {
        include: vec!["elastic_net".into()],
        quality: Quality::Fast,
        ..options(8)
    };
    let outcome = run(&data, &options).unwrap();
    let far = Table::new(vec![("x".into(), Column::Number(vec![3000.0]))]).unwrap();
    let predicted = outcome.model.predict(&far.view()).unwrap().values()[0];
    assert!(
        predicted <= greatest * (1.0 + 1e-9),
        "{predicted} {greatest}"
    );
    let again = EnsembleModel::load(&outcome.model.artifact()).unwrap();
    assert_eq!(again.predict(&far.view()).unwrap().values(), [predicted]);
}

#[test]
fn importance_is_told_by_columns_of_the_table() {
    let data = synthetic::binary(300, 4);
    let outcome = run(&data, &options(8)).unwrap();
    let importance = outcome.model.column_importance().unwrap().unwrap();
    let total: f64 = importance.columns.iter().map(|column| column.share).sum();
    assert!((total - 1.0).abs() < 1e-9, "{total}");
    for column in &importance.columns {
        assert!(
            data.table().column(&column.column).is_some(),
            "{}",
            column.column
        );
        let features: f64 = column.features.iter().map(|feature| feature.share).sum();
        assert!((features - column.share).abs() < 1e-12);
    }
}

#[test]
fn trials_begun_are_those_scored_given_up_and_failed() {
    let data = synthetic::binary(300, 5);
    let outcome = run(&data, &options(20)).unwrap();
    assert_eq!(outcome.n_started, 20);
    assert!(outcome.n_trials <= 20);
    assert_eq!(outcome.leaderboard.rows.len() as u64, outcome.n_trials + 1);
}

#[test]
fn what_does_not_fit_the_memory_from_the_start_is_refused() {
    let data = synthetic::binary(60, 6);
    let warnings = Warnings::default();
    let run = FitRun {
        memory_in_use: &|| Some(31 << 20),
        ..FitRun::alone(&warnings)
    };
    let limited = FitOptions {
        memory_limit: Some(32 << 20),
        ..options(3)
    };
    let error = fit(&data, &limited, &run).err().unwrap();
    assert_eq!(error.code(), "fit-memory");
    assert_eq!(
        error.to_string(),
        "31 MiB of memory are in use before the search, too much for a limit of 32 MiB"
    );
    assert!(
        warnings
            .list()
            .iter()
            .all(|one| one.kind != WarningKind::BudgetReached)
    );
}

#[test]
fn other_names_of_learners_are_understood_as_hints() {
    let data = synthetic::binary(60, 6);
    let hint = |name: &str| {
        let options = FitOptions {
            include: vec![name.to_owned()],
            ..options(3)
        };
        run(&data, &options)
            .err()
            .and_then(|error| error.hint())
            .unwrap()
    };
    for name in [
        "lightgbm",
        "XGBoost",
        "catboost",
        "gbm",
        "Gradient-Boosting",
        "gradient_bosting",
    ] {
        assert_eq!(hint(name), "did you mean gradient_boosting?", "{name}");
    }
    assert_eq!(hint("knn"), "did you mean nearest_neighbours?");
    assert_eq!(
        hint("lr"),
        "did you mean logistic_regression or elastic_net?"
    );
    assert!(hint("zzz").starts_with("the learners are baseline, "));
}

#[test]
fn splits_are_told_with_the_columns_that_they_heed() {
    let data = synthetic::binary(60, 6);
    let heeding = |group, time| {
        let plan = Plan::new(&data, &options(3)).unwrap();
        let plan = plan.split_by(SplitBy { group, time });
        plan.validation.describe()
    };
    assert_eq!(heeding(None, None), "3-fold cross-validation");
    assert_eq!(
        heeding(Some("customer"), None),
        "3-fold cross-validation by group 'customer'"
    );
    assert_eq!(
        heeding(None, Some("day")),
        "3-fold cross-validation, forward in time by 'day'"
    );
}

#[test]
fn a_power_and_an_exposure_are_kept_with_the_model() {
    let data = synthetic::multiclass(300, 5);
    let options = FitOptions {
        metric: Some(Metric::LogLoss),
        ..options(4)
    };
    let model = run(&data, &options).unwrap().model;
    let plain = model.raised_to(None);
    let view = data.table().view();
    let before = plain.predict(&view).unwrap();
    let sharp = plain.raised_to(Some(2.0));
    let after = sharp.predict(&view).unwrap();
    let row = |of: &Predictions| of.values()[..of.width()].to_vec();
    let squares: Vec<f64> = row(&before).iter().map(|p| p * p).collect();
    let sum: f64 = squares.iter().sum();
    for (square, p) in squares.iter().zip(row(&after)) {
        assert!((square / sum - p).abs() < 1e-9);
    }
    let again = EnsembleModel::load(&sharp.artifact()).unwrap();
    assert_eq!(again.predict(&view).unwrap(), after);

    let mut damaged = sharp.artifact();
    damaged.meta["power"] = 0.0.into();
    assert!(EnsembleModel::load(&damaged).is_err());
    damaged.meta["power"] = 2.0.into();
    damaged.meta["exposure"] = "x".into();
    assert!(EnsembleModel::load(&damaged).is_err(), "classes have none");
}

#[test]
fn shuffling_a_column_costs_what_it_tells() {
    let n_rows = 500;
    let number = |factor: usize| -> Vec<f64> {
        let values = (0..n_rows).map(|row| (row * factor % 499) as f64 / 499.0);
        values.collect()
    };
    let (told, noise) = (number(211), number(97));
    let target: Vec<f64> = told.iter().map(|x| 10.0 * x).collect();
    let columns = [("told", told), ("noise", noise)];
    let columns = columns.map(|(name, values)| (name.to_owned(), Column::Number(values)));
    let table = Table::new(columns.into()).unwrap();
    let target_column = Target::Numbers(target.clone().into());
    let data = Dataset::new(table, Task::Regression, target_column).unwrap();
    let model = run(&data, &options(4)).unwrap().model;
    let rows = LabelledRows {
        table: data.table(),
        target: &target,
        weight: None,
        metric: Metric::Rmse,
        decision: &Decision::Likeliest,
    };
    let by = |threads| {
        let threads = automl_core::Threads::new(threads).unwrap();
        model
            .permutation_importance(&rows, 5.try_into().unwrap(), Seed(1), &threads)
            .unwrap()
    };
    let found = by(1);
    let [told, noise] = &found.columns[..] else {
        panic!("two columns");
    };
    assert_eq!((&told.column[..], &noise.column[..]), ("told", "noise"));
    // Two draws from a uniform distribution differ by the root of a sixth.
    let expected = 10.0 * (1.0_f64 / 6.0).sqrt() - found.score;
    assert!((told.worse_by / expected - 1.0).abs() < 0.1, "{told:?}");
    let [low, high] = told.interval.unwrap();
    assert!(low < told.worse_by && told.worse_by < high);
    assert!(low > 0.5 * expected && noise.interval.unwrap()[1] < 0.1 * expected);
    assert_eq!(by(3), found);
}

#[test]
fn learners_minimise_what_decides_where_they_can_and_nothing_else_was_said() {
    let x: Vec<f64> = (0..300).map(|row| f64::from(row * 37 % 100)).collect();
    // Not so skewed that their logarithm is learned.
    let counts: Vec<f64> = x.iter().map(|x| (3.0 + x / 20.0).round()).collect();
    let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
    let data = Dataset::new(table, Task::Regression, Target::Numbers(counts.into())).unwrap();
    let tried = |metric, portfolio: Option<Vec<crate::Configuration>>| {
        let learners = ["gradient_boosting", "elastic_net"];
        let options = FitOptions {
            metric: Some(metric),
            include: learners.map(str::to_owned).to_vec(),
            portfolio,
            ..options(30)
        };
        // The learners, each with what its trials minimised.
        let rows = run(&data, &options).unwrap().leaderboard.rows;
        let found = learners.map(|learner| {
            let own = rows.iter().filter(|row| row.learner == learner);
            let objectives = own.map(|row| row.params["objective"].to_string());
            objectives.collect::<std::collections::BTreeSet<String>>()
        });
        found.map(|objectives| objectives.into_iter().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(tried(Metric::PoissonDeviance, None), ["poisson", "poisson"]);
    assert_eq!(tried(Metric::TweedieDeviance, None), ["tweedie", "tweedie"]);
    assert_eq!(tried(Metric::Mae, None), ["absolute", "squared"]);
    assert_eq!(tried(Metric::Rmse, None), ["squared", "squared"]);
    let said = r#"[{"learner": "gradient_boosting", "params": {"objective": "squared"}}, {"learner": "elastic_net"}]"#;
    let said: Vec<crate::Configuration> = serde_json::from_str(said).unwrap();
    let options = FitOptions {
        metric: Some(Metric::PoissonDeviance),
        portfolio: Some(said),
        ..options(3)
    };
    let rows = run(&data, &options).unwrap().leaderboard.rows;
    let of = |learner: &str| {
        let row = rows.iter().find(|row| row.learner == learner);
        row.map(|row| row.params["objective"].to_string())
    };
    assert_eq!(of("gradient_boosting").as_deref(), Some("squared"));
    assert_eq!(of("elastic_net").as_deref(), Some("poisson"));
}

#[test]
fn counts_grow_with_the_exposure() {
    let n_rows = 400;
    let x: Vec<f64> = (0..n_rows).map(|row| f64::from(row * 37 % 100)).collect();
    let rates: Vec<f64> = x.iter().map(|x| (x / 50.0).exp()).collect();
    let table = Table::new(vec![("x".into(), Column::Number(x))]).unwrap();
    let data = Dataset::new(table, Task::Regression, Target::Numbers(rates.into())).unwrap();
    let outcome = run(&data, &options(4)).unwrap();
    assert!(outcome.intervals.is_some());
    let outcome = outcome.exposed_to("years");
    assert!(outcome.intervals.is_none());
    let rows = |years: [f64; 2]| {
        let x = Column::Number(vec![30.0, 30.0]);
        let years = Column::Number(years.to_vec());
        Table::new(vec![("x".into(), x), ("years".into(), years)]).unwrap()
    };
    let model = EnsembleModel::load(&outcome.model.artifact()).unwrap();
    let predicted = model.predict(&rows([1.0, 3.0]).view()).unwrap();
    let [one, three] = predicted.values() else {
        panic!("two rows");
    };
    assert!((three / one - 3.0).abs() < 1e-12);
    let error = model.predict(&rows([1.0, -1.0]).view()).unwrap_err();
    assert_eq!(error.code(), "predict-exposure");
}

#[test]
fn what_is_said_of_fewer_members_is_said_of_them_alone() {
    let data = synthetic::binary(300, 6);
    let options = options(8);
    let warnings = Warnings::default();
    let surroundings = FitRun::alone(&warnings);
    let plan = Plan::new(&data, &options).unwrap();
    let found = crate::search::run(&data, &plan, &options, &surroundings).unwrap();
    let all = crate::ensemble::select(&data, &plan, &found, &options, &surroundings).unwrap();
    assert!(all.members.len() > 1);
    let one = crate::ensemble::heaviest(&data, &plan, &found, &options, (&all, 1)).unwrap();
    let position = all.members[0].0;
    assert_eq!(one.members, [(position, 1.0)]);
    let scores = &found.trials[position].fold_scores;
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    assert!((one.score - mean).abs() < 1e-12);
    assert_eq!(one.nested, None, "what chose it chose others with it");
    assert_ne!(one.out_of_fold.predictions, all.out_of_fold.predictions);
}

#[test]
fn costs_choose_classes_and_probabilities_are_made_true_for_them() {
    let data = rare(900);
    let costs = CostMatrix::new(vec![vec![0.0, 1.0], vec![6.0, 0.0]]).unwrap();
    let outcome = |metric| {
        let options = FitOptions {
            metric: Some(metric),
            costs: Some(costs.clone()),
            ..options(4)
        };
        run(&data, &options)
    };
    let found = outcome(Metric::RocAuc).unwrap();
    assert_eq!(found.decision.threshold(), costs.threshold());
    let rows = &found.out_of_fold;
    let decision = Decision::Cheapest(costs.clone());
    let compared = costs.compared(&rows.target, &rows.predictions, &decision, None);
    let compared = compared.unwrap();
    assert!(compared.decided < compared.likeliest, "{compared:?}");
    assert!(compared.decided < compared.constant, "{compared:?}");
    assert_eq!(
        found.leaderboard.rows[0].mean_cost,
        Some(compared.decided),
        "the ensemble's is of the same rows"
    );
    let error = outcome(Metric::F1).err().expect("two things choose");
    assert_eq!(error.code(), "fit-costs-metric");
}
