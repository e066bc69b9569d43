//! A parameter without effect is told, one with effect is not.

use crate::tests::{classification, regression, wave};
use crate::{GRADIENT_BOOSTING, GradientBoostingParams};
use automl_core::*;

/// What a fit with these parameters warns of.
fn told(map: &ParamMap, data: &Dataset) -> Vec<String> {
    let warnings = Warnings::default();
    let ctx = FitContext {
        seed: Seed(1),
        threads: Threads::one(),
        budget: Budget::unlimited(),
        warnings: &warnings,
    };
    let learner = (GRADIENT_BOOSTING.build)(map).unwrap();
    learner
        .fit(&ctx, &data.view(&data.all_rows()).into())
        .unwrap();
    let all = warnings.list();
    assert!(
        all.iter()
            .all(|one| one.kind == WarningKind::ParameterIgnored)
    );
    all.into_iter().map(|one| one.message).collect()
}

fn numbers() -> Dataset {
    let (x, y) = wave(80);
    let y = y.into_iter().map(|y| y + 1.0).collect();
    regression(vec![("x", Column::Number(x))], y)
}

fn classes(n_classes: usize) -> Dataset {
    let (x, _) = wave(80);
    let codes = x.iter().map(|x| (x * n_classes as f64) as u32).collect();
    classification(vec![("x", Column::Number(x))], codes, n_classes)
}

fn map(text: &str) -> ParamMap {
    let mut map: ParamMap = serde_json::from_str(text).unwrap();
    if !map.contains_key("n_trees") {
        map.insert("n_trees".into(), ParamValue::Int(2));
    }
    map
}

#[test]
fn what_has_no_effect_is_told_and_what_has_is_not() {
    let (numbers, two, three) = (numbers(), classes(2), classes(3));
    let idle: [(&str, &Dataset, &[&str]); 22] = [
        (r#"{"objective":"poisson"}"#, &two, &["objective"]),
        (r#"{"objective":"poisson"}"#, &numbers, &[]),
        (r#"{"multiclass":"one_vs_rest"}"#, &numbers, &["multiclass"]),
        (r#"{"multiclass":"one_vs_rest"}"#, &two, &["multiclass"]),
        (r#"{"multiclass":"one_vs_rest"}"#, &three, &[]),
        (r#"{"max_step":1.0}"#, &numbers, &["max_step"]),
        (r#"{"max_step":1.0}"#, &three, &[]),
        (r#"{"max_step":1.0,"objective":"gamma"}"#, &numbers, &[]),
        (r#"{"alpha":0.5}"#, &numbers, &["alpha"]),
        (r#"{"alpha":0.5,"objective":"huber"}"#, &numbers, &[]),
        (
            r#"{"alpha":0.5,"objective":"quantile"}"#,
            &two,
            &["objective", "alpha"],
        ),
        (r#"{"tweedie_power":1.2}"#, &numbers, &["tweedie_power"]),
        (
            r#"{"tweedie_power":1.2,"objective":"tweedie"}"#,
            &numbers,
            &[],
        ),
        (
            r#"{"skip_drop":0.0,"max_drop":3}"#,
            &numbers,
            &["max_drop", "skip_drop"],
        ),
        (
            r#"{"skip_drop":0.0,"max_drop":3,"boosting":"dart"}"#,
            &numbers,
            &[],
        ),
        (r#"{"goss_top_share":0.3}"#, &numbers, &["goss_top_share"]),
        (
            r#"{"goss_top_share":0.3,"row_sampling":"goss","row_fraction":0.5}"#,
            &numbers,
            &["row_fraction"],
        ),
        (
            r#"{"mvs_regularization":0.0,"row_sampling":"mvs"}"#,
            &numbers,
            &[],
        ),
        (
            r#"{"n_trees":7,"generalization_budget":0.5}"#,
            &numbers,
            &["n_trees"],
        ),
        (
            r#"{"max_leaves":8,"growth":"symmetric"}"#,
            &numbers,
            &["max_leaves"],
        ),
        (r#"{"linear_l2":1.0}"#, &numbers, &["linear_l2"]),
        (
            r#"{"eval_metric":"mae","early_stopping_rounds":0}"#,
            &numbers,
            &["eval_metric"],
        ),
    ];
    for (text, data, expected) in idle {
        let told = told(&map(text), data);
        let mut names: Vec<&str> = told
            .iter()
            .map(|message| message.split_once(' ').unwrap().0)
            .collect();
        // A budget sets the number of trees that the helper gives.
        names.retain(|name| text.contains(name));
        assert_eq!(names, expected, "{text}: {told:?}");
    }
}

#[test]
fn the_word_for_another_librarys_alpha_says_what_to_set() {
    let told = told(&map(r#"{"alpha":0.1}"#), &numbers());
    assert_eq!(
        told,
        [
            "alpha = 0.1 has no effect: it is the quantile of objective = quantile and the share of objective = huber; to \
          shrink leaves, as XGBoost's alpha does, set l1"
        ]
    );
}

#[test]
fn what_a_search_varies_is_of_use_in_every_fit_that_it_makes() {
    for data in [numbers(), classes(2), classes(3)] {
        let mut map = map("{}");
        for spec in GradientBoostingParams::SPECS {
            let value = match spec.search {
                None => continue,
                Some(Domain::Float { low, .. }) => ParamValue::Float(low),
                Some(Domain::Int { low, .. }) => ParamValue::Int(low),
                Some(Domain::Choice(names)) => ParamValue::Text(names[names.len() - 1].into()),
                Some(Domain::Bool | Domain::Text) => ParamValue::Bool(true),
            };
            map.insert(spec.name.to_owned(), value);
        }
        assert_eq!(told(&map, &data), [""; 0]);
    }
}
