//! From the distinct cells of a whole column to its kind, role, levels and time format.

mod dictionary;
mod kinds;
pub(crate) mod times;
pub(crate) mod values;
mod zones;

pub(crate) use dictionary::{Dictionary, with_text};
pub(crate) use kinds::{Distinct, Finding, Guess, guess};
