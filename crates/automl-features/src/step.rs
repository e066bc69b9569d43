//! The list of steps: each is a struct of parameters that knows how to fit itself.

use crate::fitted::FittedPart;
use crate::frame::Frame;
use crate::{
    CombineCategories, CorrelationFilter, Datetime, Frequency, GroupAggregate, Hashing, Impute,
    Interactions, NumberAsCategory, OneHot, Ordinal, Pca, Scale, SelectKBest, TargetEncode,
    TextStats, TextSvd, TextTfidf, VarianceFilter,
};
use automl_core::{FitError, ParamError};
use serde::{Deserialize, Serialize};

/// What each step's parameters can do.
pub(crate) trait StepParams {
    /// Whether the step reads the target.
    fn is_supervised(&self) -> bool {
        false
    }

    /// Whether the parameters can be used.
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }

    /// Learns from the frame's training rows.
    fn fit(&self, frame: &Frame<'_>) -> Result<FittedPart, FitError>;
}

macro_rules! steps {
    ($($(#[doc = $doc:literal])* $variant:ident => $id:literal,)*) => {
        /// One step of a recipe; in YAML a map of its name to its parameters.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum Step {
            $($(#[doc = $doc])* #[serde(rename = $id)] $variant($variant),)*
        }

        impl Step {
            /// Its name in YAML and in artifacts.
            pub fn id(&self) -> &'static str {
                match self { $(Self::$variant(_) => $id,)* }
            }

            /// The names of all steps.
            pub const IDS: &'static [&'static str] = &[$($id,)*];

            pub(crate) fn params(&self) -> &dyn StepParams {
                match self { $(Self::$variant(params) => params,)* }
            }
        }

        $(impl From<$variant> for Step {
            fn from(params: $variant) -> Self {
                Self::$variant(params)
            }
        })*
    };
}

steps! {
    /// Fills missing cells.
    Impute => "impute",
    /// Brings numbers to a common scale.
    Scale => "scale",
    /// One indicator a level.
    OneHot => "one_hot",
    /// Level codes as numbers.
    Ordinal => "ordinal",
    /// The mean target of each level.
    TargetEncode => "target_encode",
    /// The share of rows of each level.
    Frequency => "frequency",
    /// Levels or words hashed into buckets.
    Hashing => "hashing",
    /// Calendar parts of times.
    Datetime => "datetime",
    /// Term weights of texts.
    TextTfidf => "text_tfidf",
    /// Sparse vectors reduced to a few numbers.
    TextSvd => "text_svd",
    /// Lengths and character shares of texts.
    TextStats => "text_stats",
    /// Products, ratios and differences of numbers.
    Interactions => "interactions",
    /// Means and deviations of numbers within categories.
    GroupAggregate => "group_aggregate",
    /// Whole numbers that repeat as categories.
    NumberAsCategory => "number_as_category",
    /// Pairs of categories crossed.
    CombineCategories => "combine_categories",
    /// Drops numbers that hardly vary.
    VarianceFilter => "variance_filter",
    /// Drops numbers that follow another.
    CorrelationFilter => "correlation_filter",
    /// Keeps the features that tell most of the target.
    SelectKBest => "select_k_best",
    /// Principal components of the numbers.
    Pca => "pca",
}

/// The step's name as a constant.
pub(crate) fn static_id(id: &str) -> Option<&'static str> {
    Step::IDS.iter().copied().find(|known| *known == id)
}
