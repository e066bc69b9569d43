//! The steps that are not about text, one a file: parameters, fitting and the fitted form side by side.

pub(crate) mod combine_categories;
pub(crate) mod correlation_filter;
pub(crate) mod datetime;
pub(crate) mod frequency;
pub(crate) mod group_aggregate;
pub(crate) mod hashing;
pub(crate) mod impute;
pub(crate) mod interactions;
pub(crate) mod number_as_category;
pub(crate) mod one_hot;
pub(crate) mod ordinal;
pub(crate) mod pca;
pub(crate) mod scale;
pub(crate) mod select_k_best;
pub(crate) mod target_encode;
pub(crate) mod variance_filter;
