//! The profile as plain data.

use automl_core::{Kind, Role, Warning};
use serde::{Deserialize, Serialize};

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// What the table is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Rows of the table.
    pub n_rows: u64,
    /// Rows that associations, leaks, repeated columns and drift were computed on.
    pub n_rows_sampled: u64,
    /// Bytes that the table takes in memory.
    pub n_bytes: u64,
    /// What is to be predicted, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetProfile>,
    /// Rows that repeat others.
    pub repeated_rows: RepeatedRows,
    /// The second table, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherTable>,
    /// What the user should know, the gravest first.
    pub warnings: Vec<Warning>,
    /// One entry a column, in the table's order.
    pub columns: Vec<ColumnProfile>,
}

/// What is to be predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetProfile {
    /// The column.
    pub name: String,
    /// Whether it was taken as classes rather than as a number.
    pub is_class: bool,
}

/// A second table to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherTable {
    /// Its rows.
    pub n_rows: u64,
    /// How well a model tells its rows from those of the first, if one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_apart: Option<ToldApart>,
}

/// How well a model tells the rows of two tables apart (adversarial validation).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldApart {
    /// Area under the ROC curve on rows that it had not seen: 1 tells all.
    pub roc_auc: f64,
    /// What it may be where the tables differ by nothing: a half and three standard errors.
    pub by_chance: f64,
    /// Rows of both that it was asked about.
    pub n_rows: u64,
    /// The columns that it looks at most.
    pub columns: Vec<ToldColumn>,
}

/// A column that tells two tables apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldColumn {
    /// Its name.
    pub column: String,
    /// Its share in the model's decisions.
    pub share: f64,
}

/// Rows that repeat others, identifiers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RepeatedRows {
    /// Rows equal to an earlier row.
    pub n_exact: u64,
    /// Rows equal to an earlier row once decimals are rounded to a hundredth of their spread and of their size and
    /// texts lose case and outer blanks; counts the exact ones too, and only them where rounding alone explains the
    /// others.
    pub n_near: u64,
    /// Whether independent columns of these values would repeat rows about as often: there are few combinations.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_chance: bool,
    /// Rows whose features equal those of a row with another target.
    pub n_contradicting: u64,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// What it is for.
    pub role: Role,
    /// Missing cells.
    pub n_missing: u64,
    /// Distinct values, missing apart.
    pub n_distinct: u64,
    /// Its values in numbers.
    pub summary: Summary,
    /// How much it says of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub association: Option<Association>,
    /// How it differs in the second table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
}

impl ColumnProfile {
    /// Missing cells as a share of `n_rows`.
    pub fn missing_share(&self, n_rows: u64) -> f64 {
        self.n_missing as f64 / n_rows.max(1) as f64
    }
}

/// A column's values in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "lowercase")]
pub enum Summary {
    /// Every cell is missing.
    Nothing,
    /// Numbers.
    Numbers(NumberSummary),
    /// Levels.
    Levels(CategorySummary),
    /// Free texts.
    Texts(TextSummary),
    /// Moments.
    Times(TimestampSummary),
}

/// Numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "each field is named for the statistic it holds"
)]
pub struct NumberSummary {
    pub mean: f64,
    /// Standard deviation with n - 1; zero for one value.
    pub std: f64,
    pub min: f64,
    pub q05: f64,
    pub q25: f64,
    pub median: f64,
    pub q75: f64,
    pub q95: f64,
    pub max: f64,
    pub histogram: Histogram,
}

impl NumberSummary {
    /// Whether the numbers look like years: whole ones of modern times.
    pub(super) fn are_years(&self) -> bool {
        let is_whole = [self.min, self.q25, self.median, self.q75, self.max]
            .iter()
            // The quantiles of whole numbers may lie between two of them.
            .all(|value| (value * 4.0).fract() == 0.0);
        is_whole
            && self.min.fract() == 0.0
            && self.max.fract() == 0.0
            && self.min >= 1500.0
            && self.max <= 2200.0
    }
}

/// Counts of values between edges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Bounds of the bars, one more than there are; a value on a bound counts to the bar above it.
    pub edges: Vec<f64>,
    /// Values in each bar.
    pub counts: Vec<u64>,
    /// Whether the first bar also holds all that is below it.
    pub is_open_below: bool,
    /// Whether the last bar also holds all that is above it.
    pub is_open_above: bool,
}

/// A category's levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategorySummary {
    /// The most frequent levels, most frequent first; at most ten.
    pub top: Vec<LevelCount>,
    /// Cells of all other levels together.
    pub n_other: u64,
    /// Cells of the rarest level.
    pub n_rarest: u64,
    /// The rarest level.
    pub rarest: String,
}

/// How often a level occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelCount {
    /// The level.
    pub level: String,
    /// Its cells.
    pub count: u64,
}

/// Free texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextSummary {
    /// Characters of the shortest text.
    pub n_chars_min: u64,
    /// Characters of the mean text.
    pub n_chars_mean: f64,
    /// Characters of the longest text.
    pub n_chars_max: u64,
    /// Words of the mean text.
    pub n_words_mean: f64,
    /// Texts by their number of characters.
    pub histogram: Histogram,
    /// The first texts, cut to 120 characters; at most three.
    pub examples: Vec<String>,
}

/// Moments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimestampSummary {
    /// The earliest, as a date where all moments are at midnight.
    pub min: String,
    /// The middle one.
    pub median: String,
    /// The latest.
    pub max: String,
    /// Moments over time, in seconds since 1970.
    pub histogram: Histogram,
}

/// How much a column says of the target.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Association {
    /// From 0 (nothing) to 1 (all), comparable between columns of any kind: the square root of the share of the
    /// target's variance (number) or entropy (class) that the column alone explains in rows not learned from. For a
    /// straight line it is the size of Pearson's correlation.
    pub score: f64,
    /// Pearson's correlation, number with number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pearson: Option<f64>,
    /// Spearman's rank correlation, number with number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spearman: Option<f64>,
    /// Correlation ratio η: number with category, whichever of them is the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_ratio: Option<f64>,
    /// Share of the target's entropy that is known with the column's level or one of ten bins, for class targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutual_information: Option<f64>,
}

/// How a column differs between two tables.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Drift {
    /// Greatest distance of the two distributions, from 0 to 1: Kolmogorov and Smirnov's statistic for numbers and
    /// moments, total variation for categories.
    pub distance: f64,
    /// Whether the distance is more than chance explains at these row counts.
    pub is_significant: bool,
    /// Population stability index over ten bins or the levels; above 0.25 is usually called a major shift.
    pub stability_index: f64,
    /// Share of missing cells in the second table.
    pub other_missing_share: f64,
    /// Share of the second table's rows whose level does not occur in the first.
    pub unseen_share: f64,
    /// Some of those levels, most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
}
