//! Dates and times as people write them, read to microseconds since 1970-01-01T00:00:00Z.
//!
//! A time without a zone counts as UTC, so differences and calendar parts are those that were written. Years of two
//! digits are those of POSIX: 69 to 99 mean 1969 to 1999, 00 to 68 mean 2000 to 2068.

use super::zones::{Zone, zone};
use automl_core::MISSING_TIME;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use std::fmt;

/// How the dates of a column are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Style {
    /// Year first (`2013-08-14`, `2013/8/14`, `20130814T101500`, `2013-08`) or a month in letters (`14-Aug-2013`,
    /// `Wed, 14 Aug 2013 10:15:00 +0000`).
    Iso,
    /// `08/14/2013`, `8/14/13`
    MonthFirst,
    /// `14/08/2013`, `14.08.2013`, `14.08.13`
    DayFirst,
    /// An strftime pattern from a schema file.
    Pattern(String),
}

const MONTH_FIRST: &str = "%m/%d/%Y";
const DAY_FIRST: &str = "%d/%m/%Y";

impl Style {
    /// The style that a schema's `format` means.
    pub(crate) fn of(format: Option<&str>) -> Self {
        match format {
            None => Self::Iso,
            Some(MONTH_FIRST) => Self::MonthFirst,
            Some(DAY_FIRST) => Self::DayFirst,
            Some(pattern) => Self::Pattern(pattern.to_owned()),
        }
    }

    /// What a schema's `format` says for this style.
    pub(crate) fn format(&self) -> Option<String> {
        match self {
            Self::Iso => None,
            Self::MonthFirst => Some(MONTH_FIRST.into()),
            Self::DayFirst => Some(DAY_FIRST.into()),
            Self::Pattern(pattern) => Some(pattern.clone()),
        }
    }

    /// Reads trimmed text.
    pub(crate) fn parse(&self, whole: &str) -> Option<i64> {
        let text = without_weekday(whole);
        let micros = match self {
            Self::Iso => parse_iso(text).or_else(|| parse_named(text)),
            Self::MonthFirst => parse_parts(text, |first, second| (first, second)),
            Self::DayFirst => parse_parts(text, |first, second| (second, first)),
            Self::Pattern(pattern) => parse_pattern(whole, pattern),
        }?;
        (micros != MISSING_TIME).then_some(micros)
    }
}

/// Shows microseconds as ISO 8601, a plain date where the time is midnight.
pub(crate) struct Iso(pub(crate) i64);

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(timestamp) = Timestamp::from_microsecond(self.0) else {
            // Beyond the calendar, which ends with the year 9999.
            return write!(f, "{}", self.0);
        };
        let civil = Offset::UTC.to_datetime(timestamp);
        if civil.time() == Time::midnight() {
            civil.date().fmt(f)
        } else {
            timestamp.fmt(f)
        }
    }
}

fn midnight(date: Date) -> Option<i64> {
    Zone::UTC.micros(DateTime::from_parts(date, Time::midnight()))
}

/// A reader over the bytes of a cell.
pub(super) struct Scan<'a>(pub(super) &'a [u8]);

impl Scan<'_> {
    /// A number of `min` to `max` digits, as many as there are.
    pub(super) fn digits(&mut self, min: usize, max: usize) -> Option<i64> {
        let n_digits = self
            .0
            .iter()
            .take(max)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if n_digits < min {
            return None;
        }
        let value = self.0[..n_digits]
            .iter()
            .fold(0, |value, &byte| value * 10 + i64::from(byte - b'0'));
        self.0 = &self.0[n_digits..];
        Some(value)
    }

    pub(super) fn n_digits(&self) -> usize {
        self.0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    pub(super) fn eat_any(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = *self.0.first()?;
        bytes.contains(&byte).then(|| {
            self.0 = &self.0[1..];
            byte
        })
    }

    fn eat_word(&mut self, word: &[u8]) -> bool {
        let found = self
            .0
            .get(..word.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(word));
        if found {
            self.0 = &self.0[word.len()..];
        }
        found
    }

    fn blanks(&mut self) {
        while self.eat(b' ') {}
    }
}

fn date(year: i64, month: i64, day: i64) -> Option<Date> {
    Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()
}

fn parse_iso(text: &str) -> Option<i64> {
    let mut scan = Scan(text.as_bytes());
    let date = match scan.n_digits() {
        8 => date(scan.digits(4, 4)?, scan.digits(2, 2)?, scan.digits(2, 2)?)?,
        4 => {
            let year = scan.digits(4, 4)?;
            let separator = scan.eat_any(b"-/.")?;
            let month = scan.digits(1, 2)?;
            if scan.0.is_empty() && separator != b'.' {
                return midnight(date(year, month, 1)?);
            }
            if !scan.eat(separator) {
                return None;
            }
            date(year, month, scan.digits(1, 2)?)?
        }
        _ => return None,
    };
    finish(date, scan)
}

