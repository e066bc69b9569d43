//! Ready recipes for families of learners; the same as the files in `configs/recipes`.
//!
//! Each copes with any mix of columns: a step without columns to work on does nothing.

use crate::{
    Analyzer, ColumnFilter, Columns, CombineCategories, Datetime, Frequency, Impute, Interactions,
    NumberAsCategory, OneHot, Recipe, Scale, ScaleMethod, TargetEncode, TextStats, TextSvd,
    TextTfidf,
};
use std::ops::RangeInclusive;

impl Recipe {
    /// How many distinct whole numbers that repeat are taken for categories by recipes that encode them.
    pub const CODES: RangeInclusive<usize> = MANY_LEVELS..=10_000;
    /// Pairs of categories that [`Recipe::for_trees_with_crosses`] joins at most.
    pub const MAX_CROSSES: usize = 28;

    /// For trees that take missing numbers and categories as they are: times and texts become numbers.
    pub fn for_trees() -> Self {
        let mut steps = vec![dates(false)];
        steps.extend(dense_texts(64));
        Self::new(steps)
    }

    /// For trees on tables whose categories have many levels: whole numbers that repeat become categories, and
    /// categories with many levels become shares and mean targets; those with few stay.
    pub fn for_trees_target_encoded() -> Self {
        let mut recipe = Self::for_trees();
        recipe.steps.extend(encodings());
        recipe
    }

    /// For trees on tables whose numbers tell more together: as [`Recipe::for_trees`], with products, ratios, differences and
    /// sums of those that tell most of the target.
    pub fn for_trees_with_pairs() -> Self {
        let mut recipe = Self::for_trees();
        let pairs = Interactions {
            max_columns: 20,
            max_features: 25,
            ..Interactions::default()
        };
        recipe.steps.push(pairs.into());
        recipe
    }

    /// For trees on tables of several categories: as [`Recipe::for_trees_target_encoded`], with pairs of categories, repeating whole
    /// numbers among them.
    pub fn for_trees_with_crosses() -> Self {
        let mut recipe = Self::for_trees();
        let [codes, shares, targets] = encodings();
        let crosses = CombineCategories {
            max_pairs: Self::MAX_CROSSES,
            min_count: 3,
            ..CombineCategories::default()
        };
        recipe
            .steps
            .extend([codes, crosses.into(), shares, targets]);
        recipe
    }

    /// For linear models and others that take sparse columns: words and characters of texts, indicators of levels,
    /// numbers with mean 0 and deviation 1.
    pub fn for_linear() -> Self {
        Self::new(vec![
            dates(true),
            TextStats::default().into(),
            TextTfidf {
                max_features: 50_000,
                min_chars: 1,
                keep: true,
                ..TextTfidf::default()
            }
            .into(),
            TextTfidf {
                analyzer: Analyzer::CharWb,
                ngrams: [3, 5],
                min_df: 2,
                max_features: 100_000,
                ..TextTfidf::default()
            }
            .into(),
            impute(),
            Scale::default().into(),
            OneHot {
                min_count: 2,
                ..OneHot::default()
            }
            .into(),
        ])
    }

    /// For linear models on tables of codes: as [`Recipe::for_linear`], with whole numbers that repeat as categories too.
    pub fn for_linear_codes() -> Self {
        let mut recipe = Self::for_linear();
        let codes = NumberAsCategory {
            min_levels: MANY_LEVELS,
            keep: true,
            ..NumberAsCategory::default()
        };
        recipe.steps.insert(0, codes.into());
        recipe
    }

    /// For distances between rows: few dense numbers of the same scale.
    pub fn for_neighbours() -> Self {
        let mut steps = vec![dates(true)];
        steps.extend(dense_texts(32));
        steps.extend([impute(), TargetEncode::default().into()]);
        steps.push(small_one_hot().into());
        steps.push(Scale::default().into());
        Self::new(steps)
    }

    /// For Gaussian naive Bayes: dense numbers, each made nearly normal.
    pub fn for_naive_bayes() -> Self {
        let mut steps = vec![dates(false)];
        steps.extend(dense_texts(32));
        steps.extend([
            impute(),
            Scale {
                method: ScaleMethod::Quantile,
                ..Scale::default()
            }
            .into(),
            TargetEncode::default().into(),
            small_one_hot().into(),
        ]);
        Self::new(steps)
    }
}

/// From so many levels on a category is better told by numbers than by itself.
const MANY_LEVELS: usize = 21;

/// Shares and mean targets of categories with many levels, repeating whole numbers among them.
fn encodings() -> [crate::Step; 3] {
    let codes = NumberAsCategory {
        min_levels: MANY_LEVELS,
        keep: true,
        ..NumberAsCategory::default()
    };
    let shares = Frequency {
        columns: Some(many_levels()),
        keep: true,
    };
    let targets = TargetEncode {
        columns: Some(many_levels()),
        ..TargetEncode::default()
    };
    [codes.into(), shares.into(), targets.into()]
}

fn many_levels() -> Columns {
    Columns::Where(ColumnFilter {
        min_levels: Some(MANY_LEVELS),
        ..ColumnFilter::default()
    })
}

fn dates(cycles: bool) -> crate::Step {
    let dates = Datetime {
        cycles,
        ..Datetime::default()
    };
    dates.into()
}

fn dense_texts(n_components: usize) -> [crate::Step; 3] {
    let words = TextTfidf {
        min_chars: 1,
        min_df: 2,
        ..TextTfidf::default()
    };
    let svd = TextSvd {
        n_components,
        ..TextSvd::default()
    };
    [TextStats::default().into(), words.into(), svd.into()]
}

fn impute() -> crate::Step {
    let impute = Impute {
        indicator: true,
        ..Impute::default()
    };
    impute.into()
}

fn small_one_hot() -> OneHot {
    OneHot {
        min_count: 5,
        max_levels: 10,
        layout: crate::Layout::Dense,
        ..OneHot::default()
    }
}
