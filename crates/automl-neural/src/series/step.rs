//! From one row of a time series to the next.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Microseconds of units of time.
const UNITS: [(i64, &str); 5] = [
    (DAY, "day"),
    (3_600_000_000, "hour"),
    (60_000_000, "minute"),
    (1_000_000, "second"),
    (1000, "millisecond"),
];

/// What lies between two rows that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// So many microseconds.
    Micros(i64),
    /// So many months of the calendar.
    Months(i64),
    /// So many months, from the last day of one to the last day of another.
    MonthEnds(i64),
    /// So much more, where rows are numbered.
    Count(i64),
}

impl Step {
    /// The most usual step between instants that rise: microseconds, or numbers of rows. None of a single one.
    pub(super) fn of(instants: &[i64], are_times: bool) -> Option<Self> {
        let usual = mode(instants.windows(2).map(|pair| pair[1] - pair[0]))?;
        if !are_times {
            return Some(Self::Count(usual));
        }
        Self::of_months(instants, usual).or(Some(Self::Micros(usual)))
    }

    fn of_months(instants: &[i64], usual: i64) -> Option<Self> {
        // February is the shortest month.
        if usual < 28 * DAY {
            return None;
        }
        let dates: Option<Vec<Date>> = instants.iter().map(|&micros| date(micros)).collect();
        let dates = dates?;
        let months = dates.windows(2).map(|pair| month(pair[1]) - month(pair[0]));
        let months = mode(months).filter(|&months| months > 0)?;
        let first = dates.first()?;
        if dates.iter().all(|date| date.day() == first.day()) {
            return Some(Self::Months(months));
        }
        let is_end = |date: &Date| date.day() == date.days_in_month();
        dates.iter().all(is_end).then_some(Self::MonthEnds(months))
    }

    /// The instant `n` steps behind another; none beyond the calendar.
    pub(super) fn after(self, instant: i64, n: i64) -> Option<i64> {
        let (months, keeps_end) = match self {
            Self::Micros(step) | Self::Count(step) => {
                return instant.checked_add(step.checked_mul(n)?);
            }
            Self::Months(months) => (months, false),
            Self::MonthEnds(months) => (months, true),
        };
        let span = Span::new().try_months(months.checked_mul(n)?).ok()?;
        let from = Timestamp::from_microsecond(instant).ok()?;
        let from = from.to_zoned(TimeZone::UTC).datetime();
        let mut to = from.checked_add(span).ok()?;
        if keeps_end {
            to = to.date().last_of_month().to_datetime(to.time());
        }
        Some(
            to.to_zoned(TimeZone::UTC)
                .ok()?
                .timestamp()
                .as_microsecond(),
        )
    }

    /// Rows of the season that such steps usually have: a day, a week or a year.
    pub(super) fn season(self) -> Option<u64> {
        let season = match self {
            Self::Micros(step) if step > 0 && step < DAY && DAY % step == 0 => DAY / step,
            Self::Micros(DAY) => 7,
            Self::Micros(step) if step == 7 * DAY => 52,
            Self::Months(months) | Self::MonthEnds(months) if months < 12 && 12 % months == 0 => {
                12 / months
            }
            _ => return None,
        };
        u64::try_from(season).ok()
    }

    /// Whether rows lie as far from each other as by another step.
    pub(super) fn is_like(self, other: Self) -> bool {
        match (self, other) {
            // A few rows do not tell the two apart.
            (Self::Months(a) | Self::MonthEnds(a), Self::Months(b) | Self::MonthEnds(b)) => a == b,
            _ => self == other,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, unit) = match *self {
            Self::Months(n) | Self::MonthEnds(n) => (n, "month"),
            Self::Count(n) => return write!(f, "{n}"),
            Self::Micros(n) => {
                let fits = |&(size, _): &(i64, _)| n != 0 && n % size == 0;
                let (size, unit) = UNITS.into_iter().find(fits).unwrap_or((1, "microsecond"));
                (n / size, unit)
            }
        };
        write!(f, "{n} {unit}{}", if n == 1 { "" } else { "s" })
    }
}

/// The most frequent of some numbers, the least of several.
fn mode(numbers: impl Iterator<Item = i64>) -> Option<i64> {
    let mut numbers: Vec<i64> = numbers.collect();
    numbers.sort_unstable();
    let runs = numbers.chunk_by(|a, b| a == b);
    let most = runs.max_by_key(|run| (run.len(), std::cmp::Reverse(run[0])))?;
    Some(most[0])
}

fn date(micros: i64) -> Option<Date> {
    let time = Timestamp::from_microsecond(micros).ok()?;
    Some(time.to_zoned(TimeZone::UTC).date())
}

fn month(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(texts: &[&str]) -> Vec<i64> {
        let read = |text: &&str| {
            text.parse::<Timestamp>()
                .expect("it is a time")
                .as_microsecond()
        };
        texts.iter().map(read).collect()
    }

    #[test]
    fn months_are_counted_by_the_calendar() {
        let firsts = micros(&[
            "2024-01-01T00:00:00Z",
            "2024-02-01T00:00:00Z",
            "2024-03-01T00:00:00Z",
        ]);
        let step = Step::of(&firsts, true).expect("there are three");
        assert_eq!((step, step.season()), (Step::Months(1), Some(12)));
        let wanted = micros(&["2024-04-01T00:00:00Z"]);
        assert_eq!(step.after(firsts[2], 1), Some(wanted[0]));
        let ends = micros(&[
            "2024-01-31T00:00:00Z",
            "2024-02-29T00:00:00Z",
            "2024-03-31T00:00:00Z",
        ]);
        let step = Step::of(&ends, true).expect("there are three");
        assert_eq!(step, Step::MonthEnds(1));
        assert_eq!(
            step.after(ends[1], 2),
            Some(micros(&["2024-04-30T00:00:00Z"])[0])
        );
    }

    #[test]
    fn the_most_usual_step_counts_and_tells_the_season() {
        let hour = DAY / 24;
        let step = Step::of(&[0, hour, 2 * hour, 9 * hour, 10 * hour], true);
        assert_eq!(step, Some(Step::Micros(hour)));
        assert_eq!(Step::Micros(hour).season(), Some(24));
        assert_eq!(Step::Micros(DAY).season(), Some(7));
        assert_eq!(Step::Micros(7 * hour).season(), None);
        assert_eq!(Step::of(&[3, 5, 7], false), Some(Step::Count(2)));
        assert_eq!(Step::of(&[3], false), None);
    }

    #[test]
    fn steps_are_told_in_their_largest_unit() {
        let told = |micros| Step::Micros(micros).to_string();
        assert_eq!(told(DAY), "1 day");
        assert_eq!(told(DAY / 48), "30 minutes");
        assert_eq!(told(7), "7 microseconds");
        assert_eq!(Step::MonthEnds(3).to_string(), "3 months");
        assert!(Step::MonthEnds(3).is_like(Step::Months(3)));
        assert!(!Step::Micros(DAY).is_like(Step::Months(1)));
    }
}
