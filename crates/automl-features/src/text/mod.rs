//! The steps that read texts.

pub(crate) mod stats;
pub(crate) mod svd;
pub(crate) mod tfidf;
pub(crate) mod tokens;
