//! Numbers and truth values as people write them.

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

/// What a schema's `format` says of numbers like `1.234,5`.
pub(crate) const DECIMAL_COMMA: &str = "decimal comma";

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberStyle {
    /// `1,234.5`
    Point,
    /// `1.234,5`
    Comma,
    /// A column of decimal commas in a file that may have been written elsewhere: `1234,5` or `1234.5`.
    Either,
}

impl NumberStyle {
    /// The style that a schema's `format` means.
    pub(crate) fn of(format: Option<&str>) -> Self {
        match format {
            Some(DECIMAL_COMMA) => Self::Comma,
            _ => Self::Point,
        }
    }

    /// Reads trimmed text.
    #[inline]
    pub(crate) fn parse(self, text: &str) -> Parsed {
        let has_comma = || text.contains(',');
        match self {
            Self::Comma if has_comma() || text.contains('.') => parse_number(&exchanged(text)),
            Self::Either if has_comma() => parse_number(&exchanged(text)),
            _ => parse_number(text),
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
