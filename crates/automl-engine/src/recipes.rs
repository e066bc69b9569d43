//! The recipes that trials choose from, by name.

use automl_features::Recipe;
use std::sync::LazyLock;

/// Names and recipes. A name is part of leaderboards and search histories: never reuse one for another recipe.
static RECIPES: LazyLock<Vec<(&'static str, Recipe)>> = LazyLock::new(|| {
    vec![
        ("none", Recipe::new(Vec::new())),
        ("trees", Recipe::for_trees()),
        ("trees_target", Recipe::for_trees_target_encoded()),
        ("trees_pairs", Recipe::for_trees_with_pairs()),
        ("trees_crosses", Recipe::for_trees_with_crosses()),
        ("linear", Recipe::for_linear()),
        ("linear_codes", Recipe::for_linear_codes()),
        ("neighbours", Recipe::for_neighbours()),
        ("bayes", Recipe::for_naive_bayes()),
    ]
});

/// The recipe called `name`, which must be one of the list.
pub(crate) fn recipe(name: &str) -> &'static Recipe {
    &RECIPES
        .iter()
        .find(|(known, _)| *known == name)
        .expect("configurations name listed recipes")
        .1
}

/// All names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    RECIPES.iter().map(|(known, _)| *known)
}

/// The listed name that is written like this, if there is one.
pub(crate) fn name(written: &str) -> Option<&'static str> {
    names().find(|known| *known == written)
}
