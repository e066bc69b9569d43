//! Numbers and truth values as people write them.

use std::borrow::Cow;

/// What a cell is as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Parsed {
    /// A finite number.
    Finite(f64),
    /// `inf` in one of its spellings, or a number beyond the range of a double.
    Infinite,
    /// No number.
    Not,
}

/// Reads `1234`, `-1.5e-3`, `+.5`, `1,234,567.8` and the words for infinity. The text is trimmed.
pub(crate) fn parse_number(text: &str) -> Parsed {
    let bytes = text.as_bytes();
    let unsigned = match bytes {
        [b'+' | b'-', rest @ ..] => rest,
        all => all,
    };
    match unsigned.first() {
        Some(b'0'..=b'9' | b'.') => {}
        Some(b'i' | b'I') => {
            let word = std::str::from_utf8(unsigned).unwrap_or_default();
            let is_infinite = ["inf", "infinity"]
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known));
            return if is_infinite {
                Parsed::Infinite
            } else {
                Parsed::Not
            };
        }
        _ => return Parsed::Not,
    }
    if let Some(value) = parse_short_integer(unsigned) {
        let value = value as f64;
        return Parsed::Finite(if bytes[0] == b'-' { -value } else { value });
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Parsed::Finite(value),
        Ok(_) => Parsed::Infinite,
        Err(_) if has_thousands(unsigned) => {
            let joined: String = text.chars().filter(|&c| c != ',').collect();
            joined.parse().map_or(Parsed::Not, Parsed::Finite)
        }
        Err(_) => Parsed::Not,
    }
}

/// Whether `text` is a whole number with more digits than a double keeps, so that it would be read as a neighbour of
/// itself: `9007199254740993`, not `9007199254740992`. A number that is the shortest way to write its double is none.
pub(crate) fn loses_digits(text: &str) -> bool {
    // Fifteen digits always fit.
    if text.len() <= 15 {
        return false;
    }
    let digits: String = text.chars().filter(|&c| c != ',').collect();
    let written = digits.trim_start_matches(['+', '-', '0']);
    is_digits(&digits)
        && !written.is_empty()
        && (written.parse::<f64>()).is_ok_and(|value| value.to_string() != written)
}

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberStyle {
    decimal: Decimal,
    groups: Groups,
}

/// What stands between the whole part and the fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decimal {
    /// `1,234.5`
    Point,
    /// `1.234,5`
    Comma,
    /// A column of decimal commas in a file that may have been written elsewhere: `1234,5` or `1234.5`.
    Either,
}

/// What stands between thousands, beside the one of point and comma that is not the decimal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Groups {
    None,
    /// `1 234`: a blank, perhaps one that breaks no line or a narrow one.
    Spaces,
    /// `1'234`
    Apostrophes,
}

impl Groups {
    fn has(self, c: char) -> bool {
        match self {
            Self::None => false,
            Self::Spaces => matches!(c, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}'),
            Self::Apostrophes => matches!(c, '\'' | '\u{2019}'),
        }
    }

    /// The text without its separators of thousands; `None` where they stand elsewhere than between groups of three
    /// digits of the whole part, or where the first group begins with zero, as those of telephone numbers do.
    fn joined(self, text: &str) -> Option<Cow<'_, str>> {
        if !text.contains(|c| self.has(c)) {
            return Some(Cow::Borrowed(text));
        }
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = (unsigned.find(|c: char| !c.is_ascii_digit() && !self.has(c)))
            .unwrap_or(unsigned.len());
        let (whole, rest) = unsigned.split_at(end);
        let mut groups = whole.split(|c| self.has(c));
        let first = groups.next().unwrap_or_default();
        let is_right = (1..=3).contains(&first.len())
            && !first.starts_with('0')
            && groups.all(|group| group.len() == 3)
            && !rest.contains(|c| self.has(c));
        is_right.then(|| Cow::Owned(text.chars().filter(|&c| !self.has(c)).collect()))
    }
}

/// What a schema's `format` says of each style that is not the usual one.
const FORMATS: [(&str, NumberStyle); 5] = [
    (
        "decimal comma",
        NumberStyle::of_parts(Decimal::Comma, Groups::None),
    ),
    (
        "space thousands",
        NumberStyle::of_parts(Decimal::Point, Groups::Spaces),
    ),
    (
        "space thousands, decimal comma",
        NumberStyle::of_parts(Decimal::Comma, Groups::Spaces),
    ),
    (
        "apostrophe thousands",
        NumberStyle::of_parts(Decimal::Point, Groups::Apostrophes),
    ),
    (
        "apostrophe thousands, decimal comma",
        NumberStyle::of_parts(Decimal::Comma, Groups::Apostrophes),
    ),
];

impl NumberStyle {
    /// `1,234.5`
    pub(crate) const POINT: Self = Self::of_parts(Decimal::Point, Groups::None);
    /// `1,234.5`, or `1234,5` where there is a comma.
    pub(crate) const EITHER: Self = Self::of_parts(Decimal::Either, Groups::None);

    const fn of_parts(decimal: Decimal, groups: Groups) -> Self {
        Self { decimal, groups }
    }

