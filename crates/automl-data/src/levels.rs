//! From cells to level codes, the same way when a table is learned from and when rows are scored.

use crate::infer::Dictionary;
use crate::infer::values::{Parsed, loses_digits, parse_boolean, parse_number};
use automl_core::{Levels, MISSING_CODE, UNSEEN_CODE};

/// Codes cells by known levels.
///
/// A cell that is no level as written may still be one by meaning: `1.0` for the level `1` if all levels are
/// numbers, `TRUE` or `1` for the level `True` if the levels are two truth values.
pub(crate) struct LevelCoder {
    levels: Levels,
    /// Missing marks and levels.
    known: Dictionary,
    /// The code of each known text.
    codes: Vec<u32>,
    /// Level values in rising order with their codes; empty if a level is no number, or one of more digits than a number
    /// keeps.
    numbers: Vec<(f64, u32)>,
    /// The codes of false and true, if the levels are a pair of truth values.
    booleans: Option<[u32; 2]>,
}

impl LevelCoder {
    /// A coder for levels in code order. A missing mark among them is no level.
    pub(crate) fn new(levels: Levels, missing: &[String]) -> Self {
        let mut known = Dictionary::default();
        let mut codes = Vec::new();
        for mark in std::iter::once("").chain(missing.iter().map(|mark| mark.trim_ascii())) {
            if known.code(mark) as usize == codes.len() {
                codes.push(MISSING_CODE);
            }
        }
        for (code, level) in levels.iter().enumerate() {
            if known.code(level) as usize == codes.len() {
                codes.push(code as u32);
            }
        }
        let mut numbers = Vec::new();
        let truths: Option<Vec<(usize, bool)>> = levels.iter().map(parse_boolean).collect();
        let booleans = match truths.as_deref() {
            Some(&[(pair, first), (other, second)]) if pair == other && first != second => {
                Some(if first { [1, 0] } else { [0, 1] })
            }
            _ => None,
        };
        for (code, level) in levels.iter().enumerate() {
            match parse_number(level) {
                Parsed::Finite(value) if !loses_digits(level) => numbers.push((value, code as u32)),
                _ => {
                    numbers.clear();
                    break;
                }
            }
        }
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self {
            levels,
            known,
            codes,
            numbers,
            booleans,
        }
    }

    pub(crate) fn levels(&self) -> &Levels {
        &self.levels
    }

    /// The code of trimmed text.
    #[inline]
    pub(crate) fn code(&self, text: &str) -> u32 {
        match self.known.find(text) {
            Some(found) => self.codes[found as usize],
            None => self.code_by_meaning(text),
        }
    }

    fn code_by_meaning(&self, text: &str) -> u32 {
        if let Some(codes) = self.booleans
            && let Some((_, value)) = parse_boolean(text)
        {
            return codes[usize::from(value)];
        }
        if !self.numbers.is_empty()
            && !loses_digits(text)
            && let Parsed::Finite(value) = parse_number(text)
        {
            let position = self.numbers.partition_point(|&(level, _)| level < value);
            if let Some(&(level, code)) = self.numbers.get(position)
                && level == value
            {
                return code;
            }
        }
        UNSEEN_CODE
    }
}

/// Levels in an order that does not depend on that of the rows: by value if all are numbers, else by their letters.
pub(crate) fn sort_levels(levels: &mut [&str]) {
    let values: Option<Vec<f64>> = levels
        .iter()
        .map(|level| match parse_number(level) {
            Parsed::Finite(value) => Some(value),
            _ => None,
        })
        .collect();
    match values {
        None => levels.sort_unstable(),
        Some(values) => {
            let mut order: Vec<(f64, &str)> =
                values.into_iter().zip(levels.iter().copied()).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
            for (slot, (_, level)) in levels.iter_mut().zip(order) {
                *slot = level;
            }
        }
    }
}
