//! Numbers, durations and tables as text.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

/// How a column of a text table is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A score with the digits that matter: five decimals below 10, fewer above, `-` for not a number.
pub(crate) fn score(value: f64) -> String {
    // Adding zero turns -0 into 0.
    let (value, size) = (value + 0.0, value.abs());
    if value.is_nan() {
        "-".into()
    } else if size >= 1e7 || (size > 0.0 && size < 1e-4) {
        format!("{value:.4e}")
    } else if size >= 1000.0 {
        format!("{value:.2}")
    } else if size >= 10.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.5}")
    }
}

/// `54 trials scored of 130 started`.
pub(crate) fn trials(n_scored: u64, n_started: u64) -> String {
    let scored = counted(n_scored, "trial");
    format!("{scored} scored of {} started", count(n_started))
}

/// A probability with up to four digits behind the point, such as `0.5` or `0.0312`.
pub(crate) fn probability(value: f64) -> String {
    if value > 0.0 && value < 1e-4 {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `48,842`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Whether a shell takes a text as it is, in quotes and outside of them.
pub(crate) fn is_plain_word(text: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    !text.is_empty() && text.chars().all(is_plain)
}

/// A path as a shell takes it: quoted where it holds anything but letters, digits and `/._-+=:@%,`.
pub(crate) fn shell_word(text: &str) -> String {
    if is_plain_word(text) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(value: u64, noun: &str) -> String {
    format!("{} {}", count(value), plural(value, noun))
}

/// A noun as it stands behind a number.
pub(crate) fn plural(value: u64, noun: &str) -> String {
    let ending = if value == 1 { "" } else { "s" };
    format!("{noun}{ending}")
}

/// `0.4s`, `12s`, `1m 05s`, `2h 03m`.
pub(crate) fn seconds(value: f64) -> String {
    let whole = value.max(0.0).round() as u64;
    if value < 9.95 {
        format!("{:.1}s", value.max(0.0))
    } else if whole < 60 {
        format!("{whole}s")
    } else if whole < 3600 {
        format!("{}m {:02}s", whole / 60, whole % 60)
    } else {
        format!("{}h {:02}m", whole / 3600, whole % 3600 / 60)
    }
}

/// `0:07`, `12:03`, `1:02:03`: a clock beside a progress bar.
pub(crate) fn clock(value: f64) -> String {
    let whole = value.max(0.0) as u64;
    if whole < 3600 {
        format!("{}:{:02}", whole / 60, whole % 60)
    } else {
        format!(
            "{}:{:02}:{:02}",
            whole / 3600,
            whole % 3600 / 60,
            whole % 60
        )
    }
}

/// `12.5%`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// Lines of a name and its value each; those without a value are left out.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let mut lines = String::new();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        // A string takes all that is written.
        let _written = writeln!(lines, "{name:8}{value}");
    }
    lines
}

/// `text` cut to `width` characters, with an ellipsis where something is gone.
pub(crate) fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(width.saturating_sub(1)).collect();
    clipped.push('…');
    clipped
}

/// Rows under a heading, columns aligned and two blanks apart; each line ends in a newline.
pub(crate) fn table(heading: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heading
        .iter()
        .map(|(title, _)| title.chars().count())
        .collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let aligns: Vec<Align> = heading.iter().map(|(_, align)| *align).collect();
    let titles: Vec<String> = heading
        .iter()
        .map(|(title, _)| (*title).to_owned())
        .collect();
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for ((cell, width), align) in row.iter().zip(&widths).zip(&aligns) {
            let pad = " ".repeat(width - cell.chars().count());
            match align {
                Align::Left => line.extend([cell, pad.as_str(), "  "]),
                Align::Right => line.extend([pad.as_str(), cell, "  "]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