/// Two numbers whose meaning `order` gives as (month, day), and a year. One of two digits is told from the parts of
/// `1.2.13`, which may be a version, by slashes or by two digits of day and month.
fn parse_parts(text: &str, order: fn(i64, i64) -> (i64, i64)) -> Option<i64> {
    let mut scan = Scan(text.as_bytes());
    let first = scan.digits(1, 2)?;
    let separator = scan.eat_any(b"/.-")?;
    let second = scan.digits(1, 2)?;
    if !scan.eat(separator) {
        return None;
    }
    let is_short = scan.n_digits() == 2 && separator != b'/';
    let are_padded = [2, 5].map(|place| text.as_bytes().get(place)) == [Some(&separator); 2];
    if is_short && !are_padded {
        return None;
    }
    let year = year(&mut scan)?;
    let (month, day) = order(first, second);
    finish(date(year, month, day)?, scan)
}

/// A year of four digits or two.
fn year(scan: &mut Scan<'_>) -> Option<i64> {
    match scan.n_digits() {
        4 => scan.digits(4, 4),
        2 => {
            let short = scan.digits(2, 2)?;
            Some(if short < 69 { 2000 } else { 1900 } + short)
        }
        _ => None,
    }
}

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// The text behind a weekday: `14 Aug 2013` of `Wed, 14 Aug 2013`.
fn without_weekday(text: &str) -> &str {
    let n_letters = (text.bytes()).take_while(u8::is_ascii_alphabetic).count();
    if n_letters < 3 {
        return text;
    }
    let (word, rest) = text.split_at(n_letters);
    let is_weekday = WEEKDAYS
        .iter()
        .any(|day| word.eq_ignore_ascii_case(day) || word.eq_ignore_ascii_case(&day[..3]));
    if is_weekday {
        rest.trim_start_matches([',', '.', ' '])
    } else {
        text
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// `14-Aug-2013`, `14 August 2013`, `14-Aug-13`, `Aug 14, 2013`, `Aug 14 10:15:00 +0000 2013`.
fn parse_named(text: &str) -> Option<i64> {
    let mut scan = Scan(text.as_bytes());
    let separators = b" -/.,";
    let month_first = scan.0.first()?.is_ascii_alphabetic();
    let (day, month) = if month_first {
        let month = named_month(&mut scan)?;
        while scan.eat_any(separators).is_some() {}
        (scan.digits(1, 2)?, month)
    } else {
        let day = scan.digits(1, 2)?;
        while scan.eat_any(separators).is_some() {}
        (day, named_month(&mut scan)?)
    };
    if let Some((clock, last)) = (scan.0.split_at_checked(scan.0.len().saturating_sub(5)))
        && clock.contains(&b':')
        && let [b' ', digits @ ..] = last
        && digits.len() == 4
        && let Some(year) = Scan(digits).digits(4, 4)
    {
        return finish(date(year, month, day)?, Scan(clock));
    }
    scan.eat_any(separators)?;
    while scan.eat_any(separators).is_some() {}
    let year = year(&mut scan)?;
    finish(date(year, month, day)?, scan)
}

fn named_month(scan: &mut Scan<'_>) -> Option<i64> {
    let n_letters = scan
        .0
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let word = scan.0[..n_letters].to_ascii_lowercase();
    let month = MONTHS
        .iter()
        .position(|month| word == month.as_bytes() || word == month.as_bytes()[..3])?;
    scan.0 = &scan.0[n_letters..];
    Some(month as i64 + 1)
}

/// Reads what follows the date: nothing, or a time with perhaps a fraction, AM or PM and a zone.
fn finish(date: Date, mut scan: Scan<'_>) -> Option<i64> {
    if scan.0.is_empty() {
        return midnight(date);
    }
    if scan.eat_any(b"Tt").is_none() {
        if !scan.eat(b' ') && !scan.eat(b',') {
            return None;
        }
        scan.blanks();
    }
    let compact = scan.n_digits() >= 4;
    let hour = scan.digits(1, 2)?;
    let (mut minute, mut second, mut nanos) = (0, 0, 0);
    if compact || scan.eat(b':') {
        minute = scan.digits(2, 2)?;
        let has_second = if compact {
            scan.n_digits() >= 2
        } else {
            scan.eat(b':')
        };
        if has_second {
            second = scan.digits(2, 2)?;
            if scan.eat_any(b".,").is_some() {
                nanos = fraction(&mut scan)?;
            }
        }
    }
    scan.blanks();
    let hour = half_day(hour, &mut scan)?;
    scan.blanks();
    let zone = zone(&mut scan)?;
    let time = Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        i32::try_from(nanos).ok()?,
    )
    .ok()?;
    zone.micros(DateTime::from_parts(date, time))
}

/// Digits of a second's fraction, in nanoseconds; what is finer is cut.
fn fraction(scan: &mut Scan<'_>) -> Option<i64> {
    let n_digits = scan.n_digits().min(9);
    let value = scan.digits(1, 9)?;
    while scan.n_digits() > 0 {
        scan.digits(1, 9)?;
    }
    Some(value * 10_i64.pow(9 - n_digits as u32))
}

fn half_day(hour: i64, scan: &mut Scan<'_>) -> Option<i64> {
    let is_half = (1..=12).contains(&hour);
    if scan.eat_word(b"AM") {
        is_half.then_some(hour % 12)
    } else if scan.eat_word(b"PM") {
        is_half.then_some(hour % 12 + 12)
    } else {
        Some(hour)
    }
}

/// A pattern with a zone gives an instant; one without a time gives midnight.
fn parse_pattern(text: &str, pattern: &str) -> Option<i64> {
    let parsed = jiff::fmt::strtime::parse(pattern, text).ok()?;
    if let Ok(timestamp) = parsed.to_timestamp() {
        return Some(timestamp.as_microsecond());
    }
    let date = parsed.to_date().ok()?;
    let time = parsed.to_time().unwrap_or(Time::midnight());
    Zone::UTC.micros(DateTime::from_parts(date, time))
}

/// What the dates of a column look like when all are taken together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Detected {
    /// All are dates of one style.
    Clear(Style),
    /// Both orders fit all dates; the one given is the usual one for their separator.
    Ambiguous(Style),
}

