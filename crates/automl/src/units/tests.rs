//! What people type for durations, sizes and shares.

use super::{age, at_least_one, bytes, delimiter, duration, share};
use std::time::Duration;

#[test]
fn durations_are_read_with_and_without_units() {
    let cases = [
        ("60", 60.0),
        ("60s", 60.0),
        ("0.5", 0.5),
        ("500ms", 0.5),
        ("2m", 120.0),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        ("1h 30min", 5400.0),
        ("2 minutes", 120.0),
        ("1d", 86_400.0),
    ];
    for (text, seconds) in cases {
        assert_eq!(
            duration(text).map(|d| d.as_secs_f64()),
            Ok(seconds),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in [
        "", "s", "1x", "-5", "inf", "nan", "1h-5m", "0", "0s", "1e300", "400d",
    ] {
        assert!(duration(text).is_err(), "{text}");
    }
    assert_eq!(
        duration("-5s"),
        Err("a duration must be more than zero".into())
    );
}

#[test]
fn sizes_are_read_in_both_systems() {
    let cases = [
        ("4GiB", 4 << 30),
        ("4G", 4 << 30),
        ("4gb", 4_000_000_000),
        ("512 MB", 512_000_000),
        ("1.5k", 1536),
        ("77", 77),
    ];
    for (text, n_bytes) in cases {
        assert_eq!(bytes(text), Ok(n_bytes), "{text}");
    }
    for text in ["", "GiB", "4X", "-1", "0", "1e9"] {
        assert!(bytes(text).is_err(), "{text}");
    }
}

#[test]
fn shares_lie_between_zero_and_one() {
    assert_eq!(share("0.2"), Ok(0.2));
    assert_eq!(share("25%"), Ok(0.25));
    for text in ["0", "1", "1.5", "-0.1", "x", "", "nan"] {
        assert!(share(text).is_err(), "{text}");
    }
}

#[test]
fn delimiters_have_names() {
    assert_eq!(
        (delimiter(";"), delimiter("tab"), delimiter("\\t")),
        (Ok(b';'), Ok(b'\t'), Ok(b'\t'))
    );
    for text in ["", ";;", "é", "\""] {
        assert!(delimiter(text).is_err(), "{text}");
    }
}

#[test]
fn an_age_may_be_none_and_names_days() {
    assert_eq!(age("0s"), Ok(Duration::ZERO));
    assert_eq!(age("7d"), Ok(Duration::from_hours(168)));
    assert!(age("soon").unwrap_err().contains("7d"));
    assert!(duration("0s").is_err() && age("-1").is_err());
}

#[test]
fn a_count_begins_at_one() {
    assert_eq!(at_least_one("12"), Ok(12));
    assert_eq!(at_least_one("0"), Err("must be at least 1".into()));
    assert!(at_least_one("-3").is_err());
    assert!(at_least_one("many").is_err());
}
