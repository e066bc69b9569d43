//! The steps that are not about text, one a file: parameters, fitting and the fitted form side by side.

pub(crate) mod datetime;
pub(crate) mod frequency;
pub(crate) mod hashing;
pub(crate) mod impute;
pub(crate) mod number_as_category;
pub(crate) mod one_hot;
pub(crate) mod ordinal;
pub(crate) mod scale;
pub(crate) mod target_encode;
