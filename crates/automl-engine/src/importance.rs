//! How much each column of the table matters to a model, whatever its recipes make of it.

use automl_core::Importance;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The mean of shares by feature, each with its weight; greatest first. `None` if there are none of weight.
pub(crate) fn weighted(parts: impl Iterator<Item = (f64, Importance)>) -> Option<Importance> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    let mut total = 0.0;
    for (weight, Importance(shares)) in parts {
        total += weight;
        for (name, share) in shares {
            *sums.entry(name).or_default() += weight * share;
        }
    }
    let sums = sums.into_iter();
    let mut shares: Vec<(String, f64)> = sums.map(|(name, sum)| (name, sum / total)).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    (total > 0.0).then_some(Importance(shares))
}

/// Columns of the table by how much they matter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnImportance {
    /// One a column that has a share, greatest first; shares sum to 1.
    pub columns: Vec<ImportantColumn>,
}

/// One column of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportantColumn {
    /// Its name.
    pub column: String,
    /// Its share in the model's decisions while it was fitted.
    pub share: f64,
    /// What the recipes made of it, greatest first.
    pub features: Vec<ImportantFeature>,
}

/// One feature as encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportantFeature {
    /// Its name, as the recipe made it.
    pub feature: String,
    /// What it adds to the column's share.
    pub share: f64,
}

/// Features, each with the columns that it is made from.
type Origins = Vec<(String, Vec<String>)>;

impl ColumnImportance {
    /// The sum over members of weight, importance by feature, and the columns that each feature is made from.
    pub(crate) fn sum(members: Vec<(f64, Importance, Origins)>) -> Option<Self> {
        let total: f64 = members.iter().map(|(weight, _, _)| weight).sum();
        let mut sums: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
        for (weight, Importance(shares), origins) in members {
            let origins: BTreeMap<String, Vec<String>> = origins.into_iter().collect();
            for (feature, share) in shares.into_iter().filter(|(_, share)| *share > 0.0) {
                let sources = origins.get(&feature).map_or(&[][..], Vec::as_slice);
                let part = weight / total * share / sources.len() as f64;
                for source in sources {
                    let features = sums.entry(source.clone()).or_default();
                    *features.entry(feature.clone()).or_default() += part;
                }
            }
        }
        let mut columns: Vec<ImportantColumn> = sums.into_iter().map(column).collect();
        columns.sort_by(|a, b| b.share.total_cmp(&a.share));
        (!columns.is_empty()).then_some(Self { columns })
    }
}

fn column((column, features): (String, BTreeMap<String, f64>)) -> ImportantColumn {
    let features = features.into_iter();
    let mut features: Vec<ImportantFeature> = features
        .map(|(feature, share)| ImportantFeature { feature, share })
        .collect();
    features.sort_by(|a, b| b.share.total_cmp(&a.share));
    ImportantColumn {
        column,
        share: features.iter().map(|feature| feature.share).sum(),
        features,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_features_go_to_the_columns_that_they_are_made_from() {
        let importance = |shares: &[(&str, f64)]| {
            let owned = shares.iter().map(|&(name, share)| (name.to_owned(), share));
            Importance(owned.collect())
        };
        let origins = |features: &[(&str, &[&str])]| {
            let owned = features.iter().map(|&(name, sources)| {
                let sources = sources.iter().map(|&source| source.to_owned());
                (name.to_owned(), sources.collect())
            });
            owned.collect::<Vec<(String, Vec<String>)>>()
        };
        let sum = ColumnImportance::sum(vec![
            (
                0.75,
                importance(&[("a_1", 0.5), ("a_2", 0.1), ("b", 0.4), ("c", 0.0)]),
                origins(&[
                    ("a_1", &["a"]),
                    ("a_2", &["a"]),
                    ("b", &["b"]),
                    ("c", &["c"]),
                ]),
            ),
            (
                0.25,
                importance(&[("a×b", 1.0)]),
                origins(&[("a×b", &["a", "b"])]),
            ),
        ]);
        let columns = sum.unwrap().columns;
        let shares: Vec<_> = columns
            .iter()
            .map(|column| (column.column.as_str(), (column.share * 1e6).round() / 1e6))
            .collect();
        assert_eq!(shares, [("a", 0.575), ("b", 0.425)]);
        let features: Vec<_> = columns[0]
            .features
            .iter()
            .map(|one| one.feature.as_str())
            .collect();
        assert_eq!(features, ["a_1", "a×b", "a_2"]);
    }

    #[test]
    fn a_model_that_cannot_say_has_none() {
        assert_eq!(ColumnImportance::sum(Vec::new()), None);
    }
}
