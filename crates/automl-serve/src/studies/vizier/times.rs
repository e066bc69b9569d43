//! Times on the wire, and ours in microseconds.

use super::wire::Timestamp;

const MICROS: i64 = 1_000_000;

pub(super) fn timestamp(time_us: i64) -> Timestamp {
    Timestamp {
        seconds: time_us.div_euclid(MICROS),
        // Less than a thousand million, so it fits.
        nanos: (time_us.rem_euclid(MICROS) * 1000) as i32,
    }
}

/// The nearest microsecond: clients cut what they count in floats.
pub(super) fn micros(time: &Timestamp) -> i64 {
    let rest = (i64::from(time.nanos) + 500).div_euclid(1000);
    time.seconds.saturating_mul(MICROS).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_to_the_microsecond() {
        for time in [0, -1, 1_700_000_000_123_456, -7_000_001] {
            assert_eq!(micros(&timestamp(time)), time);
        }
        let cut = Timestamp {
            seconds: 5,
            nanos: 123_455_999,
        };
        assert_eq!(micros(&cut), 5_123_456);
    }
}
