//! From cells to level codes, the same way when a table is learned from and when rows are scored.

use crate::infer::Dictionary;
use crate::infer::values::{Parsed, loses_digits, parse_boolean, parse_number};
use automl_core::{Levels, MISSING_CODE, UNSEEN_CODE};

/// Codes cells by known levels.
///
/// A cell that is no level as written may still be one by meaning: `1.0` for the level `1` if all levels are
/// numbers, `TRUE`, `1` or `1.0` for the level `True` if the levels are two truth values.
///
/// ```
/// use automl_core::{Levels, UNSEEN_CODE};
/// use automl_data::LevelCoder;
///
/// let coder = LevelCoder::new(Levels::new(["0", "1"]), &[]);
/// assert_eq!(["1", "1.0", "True", "no"].map(|text| coder.code(text)), [1, 1, 1, 0]);
/// assert_eq!(coder.code("maybe"), UNSEEN_CODE);
/// ```
pub struct LevelCoder {
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

impl std::fmt::Debug for LevelCoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LevelCoder")
            .field("levels", &self.levels)
            .finish_non_exhaustive()
    }
}

impl LevelCoder {
    /// A coder for levels in code order. A missing mark among them is no level.
    pub fn new(levels: Levels, missing: &[String]) -> Self {
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
    pub fn code(&self, text: &str) -> u32 {
        match self.known.find(text) {
            Some(found) => self.codes[found as usize],
            None => self.code_by_meaning(text),
        }
    }

    fn code_by_meaning(&self, text: &str) -> u32 {
        if let Some(codes) = self.booleans
            && let Some(value) = truth(text)
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

/// Whether `text` means true, in any pair of words or as the number 0 or 1.
fn truth(text: &str) -> Option<bool> {
    let word = parse_boolean(text).map(|(_, value)| value);
    word.or_else(|| match parse_number(text) {
        Parsed::Finite(0.0) => Some(false),
        Parsed::Finite(1.0) => Some(true),
        _ => None,
    })
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