    /// The style that a schema's `format` means.
    pub(crate) fn of(format: Option<&str>) -> Self {
        (FORMATS.iter())
            .find(|(known, _)| Some(*known) == format)
            .map_or(Self::POINT, |(_, style)| *style)
    }

    /// What a schema's `format` says of the style; nothing of the usual one.
    pub(crate) fn format(self) -> Option<String> {
        (FORMATS.iter())
            .find(|(_, style)| *style == self)
            .map(|(format, _)| (*format).to_owned())
    }

    /// The style as it is read in a file in which no decimal comma is to be expected: a comma still is one where there is
    /// one.
    pub(crate) fn tolerant(self) -> Self {
        match self.decimal {
            Decimal::Comma => Self::of_parts(Decimal::Either, self.groups),
            Decimal::Point | Decimal::Either => self,
        }
    }

    /// The one style in which all of `texts` are numbers, if that is not the usual one.
    pub(crate) fn detect(texts: &[&str], may_have_decimal_commas: bool) -> Option<Self> {
        let has = |wanted: &dyn Fn(char) -> bool| texts.iter().any(|text| text.contains(wanted));
        let groups = [Groups::Spaces, Groups::Apostrophes]
            .into_iter()
            .find(|groups| has(&|c| groups.has(c)))
            .unwrap_or(Groups::None);
        let decimal = if may_have_decimal_commas && has(&|c| c == ',') {
            Decimal::Comma
        } else {
            Decimal::Point
        };
        let style = Self::of_parts(decimal, groups);
        let fits = style != Self::POINT && texts.iter().all(|text| style.agrees(text));
        fits.then_some(style)
    }

    /// Whether `text` is a number of this style, with its thousands apart if it has five whole digits or more.
    fn agrees(self, text: &str) -> bool {
        let is_apart = self.groups == Groups::None || text.contains(|c| self.groups.has(c));
        let n_digits = || {
            let unsigned = text.trim_start_matches(['+', '-']).bytes();
            unsigned.take_while(u8::is_ascii_digit).count()
        };
        self.parse(text) != Parsed::Not && (is_apart || n_digits() <= 4)
    }

    /// Reads trimmed text.
    #[inline]
    pub(crate) fn parse(self, text: &str) -> Parsed {
        match self.groups {
            Groups::None => self.parse_joined(text),
            groups => match groups.joined(text) {
                Some(joined) => self.parse_joined(&joined),
                None => Parsed::Not,
            },
        }
    }

    #[inline]
    fn parse_joined(self, text: &str) -> Parsed {
        let has_comma = || text.contains(',');
        match self.decimal {
            Decimal::Comma if has_comma() || text.contains('.') => parse_number(&exchanged(text)),
            Decimal::Either if has_comma() => parse_number(&exchanged(text)),
            _ => parse_number(text),
        }
    }

    /// As [`loses_digits`], for numbers of this style.
    pub(crate) fn loses_digits(self, text: &str) -> bool {
        if text.len() <= 15 {
            return false;
        }
        match (self.groups.joined(text), self.decimal) {
            (None, _) => false,
            (Some(joined), Decimal::Comma) => loses_digits(&exchanged(&joined)),
            (Some(joined), _) => loses_digits(&joined),
        }
    }
}

/// The text with points for commas and commas for points.
fn exchanged(text: &str) -> String {
    let exchange = |c| match c {
        ',' => '.',
        '.' => ',',
        other => other,
    };
    text.chars().map(exchange).collect()
}

/// Up to fifteen digits, which a double holds exactly.
#[inline]
fn parse_short_integer(digits: &[u8]) -> Option<u64> {
    if digits.len() > 15 {
        return None;
    }
    let mut value = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
    }
    Some(value)
}

/// Whether commas stand between groups of three digits, as in `1,234,567.8`.
fn has_thousands(unsigned: &[u8]) -> bool {
    let whole = unsigned
        .split(|&byte| byte == b'.' || byte == b'e' || byte == b'E')
        .next()
        .unwrap_or_default();
    let after_whole = &unsigned[whole.len()..];
    let mut groups = whole.split(|&byte| byte == b',');
    let first = groups.next().unwrap_or_default();
    let mut n_groups = 0;
    for group in groups {
        n_groups += 1;
        if group.len() != 3 || !group.iter().all(u8::is_ascii_digit) {
            return false;
        }
    }
    n_groups > 0
        && (1..=3).contains(&first.len())
        && first.iter().all(u8::is_ascii_digit)
        && !after_whole.contains(&b',')
}

/// Whether the text is digits only, perhaps signed: an integer that is not written as a decimal.
pub(crate) fn is_digits(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit())
}

/// The pairs of words for false and true, lower case.
const PAIRS: [[&str; 2]; 5] = [
    ["false", "true"],
    ["no", "yes"],
    ["n", "y"],
    ["f", "t"],
    ["0", "1"],
];

/// The pair of words that `text` belongs to, and whether it means true; any case.
pub(crate) fn parse_boolean(text: &str) -> Option<(usize, bool)> {
    if text.len() > 5 {
        return None;
    }
    PAIRS.iter().enumerate().find_map(|(pair, [no, yes])| {
        if text.eq_ignore_ascii_case(no) {
            Some((pair, false))
        } else if text.eq_ignore_ascii_case(yes) {
            Some((pair, true))
        } else {
            None
        }
    })
}
