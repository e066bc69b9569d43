//! Every feature knows the columns of the table that it is made from.

use super::{fit, mixed, recipe};
use crate::Recipe;

#[test]
fn features_know_the_columns_that_they_are_made_from() {
    let data = mixed(60);
    for recipe in [
        Recipe::new(Vec::new()),
        Recipe::for_trees_target_encoded(),
        Recipe::for_linear_codes(),
        Recipe::for_naive_bayes(),
        recipe(include_str!("../../../../configs/recipes/every_step.yaml")),
    ] {
        let (fitted, table) = fit(&recipe, &data);
        let origins = fitted.origins().unwrap();
        let names: Vec<&str> = origins.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, table.names().collect::<Vec<_>>());
        for (feature, sources) in &origins {
            assert!(!sources.is_empty(), "{feature} comes from nowhere");
            let is_input = |name: &String| data.table().column(name).is_some();
            assert!(sources.iter().all(is_input), "{feature}: {sources:?}");
            // Features are named after their sources, so the name tells whether the origin is right.
            let is_named = |source: &String| feature.contains(source.as_str());
            assert!(
                feature.starts_with("pca_") || sources.iter().any(is_named),
                "{feature} is said to come from {sources:?}"
            );
        }
    }
}

#[test]
fn a_feature_of_two_columns_comes_from_both() {
    let data = mixed(60);
    let (fitted, _) = fit(&recipe("steps: [{combine_categories: {}}]"), &data);
    let made = fitted.origins().unwrap().into_iter();
    let mut made = made.filter(|(_, sources)| sources.len() == 2);
    let (name, sources) = made.next().expect("there is a cross");
    assert!(sources.iter().all(|source| name.contains(source.as_str())));
}
