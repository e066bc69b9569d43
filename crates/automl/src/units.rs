//! Durations, sizes and shares as people type them.

use automl_core::Level;
use std::time::Duration;

/// The level of a quantile, such as `0.9`.
///
/// # Errors
/// A sentence for the user.
pub(crate) fn level(text: &str) -> Result<Level, String> {
    let Ok(share) = text.trim().parse::<f64>() else {
        return Err(format!("'{text}' is no probability such as 0.9"));
    };
    Level::try_from(share).map_err(|error| error.to_string())
}

/// How many of something, of which there must be one.
///
/// # Errors
/// A sentence for the user: no whole number, or none at all.
pub(crate) fn at_least_one(text: &str) -> Result<u64, String> {
    match text.trim().parse::<u64>() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("'{text}' is no whole number from 1 on")),
    }
}

/// A name that an endpoint can have, and that means nothing to a shell.
pub(crate) fn endpoint_name(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if begins && text.len() <= 63 && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("a name has letters, digits, '.', '_' and '-', at most 63, and begins with one of the first two".into())
}

#[cfg(test)]
mod tests;

/// The longest duration accepted: one year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Reads `60`, `60s`, `500ms`, `50us`, `2m`, `1.5h`, `1h30m`, `1d`; a plain number counts seconds.
///
/// # Errors
/// A sentence for the user: not a duration, zero, or over a year.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unreadable = || format!("'{text}' is not a duration such as 60, 60s, 2m or 1h30m");
    let text = text.trim();
    let (is_negative, amount) = match text.strip_prefix('-') {
        Some(amount) => (true, amount),
        None => (false, text),
    };
    let seconds = seconds(amount).ok_or_else(unreadable)?;
    if is_negative || seconds == 0.0 {
        return Err("a duration must be more than zero".into());
    }
    if seconds > MAX_SECONDS {
        return Err("a duration must be at most a year".into());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Reads how long ago something was, as [`duration`] does; `0s` is now.
///
/// # Errors
/// A sentence for the user: not an age, or over a hundred years.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let unreadable = || format!("'{text}' is not an age such as 7d, 12h, 1h30m or 0s");
    let seconds = seconds(text).ok_or_else(unreadable)?;
    if seconds > 100.0 * MAX_SECONDS {
        return Err("an age must be at most a hundred years".into());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Finite and at least 0; none if it cannot be read.
fn seconds(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    if let Ok(plain) = rest.parse::<f64>() {
        seconds = plain;
        rest = "";
    }
    while !rest.is_empty() {
        let (amount, tail) = leading_number(rest)?;
        let end = tail
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(tail.len());
        let unit = match &tail[..end] {
            "us" | "µs" => 1e-6,
            "ms" => 0.001,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => return None,
        };
        seconds += amount * unit;
        rest = tail[end..].trim_start();
    }
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}

/// Reads a probability from 0 to 1, such as `0.3` or `30%`.
///
/// # Errors
/// A sentence for the user: not a probability.
pub(crate) fn probability(text: &str) -> Result<f64, String> {
    let trimmed = text.trim();
    let (number, divisor) = match trimmed.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (trimmed, 1.0),
    };
    let value = number.trim().parse::<f64>().map(|number| number / divisor);
    value
        .ok()
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or_else(|| format!("'{text}' is not a probability from 0 to 1, such as 0.3 or 30%"))
}

/// Reads `v3=90`: a name and whole percents.
///
/// # Errors
/// A sentence for the user: no such pair.
pub(crate) fn percent(text: &str) -> Result<(String, u32), String> {
    let pair = text.trim().rsplit_once('=');
    let read = pair.and_then(|(name, percents)| {
        let percents: u32 = percents.trim_end_matches('%').trim().parse().ok()?;
        Some((name.trim().to_owned(), percents))
            .filter(|(name, percents)| !name.is_empty() && *percents <= 100)
    });
    read.ok_or_else(|| format!("'{text}' is not a name with whole percents, such as v3=90"))
}

/// Reads `4GiB`, `512MB`, `1.5G`; `K`, `M`, `G`, `T` and `KiB`… count in powers of 1024, `KB`… in powers of 1000, a plain
/// number counts bytes.
///
/// # Errors
/// A sentence for the user: not a size, or zero.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let unreadable = || format!("'{text}' is not a size such as 4GiB, 512MB or 2000000");
    let (amount, unit) = leading_number(text.trim()).ok_or_else(unreadable)?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024.0 * 1024.0,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        _ => return Err(unreadable()),
    };
    let n_bytes = amount * factor;
    if n_bytes < 1.0 || n_bytes > u64::MAX as f64 {
        return Err("a size must be at least one byte".into());
    }
    Ok(n_bytes as u64)
}

/// Reads a share such as `0.2` or `20%`, above 0 and below 1.
///
/// # Errors
/// A sentence for the user: not a number, or out of range.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let trimmed = text.trim();
    let value = match trimmed.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().map(|value| value / 100.0),
        None => trimmed.parse::<f64>(),
    };
    match value {
        Ok(value) if value > 0.0 && value < 1.0 => Ok(value),
        _ => Err(format!(
            "'{text}' is not a share above 0 and below 1, such as 0.2 or 20%"
        )),
    }
}

/// Reads the name of an experiment.
///
/// # Errors
/// A sentence for the user: nothing, or too long.
pub(crate) fn experiment(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("an experiment needs a name".into());
    }
    match text.chars().count() {
        0..=MAX_EXPERIMENT_NAME => Ok(text.to_owned()),
        count => Err(format!(
            "the name of an experiment has at most {MAX_EXPERIMENT_NAME} characters; this one has {count}"
        )),
    }
}

/// Where a workspace is.
///
/// # Errors
/// A sentence for the user: nothing.
pub(crate) fn workspace(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("a workspace has a place, such as .automl; leave it out for that one".into());
    }
    Ok(text.to_owned())
}

/// Characters of the name of an experiment.
const MAX_EXPERIMENT_NAME: usize = 500;

/// Reads how often something may be, such as `50` or `0.5`: finite and above 0.
///
/// # Errors
/// A sentence for the user: not such a number.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let value = text.trim().parse::<f64>().ok();
    value
        .filter(|value| value.is_finite() && *value > 0.0)
        .ok_or_else(|| format!("'{text}' is not a number above 0, such as 50"))
}

/// Reads one byte that separates cells: a character, or `tab`, `\t`, `comma`, `semicolon`, `pipe`, `space`.
///
/// # Errors
/// A sentence for the user: not one ASCII character.
pub(crate) fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => return Ok(b'\t'),
        "comma" => return Ok(b','),
        "semicolon" => return Ok(b';'),
        "pipe" => return Ok(b'|'),
        "space" => return Ok(b' '),
        _ => {}
    }
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err(format!(
            "'{text}' is not one character such as ';', or tab, comma, semicolon, pipe, space"
        )),
    }
}

/// The number at the start of `text` and what follows it; signs and exponents are not part of a quantity.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    Some((number, text[end..].trim_start()))
}
