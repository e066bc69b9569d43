//! The zone behind a time of day: `Z`, `+0200`, ` -05:00`, `GMT+1`, `EST`, `Europe/Paris`, `+02:00[Europe/Paris]`.
//!
//! Places are looked up in the tz database inside the binary, so that no result depends on the machine's.

use super::times::Scan;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

/// Abbreviations that mean one offset wherever they are used, in hours from UTC. Left out are those that mean several:
/// CST (Chicago, Shanghai), IST, BST, AST.
const ABBREVIATIONS: [(&[u8], i64); 25] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"UT", 0),
    (b"Z", 0),
    (b"WET", 0),
    (b"WEST", 1),
    (b"CET", 1),
    (b"CEST", 2),
    (b"EET", 2),
    (b"EEST", 3),
    (b"MSK", 3),
    (b"EST", -5),
    (b"EDT", -4),
    (b"CDT", -5),
    (b"MST", -7),
    (b"MDT", -6),
    (b"PST", -8),
    (b"PDT", -7),
    (b"AKST", -9),
    (b"AKDT", -8),
    (b"HST", -10),
    (b"JST", 9),
    (b"AEST", 10),
    (b"AEDT", 11),
    (b"NZST", 12),
];

static PLACES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// How a time of day is turned into a moment.
pub(super) enum Zone {
    Offset(SignedDuration),
    Place(TimeZone),
}

impl Zone {
    pub(super) const UTC: Self = Self::Offset(SignedDuration::ZERO);

    /// Microseconds since 1970. An hour that a place's clocks skip counts as if they had not yet; of an hour that they
    /// repeat, the first is meant.
    pub(super) fn micros(&self, time: DateTime) -> Option<i64> {
        match self {
            Self::Offset(offset) => {
                let timestamp = Offset::UTC.to_timestamp(time).ok()?;
                let offset = i64::try_from(offset.as_micros()).ok()?;
                timestamp.as_microsecond().checked_sub(offset)
            }
            Self::Place(place) => {
                let timestamp = place.to_ambiguous_timestamp(time).compatible().ok()?;
                Some(timestamp.as_microsecond())
            }
        }
    }
}

/// Reads the rest of a cell, which begins at the zone; nothing is UTC.
pub(super) fn zone(scan: &mut Scan<'_>) -> Option<Zone> {
    if scan.0.is_empty() {
        return Some(Zone::UTC);
    }
    if scan.eat(b'[') {
        return place(scan.0.strip_suffix(b"]")?);
    }
    let n_letters = (scan.0.iter())
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    if n_letters == 0 {
        let offset = offset(scan)?;
        return is_remark(scan.0).then_some(Zone::Offset(offset));
    }
    let (word, rest) = scan.0.split_at(n_letters);
    if rest.contains(&b'/') {
        return place(scan.0);
    }
    let (_, hours) = (ABBREVIATIONS.iter()).find(|(known, _)| word.eq_ignore_ascii_case(known))?;
    scan.0 = rest;
    let beyond = match rest.first() {
        Some(b'+' | b'-') if *hours == 0 => offset(scan)?,
        _ => SignedDuration::ZERO,
    };
    is_remark(scan.0).then(|| Zone::Offset(SignedDuration::from_hours(*hours) + beyond))
}

/// `+02:00`, `-0500`, `+02`
fn offset(scan: &mut Scan<'_>) -> Option<SignedDuration> {
    let sign = match scan.eat_any(b"+-")? {
        b'-' => -1,
        _ => 1,
    };
    let hours = scan.digits(2, 2)?;
    let minutes = if scan.eat(b':') || scan.n_digits() == 2 {
        scan.digits(2, 2)?
    } else {
        0
    };
    (hours < 24 && minutes < 60).then(|| SignedDuration::from_mins(sign * (hours * 60 + minutes)))
}

/// Nothing, or what says once more where the offset before it holds: `[Europe/Paris]`, ` (PDT)`.
fn is_remark(rest: &[u8]) -> bool {
    match rest {
        [] => true,
        [b'[', name @ .., b']'] => place(name).is_some(),
        [b' ', b'(', name @ .., b')'] => name
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte == b' '),
        _ => false,
    }
}

fn place(name: &[u8]) -> Option<Zone> {
    let name = std::str::from_utf8(name).ok()?;
    PLACES.get(name).ok().map(Zone::Place)
}
