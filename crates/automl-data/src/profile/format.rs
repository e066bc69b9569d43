//! Numbers, shares and names as people read them.

/// Four significant digits, thousands apart: `0`, `48,842`, `0.002314`, `1.2e-7`.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e12).contains(&size) {
        return format!("{value:.2e}");
    }
    if value.fract() == 0.0 {
        return grouped(&format!("{value:.0}"));
    }
    let n_decimals = (3 - size.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.n_decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    grouped(text)
}

/// As [`number`], but without a comma in years.
pub(super) fn number_or_year(value: f64, is_year: bool) -> String {
    let text = number(value);
    if is_year { text.replace(',', "") } else { text }
}

/// A count with thousands apart.
pub(crate) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

fn grouped(text: &str) -> String {
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut out = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(rest);
    out
}

/// A share: `12.3 %`; neither 0 nor 100 unless it is.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.1 {
        "< 0.1 %".into()
    } else if percent < 100.0 && percent > 99.9 {
        "> 99.9 %".into()
    } else {
        format!("{percent:.1} %")
    }
}

/// Bytes with a unit: `12.3 MB`.
pub(super) fn bytes(n_bytes: u64) -> String {
    let mut size = n_bytes as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if size < 1000.0 {
            return if unit == "bytes" {
                format!("{size:.0} {unit}")
            } else {
                format!("{size:.1} {unit}")
            };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// `1 row`, `2 rows`.
pub(crate) fn plural(n: u64, word: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {word}{s}", count(n))
}

/// `a`, `a and b`, `a, b and c`, quoted.
pub(crate) fn and_list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// The text on one line, without characters that move the cursor.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Columns of a terminal that a text takes: two for wide East Asian characters and pictures, one otherwise.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The text cut to a width, with `…` at the cut.
pub(super) fn cut(text: &str, n_columns: usize) -> String {
    if width(text) <= n_columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        if used + char_width(c) + 1 > n_columns {
            break;
        }
        used += char_width(c);
        out.push(c);
    }
    out.push('…');
    out
}