/// The style in which every one of `texts` can be read; there is at least one.
pub(crate) fn detect(texts: &[&str]) -> Option<Detected> {
    let fits = |style: &Style| texts.iter().all(|text| style.parse(text).is_some());
    if fits(&Style::Iso) {
        return Some(Detected::Clear(Style::Iso));
    }
    match (fits(&Style::MonthFirst), fits(&Style::DayFirst)) {
        (true, false) => Some(Detected::Clear(Style::MonthFirst)),
        (false, true) => Some(Detected::Clear(Style::DayFirst)),
        (true, true) if texts.iter().all(|text| text.contains('/')) => {
            Some(Detected::Ambiguous(Style::MonthFirst))
        }
        (true, true) => Some(Detected::Ambiguous(Style::DayFirst)),
        (false, false) => None,
    }
}

/// Of texts that nearly all look like dates but cannot all be read in one style, those that cannot be read in the style
/// that fits most of them, by number; `None` for other texts.
pub(crate) fn unread(texts: &[&str]) -> Option<Vec<usize>> {
    let n_shaped = texts.iter().filter(|text| is_shaped(text)).count();
    if n_shaped * 10 < texts.len() * 9 {
        return None;
    }
    let unread_in = |style: &Style| -> Vec<usize> {
        (0..texts.len())
            .filter(|&text| style.parse(texts[text]).is_none())
            .collect()
    };
    [Style::Iso, Style::MonthFirst, Style::DayFirst]
        .iter()
        .map(unread_in)
        .min_by_key(Vec::len)
}

/// Whether the text begins as dates do, whether there is such a day or not: `2013-02-30`, `31.12.13 24:00`, `5 May`.
fn is_shaped(text: &str) -> bool {
    let mut scan = Scan(without_weekday(text).as_bytes());
    if scan.0.first().is_some_and(u8::is_ascii_alphabetic) {
        return named_month(&mut scan).is_some() && scan.0.iter().any(u8::is_ascii_digit);
    }
    let day_or_year = scan.n_digits();
    if !matches!(day_or_year, 1 | 2 | 4) || scan.digits(1, 4).is_none() {
        return false;
    }
    let Some(separator) = scan.eat_any(b"-/. ") else {
        return false;
    };
    if scan.0.first().is_some_and(u8::is_ascii_alphabetic) {
        return named_month(&mut scan).is_some();
    }
    let small = |scan: &mut Scan<'_>| {
        let is_small = matches!(scan.n_digits(), 1 | 2);
        is_small && scan.digits(1, 2).is_some_and(|part| part <= 31)
    };
    if separator == b' ' || !small(&mut scan) || !scan.eat(separator) {
        return false;
    }
    let ends = if day_or_year == 4 {
        small(&mut scan)
    } else {
        year(&mut scan).is_some()
    };
    ends && matches!(scan.0.first(), None | Some(b' ' | b',' | b'T' | b't'))
}
