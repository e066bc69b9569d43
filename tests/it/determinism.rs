//! The same data, settings and seed give the same bytes, however many threads there are.

use crate::harness::Desk;

fn assert_same_weights(fit: &str) {
    let desk = Desk::new();
    for (threads, output) in [(1, "one"), (2, "two"), (2, "again")] {
        desk.automl_ok(&format!(
            "fit {fit} --seed 7 --threads {threads} --output {output}"
        ));
    }
    let weights = |model: &str| desk.read(&format!("{model}/weights.safetensors"));
    assert!(!weights("one").is_empty());
    assert!(
        weights("one") == weights("two"),
        "one and two threads give other bytes: {fit}"
    );
    assert!(
        weights("two") == weights("again"),
        "two runs give other bytes: {fit}"
    );
}

#[test]
fn a_search_with_text_and_two_classes_is_the_same_at_any_thread_count() {
    assert_same_weights(
        "datasets/churn.csv --target churned --max-trials 5 --quality fast --holdout 0.3",
    );
}

#[test]
fn a_search_with_folds_and_numbers_is_the_same_at_any_thread_count() {
    assert_same_weights("datasets/rents.csv --target rent_eur --max-trials 4 --folds 2");
}

#[test]
fn a_search_with_many_classes_is_the_same_at_any_thread_count() {
    assert_same_weights("datasets/tickets.csv --target queue --max-trials 4 --holdout 0.3");
}

#[test]
fn tuning_beyond_the_fixed_configurations_is_the_same_at_any_thread_count() {
    assert_same_weights(
        "datasets/churn.csv --target churned --max-trials 14 --holdout 0.3 --include logistic_regression",
    );
}

#[test]
fn tuning_trees_and_leaving_early_is_the_same_at_any_thread_count() {
    assert_same_weights(
        "datasets/tickets.csv --target queue --max-trials 14 --quality fast --holdout 0.5 --include gradient_boosting,random_forest",
    );
}

#[test]
fn another_seed_gives_another_model() {
    let desk = Desk::new();
    for seed in [1, 2] {
        let fit = "fit datasets/churn.csv --target churned --max-trials 1 --holdout 0.3 --include gradient_boosting";
        desk.automl_ok(&format!("{fit} --seed {seed} --output model-{seed}"));
    }
    assert!(desk.read("model-1/weights.safetensors") != desk.read("model-2/weights.safetensors"));
}
